#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 135-lock-unlock - the verbs lock and unlock: by directory, with the passphrase or the key, while in use
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

printf 'correct horse\n' >"$T/pass"
printf 'wrong\n' >"$T/wrong"
chmod 600 "$T"/*
"$FUSCRYPT" init --kdf-time=50 --kdf-memory=8192 --passfile "$T/pass" "$S" >"$T/init.log"
_mount_raw --passfile "$T/pass" "$S" "$M"
mkdir "$M/dir"
echo text >"$M/dir/file"
cd /
_code "lock" "$FUSCRYPT" lock "$M/dir"
find "$M" -maxdepth 1 -name 'AAAA*' | wc -l
_code "lock again" "$FUSCRYPT" lock "$M"
_code "unlock, wrong passphrase" "$FUSCRYPT" unlock --passfile "$T/wrong" "$M"
_code "unlock" "$FUSCRYPT" unlock --passfile "$T/pass" "$M"
cat "$M/dir/file"
_code "unlock again" "$FUSCRYPT" unlock --extpass "cat $T/pass" "$M"
exec 7<"$M/dir/file"
_code "lock, in use" "$FUSCRYPT" lock "$M"
grep -c 'still in use' "$T/message"
cat <&7
exec 7<&-
_code "lock, no more in use" "$FUSCRYPT" lock "$M"
_try "open" cat "$M"/*/*
"$FUSCRYPT" key generate -o "$T/other" >"$T/other.log"
_code "unlock, another key" "$FUSCRYPT" unlock --key "$T/other" "$M"
_code "unlock from standard input" bash -c '"$FUSCRYPT" unlock "$M" <"$T/pass"'
cat "$M/dir/file"
_code "unlock outside a mount" "$FUSCRYPT" unlock --passfile "$T/pass" "$T"
_umount
_done
