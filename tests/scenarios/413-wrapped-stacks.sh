#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 413-wrapped-stacks - hardware-wrapped keys through layered devices
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt
_need_oracle

export SCEN_DEVICE= # the devices are what this is about
sim() { echo "sim(${2:-slots=2},keytypes=raw+wrapped,hwkey=$T/$1)"; }
A=$(sim a)
add() {
	"$FUSCRYPT" key prepare-wrapped "$M" <"$T/lt" | "$FUSCRYPT" key add --hw-wrapped --json "$M" >"$T/added" || return 1
}

_init_store --no-policy
mkdir "$T/plain"
python3 "$ORACLE/mktree.py" --salt stacks --brief --no-far "$T/plain" || _fail "mktree"
"$FUSCRYPT" key generate-wrapped --device "$A" -o "$T/lt" || _fail "generate"
WID=$(python3 "$ORACLE/hwkeys.py" show --hwkey "$T/a" <"$T/lt" | sed -n 's/^identifier //p')

n=0
while IFS= read -r dev; do
	n=$((n + 1))
	_mount_raw --locked --device "$dev" -o inlinecrypt "$S" "$M" </dev/null || _fail "mount $dev"
	add || _fail "add on $dev"
	# What the stack before this one wrote.
	[ "$n" -eq 1 ] || _tree_list --no-times --no-owner "$M/$((n - 1))" |
		cmp - <(_tree_list --no-times --no-owner "$T/plain") || echo "read back differently"
	mkdir "$M/$n"
	"$FUSCRYPT" policy set --iv-ino-lblk-$((32 << n % 2)) "$WID" "$M/$n" || _fail "policy"
	python3 "$ORACLE/mktree.py" --salt stacks --brief --no-far "$M/$n" || _fail "mktree"
	_umount
	echo "${dev//$A/A}: $(python3 "$ORACLE/check_store.py" --store "$S/$n" --wrapped "$T/lt" --hwkey "$T/a" --plain "$T/plain" |
		sed "s/ [0-9]* hole unit,//")"
done <<-EOF
	linear(;$A)
	stripe(chunk=4K;$A;$A)
	mirror(;$A;$A)
	delay(read=1us;flakey(good=1000000;$A))
	dm(0+64K linear $A; 64K+* stripe(chunk=8K) $A $A)
EOF

echo "# one child takes raw keys only"
_mount_raw --locked --device "stripe(chunk=4K;$A;sim)" -o inlinecrypt "$S" "$M" || _fail "mount"
_try "prepare" "$FUSCRYPT" key prepare-wrapped "$M" <"$T/lt"
_umount

echo "# the second child is other hardware"
_mount_raw --locked --device "stripe(chunk=4K;$A;$(sim b))" -o inlinecrypt "$S" "$M" || _fail "mount"
add || _fail "add"
# A file's data begins behind its header of one block: the first unit is in the second chunk.
yes text | head -c 4096 >"$T/unit"
_try "second unit" dd if="$T/unit" of="$M/1/second" bs=4096 seek=1 conv=fsync status=none
_drop_caches
dd if="$M/1/second" bs=4096 skip=1 status=none | cmp - "$T/unit" && echo "on the first child: ok"
# With data that would be found if it came into the store as it is.
_try "on both" sh -c 'yes this must not be stored | head -c 65536 | dd of="$M/1/both" bs=64K conv=fsync status=none'
_umount
find "$S" -type f -print0 | xargs -0 grep -l "this must not be stored" | wc -l
_done
