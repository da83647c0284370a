# SPDX-License-Identifier: GPL-3.0-or-later
"""ops.py - single system calls whose errno is the answer, for scenarios: `from ops import *`"""
import ctypes
import errno
import os

LIBC = ctypes.CDLL(None, use_errno=True)
NOREPLACE, EXCHANGE = 1, 2
AT_FDCWD = -100


def err(e):
    name = errno.errorcode.get(e.errno, str(e.errno))
    return {"ENOTSUP": "EOPNOTSUPP"}.get(name, name)


def attempt(fn, *args, **kw):
    """What the call gives: 'ok', a value, or the errno's name."""
    try:
        r = fn(*args, **kw)
        return "ok" if r is None else r
    except OSError as e:
        return err(e)


def show(label, fn, *args, **kw):
    print("%s: %s" % (label, attempt(fn, *args, **kw)))


def raw(rc, what):
    if rc < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e), what)


def rename2(a, b, flags):
    raw(LIBC.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), flags), "renameat2")


def link_fd(fd, path):
    """Gives an unnamed file a name; os.link() does not follow /proc/self/fd."""
    src = os.fsencode("/proc/self/fd/%d" % fd)
    raw(LIBC.linkat(AT_FDCWD, src, AT_FDCWD, os.fsencode(path), 0x400), "linkat")


def fallocate(path, mode, offset, length):
    fd = os.open(path, os.O_RDWR)
    try:
        raw(LIBC.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)), "fallocate")
    finally:
        os.close(fd)


def opened(path, flags, mode=0o644):
    os.close(os.open(path, flags, mode))


def creat(path, mode=0o644):
    opened(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)


def put(path, data=b"data\n"):
    fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o644)
    try:
        while data:
            data = data[os.write(fd, data):]
    finally:
        os.close(fd)


def get(path):
    with open(path, "rb", buffering=0) as f:
        return f.readall()
