#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# quick.sh - five measures in a few minutes: ratios to gocryptfs and to the floor, medians of three
#
#   tests/bench/quick.sh [OUT]
# Sequential write and read (256 MiB), 10,000 small files, tar x of /usr/include, find. Needs root.
# QUICK_DIR is the backing (default: a tmpfs); QUICK_REPEATS, QUICK_MIB.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=floor.sh
. "$here/floor.sh"
repeats=${QUICK_REPEATS:-3} mib=${QUICK_MIB:-256}
work=$(mktemp -d)
cleanup() {
	local m
	for m in "$work"/mnt.*; do
		umount "$m" 2>/dev/null || true
	done
	umount "$work/back" 2>/dev/null || true
	rm -rf --one-file-system "$work" "$floor_dir"
}
trap cleanup EXIT
mkdir "$work/back"
if [ -n "${QUICK_DIR:-}" ]; then
	back=$(mktemp -d "$QUICK_DIR/quick.XXXXXX")
else
	mount -t tmpfs -o size=4g tmpfs "$work/back"
	back=$work/back
fi
printf '%064x' 7 >"$work/key"
head -c "${mib}M" /dev/urandom >"$work/data"
tar -cf "$work/tree.tar" -C /usr include

timed() { # FILE CMD...: seconds to FILE
	local a b file=$1
	shift
	a=$EPOCHREALTIME
	"$@"
	b=$EPOCHREALTIME
	awk -v a="$a" -v b="$b" 'BEGIN {printf "%.4f\n", b - a}' >>"$file"
}
small_files() {
	python3 - "$1" <<-'PY'
		import os, sys
		top, data = sys.argv[1] + "/small", b"s" * 4096
		os.mkdir(top)
		for d in range(100):
		    os.mkdir("%s/%d" % (top, d))
		    for f in range(100):
		        fd = os.open("%s/%d/file-%d" % (top, d, f), os.O_CREAT | os.O_WRONLY, 0o644)
		        os.write(fd, data)
		        os.close(fd)
	PY
}
expand() {
	sed "s|{store}|$store|g; s|{mnt}|$mnt|g; s|{key}|$work/key|g" <<<"$1"
}
mount_it() {
	case $1 in
	floor) sh -c "$(expand "$FUSEFLOOR_MOUNT")" ;;
	gocryptfs) gocryptfs -q -passfile "$work/key" "$store" "$mnt" ;;
	fuscrypt) sh -c "$(expand "$FUSCRYPT_MOUNT")" ;;
	esac </dev/null
}
cold() {
	umount "$mnt"
	sync
	[ -w /proc/sys/vm/drop_caches ] && echo 3 >/proc/sys/vm/drop_caches
	sleep 0.3
	mount_it "$1"
}
for rep in $(seq "$repeats"); do
	for sys in floor gocryptfs fuscrypt; do
		store=$back/$sys.$rep mnt=$work/mnt.$sys.$rep r=$work/$sys
		mkdir "$store" "$mnt"
		case $sys in
		gocryptfs) gocryptfs -init -q -scryptn 10 -passfile "$work/key" "$store" >/dev/null ;;
		fuscrypt) sh -c "$(expand "$FUSCRYPT_INIT")" >/dev/null ;;
		esac
		mount_it $sys
		timed "$r.write" dd if="$work/data" of="$mnt/big" bs=1M conv=fsync status=none
		cold $sys
		timed "$r.read" dd if="$mnt/big" of=/dev/null bs=1M status=none
		cmp "$work/data" "$mnt/big" || exit 1
		timed "$r.small" small_files "$mnt"
		timed "$r.tar" tar -xf "$work/tree.tar" -C "$mnt"
		cold $sys
		timed "$r.find" find "$mnt" -size +1000G
		diff -rq --no-dereference /usr/include "$mnt/include" || exit 1
		umount "$mnt"
		sleep 0.3
		rm -rf "$store"
	done
done
median() {
	sort -n "$1" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'
}
{
	printf '%-22s %9s %9s %9s   %s\n' "seconds (median of $repeats)" floor gocryptfs fuscrypt "faster than gocryptfs / of the floor"
	for step in write:"seq write ${mib} MiB" read:"seq read ${mib} MiB" small:"10,000 small files" tar:"tar x /usr/include" find:"find, cold"; do
		s=${step%%:*}
		awk -v name="${step#*:}" -v f="$(median "$work/floor.$s")" -v g="$(median "$work/gocryptfs.$s")" \
			-v u="$(median "$work/fuscrypt.$s")" 'BEGIN {
			printf "%-28s %9.3f %9.3f %9.3f   %5.2f x   %5.2f\n", name, f, g, u, g / u, f / u }'
	done
} | tee ${1:+"$1"}
