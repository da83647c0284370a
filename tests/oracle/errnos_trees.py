# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be moved and linked where, how long names and targets may be, and a locked tree."""
import base64
import hashlib
import os
import shutil
import struct

import kfscrypt as k
from asking import (EXCHANGE, LIBC, NOREPLACE, WHITEOUT, creat, fixed_key, link_fd, opened, put,
                    raw, rename2, run_as)
from refdecrypt import Context, key_identifier

KINDS = ("file", "dir", "link", "fifo")


def make(kind, path):
    {"file": lambda p: put(p, b"text"), "dir": os.mkdir, "link": lambda p: os.symlink("to", p),
     "fifo": os.mkfifo}[kind](path)


def drop(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def policies(q):
    """Directories: two of one policy, one of another key, one of another padding, two plain."""
    one, two = fixed_key("trees one"), fixed_key("trees two")
    i1, i2 = key_identifier(one), key_identifier(two)
    k.add_key(q.mnt, one, i1)
    k.add_key(q.mnt, two, i2)
    for d, p in (("a", (i1, 3)), ("b", (i1, 3)), ("other", (i2, 3)), ("pad", (i1, 0)),
                 ("plain", None), ("plain2", None)):
        os.mkdir(q.at(d))
        if p:
            k.set_policy(q.at(d), Context(2, 1, 4, p[1], p[0]).policy())
    os.mkdir(q.at("a/sub"))
    return one, two


def one_of_two_ends(q, tries):
    for src in ("a", "plain", "other"):
        for dst in ("a", "a/sub", "b", "other", "pad", "plain", "plain2"):
            for kind in KINDS:
                for verb, fn in tries:
                    f, t = q.at(src, "from"), q.at(dst, "to")
                    make(kind, f)
                    q("%s of a %s from %s to %s" % (verb, kind, src, dst), fn, f, t)
                    for p in (f, t):
                        if os.path.lexists(p):
                            drop(p)


def exchanges(q):
    for src, dst in (("a", "a"), ("a", "b"), ("a", "other"), ("a", "plain"), ("plain", "a"),
                     ("plain", "plain2")):
        for k1 in KINDS:
            for k2 in KINDS:
                f, t = q.at(src, "from"), q.at(dst, "to")
                make(k1, f)
                make(k2, t)
                q("exchange of a %s of %s with a %s of %s" % (k1, src, k2, dst), rename2, f, t,
                  EXCHANGE)
                drop(f)
                drop(t)


def existing_targets(q):
    """What is said first when the name is taken."""
    for src, dst in (("a", "b"), ("plain", "a"), ("a", "plain"), ("other", "a")):
        for k1 in KINDS:
            for k2 in KINDS:
                for verb, fn in (("rename", os.rename), ("link", os.link),
                                 ("rename NOREPLACE", lambda a, b: rename2(a, b, NOREPLACE))):
                    f, t = q.at(src, "from"), q.at(dst, "to")
                    make(k1, f)
                    make(k2, t)
                    q("%s of a %s of %s over a %s of %s" % (verb, k1, src, k2, dst), fn, f, t)
                    for p in (f, t):
                        if os.path.lexists(p):
                            drop(p)
    os.mkdir(q.at("a/from"))
    os.mkdir(q.at("b/to"))
    creat(q.at("b/to/x"))
    q("rename of a directory over a full one", os.rename, q.at("a/from"), q.at("b/to"))
    q("rename of a directory into itself", os.rename, q.at("b/to"), q.at("b/to/y"))
    q("exchange with what is missing", rename2, q.at("b/to"), q.at("a/none"), EXCHANGE)
    q("rename with NOREPLACE and EXCHANGE", rename2, q.at("b/to"), q.at("a/none"), 3)
    q("rename with an unknown flag", rename2, q.at("b/to"), q.at("a/none"), 8)


def whiteouts(q):
    """What is left under the old name is a device, and its name is encrypted, too."""
    import stat
    for src, dst in (("a", "b"), ("a", "a"), ("a", "plain"), ("plain", "plain2"), ("plain", "a"),
                     ("a", "other")):
        for name in ("short", "L" * 250):
            for over in ("new", "old"):
                f, t = q.at(src, name), q.at(dst, "to")
                put(f, b"text")
                if over == "old":
                    put(t, b"over")
                what = "whiteout, %s to %s, %d characters, %s" % (src, dst, len(name), over)
                q(what, rename2, f, t, WHITEOUT)
                q(what + ", left", lambda: (stat.S_ISCHR(os.lstat(f).st_mode), os.lstat(f).st_rdev))
                q(what + ", names", lambda: sorted(n[:9] for n in os.listdir(q.at(src))))
                for p in (f, t):
                    if os.path.lexists(p):
                        drop(p)


def moved_out(q):
    """What is moved to a plain directory stays encrypted, whatever it is and however empty."""
    for kind in ("file", "dir", "link"):
        make(kind, q.at("a/out"))
        os.rename(q.at("a/out"), q.at("plain/out-" + kind))
        if kind != "dir":
            make(kind, q.at("a/out"))
            os.link(q.at("a/out"), q.at("plain/linked-" + kind), follow_symlinks=False)
            drop(q.at("a/out"))
    creat(q.at("a/out"))
    os.rename(q.at("a/out"), q.at("plain/out-empty"))
    os.mkdir(q.at("a/out"))
    os.mkdir(q.at("plain/swapped"))
    k.set_policy(q.at("plain/swapped"), k.ioctl(q.at("a"), k.GET_POLICY_EX, struct.pack("<Q", 24) + bytes(24))[8:])
    rename2(q.at("a/out"), q.at("plain/swapped"), EXCHANGE)
    put(q.at("a/file"), b"text")
    os.mkdir(q.at("plain/mixed"))
    k.set_policy(q.at("plain/mixed"), k.ioctl(q.at("a"), k.GET_POLICY_EX, struct.pack("<Q", 24) + bytes(24))[8:])
    q("exchange of a file with a directory of its policy in a plain one", rename2, q.at("a/file"),
      q.at("plain/mixed"), EXCHANGE)
    q("exchange of these two again", rename2, q.at("a/file"), q.at("plain/mixed"), EXCHANGE)
    os.mkfifo(q.at("plain/pipe"))
    q("exchange of a file with a FIFO", rename2, q.at("a/file"), q.at("plain/pipe"), EXCHANGE)
    q("... the file", lambda: open(q.at("plain/pipe"), "rb").read())
    q("... names", lambda: sorted(os.listdir(q.at("plain"))))
    q("exchange back", rename2, q.at("a/file"), q.at("plain/pipe"), EXCHANGE)
    q("... the file is back", lambda: open(q.at("a/file"), "rb").read())
    q("... names again", lambda: sorted(os.listdir(q.at("plain"))))
    put(q.at("plain/enc"), b"")
    drop(q.at("plain/enc"))
    os.link(q.at("a/file"), q.at("plain/enc"))
    put(q.at("plain/ordinary"), b"plain")
    q("exchange of an encrypted file in a plain directory and a plain one", rename2,
      q.at("plain/enc"), q.at("plain/ordinary"), EXCHANGE)
    q.remount()
    for n in sorted(os.listdir(q.at("plain"))):
        if n[:3] in ("out", "lin", "swa", "mix"):
            p = q.at("plain", n)
            q("moved out: %s: policy" % n, lambda: k.ioctl(p, k.GET_POLICY_EX, struct.pack("<Q", 24) +
                                                         bytes(24))[8:].hex())
            if os.path.islink(p):
                q("moved out: %s: its text" % n, lambda: len(os.readlink(p)))
    for d in ("a", "plain"):
        for n in os.listdir(q.at(d)):
            if n != "sub" and d == "plain":
                drop(q.at(d, n))
    k.add_key(q.mnt, fixed_key("trees one"), bytes(16))
    k.add_key(q.mnt, fixed_key("trees two"), bytes(16))
    for n in os.listdir(q.at("a")):
        if n != "sub":
            drop(q.at("a", n))


def unnamed(q):
    for src in ("a", "plain"):
        for dst in ("a", "b", "other", "plain", "pad"):
            fd = os.open(q.at(src), os.O_TMPFILE | os.O_RDWR, 0o600)
            q("link of an O_TMPFILE of %s to %s" % (src, dst), link_fd, fd, q.at(dst, "tmp"))
            os.close(fd)
            if os.path.lexists(q.at(dst, "tmp")):
                os.unlink(q.at(dst, "tmp"))
    fd = os.open(q.at("a"), os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o600)
    q("link of an O_TMPFILE made with O_EXCL", link_fd, fd, q.at("a/tmp"))
    q("policy of an O_TMPFILE", lambda: k_fd(fd, k.GET_POLICY_EX, 32).hex())
    os.close(fd)


def k_fd(fd, cmd, size):
    import fcntl
    b = bytearray(struct.pack("<Q", 64) + bytes(size))
    fcntl.ioctl(fd, cmd, b, True)
    return bytes(b)


def limits(q):
    for d, pad in (("a", 32), ("pad", 4), ("plain", 1)):
        for n in (1, 15, 16, 17, 254, 255, 256):
            q("%s: name of %d bytes" % (d, n), creat, q.at(d, "n" * n))
            q("%s: mkdir of %d bytes" % (d, n), os.mkdir, q.at(d, "m" * n))
        q("%s: names" % d, lambda: sorted(map(len, os.listdir(q.at(d)))))
        for n in (1, 15, 16, 17, 32, 4062, 4063, 4092, 4093, 4094, 4095):
            p = q.at(d, "l%d" % n)
            q("%s: symlink to %d bytes" % (d, n), os.symlink, "t" * n, p)
            q("%s: symlink to %d bytes, size and target" % (d, n),
              lambda: (os.lstat(p).st_size, os.readlink(p) == "t" * n))
        q("%s: symlink to nothing" % d, os.symlink, "", q.at(d, "empty"))
        q("%s: a name with all bytes" % d, creat,
          os.fsencode(q.at(d)) + b"/" + bytes(c for c in range(1, 256) if c != 0x2f))
        put(q.at(d, "big"), b"")
        for n in (0xFFFFFFFF000, 0xFFFFFFFF001, 1 << 62):
            q("%s: truncate to %#x" % (d, n), os.truncate, q.at(d, "big"), n)
        fd = os.open(q.at(d, "big"), os.O_RDWR)
        q("%s: truncate back" % d, os.ftruncate, fd, 4096)
        for name, mode in (("allocate", 0), ("keep size", 1), ("punch", 3), ("collapse", 8),
                           ("zero", 16), ("zero, keep size", 17), ("insert", 32),
                           ("unshare", 64), ("punch without keep size", 2), ("unknown", 0x8000)):
            q("%s: fallocate, %s" % (d, name),
              lambda: raw(LIBC.fallocate(fd, mode, off_t(4096), off_t(8192))))
            q("%s: fallocate, %s, size after it" % (d, name), lambda: os.fstat(fd).st_size)
            os.ftruncate(fd, 12288)
        q("%s: fallocate of nothing" % d,
          lambda: raw(LIBC.fallocate(fd, 0, off_t(0), off_t(0))))
        q("%s: fallocate past the limit" % d,
          lambda: raw(LIBC.fallocate(fd, 0, off_t(0xFFFFFFFF000), off_t(4096))))
        q("%s: write past the limit" % d, os.pwrite, fd, b"x", 0xFFFFFFFF000)
        q("%s: close after that" % d, os.close, fd)
        q("%s: O_DIRECT, unaligned" % d, direct, q.at(d, "big"))


def off_t(n):
    import ctypes
    return ctypes.c_long(n)


def direct(path):
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    try:
        # A plain file of ext4 wants aligned requests; an encrypted one takes any.
        return len(os.pread(fd, 4096, 0))
    finally:
        os.close(fd)


def decoded(name):
    return base64.urlsafe_b64decode(name + "=" * (-len(name) % 4))


def names_of(q, d):
    """The entries by what they are, told by their sizes."""
    out = {}
    for n in os.listdir(q.at(d)):
        st = os.lstat(q.at(d, n))
        out[(st.st_mode & 0o170000, st.st_size if st.st_mode & 0o170000 != 0o40000 else
             len(os.listdir(q.at(d, n))), st.st_nlink if st.st_mode & 0o170000 != 0o40000 else 0)] = q.at(d, n)
    return out


def respell(name, fn):
    """The no-key name with its bytes changed."""
    return base64.urlsafe_b64encode(fn(bytearray(decoded(name)))).decode().rstrip("=")


def nokey_names(q, kid):
    """Their form, and look-up by them: what is accepted, and what is not."""
    d = q.at("names")
    os.mkdir(d)
    k.set_policy(d, Context(2, 1, 4, 0, kid).policy())
    sizes = (1, 16, 17, 100, 144, 145, 148, 149, 150, 151, 152, 153, 176, 187, 188, 189, 190, 191,
             192, 193, 200, 254, 255)
    for n in sizes:
        put(os.path.join(d, "n" * n), b"x" * n)
    k.remove_key(q.mnt, kid)
    by = {os.lstat(os.path.join(d, n)).st_size: n for n in os.listdir(d)}
    for n in sizes:
        q("no-key name of %d bytes: characters" % n, lambda: len(by[n]))
        q("no-key name of %d bytes: bytes" % n, lambda: len(decoded(by[n])))
        q("no-key name of %d bytes: its directory's hash is 0 or ext4's" % n,
          lambda: q.img.kernel or decoded(by[n])[:8] == bytes(8))
    at = lambda name: os.lstat(os.path.join(d, name)).st_size
    for n in (1, 17, 149, 150, 176, 191, 192, 255):
        name, what = by[n], "look-up of %d bytes: " % n
        q(what + "as shown", at, name)
        q(what + "and a =", at, name + "=")
        q(what + "and an A", at, name + "A")
        q(what + "without its last character", at, name[:-1])
        q(what + "without its last four", at, name[:-4])
        q(what + "with + for -", at, name.replace("-", "+") if "-" in name else "+" + name[1:])
        q(what + "another hash word", at, respell(name, lambda b: b"\1\2\3\4" + b[4:]))
        q(what + "another first byte", at, respell(name, lambda b: b[:8] + bytes([b[8] ^ 1]) + b[9:]))
        q(what + "another last byte", at, respell(name, lambda b: b[:-1] + bytes([b[-1] ^ 1])))
        q(what + "one byte more", at, respell(name, lambda b: b + b"\0")[:255])
        q(what + "one byte less", at, respell(name, lambda b: b[:-1]))
        if len(name) % 4:
            alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            last = alphabet[alphabet.index(name[-1]) ^ 1]
            q(what + "with a bit too much", at, name[:-1] + last)
    full = bytes(8)
    for n in (0, 1, 15, 16, 148, 149, 150, 157, 180, 181, 182):
        text = base64.urlsafe_b64encode(full + b"\7" * n).decode().rstrip("=")[:255]
        q("look-up of %d made-up bytes" % n, at, text)
        q("create of %d made-up bytes" % n, creat, os.path.join(d, text))
        q("unlink of %d made-up bytes" % n, os.unlink, os.path.join(d, text))
    for text in ("", "A", "AA", "AAAA", "A" * 11, "A" * 12, "=" * 8, "\x80", "\u00e9", "A" * 251,
                 "A" * 252, "A" * 253, "A" * 255, "A" * 256, "_" * 22, "_" * 252):
        q("look-up of %a" % text[:30] + " (%d)" % len(text), at, text or ".no")
    # the long form names the rest by its hash: one that was made by hand is as good
    long = decoded(by[255])
    q("a long name's last 32 bytes are a hash", lambda: len(long) == 189 and
      hashlib.sha256(long).digest() != long[-32:])
    q("unlink by a name with other hash words", os.unlink,
      os.path.join(d, respell(by[16], lambda b: bytes(8) + b[8:])))
    for n in (150, 192, 255):
        q("unlink by the long name of %d bytes" % n, os.unlink, os.path.join(d, by[n]))
    q("the rest", lambda: len(os.listdir(d)))
    # a name that a user chose is not one
    opened(q.at("plain", by[17]), os.O_CREAT)
    q("the same name in a plain directory", lambda: os.lstat(q.at("plain", by[17])).st_size)


def locked(q, one, two):
    """The table of spec/ioctls.md section 9."""
    kid = key_identifier(one)
    for d in ("a", "b", "plain"):
        for e in os.listdir(q.at(d)):
            if e != "sub":
                drop(q.at(d, e))
    for d in ("a", "a/sub", "b"):
        put(q.at(d, "file"), b"x" * 5000)
        put(q.at(d, "small"), b"#!/bin/true\n")
        put(q.at(d, "empty"), b"")
        os.chmod(q.at(d, "small"), 0o755)
        put(q.at(d, "L" * 255), b"x" * 77)
        put(q.at(d, "L" * 180), b"x" * 78)
        os.link(q.at(d, "file"), q.at(d, "second name"))
        put(q.at(d, "lone"), b"x" * 99)
        os.symlink("t" * 5, q.at(d, "l5"))
        os.symlink("t" * 1500, q.at(d, "l1500"))
        os.symlink("t" * 4093, q.at(d, "l4093"))
        os.mkfifo(q.at(d, "fifo"))
        os.mknod(q.at(d, "null"), 0o600 | 0o020000, os.makedev(1, 3))
        os.mkdir(q.at(d, "void"))
        if d != "a/sub":
            os.mkdir(q.at(d, "full"))
            put(q.at(d, "full", "inner"), b"y")
    put(q.at("plain/file"), b"p")
    os.mkfifo(q.at("plain/fifo"))
    os.mkdir(q.at("plain/dir"))
    os.mkdir(q.at("plain/void"))
    k.remove_key(q.mnt, kid)
    e = names_of(q, "a")
    F, D, L, P, C = 0o100000, 0o040000, 0o120000, 0o010000, 0o020000
    file, small, empty, long, long2, lone = (e[F, n, ln] for n, ln in (
        (5000, 2), (12, 1), (0, 1), (77, 1), (78, 1), (99, 1)))
    link, fifo, null = e[L, 54, 1], e[P, 0, 1], e[C, 0, 1]
    void, full, sub = e[D, 0, 0], e[D, 1, 0], e[D, 13, 0]
    q("locked: entries", lambda: sorted(map(str, e)))
    links = [p for p in (q.at("a", n) for n in os.listdir(q.at("a"))) if os.path.islink(p)]
    q("locked: symlinks' texts", lambda: sorted(
        (len(os.readlink(p)), os.lstat(p).st_size, decoded(os.readlink(p))[:8].hex(),
         len(decoded(os.readlink(p)))) for p in links))
    new = q.at("a/new")
    for what, p in (("a file", file), ("an empty file", empty), ("a long name", long)):
        for how, flags in (("r", os.O_RDONLY), ("w", os.O_WRONLY), ("rw", os.O_RDWR),
                           ("O_TRUNC", os.O_WRONLY | os.O_TRUNC),
                           ("r O_TRUNC", os.O_RDONLY | os.O_TRUNC),
                           ("O_APPEND", os.O_WRONLY | os.O_APPEND), ("O_PATH", os.O_PATH),
                           ("O_CREAT", os.O_WRONLY | os.O_CREAT),
                           ("O_CREAT O_EXCL", os.O_WRONLY | os.O_CREAT | os.O_EXCL),
                           ("O_DIRECT", os.O_RDONLY | os.O_DIRECT),
                           ("O_DIRECTORY", os.O_RDONLY | os.O_DIRECTORY),
                           ("O_NOFOLLOW", os.O_RDONLY | os.O_NOFOLLOW)):
            q("locked: open %s of %s" % (how, what), opened, p, flags)
        for n in (0, 1, 77, 5000, 9000):
            q("locked: truncate of %s to %d" % (what, n), os.truncate, p, n)
        q("locked: chmod of " + what, os.chmod, p, 0o640)
        q("locked: chown of " + what, os.chown, p, 3, 4)
        q("locked: utime of " + what, os.utime, p, (1, 2))
        q("locked: stat of " + what, lambda: (os.stat(p).st_size, os.stat(p).st_mtime))
        q("locked: setxattr of " + what, os.setxattr, p, "user.x", b"1")
        q("locked: getxattr of " + what, os.getxattr, p, "user.x")
        q("locked: listxattr of " + what, os.listxattr, p)
        q("locked: removexattr of " + what, os.removexattr, p, "user.x")
        q("locked: getxattr of %s, gone" % what, os.getxattr, p, "user.x")
        q("locked: statvfs of " + what, lambda: os.statvfs(p).f_namemax)
        q("locked: access of " + what, lambda: (os.access(p, os.R_OK), os.access(p, os.X_OK)))
    q("locked: st_blocks of a file", lambda: os.stat(file).st_blocks)
    q("locked: open O_DIRECTORY O_CREAT", opened, file, os.O_CREAT | os.O_DIRECTORY)
    q("locked: exec", os.execv, small, [small])
    q("locked: exec of a directory", os.execv, full, [full])
    for how, flags in (("r", os.O_RDONLY), ("w", os.O_WRONLY), ("O_DIRECTORY", os.O_DIRECTORY),
                       ("O_PATH", os.O_PATH), ("O_CREAT", os.O_CREAT),
                       ("O_CREAT O_EXCL", os.O_CREAT | os.O_EXCL),
                       ("O_TMPFILE", os.O_TMPFILE | os.O_RDWR)):
        q("locked: open %s of a directory" % how, opened, full, flags)
        q("locked: open %s of a missing name" % how, opened, new, flags)
        q("locked: open %s of a symlink" % how, opened, link, flags)
        q("locked: open %s of a symlink, O_NOFOLLOW" % how, opened, link, flags | os.O_NOFOLLOW)
    q("locked: open of a FIFO", opened, fifo, os.O_RDWR | os.O_NONBLOCK)
    q("locked: open of a device", opened, null, os.O_RDWR)
    q("locked: chdir", chdir, full)
    q("locked: follow a symlink", os.stat, link)
    q("locked: lchown of a symlink", os.lchown, link, 5, 6)
    q("locked: utime of a symlink", lambda: os.utime(link, (1, 2), follow_symlinks=False))
    for what, fn in (("mkdir", os.mkdir), ("mkfifo", os.mkfifo), ("create", creat),
                     ("symlink", lambda p: os.symlink("x", p)),
                     ("mknod", lambda p: os.mknod(p, 0o600 | 0o020000, os.makedev(1, 3))),
                     ("socket", lambda p: os.mknod(p, 0o600 | 0o140000))):
        q("locked: %s, new" % what, fn, new)
        q("locked: %s, a name over 255" % what, fn, q.at("a", "n" * 256))
        q("locked: %s, a name over 252" % what, fn, q.at("a", "n" * 253))
        q("locked: %s in a locked directory below" % what, fn, os.path.join(full, "x"))
        for kind, p in (("file", file), ("directory", full), ("symlink", link), ("FIFO", fifo)):
            q("locked: %s, over a %s" % (what, kind), fn, p)
    missing = q.at("a/missing")
    ends = (("a file", file), ("an empty directory", void), ("a full directory", full),
            ("a symlink", link), ("a FIFO", fifo), ("a missing name", missing))
    places = (("itself in the same directory", new), ("a locked directory", os.path.join(full, "new")),
              ("a plain directory", q.at("plain/new")), ("another locked tree", q.at("b/new")),
              ("an unlocked tree of another key", q.at("other/new")))
    for w1, p1 in ends:
        for w2, p2 in places:
            q("locked: rename of %s to %s" % (w1, w2), os.rename, p1, p2)
            q("locked: link of %s to %s" % (w1, w2), os.link, p1, p2)
            if w2 == "a plain directory" and os.path.lexists(p2):
                os.unlink(p2)
        for w2, p2 in ends:
            q("locked: rename of %s over %s" % (w1, w2), os.rename, p1, p2)
            q("locked: rename NOREPLACE of %s over %s" % (w1, w2), rename2, p1, p2, NOREPLACE)
            q("locked: exchange of %s and %s" % (w1, w2), rename2, p1, p2, EXCHANGE)
            q("locked: link of %s over %s" % (w1, w2), os.link, p1, p2)
    for what, p in (("a file", q.at("plain/file")), ("a FIFO", q.at("plain/fifo")),
                    ("a directory", q.at("plain/dir"))):
        for w2, p2 in (("a new name", new), ("a file", file), ("an empty directory", void)):
            q("locked: rename of plain %s over %s" % (what, w2), os.rename, p, p2)
            q("locked: link of plain %s over %s" % (what, w2), os.link, p, p2)
            q("locked: exchange of plain %s and %s" % (what, w2), rename2, p, p2, EXCHANGE)
    q("locked: rename with WHITEOUT", rename2, file, new, WHITEOUT)
    q("locked: rename of the tree in its plain parent", os.rename, q.at("a"), q.at("a2"))
    q("locked: ... and back", os.rename, q.at("a2"), q.at("a"))
    q("locked: rename of the tree into an unlocked one of another key", os.rename, q.at("a"),
      q.at("other/a"))
    q("locked: rename of the tree into a locked one of its policy", os.rename, q.at("a"),
      q.at("b/a"))
    q("locked: rename of the tree to a plain directory", os.rename, q.at("b"), q.at("plain/b"))
    q("locked: ... and back to the top", os.rename, q.at("plain/b"), q.at("b"))
    q("locked: exchange of the tree and a plain directory", rename2, q.at("b"), q.at("plain/dir"),
      EXCHANGE)
    q("locked: ... and back again", rename2, q.at("b"), q.at("plain/dir"), EXCHANGE)
    # a second name in the plain: a locked file wherever it is found
    os.link(file, q.at("plain/aliased"))
    q("locked: link count", lambda: os.stat(file).st_nlink)
    q("locked: open by a plain name", opened, q.at("plain/aliased"), os.O_RDONLY)
    q("locked: rename of a plain name", os.rename, q.at("plain/aliased"), q.at("plain/renamed"))
    q("locked: rename of a plain name into a locked tree", os.rename, q.at("plain/renamed"),
      q.at("a/renamed"))
    q("locked: rename of a plain name into the tree of another key", os.rename,
      q.at("plain/renamed"), q.at("other/renamed"))
    q("locked: link of a plain name", os.link, q.at("plain/renamed"), q.at("plain/again"))
    q("locked: unlink of a plain name", os.unlink, q.at("plain/again"))
    os.link(link, q.at("plain/symlink"), follow_symlinks=False)
    q("locked: readlink by a plain name", lambda: os.readlink(q.at("plain/symlink")) ==
      os.readlink(link))
    os.unlink(q.at("plain/symlink"))
    q("locked: rmdir of a file", os.rmdir, file)
    q("locked: rmdir of a full directory", os.rmdir, full)
    q("locked: unlink of a directory", os.unlink, full)
    q("locked: unlink by the plaintext name", os.unlink, q.at("a/file"))
    q("locked: rmdir by the plaintext name", os.rmdir, q.at("a/void"))
    q("locked: rmdir of a missing directory", os.rmdir, missing)
    for what, p in (("a file", lone), ("one of two names", file), ("a symlink", link),
                    ("a FIFO", fifo), ("a device", null), ("a long name", long),
                    ("a long name of fewer bytes", long2)):
        q("locked: unlink of " + what, os.unlink, p)
        q("locked: unlink of %s again" % what, os.unlink, p)
    q("locked: rmdir of an empty directory", os.rmdir, void)
    q("locked: what is left", lambda: len(os.listdir(q.at("a"))))
    q("locked: rm -r", lambda: os.spawnlp(os.P_WAIT, "rm", "rm", "-r", full, sub))
    q("locked: what is left then", lambda: len(os.listdir(q.at("a"))))
    q("locked: rm -r of the whole tree", lambda: os.spawnlp(os.P_WAIT, "rm", "rm", "-r", q.at("b")))
    # unlocked again: look-ups by either form
    shown = os.listdir(q.at("a"))
    fd = os.open(q.at("a"), os.O_RDONLY)
    k.add_key(q.mnt, fixed_key("no tree's"), bytes(16))
    q("another key: the same names", lambda: sorted(os.listdir(q.at("a"))) == sorted(shown))
    k.add_key(q.mnt, one, kid)
    # Either of the two names of one file may have gone.
    names = lambda d: sorted(n.replace("second name", "file") for n in os.listdir(d))
    q("unlocked: names through an old descriptor", names, fd)
    os.close(fd)
    q("unlocked: names", names, q.at("a"))
    for n in range(len(shown)):
        q("unlocked: look-up of no-key name %d" % n, os.lstat, q.at("a", shown[n]))
    q("unlocked: create of a no-key name", creat, q.at("a", shown[0]))
    q("unlocked: it is an ordinary one", lambda: shown[0] in os.listdir(q.at("a")))
    q("unlocked: the plain name is readable", lambda: len(open(q.at("plain/renamed"), "rb").read()))
    q("unlocked: the plain name may go home", os.rename, q.at("plain/renamed"), q.at("a/home"))


def chdir(p):
    assert run_as(0, os.chdir, p) == 0


def ask(q):
    one, two = policies(q)
    one_of_two_ends(q, (("rename", os.rename), ("link", os.link),
                        ("rename NOREPLACE", lambda a, b: rename2(a, b, NOREPLACE))))
    exchanges(q)
    existing_targets(q)
    whiteouts(q)
    moved_out(q)
    unnamed(q)
    limits(q)
    nokey_names(q, key_identifier(one))
    k.add_key(q.mnt, one, bytes(16))
    locked(q, one, two)
