#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 436-several-keys - mounted without a key: trees with keys of their own are unlocked one by one, each by its passphrase
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store --no-policy
for k in a b; do
	printf 'passphrase of %s\n' $k >"$T/pass-$k"
	chmod 600 "$T/pass-$k"
	_make_key "$T/key-$k" "key of $k"
	"$FUSCRYPT" protector add --kdf-time=50 --kdf-memory=8192 --name=$k --key "$T/key-$k" --passfile "$T/pass-$k" "$S" >"$T/added" ||
		_fail "protector add"
done
a=$(_key_id "$T/key-a") b=$(_key_id "$T/key-b")

_mount_raw --passfile "$T/pass-a" --passfile "$T/pass-b" --key "$K" "$S" "$M" || _fail "mount"
mkdir "$M/a" "$M/b" "$M/raw" "$M/plain"
"$FUSCRYPT" policy set "$a" "$M/a" || _fail "policy set"
"$FUSCRYPT" policy set --contents=Adiantum "$b" "$M/b" || _fail "policy set"
"$FUSCRYPT" policy set --filenames=AES-256-CTS "$ID" "$M/raw" || _fail "policy set"
for d in a b raw plain; do
	echo "text of $d" >"$M/$d/file"
done
_umount

what() {
	local d
	for d in a b raw plain; do
		echo "  $d: $(cat "$M/$d/file" 2>/dev/null || echo locked)"
	done
}
echo "no key and no terminal"
"$FUSCRYPT" mount "$S" "$M" </dev/null
echo "exit $?"
what
_code "unlock b with the passphrase of a" "$FUSCRYPT" unlock --passfile "$T/pass-a" "$M/b"
_code "unlock a with it" "$FUSCRYPT" unlock --passfile "$T/pass-a" "$M/a"
what
_code "unlock b, asked" bash -c '"$FUSCRYPT" unlock "$M/b" <"$T/pass-b"'
what
_code "no passphrase has the key" "$FUSCRYPT" unlock --passfile "$T/pass-a" "$M/raw"
_code "unlock with the key" "$FUSCRYPT" unlock --key "$K" "$M/raw"
_code "unlock what is plain" "$FUSCRYPT" unlock --key "$K" "$M/plain"
what
_code "lock a" "$FUSCRYPT" lock "$M/a"
python3 -c 'import os, sys
from ops import *
show("rename between trees", os.rename, sys.argv[1] + "/b/file", sys.argv[1] + "/raw/other")' "$M"
what
_umount
echo "--locked; then -o locked"
_mount_locked
what
_umount
_mount_raw -o locked "$S" "$M" </dev/null
echo "exit $?"
what
_umount
_code "locked, and a key" "$FUSCRYPT" mount -o locked --key "$K" "$S" "$M"
_code "one passphrase is enough" _mount_raw --passfile "$T/pass-b" "$S" "$M"
what
_umount
# As a store at boot: a helper asks nothing, and what is not there is an error for mount(8) to ignore or not.
_code "nofail, no store" "$FUSCRYPT" "$T/none" "$M" -o nofail,noauto,x-systemd.device-timeout=1
_code "nofail" "$FUSCRYPT" "$S" "$M" -o nofail,_netdev,x-systemd.automount </dev/null
what
_umount
_done
