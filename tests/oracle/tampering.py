# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes behind a filesystem's back, the same to a raw ext4 image and to a store of fuscrypt.

An entry is what entry() finds while the filesystem is mounted with the key; the changes are for
when it is not mounted."""
import base64
import ctypes
import hashlib
import os
import struct

from asking import LIBC, EXCHANGE, AT_FDCWD
from ext4raw import Ext4

CTX = ".fuscrypt.ctx"


class Ext4Tamper(Ext4):
    """Wants an image without metadata_csum."""

    def __init__(self, img):
        super().__init__(img.img)
        self.mnt, self.f = img.mnt, open(img.img, "r+b")

    def inode_offset(self, ino):
        group, idx = divmod(ino - 1, self.inodes_per_group)
        gd = self.read((self.first_block + 1) * self.block_size + group * self.desc_size,
                       self.desc_size)
        table, = struct.unpack_from("<I", gd, 8)
        if self.desc_size >= 64:
            table |= struct.unpack_from("<I", gd, 0x28)[0] << 32
        return table * self.block_size + idx * self.inode_size

    def write(self, off, data):
        self.f.seek(off)
        self.f.write(data)
        self.f.flush()

    def entry(self, path):
        full = os.path.join(self.mnt, path)
        return {"dir": os.stat(os.path.dirname(full)).st_ino, "ino": os.lstat(full).st_ino,
                "path": path}

    def dirent(self, e):
        """(offset of the entry of that inode, its name)"""
        for lblk, count, phys in self.inode(e["dir"]).extents():
            for base in range(phys * self.block_size, (phys + count) * self.block_size,
                              self.block_size):
                pos = base
                while pos < base + self.block_size:
                    ino, rec, nlen, _ = struct.unpack("<IHBB", self.read(pos, 8))
                    if ino == e["ino"] and self.read(pos + 8, nlen) not in (b".", b".."):
                        return pos, self.read(pos + 8, nlen)
                    pos += rec
        raise KeyError(e)

    def ciphertext(self, e):
        return self.dirent(e)[1]

    def swap(self, a, b):
        pa, pb = self.dirent(a)[0], self.dirent(b)[0]
        ra, rb = self.read(pa, 8), self.read(pb, 8)
        self.write(pa, rb[:4] + ra[4:7] + rb[7:])
        self.write(pb, ra[:4] + rb[4:7] + ra[7:])

    def shorten(self, e, n):
        self.write(self.dirent(e)[0] + 6, bytes([n]))

    def change_context(self, e, fn):
        ctx = self.inode(e["ino"]).context()
        off = self.inode_offset(e["ino"])
        raw = self.read(off, self.inode_size)
        new = fn(ctx)
        assert raw.count(ctx) == 1 and len(new) == len(ctx)
        self.write(off + raw.index(ctx), new)

    def change_symlink(self, e, fn):
        """Of fast symlinks only: up to 59 bytes."""
        off = self.inode_offset(e["ino"])
        size, = struct.unpack("<I", self.read(off + 4, 4))
        new = fn(self.read(off + 0x28, size))
        self.write(off + 0x28, new.ljust(60, b"\0"))
        self.write(off + 4, struct.pack("<I", len(new)))

    def done(self):
        self.f.close()


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def respell_header(raw, fn):
    """A header whose context is another, sound in itself."""
    used, = struct.unpack_from("<H", raw, 10)
    body = raw[:40] + fn(raw[40:used - 8])
    return body + hashlib.sha256(body).digest()[:8] + raw[used:]


class StoreTamper:
    def __init__(self, img):
        self.mnt, self.store = img.mnt, img.store

    def entry(self, path):
        full = os.path.join(self.mnt, path)
        want = os.lstat(full).st_ino
        up = os.stat(os.path.dirname(full)).st_ino
        for top, dirs, files in os.walk(self.store):
            if os.stat(top).st_ino == up:
                for n in dirs + files:
                    if os.lstat(os.path.join(top, n)).st_ino == want:
                        return {"at": os.path.join(top, n), "path": path, "ino": want, "up": up}
        raise KeyError(path)

    def now(self, e):
        """Where it is after other changes."""
        return e["at"]

    def ciphertext(self, e):
        return unb64(os.path.basename(e["at"]))

    def swap(self, a, b):
        rc = LIBC.renameat2(AT_FDCWD, os.fsencode(a["at"]), AT_FDCWD, os.fsencode(b["at"]),
                            EXCHANGE)
        assert rc == 0, ctypes.get_errno()

    def shorten(self, e, n):
        os.rename(e["at"], os.path.join(os.path.dirname(e["at"]), b64(self.ciphertext(e)[:n])))

    def change_context(self, e, fn):
        at = e["at"]
        if os.path.islink(at):
            raw = respell_header(unb64(os.readlink(at)), fn)
            os.unlink(at)
            os.symlink(b64(raw), at)
            return
        if os.path.isdir(at):
            at = os.path.join(at, CTX)
        with open(at, "r+b") as f:
            raw = f.read(4096)
            f.seek(0)
            f.write(respell_header(raw, fn))

    def change_symlink(self, e, fn):
        raw = unb64(os.readlink(e["at"]))
        used, = struct.unpack_from("<H", raw, 10)
        os.unlink(e["at"])
        os.symlink(b64(raw[:used] + fn(raw[used:])), e["at"])

    def done(self):
        pass


def tamper(img):
    return Ext4Tamper(img) if img.kernel else StoreTamper(img)
