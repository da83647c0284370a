#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Side-by-side benchmark of encrypting filesystems over one backing directory.

Usage:  bench.py run  [-o OUT.json] [-a] [-n REPEATS] [-s SYS,SYS..] [-b tmpfs,disk] [-w STEP,STEP..]
        bench.py report IN.json [IN2.json ...] > OUT.md

See README.md for the systems, the workloads and the environment variables.
Needs root (mount, drop_caches).  Python standard library only.
"""
import argparse, fcntl, json, mmap, os, random, shutil, signal, statistics
import subprocess, sys, tempfile, time

ENV = os.environ.get
MIB = 1 << 20
SEQ_MIB = int(ENV("BENCH_SEQ_MIB", "1024"))       # size of the big file
NDIRS = int(ENV("BENCH_DIRS", "100"))             # small files: directories ...
PERDIR = int(ENV("BENCH_PERDIR", "100"))          # ... and 4 KiB files in each
TREE = ENV("BENCH_TREE", "/usr/include")          # source tree for the tar steps
RAND_SECS = float(ENV("BENCH_RAND_SECS", "2"))    # time cap of a random-I/O step
RAND_OPS = int(ENV("BENCH_RAND_OPS", "16384"))    # op cap of a random-write step
STEP_LIMIT = int(ENV("BENCH_STEP_LIMIT", "240"))  # a step longer than this fails
TMPFS_SIZE = ENV("BENCH_TMPFS_SIZE", "6g")
LOCK = ENV("BENCH_LOCK", "")                      # shared-machine lock, optional
TICK = os.sysconf("SC_CLK_TCK")

# ---------------------------------------------------------------- systems ----
# init / mount / umount are shell templates: {store} backing dir, {mnt} mount
# point, {key} key file (64 hex characters, no newline), {state} scratch dir.
# sub: directory under the mount the workload runs in.  slow: gets fewer repeats.
FIRST = ["plain", "fusefloor", "fusefloor-nowb", "fusefloor-copy", "fuscrypt"]
UMOUNT = "umount {mnt}"
FSCRYPTCTL = ENV("FSCRYPTCTL", "fscryptctl")
SYSTEMS = {
    "plain": dict(init="", mount="mount --bind {store} {mnt}", umount=UMOUNT, crypt=False,
                  note="the backing directory itself"),
    "gocryptfs": dict(
        init="gocryptfs -init -q -passfile {key} {store}",
        mount="gocryptfs -q -passfile {key} {store} {mnt}", umount=UMOUNT,
        note="AES-256-GCM contents, EME names (defaults)"),
    "gocryptfs-xchacha": dict(
        init="gocryptfs -init -xchacha -q -passfile {key} {store}",
        mount="gocryptfs -q -passfile {key} {store} {mnt}", umount=UMOUNT, optional=True,
        note="XChaCha20-Poly1305"),
    "securefs-lite": dict(
        init="securefs create --format 4 --keyfile {key} {store}",
        mount="securefs mount -b --log {state}/log --keyfile {key} {store} {mnt}", umount=UMOUNT,
        slow=True, note="format 4 (default)"),
    "securefs-full": dict(
        init="securefs create --format 2 --keyfile {key} {store}",
        mount="securefs mount -b --log {state}/log --keyfile {key} {store} {mnt}", umount=UMOUNT,
        slow=True, note="format 2"),
    "encfs": dict(
        init="encfs --standard -S {store} {mnt} < {key} && umount {mnt}",
        mount="encfs -S {store} {mnt} < {key}", umount=UMOUNT, slow=True,
        note="--standard: AES-192-CBC, per-file IV, no MAC"),
    "encfs-paranoia": dict(
        init="encfs --paranoia -S {store} {mnt} < {key} && umount {mnt}",
        mount="encfs -S {store} {mnt} < {key}", umount=UMOUNT, slow=True, optional=True,
        note="--paranoia: AES-256-CBC, IV chaining, block MAC"),
    "cryfs": dict(
        init="", umount="cryfs-unmount {mnt}", slow=True,
        mount="CRYFS_FRONTEND=noninteractive CRYFS_NO_UPDATE_CHECK=true CRYFS_LOCAL_STATE_DIR={state} "
              "cryfs {store} {mnt} < {key}",
        note="XChaCha20-Poly1305, 16 KiB blocks (defaults)"),
    "kernel": dict(
        init="truncate -s 4g {store}/img && mkfs.ext4 -q -O encrypt {store}/img && mount -o loop {store}/img {mnt} "
             "&& mkdir {mnt}/enc && %s set_policy $(%s add_key {mnt} < {key}) {mnt}/enc && umount {mnt}"
             % (FSCRYPTCTL, FSCRYPTCTL),
        mount="mount -o loop {store}/img {mnt} && %s add_key {mnt} < {key} >/dev/null" % FSCRYPTCTL,
        umount=UMOUNT, sub="enc", slow=True,
        note="kernel fscrypt v2, AES-256-XTS, ext4 on a loop device"),
}


def slots():
    """Systems given by environment: <NAME>_MOUNT, and optionally _INIT, _UMOUNT, _SUB."""
    names = ["FUSEFLOOR", "FUSEFLOOR_NOWB", "FUSEFLOOR_COPY", "FUSCRYPT"] + ENV("BENCH_SLOTS", "").split(",")
    for n in filter(None, names):
        if ENV(n + "_MOUNT"):
            yield n.lower().replace("_", "-"), dict(
                init=ENV(n + "_INIT", ""), mount=ENV(n + "_MOUNT"), umount=ENV(n + "_UMOUNT", UMOUNT),
                sub=ENV(n + "_SUB", ""), crypt=n == "FUSCRYPT" or ENV(n + "_CRYPT") == "1",
                note="slot: " + ENV(n + "_NOTE", "from the environment"))


def all_systems():
    s = dict(SYSTEMS)
    s.update(slots())
    return {k: s[k] for k in [f for f in FIRST if f in s] + [k for k in s if k not in FIRST]}


# ------------------------------------------------------------------ pieces ----
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
    raise Bad("step ran longer than %d s" % STEP_LIMIT)


def ismount(path):
    """Also true of a bind mount within one file system, unlike os.path.ismount."""
    return any(line.split()[4] == path for line in open("/proc/self/mountinfo"))


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3")
    # A virtual machine may have to ask its host for pages it has not touched lately:
    # touch enough of them now, so that no timed step pays for it.
    mmap.mmap(-1, SEQ_MIB * MIB * 5 // 2, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE).close()


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
    for pid, r in kids:
        with os.fdopen(r, "rb") as f:
            out.append(f.read().decode())
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


# --------------------------------------------------------------- one system ----
class Run:
    def __init__(self, name, spec, area, tar, only):
        self.name, self.spec, self.only = name, spec, only
        self.tar = tar
        self.area = area
        self.dirs = {k: os.path.join(area, k) for k in ("store", "mnt", "state")}
        for d in self.dirs.values():
            os.mkdir(d)
        self.fmt = dict(self.dirs, key=os.path.join(area, "key"))
        with open(self.fmt["key"], "w") as f:
            f.write("%064x" % random.Random(7).getrandbits(256))
        self.tag = "BENCH_TAG=%d.%d" % (os.getpid(), time.monotonic_ns())
        self.root = os.path.join(self.dirs["mnt"], spec.get("sub", "")).rstrip("/")
        self.daemons, self.res, self.mounts = [], {}, []
        self.pages = {}

    # -- mount handling
    def sh(self, cmd, check=True):
        for word, value in self.fmt.items():
            cmd = cmd.replace("{%s}" % word, value)
        k, v = self.tag.split("=")
        with open(os.path.join(self.area, "log"), "ab") as log:
            p = subprocess.run(["/bin/sh", "-c", cmd], env=dict(os.environ, **{k: v}),
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=STEP_LIMIT)
        if check and p.returncode:
            tail = open(os.path.join(self.area, "log"), "rb").read()[-400:].decode("utf8", "replace")
            raise Bad("command failed (%d): %s" % (p.returncode, tail.strip()))

    def tagged(self):
        """Processes started by our commands (they carry the tag in their environment)."""
        out = []
        for p in filter(str.isdigit, os.listdir("/proc")):
            try:
                if self.tag.encode() in open("/proc/%s/environ" % p, "rb").read():
                    out.append(int(p))
            except OSError:
                pass
        return out

    def mount(self):
        t = time.monotonic()
        self.sh(self.spec["mount"])
        while not ismount(self.dirs["mnt"]):
            if time.monotonic() - t > 60:
                raise Bad("did not mount")
            time.sleep(0.001)
        os.stat(self.root)
        self.mounts.append(time.monotonic() - t)
        self.daemons = self.tagged()

    def umount(self):
        t = time.monotonic()
        while True:                               # "target is busy" may pass
            late = time.monotonic() - t > 10
            self.sh(self.spec["umount"], check=late)
            if not ismount(self.dirs["mnt"]) or late:
                break
            time.sleep(0.05)
        while self.tagged():                      # let the daemon flush and leave
            if time.monotonic() - t > 60:
                for p in self.tagged():
                    os.kill(p, signal.SIGKILL)
                raise Bad("daemon did not exit after unmount")
            time.sleep(0.01)

    def cold(self):
        self.umount()
        drop_caches()
        self.mount()

    def cpu(self):
        tot = 0
        for p in self.daemons:
            try:
                f = open("/proc/%d/stat" % p).read().rsplit(")", 1)[1].split()
                tot += int(f[11]) + int(f[12])
            except OSError:
                pass
        return tot / TICK

    def rss(self):
        kb = hwm = 0
        for p in self.daemons:
            try:
                for line in open("/proc/%d/status" % p):
                    if line.startswith("VmRSS"):
                        kb += int(line.split()[1])
                    if line.startswith("VmHWM"):
                        hwm += int(line.split()[1])
            except OSError:
                pass
        return kb / 1024, hwm / 1024

    # -- one measured step: fn() returns an amount; the rate is amount / second
    def step(self, name, fn, cold=False, keep=True):
        signal.alarm(STEP_LIMIT)
        try:
            if cold:
                self.cold()
            elif not ismount(self.dirs["mnt"]):
                raise Bad("not mounted")
            c0, m0, t0 = self.cpu(), machine_busy(), time.monotonic()
            n = fn()
            t1 = time.monotonic()
            c1, m1 = self.cpu(), machine_busy()
        finally:
            signal.alarm(0)
        if keep and n is not None:
            self.res[name] = dict(rate=n / max(t1 - t0, 1e-9), secs=t1 - t0, amount=n,
                                  cpu=c1 - c0, machine_cpu=m1 - m0)

    def p(self, *a):
        return os.path.join(self.root, *map(str, a))

    # -- workloads
    def w_seq(self):
        big = self.p("seq.bin")

        def wr():
            write_file(big, (pat(i, MIB) for i in range(SEQ_MIB)), fsync=True)
            return SEQ_MIB
        self.step("seqwrite", wr)
        self.check_encrypted("seq.bin")
        self.step("seqread-1M", lambda: read_all(big, MIB) / MIB, cold=True)
        self.step("seqread-128K", lambda: read_all(big, 128 << 10) / MIB, cold=True)

        def rread(seed):
            r, end, n = random.Random(seed), time.monotonic() + RAND_SECS, 0
            buf, fd, pages = bytearray(4096), os.open(big, os.O_RDONLY), SEQ_MIB * 256
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
            while time.monotonic() < end:
                for _ in range(16):
                    if os.preadv(fd, [buf], r.randrange(pages) * 4096) != 4096:
                        raise Bad("short read")
                n += 16
            os.close(fd)
            return n
        self.step("randread-4K", lambda: rread(5), cold=True)
        self.step("randread-4K-x4", lambda: fork_run([lambda s=s: rread(s) for s in range(4)]), cold=True)

        def rwrite(seed, direct):
            r, end, n = random.Random(seed), time.monotonic() + RAND_SECS * 2, 0
            try:
                fd = os.open(big, os.O_WRONLY | (os.O_DIRECT if direct else 0))
            except OSError:
                return None
            buf = mmap.mmap(-1, 4096)
            try:
                while n < RAND_OPS and (n % 64 or time.monotonic() < end):
                    pg, k = r.randrange(SEQ_MIB * 256), r.randrange(1 << 20)
                    buf[:] = pat(k, 4096)
                    if os.pwritev(fd, [buf], pg * 4096) != 4096:
                        raise Bad("short write")
                    self.pages[pg] = k
                    n += 1
                os.fsync(fd)
            except OSError as e:
                if direct and n == 0 and e.errno == 22:
                    return None                    # O_DIRECT not supported
                raise
            finally:
                os.close(fd)
            return n
        self.step("randwrite-4K", lambda: rwrite(11, False))
        self.step("overwrite-4K-direct", lambda: rwrite(12, True))
        self.step("verify", self.verify_big, cold=True, keep=False)
        os.unlink(big)

    def verify_big(self):
        with open(self.p("seq.bin"), "rb", buffering=0) as f:
            for i in range(SEQ_MIB):
                want = bytearray(pat(i, MIB))
                for j in range(256):
                    k = self.pages.get(i * 256 + j)
                    if k is not None:
                        want[j * 4096:(j + 1) * 4096] = pat(k, 4096)
                if f.read(MIB) != want:
                    raise Bad("seq.bin differs in MiB %d after remount" % i)
            if f.read(1):
                raise Bad("seq.bin too long")

    def check_encrypted(self, name):
        """A crypto system must show neither our name nor our bytes in the store."""
        if not self.spec.get("crypt", True):
            return
        os.sync()
        needle = bytes(pat(0, 64))
        for d, _, files in os.walk(self.dirs["store"]):
            for f in files[:50]:
                if f == name:
                    raise Bad("plain file name in the store")
                with open(os.path.join(d, f), "rb") as h:
                    if needle in h.read(2 * MIB):
                        raise Bad("plain contents in the store")

    def w_small(self):
        count = NDIRS * PERDIR

        def each():
            for d in range(NDIRS):
                base = self.p("small", "directory-%03d" % d)
                for f in range(PERDIR):
                    yield d, d * PERDIR + f, "%s/some-file-name-%05d.txt" % (base, f)

        def create():
            os.mkdir(self.p("small"))
            last = -1
            for d, i, path in each():
                if d != last:
                    os.mkdir(os.path.dirname(path))
                    last = d
                write_file(path, [pat(i, 4096)])
            return count

        def stat():
            for _, _, path in each():
                if os.lstat(path).st_size != 4096:
                    raise Bad("wrong size")
            return count

        def read():
            for _, i, path in each():
                fd = os.open(path, os.O_RDONLY)
                b = os.read(fd, 8192)
                os.close(fd)
                if b != pat(i, 4096):
                    raise Bad("small file differs after remount")
            return count

        def delete():
            shutil.rmtree(self.p("small"))
            return count
        self.step("small-create", create)
        self.step("small-stat", stat, cold=True)
        self.step("small-read", read, cold=True)
        self.step("small-delete", delete)

    def w_tree(self):
        dst, (tar, ref, files) = self.p("tree"), self.tar

        def sub(*cmd):
            if subprocess.run(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode > 1:
                raise Bad("%s failed" % cmd[0])
            return files

        def verify():
            p = subprocess.run(["diff", "-r", "--no-dereference", ref, dst], capture_output=True)
            if p.returncode:
                raise Bad("tree differs after remount: " + (p.stdout + p.stderr)[:300].decode("utf8", "replace"))
        os.mkdir(dst)
        self.step("tree-untar", lambda: sub("tar", "-xpf", tar, "-C", dst))
        self.step("tree-ls-lR", lambda: sub("ls", "-lR", dst), cold=True)
        self.step("tree-grep", lambda: sub("grep", "-r", "no-such-string-here", dst), cold=True)
        self.step("verify", verify, keep=False)    # what is cached was read after the remount
        self.step("tree-rm", lambda: sub("rm", "-rf", dst))

    def w_par(self):
        half = SEQ_MIB // 4
        name = lambda j: self.p("par%d.bin" % j)

        def wr(j):
            write_file(name(j), (pat(i + j, MIB) for i in range(half)), fsync=True)
            return half

        def mk(j):
            base = self.p("pc%d" % j)
            os.mkdir(base)
            for i in range(NDIRS * PERDIR // 4):
                write_file("%s/f%05d" % (base, i), [pat(i, 4096)])
            return NDIRS * PERDIR // 4
        self.step("par2-seqwrite", lambda: fork_run([lambda j=j: wr(j) for j in (0, 1)]))
        self.step("par2-seqread", lambda: fork_run([lambda j=j: read_all(name(j), MIB) / MIB for j in (0, 1)]), cold=True)
        self.step("par2-create", lambda: fork_run([lambda j=j: mk(j) for j in (0, 1)]))

    def go(self):
        try:
            self.sh(self.spec["init"])
            drop_caches()
            self.mount()
            for w in ("seq", "small", "tree", "par"):
                if not self.only or w in self.only:
                    getattr(self, "w_" + w)()
            rss, hwm = self.rss()
            if self.daemons:
                self.res["daemon-rss"] = dict(rate=rss)
                self.res["daemon-peak-rss"] = dict(rate=hwm)
            self.umount()
            self.res["mount-time"] = dict(rate=statistics.median(self.mounts) * 1000)
            return self.res, None
        except Exception as e:                    # a broken system scores nothing
            return {}, "%s: %s" % (type(e).__name__, e)
        finally:
            signal.alarm(0)
            while ismount(self.dirs["mnt"]):
                if subprocess.run(["umount", "-l", self.dirs["mnt"]]).returncode:
                    break
            for p in self.tagged():
                os.kill(p, signal.SIGKILL)
            if not ismount(self.dirs["mnt"]):
                shutil.rmtree(self.area, ignore_errors=True)


# -------------------------------------------------------------------- driver ----
def make_tar(scratch):
    out = os.path.join(scratch, "tree.tar")
    ref = os.path.join(scratch, "tree.ref")
    os.mkdir(ref)
    subprocess.run(["tar", "-cf", out, "--exclude-vcs", "-C", TREE, "."], check=True)
    subprocess.run(["tar", "-xpf", out, "-C", ref], check=True)
    return out, ref, sum(1 + len(f) for _, _, f in os.walk(ref))


def openssl_speed():
    with Lock():
        p = subprocess.run("openssl speed -mr -evp aes-256-xts -bytes 4096 -seconds 2", shell=True,
                           capture_output=True, text=True)
    for line in p.stdout.splitlines():
        if line.startswith("+F:"):
            return float(line.split(":")[-1]) / 1e9
    return None


def cpu_model():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "?"


def cmd_run(a):
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))     # unmount and clean up first
    systems = all_systems()
    if a.systems:
        names = a.systems.split(",")
        unknown = [n for n in names if n not in systems]
        if unknown:
            sys.exit("unknown or unset systems: %s (have: %s)" % (", ".join(unknown), ", ".join(systems)))
    else:
        names = [n for n in systems if not systems[n].get("optional")]
    scratch = tempfile.mkdtemp(prefix="fsbench.")
    tdir = os.path.join(scratch, "tmpfs")
    os.mkdir(tdir)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + TMPFS_SIZE, "tmpfs", tdir], check=True)
    try:
        tar = make_tar(tdir)
        doc = dict(when=time.strftime("%Y-%m-%d"), cpu=cpu_model(), cores=os.cpu_count(),
                   kernel=".".join(os.uname().release.split(".")[:2]), openssl_xts_gbs=openssl_speed(),
                   params=dict(seq_mib=SEQ_MIB, small_files=NDIRS * PERDIR, tree_entries=tar[2],
                               tree_mib=round(os.path.getsize(tar[0]) / MIB, 1), rand_secs=RAND_SECS, rand_ops=RAND_OPS),
                   notes={}, samples=[], errors=[])
        if a.append and os.path.exists(a.out):
            old = json.load(open(a.out))
            if old["params"] != doc["params"]:
                sys.exit("%s was made with other parameters: %s" % (a.out, old["params"]))
            doc = old
        doc["notes"].update({n: systems[n]["note"] for n in names})
        base = 1 + max([x["rep"] for x in doc["samples"] + doc["errors"]], default=-1)
        for rep in range(a.n):
            for backing in a.backings.split(","):
                for n in names:
                    if rep >= a.slow_n and systems[n].get("slow"):
                        continue
                    area = tempfile.mkdtemp(prefix=n + ".", dir=tdir if backing == "tmpfs" else scratch)
                    with Lock():                  # what one step leaves warm must stay warm for the next
                        t = time.monotonic()
                        res, err = Run(n, systems[n], area, tar, a.workloads and a.workloads.split(",")).go()
                    print("%s repeat %d %-6s %-18s %5.1f s %s" % (
                        time.strftime("%H:%M:%S"), base + rep, backing, n, time.monotonic() - t,
                        "FAILED " + err if err else "ok"), flush=True)
                    if err:
                        doc["errors"].append(dict(rep=base + rep, backing=backing, system=n, error=err))
                    for s, r in res.items():
                        doc["samples"].append(dict(rep=base + rep, backing=backing, system=n, step=s,
                                                   **{k: round(v, 4) for k, v in r.items()}))
                    with open(a.out + ".new", "w") as f:
                        json.dump(doc, f, indent=0)
                    os.rename(a.out + ".new", a.out)
    finally:
        subprocess.run(["umount", tdir])
        if not ismount(tdir):
            shutil.rmtree(scratch, ignore_errors=True)
    print("wrote", a.out)


# -------------------------------------------------------------------- report ----
STEPS = [  # step, label, unit, CPU unit (amount per), digits
    ("seqwrite", "seq write 1M + fsync", "MiB/s", ("s/GiB", 1024)),
    ("seqread-1M", "seq read 1M cold", "MiB/s", ("s/GiB", 1024)),
    ("seqread-128K", "seq read 128K cold", "MiB/s", ("s/GiB", 1024)),
    ("randread-4K", "rand read 4K QD1 cold", "IOPS", ("us/op", 1e-6)),
    ("randread-4K-x4", "rand read 4K x4 procs cold", "IOPS", ("us/op", 1e-6)),
    ("randwrite-4K", "rand write 4K + fsync", "IOPS", ("us/op", 1e-6)),
    ("overwrite-4K-direct", "rand overwrite 4K O_DIRECT", "IOPS", ("us/op", 1e-6)),
    ("small-create", "create 4K files", "files/s", ("us/op", 1e-6)),
    ("small-stat", "stat files cold", "files/s", ("us/op", 1e-6)),
    ("small-read", "read files cold", "files/s", ("us/op", 1e-6)),
    ("small-delete", "delete files", "files/s", ("us/op", 1e-6)),
    ("tree-untar", "untar source tree", "files/s", ("us/op", 1e-6)),
    ("tree-ls-lR", "ls -lR cold", "files/s", ("us/op", 1e-6)),
    ("tree-grep", "grep -r cold", "files/s", ("us/op", 1e-6)),
    ("tree-rm", "rm -rf tree", "files/s", ("us/op", 1e-6)),
    ("par2-seqwrite", "2x seq write + fsync", "MiB/s", ("s/GiB", 1024)),
    ("par2-seqread", "2x seq read cold", "MiB/s", ("s/GiB", 1024)),
    ("par2-create", "2x create 4K files", "files/s", ("us/op", 1e-6)),
    ("mount-time", "mount (lower is better)", "ms", None),
    ("daemon-rss", "daemon RSS after run (lower is better)", "MiB", None),
    ("daemon-peak-rss", "daemon peak RSS (lower is better)", "MiB", None),
]


def num(v, digits=3):
    """Three significant digits, no exponent."""
    if v is None:
        return "-"
    if v >= 100:
        return "%d" % round(v, 3 - len("%d" % v)) if v >= 1000 else "%.0f" % v
    return "%.1f" % v if v >= 10 else "%.2f" % v


def cmd_report(a):
    docs = [json.load(open(f)) for f in a.files]
    samples = []
    for d in docs:                                # a later file replaces a system's samples
        new = {(s["backing"], s["system"]) for s in d["samples"]}
        samples = [s for s in samples if (s["backing"], s["system"]) not in new] + d["samples"]
    notes = {k: v for d in docs for k, v in d["notes"].items()}
    d0, par = docs[0], docs[0]["params"]
    by = {}
    for s in samples:
        by.setdefault((s["backing"], s["step"], s["system"]), []).append(s)
    med = lambda b, st, sy, key="rate": (statistics.median(x[key] for x in by[b, st, sy])
                                         if (b, st, sy) in by else None)
    order = FIRST + list(SYSTEMS)
    names = sorted(notes, key=lambda n: order.index(n) if n in order else len(order))
    print("# Peers side by side\n")
    print("%s, %d cores, Linux %s, %s. AES-256-XTS limit of one core (openssl, 4 KiB): %s GB/s.\n" % (
        d0["cpu"], d0["cores"], d0["kernel"], d0["when"], num(d0["openssl_xts_gbs"])))
    print("Big file %(seq_mib)d MiB; %(small_files)d small files; tree of %(tree_entries)d entries, "
          "%(tree_mib).0f MiB. Medians; every run's data was compared after a remount.\n" % par)
    for n in names:
        print("- `%s`: %s" % (n, notes[n]))
    for text in [t for d in docs for t in d.get("remarks", [])]:
        print("- Remark: " + text)
    for e in [e for d in docs for e in d["errors"]]:
        print("- FAILED: `%(system)s` on %(backing)s, repeat %(rep)d: %(error)s" % e)

    def table(title, cell, rows):
        here = [n for n in names if any((b, st, n) in by for st, *_ in STEPS)]
        print("\n### %s\n" % title)
        print("| | unit | " + " | ".join(here) + " |")
        print("|---|---|" + "---:|" * len(here))
        for st, label, unit, cu in rows:
            if any((b, st, n) in by for n in here):
                print("| %s | %s | %s |" % (label, cell(st, None, unit, cu), " | ".join(
                    cell(st, n, unit, cu) for n in here)))

    for b in sorted({s["backing"] for s in samples}, reverse=True):
        reps = {n: len(by[b, "mount-time", n]) for n in names if (b, "mount-time", n) in by}
        print("\n## Backing: %s (repeats: %s)" % (b, ", ".join("%s %d" % i for i in reps.items())))
        table("Median rate, higher is better (~ marks a spread (max-min)/median over 20 %)",
              lambda st, n, u, cu: u if n is None else num(med(b, st, n)) + (
                  "~" if spread(by.get((b, st, n))) > .2 else ""), STEPS)
        for ref in ("fusefloor", "gocryptfs"):
            if ref in names:
                table("Ratio to %s" % ref, lambda st, n, u, cu: "x" if n is None else ratio(
                    med(b, st, n), med(b, st, ref)), STEPS)
        crows = [s for s in STEPS if s[3]]
        per = lambda st, n, cu, key: (None if (b, st, n) not in by else statistics.median(
            x[key] / x["amount"] * (cu[1] if cu[1] > 1 else 1 / cu[1]) for x in by[b, st, n]))
        table("Daemon CPU (user + system), lower is better", lambda st, n, u, cu: cu[0] if n is None else
              num(per(st, n, cu, "cpu")), crows)
        table("Whole-machine CPU incl. the client and the kernel (others' noise included)",
              lambda st, n, u, cu: cu[0] if n is None else num(per(st, n, cu, "machine_cpu")), crows)


def spread(rows):
    if not rows or len(rows) < 2:
        return 0
    r = [x["rate"] for x in rows]
    return (max(r) - min(r)) / max(statistics.median(r), 1e-9)


def ratio(v, ref):
    return "-" if v is None or not ref else "%.2f" % (v / ref)


ap = argparse.ArgumentParser()
sp = ap.add_subparsers(dest="cmd", required=True)
r = sp.add_parser("run")
r.add_argument("-o", "--out", default="results.json")
r.add_argument("-n", type=int, default=3, help="repeats, interleaved A B C A B C")
r.add_argument("--slow-n", type=int, default=99, help="repeats of the systems marked slow")
r.add_argument("-a", "--append", action="store_true", help="add to OUT.json instead of replacing it")
r.add_argument("-s", "--systems")
r.add_argument("-b", "--backings", default="tmpfs,disk")
r.add_argument("-w", "--workloads", help="of seq,small,tree,par")
r.set_defaults(fn=cmd_run)
r = sp.add_parser("report")
r.add_argument("files", nargs="+")
r.set_defaults(fn=cmd_report)
if __name__ == "__main__":
    args = ap.parse_args()
    args.fn(args)
