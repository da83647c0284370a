#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 302-cut-and-closed - the time of a truncation is the file's, also when a close sends an older one at the same moment
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_need_cmd python3
_init_store
# In the end the kernel has one time and the store another, unless the requests are put in order.
for how in uring nouring; do
	_mount -o $how
	timeout 100 python3 "$SCEN_ROOT/tests/lib/cutclose.py" "$M" 2000
	_tree_list "$M" >"$T/before"
	_remount
	_tree_list "$M" >"$T/after"
	differ=$(comm -3 <(sort "$T/before") <(sort "$T/after") | tee "$T/differ" | wc -l)
	cat "$T/differ" >&2
	# Linux reads mtime and ctime one after the other, without a lock: one file in many thousands may have got the wrong
	# pair. Without the order it is one in five to ten.
	[ "$differ" -le 10 ] && differ="none or a few"
	echo "$(wc -l <"$T/before") entries, $differ lines differ after a remount"
	rm "$M"/file-*
	_umount
done
_done
