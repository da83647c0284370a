#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies a ciphertext store against a plaintext tree, byte for byte.

  check_store.py --adapter NAME --store PATH [--manifest FILE | --inspect CMD]
                 (--key HEX | --key-file FILE | --wrapped FILE --hwkey FILE) --plain DIR

`inspect` (the default) asks `fuscrypt inspect --json -r` about STORE or a directory in it.

Everything stored is recomputed with refdecrypt.py from the plaintext, the
context, the inode number and the filesystem UUID: contexts (policy, key
identifier, distinct nonces), the encrypted name of every directory entry, every
data unit, every symlink payload; nothing may be missing or left over.
Exit status: 0 all equal, 1 differences (printed), 2 usage.

The on-disk layout lives in an Adapter (see class Adapter).  `manifest` reads one
JSON document (class ManifestAdapter), `inspect` is the same over what
`fuscrypt inspect --json -r` prints, plus the sizes and names of format 1.
`ext4` reads a raw ext4 image made by the kernel, STORE being IMAGE:DIRNAME.
"""
import argparse
import base64
import errno
import hashlib
import json
import os
import shlex
import stat
import subprocess
import sys

import hwkeys
import refdecrypt as r
from ext4raw import Ext4

CHUNK = 1 << 20


class Node:
    """One stored inode, or rather one name of it."""

    def __init__(self, typ, ino, context, size, cipher_name=None, ref=None, ident=None, **extra):
        self.type, self.ino, self.context, self.size = typ, ino, context, size
        self.ident = ino if ident is None else ident        # groups hard links
        self.cipher_name, self.ref, self.extra = cipher_name, ref, extra


class Adapter:
    """What check() needs from a store.  Set fs_uuid (16 bytes) and block_size."""
    fs_uuid, block_size = bytes(16), 4096
    zero_unit_is_hole = False       # may an all-zero stored data unit mean plaintext zeros?
    symlink_max = 4096              # block size of the symlink rule: targets up to this - 3

    def root(self):
        """Node of the directory that carries the policy (cipher_name None)."""
        raise NotImplementedError

    def children(self, node):
        """Nodes of a directory, each with its cipher_name (bytes)."""
        raise NotImplementedError

    def ranges(self, node):
        """[(offset, length)] in file offsets where ciphertext is stored (not holes)."""
        raise NotImplementedError

    def read(self, node, offset, length):
        """Stored ciphertext; short where the store ends."""
        raise NotImplementedError

    def symlink(self, node):
        """The payload: le16 length and ciphertext."""
        raise NotImplementedError

    def problems(self, node):
        """Layout-specific complaints about a node, as strings."""
        return []


class Ext4Adapter(Adapter):
    def __init__(self, store, _manifest):
        image, _, name = store.rpartition(":")
        self.fs = Ext4(image)
        self.fs_uuid, self.block_size = self.fs.uuid, self.fs.block_size
        ino = 2
        for part in name.encode().split(b"/"):
            ino, = [i for n, i, _ in self.fs.inode(ino).entries() if n == part]
        self.root_ino, self.cache = ino, {}

    def node(self, ino, typ, name):
        i = self.fs.inode(ino)
        return Node(typ, ino, i.context(), i.size, name, i)

    def root(self):
        return self.node(self.root_ino, "dir", None)

    def children(self, node):
        return [self.node(ino, typ, name) for name, ino, typ in node.ref.entries()]

    def segments(self, node):
        if self.cache.get("ino") != node.ino:
            self.cache = {"ino": node.ino, "seg": node.ref.segments()}
        return self.cache["seg"]

    def ranges(self, node):
        return [(o, len(d)) for o, d in self.segments(node)]

    def read(self, node, offset, length):
        for o, d in self.segments(node):
            if o <= offset < o + len(d):
                return d[offset - o:offset - o + length]
        return b""

    def symlink(self, node):
        return node.ref.symlink_payload()


class ManifestAdapter(Adapter):
    """Driven by the program's own manifest:

    {"fs_uuid": hex, "block_size": 4096, "root": ID,
     "inodes": [{"id": ID, "type": "dir|file|symlink|fifo|...", "ino": N,
                 "context": hex or null, "nonce": hex, "size": N,
                 "path": "path of the stored object below STORE", "data_offset": N,
                 "payload": hex (symlinks; else read from path at data_offset),
                 "entries": [{"id": ID, "cipher_name": hex, "encoded_name": text}]}]}

    A flat list with "parent" instead of "entries" works too: an inode with
    "parent", "cipher_name" and "encoded_name" is an entry of that parent.
    """
    zero_unit_is_hole = True

    def __init__(self, store, manifest):
        self.store = store
        self.fs_uuid = bytes.fromhex(manifest.get("fs_uuid", "00" * 16).replace("-", ""))
        self.block_size = manifest.get("block_size", 4096)
        self.inodes, self.entries = {}, {}
        for i in manifest["inodes"]:
            self.inodes[i["id"]] = i
            self.entries.setdefault(i["id"], []).extend(i.get("entries", []))
        for i in manifest["inodes"]:
            if i.get("parent") is not None:
                self.entries[i["parent"]].append(i)
        self.root_id = manifest["root"]

    def decode_name(self, encoded, cipher):             # LAYOUT
        """True when `encoded`, the lower file's name, stands for `cipher`."""
        return base64.urlsafe_b64encode(cipher).rstrip(b"=").decode() == encoded

    def lower_path(self, inode):                        # LAYOUT
        return os.path.join(self.store, inode["path"])

    def node(self, i, entry=None):
        ctx = bytes.fromhex(i["context"]) if i.get("context") else None
        name = bytes.fromhex(entry["cipher_name"]) if entry else None
        return Node(i["type"], i["ino"], ctx, i["size"], name, i, i["id"],
                    encoded=entry.get("encoded_name") if entry else None)

    def root(self):
        return self.node(self.inodes[self.root_id])

    def children(self, node):
        return [self.node(self.inodes[e["id"]], e) for e in self.entries[node.ref["id"]]]

    def ranges(self, node):                             # LAYOUT
        off, out = node.ref["data_offset"], []
        with open(self.lower_path(node.ref), "rb") as f:
            end = os.fstat(f.fileno()).st_size
            pos = off
            while pos < end:
                try:
                    a = max(os.lseek(f.fileno(), pos, os.SEEK_DATA), off)
                except OSError as e:
                    if e.errno == errno.ENXIO:
                        break
                    raise
                pos = os.lseek(f.fileno(), a, os.SEEK_HOLE)
                out.append((a - off, pos - a))
        return out

    def read(self, node, offset, length):               # LAYOUT
        with open(self.lower_path(node.ref), "rb") as f:
            f.seek(node.ref["data_offset"] + offset)
            return f.read(length)

    def symlink(self, node):                            # LAYOUT
        if "payload" in node.ref:
            return bytes.fromhex(node.ref["payload"])
        return self.read(node, 0, node.ref.get("payload_length", 1 << 16))

    def problems(self, node):
        out = []
        if node.context and node.ref.get("nonce", node.context[-16:].hex()) != \
                node.context[-16:].hex():
            out.append("nonce differs from the context's")
        enc = node.extra.get("encoded")
        if enc is not None and not self.decode_name(enc, node.cipher_name):
            out.append("encoded name %r does not stand for %s" % (enc, node.cipher_name.hex()))
        return out


class InspectAdapter(ManifestAdapter):
    """Driven by `fuscrypt inspect --json -r`: a store line, then one object a name."""
    KINDS = {stat.S_IFIFO: "fifo", stat.S_IFSOCK: "sock", stat.S_IFCHR: "chr", stat.S_IFBLK: "blk"}

    def __init__(self, store, lines):
        head, objects = lines[0], lines[1:]
        if head["kind"] != "store" or head["format"] != 1:
            raise ValueError("not a store of format 1: %r" % head)
        if not objects:
            raise ValueError("inspect shows no root")
        # STORE may be a directory inside the store; paths count from the store.
        while not os.path.exists(os.path.join(store, ".fuscrypt", "store.conf")):
            if store in ("/", ""):
                raise ValueError("no store here")
            store = os.path.dirname(os.path.abspath(store))
        man = {"fs_uuid": head["uuid"], "block_size": head["block_size"], "inodes": []}
        names, byid = {}, {}
        for o in objects:
            path = o["path"].strip("/")
            path = "" if path == "." else path
            typ = o["kind"]
            if typ == "special":
                typ = self.KINDS[stat.S_IFMT(os.lstat(os.path.join(store, path)).st_mode)]
            known = byid.get(o["id"])
            if known is None:
                known = byid[o["id"]] = {
                    "id": o["id"], "type": typ, "ino": o["ino"], "context": o["context"],
                    "nonce": o["nonce"], "size": o["size"], "path": path, "entries": [],
                    "data_offset": o["data_offset"], "data_unit_size": o["data_unit_size"]}
                if o["nonce"] is None:
                    del known["nonce"]
                if typ == "symlink":
                    known["payload"] = o["symlink_ciphertext"]
                man["inodes"].append(known)
            names[path] = known
            if path and os.path.dirname(path) in names and o["name_ciphertext"] is not None:
                names[os.path.dirname(path)]["entries"].append(
                    {"id": o["id"], "cipher_name": o["name_ciphertext"],
                     "encoded_name": os.path.basename(path)})
            elif len(names) > 1:
                raise ValueError("entry without a directory or a name: %r" % o)
        man["root"] = man["inodes"][0]["id"]
        super().__init__(store, man)

    def decode_name(self, encoded, cipher):
        if len(cipher) * 4 <= 255 * 3:          # fits as base64url
            return super().decode_name(encoded, cipher)
        rest = hashlib.sha256(cipher[149:]).digest()
        name = hashlib.sha256(cipher[:149] + rest).digest()
        return encoded == ".fuscrypt.l." + base64.urlsafe_b64encode(name).rstrip(b"=").decode()

    def problems(self, node):
        out = super().problems(node)
        i = node.ref
        low = self.lower_path(i)
        if node.type == "file":
            du, size = i["data_unit_size"], i["size"]
            want = 4096 + -(-size // du) * du + size % du
            got = os.lstat(low).st_size
            if got != want and not (got == 0 and size == 0):
                out.append("stored file is %d bytes long, format 1 says %d" % (got, want))
        if node.extra.get("encoded", "").startswith(".fuscrypt.l."):
            side = os.path.join(os.path.dirname(low), ".fuscrypt.n." + node.extra["encoded"][12:])
            with open(side, "rb") as f:
                if f.read() != node.cipher_name:
                    out.append("the sidecar does not hold the name's ciphertext")
        return out


ADAPTERS = {"ext4": Ext4Adapter, "manifest": ManifestAdapter, "inspect": InspectAdapter}


# ---------------------------------------------------------------- the check

class RawKey:
    def __init__(self, key):
        self.key = key

    def identifier(self):
        return r.key_identifier(self.key)

    def crypt(self, ctx, ino, fs_uuid, block_size):
        return r.FileCrypt(self.key, ctx, ino, fs_uuid, block_size)


class Checker:
    def __init__(self, adapter, key, limit=50):
        """key: raw bytes, or what is like a RawKey"""
        self.a, self.limit = adapter, limit
        self.key = RawKey(key) if isinstance(key, bytes) else key
        self.errors, self.counts = 0, {}
        self.nonces, self.pairs, self.ino_of_plain = {}, {}, {}
        self.policy = None

    def bad(self, where, msg):
        self.errors += 1
        if self.errors <= self.limit:
            print("DIFF %s: %s" % (os.fsencode(where).decode("utf-8", "backslashreplace"), msg))

    def count(self, what, n=1):
        self.counts[what] = self.counts.get(what, 0) + n

    def crypt(self, node, where):
        """FileCrypt of a node after checking its context, or None."""
        if node.context is None:
            self.bad(where, "no context")
            return None
        try:
            ctx = r.Context.parse(node.context)
        except ValueError as e:
            self.bad(where, "context %s: %s" % (node.context.hex(), e))
            return None
        if self.policy is None:
            self.policy = ctx.policy()
            if ctx.version == 2 and ctx.key_id != self.key.identifier():
                self.bad(where, "key identifier %s is not this key's" % ctx.key_id.hex())
        if ctx.policy() != self.policy:
            self.bad(where, "policy %s, expected %s" % (ctx.policy().hex(), self.policy.hex()))
            return None
        if self.nonces.setdefault(ctx.nonce, node.ident) != node.ident:
            self.bad(where, "nonce shared with inode %s" % self.nonces[ctx.nonce])
        return self.key.crypt(ctx, node.ino, self.a.fs_uuid, self.a.block_size)

    def check_dir(self, path, node, where):
        f = self.crypt(node, where)
        if f is None:
            return
        self.count("dir")
        stored = {}
        for c in self.a.children(node):
            if c.cipher_name in stored:
                self.bad(where, "entry %s twice" % c.cipher_name.hex())
            stored[c.cipher_name] = c
        for name in sorted(os.listdir(path)):
            sub = os.path.join(where, name)
            want = f.encrypt_name(name)
            child = stored.pop(want, None)
            if child is None:
                self.bad(sub, "no entry with the encrypted name %s" % want.hex())
                continue
            self.count("name")
            for p in self.a.problems(child):
                self.bad(sub, p)
            self.check_node(os.path.join(path, name), child, sub)
        for cipher, child in stored.items():
            try:
                plain = repr(f.decrypt_name(cipher))
            except ValueError as e:
                plain = str(e)
            self.bad(where, "extra entry %s (%s)" % (cipher.hex(), plain))

    def check_node(self, path, node, where):
        st = os.lstat(path)
        kind = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink",
                stat.S_IFIFO: "fifo", stat.S_IFSOCK: "sock", stat.S_IFCHR: "chr",
                stat.S_IFBLK: "blk"}[stat.S_IFMT(st.st_mode)]
        if node.type != kind:
            self.bad(where, "stored as %s, is a %s" % (node.type, kind))
            return
        if kind != "dir":       # hard links: the same pairs of inodes on both sides
            if self.pairs.setdefault(node.ident, st.st_ino) != st.st_ino or \
                    self.ino_of_plain.setdefault(st.st_ino, node.ident) != node.ident:
                self.bad(where, "hard links differ (stored inode %s)" % node.ident)
        if kind == "dir":
            self.check_dir(path, node, where)
        elif kind == "symlink":
            self.check_symlink(path, node, where)
        elif kind == "file":
            self.check_file(path, st, node, where)
        else:
            if node.context is not None:
                self.bad(where, "special file with a context")
            self.count(kind)

    def check_symlink(self, path, node, where):
        f = self.crypt(node, where)
        if f is None:
            return
        want = f.encrypt_symlink(os.readlink(path), self.a.symlink_max)
        got = self.a.symlink(node)
        if got != want:
            self.bad(where, "symlink payload %s, expected %s" % (got.hex(), want.hex()))
        self.count("symlink")

    def check_file(self, path, st, node, where):
        f = self.crypt(node, where)
        if f is None:
            return
        if node.size != st.st_size:
            self.bad(where, "size %d, expected %d" % (node.size, st.st_size))
        du = f.du_size
        end = -(-st.st_size // du) * du
        # whole data units that the store has, merged
        have = []
        for off, length in sorted(self.a.ranges(node)):
            a, b = off // du * du, -(-(off + length) // du) * du
            if have and a <= have[-1][1]:
                have[-1][1] = max(b, have[-1][1])
            else:
                have.append([a, b])
        with open(path, "rb") as fp:
            pos = 0
            for a, b in have + [[end, end]]:
                self.check_hole(fp, pos, min(a, end), where)
                self.check_units(f, fp, node, a, b, end, where)
                pos = max(pos, b)
        self.count("file")

    def check_units(self, f, fp, node, a, b, end, where):
        du = f.du_size
        for off in range(a, b, CHUNK):
            n = min(CHUNK, b - off)
            got = self.a.read(node, off, n)
            fp.seek(off)
            plain = fp.read(n).ljust(n, b"\0")
            for i in range(0, n, du):
                unit, want = got[i:i + du], plain[i:i + du]
                past = off + i >= end
                if past and len(unit) < du and not any(unit):
                    continue
                if not any(unit) and (past or self.a.zero_unit_is_hole):
                    if any(want):
                        self.bad(where, "data unit %d is a hole, has data" % ((off + i) // du))
                    self.count("hole unit")
                    continue
                self.count("data unit past the end" if past else "data unit")
                enc = f.contents(want, off + i)
                if unit != enc:
                    at = next((j for j, (x, y) in enumerate(zip(unit, enc)) if x != y), len(unit))
                    self.bad(where, "data unit %d differs at byte %d of %d (stored %d bytes)" %
                             ((off + i) // du, at, du, len(unit)))

    def check_hole(self, fp, a, b, where):
        """Plaintext [a, b) must be zero; skips holes of the plaintext file."""
        while a < b:
            try:
                a = os.lseek(fp.fileno(), a, os.SEEK_DATA)
            except OSError as e:
                if e.errno == errno.ENXIO:
                    return
                raise
            n = min(CHUNK, b - a)
            if n > 0:
                fp.seek(a)
                if any(fp.read(n)):
                    self.bad(where, "stored as a hole near offset %d, has data" % a)
                    return
            a += n


def check(adapter, key, plain, limit=50):
    """-> Checker, with .errors and .counts"""
    c = Checker(adapter, key, limit)
    c.check_dir(os.fsencode(plain), adapter.root(), b".")
    return c


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--adapter", choices=sorted(ADAPTERS), default="inspect")
    p.add_argument("--store", required=True)
    p.add_argument("--plain", required=True)
    p.add_argument("--key", type=bytes.fromhex)
    p.add_argument("--key-file", help="raw key bytes")
    p.add_argument("--wrapped", help="a long-term wrapped key, with --hwkey")
    p.add_argument("--hwkey", help="the key of the hardware that wrapped it")
    p.add_argument("--manifest", help="JSON file")
    p.add_argument("--inspect", help="command that prints the JSON; STORE is appended")
    p.add_argument("--limit", type=int, default=50, help="differences to print")
    a = p.parse_args()
    if a.key_file:
        with open(a.key_file, "rb") as f:
            a.key = f.read()
    if a.wrapped:
        with open(a.wrapped, "rb") as f, open(a.hwkey, "rb") as h:
            a.key = hwkeys.WrappedKey(hwkeys.unwrap(h.read(), f.read()))
    if not a.key:
        p.error("a key is needed")
    manifest = None
    if a.adapter == "inspect" and not a.inspect and not a.manifest:
        a.inspect = "%s inspect --json -r" % os.environ.get("FUSCRYPT", "fuscrypt")
    if a.inspect:
        out = subprocess.check_output(shlex.split(a.inspect) + [a.store])
        manifest = [json.loads(x) for x in out.splitlines()] if a.adapter == "inspect" \
            else json.loads(out)
    elif a.manifest:
        with open(a.manifest) as f:
            manifest = json.load(f)
    c = check(ADAPTERS[a.adapter](a.store, manifest), a.key, a.plain, a.limit)
    print("%s: %s; %d differences" % ("FAIL" if c.errors else "ok", ", ".join(
        "%d %s" % (n, k) for k, n in sorted(c.counts.items())), c.errors))
    sys.exit(1 if c.errors else 0)


if __name__ == "__main__":
    main()
