#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh - fuscrypt beside the plain directory, a FUSE passthrough (the floor) and gocryptfs
#
#   tests/bench/run.sh [-n REPEATS] [-o OUT.json] [other options of bench.py run]
# Needs root. FUSCRYPT is the program (default: build/). Writes OUT.json and OUT.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/results/now.json
repeats=3
args=()
while [ $# -gt 0 ]; do
	case $1 in
	-n) repeats=$2 && shift ;;
	-o) out=$2 && shift ;;
	*) args+=("$1") ;;
	esac
	shift
done
# shellcheck source=floor.sh
. "$here/floor.sh"
"$here/bench.py" run -n "$repeats" -s "${BENCH_SYSTEMS:-plain,fusefloor,gocryptfs,fuscrypt}" -o "$out" "${args[@]}"
"$here/bench.py" report "$out" >"${out%.json}.md"
cat "${out%.json}.md"
