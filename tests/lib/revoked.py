# SPDX-License-Identifier: GPL-3.0-or-later
"""revoked.py - what open descriptors and mappings of a tree do while it is locked by force

usage: revoked.py TREE LOCK UNLOCK - TREE a directory with the key, LOCK and UNLOCK shell commands.
"""
import errno
import mmap
import os
import signal
import sys

from shell import Shell

shell = Shell()
tree, lock, unlock = sys.argv[1:4]
PAGE = 4096
OLD, NEW = b"old" * 20000, b"new" * 20000


def sh(label, cmd):
    print(label + ": exit %d" % shell.run(cmd))


def name(e):
    return errno.errorcode.get(e, str(e))


def show(label, fn, *args):
    try:
        r = fn(*args)
        print("%s: %s" % (label, r if isinstance(r, str) else "ok"))
    except OSError as e:
        print("%s: %s" % (label, name(e.errno)))


def touch(m, write):
    """Touch a mapping in a child: how it ends."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGBUS, signal.SIG_DFL)
        if write:
            m[0] = 1
        else:
            _ = m[0]
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "ok"


def path(n):
    return os.path.join(tree, n)


def put(n, data):
    with open(path(n), "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())


for n in ("read", "write", "map", "shared", "gone", "fresh"):
    put(n, OLD)
os.mkdir(path("sub"))
put("sub/inner", OLD)
os.symlink("target", path("link"))

rd = os.open(path("read"), os.O_RDONLY)
os.read(rd, 100)
wr = os.open(path("write"), os.O_RDWR)
os.pwrite(wr, NEW, 0)
gone = os.open(path("gone"), os.O_RDWR)
os.unlink(path("gone"))
fresh = os.open(path("made"), os.O_RDWR | os.O_CREAT, 0o644)
mfd = os.open(path("map"), os.O_RDONLY)
m = mmap.mmap(mfd, len(OLD), prot=mmap.PROT_READ)
os.close(mfd)
_ = m[0]
sfd = os.open(path("shared"), os.O_RDWR)
s = mmap.mmap(sfd, len(OLD))
s[0:3] = b"new"
opath = os.open(path("read"), os.O_PATH)
d = os.open(path("sub"), os.O_DIRECTORY)
os.chdir(path("sub"))

sh("lock", lock)
show("read", os.pread, rd, 100, 0)
show("write", os.pwrite, wr, b"late", 0)
show("write to the end", os.pwrite, wr, b"late", len(OLD))
show("truncate", os.ftruncate, wr, 0)
show("fallocate", os.posix_fallocate, wr, 0, 1 << 20)
show("seek for data", os.lseek, wr, 0, os.SEEK_DATA)
show("chmod", os.fchmod, wr, 0o600)
show("stat", os.fstat, wr)
show("write after a stat", os.pwrite, wr, b"l" * PAGE, 0)
show("sync of what was written before", os.fsync, wr)
show("nameless: read", os.pread, gone, 100, 0)
show("nameless: write", os.pwrite, gone, b"x", 0)
show("just made: write", os.pwrite, fresh, b"x", 0)
print("mapping, read:", touch(m, False))
print("shared mapping, read:", touch(s, False))
print("shared mapping, write:", touch(s, True))
show("open again by descriptor", os.open, "/proc/self/fd/%d" % rd, os.O_RDONLY)
show("open by O_PATH", os.open, "/proc/self/fd/%d" % opath, os.O_RDONLY)
show("by its name", os.stat, path("read"))
show("from the working directory", os.stat, "inner")
print("names in the open directory:", *("no-key" if len(n) > 20 else n for n in os.listdir(d)))

sh("unlock", unlock)
show("old descriptor, read", os.pread, rd, 100, 0)
show("old descriptor, write", os.pwrite, wr, b"late", 0)
with open(path("write"), "rb") as f:
    data = f.read()
print("what was written before is there:", data == NEW)
show("old descriptor with the pages in the cache, read", os.pread, wr, 100, 0)
with open(path("write"), "r+b") as f:
    f.write(b"again")
show("old descriptor beside a writer, write", os.pwrite, wr, b"L" * PAGE, 0)
show("old descriptor, close", os.close, wr)
with open(path("write"), "rb") as f:
    print("what is written now is there:", f.read() == b"again" + NEW[5:])
with open(path("shared"), "rb") as f:
    print("what was written by mapping is there:", f.read() == b"new" + OLD[3:])
with open(path("read"), "rb") as f:
    print("the rest too:", f.read() == OLD)
print("mapping, read:", touch(m, False))
show("open by O_PATH", os.open, "/proc/self/fd/%d" % opath, os.O_RDONLY)
print("just made:", os.stat(path("made")).st_size, open(path("made"), "rb").read())
show("from the working directory", os.stat, "inner")
os.stat(path("sub"))
print("working directory:", os.getcwd() == path("sub"))
print("names in the open directory:", *sorted(os.listdir(d)))
print("all names:", *sorted(os.listdir(tree)))
