#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 145-mount-refused - mount points and stores that cannot be: each its message and exit code
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
echo x >"$M/file"
_code "mount point not empty" _mount_raw --key "$K" "$S" "$M"
rm "$M/file"
_code "no mount point" _mount_raw --key "$K" "$S" "$T/missing"
_code "mount point is a file" _mount_raw --key "$K" "$S" "$K"
_code "no store" _mount_raw --key "$K" "$T/missing" "$M"
_code "not a store" _mount_raw --key "$K" "$T" "$M"
_code "mount on the store itself" _mount_raw --key "$K" "$S" "$S"
mkdir "$S/inside" 2>/dev/null
_code "mount inside the store" _mount_raw --key "$K" "$S" "$S/inside"
rmdir "$S/inside"
_code "init of a store that is one" "$FUSCRYPT" init --key "$K" "$S"
mkdir "$T/used" && echo x >"$T/used/file"
_code "init of a non-empty directory" "$FUSCRYPT" init --key "$K" "$T/used"
_code "init --no-policy of a non-empty directory" "$FUSCRYPT" init --no-policy "$T/used"
_code "no arguments" "$FUSCRYPT"
_code "unknown verb" "$FUSCRYPT" frobnicate
_code "unknown option" "$FUSCRYPT" mount --frobnicate "$S" "$M"
_code "unknown -o option" _mount_raw --key "$K" -o frobnicate "$S" "$M"
_code "unknown device" "$FUSCRYPT" mount --key "$K" --device 'frobnicate(x=1)' "$S" "$M"
_code "bad policy" "$FUSCRYPT" init --key "$K" --padding=5 "$T/new"
_code "unknown mode" "$FUSCRYPT" init --key "$K" --contents=ROT13 "$T/new"
[ -e "$T/new" ] && echo "left behind"
_mount
mkdir "$T/m"
_code "mounted already" _mount_raw --key "$K" "$S" "$T/m"
mkdir "$M/store"
_code "a store inside the mount" "$FUSCRYPT" init --key "$K" "$M/store"
_code "umount of something else" "$FUSCRYPT" umount "$T"
_code "umount" "$FUSCRYPT" umount "$M"
_is_mounted "$M" && echo "still mounted"
_code "help" "$FUSCRYPT" --help
_code "version" "$FUSCRYPT" --version
_done
