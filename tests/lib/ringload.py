#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads of a mount, and how the threads of its rings run meanwhile.

    ringload.py run SECONDS FILE [BYTES]  4096 at a time, or so many, around the page cache, until the time is over
    ringload.py count READS FILE          so often
    ringload.py wait DAEMON WHAT          until a ring's thread is WHAT: idle (policy SCHED_IDLE), free (of more than
                                          one processor), bound (all of them, with the usual policy), kept (bound for a fifth
                                          of a second); exit 1 after a minute
    ringload.py mixed DAEMON FILE         reads there, now and then a large one, and exits 1 if a ring's thread was free
                                          for more than a tenth of the time
    ringload.py remove DAEMON FOLDER      makes files there, removes them, and exits 1 if the daemon was told of each by
                                          itself that the kernel has forgotten it
"""
import mmap
import os
import random
import sys
import time


def reads(path, size=4096):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    buf = mmap.mmap(-1, size)
    places = os.fstat(fd).st_size // size
    while True:
        if os.preadv(fd, [buf], random.randrange(places) * size) != size:
            sys.exit(f"{path}: a short read")
        yield


def threads(daemon):
    """(policy, processors) of each thread that has a ring."""
    for tid in os.listdir(f"/proc/{daemon}/task"):
        with open(f"/proc/{daemon}/task/{tid}/stat") as f:
            name, fields = f.read().rsplit(")", 1)
        if "(fuse-ring-" in name and name[-1].isdigit():
            yield int(fields.split()[38]), len(os.sched_getaffinity(int(tid)))


def calls(daemon):
    """How often all of its threads have read something by now."""
    with open(f"/proc/{daemon}/io") as f:
        return int(dict(line.split(": ") for line in f)["syscr"])


def remove(daemon, folder):
    """What it has read may be one message for each thousandth of a second and thread, and little besides."""
    names = [f"{folder}/removed-{i}" for i in range(4000)]
    for name in names:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600))
    time.sleep(0.5)
    before, began = calls(daemon), time.monotonic()
    for name in names:
        os.unlink(name)
    time.sleep(0.1)
    msecs, read = (time.monotonic() - began) * 1000, calls(daemon) - before
    print(f"{len(names)} files removed in {msecs:.0f} ms, {read} reads", file=sys.stderr)
    return 0 if read <= max(len(names) / 2, msecs * 5) else 1


def mixed(daemon, path):
    """Between two large reads are as many small ones as a tree of sources has."""
    small, large, samples = reads(path), reads(path, 256 << 10), []
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for _ in range(24):
            next(small)
        next(large)
        samples.append(any(cpus > 1 for _, cpus in threads(daemon)))
    print(f"free in {sum(samples)} of {len(samples)} looks", file=sys.stderr)
    return 0 if sum(samples) <= len(samples) / 10 else 1


def main():
    what, arg, last, *size = sys.argv[1:]
    if what == "mixed":
        return mixed(arg, last)
    if what == "remove":
        return remove(arg, last)
    if what == "run":
        end = time.monotonic() + float(arg)
        for _ in reads(last, *map(int, size)):
            if time.monotonic() > end:
                return 0
    elif what == "count":
        for n, _ in enumerate(reads(last), 1):
            if n == int(arg):
                return 0
    is_so = {
        "idle": lambda t: any(policy == os.SCHED_IDLE for policy, _ in t),
        "free": lambda t: any(cpus > 1 for _, cpus in t),
        "bound": lambda t: all(policy == os.SCHED_OTHER and cpus == 1 for policy, cpus in t),
    }
    seen, wanted = 0, 200 if last == "kept" else 1
    end = time.monotonic() + 60
    while time.monotonic() < end:
        seen = seen + 1 if is_so["bound" if last == "kept" else last](list(threads(arg))) else 0
        if seen == wanted:
            return 0
        time.sleep(0.001)
    return 1


if __name__ == "__main__":
    sys.exit(main())
