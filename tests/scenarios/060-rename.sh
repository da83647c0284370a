#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 060-rename - rename: over files and directories, NOREPLACE, EXCHANGE, into itself, open files
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
_mount
python3 - <<'PY'
import os
from ops import *
M = os.environ["M"]
j = lambda *a: os.path.join(M, *a)
def fresh():
    os.system("rm -rf '%s'/*" % M)
    put(j("f"), b"f"); put(j("g"), b"g")
    for d in "de":
        os.mkdir(j(d))
    os.mkdir(j("full")); put(j("full", "x"), b"x")
    os.symlink("f", j("l")); os.mkfifo(j("p"))
kinds = ("f", "d", "full", "l", "p", "none")
for flags, word in ((0, "rename"), (NOREPLACE, "noreplace"), (EXCHANGE, "exchange")):
    heads = " ".join("%-9s" % {"f": "g", "d": "e"}.get(k, k) for k in kinds)
    print(("%-9s to: %s" % (word, heads)).rstrip())
    for a in ("f", "d", "full", "l", "p"):
        row = []
        for b in kinds:
            fresh()
            target = {"f": "g", "d": "e"}.get(b, b)
            row.append("%-9s" % (attempt(rename2, j(a), j(target), flags)))
        print(("%-13s %s" % (a, " ".join(row))).rstrip())
fresh()
show("into itself", os.rename, j("full"), j("full", "sub"))
show("of the root", os.rename, M, j("d", "r"))
show("onto itself", os.rename, j("f"), j("f"))
os.link(j("f"), j("f2"))
show("onto its own hard link", os.rename, j("f"), j("f2"))
print("both there:", sorted(n for n in os.listdir(M) if n[0] == "f" and n != "full"))
show("missing", os.rename, j("nothing"), j("x"))
show("into a missing directory", os.rename, j("f"), j("nothing", "x"))
show("file with a slash", os.rename, j("f"), j("g", "x"))
fd = os.open(j("g"), os.O_RDWR)
os.rename(j("f"), j("g"))
os.write(fd, b"old")
print("replaced file, still open:", os.pread(fd, 10, 0), os.fstat(fd).st_nlink, "new:", get(j("g")))
os.close(fd)
fd = os.open(j("full", "x"), os.O_RDWR)
os.rename(j("full"), j("e", "moved"))
os.write(fd, b"after the move")
os.close(fd)
print("moved under an open file:", get(j("e", "moved", "x")))
os.chdir(j("e", "moved"))
os.rename(j("e"), j("e2"))
print("working directory:", os.getcwd() == j("e2", "moved"), os.listdir("."))
os.chdir("/")
rename2(j("d"), j("e2", "moved"), EXCHANGE)
print("exchange across directories:", sorted(os.listdir(j("d"))), sorted(os.listdir(j("e2"))))
PY
_tree_list --no-times --no-owner "$M" | sha256sum >"$T/a"
_remount
_tree_list --no-times --no-owner "$M" | sha256sum | cmp - "$T/a" && echo "same after a remount"
_done
