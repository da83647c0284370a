#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 356-atime - reading moves atime as the backing does it, from the kernel's cache too; or leaves it
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
mkdir "$T/plain"
times() {
	stat -c '%X.%x %Y.%y' "$1"
}
# A backing that keeps no atime, or always moves it, says nothing about us.
echo text >"$T/plain/file"
a=$(times "$T/plain/file")
sleep 0.1
cat "$T/plain/file" >"$T/out"
b=$(times "$T/plain/file")
cat "$T/plain/file" >"$T/out"
if [ "$a" = "$b" ] || [ "$b" != "$(times "$T/plain/file")" ]; then
	_notrun "the scratch folder has no relatime"
fi
check() {
	local a b
	a=$(times "$M/file")
	sleep 0.1
	"${@:2}" "$M/file" >"$T/out"
	b=$(times "$M/file")
	if [ "$a" = "$b" ]; then echo "$1: same"; else echo "$1: moved"; fi
}
noatime() {
	dd status=none iflag=noatime if="$1"
}
_mount
echo text >"$M/file"
check "first read after a write" cat
check "second read" cat
echo more >>"$M/file"
check "read after another write" cat
echo more >>"$M/file"
check "read with O_NOATIME" noatime
check "read as usual" cat
echo more >>"$M/file"
_remount -o noatime
check "noatime" cat
_drop_caches
check "noatime, once more" cat
_remount -o ro
check "read-only" cat
_remount
check "cold" cat
_done
