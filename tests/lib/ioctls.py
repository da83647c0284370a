#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""ioctls.py ROUNDS SEED DIR FILE - requests that nobody should make, with every number there is."""
import ctypes
import errno
import mmap
import os
import random
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
# The kernel's nine, flags and attributes, the block device's three, and some that nobody has.
NUMBERS = [0x800c6613, 0x40106614, 0x400c6615, 0xc0096616, 0xc0506617, 0xc0406618, 0xc0406619,
           0xc080661a, 0x8010661b, 0x80086601, 0x40086602, 0x801c581f, 0x401c5820, 0xc0401289,
           0xc030128a, 0xc040128b, 0x0000, 0xffffffff, 0xc3ff66e0]
PAGE = mmap.PAGESIZE


def private(rng):
    """A number of fuscrypt's own, with whatever size."""
    return rng.choice((0, 1, 2, 3)) << 30 | rng.randrange(1 << 14) << 16 | 0x66 << 8 | \
        rng.randrange(0xd0, 0x100)


def main():
    rounds, seed, paths = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    rng = random.Random(seed)
    base = LIBC.mmap(None, 6 * PAGE, 3, 0x22, -1, 0)
    LIBC.mprotect(base + 5 * PAGE, PAGE, 0)
    interesting = (0, 1, 2, 3, 8, 16, 24, 64, 80, 128, 255, 0x7fffffff, 0xffffffff)
    allowed = set(errno.errorcode)
    seen = set()
    for _ in range(rounds):
        size = rng.choice((0, 1, 4, 8, 12, 16, 24, 40, 64, 80, 96, 128, 144, 208, 512, 16000))
        data = bytearray(rng.randbytes(size) if rng.random() < .5 else size)
        for _ in range(rng.randrange(6)):
            at = rng.randrange(0, max(size - 4, 0) + 1) & ~3
            data[at:at + 4] = rng.choice(interesting).to_bytes(4, "little")
        addr = base + 5 * PAGE - len(data)
        ctypes.memmove(addr, bytes(data), len(data))
        if rng.random() < .05:
            addr = rng.choice((0, 1, 8, base + 5 * PAGE, (1 << 64) - 8, 1 << 47))
        cmd = rng.choice(NUMBERS) if rng.random() < .8 else private(rng)
        fd = os.open(rng.choice(paths), os.O_RDONLY)
        ctypes.set_errno(0)
        if LIBC.ioctl(fd, cmd, addr) < 0:
            seen.add(ctypes.get_errno())
        os.close(fd)
    odd = seen - allowed | seen & {errno.ENOMEM, errno.EIO, errno.ENOTCONN}
    print("errnos that should not be:", sorted(errno.errorcode.get(e, e) for e in odd))


if __name__ == "__main__":
    main()
