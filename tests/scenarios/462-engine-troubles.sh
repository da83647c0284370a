#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 462-engine-troubles - an engine that is slow, fails, loses its keys and sleeps: errors may come, wrong bytes not
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt

export SCEN_DEVICE=
head -c 300000 /dev/urandom >"$T/data"
_init_store
# What does not fail is not noticed.
for dev in 'sim(slots=1,program=200us)' 'sim(slots=2,reset=3)' 'sim(slots=2,suspend=1ms)' \
	'sim(slots=0,reset=2,suspend=1ms)' 'mirror(;sim(reset=2);sim(slots=1))'; do
	_mount --device "$dev" -o inlinecrypt
	for i in 1 2 3 4; do cp "$T/data" "$M/f$i" && sync "$M/f$i"; done
	for i in 4 3 2 1; do cmp "$T/data" "$M/f$i"; done
	_umount
	_mount --device file
	for i in 1 2 3 4; do cmp "$T/data" "$M/f$i" || echo "f$i differs"; done
	_umount
	echo "$dev: good"
done
# What fails says so; after an fsync that does not, everything is there.
_mount --device 'sim(slots=1,fail-program=400)' -o inlinecrypt
for i in 1 2 3 4; do
	for _ in $(seq 200); do
		dd if="$T/data" of="$M/g$i" bs=64k conv=fsync status=none 2>/dev/null && break
	done
done
bad=0
for i in 1 2 3 4; do
	for _ in $(seq 200); do
		if cat "$M/g$i" >"$T/got" 2>/dev/null; then
			cmp "$T/data" "$T/got" && break
			bad=1
		fi
	done
done
"$FUSCRYPT" status --json "$M" | python3 -c '
import json, sys
p = json.load(sys.stdin)["profiles"][0]
print("some programmings failed" if p["program_errors"] else "none failed", p["name"])'
_umount
_mount --device file
for i in 1 2 3 4; do cmp "$T/data" "$M/g$i" || echo "g$i differs"; done
_umount
echo "wrong bytes: $bad"
_done
