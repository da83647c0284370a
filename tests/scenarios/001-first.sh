#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 001-first - init, mount, write, remount: everything is as it was, and the store shows none of it
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
_mount
mkdir "$M/dir"
echo "hello world" >"$M/dir/greeting"
head -c 100000 /dev/zero | tr '\0' x >"$M/big"
ln -s dir/greeting "$M/link"
ln "$M/big" "$M/big2"
: >"$M/empty"
# With the writeback cache the kernel may be a clock tick off in what it shows of a fresh file.
find "$M" -depth -exec touch -h -d "2020-02-02 12:34:56.123456789 UTC" {} +
_tree_list "$M" >"$T/before"
ls -A "$M"
_remount
_tree_list "$M" >"$T/after"
cmp "$T/before" "$T/after" && echo "same after a remount"
cat "$M/link"
_umount
ls -A "$M"
# Neither names nor contents nor link targets may show in the store.
(cd "$S" && find . -name .fuscrypt -prune -o -printf '%P %l\n') | grep -cE 'hello|dir|greeting|big|link|empty'
grep -rlE 'hello world|xxxxxxxx' "$S" | wc -l
_done
