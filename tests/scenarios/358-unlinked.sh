#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 358-unlinked - files open and unlinked take one descriptor each and stay whole to the last close
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
_need_cmd python3

_init_store
(
	ulimit -n 256
	_mount
) || exit 1
cd "$M" || exit 1
python3 - <<'PY'
import os
fds = []
for i in range(180):
    fd = os.open("f%d" % i, os.O_CREAT | os.O_RDWR, 0o600)
    os.write(fd, b"%d" % i)
    os.unlink("f%d" % i)
    fds.append(fd)
print("open and unlinked:", len(fds))
for i, fd in enumerate(fds):
    os.fchmod(fd, 0o640)
    os.ftruncate(fd, 10)
    os.utime(fd, (1, 2))
    os.setxattr(fd, "user.a", b"b")
    st = os.fstat(fd)
    assert (st.st_nlink, st.st_mode & 0o777, st.st_size, st.st_mtime) == (0, 0o640, 10, 2), st
    assert os.pread(fd, 20, 0) == (b"%d" % i).ljust(10, b"\0")
print("all can be changed and read")
# By another descriptor, and by one that is no handle, after the last close.
path = os.open("/proc/self/fd/%d" % fds[7], os.O_PATH)
again = os.open("/proc/self/fd/%d" % fds[8], os.O_RDONLY)
for fd in fds:
    os.close(fd)
print("reopened:", os.pread(again, 1, 0))
print("by O_PATH:", os.fstat(path).st_size, os.fstat(path).st_nlink)
fd = os.open("/proc/self/fd/%d" % path, os.O_RDWR)
print("opened from it:", os.pread(fd, 1, 0))
os.close(fd)
print("and closed:", os.fstat(path).st_size)

# A name taken by another file while the first is open.
a = os.open("a", os.O_CREAT | os.O_RDWR, 0o600)
os.write(a, b"first")
with open("b", "w") as f:
    f.write("second one")
os.rename("b", "a")
print("renamed over:", os.fstat(a).st_size, os.fstat(a).st_nlink, os.stat("a").st_size)
PY
cd / || exit 1
ls -A "$M"
_done
