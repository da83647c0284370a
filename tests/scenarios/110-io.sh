#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 110-io - shared mappings, O_DIRECT, O_APPEND by several writers, copy_file_range, open flags
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
_mount
python3 - <<'PY'
import mmap, os
from ops import *
M = os.environ["M"]
j = lambda *a: os.path.join(M, *a)
fd = os.open(j("map"), os.O_CREAT | os.O_RDWR, 0o644)
os.ftruncate(fd, 1 << 20)
m = mmap.mmap(fd, 1 << 20)
for i in range(0, 1 << 20, 4096):
    m[i:i + 8] = b"%08d" % i
os.pwrite(fd, b"by write", 8192)
print("write seen in the mapping:", m[8192:8200])
m[12288:12296] = b"by a map"
m.flush()
print("mapping seen by read:", os.pread(fd, 8, 12288))
m.close(); os.close(fd)
# Appends: whole records, none lost, by 4 processes
kids = []
for k in range(4):
    pid = os.fork()
    if pid == 0:
        fd = os.open(j("log"), os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        for i in range(500):
            os.write(fd, b"%d:%04d\n" % (k, i))
        os._exit(0)
    kids.append(pid)
print("writers ended:", [os.waitpid(p, 0)[1] for p in kids])
lines = get(j("log")).split(b"\n")[:-1]
print("records:", len(lines), "different:", len(set(lines)))
# O_DIRECT falls back to buffered
data = os.urandom(70000)
fd = os.open(j("direct"), os.O_CREAT | os.O_RDWR | os.O_DIRECT, 0o644)
print("O_DIRECT write:", os.write(fd, data))
print("unaligned read:", os.pread(fd, 1000, 777) == data[777:1777])
os.close(fd)
print("all:", get(j("direct")) == data)
# copy_file_range
a, b = os.open(j("direct"), os.O_RDONLY), os.open(j("copy"), os.O_CREAT | os.O_RDWR, 0o644)
left, n = 60000, 0
while left:
    c = os.copy_file_range(a, b, left, 5 + n, n)
    left -= c; n += c
print("copy_file_range:", get(j("copy")) == data[5:60005])
os.close(a); os.close(b)
# open flags
show("O_EXCL on existing", creat, j("copy"))
show("O_DIRECTORY on a file", opened, j("copy"), os.O_RDONLY | os.O_DIRECTORY)
show("write to a directory", opened, M, os.O_WRONLY)
opened(j("copy"), os.O_WRONLY | os.O_TRUNC)
print("O_TRUNC:", os.stat(j("copy")).st_size)
fd = os.open(j("ro"), os.O_CREAT | os.O_RDWR, 0o400)
os.write(fd, b"created read-only, written")
os.close(fd)
print(get(j("ro")).decode())
show("read of a write-only file", lambda: os.read(os.open(j("copy"), os.O_WRONLY), 1))
fd = os.open(j("wo"), os.O_CREAT | os.O_WRONLY, 0o644)
os.pwrite(fd, b"x", 5000)
os.pwrite(fd, b"y", 100)
os.close(fd)
print("partial units through O_WRONLY:", get(j("wo")).strip(b"\0").replace(b"\0", b"")) 
# times
os.utime(j("map"), ns=(10**18 + 1, 10**18 + 123456789))
st = os.stat(j("map"))
print("times:", st.st_atime_ns, st.st_mtime_ns)
# flock and POSIX locks are the kernel's
import fcntl
f1, f2 = open(j("map"), "r+b"), open(j("map"), "r+b")
fcntl.flock(f1, fcntl.LOCK_EX)
show("flock taken", fcntl.flock, f2, fcntl.LOCK_EX | fcntl.LOCK_NB)
st = os.statvfs(M)
print("statvfs:", st.f_frsize, st.f_blocks > 0, st.f_namemax)
PY
_tree_list --no-times "$M" >"$T/a"
_remount
_tree_list --no-times "$M" | cmp - "$T/a" && echo "same after a remount"
_done
