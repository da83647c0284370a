#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 500-budget - system calls of the daemon per operation stay within tests/bench/budget.txt
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto
_need_root
_need_cmd strace python3
[ -z "$SCEN_DEVICE" ] || _notrun "for the plain stack"

N=400
# counted OPERATION CMD...: what strace -c says goes to $T/OPERATION.
counted() {
	local name=$1 tracer
	shift
	strace -f -c -o "$T/$name" -p "$(_daemon_of "$M" | sort -n | tail -n 1)" 2>"$T/strace.err" &
	tracer=$!
	for _ in {1..100}; do
		grep -qs attached "$T/strace.err" && break
		sleep 0.1
	done
	"$@"
	# What is answered late (RELEASE, FORGET) belongs to it.
	sleep 0.5
	kill -INT "$tracer"
	wait "$tracer"
}
cold() {
	_remount -o noallow_other,nouring
	_drop_caches
}
files() { # CODE: for each file name f
	python3 -c "
import os
for f in ('$M/d/file-%d' % i for i in range($N)):
    $1"
}
exceeded() { # OPERATION...: what it takes more of than it may
	local op call most
	while read -r op call most; do
		[[ " $* " == *" $op "* ]] || continue
		awk -v op="$op" -v call="$call" -v most="$most" -v n=$N '
			$NF == call && $4 ~ /^[0-9]+$/ {per = $4 / n}
			END {if (per > most) printf "%s: %s: %.2f for each, at most %s\n", op, call, per, most}' "$T/$op"
	done <"$SCEN_ROOT/tests/bench/budget.txt"
}
_init_store
# By /dev/fuse, where a request is a read, and nobody looks after the threads.
_mount -o noallow_other,nouring
mkdir "$M/d"
# With an old time first, so that the write moves it for certain: else it does where the kernel's clock ticks between.
counted create files "fd = os.open(f, os.O_CREAT | os.O_WRONLY, 0o644); os.utime(fd, (1, 1)); os.write(fd, b's' * 4096); os.close(fd)"
cold
counted stat files "os.stat(f)"
cold
counted look files "fd = os.open(f, os.O_RDONLY); os.read(fd, 5000); os.close(fd)"
cold
counted delete files "os.unlink(f)"
exceeded create stat look delete
grep -c '' "$T/create" >/dev/null && echo "counted: create stat look delete"
_done
