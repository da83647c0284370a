#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests check_store.py: on a kernel-made ext4 image, and on toy stores that
refdecrypt.py writes for every mode; each with faults put in, which must show."""
import base64
import contextlib
import io
import os
import random
import secrets
import sys
import tempfile

import kfscrypt as k
import mkrefvectors
import mkvectors
import refdecrypt as r
from check_store import Ext4Adapter, ManifestAdapter, check
from common import Tree, build, policy_of


def quiet(adapter, key, plain):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        c = check(adapter, key, plain)
    return c, out.getvalue()


def lower_name(cipher):
    return base64.urlsafe_b64encode(cipher).rstrip(b"=").decode()


def toy_store(plain, store, key, pol, uuid):
    """Header of 100 bytes, then data; lower names are inode numbers."""
    man = {"fs_uuid": uuid.hex(), "block_size": 4096, "inodes": []}
    seen = {}

    def add(path):
        st = os.lstat(path)
        if st.st_ino in seen:
            return seen[st.st_ino]
        ino = seen[st.st_ino] = len(seen) + 12
        typ = {0o100000: "file", 0o040000: "dir", 0o120000: "symlink"}.get(st.st_mode & 0o170000,
                                                                           "fifo")
        i = {"id": ino, "type": typ, "ino": ino, "context": None, "size": st.st_size}
        man["inodes"].append(i)
        if typ == "fifo":
            return ino
        ctx = pol.with_nonce(secrets.token_bytes(16))
        f = r.FileCrypt(key, ctx, ino, uuid)
        i.update(context=ctx.context().hex(), nonce=ctx.nonce.hex(), path=str(ino),
                 data_offset=100)
        low = os.path.join(store, str(ino))
        if typ == "symlink":
            i["payload"] = f.encrypt_symlink(os.readlink(path)).hex()
        elif typ == "file":
            with open(path, "rb") as src, open(low, "wb") as dst:
                data = src.read()
                data += bytes(-len(data) % f.du_size)
                dst.write(bytes(100) + f.contents(data))
        else:
            i["entries"] = []
            for n in os.listdir(path):
                c = f.encrypt_name(n)
                i["entries"].append({"id": add(os.path.join(path, n)), "cipher_name": c.hex(),
                                     "encoded_name": lower_name(c)})
        return ino
    man["root"] = add(os.fsencode(plain))
    return man


def flip(h, rng):
    b = bytearray(bytes.fromhex(h))
    b[rng.randrange(len(b))] ^= 1 << rng.randrange(8)
    return b.hex()


def test_toys(rng):
    n = faults = 0
    configs = [("kernel-" + c[0], c[1], (1, 4), *c[2:]) for c in mkvectors.CONFIGS]
    for name, ver, modes, flags, pad, du, keysize in configs + mkrefvectors.CONFIGS:
        with tempfile.TemporaryDirectory() as d:
            plain, store = os.path.join(d, "p"), os.path.join(d, "s")
            os.mkdir(plain)
            os.mkdir(store)
            build(plain, Tree("toy " + name, brief=True, far=False))
            key, uuid = secrets.token_bytes(keysize), secrets.token_bytes(16)
            man = toy_store(plain, store, key, policy_of(ver, modes, flags, pad, du, key), uuid)
            c, out = quiet(ManifestAdapter(store, man), key, plain)
            assert c.errors == 0, (name, out)
            n += 1
            # faults
            kinds = {t: [i for i in man["inodes"] if i["type"] == t] for t in
                     ("file", "symlink", "dir")}
            i = rng.choice([i for i in kinds["file"] if i["size"]])
            low = os.path.join(store, i["path"])
            with open(low, "r+b") as f:
                at = rng.randrange(100, os.path.getsize(low))
                f.seek(at)
                old = f.read(1)
                f.seek(at)
                f.write(bytes([old[0] ^ 1 << rng.randrange(8)]))
            c, out = quiet(ManifestAdapter(store, man), key, plain)
            assert c.errors and "data unit" in out, (name, out)
            with open(low, "r+b") as f:
                f.seek(at)
                f.write(old)
            faults += 1
            for kind, field in (("symlink", "payload"), ("file", "context"), ("dir", "context")):
                i = rng.choice(kinds[kind])
                good = i[field]
                i[field] = flip(good, rng)
                c, out = quiet(ManifestAdapter(store, man), key, plain)
                assert c.errors, (name, kind, field)
                i[field] = good
                faults += 1
            i = rng.choice([i for i in kinds["dir"] if i["entries"]])
            e = rng.choice(i["entries"])
            good = dict(e)
            e["cipher_name"] = flip(e["cipher_name"], rng)
            c, out = quiet(ManifestAdapter(store, man), key, plain)
            assert c.errors >= 2, (name, "name")
            e.update(good)
            i["entries"].remove(e)
            c, out = quiet(ManifestAdapter(store, man), key, plain)
            assert c.errors == 1, (name, "missing", out)
            i["entries"].append(e)
            if flags & (r.FLAG_IV_INO_LBLK_64 | r.FLAG_IV_INO_LBLK_32):
                i = rng.choice([i for i in kinds["file"] if i["size"]])
                i["ino"] += 1000
                assert quiet(ManifestAdapter(store, man), key, plain)[0].errors, (name, "ino")
                i["ino"] -= 1000
                man["fs_uuid"] = flip(man["fs_uuid"], rng)
                assert quiet(ManifestAdapter(store, man), key, plain)[0].errors, (name, "uuid")
                faults += 2
            faults += 2
    print("toy stores: %d equal, %d faults found" % (n, faults))


def test_kernel(rng):
    with k.Image() as img:
        img.mount()
        sets = []
        for name, ver, flags, pad, du, keysize in mkvectors.CONFIGS:
            key = secrets.token_bytes(keysize)
            pol = policy_of(ver, (1, 4), flags, pad, du, key)
            tree = Tree("ext4 " + name, rich=True)
            for d in (name, "plain-" + name):
                os.mkdir(os.path.join(img.mnt, d))
            k.add_key(img.mnt, key, pol.key_id)
            k.set_policy(os.path.join(img.mnt, name), pol.policy())
            build(os.path.join(img.mnt, name), tree)
            build(os.path.join(img.mnt, "plain-" + name), tree)
            sets.append((name, key))
        img.umount()
        img.mount("loop,ro")
        total = {}
        for name, key in sets:
            plain = os.path.join(img.mnt, "plain-" + name)
            a = Ext4Adapter(img.img + ":" + name, None)
            c = check(a, key, plain)
            assert c.errors == 0, name
            for w, n in c.counts.items():
                total[w] = total.get(w, 0) + n
            # a fault: one byte of one file as the adapter reads it
            good = a.read
            a.read = lambda *args: bytes([good(*args)[0] ^ 1]) + good(*args)[1:]
            c, _ = quiet(a, key, plain)
            assert c.errors > 10
        img.umount()
    print("kernel image: %d policies equal; %s" % (len(sets), ", ".join(
        "%d %s" % (n, w) for w, n in sorted(total.items()))))


def main():
    rng = random.Random(7)
    test_toys(rng)
    if os.geteuid() == 0 and "--no-kernel" not in sys.argv:
        test_kernel(rng)


if __name__ == "__main__":
    main()
