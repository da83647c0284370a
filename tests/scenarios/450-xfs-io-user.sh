#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 450-xfs-io-user - unmodified xfs_io in the hands of ordinary users: on root's mount, and on one's own
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt
_need_user
_need_cmd xfs_io

# io UID DIR COMMAND...: as that user.
io() {
	local uid=$1 at=$2
	shift 2
	_as "$uid" "$uid" xfs_io -r -c "$*" "$at" 2>&1 | _filter
}
ann=1001 bob=1002
whole_session() {
	local at=$1
	echo "--- $2: a key of one's own"
	io $ann "$at" "enckey_status $ID"
	io $ann "$at/ann" "set_encpolicy $ID"
	io $ann "$at" add_enckey <"$K"
	io $ann "$at" "enckey_status $ID"
	io $ann "$at/ann" "set_encpolicy $ID"
	io $ann "$at/ann" get_encpolicy
	_as $ann $ann sh -c "echo 'dear diary' >'$at/ann/diary' && cat '$at/ann/diary'"
	io $ann "$at/ann/diary" get_encpolicy
	io $ann "$at/other" "set_encpolicy -c 1 -n 10 -f 2 $ID"
	io $ann "$at/other" get_encpolicy
}

_init_store --no-policy
_mount_raw --locked -o allow_other "$S" "$M"
chmod 755 "$M"
for d in ann other bob; do mkdir "$M/$d"; done
chown $ann:$ann "$M/ann" "$M/other"
chown $bob:$bob "$M/bob"
chmod 644 "$K"
whole_session "$M" "root's mount"
echo "--- another user"
io $bob "$M" "enckey_status $ID"
io $bob "$M/bob" "set_encpolicy $ID"
io $bob "$M/ann" "set_encpolicy $ID"
io $bob "$M/ann" get_encpolicy
io $bob "$M" "rm_enckey $ID"
io $bob "$M" "rm_enckey -a $ID"
io $bob "$M" add_enckey <"$K"
io $bob "$M/bob" "set_encpolicy $ID"
io $bob "$M" "enckey_status $ID"
echo "--- one after the other takes it away"
io $ann "$M" "rm_enckey $ID"
_as $ann $ann cat "$M/ann/diary"
io $bob "$M" "rm_enckey $ID"
io $ann "$M" "enckey_status $ID"
_as $ann $ann cat "$M/ann/diary" 2>&1 | _filter
_as $ann $ann ls "$M/ann" | wc -l
echo "--- v1 keys are root's"
io $ann "$M" "add_enckey -d 0123456789abcdef" <"$K"
io $ann "$M/other" "set_encpolicy 0123456789abcdef"
io 0 "$M" "add_enckey -d 0123456789abcdef" <"$K"
io $ann "$M" "enckey_status 0123456789abcdef"
io $ann "$M" "rm_enckey 0123456789abcdef"
_umount

# One's own mount: one is its administrator, v1 keys and all. fusermount3 wants a user with a name.
ann=$(id -u nobody)
install -d -o $ann -g $ann "$T/home"
S=$T/home/store M=$T/home/mnt
_as $ann $ann sh -c "'$FUSCRYPT' init --no-policy '$S' >'$T/home/log' && mkdir '$M' && '$FUSCRYPT' mount --locked '$S' '$M' </dev/null" ||
	_fail "own mount"
_as $ann $ann mkdir "$M/ann" "$M/other" "$M/v1"
whole_session "$M" "one's own mount"
io $ann "$M" "rm_enckey -a $ID"
io $ann "$M" "add_enckey -d 0123456789abcdef" <"$K"
io $ann "$M/v1" "set_encpolicy 0123456789abcdef"
io $ann "$M/v1" "get_encpolicy"
_as $ann $ann sh -c "echo old >'$M/v1/file' && cat '$M/v1/file'"
io $ann "$M" "rm_enckey 0123456789abcdef"
_as $ann $ann ls "$M/v1" | wc -l
_as $ann $ann fusermount3 -u "$M"
_done
