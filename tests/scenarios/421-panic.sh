#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 421-panic - lock --panic: what was not synced is dropped, and whoever syncs is told; nothing else is lost
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

# A store with less room than this is written past the kernel's cache: nothing would be dirty.
_need_space 1200
_init_store
_mount
cd /
export LOCK="'$FUSCRYPT' lock --panic '$M'" UNLOCK="'$FUSCRYPT' unlock --key '$K' '$M'"
python3 - <<'PY'
import os, mmap
from ops import *
from shell import Shell
M = os.environ["M"]
j = lambda *a: os.path.join(M, *a)
OLD, NEW = b"old" * 100000, b"new" * 100000
sh = Shell().run
for n in ("dirty", "mapped", "synced", "clean"):
    with open(j(n), "wb") as f:
        f.write(OLD)
        f.flush()
        os.fsync(f.fileno())
fds = {n: os.open(j(n), os.O_RDWR) for n in ("dirty", "mapped", "synced", "clean")}
os.pwrite(fds["synced"], NEW, 0)
os.fsync(fds["synced"])
os.pwrite(fds["dirty"], NEW, 0)
os.pwrite(fds["dirty"], NEW, len(OLD))
m = mmap.mmap(fds["mapped"], len(OLD))
m[:] = NEW
fds["new"] = os.open(j("new"), os.O_RDWR | os.O_CREAT, 0o644)
os.write(fds["new"], NEW)
print("lock: exit", sh(os.environ["LOCK"]))
for n, fd in fds.items():
    show(n + ": read", os.pread, fd, 100, 0)
    show(n + ": write", os.pwrite, fd, b"x" * 4096, 0)
    show(n + ": sync", os.fsync, fd)
    show(n + ": sync again", os.fsync, fd)
    show(n + ": close", os.close, fd)
print("unlock: exit", sh(os.environ["UNLOCK"]))
for n, want in (("dirty", OLD), ("mapped", OLD), ("synced", NEW), ("clean", OLD), ("new", b"")):
    with open(j(n), "rb") as f:
        print(n + ": as it was last synced:", f.read() == want)
PY
"$FUSCRYPT" key status "$ID" "$M" | grep -i status
_remount
find "$M" -type f -size +0 | wc -l
_umount
_done
