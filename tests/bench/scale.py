#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""scale.py - cost of one more: per file as trees grow, per key as keys do, per request as processes do

  tests/bench/scale.py [-o OUT.json] [files] [keys] [processes]

A mount over a store in a tmpfs of its own; needs root.  JSON goes to OUT, a table in Markdown to
standard output.  Exit 1 when a curve bends upward: the last point of a series costs more than BEND
times the cheapest of those before it, in the daemon's processor time or in bytes.  `_us` is time on
the clock, which others on the machine stretch, `_cpu` the daemon's processor time, both in us.
"""
import argparse
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests/oracle"))
import kfscrypt  # noqa: E402

PROGRAM = os.environ.get("FUSCRYPT", os.path.join(TOP, "build/fuscrypt"))
BEND = 1.5
LOOKUPS = 5000
PER_DIR = 1000
SECONDS = 3


class Store:
    """A store, its mount point and its daemon."""

    def __init__(self, work, *init):
        self.dir = tempfile.mkdtemp(dir=work)
        self.mnt = os.path.join(self.dir, "mnt")
        self.store = os.path.join(self.dir, "store")
        self.key = os.path.join(self.dir, "key")
        os.mkdir(self.mnt)
        with open(self.key, "wb") as f:
            f.write(bytes(range(64)))
        os.chmod(self.key, 0o600)
        subprocess.run([PROGRAM, "init", *(init or ["--key", self.key]), self.store], check=True,
                       stdout=subprocess.DEVNULL)
        self.locked = bool(init)
        self.mount()

    def mount(self):
        key = ["--locked"] if self.locked else ["--key", self.key]
        subprocess.run([PROGRAM, "mount", *key, self.store, self.mnt], check=True,
                       stdin=subprocess.DEVNULL)
        self.pid = max((p for p in os.listdir("/proc") if p.isdigit() and self.serves(p)),
                       key=self.rss_of)

    def serves(self, pid):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                return os.fsencode(self.mnt) in f.read().split(b"\0")
        except OSError:
            return False

    @staticmethod
    def rss_of(pid):
        """Resident memory in KiB; 0 when it is gone."""
        try:
            with open("/proc/%s/status" % pid) as f:
                return next((int(line.split()[1]) for line in f if line.startswith("VmRSS")), 0)
        except OSError:
            return 0

    def cpu_ns(self):
        total = 0
        for task in os.listdir("/proc/%s/task" % self.pid):
            try:
                with open("/proc/%s/task/%s/schedstat" % (self.pid, task)) as f:
                    total += int(f.read().split()[0])
            except OSError:
                pass  # a worker that was no longer needed
        return total

    def timed(self, row, name, n, fn, *args):
        cpu, clock = self.cpu_ns(), time.perf_counter()
        fn(*args)
        row[name + "_us"] = (time.perf_counter() - clock) * 1e6 / n
        row[name + "_cpu"] = (self.cpu_ns() - cpu) / 1e3 / n

    def rss(self):
        return self.rss_of(self.pid)

    def umount(self):
        subprocess.run(["umount", self.mnt], check=True)
        while os.path.exists("/proc/" + self.pid):
            time.sleep(0.02)

    def remount(self):
        self.umount()
        self.mount()

    def remove(self):
        self.umount()
        shutil.rmtree(self.dir)


def forget_dentries(store):
    """Drop what the kernel knows of names, and wait until the daemon has been told."""
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("2\n")
    last = None
    while last != store.rss():
        last = store.rss()
        time.sleep(0.5)


# ---- files ----

def names(shape, n):
    if shape == "flat":
        return ["d/file-%07d" % i for i in range(n)]
    return ["d/%04d/file-%07d" % (i // PER_DIR, i) for i in range(n)]


def create(top, files):
    made = None
    for f in files:
        path = os.path.join(top, f)
        parent = os.path.dirname(path)
        if parent != made:
            os.makedirs(parent, exist_ok=True)
            made = parent
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))


def listing(top):
    """As ls -lR: every name and its attributes. How many files."""
    n = 0
    todo = [top]
    while todo:
        with os.scandir(todo.pop()) as it:
            for e in it:
                e.stat(follow_symlinks=False)
                if e.is_dir(follow_symlinks=False):
                    todo.append(e.path)
                else:
                    n += 1
    return n


def stat_all(top, files):
    for f in files:
        os.stat(os.path.join(top, f))


def measure_files(work, shape, n):
    s = Store(work)
    files = names(shape, n)
    r = {"n": n}
    s.timed(r, "create", n, create, s.mnt, files)
    r["rss_created_kib"] = s.rss()
    s.remount()
    base = s.rss()
    s.timed(r, "list", n, listing, s.mnt)
    r["rss_listed_kib"] = s.rss()
    r["bytes_each"] = (s.rss() - base) * 1024 / n
    forget_dentries(s)
    r["rss_dropped_kib"] = s.rss()
    some = random.Random(n).sample(files, min(LOOKUPS, n))
    s.timed(r, "lookup", len(some), stat_all, s.mnt, some)
    s.remove()
    return r


# ---- keys ----

def policy(ident):
    return bytes([2, 1, 4, 3, 0, 0, 0, 0]) + ident


def key_bytes(i):
    return random.Random(i).randbytes(64)


def key_dirs(mnt, idents):
    for i, ident in enumerate(idents):
        d = "%s/%d" % (mnt, i)
        os.mkdir(d)
        kfscrypt.set_policy(d, policy(ident))
        os.close(os.open(d + "/file", os.O_CREAT | os.O_WRONLY, 0o644))


def measure_keys(work, n):
    s = Store(work, "--no-policy")
    keys = [key_bytes(i) for i in range(n)]
    idents = []
    r = {"n": n}
    base = s.rss()
    s.timed(r, "add", n, lambda: idents.extend(
        kfscrypt.add_key(s.mnt, k, bytes(16)) for k in keys))
    r["bytes_each"] = (s.rss() - base) * 1024 / n
    s.timed(r, "setup", n, key_dirs, s.mnt, idents)
    r["rss_kib"] = s.rss()
    ask = random.Random(n).choices(idents, k=1000)
    s.timed(r, "status", len(ask), lambda: [kfscrypt.ioctl(
        s.mnt, kfscrypt.GET_KEY_STATUS, kfscrypt.key_spec(i) + bytes(88)) for i in ask])
    s.umount()
    s.mount()
    for k in keys:
        kfscrypt.add_key(s.mnt, k, bytes(16))
    files = random.Random(n).sample(["%d/file" % i for i in range(n)], n)
    s.timed(r, "lookup", n, stat_all, s.mnt, files)
    s.timed(r, "remove", n, lambda: [kfscrypt.remove_key(s.mnt, i) for i in idents])
    time.sleep(1)  # what a removal drops is dropped behind it
    r["rss_removed_kib"] = s.rss()
    s.remove()
    return r


# ---- processes ----

def read_randomly(mnt, who, end, count):
    rng = random.Random(who)
    fd = os.open(mnt + "/big", os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    blocks = os.fstat(fd).st_size // 4096
    n = 0
    while time.monotonic() < end:
        for _ in range(32):
            at = rng.randrange(blocks) * 4096
            os.posix_fadvise(fd, at, 4096, os.POSIX_FADV_DONTNEED)
            os.pread(fd, 4096, at)
        n += 32
    count.value = n


def create_files(mnt, who, end, count):
    top = "%s/by-%d" % (mnt, who)
    os.makedirs(top, exist_ok=True)
    n = 0
    while time.monotonic() < end:
        for _ in range(32):
            os.close(os.open("%s/%d" % (top, n), os.O_CREAT | os.O_WRONLY, 0o644))
            n += 1
    count.value = n


def together(s, row, name, n, what, run):
    """Operations a second of n processes, and the daemon's processor time for each."""
    cpu = s.cpu_ns()
    end = time.monotonic() + SECONDS
    counts = [multiprocessing.Value("q", 0) for _ in range(n)]
    procs = [multiprocessing.Process(target=what, args=(s.mnt, run * 100 + i, end, counts[i]))
             for i in range(n)]
    for p in procs:
        p.start()
    for p in procs:
        p.join()
    done = sum(c.value for c in counts)
    row[name + "_per_s"] = done / SECONDS
    row[name + "_cpu"] = (s.cpu_ns() - cpu) / 1e3 / done


def measure_processes(work, counts):
    s = Store(work)
    with open(s.mnt + "/big", "wb") as f:
        for _ in range(64):
            f.write(os.urandom(1 << 20))
    s.remount()
    out = []
    for run, n in enumerate(counts):
        r = {"n": n}
        together(s, r, "read", n, read_randomly, run)
        together(s, r, "create", n, create_files, run)
        out.append(r)
    s.remove()
    return out


# ---- what came of it ----

def bends(series):
    """Which costs grow with n: the last point against the cheapest one before."""
    found = []
    for name, points in series.items():
        for column in points[0]:
            if not column.endswith("_cpu") and column != "bytes_each":
                continue
            values = [p[column] for p in points]
            if len(values) > 1 and values[-1] > BEND * min(values[:-1]):
                found.append("%s: %s %.1f at %d, %.1f before" % (
                    name, column, values[-1], points[-1]["n"], min(values[:-1])))
    return found


def table(name, points):
    columns = list(points[0])
    yield "## " + name
    yield ""
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "--:|" * len(columns)
    for p in points:
        yield "| " + " | ".join("%d" % p[c] if isinstance(p[c], int) else "%.1f" % p[c]
                                for c in columns) + " |"
    yield ""


def numbers(text):
    return [int(float(x)) for x in text.split(",")]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    ap.add_argument("what", nargs="*", help="files, keys, processes; default: all")
    ap.add_argument("-o", dest="out", help="write JSON there")
    ap.add_argument("--files", type=numbers, default="1e4,1e5,1e6", help="default: %(default)s")
    ap.add_argument("--shapes", default="flat,tree", help="default: %(default)s")
    ap.add_argument("--keys", type=numbers, default="10,100,1000,10000", help="default: %(default)s")
    ap.add_argument("--processes", type=numbers, default="1,2,4,8", help="default: %(default)s")
    args = ap.parse_args()
    what = args.what or ["files", "keys", "processes"]
    work = tempfile.mkdtemp(prefix="fuscrypt-scale.")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=90%,nr_inodes=0", "tmpfs", work], check=True)
    series = {}
    try:
        if "files" in what:
            for shape in args.shapes.split(","):
                series["files, " + shape] = [measure_files(work, shape, n) for n in args.files]
        if "keys" in what:
            series["keys"] = [measure_keys(work, n) for n in args.keys]
        if "processes" in what:
            series["processes"] = measure_processes(work, args.processes)
    finally:
        subprocess.run("umount %s/*/mnt 2>/dev/null; umount -l %s && rmdir %s" % (work, work, work), shell=True)
    found = bends(series)
    if args.out:
        with open(args.out, "w") as f:
            json.dump({"cpus": os.cpu_count(), "series": series, "bends": found}, f, indent=1)
            f.write("\n")
    for name, points in series.items():
        print("\n".join(table(name, points)))
    for line in found:
        print("bends upward: " + line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
