# SPDX-License-Identifier: GPL-3.0-or-later
"""One system, once: made, mounted, measured, compared and cleared away."""
import os, random, shutil, signal, statistics, subprocess, threading, time

from pieces import BIG, STEP_LIMIT, TICK, Bad, drop_caches, ismount, machine_busy, touch_memory
from workloads import USUAL, Workloads


class Run(Workloads):
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
        # A request that its daemon does not answer keeps us from any alarm: then the daemon has to go.
        self.last_resort = None

    def set_limit(self, seconds):
        """The time for what comes next; 0 for no limit."""
        signal.alarm(seconds)
        if self.last_resort:
            self.last_resort.cancel()
            self.last_resort = None
        if seconds:
            self.last_resort = threading.Timer(seconds + 15, self.kill_all)
            self.last_resort.daemon = True
            self.last_resort.start()

    def kill_all(self):
        for p in self.tagged():
            try:
                os.kill(p, signal.SIGKILL)
            except OSError:
                pass

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
                self.kill_all()
                raise Bad("daemon did not exit after unmount")
            time.sleep(0.01)

    def cold(self, mib):
        self.umount()
        drop_caches(self.dirs["store"])
        touch_memory(mib)
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

    # -- one measured step: fn() returns an amount; the rate is amount / second.
    # cold: mounted anew with nothing cached; the number is the MiB of memory that the step may use.
    def step(self, name, fn, cold=None, keep=True, limit=STEP_LIMIT):
        self.set_limit(limit)
        try:
            if cold is not None:
                self.cold(cold)
            elif not ismount(self.dirs["mnt"]):
                raise Bad("not mounted")
            c0, m0, t0 = self.cpu(), machine_busy(), time.monotonic()
            n = fn()
            t1 = time.monotonic()
            c1, m1 = self.cpu(), machine_busy()
        finally:
            self.set_limit(0)
        if keep and n is not None:
            self.res[name] = dict(rate=n / max(t1 - t0, 1e-9), secs=t1 - t0, amount=n,
                                  cpu=c1 - c0, machine_cpu=m1 - m0)

    def p(self, *a):
        return os.path.join(self.root, *map(str, a))

    def go(self):
        try:
            self.sh(self.spec["init"])
            drop_caches(self.dirs["store"])
            touch_memory(2 * BIG)                 # the store on tmpfs, and the mount's cache
            self.mount()
            for w in self.only:
                getattr(self, "w_" + w)()
            rss, hwm = self.rss()
            self.umount()
            if set(self.only) == set(USUAL):      # else it would be another figure under the same name
                self.res["mount-time"] = dict(rate=statistics.median(self.mounts) * 1000)
                if self.daemons:
                    self.res["daemon-rss"] = dict(rate=rss)
                    self.res["daemon-peak-rss"] = dict(rate=hwm)
            return self.res, None
        except Exception as e:                    # a broken system scores nothing
            return {}, "%s: %s" % (type(e).__name__, e)
        finally:
            self.set_limit(0)
            while ismount(self.dirs["mnt"]):
                if subprocess.run(["umount", "-l", self.dirs["mnt"]]).returncode:
                    break
            self.kill_all()
            if not ismount(self.dirs["mnt"]):
                shutil.rmtree(self.area, ignore_errors=True)
