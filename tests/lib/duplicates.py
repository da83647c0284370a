#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""duplicates.py - things of a name that exists are made, while the key comes and goes

usage: duplicates.py DIR SECONDS UNLOCK LOCK - DIR a directory of the key; UNLOCK and LOCK shell commands.

Whoever makes something looks its name up first, and may do that without the key and go on with it.
Nothing new may come of that: the names exist, all of them, and each is listed once.
"""
import collections
import errno
import multiprocessing
import os
import subprocess
import sys
import time

top, seconds, unlock, lock = sys.argv[1:5]
NAMES = ["name%d" % i for i in range(6)] + ["long%d-" % i + "n" * 220 for i in range(3)]
KINDS = ("create", "open", "mkdir", "symlink", "mknod", "link", "rename", "tmpfile")
# What it may answer: the name is there, or the key is not; a source is gone with the key.
FINE = {errno.EEXIST, errno.ENOKEY, errno.ENOENT, errno.ENOTEMPTY}


def make(kind, path, number):
    if kind == "create":
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    elif kind == "open":
        fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
        # Without O_EXCL it is opened, and is what it was.
        data = os.pread(fd, 1000, 0)
        os.close(fd)
        return data != os.path.basename(path).encode()
    elif kind == "mkdir":
        os.mkdir(path)
    elif kind == "symlink":
        os.symlink("target", path)
    elif kind == "mknod":
        os.mkfifo(path)
    elif kind == "link":
        os.link(os.path.join(top, "source%d" % number), path)
    elif kind == "rename":
        # Not over it: renameat2 with RENAME_NOREPLACE.
        from ops import NOREPLACE, rename2
        rename2(os.path.join(top, "source%d" % number), path, NOREPLACE)
    elif kind == "tmpfile":
        from ops import link_fd
        fd = os.open(top, os.O_TMPFILE | os.O_RDWR, 0o600)
        try:
            link_fd(fd, path)
        finally:
            os.close(fd)
    return True


def worker(number, until, queue):
    odd, done, i = collections.Counter(), collections.Counter(), number
    while time.monotonic() < until:
        i += 1
        kind, name = KINDS[i % len(KINDS)], NAMES[i // len(KINDS) % len(NAMES)]
        try:
            if make(kind, os.path.join(top, name), number):
                odd["%s of a name that exists" % kind] += 1
            done["ok"] += 1
        except OSError as e:
            done[errno.errorcode.get(e.errno, e.errno)] += 1
            if e.errno not in FINE:
                odd["%s: %s" % (kind, errno.errorcode.get(e.errno, e.errno))] += 1
    queue.put((odd, done))


def sh(line):
    return subprocess.run(line, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode


for n in NAMES:
    with open(os.path.join(top, n), "w", encoding="ascii") as f:
        f.write(n)
for w in range(3):
    with open(os.path.join(top, "source%d" % w), "w", encoding="ascii") as f:
        f.write("source")
want = sorted(os.listdir(top))
until = time.monotonic() + float(seconds)
queue = multiprocessing.Queue()
procs = [multiprocessing.Process(target=worker, args=(n, until, queue)) for n in range(3)]
for p in procs:
    p.start()
rounds = 0
while time.monotonic() < until:
    if sh(lock + (" --revoke" if rounds % 2 else "")) not in (0, 16):
        print("the lock fails")
    if sh(unlock) != 0:
        print("the unlock fails")
    rounds += 1
    got = sorted(os.listdir(top))
    if got != want:
        print("listed:", *(set(got) ^ set(want)))
        break
odd, done = collections.Counter(), collections.Counter()
for p in procs:
    o, d = queue.get(timeout=150)
    odd += o
    done += d
for p in procs:
    p.join()
for what, n in sorted(odd.items()):
    print(n, "x", what)
print("%d rounds, %s" % (rounds, dict(done)), file=sys.stderr)
names = os.listdir(top)
print("each name once:", sorted(names) == want and len(set(names)) == len(names))
for n in NAMES:
    with open(os.path.join(top, n), encoding="ascii") as f:
        if f.read() != n:
            print("another file by the name", n[:10])
print("enough of everything:", done["EEXIST"] > 20 and done["ok"] > 5 and done["ENOKEY"] + done["ENOENT"] > 5 and rounds > 5)
