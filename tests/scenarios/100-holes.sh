#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 100-holes - fallocate, punch, zero, seeking holes, and truncation against a plain file
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
_need_cmd fallocate

_make_key "$K"
for du in 512 4096; do
	"$FUSCRYPT" init --key "$K" --data-unit-size="$du" "$S" >/dev/null || _fail "init"
	_mount
	DU=$du python3 - <<'PY'
import os, random
from ops import *
M, T = os.environ["M"], os.environ["T"]
f, g = M + "/f", T + "/g"
PUNCH, ZERO, KEEP = 2, 16, 1
rng = random.Random(int(os.environ["DU"]))
put(f, b""); put(g, b"")
bad = 0
def both(fn):
    return [attempt(fn, p) for p in (f, g)]
for step in range(400):
    op = rng.choice(("write", "write", "truncate", "alloc", "keep", "punch", "zero", "zerokeep"))
    off, n = rng.randrange(0, 60000), rng.randrange(1, 20000)
    if op == "write":
        data = rng.randbytes(n)
        def fn(p):
            fd = os.open(p, os.O_RDWR)
            os.pwrite(fd, data, off)
            os.close(fd)
    elif op == "truncate":
        fn = lambda p: os.truncate(p, off)
    else:
        mode = {"alloc": 0, "keep": KEEP, "punch": PUNCH | KEEP, "zero": ZERO, "zerokeep": ZERO | KEEP}[op]
        fn = lambda p: fallocate(p, mode, off, n)
    r = both(fn)
    if r[0] != r[1] or get(f) != get(g):
        bad += 1
        print("step", step, op, off, n, r, len(get(f)), len(get(g)))
        if bad > 3:
            break
print("400 steps, differences:", bad)
# Holes
os.truncate(f, 0)
fd = os.open(f, os.O_RDWR)
os.pwrite(fd, b"a" * 4096, 0)
os.pwrite(fd, b"b" * 4096, 1 << 20)
os.ftruncate(fd, 2 << 20)
os.fsync(fd)
print("data at 0:", os.lseek(fd, 0, os.SEEK_DATA), "hole:", os.lseek(fd, 0, os.SEEK_HOLE) in range(4096, 8193))
d = os.lseek(fd, 8192, os.SEEK_DATA)
print("next data:", (1 << 20) - 4096 <= d <= 1 << 20, "then hole before the end:", os.lseek(fd, d, os.SEEK_HOLE) < 2 << 20)
show("data past the last", os.lseek, fd, (1 << 20) + 8192, os.SEEK_DATA)
show("seek past the end", os.lseek, fd, 3 << 20, os.SEEK_DATA)
print("sparse:", os.fstat(fd).st_blocks * 512 < 100000)
os.close(fd)
show("collapse", fallocate, f, 8, 0, 4096)
show("insert", fallocate, f, 32, 0, 4096)
show("punch without keep-size", fallocate, f, 2, 0, 4096)
show("beyond the largest file", os.truncate, f, 0xFFFFFFFF001 * 4096)
show("negative", os.truncate, f, -1)
PY
	_tree_list --no-times "$M" >"$T/a"
	_remount
	_tree_list --no-times "$M" | cmp - "$T/a" && echo "same after a remount"
	_umount
	rm -rf "$S"
done
_done
