#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh - fuscrypt beside the floor and beside other encrypting filesystems: figures, tables, a chart
#
#   tests/bench/run.sh [-n REPEATS] [-o OUT.json] [--only tmpfs,disk,list] [--quick] [--docs]
#
# Writes OUT.json, OUT.md and OUT.svg (default tests/bench/results/now.*). Needs root; 50 minutes on two cores.
#   --only   parts of it: tmpfs (all systems), disk (fewer), list (memory, by a million files)
#   --quick  small sizes and one repeat, to see that all works: 5 minutes; says nothing of speed
#   --docs   puts the result into docs/performance.md, its chart and README.md
# FUSCRYPT is the program (default: build/); BENCH_SYSTEMS, BENCH_DISK_SYSTEMS and BENCH_LIST_SYSTEMS are what is
# measured, BENCH_SLOW_REPEATS how often what is slow. What fails or is not installed is named, and the rest goes on.
set -eu
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1
here=$(cd "$(dirname "$0")" && pwd)
out=$here/results/now.json repeats=5 parts=tmpfs,disk,list docs=
slow=${BENCH_SLOW_REPEATS:-1}
while [ $# -gt 0 ]; do
	case $1 in
	-n) repeats=$2 && shift ;;
	-o) out=$2 && shift ;;
	--only) parts=$2 && shift ;;
	--docs) docs=1 ;;
	--quick)
		repeats=1
		export BENCH_SEQ_MIB=${BENCH_SEQ_MIB:-32} BENCH_DIRS=${BENCH_DIRS:-4} BENCH_TREE=${BENCH_TREE:-/usr/include/linux}
		export BENCH_RAND_SECS=${BENCH_RAND_SECS:-0.2} BENCH_RAND_OPS=${BENCH_RAND_OPS:-512} BENCH_LIST_FILES=${BENCH_LIST_FILES:-10000}
		;;
	-h | --help)
		sed -n '3,/^set/s/^# \{0,1\}//p' "$0"
		exit
		;;
	*)
		echo "unknown: $1 (see --help)" >&2
		exit 2
		;;
	esac
	shift
done
[ "$(id -u)" -eq 0 ] || {
	echo "needs root: it mounts and drops caches" >&2
	exit 1
}
# shellcheck source=floor.sh
. "$here/floor.sh"
"$here/peers.sh" || true
all=${BENCH_SYSTEMS:-fusefloor,fusefloor-copy,fusefloor-nowb,fusefloor-xattr,fuscrypt,fuscrypt-uring,fuscrypt-lean}
[ -n "${BENCH_SYSTEMS:-}" ] || all+=,gocryptfs,securefs-lite,securefs-full,encfs,cryfs
disk=${BENCH_DISK_SYSTEMS:-fusefloor,fusefloor-copy,fuscrypt,fuscrypt-uring,fuscrypt-lean,gocryptfs,securefs-lite}
list=${BENCH_LIST_SYSTEMS:-fuscrypt,fuscrypt-uring}

append=()
part() { # NAME options of bench.py run
	[[ ,$parts, == *,$1,* ]] || return 0
	echo "== $1"
	shift
	"$here/bench.py" run "$@" "${append[@]}" -o "$out"
	append=(--append)
}
part tmpfs -b tmpfs -n "$repeats" --slow-n "$slow" -s "$all"
part disk -b disk -n "$repeats" --slow-n "$slow" -s "$disk"
part list -b tmpfs -n 1 -w list -s "$list"
"$here/bench.py" report "$out" >"${out%.json}.md"
"$here/bench.py" chart "$out" >"${out%.json}.svg"
[ -z "$docs" ] || "$here/bench.py" docs "$out"
echo "wrote $out, ${out%.json}.md, ${out%.json}.svg"
