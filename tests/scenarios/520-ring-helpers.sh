#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 520-ring-helpers - what waits for the disk keeps nobody else of its processor waiting; the end while some wait
. "$(dirname "$0")/../lib/scenario.sh"
_begin long
. "$(dirname "$0")/../lib/rings.sh"

helpers=$SCEN_ROOT/tests/lib/ringhelp.py
slow="-o device=delay(read=40ms,write=0us,flush=0us)"
last=$(($(nproc) - 1))
_init_store
_mount
for i in $(seq 96); do
	head -c $((i * 700)) /dev/urandom >"$M/f$i"
done
(cd "$M" && sha256sum f*) >"$T/sums"
_umount

echo "--- sixteen threads of one processor, a disk that takes its time"
# shellcheck disable=SC2086 # words
_ring_mount $slow
taskset -c 0 python3 "$helpers" together "$M" 16 40
_drop_caches
taskset -c $last python3 "$helpers" together "$M" 16 40 # those of another processor
_drop_caches
(cd "$M" && taskset -c 0 sha256sum --quiet -c "$T/sums") && echo "same data"
cat "$M"/f* >/dev/null
echo hello >"$M/new" && cat "$M/new"

echo "--- large files, and memory that is given back between them"
for i in 1 2 3; do
	head -c $((6000000 + i)) /dev/urandom >"$T/large$i"
	taskset -c 0 cp "$T/large$i" "$M/" &
done
wait
for _ in 1 2 3; do
	_drop_caches
	for i in 1 2 3; do
		taskset -c 0 cmp "$T/large$i" "$M/large$i" &
	done
	wait
	sleep 1.2
done
rm "$M"/large?

echo "--- and one thread: served where it is"
_drop_caches
taskset -c 0 python3 "$helpers" alone "$(_status pid)" "$M"
_umount

echo "--- the end, while some wait"
_ring_mount -o "device=delay(read=2s,write=0us,flush=0us)"
daemon=$(_status pid)
python3 "$helpers" together "$M" 8 2000 >/dev/null 2>&1 &
reader=$!
sleep 3
kill -TERM "$daemon"
for _ in $(seq 200); do
	kill -0 "$daemon" 2>/dev/null || break
	sleep 0.1
done
kill -0 "$daemon" 2>/dev/null && echo "the daemon is still there"
wait $reader
_is_mounted "$M" && echo "still mounted"
_mount
(cd "$M" && sha256sum --quiet -c "$T/sums") && echo "same data"
_umount
_done
