#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 010-xfs-io - unmodified xfs_io sets and gets policies, adds, asks for and removes keys
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt
_need_root
_need_cmd xfs_io

_init_store --no-policy
_mount_raw --locked "$S" "$M"
io() {
	xfs_io -r -c "$*" "${at:-$M}" 2>&1 | _filter
}
mkdir "$M/enc" "$M/enc2" "$M/v1" "$M/full"
: >"$M/full/file"
echo "--- add, status"
io "enckey_status $ID"
xfs_io -r -c add_enckey "$M" <"$K" | _filter
io "enckey_status $ID"
echo "--- set, get"
at=$M/enc io "get_encpolicy"
at=$M/enc io "set_encpolicy $ID"
at=$M/enc io "get_encpolicy"
at=$M/enc io "get_encpolicy -1"
at=$M/enc io "get_encpolicy -t"
at=$M/enc io "set_encpolicy $ID"
at=$M/enc io "set_encpolicy -f 0 $ID"
at=$M/enc2 io "set_encpolicy -c 1 -n 4 -f 3 $ID"
at=$M/enc2 io "get_encpolicy"
at=$M/full io "set_encpolicy $ID"
at=$M/full/file io "set_encpolicy $ID"
at=$M/v1 io "set_encpolicy -v 7 $ID"
at=$M/v1 io "set_encpolicy -c 2 $ID"
at=$M/v1 io "set_encpolicy -f 0x80 $ID"
echo "--- use"
mkdir "$M/enc/dir"
echo secret >"$M/enc/dir/file"
at=$M/enc/dir/file io "get_encpolicy"
cat "$M/enc/dir/file"
echo "--- remove"
io "rm_enckey $ID"
io "enckey_status $ID"
io "rm_enckey $ID"
ls "$M/enc" | wc -l
find "$M/enc" -name dir | wc -l
io "rm_enckey -a $ID"
echo "--- add again"
xfs_io -r -c add_enckey "$M" <"$K" | _filter
cat "$M/enc/dir/file"
printf short | xfs_io -r -c add_enckey "$M" 2>&1 | _filter
_done
