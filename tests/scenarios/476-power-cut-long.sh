#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 476-power-cut-long - as 475, with more of everything; POWERCUT_SEEDS more still
. "$(dirname "$0")/../lib/scenario.sh"
_begin long encrypt
_need_root

seeds=${POWERCUT_SEEDS:-6}
bad=0
for ((seed = 1000; seed < 1000 + seeds; seed++)); do
	for kind in journal log; do
		mkdir "$T/w"
		# shellcheck disable=SC2046 # an option or nothing
		python3 "$SCEN_ROOT/tests/crash/powercut.py" --seed "$seed" --steps 120 --cuts 30 --kind "$kind" \
			$([ $((seed % 2)) -eq 0 ] && echo --nowriteback) "$T/w" >"$T/out" || {
			bad=1
			echo "seed $seed, $kind:"
			cat "$T/out"
		}
		rm -rf "$T/w"
	done
done
[ "$bad" -eq 0 ] && echo "all rules held"
_done
