#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 148-full-disk - a full disk: ENOSPC is reported, and nothing that was synced is lost
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto
_need_root

mkdir "$T/disk"
mount -t tmpfs -o size=20m,mode=755 tmpfs "$T/disk" || _notrun "cannot mount a tmpfs"
S=$T/disk/store
export S
_init_store
_mount
python3 - <<'PY'
import os, time
from ops import *
M = os.environ["M"]
data = os.urandom(1 << 20)
fd = os.open(M + "/kept", os.O_CREAT | os.O_RDWR, 0o644)
os.write(fd, data * 4)
os.fsync(fd)
os.close(fd)
def fill():
    fd = os.open(M + "/big", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        for i in range(40):
            os.write(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
show("fill it", fill)
show("one more file", lambda: put(M + "/more", data))
print("kept:", get(M + "/kept") == data * 4)
got = os.stat(M + "/big").st_size
print("the big one holds what it says:", got > 0)
os.unlink(M + "/big")
try:
    os.unlink(M + "/more")
except OSError:
    pass
# The last close reaches the daemon a moment after it returned.
for i in range(50):
    if os.statvfs(M).f_bavail * 4096 > 5 << 20:
        break
    time.sleep(0.1)
fd = os.open(M + "/after", os.O_CREAT | os.O_RDWR, 0o644)
os.write(fd, data)
os.fsync(fd)
print("space again:", os.pread(fd, 1 << 20, 0) == data)
PY
_tree_list --no-times "$M" >"$T/a"
_remount
_tree_list --no-times "$M" | cmp - "$T/a" && echo "same after a remount"
_done
