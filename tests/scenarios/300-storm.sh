#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 300-storm - many processes change one tree at random; nothing is lost, mixed up or left behind
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto user

_need_cmd python3
_init_store
_mount
mkdir "$M/w"
python3 "$SCEN_ROOT/tests/lib/storm.py" "$M/w" "${STORM_SECS:-10}" 8 2>"$T/storm.log"

# What a new mount sees is what the old one saw.
_tree_list "$M/w" >"$T/before"
[ "$(wc -l <"$T/before")" -gt 10 ] || echo "nothing is left to compare"
_remount
_tree_list "$M/w" >"$T/after"
if cmp -s "$T/before" "$T/after"; then
	echo "the same after a remount"
else
	diff "$T/before" "$T/after" | head -n 20
fi

# Everything goes, with its sidecars, contexts and long symlinks.
rm -rf "$M/w"
_umount
(cd "$S" && find . -path ./.fuscrypt/symlinks/\* -o -path ./.fuscrypt -prune -o -print | sort)
_done
