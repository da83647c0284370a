#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 090-xattrs - extended attributes: set, get, list, remove, sizes, flags
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
_mount
python3 - <<'PY'
import os
from ops import *
M = os.environ["M"]
j = lambda *a: os.path.join(M, *a)
put(j("f")); os.mkdir(j("d")); os.symlink("f", j("l"))
for n in ("f", "d"):
    show(n + " set", os.setxattr, j(n), "user.one", b"1")
    show(n + " set empty", os.setxattr, j(n), "user.empty", b"")
    show(n + " set binary", os.setxattr, j(n), "user.bin", bytes(range(256)))
    show(n + " list", lambda: sorted(os.listxattr(j(n))))
    show(n + " create over", os.setxattr, j(n), "user.one", b"2", os.XATTR_CREATE)
    show(n + " replace missing", os.setxattr, j(n), "user.two", b"2", os.XATTR_REPLACE)
    show(n + " replace", os.setxattr, j(n), "user.one", b"22", os.XATTR_REPLACE)
    show(n + " get", os.getxattr, j(n), "user.one")
    show(n + " get missing", os.getxattr, j(n), "user.two")
    show(n + " remove", os.removexattr, j(n), "user.empty")
    show(n + " remove again", os.removexattr, j(n), "user.empty")
    show(n + " name of 256", os.setxattr, j(n), "user." + "x" * 251, b"")
show("symlink", os.setxattr, j("l"), "user.one", b"1", follow_symlinks=False)
show("value over 64 KiB", os.setxattr, j("f"), "user.big", bytes(65537))
show("2000 bytes", os.setxattr, j("f"), "user.big", b"b" * 2000)
show("2000 bytes back", lambda: os.getxattr(j("f"), "user.big") == b"b" * 2000)
show("no such prefix", os.setxattr, j("f"), "nonsense.x", b"1")
PY
_tree_list --no-times "$M" >"$T/a"
_remount
_tree_list --no-times "$M" | cmp - "$T/a" && echo "same after a remount"
_done
