#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 360-key-quota - a user's keys on a mount and in the kernel's keyrings share one quota
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto
_need_root
_need_cmd setpriv keyctl
[ -r /proc/key-users ] || _notrun "needs /proc/key-users"

_init_store
_mount -o allow_other
chmod 755 "$M"
user=61234
cat >"$T/inner" <<'IN'
used() {
	awk -v u="$1:" '$1 == u {split($4, k, "/"); print k[1]}' /proc/key-users
}
max=$(cat /proc/sys/kernel/keys/maxkeys)
n=0
while [ "$(used "$1")" -lt $((max - 5)) ]; do
	keyctl add user "k$n" x @s >/dev/null || exit 1
	n=$((n + 1))
done
for i in 1 2 3 4 5 6 7; do
	head -c 64 /dev/urandom | "$FUSCRYPT" key add "$M" >/dev/null 2>&1 && echo "key $i: added" ||
		echo "key $i: refused"
done
IN
max=$(cat /proc/sys/kernel/keys/maxkeys)
# Beside those keys there must be room for five claims of 107 bytes.
if [ "$max" -gt 400 ] || [ "$(cat /proc/sys/kernel/keys/maxbytes)" -lt $((max * 20 + 600)) ]; then
	_notrun "the system's quota is another"
fi
_as $user $user keyctl session - bash "$T/inner" $user 2>"$T/err" || cat "$T/err"
_as 61235 61235 "$FUSCRYPT" key add "$M" <"$K" >/dev/null && echo "another user: added"
_done
