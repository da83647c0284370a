#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 518-image-replay - the log of an image is replayed into a copy of it, to marks and to flushes
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
log=$T/log
put() {
	"$blk" write --key "$K" -i "$T/raw" --device "log(path=$log)" --block-size 4K "$@" || _fail "write"
}
# replay COPY ARGS...: into a copy of the image as it was at first.
replay() {
	local copy=$T/$1
	shift
	cp "$T/base" "$copy"
	"$blk" log replay "$@" "$log" "$copy" >"$T/message" 2>&1
	echo "exit $? $(sed "s|$T/||g" "$T/message")"
}

head -c 64 /dev/urandom >"$K"
head -c 65536 /dev/urandom >"$T/raw"
"$blk" write --key "$K" -i "$T/raw" "$T/image"
cp "$T/image" "$T/base"
head -c 65536 /dev/urandom >"$T/raw"
put --length 12K --offset 8K "$T/image"
"$blk" log mark "$log" "half way"
cp "$T/image" "$T/half"
put --length 8K --offset 64K "$T/image"

replay a && cmp "$T/a" "$T/image" && echo "the end: the same"
replay b --to "half way"
cmp "$T/b" "$T/half" && echo "the mark: the same"
replay c --records 3 --flushed-only
cmp "$T/c" "$T/base" && echo "before the flush: as it was"
replay d --records 4 --flushed-only
cmp "$T/d" "$T/half" && echo "behind it: all"

echo "== what does not fit"
mkdir "$T/dir"
"$blk" log replay "$log" "$T/dir" 2>&1 | sed "s|$T/||g"
cp "$log" "$T/kept"
put --length 4K "$T/other"
replay e
cmp "$T/e" "$T/base" && echo "nothing is changed"
mv "$T/kept" "$log"
truncate -s -10 "$log"
replay f
log=$T/store-log
python3 -c 'import struct, sys
sys.stdout.buffer.write(b"FUSL" + struct.pack("<HHQQQQQIIHHI", 32, 0, 5, 0, 0, 0, 0, 0o40755, 0, 0, 0, 0))' >"$log"
replay g
mkfifo "$T/pipe"
"$blk" log replay "$log" "$T/pipe" 2>&1 | sed "s|$T/||g"
_done
