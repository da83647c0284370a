#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 491-blk-oracle - fuscrypt-blk write stores what a model in Python computes, in every mode and on every device
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
_need_oracle

_make_key "$K"
head -c 16 "$K" >"$T/key16"
head -c 32 "$K" >"$T/key32"
cp "$K" "$T/key64"
head -c 16384 /dev/urandom >"$T/data"
while read -r mode key unit dun bytes; do
	python3 "$ORACLE/blkmodel.py" "$mode" "$unit" "$dun" "$T/$key" <"$T/data" >"$T/model" || _fail "model"
	for dev in 'file' 'sim(slots=1,dun=32)' 'sim(slots=0,dun=32)'; do
		rm -f "$T/img"
		"$blk" write --key "$T/$key" --mode "$mode" --data-unit-size "$unit" --dun "$dun" --dun-bytes "$bytes" \
			--device "$dev" --inlinecrypt --block-size 4K -i "$T/data" "$T/img" || _fail "$mode $dev"
		cmp "$T/img" "$T/model" || _fail "$mode, units of $unit from $dun on $dev"
	done
	echo "$mode, units of $unit from $dun: as computed"
done <<-'END'
	AES-256-XTS key64 4096 0 4
	AES-256-XTS key64 512 12345 8
	AES-256-XTS key64 1024 0xfffffffffffffffe 16
	AES-256-XTS key64 4096 0xffffffffffffffffffffffff 16
	AES-128-CBC-ESSIV key16 4096 7 8
	AES-128-CBC-ESSIV key16 512 0xfffffff0 8
	Adiantum key32 4096 3 8
	Adiantum key32 2048 0xfffffffffffffffffffffffffffffffffffffffffffffffd 32
	SM4-XTS key32 4096 9 8
	SM4-XTS key32 512 0xffffffffffffffff 16
END
_done
