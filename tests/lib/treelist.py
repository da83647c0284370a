#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists a tree: one line an entry with everything a copy must keep.

  treelist.py [--no-times] [--no-data] [--no-owner] DIR

Type, mode, owner, links, size, mtime, xattrs, SHA-256 of contents or the link's target. Hard links
show as the first name (in order) of the same inode."""
import hashlib
import os
import stat
import sys

KINDS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p",
         stat.S_IFSOCK: "s", stat.S_IFCHR: "c", stat.S_IFBLK: "b"}


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        while True:
            b = f.read(1 << 20)
            if not b:
                return h.hexdigest()
            h.update(b)


def walk(top, rel, opts, first):
    full = os.path.join(top, rel) if rel else top
    st = os.lstat(full)
    kind = KINDS[stat.S_IFMT(st.st_mode)]
    line = [kind, "%04o" % stat.S_IMODE(st.st_mode)]
    if "--no-owner" not in opts:
        line.append("%d:%d" % (st.st_uid, st.st_gid))
    if kind != "d":
        line.append("n%d" % st.st_nlink)
        line.append(str(st.st_size))
    if "--no-times" not in opts:
        line.append("%d" % st.st_mtime_ns)
    try:
        for x in sorted(os.listxattr(full, follow_symlinks=False)):
            if x.startswith(("user.", "system.posix_acl")):
                line.append("%s=%s" % (x, os.getxattr(full, x, follow_symlinks=False).hex()))
    except OSError as e:
        line.append("xattr:%s" % e.strerror)
    if kind in "cb":
        line.append("%d,%d" % (os.major(st.st_rdev), os.minor(st.st_rdev)))
    if kind == "l":
        line.append("-> %r" % os.readlink(full))
    if kind != "d" and st.st_nlink > 1:
        name = first.setdefault((st.st_dev, st.st_ino), rel)
        if name != rel:
            line.append("= %r" % name)
    if kind == "f" and "--no-data" not in opts:
        line.append(digest(full))
    print("%r" % rel, *line)
    if kind == "d":
        for n in sorted(os.listdir(full)):
            walk(top, os.path.join(rel, n), opts, first)


def main():
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    opts = [a for a in sys.argv[1:] if a.startswith("--")]
    walk(os.fsencode(args[0]), b"", opts, {})


if __name__ == "__main__":
    main()
