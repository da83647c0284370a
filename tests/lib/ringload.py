#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads of a mount, and how the threads of its rings run meanwhile.

    ringload.py run SECONDS FILE [BYTES]  4096 at a time, or so many, around the page cache, until the time is over
    ringload.py count READS FILE          so often
    ringload.py wait DAEMON WHAT          until a ring's thread is WHAT: idle (policy SCHED_IDLE), free (of more than
                                          one processor), bound (all of them, with the usual policy), kept (bound for a fifth
                                          of a second); exit 1 after a minute
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


def main():
    what, arg, last, *size = sys.argv[1:]
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
