#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 473-geometry - layers over files of their own: where fuscrypt-blk puts things, and finds them again
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt

_make_key "$K"
python3 -c 'import random, sys; random.seed(473); sys.stdout.buffer.write(random.randbytes(98304))' >"$T/data"
"$blk" write --key "$K" -i "$T/data" "$T/flat" || _fail "write"

# there_and_back SPEC: through the engines, with files of its own in OWN.
there_and_back() {
	local dev=${1//OWN/$T}
	"$blk" write --key "$K" --inlinecrypt --no-fallback --device "$dev" -i "$T/data" || echo "not written"
	"$blk" read --key "$K" --inlinecrypt --device "$dev" --length 98304 | cmp - "$T/data" && echo "$1: read back"
	# What an engine below wrote, the fallback above reads.
	"$blk" verify --key "$K" --device "$dev" --length 98304 -i "$T/data" && echo "  by the fallback too"
}
part() { # FILE FIRST COUNT: blocks of 4 KiB
	dd if="$T/$1" bs=4096 skip="$2" count="$3" status=none
}

there_and_back 'stripe(chunk=8K;sim(slots=1;file(path=OWN/s0));sim(slots=0;file(path=OWN/s1));sim(;file(path=OWN/s2)))'
for i in 0 2 4 6; do
	part s0 "$i" 2 && part s1 "$i" 2 && part s2 "$i" 2
done | cmp - "$T/flat" && echo "  in turn"
there_and_back 'dm(0+16K linear(offset=8K) sim(slots=1;file(path=OWN/d0)); 16K+* linear sim(slots=2;file(path=OWN/d1)))'
(part d0 2 4 && part d1 0 20) | cmp - "$T/flat" && echo "  one after the other"
there_and_back 'mirror(;sim(slots=1;file(path=OWN/m0));linear(offset=4K;sim(slots=2;file(path=OWN/m1))))'
part m0 0 24 | cmp - "$T/flat" && part m1 1 24 | cmp - "$T/flat" && echo "  twice"
# A mirror whose first half is gone.
: >"$T/bad"
"$blk" verify --key "$K" --device "mirror(;flakey(while=$T/bad,what=read;file(path=$T/m0));linear(offset=4K;file(path=$T/m1)))" \
	--length 98304 -i "$T/data" && echo "half of it is enough"
mkdir "$T/tags"
checked="integrity(tags=$T/tags;file(path=$T/i0))"
"$blk" write --key "$K" --device "$checked" -i "$T/data" && cmp "$T/i0" "$T/flat" && echo "integrity: the same bytes"
_flip "$T/i0" 50000
"$blk" read --key "$K" --device "$checked" --length 98304 >"$T/out" 2>"$T/message" || _filter <"$T/message" | tail -n 1
_done
