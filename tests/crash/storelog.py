#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""storelog.py - what a `log` device has recorded, and the store as it was, or would be, at a point

  storelog.py list LOG                     one line for each record
  storelog.py mark LOG TEXT                add a mark
  storelog.py snapshot STORE BASE          copy a store, before a log of it begins
  storelog.py replay LOG BASE INDEX DIR    DIR: the store as it was after record INDEX (or at the
                                           mark of that text), made from BASE, a copy of the store
                                           from before the log began

A power cut keeps less than that: class Crash.
"""
import json
import os
import random
import stat
import struct
import sys

HEAD = struct.Struct("<4sHHQQQQQIIHHI")
META = 16
OPS = {1: "write", 2: "flush"}
OPS.update({META + i: n for i, n in enumerate((
    "create", "tmpfile", "mkdir", "mknod", "symlink", "link", "rename", "unlink", "rmdir", "truncate",
    "fallocate", "pwrite", "sync", "syncfs", "replace", "mark", "base"))})
BLOCK = 4096
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
KEEP_SIZE, PUNCH, ZERO = 1, 2, 16


class Record:
    __slots__ = ("index", "end", "op", "failed", "ino", "dir", "dir2", "pos", "len", "mode", "flags",
                 "name", "name2", "data")


def read_log(path):
    raw = open(path, "rb").read()
    out, at = [], 0
    while at + HEAD.size <= len(raw):
        r = Record()
        magic, op, failed, r.ino, r.dir, r.dir2, r.pos, r.len, r.mode, r.flags, n, n2, d = HEAD.unpack_from(raw, at)
        if magic != b"FUSL":
            raise ValueError("%s: no record at byte %d" % (path, at))
        at += HEAD.size
        if at + n + n2 + d > len(raw):
            break
        r.op, r.failed = OPS[op], bool(failed & 1)
        r.name, r.name2, r.data = raw[at:at + n], raw[at + n:at + n + n2], raw[at + n + n2:at + n + n2 + d]
        at += n + n2 + d
        if r.op == "base":  # what the store had: no change, and a snapshot knows it too
            continue
        r.index, r.end = len(out), at
        out.append(r)
    tell_apart(out)
    return out


def tell_apart(records):
    """A number that is used again is another object: each gets one of its own."""
    now = {}
    for r in records:
        r.dir, r.dir2 = now.get(r.dir, r.dir), now.get(r.dir2, r.dir2)
        if r.op in ("create", "tmpfile", "mkdir", "mknod", "symlink", "replace"):
            now[r.ino] = r.ino + (r.index + 1 << 64)
        r.ino = now.get(r.ino, r.ino)


def snapshot(store, base):
    """A copy of a store that nobody has mounted, with the inode numbers that a log will use."""
    os.system("cp -a %s %s" % (sh(store), sh(base)))
    numbers = {}
    for top, dirs, names in os.walk(os.fsencode(store)):
        for n in [b"."] + dirs + names:
            p = os.path.normpath(os.path.join(top, n))
            numbers[os.fsdecode(os.path.relpath(p, os.fsencode(store)))] = os.lstat(p).st_ino
    with open(base + ".numbers", "w") as f:
        json.dump(numbers, f)


def sh(s):
    return "'" + s.replace("'", "'\\''") + "'"


class Obj:
    def __init__(self, kind, mode):
        self.kind, self.mode = kind, mode
        self.names = {}      # of a directory
        self.data = bytearray()
        self.target = b""
        self.rdev = 0


class State:
    """A store in memory. Operations on what is not there do nothing: a crash has lost it."""

    def __init__(self, base):
        self.objs = {}       # by inode number, the newest of that number
        numbers = json.load(open(base + ".numbers"))
        self.root = None
        for rel, ino in sorted(numbers.items()):
            p = os.path.join(os.fsencode(base), os.fsencode(rel))
            st = os.lstat(p)
            o = self.objs.get(ino)
            if o is None:
                o = self.objs[ino] = Obj(stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode))
                if stat.S_ISREG(st.st_mode):
                    o.data = bytearray(open(p, "rb").read())
                elif stat.S_ISLNK(st.st_mode):
                    o.target = os.readlink(p)
                o.rdev = st.st_rdev
            if rel == ".":
                self.root = o
        for rel, ino in numbers.items():
            if rel != ".":
                d, n = os.path.split(os.fsencode(rel))
                self.objs[numbers[os.fsdecode(d) or "."]].names[n] = self.objs[ino]

    def new(self, ino, kind, mode):
        o = self.objs[ino] = Obj(kind, mode)
        return o

    def apply(self, r):
        """What is not the bytes of a file; of a write the size."""
        d, d2, o = self.objs.get(r.dir), self.objs.get(r.dir2), self.objs.get(r.ino)
        if r.op in ("create", "mkdir", "mknod", "symlink", "tmpfile"):
            kind = {"create": stat.S_IFREG, "tmpfile": stat.S_IFREG, "mkdir": stat.S_IFDIR, "symlink": stat.S_IFLNK,
                    "mknod": stat.S_IFMT(r.mode)}[r.op]
            o = self.new(r.ino, kind, stat.S_IMODE(r.mode))
            o.target, o.rdev = r.data, r.pos
            if r.op != "tmpfile" and d is not None:
                d.names[r.name] = o
        elif r.op == "replace":
            o = self.new(r.ino, stat.S_IFREG, stat.S_IMODE(r.mode))
            o.data = bytearray(r.data)
            if d is not None:
                d.names[r.name] = o
        elif r.op == "link":
            if d is not None and o is not None:
                d.names[r.name] = o
        elif r.op in ("unlink", "rmdir"):
            if d is not None:
                d.names.pop(r.name, None)
        elif r.op == "rename":
            if d is None or d2 is None or r.name not in d.names:
                return
            a, b = d.names[r.name], d2.names.get(r.name2)
            if r.flags & EXCHANGE:
                if b is not None:
                    d.names[r.name], d2.names[r.name2] = b, a
                return
            if a is b:
                return
            del d.names[r.name]
            d2.names[r.name2] = a
            if r.flags & WHITEOUT:
                d.names[r.name] = Obj(stat.S_IFCHR, 0)
        elif o is None:
            return
        elif r.op == "truncate":
            if len(o.data) > r.len:
                del o.data[r.len:]
            else:
                o.data.extend(bytes(r.len - len(o.data)))
        elif r.op == "fallocate":
            end = r.pos + r.len
            if not r.flags & KEEP_SIZE and end > len(o.data):
                o.data.extend(bytes(end - len(o.data)))
            if r.flags & (PUNCH | ZERO) and r.pos < len(o.data):
                end = min(end, len(o.data))
                o.data[r.pos:end] = bytes(end - r.pos)
        elif r.op in ("write", "pwrite"):
            if len(o.data) < r.pos + len(r.data):
                o.data.extend(bytes(r.pos + len(r.data) - len(o.data)))

    def store_bytes(self, r, pos, data):
        """Bytes of a file; none beyond its size."""
        o = self.objs.get(r.ino)
        if o is not None and pos < len(o.data):
            data = data[:len(o.data) - pos]
            o.data[pos:pos + len(data)] = data

    def write_to(self, path):
        os.mkdir(path, 0o700)
        seen = {}

        def put(o, p):
            if id(o) in seen and o.kind != stat.S_IFDIR:
                os.link(seen[id(o)], p, follow_symlinks=False)
                return
            seen[id(o)] = p
            if o.kind == stat.S_IFDIR:
                if p != path:
                    os.mkdir(p, 0o700)
                for n, child in o.names.items():
                    put(child, os.path.join(p, n))
                os.chmod(p, o.mode)
            elif o.kind == stat.S_IFREG:
                with open(p, "wb") as f:
                    f.write(o.data)
                os.chmod(p, o.mode)
            elif o.kind == stat.S_IFLNK:
                os.symlink(o.target, p)
            else:
                os.mknod(p, o.kind | o.mode, o.rdev)

        path = os.fsencode(path)
        put(self.root, path)


DATA = ("write", "pwrite")
SYNC = ("flush", "sync")


class Crash:
    """
    What the store is after a power cut behind record @point. Two kinds of filesystem:

    journal  names, sizes and holes are as they were after one record, not before the last one that
             an fsync of anything has answered for: ext4 and XFS.
    log      they are as after some earlier sync of everything, and of what was fsynced since there
             is that file with its names and the directories to it: btrfs, F2FS.

    In both what was written and not flushed is there or not, each block of 4096 bytes for itself.
    """

    def __init__(self, records, base, point, rnd, kind="journal", data="random", meta="random"):
        self.records = records[:point]
        self.state = State(base)
        self.rnd = rnd
        durable = self.flushed()
        applied = self.journal(meta) if kind == "journal" else self.log(meta)
        keep = {"none": lambda: False, "all": lambda: True, "random": lambda: rnd.random() < 0.5}[data]
        for r in self.records:
            if r.failed or r.op in SYNC or r.op in ("mark", "syncfs"):
                continue
            if applied(r):
                self.state.apply(r)
            if r.op in DATA:
                self.put(r, durable(r), keep)

    def put(self, r, durable, keep):
        if durable:
            self.state.store_bytes(r, r.pos, r.data)
            return
        at = 0
        while at < len(r.data):
            n = min(BLOCK - (r.pos + at) % BLOCK, len(r.data) - at)
            if keep():
                self.state.store_bytes(r, r.pos + at, r.data[at:at + n])
            at += n

    def flushed(self):
        """Whether the bytes of a record have been flushed."""
        last, everything = {}, -1
        for r in self.records:
            if not r.failed and r.op in SYNC:
                last[r.ino] = r.index
            elif not r.failed and r.op == "syncfs":
                everything = r.index
        return lambda r: r.index < max(everything, last.get(r.ino, -1))

    def journal(self, meta):
        forced = max([r.index for r in self.records if not r.failed and (r.op in SYNC or r.op in ("syncfs", "replace"))],
                     default=-1)
        commit = {"none": forced, "all": len(self.records),
                  "random": self.rnd.randint(forced, len(self.records))}[meta]
        return lambda r: r.index <= commit

    def log(self, meta):
        forced = max([r.index for r in self.records if not r.failed and r.op in ("syncfs", "replace")], default=-1)
        commit = {"none": forced, "all": len(self.records),
                  "random": self.rnd.randint(forced, len(self.records))}[meta]
        more = set()
        for s in self.records:
            if s.op in SYNC and not s.failed and s.index > commit:
                self.with_names(s.ino, s.index, commit, more)
        return lambda r: r.index <= commit or r.index in more

    def with_names(self, ino, until, commit, more):
        """Everything about an inode since @commit: its making, its names, what was in its place."""
        names = {}
        for r in self.records[:until]:
            mine = r.ino == ino and r.op not in SYNC
            if r.op in ("create", "mkdir", "mknod", "symlink", "link", "replace") and mine:
                names[(r.dir, r.name)] = True
            elif r.op == "rename":
                if names.get((r.dir, r.name)) or (r.flags & EXCHANGE and names.get((r.dir2, r.name2))):
                    mine = True
                    if r.flags & EXCHANGE:
                        a, b = names.pop((r.dir, r.name), None), names.pop((r.dir2, r.name2), None)
                        names[(r.dir, r.name)], names[(r.dir2, r.name2)] = b, a
                    else:
                        names.pop((r.dir, r.name), None)
                        names[(r.dir2, r.name2)] = True
            elif r.op in ("unlink", "rmdir") and names.get((r.dir, r.name)):
                mine = True
                names.pop((r.dir, r.name))
            elif r.dir == ino and r.op not in SYNC:
                mine = True  # an entry of a directory that was fsynced
            if mine and r.index > commit:
                more.add(r.index)
                for d in (r.dir, r.dir2):
                    if d and d != ino:
                        self.way_to(d, until, commit, more)
        for d, _ in names:
            self.way_to(d, until, commit, more)

    def way_to(self, ino, until, commit, more):
        """A directory has to be there, and be where it was, for an entry in it to be."""
        names = {}
        for r in self.records[:until]:
            mine = r.op == "mkdir" and r.ino == ino
            if mine:
                names[(r.dir, r.name)] = True
            elif r.op == "rename" and (r.dir, r.name) in names:
                mine = True
                names.pop((r.dir, r.name), None)
                names[(r.dir2, r.name2)] = True
            if mine and r.index > commit:
                more.add(r.index)
            if mine:
                for d in (r.dir, r.dir2):
                    if d and d != ino:
                        self.way_to(d, r.index, commit, more)


def find_point(records, what):
    for r in records:
        if r.op == "mark" and r.data == os.fsencode(what):
            return r.index
    return min(int(what), len(records))


def replay(log, base, what, path):
    records = read_log(log)
    Crash(records, base, find_point(records, what), random.Random(0), data="all", meta="all").state.write_to(path)


def mark(log, text):
    data = os.fsencode(text)
    fd = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.write(fd, HEAD.pack(b"FUSL", META + 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, len(data)) + data)
    os.close(fd)


def main():
    verb, args = sys.argv[1], sys.argv[2:]
    if verb == "list":
        for r in read_log(args[0]):
            print(r.index, r.op, "failed" if r.failed else "", "ino=%d dir=%d pos=%d len=%d" % (r.ino, r.dir, r.pos, r.len or len(r.data)),
                  os.fsdecode(r.name), os.fsdecode(r.name2), r.data.decode() if r.op == "mark" else "")
    elif verb == "snapshot":
        snapshot(*args)
    elif verb == "mark":
        mark(*args)
    elif verb == "replay":
        replay(*args)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
