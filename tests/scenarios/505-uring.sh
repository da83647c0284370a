#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 505-uring - requests by io_uring: where it is used, a tree, memory, more requests that wait than a queue has entries
. "$(dirname "$0")/../lib/scenario.sh"
_begin long
. "$(dirname "$0")/../lib/rings.sh"

plain_mount() { # LABEL [options]
	_mount "${@:2}"
	echo "$1: $(_status io_uring), $(_rings) rings"
	_umount
}

_init_store
echo N >$offer
plain_mount "not offered" -o uring
echo Y >$offer
plain_mount "not wanted" -o nouring
echo 2 >/proc/sys/kernel/io_uring_disabled
plain_mount "not allowed"
echo "$off" >/proc/sys/kernel/io_uring_disabled

_ring_mount
echo "as many rings as processors: $([ "$(_rings)" = "$(getconf _NPROCESSORS_ONLN)" ] && echo yes)"
cp -r "$SCEN_ROOT/src/fs" "$M/tree"
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	taskset -c 0 dd if=/dev/urandom of="$M/sync$i" bs=64k count=4 conv=fsync status=none &
done
wait
_drop_caches
diff -r "$SCEN_ROOT/src/fs" "$M/tree" && echo "same tree"
# The first large read makes the helpers, on a thread that is bound to one processor. They are not.
dd if=/dev/zero of="$M/large" bs=1M count=8 conv=fsync status=none
_drop_caches
cat "$M/large" >/dev/null
daemon=$(_status pid)
for t in /proc/"$daemon"/task/*; do
	[ "$(cat "$t/comm")" = fuscrypt-crypt ] || continue
	[ "$(grep Cpus_allowed: "$t/status")" = "$(grep Cpus_allowed: /proc/"$daemon"/status)" ] || echo "a helper is bound"
done


rss() {
	awk '/^VmRSS/ {print $2}' /proc/"$daemon"/status
}
echo "--- what large requests took is given back"
base=$(rss)
# A buffer for each thread that served them. A sanitizer keeps what is freed.
most=$((4096 * $(getconf _NPROCESSORS_CONF)))
! grep -qsE '__(asan|tsan)_init' "$FUSCRYPT" || most=$((most * 16))
for ((i = 0; i < 4; i++)); do
	dd if=/dev/zero of="$M/large$i" bs=1M count=128 conv=fsync status=none &
done
wait
high=$(rss)
for ((i = 0; i < 100; i++)); do
	now=$(rss)
	[ "$((high - now))" -ge 2048 ] && [ "$((now - base))" -le $most ] && break
	sleep 0.2
done
[ "$i" -lt 100 ] && echo "given back"
echo "at rest $base KiB, then $high, then $now; at most $most more than at rest" >&2
echo "--- an absent name is taken back by a lock"
mkdir "$M/asked"
[ -e "$M/asked/absent" ]
"$FUSCRYPT" lock "$M" >/dev/null && echo "locked"
"$FUSCRYPT" unlock --key "$K" "$M" >/dev/null

echo "--- requests that wait, more than a queue has entries"
mkdir "$M/dir"
echo text >"$M/file"
for n in 12 300; do
	timeout 200 python3 "$SCEN_ROOT/tests/lib/stuck-ioctls.py" $n "$M/dir" "$M/file"
	[ $? = 77 ] && _notrun "no userfaultfd"
done
cat "$M/file"
_umount
_done
