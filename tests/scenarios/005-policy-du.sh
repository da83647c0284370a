#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 005-policy-du - the same files under every data unit size and padding, and after a remount
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_make_key "$K"
for du in 512 1024 2048 4096; do
	for pad in 4 8 16 32; do
		"$FUSCRYPT" init --key "$K" --data-unit-size="$du" --padding="$pad" "$S" >/dev/null || _fail "init $du $pad"
		_mount
		mkdir "$T/p"
		for n in 0 1 511 512 513 4095 4096 4097 65537; do
			head -c "$n" "$FUSCRYPT" | tee "$T/p/$n" >"$M/$n"
		done
		# A write in the middle of a unit, a shrink inside one, a hole, a growth.
		for d in "$T/p" "$M"; do
			printf xyz | dd of="$d/4097" bs=1 seek=700 conv=notrunc status=none
			truncate -s 3000 "$d/65537"
			truncate -s 9999 "$d/65537"
			printf end | dd of="$d/513" bs=1 seek=20000 conv=notrunc status=none
		done
		_remount
		diff -r "$T/p" "$M" && echo "du $du padding $pad: same"
		_umount
		rm -rf "$S" "$T/p"
	done
done
_done
