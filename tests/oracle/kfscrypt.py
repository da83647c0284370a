# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's fscrypt ioctls, and loop-mounted ext4 images."""
import fcntl
import os
import shutil
import struct
import subprocess
import tempfile

SET_POLICY = 0x800c6613
GET_POLICY_EX = 0xc0096616
ADD_KEY = 0xc0506617
REMOVE_KEY = 0xc0406618
GET_KEY_STATUS = 0xc080661a
GET_NONCE = 0x8010661b


def key_spec(key_id):
    return struct.pack("<II", 1 if len(key_id) == 8 else 2, 0) + key_id.ljust(32, b"\0")


def ioctl(path, cmd, buf):
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        b = bytearray(buf)
        fcntl.ioctl(fd, cmd, b, True)
        return bytes(b)
    finally:
        os.close(fd)


def add_key(mnt, key, key_id):
    """Gives back the identifier (v2) or the descriptor that was passed (v1)."""
    spec = key_spec(key_id if len(key_id) == 8 else bytes(16))
    r = ioctl(mnt, ADD_KEY, spec + struct.pack("<I", len(key)) + bytes(36) + key)
    return r[8:8 + len(key_id)]


def remove_key(mnt, key_id):
    return struct.unpack_from("<I", ioctl(mnt, REMOVE_KEY, key_spec(key_id) + bytes(24)), 40)[0]


def set_policy(path, policy):
    ioctl(path, SET_POLICY, policy)


def get_nonce(path):
    return ioctl(path, GET_NONCE, bytes(16))


class Image:
    """A scratch ext4 image; `with` cleans everything up."""

    def __init__(self, size="512M", block_size=4096, features="encrypt,stable_inodes"):
        self.dir = tempfile.mkdtemp(prefix="fuscrypt-oracle.")
        self.img = os.path.join(self.dir, "fs.img")
        self.mnt = os.path.join(self.dir, "mnt")
        self.mounted = False
        os.mkdir(self.mnt)
        run("truncate", "-s", size, self.img)
        run("mke2fs", "-q", "-F", "-t", "ext4", "-b", str(block_size), "-I", "256",
            "-O", features, "-E", "lazy_itable_init=0", self.img)

    def mount(self, opts="loop"):
        run("mount", "-t", "ext4", "-o", opts, self.img, self.mnt)
        self.mounted = True

    def umount(self):
        run("umount", self.mnt)
        self.mounted = False

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.mounted:
            self.umount()
        shutil.rmtree(self.dir)


def run(*argv):
    subprocess.run(argv, check=True)
