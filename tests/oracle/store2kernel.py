#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries what fuscrypt wrote into an ext4 image, for the kernel's fscrypt to read.

  store2kernel.py make STORE DIR KEYFILE IMAGE
        DIR, an encrypted directory in STORE's plain root, becomes /DIR of a fresh ext4 IMAGE: raw
        ciphertext, names, link payloads, contexts, and the inode numbers of IV_INO policies
  store2kernel.py mount IMAGE MNT KEYFILE
        mounts the image and adds the key

Takes the store apart with `fuscrypt inspect`, without a key. The key is needed for one thing: where
data units are smaller than ext4's blocks, ext4 has no holes of that size, so zeros are encrypted."""
import json
import os
import stat
import struct
import subprocess
import sys

import kfscrypt as k
import refdecrypt as r

BLOCK, INODE, INODES, BLOCKS = 4096, 256, 8192, 16384
ENCRYPT_FL, EXTENTS_FL = 0x800, 0x80000
FILE_TYPE = {stat.S_IFREG: 1, stat.S_IFDIR: 2, stat.S_IFIFO: 5, stat.S_IFLNK: 7}


class Image:
    """An ext4 filesystem of one block group without journal or checksums. What is used and what is
    free is left to e2fsck to count."""

    def __init__(self, path, uuid):
        k.run("truncate", "-s", str(BLOCKS * BLOCK), path)
        k.run("mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-I", str(INODE), "-N",
              str(INODES), "-U", uuid, "-O", "none,ext_attr,extent,filetype,large_file,"
              "encrypt,stable_inodes", "-E", "lazy_itable_init=0,nodiscard,root_owner=0:0", path)
        self.path, self.f = path, open(path, "r+b")
        desc = self.read(1)
        self.table, = struct.unpack_from("<I", desc, 8)
        bitmap = self.read(struct.unpack_from("<I", desc, 0)[0])
        self.free = [b for b in range(BLOCKS) if not bitmap[b // 8] >> b % 8 & 1]
        self.used = set(range(1, 12))

    def read(self, block):
        self.f.seek(block * BLOCK)
        return self.f.read(BLOCK)

    def write(self, block, data):
        assert len(data) <= BLOCK
        self.f.seek(block * BLOCK)
        self.f.write(data.ljust(BLOCK, b"\0"))

    def number(self, wanted=0):
        ino = wanted or max(max(self.used) + 1, 3000)
        assert 11 < ino <= INODES and ino not in self.used, ino
        self.used.add(ino)
        return ino

    def map(self, blocks):
        """{logical block: data} to disk -> (the inode's 60 bytes, blocks used)"""
        runs, used = [], len(blocks)
        for lblk in sorted(blocks):
            phys = self.free.pop(0)
            self.write(phys, blocks[lblk])
            if runs and runs[-1][0] + runs[-1][1] == lblk and runs[-1][2] + runs[-1][1] == phys:
                runs[-1][1] += 1
            else:
                runs.append([lblk, 1, phys])
        leaf = b"".join(struct.pack("<IHHI", a, n, 0, p) for a, n, p in runs)
        if len(runs) <= 4:
            return struct.pack("<4HI", 0xf30a, len(runs), 4, 0, 0) + leaf, used
        room = (BLOCK - 12) // 12
        assert len(runs) <= room
        node = self.free.pop(0)
        self.write(node, struct.pack("<4HI", 0xf30a, len(runs), room, 0, 0) + leaf)
        return struct.pack("<4HIIIHH", 0xf30a, 1, 4, 1, 0, 0, node, 0, 0), used + 1

    def inode(self, ino, st, links, size, body, used, context, flags):
        i = bytearray(INODE)
        struct.pack_into("<HHIIIIIHHII", i, 0, st.st_mode, st.st_uid & 0xffff, size & 0xffffffff,
                         int(st.st_atime), int(st.st_ctime), int(st.st_mtime), 0,
                         st.st_gid & 0xffff, links, used * (BLOCK // 512), flags)
        i[0x28:0x28 + len(body)] = body
        struct.pack_into("<I", i, 0x6c, size >> 32)
        struct.pack_into("<HH", i, 0x78, st.st_uid >> 16, st.st_gid >> 16)
        struct.pack_into("<H", i, 0x80, 32)
        if context:
            area = 128 + 32 + 4
            struct.pack_into("<I", i, area - 4, 0xea020000)
            at = (INODE - area - len(context)) & ~3
            struct.pack_into("<BBHIIIc", i, area, 1, 9, at, 0, len(context), 0, b"c")
            i[area + at:area + at + len(context)] = context
        self.f.seek(self.table * BLOCK + (ino - 1) * INODE)
        self.f.write(i)

    def directory(self, ino, up, entries):
        """[(raw name, number, type)] -> blocks"""
        blocks, block, last = [], bytearray(), 0
        for name, child, typ in [(b".", ino, 2), (b"..", up, 2)] + entries:
            rec = 8 + (len(name) + 3) // 4 * 4
            if len(block) + rec > BLOCK:
                struct.pack_into("<H", block, last + 4, BLOCK - last)
                blocks.append(bytes(block.ljust(BLOCK, b"\0")))
                block = bytearray()
            last = len(block)
            block += struct.pack("<IHBB", child, rec, len(name), typ) + name.ljust(rec - 8, b"\0")
        struct.pack_into("<H", block, last + 4, BLOCK - last)
        blocks.append(bytes(block.ljust(BLOCK, b"\0")))
        return dict(enumerate(blocks))

    def link_into_root(self, name, ino):
        self.f.seek(self.table * BLOCK + INODE)
        root = bytearray(self.f.read(INODE))
        phys, = struct.unpack_from("<I", root, 0x28 + 12 + 8)
        self.write(phys, self.directory(2, 2, [(b"lost+found", 11, 2), (name, ino, 2)])[0])
        struct.pack_into("<H", root, 0x1a, 4)
        self.f.seek(self.table * BLOCK + INODE)
        self.f.write(root)

    def check(self):
        """The counts are put right; after that nothing may be wrong."""
        self.f.close()
        fix = subprocess.run(["e2fsck", "-fy", self.path], stdout=subprocess.PIPE, text=True)
        for line in fix.stdout.splitlines():
            if any(x in line for x in ("ncrypt", "xattr", "xtent", "entry", "symlink")):
                print("e2fsck:", line)
        subprocess.run(["e2fsck", "-fn", self.path], stdout=subprocess.DEVNULL, check=True)


class Carry:
    def __init__(self, store, name, keyfile, image):
        with open(keyfile, "rb") as f:
            self.key = f.read()
        out = subprocess.check_output([os.environ.get("FUSCRYPT", "fuscrypt"), "inspect", "--json",
                                       "-r", os.path.join(store, name)])
        head, *self.objects = [json.loads(x) for x in out.splitlines()]
        self.store, self.uuid = store, bytes.fromhex(head["uuid"].replace("-", ""))
        self.image = Image(image, head["uuid"])
        self.below, self.links, self.inos = {}, {}, {}
        for o in self.objects:
            self.below.setdefault(os.path.dirname(o["path"]), []).append(o)
            self.links[o["id"]] = self.links.get(o["id"], 0) + 1
            if o["ino"]:
                self.image.used.discard(self.inos.get(o["id"]))
                self.inos[o["id"]] = self.image.number(o["ino"])
        for o in self.objects:
            if o["id"] not in self.inos:
                self.inos[o["id"]] = self.image.number()
        self.done = set()
        self.counts = dict.fromkeys(("dir", "file", "data unit", "symlink", "special", "link"), 0)
        self.object(self.objects[0], 2)
        self.image.link_into_root(name.encode(), self.inos[self.objects[0]["id"]])
        self.image.check()
        print(", ".join("%d %s" % (n, c) for c, n in self.counts.items()))

    def object(self, o, up):
        st = os.lstat(os.path.join(self.store, o["path"]))
        ino, ctx = self.inos[o["id"]], bytes.fromhex(o["context"] or "")
        typ = FILE_TYPE[stat.S_IFMT(st.st_mode)]
        if o["id"] in self.done:
            self.counts["link"] += 1
            return typ
        self.done.add(o["id"])
        self.counts[o["kind"]] += 1
        put = lambda links, size, body, used, flags: self.image.inode(
            ino, st, links, size, body, used, ctx, flags | (ENCRYPT_FL if ctx else 0))
        if o["kind"] == "dir":
            entries = [(bytes.fromhex(c["name_ciphertext"]), self.inos[c["id"]],
                        self.object(c, ino)) for c in self.below.get(o["path"], [])]
            blocks = self.image.directory(ino, up, entries)
            links = 2 + sum(e[2] == 2 for e in entries)
            put(links, len(blocks) * BLOCK, *self.image.map(blocks), EXTENTS_FL)
        elif o["kind"] == "file":
            put(self.links[o["id"]], o["size"], *self.image.map(self.contents(o, ino, ctx)),
                EXTENTS_FL)
        elif o["kind"] == "symlink":
            payload = bytes.fromhex(o["symlink_ciphertext"])
            if len(payload) < 60:
                put(self.links[o["id"]], len(payload), payload, 0, 0)
            else:
                put(self.links[o["id"]], len(payload), *self.image.map({0: payload}), EXTENTS_FL)
        else:
            put(self.links[o["id"]], 0, b"", 0, 0)
        return typ

    def contents(self, o, ino, ctx):
        """{logical block: ciphertext} of the blocks that hold a stored data unit"""
        du, blocks = o["data_unit_size"], {}
        crypt = r.FileCrypt(self.key, r.Context.parse(ctx), ino, self.uuid, BLOCK)
        end = -(-o["size"] // du) * du
        with open(os.path.join(self.store, o["path"]), "rb") as f:
            for lblk in range(-(-end // BLOCK)):
                f.seek(o["data_offset"] + lblk * BLOCK)
                data = f.read(min(BLOCK, end - lblk * BLOCK)).ljust(BLOCK, b"\0")
                if not any(data):
                    continue
                out = b""
                for i in range(0, BLOCK, du):
                    unit = data[i:i + du]
                    if any(unit):
                        self.counts["data unit"] += 1
                    else:
                        unit = crypt.contents(unit, lblk * BLOCK + i)
                    out += unit
                blocks[lblk] = out
        return blocks


def mount(image, mnt, keyfile):
    with open(keyfile, "rb") as f:
        key = f.read()
    k.run("mount", "-t", "ext4", "-o", "loop", image, mnt)
    k.add_key(mnt, key, bytes(16))
    if len(key) == 64:      # a policy of version 1 names it so
        k.add_key(mnt, key, r.key_descriptor(key))


def main():
    {"make": Carry, "mount": mount}[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
