#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""storm.py - many processes change the names of one tree at random; nothing may be lost or mixed up

usage: storm.py DIR SECONDS PROCESSES [SEED]

Every file holds its own token over and over, every symlink leads to its own token, so that whoever
opens one can tell whether it is a whole one. Errors that a race explains are expected; all others
are printed, and so is what does not fit together in the end. With STORM_QUIET in the environment that
is looked at when the file of this name is there.
"""
import collections
import ctypes
import errno
import multiprocessing
import os
import random
import stat
import sys
import time

RACY = {errno.ENOENT, errno.EEXIST, errno.EPERM, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR, errno.EINVAL,
        errno.ELOOP, errno.EBUSY, errno.EXDEV, errno.ENAMETOOLONG}
NOREPLACE, EXCHANGE = 1, 2
libc = ctypes.CDLL(None, use_errno=True)


def renameat2(old, new, flags):
    if libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags) < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e), old)


class Worker:
    def __init__(self, top, seed, number):
        self.rnd = random.Random(seed * 1000 + number)
        self.top = top
        self.token = 0
        self.number = number
        self.odd = collections.Counter()
        self.done = collections.Counter()

    def directory(self):
        path = self.top
        for _ in range(self.rnd.randrange(4)):
            path += "/d%d" % self.rnd.randrange(3)
        return path

    def name(self):
        n = self.rnd.randrange(12)
        # Some are too long to be stored as they are, some look like what the store itself uses.
        return ("f%d" % n if n < 7 else "long-%d-" % n + "x" * 200 if n < 10 else
                ".fuscrypt" if n == 10 else "__________%d" % n)

    def path(self):
        return self.directory() + "/" + self.name()

    def fresh(self):
        self.token += 1
        return b"<%d.%d>" % (self.number, self.token)

    def check(self, data, path):
        if not data:
            return
        end = data.find(b">")
        token = data[:end + 1]
        if end < 0 or data != token * (len(data) // len(token)):
            self.odd["torn contents: %s" % data[:20]] += 1

    def write(self, fd):
        data = self.fresh() * self.rnd.choice((1, 10, 900))
        os.write(fd, data)
        return data

    def create(self):
        fd = os.open(self.path(), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            data = self.write(fd)
            got = os.pread(fd, len(data) + 1, 0)
            size = os.fstat(fd).st_size
            # Somebody may have found it and cut it off.
            if got not in (data, b""):
                self.odd["own contents"] += 1
            if size not in (len(data), 0):
                self.odd["size of an open file: %d" % size] += 1
        finally:
            os.close(fd)

    def tmpfile(self):
        fd = os.open(self.directory(), os.O_RDWR | os.O_TMPFILE, 0o600)
        try:
            self.write(fd)
            os.listxattr(fd)
            os.link("/proc/self/fd/%d" % fd, self.path(), src_dir_fd=fd, follow_symlinks=True)
        finally:
            os.close(fd)

    def replace(self):
        new = self.directory() + "/tmp%d" % self.number
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self.write(fd)
        os.close(fd)
        try:
            os.rename(new, self.path())
        except OSError:
            # A directory above may be another one by now.
            try:
                os.unlink(new)
            except OSError:
                pass
            raise

    def read(self):
        path = self.path()
        if stat.S_ISLNK(os.lstat(path).st_mode):
            target = os.readlink(path)
            if not target.startswith("<"):
                self.odd["symlink: " + target[:20]] += 1
            return
        fd = os.open(path, os.O_RDONLY)
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            os.close(fd)
            return
        # Others may be writing it: its creator has one write for all, but that is several pages.
        data = os.read(fd, 1 << 20)
        os.close(fd)
        if data and not data.startswith(b"<") and data.strip(b"\0"):
            self.odd["contents begin %s" % data[:20]] += 1

    def held(self):
        """A file that loses its name stays what it is."""
        fd = os.open(self.path(), os.O_RDONLY)
        try:
            before = os.fstat(fd)
            os.unlink(self.path())
            os.getxattr("/proc/self/fd/%d" % fd, "user.none")
        except OSError as e:
            if e.errno not in (errno.ENODATA, *RACY):
                raise
        finally:
            after = os.fstat(fd)
            if before.st_ino != after.st_ino:
                self.odd["another file"] += 1
            os.close(fd)

    def reopened(self):
        """Opened by an O_PATH descriptor, after the name has gone."""
        path = self.path()
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                os.unlink(path)
                again = os.open("/proc/self/fd/%d" % fd, os.O_RDONLY)
                os.close(again)
        finally:
            os.close(fd)

    def walk(self):
        path = self.directory()
        seen = os.listdir(path)
        # A name that moves while it is listed may be seen twice; one that cannot be a name is not.
        for name in seen:
            if name.startswith("_____") and not name.startswith("__________1"):
                self.odd["foreign name " + name[:30]] += 1
        for entry in os.scandir(path):
            try:
                entry.stat(follow_symlinks=False)
            except OSError as e:
                if e.errno not in RACY:
                    raise

    def inside(self):
        """A directory that is removed while it is somebody's working directory."""
        path = self.directory() + "/in%d" % self.number
        os.mkdir(path)
        here = os.open(path, os.O_DIRECTORY)
        try:
            os.rmdir(path)
            try:
                os.close(os.open("x", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=here))
                self.odd["file in a removed directory"] += 1
            except OSError as e:
                if e.errno != errno.ENOENT:
                    raise
            os.fstat(here)
            os.listdir(here)
        finally:
            os.close(here)

    def step(self):
        r = self.rnd
        kind = r.choice((
            "create", "create", "create", "read", "read", "unlink", "unlink", "rename", "rename",
            "noreplace", "exchange", "link", "symlink", "mkdir", "rmdir", "walk", "held", "tmpfile",
            "replace", "movedir", "inside", "reopened", "truncate", "stat"))
        try:
            if kind == "unlink":
                os.unlink(self.path())
            elif kind == "rename":
                os.rename(self.path(), self.path())
            elif kind == "noreplace":
                renameat2(self.path(), self.path(), NOREPLACE)
            elif kind == "exchange":
                renameat2(self.path(), self.path(), EXCHANGE)
            elif kind == "link":
                os.link(self.path(), self.path(), follow_symlinks=False)
            elif kind == "symlink":
                os.symlink(self.fresh().decode() + "t" * r.choice((1, 40, 2000)), self.path())
            elif kind == "mkdir":
                os.mkdir(self.directory() + "/d%d" % r.randrange(3))
            elif kind == "rmdir":
                os.rmdir(r.choice((self.path(), self.directory() + "/d%d" % r.randrange(3))))
            elif kind == "movedir":
                os.rename(self.directory() + "/d%d" % r.randrange(3),
                          self.directory() + "/d%d" % r.randrange(3))
            elif kind == "truncate":
                os.truncate(self.path(), 0)
            elif kind == "stat":
                os.lstat(self.path())
            else:
                getattr(self, kind)()
            self.done[kind] += 1
        except OSError as e:
            if e.errno not in RACY:
                self.odd["%s: %s" % (kind, errno.errorcode.get(e.errno, e.errno))] += 1

    def run(self, until, queue):
        while time.monotonic() < until:
            self.step()
        queue.put((self.odd, self.done))


def finish(top, worker):
    """Nothing moves any more: what is listed is there, and is whole."""
    for path, dirs, files in os.walk(top):
        for name in dirs + files:
            full = os.path.join(path, name)
            st = os.lstat(full)
            if stat.S_ISREG(st.st_mode):
                with open(full, "rb") as f:
                    data = f.read()
                worker.check(data, full)
                if len(data) != st.st_size:
                    worker.odd["size in the end"] += 1
            elif stat.S_ISLNK(st.st_mode):
                if len(os.readlink(full)) != st.st_size:
                    worker.odd["length of a symlink"] += 1


def main():
    top, seconds, processes = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    queue = multiprocessing.Queue()
    until = time.monotonic() + seconds
    procs = [multiprocessing.Process(target=Worker(top, seed, n).run, args=(until, queue))
             for n in range(processes)]
    for p in procs:
        p.start()
    odd, done = collections.Counter(), collections.Counter()
    for _ in procs:
        o, d = queue.get(timeout=seconds + 120)
        odd += o
        done += d
    for p in procs:
        p.join()
    # Whoever makes trouble says when it is over.
    quiet = os.environ.get("STORM_QUIET")
    while quiet and not os.path.exists(quiet):
        time.sleep(0.05)
    last = Worker(top, seed, 99)
    finish(top, last)
    odd += last.odd
    for what, n in sorted(odd.items()):
        print("%d x %s" % (n, what))
    few = sum(done.values()) < 50 * processes
    print("storm: %d operations" % sum(done.values()), file=sys.stderr)
    print(dict(done), file=sys.stderr)
    print("storm over" if not odd and not few else "storm with surprises")


if __name__ == "__main__":
    main()
