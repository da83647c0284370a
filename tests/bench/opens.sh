#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# opens.sh - microseconds per open and close of 5,000 files through a mount, by the cipher of names
#
#   tests/bench/opens.sh [ROUNDS]
# In turn, over tmpfs where there is one; the least of ROUNDS (default 5). Cold: the first time after
# a mount, look-ups and keys included. FUSCRYPT is the program (default: that of build/).
set -eu
export LC_ALL=C
rounds=${1:-5}
fuscrypt=${FUSCRYPT:-$(cd "$(dirname "$0")/../.." && pwd)/build/fuscrypt}
top=/dev/shm
[ -w "$top" ] || top=${TMPDIR:-/tmp}
work=$(mktemp -d "$top/opens.XXXXXX")
cleanup() {
	fusermount3 -u "$work/mnt" 2>/dev/null || true
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT
mkdir "$work/mnt"
(umask 077 && head -c 64 /dev/urandom >"$work/key")
modes="AES-256-CTS AES-256-HCTR2"

run() { # STORE make|open
	"$fuscrypt" mount --key "$work/key" "$1" "$work/mnt"
	python3 - "$work/mnt" "$2" "${1##*/}" <<-'PY'
		import os, sys, time
		top, what, mode = sys.argv[1:]
		names = ["%s/%d/file-with-a-name-%d" % (top, d, f) for d in range(50) for f in range(100)]
		if what == "make":
		    for d in range(50):
		        os.mkdir("%s/%d" % (top, d))
		    for n in names:
		        with open(n, "w") as f:
		            f.write("x" * 100)
		    sys.exit()
		took = []
		for _ in "cold", "again":
		    begun = time.perf_counter()
		    for n in names:
		        os.close(os.open(n, os.O_RDONLY))
		    took.append((time.perf_counter() - begun) / len(names) * 1e6)
		print(mode, *took)
	PY
	"$fuscrypt" umount "$work/mnt"
}

for mode in $modes; do
	"$fuscrypt" init --key "$work/key" --filenames="$mode" "$work/$mode" >/dev/null
	run "$work/$mode" make
done
for ((i = 0; i < rounds; i++)); do
	for mode in $modes; do
		run "$work/$mode" open
	done
done | awk '
	!($1 in cold) || $2 < cold[$1] { cold[$1] = $2 }
	!($1 in again) || $3 < again[$1] { again[$1] = $3 }
	END { for (m in cold) printf "%-14s cold %6.1f us, again %6.1f us\n", m, cold[m], again[m] }' | sort
