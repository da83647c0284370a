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
	echo "$(wc -l <"$T/before") entries, $(comm -3 <(sort "$T/before") <(sort "$T/after") | tee "$T/differ" | wc -l) lines differ after a remount"
	head -n 4 "$T/differ"
	rm "$M"/file-*
	_umount
done
_done
