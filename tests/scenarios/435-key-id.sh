#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 435-key-id - ADD_KEY by the number of a key: a user key that the mount may read works, others have their errno
[ -n "${SCEN_IN_SESSION:-}" ] || SCEN_IN_SESSION=1 exec keyctl session - "$0" "$@" 2>/dev/null
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto
_need_user
_need_kernel_fscrypt # for the key type
_need_cmd keyctl xfs_io

_make_key "$K" "$SCEN_TMP $(date +%s%N)"
_init_store
_mount_locked
xfs_io -c help >/dev/null 2>&1
by_id() { # LABEL KEY
	echo "$1: $(xfs_io -c "add_enckey -k $2" "$M" 2>&1 | sed 's/.*: //; s/^Added encryption key.*/added/' | _filter)"
}
key=$(keyctl padd user "any name" @s <"$K")
by_id "user key" "$key"
echo text >"$M/file" && cat "$M/file"
keyctl unlink "$key" @s
cat "$M/file"
"$FUSCRYPT" key remove "$ID" "$M" >"$T/out"

by_id "no such key" 2147483000
by_id "too short" "$(keyctl add user short 0123456789 @s)"
by_id "too long" "$(printf '%65s' x | keyctl padd user long @s)"
key=$(keyctl add user gone 0123456789abcdef @s)
keyctl revoke "$key"
by_id "revoked" "$key"
by_id "logon key" "$(keyctl padd logon fscrypt:0123456789abcdef @s <"$K")"
by_id "a keyring" "$(keyctl newring any @s)"
by_id "provisioning key" "$( (printf '\2\0\0\0\0\0\0\0' && cat "$K") | keyctl padd fscrypt-provisioning any @s)"

# Another user: his own key, if the mount may read it; not one of ours.
cat >"$T/inner" <<'IN'
key=$(keyctl padd user mine @s <"$T/userkey")
echo "as it is: $(xfs_io -c "add_enckey -k $key" "$M" 2>&1 | sed 's/.*: //; s/^Added encryption key.*/added/')"
keyctl setperm "$key" 0x3f030000
echo "readable: $(xfs_io -c "add_enckey -k $key" "$M" 2>&1 | sed 's/.*: //; s/^Added encryption key.*/added/')"
echo "another's: $(xfs_io -c "add_enckey -k $1" "$M" 2>&1 | sed 's/.*: //')"
IN
cp "$K" "$T/userkey" && chmod 644 "$T/userkey"
chmod 755 "$S" "$M" "$T"
ours=$(keyctl padd user ours @s <"$K")
keyctl setperm "$ours" 0x3f3f3f3f
_as_user keyctl session - bash "$T/inner" "$ours" 2>/dev/null
"$FUSCRYPT" key list --json "$M" | wc -l
_umount
_done
