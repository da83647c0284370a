#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 505-uring - requests by io_uring: a tree, and more requests that wait than a queue has entries
. "$(dirname "$0")/../lib/scenario.sh"
_begin long
_need_root
_need_cmd python3
_need_cmd taskset

offer=/sys/module/fuse/parameters/enable_uring
[ -w $offer ] || _notrun "this kernel has no FUSE over io_uring"
before=$(cat $offer)
trap 'echo "$before" >$offer; _cleanup' EXIT

server() { # of the two processes of a mount the one that serves it
	local p
	for p in $(_daemon_of "$M"); do
		grep -qx 'fuse-ring-0' /proc/"$p"/task/*/comm && echo "$p"
	done
}

rings() { # how many there are: one for each processor that is possible
	cat /proc/"$(server)"/task/*/comm | grep -c '^fuse-ring-[0-9]'
}

ring_mount() {
	echo Y >$offer
	_mount -o uring "$@"
	echo "$before" >$offer
	[ -n "$(server)" ] || _notrun "no rings here"
}

_init_store
ring_mount
echo "as many rings as processors: $([ "$(rings)" = "$(getconf _NPROCESSORS_CONF)" ] && echo yes)"
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
daemon=$(server)
for t in /proc/"$daemon"/task/*; do
	[ "$(cat "$t/comm")" = fuscrypt-crypt ] || continue
	[ "$(grep Cpus_allowed: "$t/status")" = "$(grep Cpus_allowed: /proc/"$daemon"/status)" ] || echo "a helper is bound"
done

echo "--- requests that wait, more than a queue has entries"
mkdir "$M/dir"
echo text >"$M/file"
for n in 12 80; do
	timeout 200 python3 "$SCEN_ROOT/tests/lib/stuck-ioctls.py" $n "$M/dir" "$M/file"
	[ $? = 77 ] && _notrun "no userfaultfd"
done
cat "$M/file"
_umount
_done
