#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a tree over itself in place: every byte of data that is there is written again.

  rewrite.py DIR PLAIN

Contents come from PLAIN, a plain copy; names are renamed away and back. Nothing may change in the
ciphertext, for no nonce changes."""
import os
import stat
import sys


def rewrite_file(path, plain):
    with open(plain, "rb") as src:
        size = os.fstat(src.fileno()).st_size
        fd = os.open(path, os.O_RDWR)
        pos = 0
        while pos < size:
            try:
                a = os.lseek(src.fileno(), pos, os.SEEK_DATA)
            except OSError:
                break
            pos = os.lseek(src.fileno(), a, os.SEEK_HOLE)
            # Odd pieces, so that units are read, changed and written as well.
            for at in range(a, pos, 3001):
                n = min(3001, pos - at)
                os.pwrite(fd, os.pread(src.fileno(), n, at), at)
        os.close(fd)


def main():
    top, plain = (os.fsencode(a) for a in sys.argv[1:3])
    n = 0
    for d, _, files in os.walk(plain, topdown=False):
        rel = os.path.relpath(d, plain)
        for f in sorted(files):
            path = os.path.join(top, rel, f)
            st = os.lstat(os.path.join(d, f))
            if stat.S_ISREG(st.st_mode) and st.st_nlink == 1:
                rewrite_file(path, os.path.join(d, f))
            away = os.path.join(top, b"away")
            os.rename(path, away)
            os.rename(away, path)
            n += 1
    print("rewrote %d names" % n)


if __name__ == "__main__":
    main()
