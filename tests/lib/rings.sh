# SPDX-License-Identifier: GPL-3.0-or-later
# rings.sh - for scenarios with FUSE over io_uring: the kernel's switches, and what the daemon makes of them
# shellcheck shell=bash
_need_root
_need_cmd python3
_need_cmd taskset

offer=/sys/module/fuse/parameters/enable_uring
[ -w $offer ] || _notrun "this kernel has no FUSE over io_uring"
# Those switches are the machine's: one such scenario at a time.
exec 8>"${TMPDIR:-/tmp}/fuscrypt-check.rings" && flock 8
before=$(cat $offer)
off=$(cat /proc/sys/kernel/io_uring_disabled)
trap 'echo "$before" >$offer; echo "$off" >/proc/sys/kernel/io_uring_disabled; _cleanup' EXIT

_status() { # FIELD
	"$FUSCRYPT" status --json "$M" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

_rings() { # how many there are: one for each processor that is there
	cat /proc/"$(_status pid)"/task/*/comm | grep -c '^fuse-ring-[0-9]'
}

_ring_mount() {
	echo Y >$offer
	_mount "$@"
	echo "$before" >$offer
	[ "$(_status io_uring)" = True ] || _notrun "no rings here"
}
