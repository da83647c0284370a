# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees that somebody has rearranged or damaged behind the filesystem's back."""
import os
import struct

import kfscrypt as k
from asking import creat, fixed_key, opened, put, rename2
from errnos_ioctls import changed
from refdecrypt import Context, key_identifier
from tampering import b64, tamper, unb64

FEATURES = "encrypt,stable_inodes,^metadata_csum"

# What is done to the entry `it`, beside which is `good`; `far` has another policy, `plain` none.
SWAPS = [("%s of %s" % (kind, src), kind, src) for kind in ("file", "dir", "link", "fifo", "empty")
         for src in ("another key", "another padding", "the same policy", "plain")]


def nonce_changed(c):
    return c[:-1] + bytes([c[-1] ^ 1])


CONTEXTS = (("another nonce", nonce_changed), ("another padding", lambda c: changed(c, 3, c[3] ^ 1)),
            ("another key", lambda c: changed(c, 8, c[8] ^ 1)),
            ("another contents mode", lambda c: changed(c, 1, 5)),
            ("no such mode", lambda c: changed(c, 1, 77)),
            ("no such names mode", lambda c: changed(c, 2, 77)),
            ("unknown flags", lambda c: changed(c, 3, 0xe3)),
            ("a reserved byte", lambda c: changed(c, 5, 1)),
            ("data unit size 3", lambda c: changed(c, 4, 3)),
            ("data unit size 9", lambda c: changed(c, 4, 9)),
            ("version 1", lambda c: changed(c, 0, 1)), ("version 7", lambda c: changed(c, 0, 7)),
            ("version 0", lambda c: changed(c, 0, 0)))
# Of lengths that ext4's sixty bytes for a short symlink tell as well as the store's text does.
SYMLINKS = (("empty", lambda p: b""), ("length 0", lambda p: bytes(2) + p[2:]),
            ("length 1", lambda p: b"\1\0" + p[2:]), ("length 15", lambda p: b"\x0f\0" + p[2:]),
            ("length 65535", lambda p: b"\xff\xff" + p[2:]),
            ("a byte more", lambda p: p + b"x"))


def make(kind, path):
    {"file": lambda p: put(p, b"x" * 5000), "dir": lambda p: (os.mkdir(p), creat(p + "/in")),
     "link": lambda p: os.symlink("the target", p), "fifo": os.mkfifo,
     "empty": creat}[kind](path)


class Case:
    def __init__(self, q, name, state):
        self.q, self.name, self.state = q, name, state
        self.rel = "%s %s" % (state, name)
        self.dir = q.at(self.rel)

    def at(self, name):
        return os.path.join(self.dir, name)


def ask_about(case, name, what, t, same):
    """@name is `it` with the key and its no-key name without."""
    q, p = case.q, case.at(name)
    what = "%s, %s: " % (case.name, what)

    def names():
        # ext4 fills in its directory's hash words.
        n = os.listdir(case.dir)
        tails = [unb64(e)[8:] for e in n if len(name) > 20]
        return len(n), name in n or unb64(name)[8:] in tails
    q(what + "names", names)
    q(what + "look-up", lambda: oct(os.lstat(p).st_mode))
    q(what + "size", lambda: os.lstat(p).st_size if not os.path.isdir(p) else 0)
    q(what + "open", opened, p, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    q(what + "open to write", opened, p, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    q(what + "O_PATH", opened, p, os.O_PATH | os.O_NOFOLLOW)
    q(what + "readlink", lambda: len(os.readlink(p)))
    q(what + "list", lambda: len(os.listdir(p)))
    q(what + "truncate", os.truncate, p, 10)
    q(what + "chmod", lambda: os.chmod(p, 0o700, follow_symlinks=True))
    q(what + "utime", lambda: os.utime(p, (1, 1), follow_symlinks=False))
    q(what + "create inside", creat, os.path.join(p, "new"))
    q(what + "mkdir inside", os.mkdir, os.path.join(p, "newdir"))
    q(what + "GET_POLICY_EX", lambda: k.ioctl(p, k.GET_POLICY_EX, struct.pack("<Q", 24) +
                                              bytes(24))[8:].hex())
    q(what + "GET_NONCE", lambda: len(k.get_nonce(p)))
    q(what + "SET the parent's policy", k.set_policy, p, same)
    q(what + "GETFLAGS", lambda: struct.unpack("<Q", k.ioctl(p, 0x80086601, bytes(8)))[0] & 0x800)
    q(what + "link beside it", link_and_back, p, case.at("second"))
    q(what + "rename beside it", rename_and_back, p, case.at("renamed"))
    q(what + "exchange with its neighbour", exchange_and_back, p, case.at("good"))
    out = q.at("plain", "out")
    if "swapped for dir of the same" in case.name:
        return  # ext4 misses itself in its ".."
    q(what + "rename to a plain directory", rename_and_back, p, out)
    if "out" in os.listdir(q.at("plain")):
        os.spawnlp(os.P_WAIT, "rm", "rm", "-rf", out)


def link_and_back(a, b):
    os.link(a, b, follow_symlinks=False)
    os.unlink(b)


def exchange_and_back(a, b):
    rename2(a, b, 2)
    rename2(a, b, 2)


def rename_and_back(a, b):
    os.rename(a, b)
    os.rename(b, a)


def remove(case, name, what):
    q, p = case.q, case.at(name)
    what = "%s, %s: " % (case.name, what)
    q(what + "unlink", os.unlink, p)
    q(what + "rmdir", os.rmdir, p)
    for n in "in", "new", "newdir":
        try:
            os.unlink(os.path.join(p, n))
        except OSError:
            pass
    q(what + "rm -r", lambda: os.spawnvp(os.P_WAIT, "sh", ["sh", "-c", 'rm -r "$0" 2>/dev/null',
                                                           case.dir]))
    q(what + "it is gone", lambda: not os.path.lexists(case.dir))


def ask(q):
    key, far = fixed_key("tampered"), fixed_key("tampered, far")
    kid, fid = key_identifier(key), key_identifier(far)
    same, padded = (Context(2, 1, 4, pad, kid).policy() for pad in (1, 2))
    k.add_key(q.mnt, key, kid)
    k.add_key(q.mnt, far, fid)
    os.mkdir(q.at("plain"))
    cases, swaps, contexts, tops, symlinks, shorts = [], [], [], [], [], []
    others = {"another key": ("far", Context(2, 1, 4, 1, fid).policy()),
              "another padding": ("padded", padded), "the same policy": ("near", same),
              "plain": ("open", None)}
    for d, p in others.values():
        os.mkdir(q.at(d))
        if p:
            k.set_policy(q.at(d), p)

    def case(name, kind, to):
        for state in ("locked", "unlocked"):
            c = Case(q, name, state)
            os.mkdir(c.dir)
            k.set_policy(c.dir, same)
            make(kind, c.at("it"))
            put(c.at("good"), b"good")
            cases.append(c)
            to.append(c)
    for name, kind, src in SWAPS:
        case("swapped for " + name, "dir" if kind == "dir" else "file", swaps)
        for c in swaps[-2:]:
            c.other = os.path.join(others[src][0], c.rel)
            make(kind, q.at(c.other))
    for name, fn in CONTEXTS:
        # Names and targets are garbage under another nonce: any length, any errno.
        for kind in ("file", "dir", "link") if name != "another nonce" else ("file",):
            case("context of a %s: %s" % (kind, name), kind, contexts)
            contexts[-1].fn = contexts[-2].fn = fn
    for name, fn in CONTEXTS[2:]:
        for kind in ("file", "dir", "link"):
            case("%s in a directory whose context is: %s" % (kind, name), kind, tops)
            tops[-1].fn = tops[-2].fn = fn
    for name, fn in SYMLINKS:
        case("symlink: " + name, "link", symlinks)
        symlinks[-1].fn = symlinks[-2].fn = fn
    for n in (1, 15):
        for kind in ("file", "dir", "link"):
            case("%s's name of %d bytes" % (kind, n), kind, shorts)
            shorts[-1].n = shorts[-2].n = n
    t = tamper(q.img)
    os.sync()
    for c in cases:
        c.entry = t.entry(c.rel + "/it")
        c.top = t.entry(c.rel)
        if hasattr(c, "other"):
            c.swapped = t.entry(c.other)
    q.img.umount()
    t = tamper(q.img)
    for c in cases:
        c.nokey = b64(bytes(8) + t.ciphertext(c.entry))
    for c in swaps:
        t.swap(c.entry, c.swapped)
    for c in contexts:
        t.change_context(c.entry, c.fn)
    for c in tops:
        t.change_context(c.top, c.fn)
    for c in symlinks:
        t.change_symlink(c.entry, c.fn)
    for c in shorts:
        t.shorten(c.entry, c.n)
    t.done()
    q.img.mount()
    for c in cases:
        if c.state == "locked":
            ask_about(c, c.nokey, "locked", t, same)
            remove(c, c.nokey, "locked")
    k.add_key(q.mnt, key, kid)
    k.add_key(q.mnt, far, fid)
    for c in cases:
        if c.state == "unlocked":
            name = c.nokey if c in tops else "it"
            ask_about(c, name, "unlocked", t, same)
            remove(c, name, "unlocked")
