#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of hardware-wrapped keys: the simulated hardware's wrapping, and the
derivation that real hardware does (NIST SP 800-108, counter mode, AES-256-CMAC).

Written from the manual page and the specification; shares nothing with the program.

  hwkeys.py unwrap  --hwkey FILE <WRAPPED      the 32 bytes in a long-term key
  hwkeys.py show    --hwkey FILE <WRAPPED      secret, inline key and identifier, in hex
  hwkeys.py selftest                           known answers
"""
import argparse
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import refdecrypt as r

LONG_TERM, EPHEMERAL = 1, 2
SIZE = 4 + 1 + 1 + 2 + 12 + 32 + 16

LABEL = bytes.fromhex("00004000" "00000000" "000020")
CTX_INLINE = b"inline encryption key" + bytes(6) + bytes.fromhex("0243008250") + bytes(4)
CTX_SECRET = b"raw secret" + bytes(9) + bytes.fromhex("0217008050") + bytes(4)


def cmac(key, msg):
    """AES-CMAC (NIST SP 800-38B)."""
    def double(b):
        n = int.from_bytes(b, "big") << 1
        return ((n ^ 0x87) & r.MASK128 if n >> 128 else n).to_bytes(16, "big")
    k1 = double(r.aes_ecb(key, bytes(16)))
    last = msg[(len(msg) - 1) // 16 * 16:] if msg else b""
    head = msg[:len(msg) - len(last)]
    last = r.xor(last, k1) if len(last) == 16 else \
        r.xor((last + b"\x80").ljust(16, b"\0"), double(k1))
    x = bytes(16)
    for i in range(0, len(head), 16):
        x = r.aes_ecb(key, r.xor(x, head[i:i + 16]))
    return r.aes_ecb(key, r.xor(x, last))


def kdf(key, context, length):
    out = b""
    for i in range(1, -(-length // 16) + 1):
        out += cmac(key, i.to_bytes(4, "big") + LABEL + b"\0" + context +
                    (8 * length).to_bytes(4, "big"))
    return out[:length]


def sw_secret(key):
    return kdf(key, CTX_SECRET, 32)


def inline_key(key):
    return kdf(key, CTX_INLINE, 64)


def identifier(secret):
    return r.fscrypt_hkdf(secret, r.HKDF_IDENTIFIER_HW, b"", 16)


def unwrap(hwkey, blob, form=LONG_TERM):
    """The key in a wrapped one.  ValueError when the hardware would refuse it."""
    if len(hwkey) != 32:
        raise ValueError("a hardware key has 32 bytes")
    if len(blob) != SIZE or blob[:8] != b"SHWK" + bytes([1, form, 0, 0]):
        raise ValueError("no wrapped key of this form")
    try:
        return AESGCM(hwkey).decrypt(blob[8:20], blob[20:], blob[:8])
    except InvalidTag:
        raise ValueError("not wrapped by this hardware, or changed since")


class WrappedKey:
    """What a store is checked with in the place of a raw master key."""

    def __init__(self, key):
        self.secret, self.inline = sw_secret(key), inline_key(key)

    def identifier(self):
        return identifier(self.secret)

    def crypt(self, ctx, ino, fs_uuid, block_size):
        return WrappedFileCrypt(self, ctx, ino, fs_uuid, block_size)


class WrappedFileCrypt(r.FileCrypt):
    """As a raw key's with the software secret, but for contents."""

    def __init__(self, wrapped, ctx, ino, fs_uuid, block_size):
        super().__init__(wrapped.secret, ctx, ino, fs_uuid, block_size)
        if ctx.version != 2 or not ctx.flags & (r.FLAG_IV_INO_LBLK_64 | r.FLAG_IV_INO_LBLK_32):
            raise ValueError("a wrapped key goes with IV_INO policies only")
        # No two modes of a policy that allows these flags have the same number.
        self._keys[ctx.contents_mode] = wrapped.inline[:r.MODES[ctx.contents_mode].keysize]


def selftest():
    key = bytes(range(32))
    # NIST SP 800-38B, AES-256, messages of 0, 16 and 40 bytes
    k = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    m = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                      "30c81c46a35ce411")
    for n, want in ((0, "028962f61b7bf89efc6b551f4667d983"),
                    (16, "28a7023f452e8f82bd4bf28d8c37c35c"),
                    (40, "aaf3d8f1de5640c232f5b169b9c911e6")):
        assert cmac(k, m[:n]).hex() == want, n
    assert sw_secret(key).hex() == \
        "48b69fb100fda3d600b75d7f25e2b8f1cf95e5de1bd624b9273d537519270c65"
    assert inline_key(key).hex() == \
        "16317c8fe3133e7aef46bdede2b39f09a81e9fbe0c095f906c5c1341da6eaf17" \
        "f151e2982f4f14a5495f78761066cafa5ebb995997d3fb5c8678bb394b6b57dc"
    assert identifier(sw_secret(key)).hex() == "a2c6bd9aa8682ec04bc51ac412b9acea"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["unwrap", "show", "selftest"])
    p.add_argument("--hwkey")
    a = p.parse_args()
    if a.what == "selftest":
        selftest()
        print("ok")
        return
    with open(a.hwkey, "rb") as f:
        key = unwrap(f.read(), sys.stdin.buffer.read())
    if a.what == "unwrap":
        sys.stdout.buffer.write(key)
        return
    w = WrappedKey(key)
    print("secret %s\ninline %s\nidentifier %s" % (w.secret.hex(), w.inline.hex(),
                                                   w.identifier().hex()))


if __name__ == "__main__":
    main()
