#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries what the kernel's fscrypt wrote into a fuscrypt store, without any key.

  kernel2store.py make IMAGE MNT KEYFILE LOG2_DU PADDING FLAGS PLAIN
        the kernel writes the vectors' tree twice on a fresh ext4 IMAGE mounted on MNT (root): into
        MNT/enc under a policy of the key, and into the plain directory PLAIN; IMAGE is unmounted
  kernel2store.py convert IMAGE:DIR STORE
        STORE gets the raw ciphertext, names, link payloads and contexts of DIR
  kernel2store.py compare IMAGE:DIR STORE
        every stored byte of STORE against the image; prints the counts, exit status 1 on a difference

Written from fuscrypt-format(5); shares nothing with the program."""
import base64
import hashlib
import os
import struct
import sys
import uuid

import kfscrypt as k
from common import Tree, build, policy_of
from ext4raw import Ext4
from refdecrypt import Context

HEADER = 4096


def b64(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


def header(context, parent=None, ino=0, flags=0):
    used = 40 + len(context) + 8
    h = struct.pack("<8sBBHIIB3s16s", b"fuscrypt", 1, flags, used, virtual(context, ino),
                    parent.vino if parent else 0, len(context), bytes(3),
                    parent.nonce if parent else bytes(16)) + context
    return h + hashlib.sha256(h).digest()[:8]


def virtual(context, ino):
    """The number that the header has: 0 unless it enters keys and IVs."""
    return ino if context[0] == 2 and context[3] & 0x18 else 0


class Parent:
    """What a header says of the directory above."""

    def __init__(self, context, ino):
        self.nonce, self.vino = context[-16:], virtual(context, ino)


def long_hash(cipher):
    return b64(hashlib.sha256(cipher[:149] + hashlib.sha256(cipher[149:]).digest()).digest())


def stored_name(cipher):
    name = b64(cipher)
    return name if len(name) <= 255 else ".fuscrypt.l." + long_hash(cipher)


def data_unit(context):
    ctx = Context.parse(context)
    return 1 << ctx.log2_du if ctx.log2_du else 4096


def units(inode, du):
    """(offset, ciphertext) of every stored data unit that holds a byte of the file."""
    end = -(-inode.size // du) * du
    for off, data in inode.segments():
        for i in range(0, len(data), du):
            if off + i < end:
                yield off + i, data[i:i + du]


def encoded_size(size, du):
    return HEADER + -(-size // du) * du + size % du


class Walk:
    """Visits the encrypted tree in the image together with its place in the store."""

    def __init__(self, spec, store):
        image, _, name = spec.rpartition(":")
        self.fs, self.store, self.first = Ext4(image), store, {}
        self.root, = [i for n, i, _ in self.fs.inode(2).entries() if n == name.encode()]
        self.counts = dict.fromkeys(("dir", "file", "data unit", "symlink", "special", "link"), 0)

    def run(self):
        self.directory(self.fs.inode(self.root), self.store, None)

    def directory(self, inode, path, above):
        self.counts["dir"] += 1
        ctx = inode.context()
        me = Parent(ctx, inode.ino)
        self.on_dir(path, inode, ctx, above)
        for cipher, ino, typ in inode.entries():
            child = self.fs.inode(ino)
            low = os.path.join(path, stored_name(cipher))
            if low.rpartition("/")[2].startswith(".fuscrypt.l."):
                self.on_sidecar(os.path.join(path, ".fuscrypt.n." + long_hash(cipher)), cipher)
            if typ == "dir":
                self.on_subdir(low)
                self.directory(child, low, me)
                continue
            if ino in self.first:
                self.counts["link"] += 1
                self.on_link(self.first[ino], low)
                continue
            self.first[ino] = low
            if typ == "file":
                self.counts["file"] += 1
                self.on_file(low, child, child.context(), me)
            elif typ == "symlink":
                self.counts["symlink"] += 1
                self.on_symlink(low, child, child.context(), me)
            else:
                self.counts["special"] += 1
                self.on_special(low)


class Convert(Walk):
    def run(self):
        os.makedirs(os.path.join(self.store, ".fuscrypt", "symlinks"))
        os.mkdir(os.path.join(self.store, ".fuscrypt", "protectors"))
        self.last = 0
        super().run()
        if self.last:
            self.put(os.path.join(self.store, ".fuscrypt", "ino"),
                     b"fuscrypt-ino=1\nnext=%d\n" % (self.last + 1))

    def header(self, ctx, parent, ino, flags=0):
        self.last = max(self.last, virtual(ctx, ino))
        return header(ctx, parent, ino, flags)

    def put(self, path, data):
        with open(path, "xb") as f:
            f.write(data)

    def on_dir(self, path, inode, ctx, above):
        self.put(os.path.join(path, ".fuscrypt.ctx"), self.header(ctx, above, inode.ino))
        if above is None:
            self.put(os.path.join(path, ".fuscrypt", "store.conf"),
                     b"fuscrypt-store=1\nuuid=%s\nfeatures=\nroot=%s\n" %
                     (str(uuid.UUID(bytes=self.fs.uuid)).encode(), ctx.hex().encode()))

    def on_sidecar(self, path, cipher):
        self.put(path, cipher)

    def on_subdir(self, path):
        os.mkdir(path)

    def on_link(self, old, new):
        os.link(old, new, follow_symlinks=False)

    def on_special(self, path):
        os.mkfifo(path)

    def on_file(self, path, inode, ctx, above):
        du = data_unit(ctx)
        with open(path, "xb") as f:
            f.write(self.header(ctx, above, inode.ino).ljust(HEADER, b"\0"))
            for off, data in units(inode, du):
                f.seek(HEADER + off)
                f.write(data)
                self.counts["data unit"] += 1
            f.truncate(encoded_size(inode.size, du))

    def on_symlink(self, path, inode, ctx, above):
        payload = inode.symlink_payload()
        text = b64(self.header(ctx, above, inode.ino) + payload)
        if len(text) > 1000:
            text = b64(self.header(ctx, above, inode.ino, 1))
            self.put(os.path.join(self.store, ".fuscrypt", "symlinks", ctx[-16:].hex()), payload)
        os.symlink(text, path)


class Compare(Walk):
    bad = 0

    def need(self, cond, what):
        if not cond:
            self.bad += 1
            print("DIFF", what)

    def get(self, path):
        try:
            with open(path, "rb") as f:
                return f.read()
        except OSError as e:
            self.need(False, e)
            return b""

    def check_header(self, path, h, ctx, ino):
        self.need(h[40:40 + len(ctx)] == ctx, "%s: context" % path)
        self.need(h[12:16] == struct.pack("<I", virtual(ctx, ino)), "%s: number" % path)

    def on_dir(self, path, inode, ctx, above):
        self.check_header(path, self.get(os.path.join(path, ".fuscrypt.ctx")), ctx, inode.ino)

    def on_sidecar(self, path, cipher):
        self.need(self.get(path) == cipher, "%s: sidecar" % path)

    def on_subdir(self, path):
        self.need(os.path.isdir(path), "%s: no directory" % path)

    def on_link(self, old, new):
        self.need(os.path.samestat(os.lstat(old), os.lstat(new)), "%s: not a link to %s" % (new, old))

    def on_special(self, path):
        self.need(os.path.lexists(path), "%s: missing" % path)

    def on_file(self, path, inode, ctx, above):
        du = data_unit(ctx)
        if not os.path.lexists(path):
            self.need(False, "%s: missing" % path)
            return
        self.need(os.path.getsize(path) == encoded_size(inode.size, du), "%s: size" % path)
        with open(path, "rb") as f:
            self.check_header(path, f.read(HEADER), ctx, inode.ino)
            for off, data in units(inode, du):
                f.seek(HEADER + off)
                self.need(f.read(du) == data, "%s: data unit %d" % (path, off // du))
                self.counts["data unit"] += 1

    def on_symlink(self, path, inode, ctx, above):
        try:
            text = os.readlink(path)
        except OSError as e:
            self.need(False, e)
            return
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        used = len(header(ctx))
        payload = raw[used:]
        if raw[9] & 1:
            payload = self.get(os.path.join(self.store, ".fuscrypt", "symlinks", ctx[-16:].hex()))
        self.check_header(path, raw, ctx, inode.ino)
        self.need(payload == inode.symlink_payload(), "%s: payload" % path)


def make(image, mnt, keyfile, log2_du, padding, flags, plain):
    with open(keyfile, "rb") as f:
        key = f.read()
    k.run("truncate", "-s", "512M", image)
    k.run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-O",
          "encrypt,stable_inodes", "-E", "lazy_itable_init=0", image)
    k.run("mount", "-t", "ext4", "-o", "loop", image, mnt)
    try:
        pol = policy_of(2, (1, 4), int(flags), int(padding), int(log2_du), key)
        os.mkdir(os.path.join(mnt, "enc"))
        k.add_key(mnt, key, pol.key_id)
        k.set_policy(os.path.join(mnt, "enc"), pol.policy())
        tree = Tree("kernel2store", rich=True, far=False)
        build(os.path.join(mnt, "enc"), tree)
        build(plain, tree)
    finally:
        k.run("umount", mnt)


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what == "make":
        make(*args)
        return
    w = {"convert": Convert, "compare": Compare}[what](*args)
    w.run()
    print(", ".join("%d %s" % (n, c) for c, n in w.counts.items()))
    sys.exit(1 if getattr(w, "bad", 0) else 0)


if __name__ == "__main__":
    main()
