# SPDX-License-Identifier: GPL-3.0-or-later
"""What the workloads are made of: test data, caches, processes, files, and the settings."""
import ctypes, fcntl, mmap, os, random, signal

ENV = os.environ.get
MIB = 1 << 20
SEQ_MIB = int(ENV("BENCH_SEQ_MIB", "1024"))       # size of the big file
BIG, LITTLE = SEQ_MIB * 5 // 4, SEQ_MIB // 4      # MiB of memory that a step may come to use
NDIRS = int(ENV("BENCH_DIRS", "100"))             # small files: directories ...
PERDIR = int(ENV("BENCH_PERDIR", "100"))          # ... and 4 KiB files in each
TREE = ENV("BENCH_TREE", "/usr/include")          # source tree for the tar steps
RAND_SECS = float(ENV("BENCH_RAND_SECS", "2"))    # time cap of a random-I/O step
RAND_OPS = int(ENV("BENCH_RAND_OPS", "16384"))    # op cap of a random-write step
LIST_FILES = int(ENV("BENCH_LIST_FILES", "1000000"))    # empty files of the workload "list"
STEP_LIMIT = int(ENV("BENCH_STEP_LIMIT", "240"))  # a step longer than this fails
LOCK = ENV("BENCH_LOCK", "")                      # shared-machine lock, optional
TICK = os.sysconf("SC_CLK_TCK")
POOL = random.Random(1).randbytes(3 * MIB)        # incompressible, reproducible
VIEW = memoryview(POOL)


def pat(i, n):
    """Test data number i, n <= 1 MiB bytes, as a view (no copy)."""
    o = (i * 10007 * 64) % (2 * MIB)
    return VIEW[o:o + n]


class Lock:
    def __enter__(self):
        if LOCK:
            self.f = open(LOCK, "a")
            fcntl.flock(self.f, fcntl.LOCK_EX)

    def __exit__(self, *a):
        if LOCK:
            self.f.close()


class Bad(Exception):
    pass


def on_alarm(*_):
    raise Bad("a step took too long")


def ismount(path):
    """Also true of a bind mount within one file system, unlike os.path.ismount."""
    return any(line.split()[4] == path for line in open("/proc/self/mountinfo"))


def sync_fs(path):
    """Writes back one filesystem: sync() would wait for everything else that this machine does."""
    fd = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(fd):
            raise Bad("syncfs: " + os.strerror(ctypes.get_errno()))
    finally:
        os.close(fd)


def drop_caches(store):
    """Nothing of the store's filesystem, nor of one that has been unmounted, is cached any more."""
    sync_fs(store)
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3")


def touch_memory(mib):
    """Touches so much memory.  A virtual machine may have to ask its host for pages that it has not used lately:
    after this, no timed step pays for that."""
    if mib:
        mmap.mmap(-1, int(mib * MIB), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE).close()


def machine_busy():
    v = [int(x) for x in open("/proc/stat").readline().split()[1:9]]
    return (v[0] + v[1] + v[2] + v[5] + v[6]) / TICK


def fork_run(fns):
    """Run each fn in its own process, at once; sum of what they return."""
    kids = []
    for fn in fns:
        r, w = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                signal.alarm(0)
                os.write(w, repr(fn()).encode())
                os._exit(0)
            except BaseException as e:
                os.write(w, ("!" + repr(e)).encode()[:4000])
                os._exit(1)
        os.close(w)
        kids.append((pid, r))
    out = []
    try:
        for _, r in kids:
            with open(r, "rb", closefd=False) as f:
                out.append(f.read().decode())
    except Bad:                                   # the step's time is up: so is theirs
        for pid, _ in kids:
            os.kill(pid, signal.SIGKILL)
        raise
    finally:
        for pid, r in kids:
            os.close(r)
            os.waitpid(pid, 0)
    if any(o.startswith("!") or not o for o in out):
        raise Bad("; ".join(o for o in out if o.startswith("!")) or "child died")
    return sum(float(o) for o in out)


def write_file(path, blocks, fsync=False, mode=0o644):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        for b in blocks:
            if os.write(fd, b) != len(b):
                raise Bad("short write")
        if fsync:
            os.fsync(fd)
    finally:
        os.close(fd)


def read_all(path, bs):
    buf = bytearray(bs)
    fd = os.open(path, os.O_RDONLY)
    total = 0
    try:
        while True:
            n = os.readv(fd, [buf])
            if n == 0:
                return total
            total += n
    finally:
        os.close(fd)
