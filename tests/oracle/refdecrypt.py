#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reference model of the fscrypt on-disk format (what Linux writes).

Written from the published descriptions (Documentation/filesystems/fscrypt.rst,
RFC 5869, IEEE 1619, NIST SP 800-38A addendum (CBC-CS3), the Adiantum and HCTR2
papers, RFC 8452, the SipHash paper).  Slow and simple on purpose; only AES,
SHA-2 and HMAC come from libraries (python3-cryptography, hashlib).

Library use:   FileCrypt(master_key, Context.parse(ctx), ino, fs_uuid)
Command line:  refdecrypt.py --help
"""
import argparse
import base64
import hashlib
import hmac
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

FLAG_PAD_MASK = 0x03
FLAG_DIRECT_KEY = 0x04
FLAG_IV_INO_LBLK_64 = 0x08
FLAG_IV_INO_LBLK_32 = 0x10

(HKDF_IDENTIFIER, HKDF_PER_FILE, HKDF_DIRECT_KEY, HKDF_IV_INO_LBLK_64,
 HKDF_DIRHASH, HKDF_IV_INO_LBLK_32, HKDF_INODE_HASH, HKDF_IDENTIFIER_HW) = range(1, 9)

MASK32 = 0xffffffff
MASK64 = (1 << 64) - 1
MASK128 = (1 << 128) - 1


def le(b):
    return int.from_bytes(b, "little")


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


# ---------------------------------------------------------------- AES modes

def aes_ecb(key, data, decrypt=False):
    c = Cipher(algorithms.AES(key), modes.ECB())
    c = c.decryptor() if decrypt else c.encryptor()
    return c.update(data) + c.finalize()


def aes_cbc(key, iv, data, decrypt=False):
    c = Cipher(algorithms.AES(key), modes.CBC(iv))
    c = c.decryptor() if decrypt else c.encryptor()
    return c.update(data) + c.finalize()


def xts(key, iv, data, decrypt=False):
    """AES-XTS on whole blocks (a data unit is never a partial block)."""
    assert len(data) % 16 == 0
    half = len(key) // 2
    t = le(aes_ecb(key[half:], iv))
    mask = bytearray()
    for _ in range(len(data) // 16):
        mask += t.to_bytes(16, "little")
        t = (t << 1) ^ (((1 << 128) | 0x87) if t >> 127 else 0)
    n = len(data)
    m = le(mask)
    mid = aes_ecb(key[:half], (le(data) ^ m).to_bytes(n, "little"), decrypt)
    return (le(mid) ^ m).to_bytes(n, "little")


def cts(key, iv, data, decrypt=False):
    """CBC with ciphertext stealing, always swapping the last two blocks (CS3)."""
    n = len(data)
    if n < 16:
        raise ValueError("CTS needs at least one block")
    if n == 16:
        return aes_cbc(key, iv, data, decrypt)
    tail = n % 16 or 16
    if not decrypt:
        c = aes_cbc(key, iv, data + bytes(16 - tail))
        return c[:-32] + c[-16:] + c[-32:-16][:tail]
    head, last, part = data[:n - tail - 16], data[n - tail - 16:n - tail], data[n - tail:]
    d = aes_ecb(key, last, True)
    stolen = part + d[tail:]
    return aes_cbc(key, iv, head + stolen, True) + xor(d[:tail], part)


def cbc_essiv(key, iv, data, decrypt=False):
    return aes_cbc(key, aes_ecb(hashlib.sha256(key).digest(), iv), data, decrypt)


# ---------------------------------------------------------------- XChaCha12

CHACHA_CONST = struct.unpack("<4I", b"expand 32-byte k")


def chacha_permute(s, rounds):
    x = list(s)

    def quarter(a, b, c, d):
        for i, r in ((0, 16), (1, 12), (0, 8), (1, 7)):
            p, q, t = (a, b, d) if i == 0 else (c, d, b)
            x[p] = (x[p] + x[q]) & MASK32
            v = x[t] ^ x[p]
            x[t] = ((v << r) | (v >> (32 - r))) & MASK32
    for _ in range(rounds // 2):
        for a in range(4):
            quarter(a, a + 4, a + 8, a + 12)
        for a in range(4):
            quarter(a, (a + 1) % 4 + 4, (a + 2) % 4 + 8, (a + 3) % 4 + 12)
    return x


def hchacha(key, nonce16, rounds=12):
    s = CHACHA_CONST + struct.unpack("<8I", key) + struct.unpack("<4I", nonce16)
    x = chacha_permute(s, rounds)
    return struct.pack("<8I", *(x[:4] + x[12:]))


def xchacha_stream(key, nonce24, length, rounds=12):
    k = struct.unpack("<8I", hchacha(key, nonce24[:16], rounds))
    n = struct.unpack("<2I", nonce24[16:])
    out = bytearray()
    for ctr in range((length + 63) // 64):
        s = CHACHA_CONST + k + (ctr & MASK32, ctr >> 32) + n
        x = chacha_permute(s, rounds)
        out += struct.pack("<16I", *((a + b) & MASK32 for a, b in zip(x, s)))
    return bytes(out[:length])


# ---------------------------------------------------------------- Adiantum

def poly1305_hash(r16, msg):
    """Poly1305 without the final key addition, reduced mod 2^128."""
    r = le(r16) & 0x0ffffffc0ffffffc0ffffffc0fffffff
    p = (1 << 130) - 5
    acc = 0
    for i in range(0, len(msg), 16):
        acc = (acc + le(msg[i:i + 16] + b"\x01")) * r % p
    return acc & MASK128


def nh(key, msg):
    """NH, 4 passes, on a message of 16*k <= 1024 bytes; 32-byte hash."""
    assert len(msg) % 16 == 0 and 0 < len(msg) <= 1024 and len(key) == 1072
    k = struct.unpack("<268I", key)
    m = struct.unpack("<%dI" % (len(msg) // 4), msg)
    out = b""
    for p in range(4):
        s = 0
        for i in range(0, len(m), 4):
            q = 4 * p + i
            s += ((m[i] + k[q]) & MASK32) * ((m[i + 2] + k[q + 2]) & MASK32)
            s += ((m[i + 1] + k[q + 1]) & MASK32) * ((m[i + 3] + k[q + 3]) & MASK32)
        out += struct.pack("<Q", s & MASK64)
    return out


def nhpoly1305(poly_key, nh_key, msg):
    msg = msg + bytes(-len(msg) % 16)
    return poly1305_hash(poly_key, b"".join(
        nh(nh_key, msg[i:i + 1024]) for i in range(0, len(msg), 1024)))


def adiantum_hash(hk, tweak, left):
    head = struct.pack("<QQ", 8 * len(left), 0) + tweak
    return (poly1305_hash(hk[:16], head) +
            nhpoly1305(hk[16:32], hk[32:], left)) & MASK128


def adiantum(key, tweak, data, decrypt=False):
    if len(data) < 16:
        raise ValueError("Adiantum needs at least one block")
    sub = xchacha_stream(key, b"\x01" + bytes(23), 32 + 32 + 1072)
    ek, hk = sub[:32], sub[32:]
    left, right = data[:-16], le(data[-16:])
    mid = (right + adiantum_hash(hk, tweak, left)) & MASK128
    c = mid.to_bytes(16, "little")
    if not decrypt:
        c = aes_ecb(ek, c)
    left = xor(left, xchacha_stream(key, c + b"\x01" + bytes(7), len(left)))
    if decrypt:
        c = aes_ecb(ek, c, True)
    right = (le(c) - adiantum_hash(hk, tweak, left)) & MASK128
    return left + right.to_bytes(16, "little")


# ---------------------------------------------------------------- HCTR2

POLYVAL_MOD = (1 << 128) | (1 << 127) | (1 << 126) | (1 << 121) | 1


def polyval_dot(a, b):
    """a * b * x^-128 in GF(2^128) with the POLYVAL polynomial."""
    r = 0
    while b:
        low = b & -b
        r ^= a * low
        b ^= low
    for _ in range(128):
        if r & 1:
            r ^= POLYVAL_MOD
        r >>= 1
    return r


def polyval(h16, msg):
    h, s = le(h16), 0
    for i in range(0, len(msg), 16):
        s = polyval_dot(s ^ le(msg[i:i + 16]), h)
    return s.to_bytes(16, "little")


def xctr(key, nonce16, data):
    n = le(nonce16)
    blocks = b"".join((n ^ i).to_bytes(16, "little")
                      for i in range(1, (len(data) + 15) // 16 + 1))
    return xor(data, aes_ecb(key, blocks)) if data else b""


def hctr2_hash(h, tweak, msg):
    t = tweak + bytes(-len(tweak) % 16)
    bits = 16 * len(tweak) + 2          # 2 * (tweak length in bits) + 2
    if len(msg) % 16:
        bits += 1
        msg = msg + b"\x01"
        msg += bytes(-len(msg) % 16)
    return polyval(h, bits.to_bytes(16, "little") + t + msg)


def hctr2(key, tweak, data, decrypt=False):
    if len(data) < 16:
        raise ValueError("HCTR2 needs at least one block")
    h = aes_ecb(key, bytes(16))
    l = aes_ecb(key, b"\x01" + bytes(15))
    m, n = data[:16], data[16:]
    mm = xor(m, hctr2_hash(h, tweak, n))
    uu = aes_ecb(key, mm, decrypt)
    v = xctr(key, xor(xor(mm, uu), l), n)
    return xor(uu, hctr2_hash(h, tweak, v)) + v


# ---------------------------------------------------------------- modes, KDFs

class Mode:
    def __init__(self, name, keysize, ivsize, crypt):
        self.name, self.keysize, self.ivsize, self.crypt = name, keysize, ivsize, crypt


MODES = {
    1: Mode("AES-256-XTS", 64, 16, xts),
    4: Mode("AES-256-CTS-CBC", 32, 16, cts),
    5: Mode("AES-128-CBC-ESSIV", 16, 16, cbc_essiv),
    6: Mode("AES-128-CTS-CBC", 16, 16, cts),
    9: Mode("Adiantum", 32, 32, adiantum),
    10: Mode("AES-256-HCTR2", 32, 32, hctr2),
}


def hkdf_sha512(ikm, info, length):
    prk = hmac.new(bytes(64), ikm, hashlib.sha512).digest()
    out, t, i = b"", b"", 0
    while len(out) < length:
        i += 1
        t = hmac.new(prk, t + info + bytes([i]), hashlib.sha512).digest()
        out += t
    return out[:length]


def fscrypt_hkdf(master_key, context, info, length):
    return hkdf_sha512(master_key, b"fscrypt\0" + bytes([context]) + info, length)


def key_identifier(master_key):
    return fscrypt_hkdf(master_key, HKDF_IDENTIFIER, b"", 16)


def key_descriptor(master_key):
    """The conventional v1 descriptor; the kernel itself accepts any 8 bytes."""
    return hashlib.sha512(hashlib.sha512(master_key).digest()).digest()[:8]


def siphash24(key, data):
    k0, k1 = struct.unpack("<2Q", key)
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
         k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]

    def rotl(x, b):
        return ((x << b) | (x >> (64 - b))) & MASK64

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & MASK64
            v[1] = rotl(v[1], 13) ^ v[0]
            v[0] = rotl(v[0], 32)
            v[2] = (v[2] + v[3]) & MASK64
            v[3] = rotl(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & MASK64
            v[3] = rotl(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & MASK64
            v[1] = rotl(v[1], 17) ^ v[2]
            v[2] = rotl(v[2], 32)
    whole = len(data) & ~7
    tail = data[whole:] + bytes(7 - (len(data) - whole)) + bytes([len(data) & 0xff])
    for (m,) in struct.iter_unpack("<Q", data[:whole] + tail):
        v[3] ^= m
        rounds(2)
        v[0] ^= m
    v[2] ^= 0xff
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


# ---------------------------------------------------------------- policy, context

class Context:
    """An encryption policy, with a nonce when it belongs to an inode."""

    def __init__(self, version, contents_mode, filenames_mode, flags, key_id,
                 log2_du=0, nonce=None):
        self.version = version
        self.contents_mode = contents_mode
        self.filenames_mode = filenames_mode
        self.flags = flags
        self.key_id = key_id
        self.log2_du = log2_du
        self.nonce = nonce
        if len(key_id) != (8 if version == 1 else 16):
            raise ValueError("bad key descriptor or identifier length")

    @classmethod
    def parse(cls, raw):
        if raw[:1] == b"\x01" and len(raw) == 28:
            _, c, f, fl, kid, nonce = struct.unpack("<4B8s16s", raw)
            return cls(1, c, f, fl, kid, 0, nonce)
        if raw[:1] == b"\x02" and len(raw) == 40:
            _, c, f, fl, du, rsv, kid, nonce = struct.unpack("<5B3s16s16s", raw)
            if rsv != bytes(3):
                raise ValueError("reserved context bytes are not zero")
            return cls(2, c, f, fl, kid, du, nonce)
        raise ValueError("not an fscrypt context")

    @classmethod
    def parse_policy(cls, raw):
        if raw[:1] == b"\0" and len(raw) == 12:
            return cls(1, raw[1], raw[2], raw[3], raw[4:])
        if raw[:1] == b"\2" and len(raw) == 24:
            return cls(2, raw[1], raw[2], raw[3], raw[8:], raw[4])
        raise ValueError("not an fscrypt policy")

    def policy(self):
        """Bytes as FS_IOC_[GS]ET_ENCRYPTION_POLICY takes them (v1 has version 0)."""
        b = bytes([self.contents_mode, self.filenames_mode, self.flags])
        if self.version == 1:
            return b"\0" + b + self.key_id
        return b"\2" + b + bytes([self.log2_du, 0, 0, 0]) + self.key_id

    def context(self, nonce=None):
        return bytes([self.version]) + self.policy()[1:] + (nonce or self.nonce)

    def with_nonce(self, nonce):
        return Context(self.version, self.contents_mode, self.filenames_mode,
                       self.flags, self.key_id, self.log2_du, nonce)

    @property
    def padding(self):
        return 4 << (self.flags & FLAG_PAD_MASK)


class FileCrypt:
    """Encrypts and decrypts everything that belongs to one inode."""

    def __init__(self, master_key, ctx, ino, fs_uuid=None, block_size=4096):
        self.master_key, self.ctx, self.ino, self.fs_uuid = master_key, ctx, ino, fs_uuid
        self.du_size = 1 << ctx.log2_du if ctx.log2_du else block_size
        self._keys = {}

    def mode_key(self, num):
        if num not in self._keys:
            self._keys[num] = self._derive(num)
        return self._keys[num]

    def _derive(self, num):
        c, mk, size = self.ctx, self.master_key, MODES[num].keysize
        if c.version == 1:
            if len(mk) < size:
                raise ValueError("master key too short")
            if c.flags & FLAG_DIRECT_KEY:
                return mk[:size]
            return aes_ecb(c.nonce, mk[:size])
        for flag, hctx, uuid in ((FLAG_DIRECT_KEY, HKDF_DIRECT_KEY, b""),
                                 (FLAG_IV_INO_LBLK_64, HKDF_IV_INO_LBLK_64, self.fs_uuid),
                                 (FLAG_IV_INO_LBLK_32, HKDF_IV_INO_LBLK_32, self.fs_uuid)):
            if c.flags & flag:
                return fscrypt_hkdf(mk, hctx, bytes([num]) + uuid, size)
        return fscrypt_hkdf(mk, HKDF_PER_FILE, c.nonce, size)

    def hashed_ino(self):
        k = fscrypt_hkdf(self.master_key, HKDF_INODE_HASH, b"", 16)
        return siphash24(k, struct.pack("<Q", self.ino)) & MASK32

    def iv(self, num, index):
        fl, nonce = self.ctx.flags, bytes(16)
        if fl & FLAG_IV_INO_LBLK_64:
            assert index <= MASK32 and self.ino <= MASK32
            index |= self.ino << 32
        elif fl & FLAG_IV_INO_LBLK_32:
            index = (index + self.hashed_ino()) & MASK32
        elif fl & FLAG_DIRECT_KEY:
            nonce = self.ctx.nonce
        return (struct.pack("<Q", index) + nonce + bytes(8))[:MODES[num].ivsize]

    def _crypt(self, num, index, data, decrypt):
        return MODES[num].crypt(self.mode_key(num), self.iv(num, index), data, decrypt)

    def contents(self, data, offset=0, decrypt=False):
        """Whole data units of file data starting at byte `offset`."""
        du, n = self.du_size, self.ctx.contents_mode
        assert offset % du == 0 and len(data) % du == 0
        return b"".join(self._crypt(n, (offset + i) // du, data[i:i + du], decrypt)
                        for i in range(0, len(data), du))

    def name_size(self, length, max_size=255):
        return min(-(-max(length, 16) // self.ctx.padding) * self.ctx.padding, max_size)

    def encrypt_name(self, name, max_size=255):
        """`self` is the directory.  "." and ".." are never encrypted."""
        if not 0 < len(name) <= max_size:
            raise ValueError("bad name length")
        size = self.name_size(len(name), max_size)
        return self._crypt(self.ctx.filenames_mode, 0, name + bytes(size - len(name)), False)

    def decrypt_name(self, cipher):
        return self._crypt(self.ctx.filenames_mode, 0, cipher, True).split(b"\0", 1)[0]

    def encrypt_symlink(self, target, max_disk=4096):
        """`self` is the symlink; gives the stored payload (le16 length + ciphertext)."""
        c = self.encrypt_name(target, max_disk - 3)
        return struct.pack("<H", len(c)) + c

    def decrypt_symlink(self, payload):
        (n,) = struct.unpack_from("<H", payload)
        if n + 2 > len(payload):
            raise ValueError("bad symlink length")
        return self.decrypt_name(payload[2:2 + n])

    def dirhash_key(self):
        return fscrypt_hkdf(self.master_key, HKDF_DIRHASH, self.ctx.nonce, 16)


NOKEY_NAME_BYTES = 149


def nokey_encode(cipher, dirhash=(0, 0)):
    """The name readdir shows (readlink: dirhash 0,0) when the key is absent."""
    raw = struct.pack("<2I", *dirhash) + cipher[:NOKEY_NAME_BYTES]
    if len(cipher) > NOKEY_NAME_BYTES:
        raw += hashlib.sha256(cipher[NOKEY_NAME_BYTES:]).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def nokey_decode(text):
    """-> (dirhash, leading ciphertext, sha256 of the rest or None)"""
    raw = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    return (struct.unpack_from("<2I", raw), raw[8:8 + NOKEY_NAME_BYTES],
            raw[8 + NOKEY_NAME_BYTES:] or None)


# ---------------------------------------------------------------- command line

def main():
    p = argparse.ArgumentParser(description="stdin -> stdout, raw bytes")
    p.add_argument("what", choices=["contents", "name", "symlink", "nokey", "identifier"])
    p.add_argument("--key", type=bytes.fromhex, help="master key, hex")
    p.add_argument("--context", type=bytes.fromhex, help="fscrypt context xattr, hex")
    p.add_argument("--ino", type=int, default=0)
    p.add_argument("--uuid", type=bytes.fromhex, default=bytes(16))
    p.add_argument("--block-size", type=int, default=4096)
    p.add_argument("--offset", type=int, default=0, help="contents: byte offset of the input")
    p.add_argument("--decrypt", action="store_true")
    a = p.parse_args()
    if a.what == "identifier":
        print(key_identifier(a.key).hex())
        return
    data = sys.stdin.buffer.read()
    if a.what == "nokey":
        sys.stdout.buffer.write(nokey_encode(data))
        return
    f = FileCrypt(a.key, Context.parse(a.context), a.ino, a.uuid, a.block_size)
    if a.what == "contents":
        if not a.decrypt:
            data += bytes(-len(data) % f.du_size)
        out = f.contents(data, a.offset, a.decrypt)
    elif a.what == "name":
        out = f.decrypt_name(data) if a.decrypt else f.encrypt_name(data)
    else:
        out = f.decrypt_symlink(data) if a.decrypt else f.encrypt_symlink(data)
    sys.stdout.buffer.write(out)


if __name__ == "__main__":
    main()
