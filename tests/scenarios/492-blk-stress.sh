#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 492-blk-stress - fuscrypt-blk stress: threads, keys, few keyslots and faults; the data is right, or it says so
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto

figure() { # NAME: a member of the last record; of several profiles the largest
	grep -oE "\"$1\":[0-9]+" "$T/figures" | cut -d: -f2 | sort -n | tail -n 1
}

echo "--- 8 threads, 64 keys, 4 slots, all faults, 5 seconds"
"$blk" stress --threads 8 --keys 64 --device 'flakey(;sim(slots=4))' --inlinecrypt --size 8M --seconds 5 --faults all --json \
	>"$T/figures" 2>"$T/message"
echo "exit $?: $(cat "$T/message")"
echo "wrong: $(figure mismatches)"
for n in checked_units programs program_errors errors program reset evict io; do
	[ "$(figure $n)" -gt 0 ] && echo "$n: more than 0"
done

echo "--- the same through the fallback, and by keys that come with requests"
for dev in file 'sim(slots=0)' 'stripe(chunk=8K;sim(slots=1);sim(slots=3))' 'mirror(;sim(slots=1);sim(slots=2))'; do
	"$blk" stress --threads 8 --keys 64 --device "$dev" --inlinecrypt --size 8M --ops 400 --faults evict --json >"$T/figures"
	echo "$dev: exit $?: wrong: $(figure mismatches), errors: $(figure errors)"
done

echo "--- a seed is a run: the same image on every device"
"$blk" stress --threads 1 --ops 200 --seed 7 --size 1M --keys 5 "$T/a" >/dev/null || _fail "stress"
"$blk" stress --threads 1 --ops 200 --seed 7 --size 1M --keys 5 --device 'sim(slots=1)' --inlinecrypt "$T/b" >/dev/null || _fail "stress"
"$blk" stress --threads 1 --ops 200 --seed 8 --size 1M --keys 5 "$T/c" >/dev/null || _fail "stress"
cmp "$T/a" "$T/b" && echo "seed 7: same"
cmp -s "$T/a" "$T/c" || echo "seed 8: another"

echo "--- somebody writes to the image: it is noticed"
"$blk" stress --threads 2 --keys 4 --size 256K --seconds 60 "$T/d" >"$T/text" 2>"$T/message" &
pid=$!
while kill -0 "$pid" 2>/dev/null; do
	head -c 65536 /dev/zero | dd of="$T/d" bs=64K conv=notrunc status=none
done
wait "$pid"
echo "exit $?: $(sed 's/unit [0-9]* (key [0-9]*)/unit N (key N)/' "$T/message" | _filter)"
grep -cE '^Data units checked: [0-9]+, wrong: [1-9]' "$T/text"

echo "--- and a device that spoils data"
"$blk" stress --threads 4 --keys 4 --size 4M --seconds 60 --device 'flakey(mode=corrupt,good=20,bad=1)' >/dev/null 2>"$T/message"
echo "exit $?: $(sed 's/unit [0-9]* (key [0-9]*)/unit N (key N)/' "$T/message")"
"$blk" stress --threads 4 --keys 4 --size 4M --seconds 60 --device 'flakey(mode=drop,good=20,bad=1)' >/dev/null 2>"$T/message"
echo "exit $?: $(sed 's/unit [0-9]* (key [0-9]*)/unit N (key N)/' "$T/message")"
"$blk" stress --threads 4 --keys 4 --size 4M --seconds 60 --device 'flakey(good=20,bad=1)' >/dev/null 2>"$T/message"
echo "exit $?: $(sed -E 's/(reading|writing) data unit [0-9]* \(key [0-9]*\)/DOING data unit N (key N)/' "$T/message")"

echo "--- bad input"
for args in '--threads 0' '--keys 1M' '--faults water' '--size 100' '--read-percent 101' '--seconds x' '--key none' 'one two'; do
	# shellcheck disable=SC2086 # several words
	"$blk" stress $args >/dev/null 2>"$T/message"
	echo "$args: exit $?: $(head -n 1 "$T/message")"
done
"$blk" stress --faults reset --device file 2>&1
echo "exit $?"
"$blk" stress --faults io --device sim --inlinecrypt 2>&1
echo "exit $?"
"$blk" stress --device sim --no-fallback 2>&1
echo "exit $?"
"$blk" stress --seconds 1 --device 'mem(size=65536)' >/dev/null 2>"$T/message"
echo "errors: exit $?: $(sed 's/unit [0-9]* (key [0-9]*)/unit N (key N)/' "$T/message")"
_done
