#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 240-plain-and-encrypted - plain and encrypted directories side by side, and what may move between them
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt

_init_store --no-policy
_mount_raw --key "$K" "$S" "$M" || _fail "mount"
_make_key "$T/key2" second
"$FUSCRYPT" key add "$M" <"$T/key2" >/dev/null || _fail "key add"
id2=$(_key_id "$T/key2")
mkdir "$M/plain" "$M/enc" "$M/same" "$M/enc2"
"$FUSCRYPT" policy set "$ID" "$M/enc" || _fail "policy set"
"$FUSCRYPT" policy set "$ID" "$M/same"
"$FUSCRYPT" policy set "$id2" "$M/enc2"
python3 - <<'PY'
import os
from ops import *
M = os.environ["M"]
j = lambda *a: os.path.join(M, *a)
dirs = ("plain", "enc", "same", "enc2")
for what, fn in (("rename", os.rename), ("link", os.link)):
    for kind in ("file", "dir", "symlink", "fifo"):
        if what == "link" and kind == "dir":
            continue
        for a in dirs:
            row = []
            for b in dirs:
                p, q = j(a, "x"), j(b, "y")
                {"file": lambda: put(p), "dir": lambda: os.mkdir(p), "symlink": lambda: os.symlink("t", p),
                 "fifo": lambda: os.mkfifo(p)}[kind]()
                row.append("%s %s" % (b, attempt(fn, p, q)))
                if kind == "file" and os.path.lexists(q) and get(q) != b"data\n":
                    print("contents differ")
                if kind == "symlink" and os.path.lexists(q) and os.readlink(q) != "t":
                    print("target differs")
                for x in (p, q):
                    if os.path.lexists(x):
                        os.rmdir(x) if os.path.isdir(x) and not os.path.islink(x) else os.unlink(x)
            print("%s %-7s %-5s to: %s" % (what, kind, a, ", ".join(row)))
put(j("enc", "f"), b"encrypted")
put(j("plain", "f"), b"plain")
show("exchange across", rename2, j("enc", "f"), j("plain", "f"), EXCHANGE)
os.rename(j("enc", "f"), j("plain", "moved"))
print("an encrypted file in a plain directory:", get(j("plain", "moved")))
put(j("plain", "moved"), b"written there")
print("written there:", get(j("plain", "moved")), sorted(os.listdir(j("plain"))))
show("create over it", creat, j("plain", "moved"))
os.rename(j("plain", "moved"), j("enc", "back"))
print("and back:", get(j("enc", "back")))
os.link(j("enc", "back"), j("plain", "linked"))
for n in (".fuscrypt", ".fuscrypt.ctx", ".fuscrypt.e.x"):
    show("plain %s: create" % n, creat, j("plain", n))
    show("plain %s: look-up" % n, lambda: os.lstat(j("plain", n)) and None)
show("in an encrypted one", creat, j("enc", ".fuscrypt.ctx"))
PY
_tree_list --no-times "$M" >"$T/a"
_umount
grep -rl 'written there' "$S" | wc -l
ls -A "$S/plain"
_mount
"$FUSCRYPT" key add "$M" <"$T/key2" >/dev/null
_tree_list --no-times "$M" | cmp - "$T/a" && echo "same after a remount"
_done
