# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to a mount, whose answers are errnos: asked the same way of the kernel and of fuscrypt."""
import ctypes
import errno
import hashlib
import mmap
import os
import subprocess
import sys
import time

import kfscrypt as k

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
LIBC.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
AT_FDCWD = -100
CLONE_NEWUSER = 0x10000000


def fixed_key(name, n=64):
    return hashlib.shake_256(("errnos " + name).encode()).digest(n)


def error_name(e):
    name = errno.errorcode.get(e.errno, str(e.errno))
    return {"ENOTSUP": "EOPNOTSUPP"}.get(name, name)


def attempt(fn, *args):
    try:
        r = fn(*args)
        return 0 if r is None else r
    except OSError as e:
        return error_name(e)


def raw(rc):
    if rc < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return rc


class Memory:
    """Bytes that end where readable (or, with `readonly`, writable) memory ends."""

    def __init__(self, data=b"", readonly=False):
        self.page, self.size = mmap.PAGESIZE, len(data)
        base = LIBC.mmap(None, 2 * self.page, 3, 0x22, -1, 0)
        self.addr = base + self.page - self.size
        ctypes.memmove(self.addr, bytes(data), self.size)
        raw(LIBC.mprotect(base + self.page, self.page, 0))
        if readonly:
            raw(LIBC.mprotect(base, self.page, 1))

    def get(self):
        return ctypes.string_at(self.addr, self.size)


def ioctl_at(path, cmd, addr, flags=os.O_RDONLY):
    fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        raw(LIBC.ioctl(fd, cmd, addr))
    finally:
        os.close(fd)


def ioctl_edge(path, cmd, data, readonly=False):
    """The ioctl on bytes of which none may be touched behind the last; what they are after it."""
    m = Memory(data, readonly)
    ioctl_at(path, cmd, m.addr)
    return m.get()


def rename2(a, b, flags=0):
    raw(LIBC.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), flags))


def link_fd(fd, path):
    raw(LIBC.linkat(AT_FDCWD, os.fsencode("/proc/self/fd/%d" % fd), AT_FDCWD, os.fsencode(path),
                    0x400))


def opened(path, flags, mode=0o644):
    os.close(os.open(path, flags, mode))


def creat(path):
    opened(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)


def run_as(uid, fn, *args, fsuid=None, userns=False):
    """attempt() in a process of another user: no groups, no capabilities but root's."""
    r, w = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        answer = "?"
        try:
            os.close(r)
            if uid:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            if fsuid is not None:
                LIBC.setfsuid(fsuid)
            if userns:
                raw(LIBC.unshare(CLONE_NEWUSER))
            answer = attempt(fn, *args)
        except BaseException as e:  # the parent has to hear of it, not the test
            answer = "? " + repr(e)
        os.write(w, repr(answer).encode())
        os._exit(0)
    os.close(w)
    with os.fdopen(r, "rb") as f:
        text = f.read().decode()
    os.waitpid(pid, 0)
    return __import__("ast").literal_eval(text)


class Fuscrypt:
    """What kfscrypt.Image is for the kernel."""

    kernel = False

    def __init__(self, store, mnt):
        self.store, self.mnt, self.mounted = store, mnt, False

    def mount(self, opts=None):
        argv = [os.environ["FUSCRYPT"], "mount", "--locked"]
        if os.environ.get("SCEN_DEVICE"):
            argv += ["--device", os.environ["SCEN_DEVICE"], "-o", "inlinecrypt"]
        # As ext4 is mounted: devices are devices.
        argv += ["-o", "dev,suid" + ("," + opts if opts else "")]
        subprocess.run(argv + [self.store, self.mnt], check=True, stdin=subprocess.DEVNULL)
        self.mounted = True

    def umount(self):
        argv = ["umount", self.mnt] if os.geteuid() == 0 else ["fusermount3", "-u", self.mnt]
        for _ in range(300):  # closes reach a FUSE server a moment after close(2)
            if subprocess.run(argv, stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.1)
        else:
            k.run(*argv)
        self.mounted = False

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.mounted:
            self.umount()


class Kernel(k.Image):
    """A scratch ext4 with fscrypt."""

    kernel = True

    def __init__(self, size, features="encrypt,stable_inodes"):
        super().__init__(size, features=features)
        os.chmod(self.dir, 0o755)  # users go through it

    def mount(self, opts=None):
        super().mount("loop," + opts if opts else "loop")


class Questions:
    """Prints a line a question; a question asked twice would hide an answer."""

    def __init__(self, img):
        self.img, self.mnt, self.seen = img, img.mnt, set()

    def at(self, *parts):
        return os.path.join(self.mnt, *parts)

    def tell(self, what, answer):
        assert what not in self.seen, what
        self.seen.add(what)
        if isinstance(answer, bytes):
            answer = answer.hex()
        print("%s: %s" % (what, answer), flush=True)

    def __call__(self, what, fn, *args):
        self.tell(what, attempt(fn, *args))

    def user(self, who, what, fn, *args):
        """As uid @who."""
        self.tell("%s, as uid %d" % (what, who), run_as(who, fn, *args))

    def remount(self, opts=None):
        self.img.umount()
        self.img.mount(opts)


def open_image(argv, **features):
    """kernel | fuscrypt STORE MNT"""
    return Kernel("128M", **features) if argv[0] == "kernel" else Fuscrypt(*argv[1:3])
