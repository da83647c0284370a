# SPDX-License-Identifier: GPL-3.0-or-later
"""smallfiles.py - small files that are opened for the first time while others change them, or lock them

usage: smallfiles.py make DIR N                files of several sizes
       smallfiles.py check DIR N               each read, and compared
       smallfiles.py change DIR N              each opened by one process while another overwrites or cuts it
       smallfiles.py changed DIR N             what `change` left, read again
       smallfiles.py lock DIR N COMMAND...     opened one after the other while COMMAND locks them
"""
import errno
import mmap
import os
import struct
import subprocess
import sys
import threading

SIZES = (1, 100, 4095, 4096, 4097, 10000, 16384)


def path(i):
    return os.path.join(sys.argv[2], "file-%d" % i)


def content(i, age):
    n = SIZES[i % len(SIZES)]
    return (b"%s %d " % (age, i) * (n // 6 + 1))[:n]


def changed(i):
    """What the writer makes of it: the same size, a shorter one, a longer one."""
    data = content(i, b"new")
    if i % 3 == 1:
        return content(i, b"old")[:len(data) // 2]
    return data + (b"more" * 1000 if i % 3 == 2 else b"")


def read(i):
    fd = os.open(path(i), os.O_RDONLY)
    data = os.read(fd, 1 << 20)
    os.close(fd)
    return data


def make(n):
    for i in range(n):
        with open(path(i), "wb") as f:
            f.write(content(i, b"old"))


def compare(n, wanted):
    bad = [i for i in range(n) if read(i) != wanted(i)]
    print("%d files, %d of them not what they should be%s" % (n, len(bad), ": %s" % bad[:5] if bad else ""))


def write(i):
    if i % 3 == 1:
        os.truncate(path(i), len(changed(i)))
        return
    fd = os.open(path(i), os.O_WRONLY)
    os.pwrite(fd, changed(i), 0)
    os.close(fd)


def change(n):
    """Both wait for each other before each file; who is a little later is another one each time."""
    turn = mmap.mmap(-1, 16)

    def meet(me, i):
        struct.pack_into("q", turn, me * 8, i + 1)
        while struct.unpack_from("q", turn, (1 - me) * 8)[0] < i + 1:
            pass
        for _ in range((i * 7 if me else i * 11) % 60):
            pass

    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            for i in range(n):
                meet(1, i)
                write(i)
            status = 0
        finally:
            os._exit(status)
    for i in range(n):
        meet(0, i)
        read(i)
    print("writer: %d" % os.waitpid(pid, 0)[1])
    compare(n, changed)


def lock(n, command):
    """By eight threads, so that some files are always being opened."""
    fds, refused, numbers = [], [], iter(range(n))
    one = threading.Lock()

    def opener():
        while len(refused) < 20:
            with one:
                i = next(numbers, None)
            if i is None:
                return
            try:
                fds.append((i, os.open(path(i), os.O_RDONLY)))
            except OSError as e:
                if e.errno not in (errno.ENOKEY, errno.ENOENT):
                    raise
                refused.append(i)

    threads = [threading.Thread(target=opener) for _ in range(8)]
    for t in threads:
        t.start()
    status = subprocess.call(command, stdout=subprocess.DEVNULL)
    for t in threads:
        t.join()
    print("lock: exit %d; some were opened, some refused: %s" % (status, "yes" if fds and refused else "no"))
    left = []
    for i, fd in fds:
        try:
            if os.pread(fd, 100, 0):
                left.append(i)
        except OSError as e:
            if e.errno not in (errno.ENOKEY, errno.EIO):
                raise
    print("still to be read: %d%s" % (len(left), " of %d: %s" % (len(fds), left[:5]) if left else ""))


what, n = sys.argv[1], int(sys.argv[3])
if what == "make":
    make(n)
elif what == "check":
    compare(n, lambda i: content(i, b"old"))
elif what == "change":
    change(n)
elif what == "changed":
    compare(n, changed)
elif what == "lock":
    lock(n, sys.argv[4:])
