# SPDX-License-Identifier: GPL-3.0-or-later
"""A key that is removed while something uses it: what keeps it, and what then works."""
import mmap
import os
import time

import kfscrypt as k
from asking import creat, fixed_key, opened, put, rename2
from errnos_ioctls import status
from refdecrypt import Context, key_descriptor, key_identifier


def hold_cwd(q):
    os.chdir(q.at("t/d"))
    return lambda: os.chdir("/")


def hold_map(q, prot):
    fd = os.open(q.at("t/f"), os.O_RDWR)
    m = mmap.mmap(fd, 4096, prot=prot)
    os.close(fd)
    return m.close


def hold(q, path, flags):
    fd = os.open(q.at(path), flags)
    return lambda: os.close(fd)


def hold_unlinked(q):
    fd = os.open(q.at("t/gone"), os.O_RDWR)
    os.unlink(q.at("t/gone"))
    return lambda: os.close(fd)


def hold_tmpfile(q):
    fd = os.open(q.at("t"), os.O_RDWR | os.O_TMPFILE, 0o600)
    return lambda: os.close(fd)


HOLDERS = (
    ("nothing", lambda q: lambda: None),
    ("a file open to read", lambda q: hold(q, "t/f", os.O_RDONLY)),
    ("a file open to write", lambda q: hold(q, "t/f", os.O_WRONLY)),
    ("a file by O_PATH", lambda q: hold(q, "t/f", os.O_PATH)),
    ("a directory open", lambda q: hold(q, "t/d", os.O_RDONLY)),
    ("a directory by O_PATH", lambda q: hold(q, "t/d", os.O_PATH)),
    ("the tree's top open", lambda q: hold(q, "t", os.O_RDONLY)),
    ("a symlink by O_PATH", lambda q: hold(q, "t/l", os.O_PATH | os.O_NOFOLLOW)),
    ("a FIFO open", lambda q: hold(q, "t/p", os.O_RDWR | os.O_NONBLOCK)),
    ("a working directory", hold_cwd),
    ("a mapping to read", lambda q: hold_map(q, mmap.PROT_READ)),
    ("a mapping to write", lambda q: hold_map(q, mmap.PROT_READ | mmap.PROT_WRITE)),
    ("an unlinked file", hold_unlinked),
    ("an unnamed file", hold_tmpfile),
)


def settle(q, kid):
    """REMOVE until nothing is busy: closes reach a FUSE server a moment later."""
    for _ in range(200):
        try:
            if k.remove_key(q.mnt, kid) != 1:
                return "gone"
        except OSError:
            return "gone"
        time.sleep(0.05)
    return "busy"


def what_keeps_it(q, key, kid):
    for name, fn in HOLDERS:
        k.add_key(q.mnt, key, kid)
        if not os.path.lexists(q.at("t/gone")):
            put(q.at("t/gone"), b"x" * 100)
        # All that is in it is in the cache.
        for top, dirs, files in os.walk(q.at("t")):
            for f in files + dirs:
                os.lstat(os.path.join(top, f))
        with open(q.at("t/f"), "rb") as f:
            f.read()
        release = fn(q)
        if name == "nothing":
            q(name + ": REMOVE", settle, q, kid)
        else:
            q(name + ": REMOVE", k.remove_key, q.mnt, kid)
        q(name + ": STATUS", lambda: status(q.mnt, k.key_spec(kid))[:3])
        q(name + ": REMOVE again", k.remove_key, q.mnt, kid)
        q(name + ": names in the top", lambda: "f" in os.listdir(q.at("t")))
        q(name + ": look-up by a plaintext name", lambda: os.lstat(q.at("t/f")).st_size)
        q(name + ": create", creat, q.at("t/new"))
        release()
        q(name + ": STATUS after it is closed", lambda: closed_status(q, kid))
        q(name + ": REMOVE once more", settle, q, kid)
        q(name + ": STATUS then", lambda: status(q.mnt, k.key_spec(kid))[:3])
        q(name + ": names in the top then", lambda: "f" in os.listdir(q.at("t")))


def closed_status(q, kid):
    """ext4 stays at 3 until REMOVE is called again; a server that is told of closes may be done."""
    return status(q.mnt, k.key_spec(kid))[0] in (1, 3)


def state_3(q, key, kid, far):
    """The table of spec/fscrypt.md section 15."""
    k.add_key(q.mnt, key, kid)
    for d in ("i", "i/pinned", "i/pinned/sub", "i/other"):
        os.mkdir(q.at(d))
        if d == "i":
            k.set_policy(q.at("i"), Context(2, 1, 4, 3, kid).policy())
    for n in ("busy", "idle", "idle2", "idle3"):
        put(q.at("i/pinned", n), b"x" * 5000)
    put(q.at("i/pinned/sub/inner"), b"x")
    os.symlink("target", q.at("i/pinned/link"))
    os.mkfifo(q.at("i/pinned/fifo"))
    for d in ("i3", "i3u"):
        os.mkdir(q.at(d))
    q.remount()
    k.add_key(q.mnt, key, kid)
    k.add_key(q.mnt, far[0], far[1])
    dfd = os.open(q.at("i/pinned"), os.O_RDONLY)
    busy = os.open("busy", os.O_RDWR, dir_fd=dfd)
    base = "/proc/self/fd/%d" % dfd
    at = lambda n: os.path.join(base, n)
    q("3: REMOVE", k.remove_key, q.mnt, kid)
    q("3: STATUS", status, q.mnt, k.key_spec(kid))
    q("3: read", lambda: len(os.pread(busy, 9000, 0)))
    q("3: write", os.pwrite, busy, b"y" * 10, 5000)
    q("3: fsync", os.fsync, busy)
    q("3: truncate the open file", os.ftruncate, busy, 4000)
    q("3: read all", lambda: len(os.pread(busy, 9000, 0)))
    q("3: open the busy file by name", opened, at("busy"), os.O_RDWR)
    q("3: truncate the busy file by name", os.truncate, at("busy"), 3000)
    q("3: names of the pinned directory", lambda: sorted(os.listdir(dfd)))
    q("3: create", creat, at("new"))
    q("3: mkdir", os.mkdir, at("new"))
    q("3: symlink", os.symlink, "x", at("new"))
    q("3: O_TMPFILE", opened, base, os.O_TMPFILE | os.O_RDWR)
    q("3: mkfifo", os.mkfifo, at("newfifo"))
    q("3: open an idle file", opened, at("idle"), os.O_RDONLY)
    q("3: truncate an idle file", os.truncate, at("idle"), 0)
    q("3: stat of an idle file", lambda: os.lstat(at("idle")).st_size)
    q("3: readlink of an idle symlink", lambda: len(os.readlink(at("link"))))
    q("3: link of an idle file", os.link, at("idle"), at("second"))
    q("3: rename of an idle file", os.rename, at("idle2"), at("renamed"))
    q("3: exchange of idle files", rename2, at("idle3"), at("renamed"), 2)
    q("3: unlink of an idle file", os.unlink, at("renamed"))
    q("3: names of an idle directory", lambda: [len(n) for n in os.listdir(at("sub"))])
    q("3: create in an idle directory", creat, at("sub/new"))
    q("3: rmdir of an idle directory", os.rmdir, at("sub"))
    p = Context(2, 1, 4, 3, kid).policy()
    q("3: SET as root", k.set_policy, q.at("i3"), p)
    q("3: the tree's top: names", lambda: "pinned" in os.listdir(q.at("i")))
    q("3: GET_NONCE of the pinned directory", lambda: len(k.get_nonce(base + "/.")))
    q("3: ADD makes it present", lambda: len(k.add_key(q.mnt, key, kid)))
    q("3: STATUS then", status, q.mnt, k.key_spec(kid))
    q("3: open the file that was idle", opened, at("idle"), os.O_RDONLY)
    q("3: create then", creat, at("new"))
    q("3: names then", lambda: sorted(os.listdir(q.at("i/pinned"))))
    os.close(busy)
    os.close(dfd)
    q("3: the end", settle, q, kid)


def ask(q):
    key, far = fixed_key("busy"), fixed_key("busy, far")
    kid, fid = key_identifier(key), key_identifier(far)
    k.add_key(q.mnt, key, kid)
    os.mkdir(q.at("t"))
    k.set_policy(q.at("t"), Context(2, 1, 4, 3, kid).policy())
    put(q.at("t/f"), b"x" * 5000)
    put(q.at("t/gone"), b"x" * 100)
    os.symlink("target", q.at("t/l"))
    os.mkfifo(q.at("t/p"))
    os.mkdir(q.at("t/d"))
    creat(q.at("t/d/in"))
    what_keeps_it(q, key, kid)
    state_3(q, key, kid, (far, fid))
    v1, desc = fixed_key("busy v1"), key_descriptor(fixed_key("busy v1"))
    k.add_key(q.mnt, v1, desc)
    os.mkdir(q.at("v1"))
    k.set_policy(q.at("v1"), Context(1, 1, 4, 3, desc).policy())
    put(q.at("v1/f"), b"x")
    fd = os.open(q.at("v1/f"), os.O_RDONLY)
    q("v1: REMOVE, a file is open", k.remove_key, q.mnt, desc)
    q("v1: STATUS", status, q.mnt, k.key_spec(desc))
    q("v1: create", creat, q.at("v1/new"))
    q("v1: REMOVE again", k.remove_key, q.mnt, desc)
    os.close(fd)
    q("v1: the end", settle, q, desc)
    q("v1: STATUS at the end", status, q.mnt, k.key_spec(desc))
