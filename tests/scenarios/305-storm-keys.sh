#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 305-storm-keys - the key comes and goes while processes work: ENOKEY, and nothing worse
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto

_need_root
_need_cmd python3
_init_store --no-policy
_mount
mkdir "$M/e"
"$FUSCRYPT" policy set "$ID" "$M/e" || _fail "policy set"
mkdir "$M/e/w"
STORM_QUIET=$T/quiet python3 "$SCEN_ROOT/tests/lib/storm.py" "$M/e/w" 8 4 >"$T/storm.out" 2>"$T/storm.log" &
storm=$!
for _ in {1..100}; do
	[ -n "$(ls -A "$M/e/w")" ] && break
	sleep 0.1
done
for _ in 1 2 3 4 5 6 7 8 9 10; do
	sleep 0.2
	"$FUSCRYPT" key remove "$ID" "$M" >/dev/null 2>&1
	ls -lR "$M/e" >/dev/null 2>&1
	sleep 0.2
	"$FUSCRYPT" key add "$M" <"$K" >/dev/null 2>&1
done
: >"$T/quiet"
wait $storm
# Symlinks are read in their no-key form, everything else fails with ENOKEY.
grep -v -e ': ENOKEY$' -e ' x symlink: AAAA' -e '^storm' "$T/storm.out"
grep -q ENOKEY "$T/storm.out" || echo "the key was never gone"

_tree_list "$M/e" >"$T/before"
_remount
_tree_list "$M/e" >"$T/after"
cmp "$T/before" "$T/after" && echo "the same after a remount"
_done
