#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 155-user - an ordinary user: init, mount, allow_other refused to others, fusermount3 -u
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto
_need_user

mkdir "$T/u" && chown 65534:65534 "$T/u" && chmod 700 "$T/u"
_make_key "$T/u/key" && chown 65534 "$T/u/key"
us() {
	_as_user env HOME="$T/u" "$@"
}
us "$FUSCRYPT" init --key "$T/u/key" "$T/u/store" >/dev/null || _fail "init"
us mkdir "$T/u/mnt"
us "$FUSCRYPT" mount --key "$T/u/key" "$T/u/store" "$T/u/mnt" </dev/null || _fail "mount"
us sh -c "echo mine >'$T/u/mnt/file'; mkdir '$T/u/mnt/dir'; ls '$T/u/mnt'; cat '$T/u/mnt/file'"
us stat -c '%u:%g %A' "$T/u/mnt/file"
findmnt -n -o FSTYPE "$T/u/mnt"
findmnt -n -o OPTIONS "$T/u/mnt" | tr ',' '\n' | grep -E '^(nosuid|nodev|user_id=.*|default_permissions)$' | sort | tr '\n' ' '
echo
chmod 755 "$T/u"
_try "root looks in" ls "$T/u/mnt"
_try "another user looks in" _as 1234 1234 ls "$T/u/mnt"
us "$FUSCRYPT" key status "$(_key_id "$T/u/key")" "$T/u/mnt" >/dev/null && echo "status: ok"
pid=$(_daemon_of "$T/u/mnt")
us fusermount3 -u "$T/u/mnt" && echo "fusermount3 -u: ok"
for p in $pid; do
	_wait_gone "$p"
done
us "$FUSCRYPT" mount --key "$T/u/key" "$T/u/store" "$T/u/mnt" </dev/null && us cat "$T/u/mnt/file"
us "$FUSCRYPT" umount "$T/u/mnt" && echo "umount: ok"
# uid without a name
mkdir "$T/v" && chown 1234:1234 "$T/v"
_make_key "$T/v/key" && chown 1234 "$T/v/key"
_as 1234 1234 env HOME="$T/v" "$FUSCRYPT" init --key "$T/v/key" "$T/v/store" >/dev/null && echo "init as a uid without a name: ok"
_done
