#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes vectors with the running kernel's own fscrypt, on a loop-mounted ext4.

Needs root, a kernel with CONFIG_FS_ENCRYPTION and ext4, mke2fs.
  mkvectors.py [--rich] [--salt TEXT] OUTDIR     writes OUTDIR/kernel-*.json
Ciphertext comes from the unmounted image only; refdecrypt.py lends its context
parser and the key identifier (which the kernel's answer must equal), no
encryption.  verify_vectors.py compares the two afterwards.
"""
import argparse
import base64
import hashlib
import os
import platform
import secrets
import struct

import kfscrypt as k
from common import (Tree, build, file_vector, header, name_vector, policy_of,
                    symlink_vector, write_vectors)
from ext4raw import Ext4
from refdecrypt import FLAG_IV_INO_LBLK_32, FLAG_IV_INO_LBLK_64, Context

# name, version, flags, padding, log2 of the data unit size, master key size
CONFIGS = [
    ("v1-pad4", 1, 0, 4, 0, 64),
    ("v1-pad32", 1, 0, 32, 0, 64),
    ("v2-pad4", 2, 0, 4, 0, 32),
    ("v2-pad8", 2, 0, 8, 0, 64),
    ("v2-pad16", 2, 0, 16, 0, 48),
    ("v2-pad32", 2, 0, 32, 0, 64),
    ("v2-du512", 2, 0, 32, 9, 64),
    ("v2-du1024", 2, 0, 32, 10, 33),
    ("v2-du2048", 2, 0, 16, 11, 64),
    ("v2-du4096", 2, 0, 32, 12, 64),
    ("v2-lblk64", 2, FLAG_IV_INO_LBLK_64, 32, 0, 64),
    ("v2-lblk64-pad4-du4096", 2, FLAG_IV_INO_LBLK_64, 4, 12, 32),
    ("v2-lblk32", 2, FLAG_IV_INO_LBLK_32, 32, 0, 64),
    ("v2-lblk32-pad16-du4096", 2, FLAG_IV_INO_LBLK_32, 16, 12, 32),
]


def join(root, d, name):
    return os.path.join(root.encode(), d.encode(), name)


def observe(root, tree):
    """With the key: inode numbers, nonces (by ioctl), stat sizes."""
    seen = {}
    for d in tree.dirs:
        full = os.path.join(root, d) if d else root
        seen[d, None] = (os.stat(full).st_ino, k.get_nonce(full))
    for d, name, typ in tree.entries():
        p = join(root, d, name)
        nonce = k.get_nonce(p) if typ in ("file", "dir") else None
        st = os.lstat(p)
        seen[d, name] = (st.st_ino, nonce)
        if typ == "symlink":
            assert st.st_size == len(os.readlink(p))
    return seen


def observe_nokey(fs, root, seen):
    """Without the key: {dir ino: {raw name: shown name}}, {symlink ino: shown target}."""
    names, targets = {}, {}
    todo = [root.encode()]
    while todo:
        d = todo.pop()
        ino = os.stat(d).st_ino
        raw = fs.inode(ino).entries()
        names[ino] = {}
        for e in os.scandir(d):
            b = base64.urlsafe_b64decode(e.name + b"=" * (-len(e.name) % 4))
            part, digest = b[8:157], b[157:]
            match = [r for r, i, _ in raw if i == e.inode() and r[:149] == part and
                     digest == (hashlib.sha256(r[149:]).digest() if len(r) > 149 else b"")]
            assert len(match) == 1, (d, e.name)
            names[ino][match[0]] = (e.name, struct.unpack_from("<2I", b))
            if e.is_dir(follow_symlinks=False):
                todo.append(e.path)
            elif e.is_symlink():
                targets[e.inode()] = os.readlink(e.path)
                assert os.lstat(e.path).st_size == len(targets[e.inode()])
        assert len(names[ino]) == len(raw)
    return names, targets


def collect(fs, tree, seen, nokey, head_ctx):
    shown, targets = nokey
    out = []

    def context(ino):
        c = Context.parse(fs.inode(ino).context())
        assert c.with_nonce(None).policy() == head_ctx.policy()
        return c

    ctxs = {d: context(seen[d, None][0]) for d in tree.dirs}
    for d in tree.dirs:
        assert ctxs[d].nonce == seen[d, None][1]
    for f in tree.files:
        path = tree.final_path(f.path)
        d, _, n = path.rpartition("/")
        ino, nonce = seen[d, n.encode()]
        ctx = context(ino)
        i = fs.inode(ino)
        assert ctx.nonce == nonce and i.size == f.size
        out.append(file_vector(f, path, ino, ctx, i.segments(), path == "f/17" and not tree.brief))
    # names: pair raw and plaintext through the inode number (hard links sit in
    # different directories, so that is unambiguous within one directory)
    for d, name, typ in tree.entries():
        if not tree.rich and d in ("f", "l"):
            continue
        dino = seen[d, None][0]
        ino = seen[d, name][0]
        raw = [r for r, i, t in fs.inode(dino).entries() if i == ino]
        assert len(raw) == 1
        text, dirhash = shown[dino][raw[0]]
        out.append(name_vector(d, dino, ctxs[d], name, typ, ino, raw[0], dirhash, text))
        if typ == "fifo":
            assert fs.inode(ino).context() is None
    for path, target, seed in tree.symlinks:
        ino = seen["l", path[2:].encode()][0]
        out.append(symlink_vector(path, ino, context(ino), target, seed,
                                  fs.inode(ino).symlink_payload(), targets[ino]))
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument("outdir")
    p.add_argument("--rich", action="store_true", help="more random names and files")
    p.add_argument("--salt", default="public")
    a = p.parse_args()
    os.makedirs(a.outdir, exist_ok=True)
    sets = []
    with k.Image() as img:
        img.mount()
        for name, ver, flags, pad, du, keysize in CONFIGS:
            key = secrets.token_bytes(keysize)
            ctx = policy_of(ver, (1, 4), flags, pad, du, key)
            root = os.path.join(img.mnt, name)
            os.mkdir(root)
            assert k.add_key(img.mnt, key, ctx.key_id) == ctx.key_id
            k.set_policy(root, ctx.policy())
            tree = Tree("%s/%s" % (a.salt, name), a.rich, "du" in name)
            build(root, tree)
            sets.append((name, key, ctx, root, tree, observe(root, tree)))
        img.umount()
        fs = Ext4(img.img)
        img.mount("loop,ro")
        nokeys = [observe_nokey(fs, s[3], s[5]) for s in sets]
        img.umount()
        for (name, key, ctx, _, tree, seen), nokey in zip(sets, nokeys):
            vec = collect(fs, tree, seen, nokey, ctx)
            head = header("kernel", key, ctx, fs.uuid, "kernel ext4, " + name,
                          kernel="Linux %s ext4" % platform.release().split("-")[0])
            write_vectors(os.path.join(a.outdir, "kernel-%s.json" % name), head, vec)
            print(name, len(vec))


if __name__ == "__main__":
    main()
