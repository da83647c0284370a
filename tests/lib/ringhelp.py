#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads that wait for a slow store, and whether others wait behind them.

    ringhelp.py together DIR THREADS MSECS  each thread reads its share of DIR's files, whose reads take MSECS each
    ringhelp.py alone DAEMON DIR            one thread reads them; how often the helpers' threads were switched to
"""
import os
import sys
import threading
import time


def read(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        while os.read(fd, 1 << 20):
            pass
    finally:
        os.close(fd)


def files(directory):
    return [os.path.join(directory, name) for name in sorted(os.listdir(directory)) if name.startswith("f")]


def together(directory, number, msecs):
    paths = files(directory)

    def share(k):
        for path in paths[k::number]:
            read(path)

    threads = [threading.Thread(target=share, args=(k,)) for k in range(number)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, serial = time.monotonic() - began, len(paths) * msecs / 1000
    # Helpers are ten; before they are asked some requests have to wait.
    print("together" if took < serial / 2 else f"{took:.1f} s, one after the other {serial:.1f} s")


def helpers_ran(daemon):
    total = 0
    for tid in os.listdir(f"/proc/{daemon}/task"):
        with open(f"/proc/{daemon}/task/{tid}/comm") as f:
            if f.read() != "fuse-ring-help\n":
                continue
        with open(f"/proc/{daemon}/task/{tid}/status") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt_switches"))
    return total


def alone(daemon, directory):
    paths = files(directory)
    # What helpers have kept comes back first: each request that nobody waited behind counts for that.
    for path in paths[:64]:
        read(path)
    before = helpers_ran(daemon)
    for path in paths[64:]:
        read(path)
    n = helpers_ran(daemon) - before
    print("no helper" if n <= len(paths[64:]) // 4 else f"helpers ran {n} times")


if __name__ == "__main__":
    what, *args = sys.argv[1:]
    if what == "together":
        together(args[0], int(args[1]), int(args[2]))
    else:
        alone(*args)
