# SPDX-License-Identifier: GPL-3.0-or-later
"""The nine ioctls of fscrypt: each errno, and which of several comes first (root)."""
import errno
import os
import socket
import struct

import kfscrypt as k
from asking import (LIBC, Memory, creat, fixed_key, ioctl_at, ioctl_edge, opened, put)
from refdecrypt import Context, key_descriptor, key_identifier

GET_POLICY, PWSALT, REMOVE_ALL = 0x400c6615, 0x40106614, 0xc0406619
GETFLAGS, SETFLAGS, FSGETXATTR, FSSETXATTR = 0x80086601, 0x40086602, 0x801c581f, 0x401c5820
NOWHERE = 8
ALL = (("SET_POLICY", k.SET_POLICY, 24), ("GET_POLICY", GET_POLICY, 12),
       ("GET_POLICY_EX", k.GET_POLICY_EX, 32), ("GET_NONCE", k.GET_NONCE, 16),
       ("PWSALT", PWSALT, 16), ("ADD", k.ADD_KEY, 144), ("REMOVE", k.REMOVE_KEY, 64),
       ("REMOVE_ALL_USERS", REMOVE_ALL, 64), ("STATUS", k.GET_KEY_STATUS, 128))


def add_arg(spec, key=b"", raw_size=None, key_id=0, flags=0, reserved=bytes(28)):
    size = len(key) if raw_size is None else raw_size
    return spec + struct.pack("<3I", size, key_id, flags) + reserved + key


def changed(data, at, value):
    return data[:at] + bytes([value]) + data[at + 1:]


def where(q):
    """On which objects the ioctls are there at all."""
    d = q.at("where")
    os.mkdir(d)
    creat(q.at("where", "file"))
    os.mkfifo(q.at("where", "fifo"))
    os.mknod(q.at("where", "null"), 0o600 | 0o020000, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(q.at("where", "socket"))
    opath = os.open(d, os.O_PATH)
    spec = k.key_spec(bytes(16))
    for name, cmd, size in ALL:
        q(name + " on a FIFO", ioctl_at, q.at("where", "fifo"), cmd, NOWHERE, os.O_RDWR)
        q(name + " on a device", ioctl_at, q.at("where", "null"), cmd, NOWHERE)
        q(name + " on an O_PATH descriptor", LIBC_ioctl, opath, cmd)
    q("STATUS on a file opened for writing only", ioctl_at, q.at("where", "file"), k.GET_KEY_STATUS,
      Memory(spec + bytes(88)).addr, os.O_WRONLY)
    os.close(opath)


def LIBC_ioctl(fd, cmd):
    from asking import raw
    raw(LIBC.ioctl(fd, cmd, NOWHERE))


def pointers(q):
    """Memory that cannot be read or written."""
    enc, plain = q.at("ptr-enc"), q.at("ptr-plain")
    os.mkdir(enc)
    os.mkdir(plain)
    key = fixed_key("pointers")
    kid = key_identifier(key)
    k.add_key(q.mnt, key, kid)
    p2 = Context(2, 1, 4, 3, kid).policy()
    k.set_policy(enc, p2)
    for name, cmd, size in ALL:
        q(name + " of a bad pointer, plain directory", ioctl_at, plain, cmd, NOWHERE)
        q(name + " of a bad pointer, encrypted directory", ioctl_at, enc, cmd, NOWHERE)
    q("SET_POLICY, only the version byte readable", ioctl_edge, plain, k.SET_POLICY, b"\2")
    q("SET_POLICY, only a bad version byte readable", ioctl_edge, plain, k.SET_POLICY, b"\1")
    q("SET_POLICY v2, 23 bytes readable", ioctl_edge, plain, k.SET_POLICY, p2[:23])
    q("SET_POLICY v1, 11 bytes readable", ioctl_edge, plain, k.SET_POLICY, bytes(11))
    q("SET_POLICY v1, 12 bytes readable and no more", ioctl_edge, plain, k.SET_POLICY,
      bytes([0, 1, 4, 0]) + b"descript")
    add = add_arg(k.key_spec(bytes(16)), key)
    q("ADD, 79 bytes readable", ioctl_edge, q.mnt, k.ADD_KEY, add[:79])
    q("ADD, one byte of the key not readable", ioctl_edge, q.mnt, k.ADD_KEY, add[:-1])
    q("ADD, all readable and no more", lambda: ioctl_edge(q.mnt, k.ADD_KEY, add)[:80])
    key2 = fixed_key("pointers, not writable")
    spec2 = k.key_spec(key_identifier(key2))
    q("ADD, the identifier cannot be written", ioctl_edge, q.mnt, k.ADD_KEY,
      add_arg(k.key_spec(bytes(16)), key2), True)
    q("... the key is there all the same", status, q.mnt, spec2)
    q("STATUS, 127 bytes readable", ioctl_edge, q.mnt, k.GET_KEY_STATUS, spec2 + bytes(87))
    q("STATUS, not writable", ioctl_edge, q.mnt, k.GET_KEY_STATUS, spec2 + bytes(88), True)
    q("REMOVE, 63 bytes readable", ioctl_edge, q.mnt, k.REMOVE_KEY, spec2 + bytes(23))
    q("REMOVE, not writable", ioctl_edge, q.mnt, k.REMOVE_KEY, spec2 + bytes(24), True)
    q("... the key is gone all the same", status, q.mnt, spec2)
    q("GET_POLICY_EX, room for 8 bytes", ioctl_edge, enc, k.GET_POLICY_EX, struct.pack("<Q", 24))
    q("GET_POLICY_EX, room for 8 + 23 bytes", ioctl_edge, enc, k.GET_POLICY_EX,
      struct.pack("<Q", 24) + bytes(23))
    q("GET_POLICY_EX, room for 8 + 24 bytes", ioctl_edge, enc, k.GET_POLICY_EX,
      struct.pack("<Q", 24) + bytes(24))
    q("GET_POLICY_EX, not writable", ioctl_edge, enc, k.GET_POLICY_EX,
      struct.pack("<Q", 24) + bytes(24), True)
    q("GET_NONCE, room for 15 bytes", ioctl_edge, enc, k.GET_NONCE, bytes(15))
    q("PWSALT, room for 15 bytes", ioctl_edge, q.mnt, PWSALT, bytes(15))
    salt = k.ioctl(q.mnt, PWSALT, bytes(16))
    q("PWSALT is a UUID of version 4", lambda: (salt[6] >> 4, salt[8] >> 6))
    q("PWSALT is the same on every file", lambda: k.ioctl(enc, PWSALT, bytes(16)) == salt)


def status(path, spec):
    """(status, flags, user count, all else as it was or zero)"""
    r = k.ioctl(path, k.GET_KEY_STATUS, spec + bytes(24) + b"\xff" * 64)
    return struct.unpack_from("<3I", r, 64) + (r[:64] == spec + bytes(24) and r[76:] == bytes(52),)


def set_policy(q):
    """Section 4: which check comes first is asked by offences against several at once."""
    key = fixed_key("policies")
    kid = key_identifier(key)
    good, v1 = Context(2, 1, 4, 3, kid).policy(), bytes([0, 1, 4, 3]) + b"descript"
    absent = Context(2, 1, 4, 3, bytes(16)).policy()
    bad = {"modes": changed(good, 1, 2), "flags": changed(good, 3, 0x80),
           "both IV_INO flags": changed(good, 3, 0x18), "DIRECT_KEY": changed(good, 3, 4),
           "reserved byte": changed(good, 5, 1), "data unit size": changed(good, 4, 13),
           "data unit size 8": changed(good, 4, 8)}
    k.add_key(q.mnt, key, kid)
    for d in ("sp", "sp/empty", "sp/full", "sp/full/x", "sp/gone", "sp/v1", "sp/v2", "sp/du12"):
        os.mkdir(q.at(d))
    creat(q.at("sp/file"))
    for name, p in sorted(bad.items()):
        q("SET of bad %s on an empty directory" % name, k.set_policy, q.at("sp/empty"), p)
        q("SET of bad %s on a full directory" % name, k.set_policy, q.at("sp/full"), p)
        q("SET of bad %s on a file" % name, k.set_policy, q.at("sp/file"), p)
    for v in (1, 3, 255):
        q("SET of version %d" % v, k.set_policy, q.at("sp/empty"), bytes([v]) + good[1:])
        q("SET of version %d on a file" % v, k.set_policy, q.at("sp/file"), bytes([v]) + good[1:])
    gone = os.open(q.at("sp/gone"), os.O_RDONLY)
    os.rmdir(q.at("sp/gone"))
    q("SET on a removed directory", set_on_fd, gone, good)
    q("SET of bad modes on a removed directory", set_on_fd, gone, bad["modes"])
    os.close(gone)
    q("SET of an absent key's policy, as root", k.set_policy, q.at("sp/v2"), absent)
    q("SET of the same again, no key", k.set_policy, q.at("sp/v2"), absent)
    for name, p in (("another key", good), ("v1", v1), ("bad modes", bad["modes"]),
                    ("another padding", changed(absent, 3, 2)),
                    ("data unit size 12", changed(absent, 4, 12)),
                    ("a reserved byte", changed(absent, 6, 1))):
        q("SET of %s on an encrypted directory" % name, k.set_policy, q.at("sp/v2"), p)
    q("SET of a v1 policy without its key", k.set_policy, q.at("sp/v1"), v1)
    q("SET of the same v1 policy again", k.set_policy, q.at("sp/v1"), v1)
    q("SET of data unit size 12", k.set_policy, q.at("sp/du12"), changed(good, 4, 12))
    q("... data unit size 0 is another policy", k.set_policy, q.at("sp/du12"), good)
    q("create inside through a directory opened before", create_after_set, q, good)
    k.set_policy(q.at("sp/empty"), good)
    creat(q.at("sp/empty/f"))
    os.mkdir(q.at("sp/empty/d"))
    os.symlink("x", q.at("sp/empty/l"))
    q("SET of the same on a full encrypted directory", k.set_policy, q.at("sp/empty"), good)
    q("SET of the same on a file that inherited it", k.set_policy, q.at("sp/empty/f"), good)
    q("SET of another on a file that inherited one", k.set_policy, q.at("sp/empty/f"), v1)
    q("SET of the same on a directory that inherited it", k.set_policy, q.at("sp/empty/d"), good)
    q("SET of another on a directory that inherited one", k.set_policy, q.at("sp/empty/d"), v1)
    k.remove_key(q.mnt, kid)
    os.mkdir(q.at("sp/after"))
    q("SET after the key was removed, as root", k.set_policy, q.at("sp/after"), good)


def set_on_fd(fd, policy):
    from asking import raw
    raw(LIBC.ioctl(fd, k.SET_POLICY, Memory(policy).addr))


def create_after_set(q, policy):
    os.mkdir(q.at("sp/held"))
    fd = os.open(q.at("sp/held"), os.O_RDONLY)
    try:
        set_on_fd(fd, policy)
        os.close(os.open("new", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=fd))
        return os.listdir(fd)
    finally:
        os.close(fd)


def get_policy(q):
    key = fixed_key("gets")
    kid, desc = key_identifier(key), key_descriptor(key)
    k.add_key(q.mnt, key, kid)
    k.add_key(q.mnt, key, desc)
    for d in ("g", "g/1", "g/2", "g/plain"):
        os.mkdir(q.at(d))
    k.set_policy(q.at("g/1"), Context(1, 1, 4, 1, desc).policy())
    k.set_policy(q.at("g/2"), Context(2, 1, 4, 2, kid, log2_du=10).policy())
    for d in ("1", "2", "plain"):
        creat(q.at("g", d, "f"))
        os.mkdir(q.at("g", d, "d"))
        for o in ("", "f", "d"):
            what = "%s/%s" % (d, o)
            q("GET_POLICY of " + what, k.ioctl, q.at("g", d, o), GET_POLICY, b"\xee" * 12)
            for size in (0, 11, 12, 23, 24, 1000, 1 << 63, (1 << 64) - 1):
                q("GET_POLICY_EX of %s, size %d" % (what, size), k.ioctl, q.at("g", d, o),
                  k.GET_POLICY_EX, struct.pack("<Q", size) + b"\xee" * 40)
            q("GET_NONCE of %s: length" % what,
              lambda: len(set(k.get_nonce(q.at("g", d, o)))) > 4)
    q("nonces differ", lambda: len({k.get_nonce(q.at("g", a, b)) for a in "12"
                                    for b in ("", "f", "d")}))
    q("mode in a nonce's place: the file's context is hidden", os.listxattr, q.at("g/2/f"))
    q("getxattr of encryption.c", os.getxattr, q.at("g/2/f"), "encryption.c")
    for kind, p in (("an encrypted file", "g/2/f"), ("an encrypted directory", "g/2"),
                    ("a plain file", "g/plain/f"), ("a plain directory", "g/plain")):
        q("GETFLAGS of %s, the encrypt bit" % kind,
          lambda: hex(struct.unpack("<Q", k.ioctl(q.at(p), GETFLAGS, bytes(8)))[0] & 0x800))
        for flags in (0, 0x800):
            q("SETFLAGS %#x on %s" % (flags, kind), setflags, q.at(p), flags)
        q("FSGETXATTR of " + kind, lambda: k.ioctl(q.at(p), FSGETXATTR, bytes(28)).hex())
        q("FSSETXATTR of nothing on " + kind,
          lambda: k.ioctl(q.at(p), FSSETXATTR, bytes(28)) == bytes(28))


def setflags(path, flags):
    old = struct.unpack("<Q", k.ioctl(path, GETFLAGS, bytes(8)))[0]
    # ext4's flag for extents has to stay, or it refuses for a reason of its own.
    k.ioctl(path, SETFLAGS, struct.pack("<Q", flags | (old & ~0x800)))
    return hex(struct.unpack("<Q", k.ioctl(path, GETFLAGS, bytes(8)))[0] & 0x800)


def add_key(q):
    key = fixed_key("adds")
    v1, v2 = k.key_spec(b"descript"), k.key_spec(bytes(16))

    def ask(what, *args, **kw):
        q("ADD, " + what, lambda: ioctl_edge(q.mnt, k.ADD_KEY, add_arg(*args, **kw))[:80])
    for t in (0, 3, 0xffffffff):
        ask("specifier type %#x" % t, struct.pack("<I", t) + bytes(36), key)
    ask("specifier's reserved word", changed(v2, 4, 1), key)
    ask("v1, specifier's reserved word", changed(v1, 4, 1), key)
    for i in (0, 13, 27):
        ask("reserved byte %d" % i, v2, key, reserved=changed(bytes(28), i, 1))
    for f in (2, 0x80000000, 3):
        ask("flags %#x" % f, v2, key, flags=f)
    ask("v1, flag 1", v1, key, flags=1)
    ask("v1, flag 2", v1, key, flags=2)
    ask("unknown flag and key_id and size", v2, key, flags=2, key_id=1)
    ask("key_id and size", v2, key, key_id=1)
    ask("key_id that names no key", v2, key_id=0x7ffffff0)
    ask("v1, key_id that names no key", v1, key_id=0x7ffffff0)
    for n in (0, 15, 16, 64, 65, 128, 129, 0x80000000, 0xffffffff):
        ask("size %d" % n, v2, fixed_key("adds %d" % n, n if n < 200 else 16), raw_size=n)
        ask("wrapped, size %d" % n, v2, bytes(n if n < 200 else 16), raw_size=n, flags=1)
    ask("identifier given is ignored, what follows it stays", v2[:8] + b"\x5a" * 32, key)
    ask("v1, all is left as it was", k.key_spec(b"descript")[:16] + b"\x5a" * 24, key)
    ask("v1 again, with other bytes", v1, fixed_key("other bytes"))
    # which bytes count
    desc = b"changing"
    spec, wrong = k.key_spec(desc), fixed_key("second bytes")
    ask("v1, for a directory", spec, key)
    os.mkdir(q.at("first"))
    k.set_policy(q.at("first"), Context(1, 1, 4, 0, desc).policy())
    put(q.at("first/name"), b"x" * 5000)
    ask("v1, other bytes while it is present", spec, wrong)
    k.remove_key(q.mnt, desc)
    ask("v1, other bytes after it was removed", spec, wrong)
    q("... names are something else", lambda: other_names(q.at("first")))
    k.remove_key(q.mnt, desc)
    weak = fixed_key("weak", 32) * 2
    ask("v1, a weak key", k.key_spec(b"weak key"), weak)
    os.mkdir(q.at("weak"))
    k.set_policy(q.at("weak"), Context(1, 1, 4, 0, b"weak key").policy())
    q("weak key: mkdir", os.mkdir, q.at("weak/d"))
    q("weak key: symlink", os.symlink, "x", q.at("weak/l"))
    q("weak key: mkfifo", os.mkfifo, q.at("weak/p"))
    q("weak key: create", creat, q.at("weak/f"))
    q("weak key: O_TMPFILE", opened, q.at("weak"), os.O_TMPFILE | os.O_RDWR)
    q("weak key: names", lambda: sorted(os.listdir(q.at("weak"))))


def remove_and_status(q):
    key = fixed_key("removes")
    kid, desc = key_identifier(key), b"removing"
    k.add_key(q.mnt, key, kid)
    k.add_key(q.mnt, key, desc)
    for name, cmd, rest in (("REMOVE", k.REMOVE_KEY, 24), ("REMOVE_ALL_USERS", REMOVE_ALL, 24),
                            ("STATUS", k.GET_KEY_STATUS, 88)):
        reserved = 44 - 40 if rest == 24 else 0
        for t in (0, 3, 0xffffffff):
            q("%s, specifier type %#x" % (name, t), k.ioctl, q.mnt, cmd,
              struct.pack("<I", t) + bytes(36 + rest))
        for what, spec in (("v1", k.key_spec(desc)), ("v2", k.key_spec(kid))):
            q("%s, %s, specifier's reserved word" % (name, what), k.ioctl, q.mnt, cmd,
              changed(spec, 7, 1) + bytes(rest))
            for i in (reserved, 23):
                q("%s, %s, reserved byte %d" % (name, what, i), k.ioctl, q.mnt, cmd,
                  spec + changed(bytes(rest), i, 1))
        for what, spec in (("v1", k.key_spec(b"not here")), ("v2", k.key_spec(b"not here" * 2))):
            q("%s, %s, no such key" % (name, what), ioctl_result, q.mnt, cmd, spec, rest)
    for what, spec in (("v1", k.key_spec(desc)), ("v2", k.key_spec(kid))):
        junk = spec[:24 if what == "v2" else 16] + b"\x77" * (16 if what == "v2" else 24)
        q("STATUS, %s, present" % what, status, q.mnt, spec)
        q("STATUS, %s, present, bytes behind its name" % what, status, q.mnt, junk)
        q("REMOVE, %s, flags word given, bytes behind its name" % what,
          lambda: k.ioctl(q.mnt, k.REMOVE_KEY, junk + b"\xff" * 4 + bytes(20)).hex())
        q("STATUS, %s, removed" % what, status, q.mnt, spec)
        q("REMOVE, %s, again" % what, ioctl_result, q.mnt, k.REMOVE_KEY, spec, 24)


def ioctl_result(path, cmd, spec, rest):
    """An errno, or what came back; on an errno the argument must be as it was."""
    m = Memory(spec + b"\xff\xff\xff\xff" + bytes(rest - 4)) if rest == 24 else \
        Memory(spec + bytes(rest))
    before = m.get()
    try:
        ioctl_at(path, cmd, m.addr)
    except OSError:
        assert m.get() == before
        raise
    return m.get()[40:]


def salt_and_read_only(q):
    """A mount that may not be written to."""
    key = fixed_key("read-only")
    kid = key_identifier(key)
    p = Context(2, 1, 4, 3, kid).policy()
    k.add_key(q.mnt, key, kid)
    for d in ("ro-plain", "ro-enc"):
        os.mkdir(q.at(d))
    k.set_policy(q.at("ro-enc"), p)
    put(q.at("ro-enc/f"), b"text")
    os.symlink("target", q.at("ro-enc/l"))
    nonce = k.get_nonce(q.at("ro-enc/f"))
    os.mkdir(q.at("ro-enc/d"))
    q.remount("ro")
    q("ro: PWSALT, which exists", lambda: len(k.ioctl(q.mnt, PWSALT, bytes(16))))
    q("ro: SET on a plain directory", k.set_policy, q.at("ro-plain"), p)
    q("ro: SET of the same policy", k.set_policy, q.at("ro-enc"), p)
    q("ro: SET of another policy", k.set_policy, q.at("ro-enc"), changed(p, 3, 0))
    q("ro: SET of bad modes", k.set_policy, q.at("ro-plain"), changed(p, 1, 2))
    q("ro: SET of a bad version", k.set_policy, q.at("ro-plain"), b"\7" + p[1:])
    q("ro: GET_POLICY_EX", k.ioctl, q.at("ro-enc"), k.GET_POLICY_EX,
      struct.pack("<Q", 24) + bytes(24))
    q("ro: GETFLAGS", lambda: struct.unpack("<Q", k.ioctl(q.at("ro-enc"), GETFLAGS,
                                                         bytes(8)))[0] & 0x800)
    q("ro: SETFLAGS", k.ioctl, q.at("ro-enc"), SETFLAGS, bytes(8))

    def everything(state):
        names = {os.lstat(e).st_mode & 0o170000: e
                 for e in (q.at("ro-enc", n) for n in os.listdir(q.at("ro-enc")))}
        f, li, d = names[0o100000], names[0o120000], names[0o040000]
        what = "ro, %s: " % state
        q(what + "open", opened, f, os.O_RDONLY)
        q(what + "open to write", opened, f, os.O_WRONLY)
        q(what + "open O_TRUNC", opened, f, os.O_RDONLY | os.O_TRUNC)
        q(what + "create", creat, q.at("ro-enc/new"))
        q(what + "create, exists", creat, f)
        q(what + "open O_CREAT, exists", opened, f, os.O_RDWR | os.O_CREAT)
        q(what + "open O_CREAT to read, new", opened, q.at("ro-enc/new"), os.O_RDONLY | os.O_CREAT)
        q(what + "O_TMPFILE", opened, d, os.O_TMPFILE | os.O_RDWR)
        q(what + "mkdir", os.mkdir, q.at("ro-enc/new"))
        q(what + "mkdir, exists", os.mkdir, d)
        q(what + "symlink", os.symlink, "x", q.at("ro-enc/new"))
        q(what + "mkfifo", os.mkfifo, q.at("ro-enc/new"))
        q(what + "link", os.link, f, q.at("ro-enc/new"))
        q(what + "link to a plain directory", os.link, f, q.at("ro-plain/new"))
        q(what + "rename", os.rename, f, q.at("ro-enc/new"))
        q(what + "truncate", os.truncate, f, 1)
        q(what + "chmod", os.chmod, f, 0o600)
        q(what + "utime", os.utime, f)
        q(what + "setxattr", os.setxattr, f, "user.x", b"")
        q(what + "unlink", os.unlink, f)
        q(what + "rmdir", os.rmdir, d)
        q(what + "unlink of a missing name", os.unlink, q.at("ro-enc/none"))
        q(what + "readlink's length", lambda: len(os.readlink(li)))
    everything("locked")
    q("ro: ADD", lambda: len(k.add_key(q.mnt, key, kid)))
    everything("unlocked")
    q("ro: the nonce is the same", lambda: k.get_nonce(q.at("ro-enc/f")) == nonce)
    q("ro: REMOVE", k.remove_key, q.mnt, kid)
    q.remount()


def other_names(path):
    """Whether a directory that was read with another key has lost its names: garbage that holds a slash is EIO."""
    try:
        return "name" not in os.listdir(path)
    except OSError as e:
        return e.errno == errno.EIO or e


def ask(q):
    where(q)
    pointers(q)
    set_policy(q)
    get_policy(q)
    add_key(q)
    remove_and_status(q)
    salt_and_read_only(q)
