#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 020-locked - without the key: names list, stat and delete; everything else is ENOKEY
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt

_init_store
_mount
mkdir "$M/dir" "$M/void"
echo text >"$M/file"
: >"$M/empty"
ln -s target "$M/link"
mkfifo "$M/fifo"
echo in >"$M/dir/inner"
long=$(printf 'n%.0s' $(seq 255))
echo long >"$M/$long"
_umount
_mount_locked
python3 - <<'PY'
import os, stat, sys
from ops import *
M = os.environ["M"]
j = lambda *a: os.path.join(M, *a)
names = os.listdir(M)
print("names:", len(names), "all no-key:", all(len(n) >= 22 and len(n) <= 252 for n in names))
kind, size = {}, {}
for n in names:
    st = os.lstat(j(n))
    t = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo"}[stat.S_IFMT(st.st_mode)]
    if t == "file":
        t = {5: "long" if len(n) > 200 else "file", 0: "empty"}[st.st_size]
    if t == "dir":
        t = "dir" if os.listdir(j(n)) else "void"
    kind[t] = j(n)
print("kinds:", *sorted(kind))
f, e, d, v, l, p = (kind[k] for k in ("file", "empty", "dir", "void", "link", "fifo"))
st = os.lstat(l)
print("symlink size is its text's length:", st.st_size == len(os.readlink(l)))
show("chdir", os.chdir, d)
os.chdir("/")
show("look-up by plaintext name", os.lstat, j("file"))
show("look-up of a malformed name", os.lstat, j("AAAA"))
show("look-up over 252", os.lstat, j("A" * 253))
show("look-up over 255", os.lstat, j("A" * 256))
show("open read", opened, f, os.O_RDONLY)
show("open write", opened, f, os.O_WRONLY)
show("open read-write", opened, f, os.O_RDWR)
show("open truncate", opened, f, os.O_WRONLY | os.O_TRUNC)
show("open empty", opened, e, os.O_RDONLY)
show("open O_PATH", opened, f, os.O_PATH)
show("open create existing", opened, f, os.O_WRONLY | os.O_CREAT)
show("open create excl existing", creat, f)
show("create", creat, j("new"))
show("create valid-looking", creat, j("A" * 43))
show("O_TMPFILE", opened, d, os.O_TMPFILE | os.O_RDWR)
show("mkdir", os.mkdir, j("newdir"))
show("mkdir existing", os.mkdir, d)
show("symlink", os.symlink, "x", j("newlink"))
show("mkfifo", os.mkfifo, j("newfifo"))
show("link", os.link, f, j("new"))
show("link onto existing", os.link, f, e)
show("rename", os.rename, f, j("new"))
show("rename onto existing", os.rename, f, e)
show("rename fifo", os.rename, p, j("new"))
show("exchange", rename2, f, e, EXCHANGE)
show("rename missing", os.rename, j("missing"), j("new"))
show("rename onto itself", os.rename, f, f)
show("truncate", os.truncate, f, 1)
show("truncate to the same", os.truncate, f, 5)
show("truncate empty", os.truncate, e, 0)
show("chmod", os.chmod, f, 0o755)
show("execve", os.execv, f, [f])
print("access X_OK:", os.access(f, os.X_OK))
show("utimens", os.utime, f, (1, 1))
show("chown to self", os.chown, f, os.getuid(), os.getgid())
show("setxattr", os.setxattr, f, "user.x", b"1")
show("getxattr", os.getxattr, f, "user.x")
show("listxattr", os.listxattr, f)
show("removexattr", os.removexattr, f, "user.x")
show("follow the link", os.stat, l)
show("open fifo", opened, p, os.O_RDWR | os.O_NONBLOCK)
show("unlink a directory", os.unlink, d)
show("unlink by plaintext name", os.unlink, j("file"))
show("rmdir non-empty", os.rmdir, d)
show("rmdir empty", os.rmdir, v)
show("unlink file", os.unlink, f)
show("unlink link", os.unlink, l)
show("unlink fifo", os.unlink, p)
show("unlink long name", os.unlink, kind["long"])
print("left:", len(os.listdir(M)))
PY
rm -r "${M:?}"/* && ls -A "$M" | wc -l
_umount
find "$S" -mindepth 1 -name .fuscrypt -prune -o -printf '%P\n' | grep -v '^$' | grep -v '^.fuscrypt.ctx$' | wc -l
_done
