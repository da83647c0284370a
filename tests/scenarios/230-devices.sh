#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 230-devices - the same bytes in the store whichever devices are below
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt
_need_oracle

_make_key "$K"
export SCEN_DEVICE=
mkdir "$T/plain"
"$FUSCRYPT" init --key "$K" "$S" >/dev/null || _fail "init"
python3 "$ORACLE/mktree.py" --salt dev --brief --no-far "$T/plain"
_mount --device file
python3 "$ORACLE/mktree.py" --salt dev --brief --no-far "$M"
_umount
mv "$S" "$T/begin"

cat >"$T/change.py" <<'PY'
"""The same changes to the files of a tree in every run."""
import os, random
M = os.environ["M"]
rnd = random.Random(230)
for top, dirs, names in os.walk(M):
    dirs.sort()
    for n in sorted(names):
        p = os.path.join(top, n)
        if os.path.islink(p) or not os.path.isfile(p):
            continue
        fd = os.open(p, os.O_RDWR)
        size = os.fstat(fd).st_size
        for _ in range(4):
            os.pwrite(fd, rnd.randbytes(rnd.choice((1, 700, 4096, 20000))), rnd.randrange(size + 30000))
        os.ftruncate(fd, rnd.randrange(size + 30000))
        os.pwrite(fd, rnd.randbytes(9000), rnd.randrange(size + 30000))
        os.close(fd)
PY
cat >"$T/read.py" <<'PY'
import hashlib, os
digest = hashlib.sha256()
for top, dirs, names in os.walk(os.environ["M"]):
    dirs.sort()
    for n in sorted(names):
        p = os.path.join(top, n)
        if os.path.isfile(p) and not os.path.islink(p):
            digest.update(open(p, "rb").read())
print(digest.hexdigest())
PY

# A device, and whether its engine may be used.
while IFS='|' read -r dev opt; do
	cp -a "$T/begin" "$S"
	rm -rf "$T/own" && mkdir "$T/own"
	name=$dev dev=${dev//OWN/$T/own}
	# shellcheck disable=SC2086 # an option and its argument, or nothing
	_mount --device "$dev" $opt </dev/null
	python3 "$T/change.py"
	_umount
	# shellcheck disable=SC2086
	_mount --device "$dev" $opt </dev/null
	python3 "$T/read.py" >"$T/read"
	_umount
	rm -f "$S/.fuscrypt/lock"
	if [ ! -d "$T/first" ]; then
		# The first is compared with what the oracle makes of the same changes.
		(M=$T/plain python3 "$T/change.py")
		python3 "$ORACLE/check_store.py" --store "$S" --key-file "$K" --plain "$T/plain" | sed "s/ [0-9]* [a-z]* unit,//g"
		mv "$S" "$T/first"
		mv "$T/read" "$T/first.read"
		continue
	fi
	cmp "$T/read" "$T/first.read"
	diff -r --no-dereference "$S" "$T/first" | grep -v ' fifo'
	echo "$name $opt: $(find "$S" -type f | wc -l) files compared"
	rm -rf "$S"
done <<'LIST'
file|
file|-o inlinecrypt
sim(slots=1)|
sim(slots=1)|-o inlinecrypt
sim(slots=4)|-o inlinecrypt
sim(slots=0)|-o inlinecrypt
linear(;sim(slots=2))|-o inlinecrypt
stripe(chunk=4K;sim(slots=1);sim(slots=0))|-o inlinecrypt
stripe(chunk=8K;sim;file)|-o inlinecrypt
mirror(;sim(slots=1);sim(slots=4))|-o inlinecrypt
mirror(;flakey(what=read,good=1,bad=1;sim(slots=1));sim)|-o inlinecrypt
delay(read=1us;sim(slots=1;delay(write=1us;linear)))|-o inlinecrypt
dm(0+4K linear sim(slots=1); 4K+8K stripe(chunk=4K) sim sim(slots=0); 12K+* mirror sim sim(slots=1))|-o inlinecrypt
dm(0+8K linear sim; 8K+* linear file)|-o inlinecrypt
integrity(tags=OWN)|-o inlinecrypt
sim(slots=1;integrity(tags=OWN))|-o inlinecrypt
sim(slots=1;log(path=OWN/log))|-o inlinecrypt
log(path=OWN/log)|-o inlinecrypt
LIST
_done
