#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes vectors with refdecrypt.py, for the modes the local kernel lacks.

  mkrefvectors.py [--rich] [--salt TEXT] OUTDIR     writes OUTDIR/ref-*.json
The tree is the one mkvectors.py builds; inode numbers, nonces and the
filesystem UUID are random.  Confirm the result with crosscheck.py.
"""
import argparse
import os
import secrets

import refdecrypt as r
from common import (Tree, file_vector, header, name_vector, plain_range, policy_of,
                    symlink_vector, write_vectors)

D, L64, L32 = r.FLAG_DIRECT_KEY, r.FLAG_IV_INO_LBLK_64, r.FLAG_IV_INO_LBLK_32
# name, version, (contents, filenames), flags, padding, log2 data unit, key size
CONFIGS = [
    ("v1-aes128", 1, (5, 6), 0, 4, 0, 16),
    ("v1-aes128-longkey", 1, (5, 6), 0, 32, 0, 64),
    ("v2-aes128", 2, (5, 6), 0, 32, 0, 16),
    ("v2-aes128-du512", 2, (5, 6), 0, 16, 9, 32),
    ("v1-adiantum", 1, (9, 9), 0, 32, 0, 32),
    ("v1-adiantum-direct", 1, (9, 9), D, 16, 0, 64),
    ("v2-adiantum", 2, (9, 9), 0, 32, 0, 32),
    ("v2-adiantum-direct", 2, (9, 9), D, 32, 0, 64),
    ("v2-adiantum-direct-du1024", 2, (9, 9), D, 8, 10, 32),
    ("v2-hctr2-pad4", 2, (1, 10), 0, 4, 0, 64),
    ("v2-hctr2-pad32", 2, (1, 10), 0, 32, 0, 64),
    ("v2-hctr2-lblk64", 2, (1, 10), L64, 32, 0, 64),
    ("v2-hctr2-lblk32", 2, (1, 10), L32, 16, 0, 64),
    ("v2-aes256-lblk64-bigino-du", 2, (1, 4), L64, 8, 12, 64),
    ("v2-aes256-lblk32-bigino-du", 2, (1, 4), L32, 32, 12, 64),
]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("outdir")
    p.add_argument("--rich", action="store_true")
    p.add_argument("--salt", default="public-ref")
    a = p.parse_args()
    os.makedirs(a.outdir, exist_ok=True)
    for name, ver, modes, flags, pad, du, keysize in CONFIGS:
        key, uuid = secrets.token_bytes(keysize), secrets.token_bytes(16)
        pol = policy_of(ver, modes, flags, pad, du, key)
        tree = Tree("%s/%s" % (a.salt, name), a.rich, "du" in name or "longkey" in name)
        inos = set()

        def new_inode():
            while True:
                top = 1 << 32 if "bigino" in name else 1 << secrets.choice((5, 12, 20, 31))
                ino = secrets.randbelow(top - 12) + 12
                if ino not in inos:
                    inos.add(ino)
                    return ino

        def inode():
            ctx = pol.with_nonce(secrets.token_bytes(16))
            ino = new_inode()
            return ino, ctx, r.FileCrypt(key, ctx, ino, uuid)

        dirs = {d: inode() for d in tree.dirs}
        out, numbers = [], {}
        for d in tree.dirs[1:]:
            numbers[d] = dirs[d][0]
        for f in tree.files:
            ino, ctx, crypt = inode()
            path = tree.final_path(f.path)
            numbers[path] = ino
            segs = [(o, crypt.contents(plain_range(f.parts, o, n), o)) for o, n in f.blocks()]
            out.append(file_vector(f, path, ino, ctx, segs, path == "f/17" and not tree.brief))
        links = []
        for path, target, seed in tree.symlinks:
            ino, ctx, crypt = inode()
            numbers[path] = ino
            pay = crypt.encrypt_symlink(target)
            links.append(symlink_vector(path, ino, ctx, target, seed, pay,
                                        r.nokey_encode(pay[2:])))
        for old, new in tree.links:
            numbers[new] = numbers[old]
        for d, n, typ in tree.entries():
            if not tree.rich and d in ("f", "l"):
                continue
            ino, ctx, crypt = dirs[d]
            c = crypt.encrypt_name(n)
            path = (d + "/" if d else "") + n.decode("latin-1")
            target = numbers.get(path) or new_inode()
            out.append(name_vector(d, ino, ctx, n, typ, target, c, (0, 0), r.nokey_encode(c)))
        head = header("reference", key, pol, uuid, "made by refdecrypt.py, " + name)
        write_vectors(os.path.join(a.outdir, "ref-%s.json" % name), head, out + links)
        print(name, len(out) + len(links))


if __name__ == "__main__":
    main()
