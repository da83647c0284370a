#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""users.py - several users make things at the same time; each must own what he made

usage: users.py DIR COUNT UID...       as root; DIR is open to all
"""
import os
import stat
import sys


def make(top, uid, count):
    """How many of them are not his, or have a mode that is not his umask's."""
    umask = (0o022, 0o077, 0o002, 0)[uid % 4]
    os.umask(umask)
    home = "%s/u%d" % (top, uid)
    os.mkdir(home)
    wrong = 0
    for i in range(count):
        path = "%s/f%d" % (home, i)
        kind = i % 4
        mode = (0o666 & ~umask, 0o777 & ~umask, 0o777, 0o666 & ~umask)[kind]
        if kind == 0:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o666))
        elif kind == 1:
            os.mkdir(path)
        elif kind == 2:
            os.symlink("target", path)
        else:
            os.mkfifo(path)
        st = os.lstat(path)
        wrong += (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) != (uid, uid, mode)
    return wrong


def main():
    top, count = sys.argv[1], int(sys.argv[2])
    children = {}
    for uid in map(int, sys.argv[3:]):
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os._exit(min(make(top, uid, count), 100))
        children[pid] = uid
    for pid, uid in children.items():
        wrong = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if wrong:
            print("uid %d: %d wrong" % (uid, wrong))
    print("users done")


if __name__ == "__main__":
    main()
