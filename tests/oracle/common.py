# SPDX-License-Identifier: GPL-3.0-or-later
"""What the vector makers and checkers share: plaintext generators, the tree
that every vector set is made of, and the JSON layout."""
import hashlib
import json
import os
import random
import subprocess

from refdecrypt import MODES, Context, key_descriptor, key_identifier

BLOCK = 4096
TEXT = b"abcdefghijklmnopqrstuvwxyz012345"
SMALL = 300                 # longer symlink targets and payloads are not given in full


def gen_bytes(seed, length):
    return hashlib.shake_256(seed.encode()).digest(length)


def gen_text(seed, length):
    return bytes(TEXT[b & 31] for b in gen_bytes(seed, length))


def part_bytes(part):
    if part.get("zero"):
        return bytes(part["length"])
    return gen_bytes(part["seed"], part["length"])


def plain_range(parts, offset, length):
    """Plaintext of [offset, offset + length): later parts win, zero elsewhere."""
    out = bytearray(length)
    for p in parts:
        a, b = max(offset, p["offset"]), min(offset + length, p["offset"] + p["length"])
        if a < b:
            out[a - offset:b - offset] = part_bytes(p)[a - p["offset"]:b - p["offset"]]
    return bytes(out)


class File:
    """A regular file as a list of steps, so that a kernel can replay it."""

    def __init__(self, path, seed, *steps):
        self.path, self.seed, self.steps = path, seed, steps
        self.size, self.parts = 0, []
        for n, step in enumerate(steps):
            op, arg = step[0], step[1:]
            if op == "write":
                off, length = arg
                self.parts.append({"offset": off, "length": length, "seed": "%s.%d" % (seed, n)})
                self.size = max(self.size, off + length)
            elif op == "truncate":
                self.size = arg[0]
                self.parts = [dict(p, length=min(p["length"], self.size - p["offset"]))
                              for p in self.parts if p["offset"] < self.size]
            elif op == "punch":
                self.parts.append({"offset": arg[0], "length": arg[1], "zero": True})
            elif op == "prealloc":
                self.size = max(self.size, arg[0] + arg[1])

    def step_data(self, n):
        _, _, length = self.steps[n]
        return gen_bytes("%s.%d" % (self.seed, n), length)

    def blocks(self):
        """Blocks that hold written data, as merged (offset, length) runs."""
        b = set()
        for p in self.parts:
            first, end = p["offset"] // BLOCK, -(-(p["offset"] + p["length"]) // BLOCK)
            if p.get("zero"):           # a punched whole block is a hole
                b -= set(range(-(-p["offset"] // BLOCK), (p["offset"] + p["length"]) // BLOCK))
            else:
                b |= set(range(first, end))
        return merge_runs([(i * BLOCK, BLOCK) for i in sorted(b)])


def merge_runs(runs):
    out = []
    for off, length in sorted(runs):
        if out and out[-1][0] + out[-1][1] == off:
            out[-1] = (out[-1][0], out[-1][1] + length)
        else:
            out.append((off, length))
    return out


FAR_LAST = (2**32 - 2) * BLOCK       # the last block ext4 can map with 4K blocks


class Tree:
    """Everything below one encrypted directory.  `salt` makes sets disjoint."""

    def __init__(self, salt, rich=False, brief=False, far=True):
        rng = random.Random("fuscrypt " + salt)
        self.rich, self.brief = rich, brief
        self.dirs = ["", "f", "n", "l", "d", "d/" + "e" * 40, "d/" + "e" * 40 + "/g",
                     "d/" + "e" * 40 + "/g/h"]
        self.files, self.symlinks, self.fifos, self.links, self.renames = [], [], [], [], []

        def add(name, *steps):
            self.files.append(File(name, "%s/%s" % (salt, name), *steps))

        for n in (1, 15, 16, 17, 511, 512, 513, 4095, 4096, 4097, 100000):
            add("f/%d" % n, ("write", 0, n))
        add("f/empty")
        add("f/sparse", ("write", 0, 10), ("write", 40960, 5000), ("write", 200000, 1),
            ("truncate", 300001))
        add("f/hole-only", ("truncate", 12288))
        add("f/trunc-up", ("write", 0, 100), ("truncate", 10000))
        add("f/trunc-down-up", ("write", 0, 9000), ("truncate", 5000), ("truncate", 20000))
        add("f/overwrite", ("write", 0, 10000), ("write", 3000, 4000), ("write", 9999, 3))
        add("f/prealloc", ("prealloc", 0, 16384), ("write", 4101, 5))
        add("f/punched", ("write", 0, 20000), ("punch", 5000, 10000))
        if far:
            add("f/far", ("write", 0, 1), ("write", 2**41 - BLOCK, 2 * BLOCK),
                ("write", 2**43 + 777, 9), ("write", FAR_LAST - BLOCK, 2 * BLOCK))
        add("d/" + "e" * 40 + "/g/h/deep", ("write", 0, 5000))
        if rich:
            for i in range(12):
                n = rng.randrange(1, rng.choice((64, 9000, 70000)))
                add("f/r%d" % i, ("write", 0, n))
            for i in range(6):
                steps = [("write", rng.randrange(0, 60000), rng.randrange(1, 9000))
                         for _ in range(4)]
                steps.insert(rng.randrange(1, 5), ("truncate", rng.randrange(1, 60000)))
                add("f/s%d" % i, *steps)

        sizes = [1, 16, 17, 100, 149, 150, 255]
        if not brief:
            sizes += [2, 15, 31, 32, 33, 144, 148, 160, 161, 200, 224, 225, 240, 252, 253, 254]
        names = [gen_text("%s/name/%d" % (salt, n), n) for n in sizes]
        names += ["smørrebrød ☃ 日本語 🎉".encode(), "é".encode() * 127,
                  b"\n", b" lead and trail ", b"...", b"-rf", b"back\\slash", b"\xff",
                  b"\x01\x02\x7f\x80\xfe\xff", bytes(range(1, 47)) + bytes(range(48, 256)),
                  b"\xff" * 16, b"a" * 16 + b"b" * 16]
        if rich:
            for i in range(40):
                n = rng.choice((rng.randrange(1, 33), rng.randrange(1, 256)))
                names.append(bytes(rng.choice([c for c in range(1, 256) if c != 47])
                                   for _ in range(n)))
        self.names = sorted({n for n in names if n not in (b".", b"..")})

        lengths = [1, 16, 59, 60, 150, 3000, 4093]
        if not brief:
            lengths += [2, 15, 17, 31, 32, 33, 57, 58, 61, 100, 149, 255, 256, 1000,
                        4064, 4065, 4090]
        if rich:
            lengths += [rng.randrange(1, 400) for _ in range(8)]
        for n in sorted(set(lengths)):
            self.symlinks.append(("l/%d" % n, gen_text("%s/link/%d" % (salt, n), n),
                                  "%s/link/%d" % (salt, n)))
        for i, t in enumerate((b"/", b"../../\xff\xfe/x", "ünï/☃".encode())):
            self.symlinks.append(("l/t%d" % i, t, None))
        self.fifos.append("d/fifo")
        self.links.append(("f/17", "d/hardlink"))
        self.renames.append(("f/16", "d/was-16"))

    def final_path(self, path):
        return dict(self.renames).get(path, path)

    def entries(self):
        """[(directory, name, type)] of every directory entry, final state."""
        out = [(p.rpartition("/")[0], p.rpartition("/")[2].encode(), "dir")
               for p in self.dirs if p]
        for f in self.files:
            d, _, n = self.final_path(f.path).rpartition("/")
            out.append((d, n.encode(), "file"))
        out += [("n", n, "file") for n in self.names]
        for p, _, _ in self.symlinks:
            out.append(("l", p[2:].encode(), "symlink"))
        out += [("d", p[2:].encode(), "fifo") for p in self.fifos]
        out += [("d", p[2:].encode(), "file") for _, p in self.links]
        return out


def build(root, tree):
    """Makes the tree below an existing empty directory of a mounted filesystem."""
    for d in tree.dirs[1:]:
        os.mkdir(os.path.join(root, d))
    for f in tree.files:
        fd = os.open(os.path.join(root, f.path), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        for n, step in enumerate(f.steps):
            if step[0] == "write":
                data = f.step_data(n)
                assert os.pwrite(fd, data, step[1]) == len(data)
            elif step[0] == "truncate":
                os.ftruncate(fd, step[1])
            elif step[0] == "prealloc":
                os.posix_fallocate(fd, step[1], step[2])
            elif step[0] == "punch":
                subprocess.run(["fallocate", "-p", "-o", str(step[1]), "-l", str(step[2]),
                                os.path.join(root, f.path)], check=True)
            os.fsync(fd)
        assert os.fstat(fd).st_size == f.size
        os.close(fd)
    for n in tree.names:
        os.close(os.open(os.path.join(root.encode(), b"n", n), os.O_CREAT | os.O_EXCL, 0o644))
    for path, target, _ in tree.symlinks:
        os.symlink(target, os.path.join(root, path).encode())
    for p in tree.fifos:
        os.mkfifo(os.path.join(root, p))
    for old, new in tree.links:
        os.link(os.path.join(root, old), os.path.join(root, new))
    for old, new in tree.renames:
        os.rename(os.path.join(root, old), os.path.join(root, new))


# ---------------------------------------------------------------- JSON

def header(origin, master_key, ctx, fs_uuid, description, block_size=BLOCK, **more):
    h = {
        "format": "fuscrypt-vectors-1", "origin": origin, "description": description,
        "master_key": master_key.hex(),
        "key_spec": "descriptor" if ctx.version == 1 else "identifier",
        "key_id": ctx.key_id.hex(),
        "policy": ctx.policy().hex(), "policy_version": ctx.version,
        "contents_mode": ctx.contents_mode, "contents_name": MODES[ctx.contents_mode].name,
        "filenames_mode": ctx.filenames_mode, "filenames_name": MODES[ctx.filenames_mode].name,
        "flags": ctx.flags, "padding": ctx.padding, "log2_data_unit_size": ctx.log2_du,
        "data_unit_size": 1 << ctx.log2_du if ctx.log2_du else block_size,
        "block_size": block_size, "fs_uuid": fs_uuid.hex(),
    }
    h.update(more)
    return h


def write_vectors(path, head, vectors, key="vectors"):
    with open(path, "w") as f:
        body = json.dumps(head, indent=1)[:-2]
        f.write(body + ',\n "%s": [\n  ' % key)
        f.write(",\n  ".join(json.dumps(v, separators=(",", ":")) for v in vectors))
        f.write("\n ]\n}\n")


def file_vector(f, path, ino, ctx, segments, full):
    """segments: [(offset, ciphertext bytes)], whole blocks; the rest is holes."""
    v = {"kind": "file", "path": path, "ino": ino, "nonce": ctx.nonce.hex(),
         "context": ctx.context().hex(), "size": f.size, "plain": f.parts}
    if f.size <= 1 << 20:
        v["plain_sha256"] = hashlib.sha256(plain_range(f.parts, 0, f.size)).hexdigest()
    v["segments"] = []
    for off, data in segments:
        s = {"offset": off, "length": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        if full:
            s["ciphertext"] = data.hex()
        else:
            s["head"] = data[:32].hex()
        v["segments"].append(s)
    return v


def name_vector(dirpath, ino, ctx, name, typ, target_ino, cipher, dirhash, nokey):
    return {"kind": "name", "dir": dirpath, "ino": ino, "nonce": ctx.nonce.hex(),
            "context": ctx.context().hex(), "type": typ, "target_ino": target_ino,
            "plaintext": name.hex(), "ciphertext": cipher.hex(), "dirhash": list(dirhash),
            "nokey_name": nokey.decode()}


def symlink_vector(path, ino, ctx, target, seed, payload, nokey):
    v = {"kind": "symlink", "path": path, "ino": ino, "nonce": ctx.nonce.hex(),
         "context": ctx.context().hex(), "target_length": len(target),
         "payload_length": len(payload),
         "payload_sha256": hashlib.sha256(payload).hexdigest(), "nokey_target": nokey.decode()}
    if len(target) <= SMALL or not seed:
        v["target"] = target.hex()
        v["payload"] = payload.hex()
    else:
        v["target_seed"] = seed
    return v


def symlink_target(v):
    if "target" in v:
        return bytes.fromhex(v["target"])
    return gen_text(v["target_seed"], v["target_length"])


def make_key_id(version, key):
    return key_descriptor(key) if version == 1 else key_identifier(key)


def policy_of(version, modes, flags, padding, log2_du, key):
    pad = {4: 0, 8: 1, 16: 2, 32: 3}[padding]
    return Context(version, modes[0], modes[1], flags | pad, make_key_id(version, key), log2_du)
