# SPDX-License-Identifier: GPL-3.0-or-later
"""The workloads: a mixin of one.Run, which has step(), p() and the mount."""
import mmap, os, random, shutil, subprocess, time

from pieces import (BIG, LIST_FILES, LITTLE, MIB, NDIRS, PERDIR, RAND_OPS, RAND_SECS, SEQ_MIB, Bad, fork_run, pat,
                    read_all, sync_fs, touch_memory, write_file)

USUAL = ["seq", "small", "tree", "par"]
ALL = USUAL + ["list"]
# tar's: securefs at times gives a directory another inode number, and tar leaves its mode and times then. (Symlinks
# too, which it makes in a second pass without -P.) All names and contents are there, as the comparison shows.
HARMLESS = ("Directory renamed before its status could be extracted", "Exiting with failure status due to previous errors")


class Workloads:
    def w_seq(self):
        big = self.p("seq.bin")

        def wr():
            write_file(big, (pat(i, MIB) for i in range(SEQ_MIB)), fsync=True)
            return SEQ_MIB
        self.step("seqwrite", wr)
        self.check_encrypted("seq.bin")
        self.step("seqread-1M", lambda: read_all(big, MIB) / MIB, cold=BIG)
        self.step("seqread-128K", lambda: read_all(big, 128 << 10) / MIB, cold=BIG)

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
        self.step("randread-4K", lambda: rread(5), cold=BIG)
        self.step("randread-4K-x4", lambda: fork_run([lambda s=s: rread(s) for s in range(4)]), cold=BIG)

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
        self.step("verify", self.verify_big, cold=0, keep=False)
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
        sync_fs(self.root)
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
        self.step("small-stat", stat, cold=LITTLE)
        self.step("small-read", read, cold=LITTLE)
        self.step("small-delete", delete)

    def w_tree(self):
        dst, (tar, ref, files) = self.p("tree"), self.tar

        def sub(*cmd):
            p = subprocess.run(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
            said = [x for x in p.stderr.splitlines() if not any(h in x for h in HARMLESS)]
            if p.returncode > 1 and (said or not p.stderr):
                raise Bad("%s: %s" % (cmd[0], " ".join(said)[:300]))
            return files

        def verify():
            p = subprocess.run(["diff", "-r", "--no-dereference", ref, dst], capture_output=True)
            if p.returncode:
                raise Bad("tree differs after remount: " + (p.stdout + p.stderr)[:300].decode("utf8", "replace"))
        os.mkdir(dst)
        self.step("tree-untar", lambda: sub("tar", "-xpPf", tar, "-C", dst))
        self.step("tree-ls-lR", lambda: sub("ls", "-lR", dst), cold=LITTLE)
        self.step("tree-grep", lambda: sub("grep", "-r", "no-such-string-here", dst), cold=LITTLE)
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
        touch_memory(BIG)
        self.step("par2-seqwrite", lambda: fork_run([lambda j=j: wr(j) for j in (0, 1)]))
        self.step("par2-seqread", lambda: fork_run([lambda j=j: read_all(name(j), MIB) / MIB for j in (0, 1)]), cold=BIG)
        self.step("par2-create", lambda: fork_run([lambda j=j: mk(j) for j in (0, 1)]))

    def w_list(self):
        """The daemon's memory after all of a large tree was listed, and when the kernel has let go of it."""
        procs, per_dir = 2, 1000

        def mk(j):
            for i in range(LIST_FILES // procs):
                if i % per_dir == 0:
                    base = self.p("list-%d" % j, "directory-%04d" % (i // per_dir))
                    os.makedirs(base)
                os.close(os.open("%s/some-file-name-%05d" % (base, i), os.O_CREAT | os.O_WRONLY, 0o644))
            return LIST_FILES // procs

        def ls():
            subprocess.run(["ls", "-lR", self.root], stdout=subprocess.DEVNULL, check=True)
            return LIST_FILES
        limit = 120 + LIST_FILES // 1000
        self.step("list-create", lambda: fork_run([lambda j=j: mk(j) for j in range(procs)]), limit=limit)
        self.step("list-ls", ls, cold=LITTLE, limit=limit)
        self.res["list-rss"] = dict(rate=self.rss()[0])
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("2")
        least = self.rss()[0]
        for _ in range(20):                       # forgets arrive in batches
            time.sleep(0.25)
            least = min(least, self.rss()[0])
        self.res["list-rss-dropped"] = dict(rate=least)
