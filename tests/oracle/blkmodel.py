#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fuscrypt-blk should have written, by the ciphers of refdecrypt.py.

blkmodel.py MODE UNIT DUN KEYFILE <plain >ciphertext

The IV of a data unit is its number, little endian, filled with zeros to the
length of the mode's IV: that is all that inline encryption adds to a cipher.
"""
import sys

import refdecrypt as ref
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def sm4(key, data):
    c = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()
    return c.update(data) + c.finalize()


def sm4_xts(key, iv, data):
    """XTS as in refdecrypt.xts(), on the other block cipher (IEEE 1619's doubling)."""
    tweak = ref.le(sm4(key[16:], iv))
    out = b""
    for i in range(0, len(data), 16):
        mask = tweak.to_bytes(16, "little")
        out += ref.xor(sm4(key[:16], ref.xor(data[i:i + 16], mask)), mask)
        tweak <<= 1
        if tweak >> 128:
            tweak = (tweak & ref.MASK128) ^ 0x87
    return out


MODES = {
    "AES-256-XTS": (64, 16, ref.xts),
    "AES-128-CBC-ESSIV": (16, 16, ref.cbc_essiv),
    "Adiantum": (32, 32, ref.adiantum),
    "SM4-XTS": (32, 16, sm4_xts),
}


def main():
    mode, unit, dun, key_file = sys.argv[1:]
    key_size, iv_size, cipher = MODES[mode]
    unit, dun = int(unit), int(dun, 0)
    with open(key_file, "rb") as f:
        key = f.read()
    if len(key) != key_size:
        sys.exit(f"{mode} takes a key of {key_size} bytes")
    data = sys.stdin.buffer.read()
    if len(data) % unit:
        sys.exit("not whole data units")
    for i in range(0, len(data), unit):
        iv = (dun + i // unit).to_bytes(iv_size, "little")
        sys.stdout.buffer.write(cipher(key, iv, data[i:i + unit]))


if __name__ == "__main__":
    main()
