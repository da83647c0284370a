# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: owners, claims, quotas, and capabilities that are worth nothing here."""
import os
import struct

import kfscrypt as k
from asking import (attempt, creat, fixed_key, ioctl_at, opened, put, rename2,
                    run_as)
from errnos_ioctls import (GETFLAGS, GET_POLICY, PWSALT, REMOVE_ALL, SETFLAGS, add_arg, changed,
                           status)
from refdecrypt import Context, key_identifier

ANN, BOB, CAROL = 1001, 1002, 4000


def add(mnt, key):
    return k.add_key(mnt, key, bytes(16)).hex()


def remove(mnt, kid, cmd=k.REMOVE_KEY):
    return struct.unpack_from("<I", k.ioctl(mnt, cmd, k.key_spec(kid) + bytes(24)), 40)[0]


def order_for_strangers(q):
    """Whose the directory is comes before most else."""
    key = fixed_key("stranger")
    kid = key_identifier(key)
    good = Context(2, 1, 4, 3, kid).policy()
    k.add_key(q.mnt, key, kid)
    for d in ("s", "s/plain", "s/full", "s/full/x", "s/enc", "s/open"):
        os.mkdir(q.at(d))
    os.chmod(q.at("s/open"), 0o777)
    creat(q.at("s/file"))
    k.set_policy(q.at("s/enc"), good)
    for d in ("plain", "full", "enc", "open", "file"):
        what = "somebody else's %s" % d
        q.user(ANN, "SET on " + what, k.set_policy, q.at("s", d), good)
        q.user(ANN, "SET of a bad version on " + what, k.set_policy, q.at("s", d),
               b"\1" + good[1:])
        q.user(ANN, "SET of bad modes on " + what, k.set_policy, q.at("s", d), changed(good, 1, 2))
        q.user(ANN, "SET of a bad pointer on " + what, ioctl_at, q.at("s", d), k.SET_POLICY, 8)
        q.user(ANN, "GET_POLICY of " + what, k.ioctl, q.at("s", d), GET_POLICY, bytes(12))
        q.user(ANN, "GET_POLICY_EX of " + what, k.ioctl, q.at("s", d), k.GET_POLICY_EX,
               struct.pack("<Q", 24) + bytes(24))
        q.user(ANN, "GET_NONCE of " + what,
               lambda: len(k.get_nonce(q.at("s", d))))
        q.user(ANN, "GETFLAGS of " + what, lambda: struct.unpack(
            "<Q", k.ioctl(q.at("s", d), GETFLAGS, bytes(8)))[0] & 0x800)
        q.user(ANN, "SETFLAGS on " + what, k.ioctl, q.at("s", d), SETFLAGS, bytes(8))
    q.user(ANN, "PWSALT", lambda: len(k.ioctl(q.at("s/plain"), PWSALT, bytes(16))))


def owners(q):
    """Ann's directory: her own claim is needed, not somebody's."""
    key, key2 = fixed_key("ann"), fixed_key("ann's second")
    kid, kid2 = key_identifier(key), key_identifier(key2)
    good, good2 = (Context(2, 1, 4, 3, i).policy() for i in (kid, kid2))
    v1 = bytes([0, 1, 4, 3]) + b"annsdesc"
    for d in ("a", "a/1", "a/2", "a/3", "a/4", "a/5", "a/6", "a/7"):
        os.mkdir(q.at(d))
        os.chown(q.at(d), ANN, ANN)
    os.chmod(q.at("a/7"), 0o500)
    q.user(ANN, "SET of v2, no key", k.set_policy, q.at("a/1"), good)
    add(q.mnt, key)
    q.user(ANN, "SET of v2, root's key", k.set_policy, q.at("a/1"), good)
    q.user(ANN, "SET of bad modes, root's key", k.set_policy, q.at("a/1"), changed(good, 1, 2))
    q.user(BOB, "ADD by another", add, q.mnt, key)
    q.user(ANN, "SET of v2, another's key too", k.set_policy, q.at("a/1"), good)
    q.user(ANN, "ADD by the owner", add, q.mnt, key)
    q.user(ANN, "SET of v2, own key", k.set_policy, q.at("a/1"), good)
    q.user(ANN, "SET of v2 on a directory not writable", k.set_policy, q.at("a/7"), good)
    q.user(ANN, "SET of v1, no key", k.set_policy, q.at("a/2"), v1)
    q.user(ANN, "mkdir inside, own key", os.mkdir, q.at("a/1/d"))
    q.user(ANN, "create inside, own key", creat, q.at("a/1/f"))
    q.user(BOB, "GET_POLICY_EX by another", k.ioctl, q.at("a/1"), k.GET_POLICY_EX,
           struct.pack("<Q", 24) + bytes(24))
    q.user(BOB, "another lists it: the key is everybody's",
           lambda: sorted(os.listdir(q.at("a/1"))))
    q.user(BOB, "another reads: the mode decides", opened, q.at("a/1/f"), os.O_RDONLY)
    q.user(BOB, "another writes: the mode decides", opened, q.at("a/1/f"), os.O_WRONLY)
    # somebody's claim does not help after one's own is gone
    q.user(ANN, "REMOVE own claim", remove, q.mnt, kid)
    q.user(ANN, "SET of v2, own claim gone", k.set_policy, q.at("a/3"), good)
    q.user(ANN, "create, own claim gone but the key present", creat, q.at("a/1/g"))
    # incompletely removed does not count
    q.user(ANN, "ADD a second key", add, q.mnt, key2)
    q.user(ANN, "SET to it", k.set_policy, q.at("a/4"), good2)
    put(q.at("a/4/f"), b"x")
    fd = os.open(q.at("a/4/f"), os.O_RDONLY)
    q.user(ANN, "REMOVE it, a file is open", remove, q.mnt, kid2)
    q("STATUS, incompletely removed", status, q.mnt, k.key_spec(kid2))
    q.user(ANN, "SET, incompletely removed", k.set_policy, q.at("a/5"), good2)
    q("SET, incompletely removed, as root", k.set_policy, q.at("a/6"), good2)
    q.user(BOB, "REMOVE again, by another", remove, q.mnt, kid2)
    q.user(BOB, "REMOVE_ALL_USERS, by another", remove, q.mnt, kid2, REMOVE_ALL)
    q.user(BOB, "ADD again, by another", add, q.mnt, key2)
    q("STATUS for root", status, q.mnt, k.key_spec(kid2))
    q.user(BOB, "STATUS for who added it", status, q.mnt, k.key_spec(kid2))
    q.user(ANN, "STATUS for who had added it", status, q.mnt, k.key_spec(kid2))
    q.user(ANN, "REMOVE without a claim", remove, q.mnt, kid2)
    os.close(fd)
    q.user(BOB, "REMOVE, nothing is busy", lambda: settled(q.mnt, kid2))


def settled(mnt, kid):
    """REMOVE until nothing is busy: a close reaches a FUSE server a moment later."""
    import time
    flags = remove(mnt, kid)
    for _ in range(100):
        if flags != 1:
            break
        time.sleep(0.05)
        try:
            flags = remove(mnt, kid)
        except OSError:
            return 0
    return flags


def privileges(q):
    key = fixed_key("privileges")
    kid = key_identifier(key)
    spec = k.key_spec(b"userdesc")
    offences = (("a good one", dict(key=key)), ("bad size", dict(key=b"short")),
                ("bad flags", dict(key=key, flags=2)),
                ("a reserved byte", dict(key=key, reserved=b"\1" + bytes(27))),
                ("key_id", dict(key_id=1)))
    for what, kw in offences:
        q.user(ANN, "ADD v1, " + what, k.ioctl, q.mnt, k.ADD_KEY, add_arg(spec, **kw))
    q.user(ANN, "ADD v1, the reserved word", k.ioctl, q.mnt, k.ADD_KEY,
           add_arg(changed(spec, 4, 1), key))
    k.add_key(q.mnt, key, b"userdesc")
    q.user(ANN, "STATUS v1", status, q.mnt, spec)
    for what, arg in (("good", spec + bytes(24)), ("reserved word", changed(spec, 5, 1) + bytes(24)),
                      ("reserved byte", spec + bytes(23) + b"\1"),
                      ("type 7", b"\7" + spec[1:] + bytes(24)),
                      ("absent", k.key_spec(b"nokeyhas") + bytes(24))):
        q.user(ANN, "REMOVE v1, " + what, k.ioctl, q.mnt, k.REMOVE_KEY, arg)
        q.user(ANN, "REMOVE_ALL_USERS v1, " + what, k.ioctl, q.mnt, REMOVE_ALL, arg)
    q("STATUS v1, still there", status, q.mnt, spec)
    q("REMOVE v1 as root", remove, q.mnt, b"userdesc")
    q.user(ANN, "REMOVE_ALL_USERS of an absent v2 key", remove, q.mnt, bytes(16), REMOVE_ALL)
    q.user(ANN, "REMOVE_ALL_USERS of a bad pointer", ioctl_at, q.mnt, REMOVE_ALL, 8)
    q.user(ANN, "ADD wrapped", k.ioctl, q.mnt, k.ADD_KEY,
           add_arg(k.key_spec(bytes(16)), key, flags=1))
    # fsuid counts, and capabilities of another user name space do not
    run_as(0, add, q.mnt, key, fsuid=BOB)
    q.user(BOB, "fsuid added: STATUS for the fsuid", status, q.mnt, k.key_spec(kid))
    q("fsuid added: STATUS for the uid", status, q.mnt, k.key_spec(kid))
    q("fsuid added: REMOVE by root", remove, q.mnt, kid)
    q.user(BOB, "fsuid added: REMOVE by that user", remove, q.mnt, kid)
    q.tell("ADD v1, fsuid of a user, CAP_SYS_ADMIN", run_as(
        0, lambda: len(k.add_key(q.mnt, key, b"fsuiddes")), fsuid=BOB))
    k.remove_key(q.mnt, b"fsuiddes")
    for uid in (0, ANN):
        who = "uid %d with all capabilities in a user name space" % uid
        q.tell("ADD v1, " + who, run_as(uid, k.add_key, q.mnt, key, b"nsdescri", userns=True))
        q.tell("ADD v2, " + who, run_as(uid, add, q.mnt, key, userns=True))
        q.tell("REMOVE_ALL_USERS, " + who, run_as(uid, remove, q.mnt, kid, REMOVE_ALL,
                                                 userns=True))
        q.tell("REMOVE, " + who, run_as(uid, remove, q.mnt, kid, userns=True))
    os.mkdir(q.at("ns"))
    os.chown(q.at("ns"), ANN, ANN)
    p = Context(2, 1, 4, 0, bytes(16)).policy()
    q.tell("SET of v2 without a claim by its owner, capable in a user name space",
           run_as(ANN, k.set_policy, q.at("ns"), p, userns=True))
    q.tell("SET of v2 by root in a user name space", run_as(0, k.set_policy, q.at("ns"), p,
                                                           userns=True))


def claims(q):
    key = fixed_key("claims")
    kid = key_identifier(key)
    spec = k.key_spec(kid)

    def ask(what, who, fn, *args):
        q.tell("claims: " + what, run_as(who, fn, *args))
        q("claims: %s: STATUS for root" % what, status, q.mnt, spec)
        q.tell("claims: %s: STATUS for Ann" % what, run_as(ANN, status, q.mnt, spec))
    ask("Ann adds", ANN, add, q.mnt, key)
    ask("Ann adds again", ANN, add, q.mnt, key)
    ask("root removes without a claim", 0, remove, q.mnt, kid)
    ask("Bob adds", BOB, add, q.mnt, key)
    ask("root adds", 0, add, q.mnt, key)
    ask("Ann removes", ANN, remove, q.mnt, kid)
    ask("Ann removes again", ANN, remove, q.mnt, kid)
    ask("root removes", 0, remove, q.mnt, kid)
    ask("Bob removes for all", BOB, remove, q.mnt, kid, REMOVE_ALL)
    ask("Ann adds once more", ANN, add, q.mnt, key)
    ask("root removes for all", 0, remove, q.mnt, kid, REMOVE_ALL)
    ask("root removes for all again", 0, remove, q.mnt, kid, REMOVE_ALL)
    ask("Bob adds, alone", BOB, add, q.mnt, key)
    ask("Bob removes, last", BOB, remove, q.mnt, kid)


def quota(q):
    """As many as the system's limits allow, however many these are; then all over again."""
    keys = [fixed_key("quota %d" % i) for i in range(1001)]

    def fill():
        n = 0
        for key in keys:
            if attempt(add, q.mnt, key) == "EDQUOT":
                break
            n += 1
        held = key_identifier(keys[0])
        return (n, attempt(add, q.mnt, keys[0]) == held.hex(), attempt(add, q.mnt, keys[n]),
                attempt(k.ioctl, q.mnt, k.ADD_KEY, add_arg(k.key_spec(bytes(16)), b"short")))
    with open("/proc/sys/kernel/keys/maxkeys") as f:
        if int(f.read()) > 1000:
            return
    q.user(CAROL, "quota: keys added, one again, one more, one of bad size", fill)
    q("quota: root adds one more", lambda: len(add(q.mnt, fixed_key("quota, root"))))
    q.user(ANN, "quota: another adds one more", lambda: len(add(q.mnt, fixed_key("quota, Ann"))))
    q.user(CAROL, "quota: after one is removed", lambda: (
        remove(q.mnt, key_identifier(keys[3])), attempt(add, q.mnt, keys[3]) != "EDQUOT",
        attempt(add, q.mnt, fixed_key("quota, last"))))
    q("quota: root removes one for all", remove, q.mnt, key_identifier(keys[5]), REMOVE_ALL)
    q.user(CAROL, "quota: then there is room for one",
           lambda: len(add(q.mnt, fixed_key("quota, freed"))))
    q.remount()
    q.user(CAROL, "quota: a remount frees it",
           lambda: len(add(q.mnt, fixed_key("quota, remounted"))))


def modes_come_first(q):
    """EACCES before ENOKEY, and names of locked trees for users."""
    key = fixed_key("modes")
    kid = key_identifier(key)
    k.add_key(q.mnt, key, kid)
    for d, mode in (("m", 0o755), ("m/enc", 0o755), ("m/theirs", 0o777), ("m/closed", 0o700),
                    ("m/search", 0o711), ("m/sticky", 0o1777)):
        os.mkdir(q.at(d))
        os.chmod(q.at(d), mode)
    dirs = ("enc", "theirs", "closed", "search", "sticky")
    for d in dirs:
        k.set_policy(q.at("m", d), Context(2, 1, 4, 3, kid).policy())
        for name, mode in (("open", 0o644), ("shut", 0o600), ("prog", 0o755)):
            put(q.at("m", d, name), b"#!/bin/sh\n")
            os.chmod(q.at("m", d, name), mode)
        os.mkdir(q.at("m", d, "sub"))
        os.symlink("target", q.at("m", d, "link"))

    def walk(state):
        for d in dirs:
            what = "%s, %s: " % (state, d)
            at = q.at("m", d)
            of = {}
            for n in sorted(os.listdir(at), key=lambda n: os.lstat(os.path.join(at, n)).st_mode):
                of[oct(os.lstat(os.path.join(at, n)).st_mode)] = os.path.join(at, n)
            o, s, x = (of[oct(0o100000 | m)] for m in (0o644, 0o600, 0o755))
            sub, link = of[oct(0o40755)], of[oct(0o120777)]
            u = lambda w, fn, *args: q.user(ANN, what + w, fn, *args)
            u("readdir", lambda: len(os.listdir(at)))
            u("stat", lambda: os.stat(o).st_size)
            u("read", opened, o, os.O_RDONLY)
            u("read what is shut", opened, s, os.O_RDONLY)
            u("write", opened, o, os.O_WRONLY)
            u("O_TRUNC", opened, o, os.O_RDONLY | os.O_TRUNC)
            u("truncate", os.truncate, o, 0)
            u("execute", lambda: os.access(x, os.X_OK))
            u("execute what is no program", os.execv, o, [o])
            u("create", creat, os.path.join(at, "new"))
            u("create, exists", creat, o)
            u("O_CREAT, exists, to read", opened, o, os.O_RDONLY | os.O_CREAT)
            u("O_TMPFILE", opened, sub, os.O_RDWR | os.O_TMPFILE)
            u("mkdir", os.mkdir, os.path.join(at, "new"))
            u("mkdir, exists", os.mkdir, sub)
            u("symlink", os.symlink, "x", os.path.join(at, "new"))
            u("mkfifo", os.mkfifo, os.path.join(at, "new"))
            u("link", os.link, link, os.path.join(at, "new"))
            u("rename", os.rename, o, os.path.join(at, "new"))
            u("exchange", rename2, o, x, 2)
            u("chmod", os.chmod, o, 0o644)
            u("utime", os.utime, o)
            u("setxattr", os.setxattr, o, "user.x", b"")
            u("readlink's length", lambda: len(os.readlink(link)))
            u("unlink a missing name", os.unlink, os.path.join(at, "missing"))
            if d != "theirs":
                u("unlink", os.unlink, o)
                u("rmdir", os.rmdir, sub)
    k.remove_key(q.mnt, kid)
    walk("locked")
    k.add_key(q.mnt, key, kid)
    for d in dirs:  # what was opened to be written
        put(q.at("m", d, "open"), b"#!/bin/sh\n")
    walk("unlocked")


def ask(q):
    order_for_strangers(q)
    owners(q)
    privileges(q)
    claims(q)
    quota(q)
    modes_come_first(q)
