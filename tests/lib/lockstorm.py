#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockstorm.py - a tree is locked and unlocked at random while processes work in it

usage: lockstorm.py TREE SECONDS SEED LEVELS UNLOCK LOCK - LEVELS words of polite,revoke,panic with
commas; UNLOCK a shell command, LOCK one that takes --revoke or --panic behind it.

What fsync or msync has acknowledged must be there at the end and whenever a file is opened again;
what was written since may be there, page by page. A name whose making was acknowledged is there,
one whose removal was is not. As soon as a lock has returned with nothing in use no name can be read,
and as soon as an unlock has returned all can. Everything answers within TIMEOUT.
"""
import collections
import errno
import mmap
import multiprocessing
import os
import random
import stat
import struct
import subprocess
import sys
import time

TIMEOUT = 150
PAGE = 4096
PAGES = 24
LOCKED = {errno.ENOKEY}
# By name, when the names are no-key ones: not there.
GONE = {errno.ENOKEY, errno.ENOENT}


def stamp(owner, page, version):
    return struct.pack("<IIQ", owner, page, version) * (PAGE // 16)


def code(e):
    return errno.errorcode.get(e.errno, str(e.errno))


class Worker:
    def __init__(self, tree, seed, number, stop, quiet):
        self.rnd = random.Random(seed * 1000 + number)
        self.tree, self.number, self.stop, self.quiet = tree, number, stop, quiet
        self.odd, self.done = collections.Counter(), collections.Counter()

    def path(self, name):
        return os.path.join(self.tree, name)

    def expect(self, allowed, fn, *args):
        """The call's result, or None when it failed as it may."""
        try:
            r = fn(*args)
            return True if r is None else r
        except OSError as e:
            if e.errno not in allowed:
                self.odd["%s: %s: %s" % (type(self).__name__, getattr(fn, "__name__", fn), code(e))] += 1
            return None

    def pause(self):
        time.sleep(self.rnd.random() * 0.02)

    def run(self, queue):
        try:
            while not self.stop.is_set():
                if self.quiet.is_set():
                    self.drop()
                    time.sleep(0.01)
                else:
                    self.step()
            self.drop()
            self.finish()
        except Exception as e:  # pylint: disable=broad-except
            self.odd["%s died: %r" % (type(self).__name__, e)] += 1
        queue.put((self.odd, self.done))

    def drop(self):
        """Lets go of everything."""

    def finish(self):
        pass


class Pages(Worker):
    """A file of stamped pages, written in place; by mapping in a child, which may die of it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.name = "pages%d" % self.number
        self.low = [0] * PAGES  # versions that are surely there, by page
        self.high = [0] * PAGES  # the newest that may be there
        self.pending = {}  # written by this descriptor, and not synced: versions by page
        self.version = 0
        self.fd = -1
        fd = os.open(self.path(self.name), os.O_RDWR | os.O_CREAT, 0o644)
        for i in range(PAGES):
            os.pwrite(fd, stamp(self.number, i, 0), i * PAGE)
        os.fsync(fd)
        os.close(fd)

    def check(self, data):
        for i in range(PAGES):
            page = data[i * PAGE:(i + 1) * PAGE]
            owner, number, version = struct.unpack("<IIQ", page[:16]) if len(page) == PAGE else (0, 0, 0)
            if page != stamp(self.number, i, version) or (owner, number) != (self.number, i):
                self.odd["%s: a page is torn or another's" % type(self).__name__] += 1
            elif not self.low[i] <= version <= self.high[i]:
                self.odd["%s: page of version %s" % (type(self).__name__,
                                                     "lost" if version < self.low[i] else "future")] += 1

    def drop(self):
        if self.fd >= 0:
            self.expect(LOCKED | {errno.EIO}, os.close, self.fd)
        self.fd, self.pending = -1, {}

    def reopen(self):
        self.drop()
        fd = self.expect(GONE, os.open, self.path(self.name), os.O_RDWR)
        if fd is None:
            self.pause()
            return
        data = self.expect(LOCKED, os.pread, fd, PAGES * PAGE + 1, 0)
        if data is not None and len(data) == PAGES * PAGE:
            self.check(data)
        elif data is not None and self.expect(LOCKED, os.pread, fd, 1, len(data)) is not None:
            self.odd["%s: %d bytes" % (type(self).__name__, len(data))] += 1
        self.fd = fd

    def step(self):
        if self.fd < 0 or self.rnd.random() < 0.1:
            self.reopen()
            if self.fd < 0:
                return
        pages = self.rnd.sample(range(PAGES), self.rnd.choice((1, 2, 8)))
        self.version += 1
        if self.write(pages):
            self.done[type(self).__name__] += 1

    def write(self, pages):
        for i in pages:
            self.high[i] = self.version
            data = stamp(self.number, i, self.version)
            # Sometimes by halves, so that the rest of the page has to be read.
            cut = self.rnd.choice((PAGE, PAGE, PAGE // 2 + 16))
            if self.expect(LOCKED, os.pwrite, self.fd, data[:cut], i * PAGE) is None or \
                    self.expect(LOCKED, os.pwrite, self.fd, data[cut:], i * PAGE + cut) is None:
                self.half(i)
                return False
            self.pending[i] = self.version
        if self.rnd.random() < 0.3:
            if self.expect(LOCKED | {errno.EIO}, os.fsync, self.fd) is None:
                self.reopen()
                return False
            self.sync_done()
        return True

    def sync_done(self):
        for i, version in self.pending.items():
            self.low[i] = version
        self.pending = {}

    def half(self, page):
        """A page may be half written: it is written again as a whole before anything else."""
        while True:
            self.reopen_blind()
            if self.fd >= 0 and self.expect(LOCKED, os.pwrite, self.fd, stamp(self.number, page, self.version),
                                            page * PAGE) is not None:
                self.pending[page] = self.version
                if self.expect(LOCKED | {errno.EIO}, os.fsync, self.fd) is not None:
                    self.sync_done()
                    return
            self.pause()

    def reopen_blind(self):
        self.drop()
        fd = self.expect(GONE, os.open, self.path(self.name), os.O_RDWR)
        self.fd = -1 if fd is None else fd

    def finish(self):
        self.reopen()
        if self.fd < 0:
            self.odd["%s: cannot be opened in the end" % type(self).__name__] += 1


class Mapped(Pages):
    def write(self, pages):
        mine, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.close(mine)
                m = mmap.mmap(self.fd, PAGES * PAGE)
                for i in pages:
                    m[i * PAGE:(i + 1) * PAGE] = stamp(self.number, i, self.version)
                m.flush()
                os.write(theirs, b"synced")
                code = 0
            except (OSError, ValueError):
                pass
            finally:
                os._exit(code)
        os.close(theirs)
        for i in pages:
            self.high[i] = self.version
        synced = os.read(mine, 10) == b"synced"
        os.close(mine)
        os.waitpid(pid, 0)
        if synced:
            for i in pages:
                self.low[i] = self.high[i]
        else:
            # A store by mapping is memcpy: the fault may come in the middle of a page.
            for i in pages:
                self.half(i)
        return synced


class Log(Worker):
    """Records appended to a file: what is acknowledged is a prefix."""

    def __init__(self, *args):
        super().__init__(*args)
        self.name = "log%d" % self.number
        self.sure = 0
        self.fd = -1
        os.close(os.open(self.path(self.name), os.O_WRONLY | os.O_CREAT, 0o644))

    def record(self, i):
        return (b"<%d.%08d>" % (self.number, i)).ljust(99, b".") + b"\n"

    def drop(self):
        if self.fd >= 0:
            self.expect(LOCKED | {errno.EIO}, os.close, self.fd)
        self.fd = -1

    def reopen(self):
        self.drop()
        fd = self.expect(GONE, os.open, self.path(self.name), os.O_RDWR | os.O_APPEND)
        if fd is None:
            self.pause()
            return
        data = self.expect(LOCKED, os.pread, fd, self.sure * 100, 0)
        want = b"".join(self.record(i) for i in range(self.sure))
        if data is not None and len(data) < len(want) and want.startswith(data) and \
                self.expect(LOCKED, os.pread, fd, 1, len(data)) is None:
            data = None  # locked in the midst of the read
        if data is not None and data != want:
            self.odd["Log: what was synced is gone or damaged"] += 1
            self.sure = 0
        if data is None or self.expect(LOCKED, os.ftruncate, fd, self.sure * 100) is None:
            self.expect(LOCKED | {errno.EIO}, os.close, fd)
            return
        self.fd = fd

    def step(self):
        if self.fd < 0:
            self.reopen()
        if self.fd < 0:
            return
        n = self.rnd.randrange(1, 60)
        for i in range(self.sure, self.sure + n):
            if self.expect(LOCKED, os.write, self.fd, self.record(i)) is None:
                self.reopen()
                return
        if self.expect(LOCKED | {errno.EIO}, os.fsync, self.fd) is None:
            self.reopen()
            return
        self.sure += n
        self.done["Log"] += 1
        if self.sure > 2000:
            self.sure = 0
            self.reopen()

    def finish(self):
        self.reopen()
        if self.fd < 0:
            self.odd["Log: cannot be opened in the end"] += 1


class Tree(Worker):
    """Small files in directories, made, renamed and removed as git does it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.top = "tree%d" % self.number
        os.mkdir(self.path(self.top))
        self.there = {}  # name: contents that are sure, or None when only the name is
        self.maybe = set()
        self.count = 0

    def names(self):
        sub = "%s/%d" % (self.top, self.rnd.randrange(4))
        self.count += 1
        return sub, "%s/%s%d" % (sub, self.rnd.choice(("f", "long-" + "x" * 190)), self.count)

    def step(self):
        kind = self.rnd.choice(("make", "make", "make", "move", "remove", "read"))
        if kind == "make":
            self.make()
            return
        files = sorted(n for n, data in self.there.items() if data is not None)
        if files:
            old = self.rnd.choice(files)
            if kind == "move":
                new = os.path.dirname(old) + "/m%d" % self.rnd.randrange(40)
                if self.expect(GONE, os.rename, self.path(old), self.path(new)):
                    self.there[new] = self.there.pop(old)
                    self.maybe.discard(new)
                    self.done["Tree"] += 1
            elif kind == "remove":
                if self.expect(GONE, os.unlink, self.path(old)):
                    del self.there[old]
                    self.done["Tree"] += 1
            else:
                self.read(old, GONE)

    def make(self):
        sub, name = self.names()
        if self.expect(GONE | {errno.EEXIST}, os.mkdir, self.path(sub)):
            self.there[sub] = None
        temp = os.path.dirname(name) + "/tmp"
        fd = self.expect(GONE, os.open, self.path(temp), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self.maybe.add(temp)
        if fd is None:
            return
        data = b"%s\n" % name.encode() * self.rnd.choice((1, 100))
        ok = self.expect(LOCKED, os.write, fd, data) and self.expect(LOCKED | {errno.EIO}, os.fsync, fd)
        self.expect(LOCKED | {errno.EIO}, os.close, fd)
        if ok and self.expect(GONE, os.rename, self.path(temp), self.path(name)):
            self.there[name] = data
            self.done["Tree"] += 1

    def read(self, name, allowed):
        if self.there[name] is None:
            self.expect(allowed | {errno.EISDIR}, os.lstat, self.path(name))
            return
        fd = self.expect(allowed, os.open, self.path(name), os.O_RDONLY)
        if fd is None:
            return
        data = self.expect(allowed & LOCKED, os.read, fd, 1 << 20)
        if data is not None and data != self.there[name]:
            self.odd["Tree: contents"] += 1
        os.close(fd)

    def finish(self):
        seen = set()
        for path, dirs, files in os.walk(self.path(self.top)):
            for n in dirs + files:
                full = os.path.relpath(os.path.join(path, n), self.tree)
                if full in seen:
                    self.odd["Tree: listed twice"] += 1
                seen.add(full)
        for n in set(self.there) - seen:
            self.odd["Tree: a name is lost"] += 1
        for n in seen - set(self.there) - self.maybe:
            self.odd["Tree: a name too many"] += 1
        for n in self.there:
            self.read(n, set())


class Looker(Worker):
    """Walks, reads everybody's files, keeps descriptors, sits in directories."""

    def __init__(self, *args):
        super().__init__(*args)
        self.kept = []

    def step(self):
        os.chdir("/")
        kind = self.rnd.choice(("walk", "read", "keep", "sit"))
        if kind == "walk":
            for path, dirs, files in os.walk(self.tree):
                for n in dirs + files:
                    self.expect(GONE, os.lstat, os.path.join(path, n))
                if self.rnd.random() < 0.3:
                    break
        elif kind == "sit":
            if self.expect(GONE, os.chdir, self.path("anchors")):
                self.pause()
                self.expect(GONE, os.listdir, ".")
        else:
            names = self.expect(GONE, os.listdir, self.tree) or []
            names = [n for n in names if n.startswith("pages")]
            if not names:
                self.pause()
                return
            fd = self.expect(GONE, os.open, self.path(self.rnd.choice(names)), os.O_RDONLY)
            if fd is None:
                return
            self.look(fd)
            self.kept.append(fd)
        while len(self.kept) > (3 if kind == "keep" else 0):
            self.let_go()
        self.done["Looker"] += 1

    def let_go(self):
        fd = self.kept.pop(0)
        self.look(fd)
        # A close tells what a write-back could not do, whoever wrote.
        self.expect(LOCKED | {errno.EIO}, os.close, fd)

    def drop(self):
        os.chdir("/")
        while self.kept:
            self.let_go()

    def look(self, fd):
        page = self.rnd.randrange(PAGES)
        data = self.expect(LOCKED, os.pread, fd, PAGE, page * PAGE)
        if data and data.strip(b"\0"):
            owner, number, _ = struct.unpack("<IIQ", data[:16])
            if number != page or owner > 99:
                self.odd["Looker: another page"] += 1


def command(line):
    try:
        r = subprocess.run(line, shell=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, check=False)
        return r.returncode, r.stderr
    except subprocess.TimeoutExpired:
        return None, b""


class Locker:
    def __init__(self, tree, seed, levels, unlock, lock, quiet):
        self.quiet, self.coming = quiet, []
        self.tried = self.idle = 0  # polite locks while nobody held anything; those complete in time
        self.tree, self.levels, self.unlock_line, self.lock_line = tree, levels, unlock, lock
        self.rnd = random.Random(seed)
        self.odd, self.done = collections.Counter(), collections.Counter()
        os.mkdir(os.path.join(tree, "anchors"))
        for i in range(20):
            with open(os.path.join(tree, "anchors", "anchor%d" % i), "wb") as f:
                f.write(b"anchor%d" % i)
                f.flush()
                os.fsync(f.fileno())

    def anchors(self):
        """How many of the names can be read."""
        n = 0
        for i in range(20):
            try:
                os.lstat(os.path.join(self.tree, "anchors", "anchor%d" % i))
                n += 1
            except OSError as e:
                if e.errno not in GONE:
                    self.odd["Locker: lstat: " + code(e)] += 1
        return n

    def next_level(self):
        # Every level once before any comes again: a slow machine has few rounds.
        if not self.coming:
            self.coming = self.rnd.sample(self.levels, len(self.levels))
        return self.coming.pop()

    def all_done(self):
        return all(self.done[k] or self.done[k + ", busy"] for k in self.levels)

    def round(self):
        level = self.next_level()
        line = self.lock_line + ("" if level == "polite" else " --" + level)
        if level == "polite" and self.rnd.random() < 0.5:
            # Nobody holds anything for a while: then it is complete, though closes come late.
            self.quiet.set()
            until = time.monotonic() + 5
            rc = 16
            while rc == 16 and time.monotonic() < until:
                time.sleep(0.05)
                rc, err = command(line)
            # It may have completed itself meanwhile, and then there is no key to lock any more.
            self.tried += 1
            self.idle += rc != 16
            rc = 0 if rc == 1 and b"no such key" in err else rc
        else:
            rc, err = command(line)
        if rc is None:
            self.odd["the lock hangs"] += 1
            return False
        if rc not in (0, 16):
            self.odd["lock %s: exit %d: %s" % (level, rc, err[-80:])] += 1
        self.done[level if rc == 0 else level + ", busy"] += 1
        if rc == 16 and level != "polite":
            self.odd["lock %s: busy" % level] += 1
        if rc == 0:
            n = self.anchors()
            if n:
                self.odd["locked, and %d names can be read" % n] += 1
        self.quiet.clear()
        time.sleep(self.rnd.choice((0, 0, 0.05, 0.2)))
        rc, err = command(self.unlock_line)
        if rc is None:
            self.odd["the unlock hangs"] += 1
            return False
        if rc != 0:
            self.odd["unlock: exit %d: %s" % (rc, err[-80:])] += 1
        n = self.anchors()
        if n != 20:
            self.odd["unlocked, and %d names of 20 can be read" % n] += 1
        time.sleep(self.rnd.choice((0, 0.1, 0.3, 0.6)))
        return True


def main():
    tree, seconds, seed, levels, unlock, lock = sys.argv[1:7]
    seed = int(seed)
    stop, queue = multiprocessing.Event(), multiprocessing.Queue()
    quiet = multiprocessing.Event()
    locker = Locker(tree, seed, levels.split(","), unlock, lock, quiet)
    kinds = (Pages, Pages, Mapped, Log, Tree, Tree, Looker, Looker)
    workers = [k(tree, seed, n, stop, quiet) for n, k in enumerate(kinds)]
    procs = [multiprocessing.Process(target=w.run, args=(queue,)) for w in workers]
    for p in procs:
        p.start()
    until = time.monotonic() + float(seconds)
    fine = True
    while fine and (time.monotonic() < until or not locker.all_done()):
        fine = locker.round()
    stop.set()
    # A name that the kernel keeps as absent, and that we have not been told of, holds a directory.
    if locker.tried > 3 and locker.idle * 2 < locker.tried:
        locker.odd["lock: busy though nobody holds anything"] += 1
    odd, done = locker.odd, locker.done
    done["complete when idle"], done["tried when idle"] = locker.idle, locker.tried
    for _ in procs:
        try:
            o, d = queue.get(timeout=TIMEOUT)
            odd += o
            done += d
        except Exception:  # pylint: disable=broad-except
            odd["a worker hangs"] += 1
            break
    for p in procs:
        if odd["a worker hangs"]:
            p.terminate()
        p.join(10)
    for what, n in sorted(odd.items()):
        if n:
            print("%d x %s" % (n, what))
    print(dict(done), file=sys.stderr)
    few = [k for k in ("Pages", "Mapped", "Log", "Tree", "Looker") if not done[k]]
    print("lock storm over" if not +odd and not few else "lock storm with surprises " + " ".join(few))


if __name__ == "__main__":
    main()
