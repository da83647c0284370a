# SPDX-License-Identifier: GPL-3.0-or-later
"""cutclose.py - files are cut off by one process in the moment when another has written and closes them

usage: cutclose.py DIR N
"""
import mmap
import os
import struct
import sys

top, n = sys.argv[1], int(sys.argv[2])
turn = mmap.mmap(-1, 16)


def path(i):
    return os.path.join(top, "file-%d" % i)


def meet(me, i, later):
    """Both wait for each other; who is a little later is another one each time."""
    struct.pack_into("q", turn, me * 8, i + 1)
    while struct.unpack_from("q", turn, (1 - me) * 8)[0] < i + 1:
        pass
    for _ in range(later):
        pass


for i in range(n):
    with open(path(i), "wb") as f:
        f.write(b"x" * 100)
pid = os.fork()
if pid == 0:
    status = 1
    try:
        for i in range(n):
            meet(1, i, i * 13 % 400)
            os.truncate(path(i), 0)
        status = 0
    finally:
        os._exit(status)
for i in range(n):
    fd = os.open(path(i), os.O_WRONLY)
    os.utime(fd, (1, 1))
    meet(0, i, i * 7 % 100)
    os.write(fd, b"yy")
    os.close(fd)
print("cut and closed: %d" % os.waitpid(pid, 0)[1])
