#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks vector files against refdecrypt.py, in both directions.

  verify_vectors.py FILE.json...      exit status 1 at the first difference
"""
import collections
import hashlib
import json
import sys

import refdecrypt as r
from common import plain_range, symlink_target


def need(cond, what):
    if not cond:
        raise SystemExit("MISMATCH: %s" % (what,))


def crypt_for(head, v):
    ctx = r.Context.parse(bytes.fromhex(v["context"]))
    need(ctx.nonce.hex() == v["nonce"], "nonce")
    need(ctx.policy().hex() == head["policy"], "policy bytes")
    return r.FileCrypt(bytes.fromhex(head["master_key"]), ctx, v["ino"],
                       bytes.fromhex(head["fs_uuid"]), head["block_size"])


def check_file(head, v, n):
    f = crypt_for(head, v)
    covered = []
    for s in v["segments"]:
        plain = plain_range(v["plain"], s["offset"], s["length"])
        cipher = f.contents(plain, s["offset"])
        need(hashlib.sha256(cipher).hexdigest() == s["sha256"], (v["path"], s["offset"]))
        need(cipher.hex().startswith(s.get("head", "")), (v["path"], "head"))
        need(f.contents(cipher, s["offset"], True) == plain, (v["path"], "decrypt"))
        if "ciphertext" in s:
            need(s["ciphertext"] == cipher.hex(), (v["path"], "hex"))
        covered.append((s["offset"], s["offset"] + s["length"]))
        n["data units"] += s["length"] // f.du_size
    # what no segment covers must be zero in the plaintext
    pos = 0
    for a, b in covered + [(v["size"], v["size"])]:
        while pos < a and v["size"] <= 1 << 20:
            step = min(a - pos, 1 << 16)
            need(not any(plain_range(v["plain"], pos, step)), (v["path"], "hole at", pos))
            pos += step
        pos = max(pos, b)
    if "plain_sha256" in v:
        need(hashlib.sha256(plain_range(v["plain"], 0, v["size"])).hexdigest() ==
             v["plain_sha256"], (v["path"], "plaintext"))


def check_name(head, v):
    f = crypt_for(head, v)
    plain, cipher = bytes.fromhex(v["plaintext"]), bytes.fromhex(v["ciphertext"])
    need(f.encrypt_name(plain) == cipher, ("name", v["plaintext"]))
    need(f.decrypt_name(cipher) == plain, ("name back", v["plaintext"]))
    need(r.nokey_encode(cipher, v["dirhash"]).decode() == v["nokey_name"], "no-key name")


def check_symlink(head, v):
    f = crypt_for(head, v)
    target = symlink_target(v)
    payload = f.encrypt_symlink(target)
    need(len(target) == v["target_length"] and len(payload) == v["payload_length"], "length")
    need(hashlib.sha256(payload).hexdigest() == v["payload_sha256"], ("symlink", v["path"]))
    need(v.get("payload", payload.hex()) == payload.hex(), "payload hex")
    need(f.decrypt_symlink(payload) == target, ("symlink back", v["path"]))
    need(r.nokey_encode(payload[2:]).decode() == v["nokey_target"], "no-key target")


def check_primitive(v):
    h = {k: bytes.fromhex(x) for k, x in v.items() if k != "alg" and isinstance(x, str)}
    alg = v["alg"]
    both = {"xts": r.xts, "cts": r.cts, "cbc_essiv": r.cbc_essiv, "adiantum": r.adiantum,
            "hctr2": r.hctr2}
    if alg in both:
        need(both[alg](h["key"], h["iv"], h["plaintext"]) == h["ciphertext"], v)
        need(both[alg](h["key"], h["iv"], h["ciphertext"], True) == h["plaintext"], v)
        return
    got = {
        "fscrypt_hkdf": lambda: r.fscrypt_hkdf(h["key"], v["context"], h["info"], v["length"]),
        "v1_kdf": lambda: r.aes_ecb(h["nonce"], h["key"]),
        "siphash24": lambda: r.siphash24(h["key"], h["message"]).to_bytes(8, "little"),
        "hchacha12": lambda: r.hchacha(h["key"], h["nonce"]),
        "xchacha12": lambda: r.xchacha_stream(h["key"], h["nonce"], v["length"]),
        "xchacha12_block": lambda: r.xchacha_stream(h["key"], h["nonce"],
                                                    64 * v["block"] + 64)[-64:],
        "nh": lambda: r.nh(h["key"], h["message"]),
        "nhpoly1305": lambda: r.nhpoly1305(h["key"][:16], h["key"][16:],
                                           h["message"]).to_bytes(16, "little"),
        "polyval": lambda: r.polyval(h["key"], h["message"]),
        "xctr": lambda: r.xctr(h["key"], h["nonce"], h["plaintext"]),
        "nokey_encode": lambda: r.nokey_encode(h["ciphertext"], v["dirhash"]),
    }[alg]()
    need(got == h["output"], v)


def main():
    total = collections.Counter()
    for path in sys.argv[1:]:
        with open(path) as fp:
            doc = json.load(fp)
        n = collections.Counter()
        for v in doc["vectors"]:
            if "alg" in v:
                check_primitive(v)
                n[v["alg"]] += 1
                continue
            {"file": lambda: check_file(doc, v, n), "name": lambda: check_name(doc, v),
             "symlink": lambda: check_symlink(doc, v)}[v["kind"]]()
            n[v["kind"]] += 1
        if "policy" in doc:
            key = bytes.fromhex(doc["master_key"])
            kid = (r.key_descriptor if doc["policy_version"] == 1 else r.key_identifier)(key)
            need(kid.hex() == doc["key_id"], "key identifier")
        print("ok %s: %s" % (path, ", ".join("%d %s" % (b, a) for a, b in sorted(n.items()))))
        total.update(n)
    print("total: %s" % ", ".join("%d %s" % (b, a) for a, b in sorted(total.items())))


if __name__ == "__main__":
    main()
