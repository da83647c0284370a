#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 497-blk-geometry - fuscrypt-blk over layers with files of their own: where each byte of the ciphertext goes
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
_need_cmd python3

_make_key "$K"
python3 -c 'import random, sys; random.seed(497); sys.stdout.buffer.write(random.randbytes(131072))' >"$T/data"
"$blk" write --key "$K" -i "$T/data" "$T/flat" || _fail "flat"

# The files a and b, put together as the layer should have taken the image apart.
layer() { # LABEL DEVICE PYTHON
	rm -rf "$T/a" "$T/b" "$T/tags"
	mkdir "$T/tags"
	"$blk" write --key "$K" --device "$2" --inlinecrypt --block-size 32K -i "$T/data" 2>"$T/message" || {
		echo "$1: exit $?: $(_filter <"$T/message")"
		return
	}
	"$blk" verify --key "$K" --device "$2" --inlinecrypt -i "$T/data" || _fail "$1: verify"
	"$blk" read --key "$K" --device "$2" --length 131072 | cmp - "$T/data" || _fail "$1: read through the fallback"
	python3 - "$T" "$3" <<-'PY' && echo "$1: as it should lie"
		import os, sys
		def load(name):
		    path = f"{sys.argv[1]}/{name}"
		    return open(path, "rb").read() if os.path.exists(path) else b""
		a, b, flat = load("a"), load("b"), load("flat")
		K = 1024
		def chunks(*files, size):
		    return b"".join(f[i:i + size] for i in range(0, max(map(len, files)), size) for f in files)
		sys.exit(not eval(sys.argv[2]))
	PY
}
A="file(path=$T/a)" B="file(path=$T/b)"
layer "one file" "$A" 'a == flat'
layer "engine over a file" "sim(slots=1;$A)" 'a == flat'
layer "linear" "linear(offset=64K;$A)" 'a == bytes(64 * K) + flat'
layer "stripe" "stripe(chunk=8K;$A;$B)" 'chunks(a, b, size=8 * K) == flat'
layer "stripe of engines" "stripe(chunk=4K;sim(slots=1;$A);sim(slots=2;$B))" 'chunks(a, b, size=4 * K) == flat'
layer "mirror" "mirror(;$A;$B)" 'a == flat and b == flat'
layer "mirror of unlike engines" "mirror(;sim(slots=1;$A);sim(slots=1,modes=adiantum;$B))" 'a == flat and b == flat'
layer "table" "dm(0+48K linear(;$A); 48K+* linear(;$B))" 'a + b == flat'
layer "integrity" "integrity(tags=$T/tags;sim(slots=1;$A))" 'a == flat'

echo "--- stress over two engines on two files"
"$blk" stress --threads 4 --keys 16 --size 2M --ops 150 --faults all --inlinecrypt \
	--device "flakey(;stripe(chunk=16K;sim(slots=1;$A);sim(slots=2;$B)))" >"$T/figures" 2>&1 || cat "$T/figures"
grep -oE 'wrong: [0-9]+' "$T/figures"
_done
