#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 070-links - hard links, and symlinks of every length
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
_mount
python3 - <<'PY'
import os
from ops import *
M = os.environ["M"]
j = lambda *a: os.path.join(M, *a)
lengths = list(range(1, 70)) + [255, 256, 600, 640, 690, 700, 749, 750, 751, 1000, 1023, 1024, 2000, 4000] + list(range(4085, 4094))
for n in lengths:
    os.symlink(("%d/" % n + "t" * 4100)[:n], j("l%d" % n))
ok = lambda: all(os.readlink(j("l%d" % n)) == ("%d/" % n + "t" * 4100)[:n] and os.lstat(j("l%d" % n)).st_size == n for n in lengths)
print("symlinks:", len(lengths), ok())
for n in (4094, 4095):
    show("target of %d" % n, os.symlink, "t" * n, j("x"))
show("empty target", os.symlink, "", j("x"))
show("over an existing name", os.symlink, "t", j("l1"))
show("open O_NOFOLLOW", opened, j("l1"), os.O_RDONLY | os.O_NOFOLLOW)
os.rename(j("l4093"), j("m4093"))
os.link(j("l4092"), j("m4092"), follow_symlinks=False)
print("renamed, linked:", os.readlink(j("m4093"))[:5], os.lstat(j("m4092")).st_nlink)
for n in lengths:
    os.unlink(j("l%d" % n)) if n != 4093 else os.unlink(j("m4093"))
print("a link's other name:", os.readlink(j("m4092"))[:5])
put(j("a"), b"one")
os.mkdir(j("d"))
for n in range(50):
    os.link(j("a"), j("d", "b%d" % n))
print("links:", os.stat(j("a")).st_nlink)
put(j("d", "b7"), b"two")
print("through another name:", get(j("a")), get(j("d", "b49")))
show("link of a directory", os.link, j("d"), j("d2"))
show("link over an existing name", os.link, j("a"), j("d", "b1"))
fd = os.open(j("a"), os.O_RDONLY)
os.unlink(j("a"))
for n in range(50):
    os.unlink(j("d", "b%d" % n))
print("unlinked, still open:", os.fstat(fd).st_nlink, os.read(fd, 9))
os.close(fd)
PY
_remount
python3 - <<'PY'
import os
M = os.environ["M"]
print("after a remount:", sorted(os.listdir(M)), len(os.readlink(M + "/m4092")))
os.unlink(M + "/m4092")
PY
_umount
find "$S/.fuscrypt/symlinks" -type f | wc -l
_done
