# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough of ext4, read from the raw image: what is stored, undecrypted."""
import struct

ENCRYPT_FL, EXTENTS_FL, INLINE_DATA_FL = 0x800, 0x80000, 0x10000000
TYPES = {1: "file", 2: "dir", 3: "chr", 4: "blk", 5: "fifo", 6: "sock", 7: "symlink"}


class Inode:
    def __init__(self, fs, ino, raw):
        self.fs, self.ino, self.raw = fs, ino, raw
        self.mode, = struct.unpack_from("<H", raw, 0)
        self.flags, = struct.unpack_from("<I", raw, 0x20)
        lo, = struct.unpack_from("<I", raw, 4)
        hi, = struct.unpack_from("<I", raw, 0x6c)
        self.size = lo | hi << 32
        assert not self.flags & INLINE_DATA_FL

    def extents(self):
        """[(logical block, count, physical block)] of written extents, in order."""
        out = []

        def walk(node):
            magic, n, _, depth, _ = struct.unpack_from("<4HI", node, 0)
            assert magic == 0xf30a
            for i in range(12, 12 + 12 * n, 12):
                if depth:
                    _, lo, hi = struct.unpack_from("<IIH", node, i)
                    walk(self.fs.block(lo | hi << 32))
                else:
                    lblk, count, hi, lo = struct.unpack_from("<IHHI", node, i)
                    if count <= 32768:          # above that: preallocated, unwritten
                        out.append((lblk, count, lo | hi << 32))
        if self.flags & EXTENTS_FL:
            walk(self.raw[0x28:0x28 + 60])
        return sorted(out)

    def segments(self):
        """[(byte offset, bytes)], adjacent extents merged."""
        out, bs = [], self.fs.block_size
        for lblk, count, phys in self.extents():
            data = self.fs.read(phys * bs, count * bs)
            if out and out[-1][0] + len(out[-1][1]) == lblk * bs:
                out[-1] = (out[-1][0], out[-1][1] + data)
            else:
                out.append((lblk * bs, data))
        return out

    def symlink_payload(self):
        if not self.flags & EXTENTS_FL:
            return self.raw[0x28:0x28 + self.size]
        return self.segments()[0][1][:self.size]

    def entries(self):
        """[(raw name, inode number, type)] of a directory, without . and .."""
        out = []
        for off, data in self.segments():
            for base in range(0, len(data), self.fs.block_size):
                pos = base
                while pos < base + self.fs.block_size:
                    ino, rec, nlen, typ = struct.unpack_from("<IHBB", data, pos)
                    name = data[pos + 8:pos + 8 + nlen]
                    if ino and name not in (b".", b".."):
                        out.append((name, ino, TYPES.get(typ, "?")))
                    pos += rec
        return out

    def xattr(self, index, name):
        def search(table, base):
            pos = 0
            while table[pos:pos + 4] != bytes(4):
                nlen, idx, off, inum, size, _ = struct.unpack_from("<BBHIII", table, pos)
                if idx == index and table[pos + 16:pos + 16 + nlen] == name:
                    assert inum == 0
                    return base[off:off + size]
                pos += (16 + nlen + 3) & ~3
            return None
        if self.fs.inode_size > 128:
            start = 128 + struct.unpack_from("<H", self.raw, 0x80)[0]
            if self.raw[start:start + 4] == b"\0\0\x02\xea":
                area = self.raw[start + 4:]
                v = search(area + bytes(4), area)
                if v is not None:
                    return v
        lo, = struct.unpack_from("<I", self.raw, 0x68)
        hi, = struct.unpack_from("<H", self.raw, 0x76)
        if lo | hi << 32:
            blk = self.fs.block(lo | hi << 32)
            return search(blk[32:], blk)
        return None

    def context(self):
        return self.xattr(9, b"c")


class Ext4:
    def __init__(self, path):
        self.f = open(path, "rb")
        sb = self.read(1024, 1024)
        assert sb[56:58] == b"\x53\xef"
        self.block_size = 1024 << struct.unpack_from("<I", sb, 24)[0]
        self.first_block, = struct.unpack_from("<I", sb, 20)
        self.inodes_per_group, = struct.unpack_from("<I", sb, 40)
        self.inode_size, = struct.unpack_from("<H", sb, 88)
        incompat, = struct.unpack_from("<I", sb, 96)
        self.desc_size = struct.unpack_from("<H", sb, 254)[0] if incompat & 0x80 else 32
        self.uuid = sb[104:120]

    def read(self, off, n):
        self.f.seek(off)
        return self.f.read(n)

    def block(self, n):
        return self.read(n * self.block_size, self.block_size)

    def inode(self, ino):
        group, idx = divmod(ino - 1, self.inodes_per_group)
        gd = self.read((self.first_block + 1) * self.block_size + group * self.desc_size,
                       self.desc_size)
        table, = struct.unpack_from("<I", gd, 8)
        if self.desc_size >= 64:
            table |= struct.unpack_from("<I", gd, 0x28)[0] << 32
        return Inode(self, ino, self.read(table * self.block_size + idx * self.inode_size,
                                          self.inode_size))
