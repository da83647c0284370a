#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 180-fio - fio writes, maps and verifies: buffered, mmap, O_DIRECT, random, sparse, after a remount
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto user
_need_cmd fio

_init_store
_mount
job() { # NAME OPTIONS
	local name=$1
	shift
	fio --name="$name" --directory="$M" --size=8m --verify=crc32c --verify_fatal=1 --randseed=7 \
		--group_reporting --output="$T/$name.log" "$@" >/dev/null 2>&1 &&
		! grep -qE 'verify: bad|err= *[1-9]' "$T/$name.log" && echo "$name: ok" ||
		{ echo "$name: FAILED" && tail -n 5 "$T/$name.log"; }
}
job seq --rw=write --bs=128k
job random --rw=randwrite --bs=4k
job odd --rw=randwrite --bsrange=512-9k --bs_unaligned=1 --verify=sha1
job direct --rw=randwrite --bs=4k --direct=1
job map --rw=randwrite --bs=4k --ioengine=mmap
job several --rw=randrw --bs=8k --numjobs=3 --size=4m
job sparse --rw=randwrite --bs=4k --norandommap --io_size=1m --filesize=256m
job synced --rw=write --bs=16k --fsync=8 --size=1m
_remount
# Reads back what the jobs before wrote.
job seq --rw=read --bs=128k --verify_only
job random --rw=randread --bs=4k --verify_only
_done
