#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 434-keyctl - a user key in a keyring of the kernel's unlocks its directories; its end locks them again
# A session keyring of our own: keys in that of the machine would unlock the mounts of others.
[ -n "${SCEN_IN_SESSION:-}" ] || SCEN_IN_SESSION=1 exec keyctl session - "$0" "$@" 2>/dev/null
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
_need_cmd keyctl

# A key that no other test has.
_make_key "$K" "$SCEN_TMP $(date +%s%N)"
_make_key "$T/v1" "$SCEN_TMP v1"
_init_store --no-policy
_mount_locked
"$FUSCRYPT" key add "$M" <"$K" >"$T/out" || _fail "key add"
mkdir "$M/enc" "$M/plain" "$M/old"
"$FUSCRYPT" policy set "$ID" "$M/enc" || _fail "policy set"
echo secret >"$M/enc/file"
echo open >"$M/plain/file"
old=$("$FUSCRYPT" key add --v1 --json "$M" <"$T/v1" | grep -oE '[0-9a-f]{16}')
"$FUSCRYPT" policy set --v1 "$old" "$M/old" || _fail "policy set --v1"
echo older >"$M/old/file"
"$FUSCRYPT" key remove "$ID" "$M" >"$T/out"
"$FUSCRYPT" key remove "$old" "$M" >"$T/out"

state() { "$FUSCRYPT" key status --json "$1" "$M" | grep -oE '"status": *"[^"]*"' | cut -d'"' -f4; }
is_locked() { ! cat "$M/enc/file" >/dev/null 2>&1; }
# Seconds would be a guess on a busy machine: it must come, and golden output says what came.
wait_for() { # LABEL CMD...
	local i label=$1
	shift
	for ((i = 0; i < 200; i++)); do
		if "$@"; then
			echo "$label"
			return
		fi
		sleep 0.1
	done
	echo "$label: NOT"
}
is_absent() { [ "$(state "$1")" = Absent ]; }
add() { keyctl padd user "fuscrypt:$ID" @s <"$K"; }

echo "--- unlock, revoke"
_try "locked" cat "$M/enc/file"
key=$(add)
cat "$M/enc/file"
ls "$M/enc"
state "$ID"
keyctl revoke "$key"
wait_for "locked again" is_locked
_try "read" cat "$M/enc/file"
[ -e "$M/enc/file" ] || echo "no such name"
wait_for "absent" is_absent "$ID"
cat "$M/plain/file"

echo "--- unlink"
key=$(add)
cat "$M/enc/file"
keyctl unlink "$key" @s
wait_for "locked again" is_locked

echo "--- expiry"
key=$(add)
cat "$M/enc/file"
keyctl timeout "$key" 1
wait_for "locked again" is_locked
keyctl unlink "$key" @s 2>/dev/null

echo "--- in use"
key=$(add)
exec 7<"$M/enc/file"
keyctl unlink "$key" @s
is_half() { [ "$(state "$ID")" = "Incompletely removed" ]; }
wait_for "incompletely removed" is_half
cat <&7
exec 7<&-
wait_for "absent" is_absent "$ID"

echo "--- added by the owner, too: stays"
key=$(add)
cat "$M/enc/file"
"$FUSCRYPT" key add "$M" <"$K" >"$T/out"
keyctl unlink "$key" @s
# A second key of the same kind ends after it: when that one has been noticed, so has this.
old_key=$(keyctl padd user "fscrypt:$old" @s <"$T/v1")
cat "$M/old/file"
keyctl unlink "$old_key" @s
wait_for "version 1 is absent" is_absent "$old"
_try "version 1" cat "$M/old/file"
cat "$M/enc/file"
"$FUSCRYPT" key remove "$ID" "$M" >"$T/out"
_try "removed" cat "$M/enc/file"

echo "--- locked by hand: stays so until there is another key"
key=$(add)
cat "$M/enc/file"
"$FUSCRYPT" lock "$M/enc"
_try "locked" cat "$M/enc/file"
keyctl unlink "$key" @s
key=$(add)
wait_for "unlocked" cat "$M/enc/file"
keyctl unlink "$key" @s
wait_for "locked again" is_locked

echo "--- not that key"
key=$(keyctl padd user "fuscrypt:$ID" @s <"$T/v1")
_try "another's bytes" cat "$M/enc/file"
keyctl unlink "$key" @s
key=$(keyctl add user "fuscrypt:$ID" short @s)
_try "five bytes" cat "$M/enc/file"
keyctl unlink "$key" @s
key=$(keyctl padd user "fscrypt:$ID" @s <"$K")
_try "another name" cat "$M/enc/file"
keyctl unlink "$key" @s
key=$(keyctl padd logon "fuscrypt:$ID" @s <"$K")
_try "a logon key" cat "$M/enc/file"
keyctl unlink "$key" @s
_umount

echo "--- a policy with it"
key=$(add)
_mount_locked
mkdir "$M/second"
"$FUSCRYPT" policy set "$ID" "$M/second" && echo text >"$M/second/file" && cat "$M/second/file"
rm -r "$M/second"
_umount
keyctl unlink "$key" @s

echo "--- a keyring of its own"
ring=$(keyctl newring "scenario" @s)
keyctl setperm "$ring" 0x3f3f0000
_mount_locked --keyring "$ring"
keyctl unlink "$ring" @s
_try "locked" cat "$M/enc/file"
key=$(keyctl padd user "fuscrypt:$ID" "$ring" <"$K")
cat "$M/enc/file"
keyctl clear "$ring"
wait_for "locked again" is_locked
_umount
_code "no such keyring" "$FUSCRYPT" mount --locked -o keyring=2147483000 "$S" "$M"
_code "no number" "$FUSCRYPT" mount --locked --keyring @x "$S" "$M"
_filter <"$T/message"

echo "--- while others work"
_mount_locked
key=$(add)
(for ((i = 0; i < 400; i++)); do echo $i; done >"$M/enc/log") 2>/dev/null
for ((i = 0; i < 6; i++)); do
	(for ((j = 0; j < 200; j++)); do
		cat "$M/enc/log" "$M/enc/new$j" >/dev/null 2>&1
		echo x >>"$M/enc/log"
		: >"$M/enc/new$j"
	done) 2>/dev/null &
done
for ((i = 0; i < 3; i++)); do
	sleep 0.7
	keyctl unlink "$key" @s
	sleep 1.2
	key=$(add)
done
wait
grep -cvx 'x\|[0-9]*' "$M/enc/log"
keyctl unlink "$key" @s
wait_for "locked again" is_locked
_umount
_done
