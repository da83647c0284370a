#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 516-blk-transfers - fuscrypt-blk keeps to its data unit numbers, and off the image it reads
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
# said ARGS...: the exit code and what it says.
said() {
	"$blk" "$@" 2>"$T/message"
	echo "exit $? $(sed "s|$SCEN_TMP|TMP|g" "$T/message")"
}

head -c 64 /dev/urandom >"$K"
head -c 12288 /dev/urandom >"$T/raw"

echo "== numbers that do not fit, however much input there is"
dun=(--key "$K" --dun-bytes 1 --dun 0xfe --block-size 4096)
said write "${dun[@]}" -i "$T/raw" "$T/image"
stat -c 'written: %s bytes' "$T/image"
said read "${dun[@]}" -o "$T/back" "$T/image"
cmp -n 8192 "$T/back" "$T/raw" && echo "and these can be read"
said verify "${dun[@]}" -i "$T/raw" "$T/image"

echo "== what is read does not go over what it is read from"
said write --key "$K" -i "$T/raw" "$T/image"
cp "$T/image" "$T/copy"
ln "$T/image" "$T/other-name"
said read --key "$K" -o "$T/image" "$T/image"
said read --key "$K" -o "$T/other-name" "$T/image"
said write --key "$K" --offset 4096 -i "$T/image" "$T/image"
cmp "$T/image" "$T/copy" && echo "the image is as it was"
head -c 99999 /dev/zero >"$T/back"
said read --key "$K" -o "$T/back" "$T/image"
cmp "$T/back" "$T/raw" && echo "an old file is emptied"
cp "$T/raw" "$T/in-place"
said write --key "$K" -i "$T/in-place" "$T/in-place"
cmp "$T/in-place" "$T/image" && echo "encrypted in place"

echo "== seeds"
"$blk" stress --seed 9223372036854775807 --ops 2 --threads 1 --size 64K | grep Seed
said stress --seed 9223372036854775808 --ops 2 2>&1 | head -n 1
_done
