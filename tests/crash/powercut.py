#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""powercut.py - work on a mount over a `log` device, cut the power many times, and look what is left

  powercut.py [--seed N] [--steps N] [--cuts N] [--kind journal|log] [--nowriteback] [--policy ARGS]
              [--device SPEC] WORKDIR

SPEC has LOG where the log device goes. FUSCRYPT names the program. Prints one line for each broken rule, and a summary. The rules are those
of a filesystem with fsync: what it has answered for is there, under its name or one that it was
being given; a file grows with zeros at worst; a rename is there or not.
"""
import argparse
import collections
import errno
import os
import random
import shutil
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from ops import fallocate, rename2  # noqa: E402
from storelog import EXCHANGE, KEEP_SIZE, PUNCH, Crash, read_log, snapshot  # noqa: E402

ID = 16
# How entries are shown whose own name is lost, or that of all in a directory with its context.
NAMELESS = ("_" * 10, "A" * 10)


class File:
    def __init__(self, number):
        self.number = number
        self.versions = []  # (log position when it began, bytes)
        self.names = []     # (log position when it began, frozenset of paths)
        self.syncs = []     # (log position when it was answered, versions then, names then)

    def content(self):
        return self.versions[-1][1]

    def paths(self):
        return self.names[-1][1]


class Work:
    """Random operations, and what each of them was for."""

    def __init__(self, mnt, log, rnd, ordered):
        self.mnt, self.log, self.rnd, self.ordered = mnt, log, rnd, ordered
        self.files, self.dirs, self.dirs_ever = [], [""], {""}
        self.counts = collections.Counter()

    def pos(self):
        return os.stat(self.log).st_size

    def path(self, rel):
        return os.path.join(self.mnt, rel)

    def live(self):
        return [f for f in self.files if f.paths()]

    def some_name(self):
        n = "n%d" % self.rnd.randrange(10 ** 9)
        if self.rnd.random() < 0.3:
            n += "-" + "long" * 50
        return os.path.join(self.rnd.choice(self.dirs), n)

    def name_changed(self, f, before, paths):
        f.names.append((before, frozenset(paths)))

    def write(self, f, fd, at, data):
        before, old = self.pos(), f.content()
        new = bytearray(old) + bytes(max(0, at + len(data) - len(old)))
        new[at:at + len(data)] = data
        f.versions.append((before, bytes(new)))
        os.pwrite(fd, data, at)

    def truncate(self, f, fd, size):
        before, old = self.pos(), f.content()
        f.versions.append((before, old[:size] + bytes(max(0, size - len(old)))))
        os.ftruncate(fd, size)

    def fsync(self, f, fd):
        (os.fsync if self.rnd.random() < 0.7 else os.fdatasync)(fd)
        f.syncs.append((self.pos(), len(f.versions), len(f.names)))

    def open(self, f):
        return os.open(self.path(sorted(f.paths())[0]), os.O_RDWR)

    def data(self):
        return self.rnd.randbytes(self.rnd.choice((1, 100, 3000, 4096, 9000)))

    # ---- what may be done

    def do_create(self):
        f, rel = File(len(self.files)), self.some_name()
        self.files.append(f)
        before = self.pos()
        f.versions.append((before, b""))
        self.name_changed(f, before, [rel])
        fd = os.open(self.path(rel), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        self.write(f, fd, 0, b"id%014d" % f.number + self.data())
        if self.rnd.random() < 0.6:
            self.fsync(f, fd)
        os.close(fd)

    def do_write(self):
        f = self.rnd.choice(self.live())
        fd = self.open(f)
        for _ in range(self.rnd.randrange(1, 4)):
            self.write(f, fd, self.rnd.randrange(ID, len(f.content()) + 6000), self.data())
        if self.rnd.random() < 0.4:
            self.fsync(f, fd)
        os.close(fd)

    def do_truncate(self):
        f = self.rnd.choice(self.live())
        fd = self.open(f)
        for _ in range(self.rnd.randrange(1, 4)):
            self.truncate(f, fd, self.rnd.randrange(ID, len(f.content()) + 9000))
        if self.rnd.random() < 0.3:
            self.fsync(f, fd)
        os.close(fd)

    def do_fsync(self):
        f = self.rnd.choice(self.live())
        fd = self.open(f)
        self.fsync(f, fd)
        os.close(fd)

    def do_mkdir(self):
        rel = os.path.join(self.rnd.choice(self.dirs), "d%d" % self.rnd.randrange(10 ** 9))
        if rel.count("/") > 3:
            return
        os.mkdir(self.path(rel))
        self.dirs.append(rel)
        self.dirs_ever.add(rel)

    def do_rename(self):
        f = self.rnd.choice(self.live())
        old, new, before = self.rnd.choice(sorted(f.paths())), self.some_name(), self.pos()
        self.name_changed(f, before, (f.paths() - {old}) | {new})
        os.rename(self.path(old), self.path(new))

    def do_replace(self):
        """A file over another one, as editors do."""
        if len(self.live()) < 2:
            return
        f, g = self.rnd.sample(self.live(), 2)
        old, new, before = self.rnd.choice(sorted(f.paths())), self.rnd.choice(sorted(g.paths())), self.pos()
        self.name_changed(f, before, (f.paths() - {old}) | {new})
        self.name_changed(g, before, g.paths() - {new})
        os.rename(self.path(old), self.path(new))

    def do_exchange(self):
        if len(self.live()) < 2:
            return
        f, g = self.rnd.sample(self.live(), 2)
        a, b, before = self.rnd.choice(sorted(f.paths())), self.rnd.choice(sorted(g.paths())), self.pos()
        self.name_changed(f, before, (f.paths() - {a}) | {b})
        self.name_changed(g, before, (g.paths() - {b}) | {a})
        rename2(self.path(a), self.path(b), EXCHANGE)

    def do_punch(self):
        f = self.rnd.choice(self.live())
        before, old = self.pos(), f.content()
        at, n = self.rnd.randrange(ID, len(old) + 1), self.rnd.randrange(1, 9000)
        end = min(at + n, len(old))
        f.versions.append((before, old[:at] + bytes(end - at) + old[end:]))
        fallocate(self.path(sorted(f.paths())[0]), PUNCH | KEEP_SIZE, at, n)

    def do_rename_dir(self):
        old = self.rnd.choice(self.dirs)
        if not old:
            return
        new, before = os.path.join(os.path.dirname(old), "r%d" % self.rnd.randrange(10 ** 9)), self.pos()

        def moved(p):
            return new + p[len(old):] if p == old or p.startswith(old + "/") else p

        for f in self.live():
            if any(moved(p) != p for p in f.paths()):
                self.name_changed(f, before, [moved(p) for p in f.paths()])
        self.dirs = [moved(p) for p in self.dirs]
        self.dirs_ever |= set(self.dirs)
        os.rename(self.path(old), self.path(new))

    def do_link(self):
        f = self.rnd.choice(self.live())
        old, new, before = sorted(f.paths())[0], self.some_name(), self.pos()
        self.name_changed(f, before, f.paths() | {new})
        os.link(self.path(old), self.path(new))

    def do_unlink(self):
        f = self.rnd.choice(self.live())
        old, before = self.rnd.choice(sorted(f.paths())), self.pos()
        self.name_changed(f, before, f.paths() - {old})
        os.unlink(self.path(old))

    def run(self, steps):
        kinds = {"create": 6, "write": 5, "truncate": 4, "fsync": 3, "mkdir": 3, "rename": 5, "replace": 2, "exchange": 2,
                 "punch": 2, "rename_dir": 1, "link": 1, "unlink": 1}
        if not self.ordered:
            kinds["rename_dir"] = kinds["exchange"] = 0  # they sync everything then
        self.do_create()
        for _ in range(steps):
            what = self.rnd.choices(list(kinds), kinds.values())[0]
            if what not in ("create", "mkdir") and not self.live():
                what = "create"
            getattr(self, "do_" + what)()
            self.counts[what] += 1


class Look:
    """What is there after a cut at byte @cut of the log, against what may be."""

    def __init__(self, mnt, work, cut, ordered):
        self.mnt, self.work, self.cut, self.ordered = mnt, work, cut, ordered
        self.broken, self.unreadable = [], 0
        self.found = collections.defaultdict(set)  # number of a file -> its paths
        self.bytes = {}
        self.unsure = {}                           # paths of what has no number: errno's name, or bytes

    def tree(self):
        for top, dirs, names in os.walk(self.mnt, onerror=self.dir_error):
            for n in names:
                p = os.path.join(top, n)
                rel = os.path.relpath(p, self.mnt)
                try:
                    with open(p, "rb") as f:
                        data = f.read()
                except OSError as e:
                    self.unsure[rel] = errno.errorcode[e.errno]
                    continue
                if data[:2] == b"id" and data[2:ID].isdigit():
                    self.found[int(data[2:ID])].add(rel)
                    self.bytes[int(data[2:ID])] = data
                else:
                    self.unsure[rel] = data
            for n in dirs:
                rel = os.path.relpath(os.path.join(top, n), self.mnt)
                if rel not in self.work.dirs_ever and not n.startswith(NAMELESS):
                    self.broken.append("a directory that nobody made: %s" % rel[:60])

    def dir_error(self, e):
        self.unreadable += 1
        self.unsure[os.path.relpath(e.filename, self.mnt)] = errno.errorcode[e.errno]

    def check(self):
        self.tree()
        for f in self.work.files:
            done = [s for s in f.syncs if s[0] <= self.cut]
            first_version = done[-1][1] - 1 if done else 0
            first_names = done[-1][2] - 1 if done else 0
            names = [n for i, (begun, n) in enumerate(f.names) if i == first_names or (i > first_names and begun <= self.cut)]
            if done:
                self.check_names(f, names)
            if f.number in self.bytes:
                self.check_bytes(f, first_version, bool(done))
        for rel, what in self.unsure.items():
            self.check_unsure(rel, what)

    def check_names(self, f, allowed):
        found = frozenset(self.found[f.number])
        # Where changes of names are kept one by one, those of several files come in any mixture.
        fine = found in allowed or (found and not self.ordered and found <= frozenset().union(*allowed))
        if not fine:
            at = {n: self.unsure[n] if isinstance(self.unsure.get(n), str) else "other bytes" if n in self.unsure else "there"
                  for s in allowed for n in s if n in self.unsure or n in self.found[f.number]}
            self.broken.append("file %d, which was fsynced, has the names %s, not one of %s%s" % (
                f.number, short(self.found[f.number]), [short(a) for a in allowed], " (%s)" % at if at else ""))

    def check_bytes(self, f, first, synced):
        got = self.bytes[f.number]
        versions = [v for i, (begun, v) in enumerate(f.versions) if i == first or (i > first and begun <= self.cut)]
        if len(versions) == 1 and synced:
            if got != versions[0]:
                self.broken.append("file %d was fsynced and not touched, and is not the same: %d bytes, not %d" % (
                    f.number, len(got), len(versions[0])))
            return
        sizes = [len(v) for v in versions]
        if not min(sizes) <= len(got) <= -(-max(sizes) // 4096) * 4096:
            self.broken.append("file %d has %d bytes, but had never less than %d nor more than %d" % (
                f.number, len(got), min(sizes), max(sizes)))
            return
        # Which version's size is it? Then what was cut off before is not to come back.
        which = [i for i, s in enumerate(sizes) if s == len(got)] or range(len(sizes))
        wrong = min((self.wrong_bytes(versions, i, got) for i in which), key=len)
        if wrong:
            self.broken.append("file %d: %d bytes from %d on are of no version of it (%d bytes, versions of %s)" % (
                f.number, len(wrong), wrong[0], len(got), sizes))

    def wrong_bytes(self, versions, size_of, got):
        wrong = []
        for o, b in enumerate(got):
            cut_off = max([i for i in range(size_of + 1) if len(versions[i]) <= o], default=-1)
            since = versions[max(cut_off, 0):]
            # Nobody has written here since: it is what it was, or zero where it was cut off.
            may = {v[o] for v in since if o < len(v)}
            if cut_off >= 0 or any(len(v) <= o for v in since):
                may.add(0)
            if b not in may and not (b == 0 and versions[0][:ID] != got[:ID]):
                wrong.append(o)
        return wrong

    def check_unsure(self, rel, what):
        """What has no number in front must be a file that was never fsynced, and be empty or zeros."""
        owners = [f for f in self.work.files if any(rel in n for begun, n in f.names if begun <= self.cut)]
        never = [f for f in owners if not any(s[0] <= self.cut for s in f.syncs)]
        if rel in self.work.dirs_ever:
            return  # what was fsynced in it is missing, which check_names() says
        if os.path.basename(rel).startswith(NAMELESS):
            never = [f for f in self.work.files if not any(s[0] <= self.cut for s in f.syncs)
                     and any(begun <= self.cut for begun, n in f.names)]
        if not never:
            self.broken.append("%s: %s, and it is nobody's who was never fsynced" % (short([rel]), what if isinstance(what, str) else "bytes"))
        elif isinstance(what, str):
            self.unreadable += 1
            if what != "EUCLEAN":
                self.broken.append("%s: %s" % (short([rel]), what))
        elif not any(all(b == 0 or any(o < len(v) and v[o] == b for _, v in f.versions) for o, b in enumerate(what))
                     for f in never):
            self.broken.append("%s: bytes that nobody wrote there" % short([rel]))


def short(names):
    return "{%s}" % ", ".join(sorted(n if len(n) < 40 else n[:24] + ".." for n in names))


class Rig:
    def __init__(self, args):
        self.args = args
        self.dir = os.path.abspath(args.workdir)
        self.prog = os.environ["FUSCRYPT"]
        self.key = os.path.join(self.dir, "key")
        with open(self.key, "wb") as f:
            f.write(random.Random(1).randbytes(64))
        os.chmod(self.key, 0o600)

    def path(self, n):
        return os.path.join(self.dir, n)

    def mount(self, store, *more):
        subprocess.run([self.prog, "mount", "--key", self.key, *more, store, self.path("mnt")], check=True,
                       stdin=subprocess.DEVNULL)

    def umount(self):
        for _ in range(100):
            if subprocess.run(["umount", self.path("mnt")], stderr=subprocess.DEVNULL).returncode == 0:
                return
            time.sleep(0.1)
        sys.exit("umount fails")

    def work(self, rnd):
        store, log = self.path("store"), self.path("log")
        os.makedirs(self.path("mnt"), exist_ok=True)
        subprocess.run([self.prog, "init", "--key", self.key, *self.args.policy.split(), store], check=True,
                       stdout=subprocess.DEVNULL)
        snapshot(store, self.path("base"))
        self.mount(store, "-o", "inlinecrypt", "--device", self.args.device.replace("LOG", "log(path=%s)" % log), *(["-o", "nowriteback"] if self.args.nowriteback else []))
        try:
            work = Work(self.path("mnt"), log, rnd, self.args.kind == "journal")
            work.run(self.args.steps)
        finally:
            self.umount()
        return work

    def cut(self, work, records, point, rnd):
        how = {"kind": self.args.kind, "data": rnd.choice(("none", "random", "random", "all")),
               "meta": rnd.choice(("none", "random", "all", "all"))}
        store = self.path("cut")
        shutil.rmtree(store, ignore_errors=True)
        Crash(records, self.path("base"), point, rnd, **how).state.write_to(store)
        # Behind record N its write to the log has been, the answer to who asked perhaps not.
        look = Look(self.path("mnt"), work, records[point - 1].end if point else 0,
                    self.args.kind == "journal")
        self.mount(store)
        try:
            look.check()
            with open(self.path("mnt/after"), "w") as f:
                os.fsync(f.fileno())
        except OSError as e:
            look.broken.append("the store cannot be used: %s" % e)
        finally:
            self.umount()
        return how, look


def main():
    p = argparse.ArgumentParser()
    p.add_argument("workdir")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--steps", type=int, default=60)
    p.add_argument("--cuts", type=int, default=20)
    p.add_argument("--kind", choices=("journal", "log"), default="journal")
    p.add_argument("--nowriteback", action="store_true")
    p.add_argument("--policy", default="")
    p.add_argument("--device", default="LOG")
    p.add_argument("--verbose", action="store_true")
    args = p.parse_args()
    rnd = random.Random(args.seed)
    rig = Rig(args)
    work = rig.work(rnd)
    records = read_log(rig.path("log"))
    broken = unreadable = 0
    points = sorted(rnd.randint(0, len(records)) for _ in range(args.cuts - 1)) + [len(records)]
    for point in points:
        how, look = rig.cut(work, records, point, rnd)
        unreadable += look.unreadable
        for b in look.broken:
            broken += 1
            print("cut behind record %d of %d %s: %s" % (point, len(records), how, b))
    if args.verbose:
        print(dict(work.counts), len(records), "records;", unreadable, "never synced and unreadable")
    print("%d cuts, %d broken rules" % (len(points), broken))
    return broken > 0


if __name__ == "__main__":
    sys.exit(main())
