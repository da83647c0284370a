#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a mount for its errnos: the same questions to the kernel's ext4 and to fuscrypt.

  errnos.py TOPIC kernel              a scratch ext4 image (root)
  errnos.py TOPIC fuscrypt STORE MNT  a store made by `fuscrypt init --no-policy`; the program is $FUSCRYPT

TOPIC is `recorded`, whose answers by Linux 6.18 are in tests/vectors/kernel-errnos.json, or the
name of a module errnos_TOPIC.py. Prints one line a question: `question: answer`. Keys are fixed, so
that two runs can be compared."""
import ctypes
import importlib
import os
import struct
import sys

import kfscrypt as k
from asking import Questions, creat, fixed_key, open_image, put
from refdecrypt import Context, key_descriptor, key_identifier


def recorded(note):
    img, mnt = note.img, note.mnt
    key, key2 = fixed_key("one"), fixed_key("two")
    kid, kid2 = key_identifier(key), key_identifier(key2)
    p = Context(2, 1, 4, 3, kid).policy()
    p2 = Context(2, 1, 4, 3, kid2).policy()
    j = lambda *a: os.path.join(mnt, *a)
    plain, enc, enc2 = j("plain"), j("enc"), j("enc2")
    for d in (plain, enc, enc2):
        os.mkdir(d)
    # keys
    for n in (0, 1, 15, 16, 64, 65):
        note("add v2 key of %d bytes" % n, k.add_key, mnt, fixed_key("a%d" % n, n), bytes(16))
        note("add v1 key of %d bytes" % n, k.add_key, mnt, fixed_key("a%d" % n, n), b"descript")
    for n in (16, 31, 32):
        kk = fixed_key("k%d" % n, n)
        os.mkdir(j("k%d" % n))
        k.add_key(mnt, kk, key_identifier(kk))
        note("v2 AES-256 policy, %d-byte key: set policy" % n, k.set_policy, j("k%d" % n),
             Context(2, 1, 4, 0, key_identifier(kk)).policy())
        note("v2 AES-256 policy, %d-byte key: create" % n, creat, j("k%d" % n, "f"))
    for n in (32, 63, 64):
        kk = fixed_key("k%d" % n, n)
        os.mkdir(j("o%d" % n))
        k.add_key(mnt, kk, key_descriptor(kk))
        note("v1 AES-256 policy, %d-byte key: set policy" % n, k.set_policy, j("o%d" % n),
             Context(1, 1, 4, 0, key_descriptor(kk)).policy())
        note("v1 AES-256 policy, %d-byte key: mkdir" % n, os.mkdir, j("o%d" % n, "d"))
        note("v1 AES-256 policy, %d-byte key: create" % n, creat, j("o%d" % n, "f"))
    for modes in ((5, 6), (9, 9), (1, 10)):
        os.mkdir(j("m%d-%d" % modes))
        k.add_key(mnt, key, kid)
        note("modes %d/%d (not in every kernel): set policy" % modes, k.set_policy,
             j("m%d-%d" % modes), Context(2, *modes, 0, kid).policy())
        note("modes %d/%d (not in every kernel): mkdir inside" % modes, os.mkdir,
             j("m%d-%d" % modes, "d"))
        note("modes %d/%d (not in every kernel): create inside" % modes, creat,
             j("m%d-%d" % modes, "f"))
    k.remove_key(mnt, kid)
    # policies
    note("set policy without the key, as root", k.set_policy, enc, p)
    note("create below it without the key", creat, j("enc", "x"))
    k.add_key(mnt, key, kid)
    note("set the same policy again", k.set_policy, enc, p)
    note("set another policy", k.set_policy, enc, p2)
    k.add_key(mnt, key2, kid2)
    k.set_policy(enc2, p2)
    creat(j("plain", "f"))
    note("set policy on a non-empty directory", k.set_policy, plain, p)
    note("set policy on a regular file", k.set_policy, j("plain", "f"), p)
    note("get policy_ex of an unencrypted directory", k.ioctl, plain, k.GET_POLICY_EX,
         struct.pack("<Q", 24) + bytes(24))
    note("get policy_ex, size 23", k.ioctl, enc, k.GET_POLICY_EX,
         struct.pack("<Q", 23) + bytes(24))
    note("get policy_ex", k.ioctl, enc, k.GET_POLICY_EX, struct.pack("<Q", 64) + bytes(64))
    note("get policy (v1 ioctl) of a v2 directory", k.ioctl, enc, 0x400c6615, bytes(12))
    note("get nonce of an unencrypted directory", k.get_nonce, plain)
    # names and links
    put(j("enc", "f"), b"data" * 2000)
    os.mkdir(j("enc", "d"))
    os.mkdir(j("enc", "full"))
    creat(j("enc", "full", "x"))
    os.symlink("target", j("enc", "l"))
    note("name of 255 bytes", creat, j("enc", "n" * 255))
    note("name of 256 bytes", creat, j("enc", "n" * 256))
    for n in (4093, 4094, 4095, 4096):
        note("symlink target of %d bytes" % n, os.symlink, "t" * n, j("enc", "l%d" % n))
    note("rename into another policy", os.rename, j("enc", "f"), j("enc2", "f"))
    note("link into another policy", os.link, j("enc", "f"), j("enc2", "f"))
    note("rename a directory into another policy", os.rename, j("enc", "d"), j("enc2", "d"))
    note("rename unencrypted into encrypted", os.rename, j("plain", "f"), j("enc", "pf"))
    note("link unencrypted into encrypted", os.link, j("plain", "f"), j("enc", "pf"))
    note("link encrypted into unencrypted", os.link, j("enc", "f"), j("plain", "ef"))
    note("rename encrypted into unencrypted", os.rename, j("enc", "l"), j("plain", "el"))
    note("... readlink there", lambda: os.readlink(j("plain", "el")))
    libc = ctypes.CDLL(None, use_errno=True)

    def falloc(path, mode, off, n):
        fd = os.open(path, os.O_RDWR)
        try:
            if libc.fallocate(fd, mode, ctypes.c_long(off), ctypes.c_long(n)):
                raise OSError(ctypes.get_errno(), "fallocate")
        finally:
            os.close(fd)
    for name, mode in (("allocate", 0), ("keep-size", 1), ("punch", 3), ("collapse", 8),
                       ("zero", 16), ("insert", 32)):
        note("fallocate %s 4096+4096" % name, falloc, j("enc", "f"), mode, 4096, 4096)
    note("GETFLAGS of an encrypted file (0x800 = encrypt)", lambda: hex(struct.unpack(
        "<Q", k.ioctl(j("enc", "f"), 0x80086601, bytes(8)))[0]))
    # key removal
    fd = os.open(j("enc", "f"), os.O_RDONLY)
    note("remove key, a file is open: status flags (1 = files busy)", k.remove_key, mnt, kid)
    note("... open again while the removal is incomplete", lambda: os.close(
        os.open(j("enc", "f"), os.O_RDONLY)))
    note("... create while the removal is incomplete", creat, j("enc", "new"))
    note("... read the open file", lambda: len(os.pread(fd, 8000, 0)))
    os.close(fd)
    note("remove key again", k.remove_key, mnt, kid)
    note("remove a key that is not there", k.remove_key, mnt, kid)
    # without the key, after a remount
    img.umount()
    img.mount()
    byino = {e.inode(): e for e in os.scandir(enc)}
    note("no key: number of names in readdir", lambda: len(byino))
    file = next(e.path for e in byino.values() if e.is_file() and e.stat().st_size >= 8000)
    dirs = [e.path for e in byino.values() if e.is_dir()]
    link = next(e.path for e in byino.values() if e.is_symlink())
    empty = next(d for d in dirs if not os.listdir(d))
    full = next(d for d in dirs if os.listdir(d))
    note("no key: lookup of a plaintext name", os.lstat, j("enc", "f"))
    note("no key: lookup of a bad no-key name", os.lstat, j("enc", "AAAA"))
    note("no key: open for reading", os.open, file, os.O_RDONLY)
    note("no key: open O_PATH", lambda: os.close(os.open(file, os.O_PATH)))
    note("no key: opendir", lambda: os.close(os.open(empty, os.O_RDONLY)))
    note("no key: truncate", os.truncate, file, 1)
    note("no key: chmod", os.chmod, file, 0o600)
    note("no key: utime", os.utime, file)
    note("no key: setxattr user.x", os.setxattr, file, "user.x", b"1")
    note("no key: create, plain name", creat, j("enc", "new"))
    note("no key: create, existing no-key name (O_EXCL)", creat, file)
    note("no key: mkdir", os.mkdir, j("enc", "newd"))
    note("no key: symlink", os.symlink, "x", j("enc", "newl"))
    note("no key: mkfifo", os.mkfifo, j("enc", "newp"))
    note("no key: link to a new name", os.link, file, j("enc", "newk"))
    note("no key: link to an unencrypted directory", os.link, file, j("plain", "newk"))
    note("no key: rename to a new name", os.rename, file, j("enc", "newr"))
    note("no key: rename onto an existing no-key name", os.rename, file, link)
    note("no key: rename into an unencrypted directory", os.rename, file, j("plain", "newr"))
    note("no key: rename an unencrypted file in", os.rename, j("plain", "f"), j("enc", "newr"))
    note("no key: lstat size of a symlink = readlink length",
         lambda: os.lstat(link).st_size == len(os.readlink(link)))
    note("no key: get policy_ex", k.ioctl, enc, k.GET_POLICY_EX, struct.pack("<Q", 64) + bytes(64))
    note("no key: get nonce of a file by O_RDONLY", k.get_nonce, file)
    note("no key: rmdir of a non-empty directory", os.rmdir, full)
    note("no key: rmdir of an empty directory", os.rmdir, empty)
    note("no key: unlink a file", os.unlink, file)
    note("no key: unlink a symlink", os.unlink, link)
    rest = [e.path for e in os.scandir(enc) if e.is_file()]
    dfd = os.open(full, os.O_RDONLY)
    wrong = fixed_key("wrong")
    k.add_key(mnt, wrong, key_identifier(wrong))
    note("another key added: lookup of a plaintext name", os.lstat, j("enc", "full"))
    k.add_key(mnt, key, kid)
    note("key added: lookup of a plaintext name", lambda: os.lstat(j("enc", "full")) and None)
    note("key added: lookup of a no-key name", os.lstat, rest[0] if rest else full)
    note("key added: readdir of a directory opened before", lambda: os.listdir(dfd))
    os.close(dfd)


def main():
    topic = sys.argv[1]
    if topic == "recorded":
        ask, features = recorded, {}
    else:
        module = importlib.import_module("errnos_" + topic)
        ask = module.ask
        features = {"features": module.FEATURES} if hasattr(module, "FEATURES") else {}
    with open_image(sys.argv[2:], **features) as img:
        img.mount()
        os.chmod(img.mnt, 0o755)
        ask(Questions(img))


if __name__ == "__main__":
    main()
