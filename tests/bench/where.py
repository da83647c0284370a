#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""where.py - where the daemon's time goes: requests, system calls and processor time of one operation each

    tests/bench/where.py [-n FILES] [-o MOUNT_OPTIONS] [-p PROGRAM]

Creates, looks up, opens and reads, lists and deletes FILES files of 4 KiB in one directory on a tmpfs store, each
step on a fresh mount; then reads and writes a big file.  Three times each: plain for the processor time, under
strace for the numbers, under perf for the shares.  Needs root, strace and perf.  Writes a Markdown table.
"""
import argparse
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

OPCODES = {1: "LOOKUP", 2: "FORGET", 3: "GETATTR", 4: "SETATTR", 10: "UNLINK", 14: "OPEN", 15: "READ", 16: "WRITE",
           18: "RELEASE", 20: "FSYNC", 22: "GETXATTR", 25: "FLUSH", 27: "OPENDIR", 28: "READDIR", 29: "RELEASEDIR",
           34: "ACCESS", 35: "CREATE", 42: "BATCH_FORGET", 44: "READDIRPLUS"}
NUMBERS = {"syscall_0x1d0": "getxattrat", "syscall_0x1d1": "listxattrat"}  # newer than Debian 12's strace
# What a symbol belongs to, first match: the kernel's side of FUSE, sleeping and waking, the store, our own code.
SHARES = (("sleep and wake", r"schedule|sched|wake|futex|idle|switch|_raw_spin|ttwu|rq_|enqueue|dequeue|pick_next|ipi|hlt"),
          ("ciphers", r"aes|xts|hctr|polyval|EVP|sha|hkdf|crypto|vaes|gcm"),
          ("fuse device", r"^fuse_|copy_to_iter|copy_from_iter|copyout|copyin|_copy_|rep_movs|iov_iter|copy_page"),
          ("store", r"shmem|tmpfs|vfs_|path|lookup|dentry|d_|inode|open|statx|getname|filename|link|walk|file|xattr|alloc|slab|kmem|page|folio|generic_"))


def loop(code):
    return [sys.executable, "-c", "import os\n" + code]


def steps(top, n):
    files = "for i in range(%d):\n    f = '%s/d/file-%%d' %% i\n    " % (n, top)
    big = "%s/big" % top
    return (
        ("create 4 KiB", n, loop("data = b's' * 4096\n" + files + "fd = os.open(f, os.O_CREAT | os.O_WRONLY, 0o644); "
                                 "os.write(fd, data); os.close(fd)")),
        ("look up", n, loop(files + "os.stat(f)")),
        ("open, read 4 KiB, close", n, loop(files + "fd = os.open(f, os.O_RDONLY); os.read(fd, 5000); os.close(fd)")),
        ("ls -l, an entry", n, ["ls", "-l", top + "/d"]),
        ("delete", n, loop(files + "os.unlink(f)")),
        ("write, 1 MiB", 256, loop("fd = os.open('%s', os.O_CREAT | os.O_WRONLY, 0o644)\ndata = b'w' * 1048576\n"
                                   "for i in range(256):\n    os.write(fd, data)\nos.fsync(fd)" % big)),
        ("read, 1 MiB", 256, loop("fd = os.open('%s', os.O_RDONLY)\nwhile os.read(fd, 1048576):\n    pass" % big)),
        ("read 4 KiB at random", 4096, loop("fd = os.open('%s', os.O_RDONLY)\nos.posix_fadvise(fd, 0, 0, 1)\n"
                                            "for i in range(4096):\n    os.pread(fd, 4096, i * 4093 %% 65536 * 4096)" % big)),
    )


class Mount:
    def __init__(self, program, options):
        self.program, self.options = program, options
        self.dir = tempfile.mkdtemp(prefix="where.")
        self.store, self.top, self.key = self.dir + "/store", self.dir + "/mnt", self.dir + "/key"
        os.mkdir(self.store)
        os.mkdir(self.top)
        with open(self.key, "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write("%064x" % 7)
        self.mounted = False
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", self.store], check=True)
        subprocess.run([program, "init", "--key", self.key, self.store], check=True, stdout=subprocess.DEVNULL)

    def up(self):
        args = [self.program, "mount", "--key", self.key]
        args += ["-o", self.options] if self.options else []
        subprocess.run(args + [self.store, self.top], check=True, stdout=subprocess.DEVNULL)
        self.mounted = True
        self.pid = self.server()
        os.makedirs(self.top + "/d", exist_ok=True)

    def server(self):
        """The one of our processes that has the most threads: the other is its supervisor."""
        found = []
        for p in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % p) as f:
                    if self.top in f.read().split("\0"):
                        found.append((len(os.listdir("/proc/%s/task" % p)), int(p)))
            except OSError:
                pass
        return max(found)[1]

    def down(self):
        for _ in range(50):
            if subprocess.run(["umount", self.top], stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.1)
        self.mounted = False
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3")

    def cpu(self):
        """Nanoseconds of all threads so far."""
        total = 0
        for t in os.listdir("/proc/%d/task" % self.pid):
            with open("/proc/%d/task/%s/schedstat" % (self.pid, t)) as f:
                total += int(f.read().split()[0])
        return total

    def gone(self):
        if self.mounted:
            self.down()
        subprocess.run(["umount", self.store])
        shutil.rmtree(self.dir)


def under(tool, ready, argv):
    """argv while `tool` looks on; ready() says when it does."""
    watcher = subprocess.Popen(tool, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    ready(watcher)
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    watcher.send_signal(signal.SIGINT)
    watcher.communicate()


def counted(m, argv, count):
    """Requests and system calls for each operation."""
    out = m.dir + "/strace"
    under(["strace", "-f", "-xx", "-s", "16", "-o", out, "-p", str(m.pid)], lambda w: w.stderr.readline(), argv)
    requests, calls = collections.Counter(), collections.Counter()
    with open(out) as f:
        for line in f:
            head = re.search(r'read.*"((?:\\x[0-9a-f]{2}){16})"', line)
            if head:
                b = bytes.fromhex(head.group(1).replace("\\x", ""))
                requests[OPCODES.get(int.from_bytes(b[4:8], "little"), "other")] += 1
            call = re.match(r"\d+ +(\w+)\(", line)
            if call:
                calls[NUMBERS.get(call.group(1), call.group(1))] += 1
    per = lambda c: ", ".join("%s %.2g" % (k, v / count) for k, v in c.most_common() if v / count >= 0.05)
    return per(requests), per(calls)


def shares(m, argv):
    data = m.dir + "/perf"
    under(["perf", "record", "-q", "-F", "9000", "-o", data, "-p", str(m.pid)], lambda w: time.sleep(0.5), argv)
    text = subprocess.run(["perf", "report", "-q", "-i", data, "--stdio", "-F", "overhead,sym"], capture_output=True,
                          text=True).stdout
    sums = collections.Counter()
    for line in text.splitlines():
        hit = re.match(r"\s*([\d.]+)%\s+\[(.)\]\s+(\S+)", line)
        if not hit:
            continue
        pct, space, sym = float(hit.group(1)), hit.group(2), hit.group(3)
        for what, pattern in SHARES:
            if re.search(pattern, sym, re.I) and (what == "ciphers" or space == "k"):
                break
        else:
            what = "other kernel" if space == "k" else "own code"
        sums[what] += pct
    return ", ".join("%s %.0f %%" % (k, v) for k, v in sums.most_common() if v >= 1)


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("-n", type=int, default=2000)
    ap.add_argument("-o", default="noallow_other,nouring")
    ap.add_argument("-p", default=os.path.join(os.path.dirname(__file__), "../../build/fuscrypt"))
    a = ap.parse_args()
    rows = collections.OrderedDict()
    for kind in ("time", "numbers", "shares"):
        m = Mount(a.p, a.o)
        try:
            for name, count, argv in steps(m.top, a.n):
                m.up()
                os.stat(m.top + "/d")
                if kind == "time":
                    before, began = m.cpu(), time.monotonic()
                    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
                    wall = time.monotonic() - began
                    time.sleep(0.05)
                    rows[name] = ["%.1f" % (wall * 1e6 / count), "%.1f" % ((m.cpu() - before) / 1e3 / count)]
                elif kind == "numbers":
                    rows[name] += counted(m, argv, count)
                else:
                    rows[name].append(shares(m, argv))
                m.down()
        finally:
            m.gone()
    print("| operation | us | us of the daemon | requests | system calls | the daemon's time |")
    print("|---|---:|---:|---|---|---|")
    for name, row in rows.items():
        print("| %s | %s |" % (name, " | ".join(row)))


if __name__ == "__main__":
    main()
