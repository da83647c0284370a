#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 050-names - names of every length and of odd bytes, and renames across the long and the short form
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
_mount
python3 - <<'PY'
import os
from ops import *
M = os.environ["M"].encode()
j = lambda n: os.path.join(M, n)
want = set()
for n in range(1, 256):
    name = (b"%03d-" % n + b"n" * 255)[:n] if n > 4 else b"abcd"[:n]
    put(j(name), name)
    want.add(name)
for name in (b"\n", b" lead and trail ", b"...", b"-rf", b"back\\slash", b"\xff", b"\x01\x02\x7f",
             bytes(range(1, 47)) + bytes(range(48, 256)), "smørrebrød ☃".encode(), b".fuscrypt",
             b".fuscrypt.ctx", b".fuscrypt.n.AAAA", b".hidden"):
    put(j(name), name)
    want.add(name)
print("names:", len(want), set(os.listdir(M)) == want)
print("contents:", all(get(j(n)) == n for n in want))
show("256 bytes", creat, j(b"x" * 256))
show("256 bytes, look-up", os.lstat, j(b"x" * 256))
show("existing long name", creat, j((b"255-" + b"n" * 255)[:255]))
# Renames: short to long to long to short, also over something that is there.
put(j(b"s"), b"moved")
for to in (b"L" * 250, b"L" * 255, b"k" * 200, b"s2", b"L" * 251, b"s"):
    a = j(b"s") if to == b"L" * 250 else last
    os.rename(a, j(to))
    last = j(to)
print("after renames:", get(j(b"s")))
put(j(b"M" * 255), b"old")
os.rename(j(b"s"), j(b"M" * 255))
print("over a long name:", get(j(b"M" * 255)))
put(j(b"N" * 255), b"other")
rename2(j(b"M" * 255), j(b"N" * 255), EXCHANGE)
print("exchange of long names:", get(j(b"M" * 255)), get(j(b"N" * 255)))
put(j(b"short"), b"short one")
rename2(j(b"short"), j(b"N" * 255), EXCHANGE)
print("exchange long and short:", get(j(b"short")), get(j(b"N" * 255)))
show("noreplace over a long name", rename2, j(b"short"), j(b"N" * 255), NOREPLACE)
os.link(j(b"short"), j(b"Q" * 255))
os.unlink(j(b"short"))
print("link:", get(j(b"Q" * 255)))
os.mkdir(j(b"D" * 255))
put(os.path.join(j(b"D" * 255), b"E" * 255), b"deep")
os.rename(j(b"D" * 255), j(b"F" * 255))
print("directory:", get(os.path.join(j(b"F" * 255), b"E" * 255)))
PY
_remount
python3 - <<'PY'
import os
M = os.environ["M"].encode()
print("after a remount:", len(os.listdir(M)), open(os.path.join(M, b"F" * 255, b"E" * 255)).read())
PY
find "$M" -mindepth 1 -delete && ls -A "$M" | wc -l
_umount
find "$S" -mindepth 1 -path "$S/.fuscrypt" -prune -o -printf '%P\n' | grep -cv '^.fuscrypt.ctx$'
_done
