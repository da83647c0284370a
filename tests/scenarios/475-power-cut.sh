#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 475-power-cut - many power cuts: what was fsynced is there, a rename is whole, nothing is garbage
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt
_need_root

cut() {
	mkdir "$T/w"
	python3 "$SCEN_ROOT/tests/crash/powercut.py" "$@" "$T/w"
	rm -rf "$T/w"
}
# How a filesystem with a journal keeps things, and how one with a log of what was fsynced does.
cut --seed 2 --cuts 12
cut --seed 1 --cuts 12 --nowriteback
cut --seed 7 --cuts 12 --kind log
cut --seed 12 --cuts 12 --kind log --nowriteback
cut --seed 13 --cuts 8 --policy "--contents=Adiantum --filenames=Adiantum --data-unit-size=1024" --device 'sim(slots=1;LOG)'
# A device that forgets to flush is found out: this test can fail.
cut --seed 1 --cuts 12 --nowriteback --device 'flakey(mode=drop,what=flush;LOG)' >"$T/out"
grep -q ' 0 broken rules' "$T/out" && cat "$T/out"
grep -qE '[0-9]+ cuts, [1-9][0-9]* broken rules' "$T/out" && echo "lost flushes are noticed"
_done
