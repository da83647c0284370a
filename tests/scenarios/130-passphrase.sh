#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 130-passphrase - passphrases from a file, a program and standard input; wrong ones, empty ones
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto user

printf 'correct horse\n' >"$T/pass"
printf 'wrong\n' >"$T/wrong"
: >"$T/empty"
chmod 600 "$T"/*
_code "init" "$FUSCRYPT" init --passfile "$T/pass" "$S"
ls "$S/.fuscrypt/protectors" | wc -l
_code "init again" "$FUSCRYPT" init --passfile "$T/pass" "$S"
_code "init, empty passphrase" "$FUSCRYPT" init --passfile "$T/empty" "$T/store2"
_code "init, no passphrase file" "$FUSCRYPT" init --passfile "$T/missing" "$T/store3"
ls -d "$T"/store[23] 2>/dev/null
_code "mount, --passfile" _mount_raw --passfile "$T/pass" "$S" "$M"
echo data >"$M/file"
_umount
_code "mount, wrong passphrase" _mount_raw --passfile "$T/wrong" "$S" "$M"
wc -l <"$T/message"
_is_mounted "$M" && echo "mounted?"
_code "mount, empty passphrase" _mount_raw --passfile "$T/empty" "$S" "$M"
_code "mount, --extpass" _mount_raw --extpass "cat $T/pass" "$S" "$M"
cat "$M/file"
_umount
_code "mount, --extpass that fails" _mount_raw --extpass false "$S" "$M"
_code "mount, -o passfile" _mount_raw -o "passfile=$T/pass" "$S" "$M"
cat "$M/file"
_umount
# No source and no terminal: locked.
_code "mount, nothing to ask" _mount_raw "$S" "$M"
_try "open" cat "$M/file"
ls "$M" | wc -l
_umount
# From a pipe, and a raw key of a wrong size.
_code "mount, passphrase on standard input" bash -c '"$FUSCRYPT" mount --passfile /dev/stdin "$S" "$M" <"$T/pass"'
cat "$M/file"
_umount
head -c 15 /dev/zero >"$T/short"
_code "mount, key of 15 bytes" _mount_raw --key "$T/short" "$S" "$M"
_code "mount, missing key file" _mount_raw --key "$T/nokey" "$S" "$M"
_is_mounted "$M" && echo "mounted?"
# Never in argv.
_code "passphrase as an argument" "$FUSCRYPT" mount --passphrase secret "$S" "$M"
_done
