#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 250-crash - the daemon is killed: the mount ends, the next one is fine, what was synced is there
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
_mount
python3 - <<'PY'
import os
from ops import *
M = os.environ["M"]
for i in range(50):
    fd = os.open("%s/synced%d" % (M, i), os.O_CREAT | os.O_WRONLY, 0o644)
    os.write(fd, b"%d" % i * 1000)
    os.fsync(fd)
    os.close(fd)
os.mkdir(M + "/dir")
os.mkdir(M + "/dir2")
put(M + "/dir2/inner", b"inner")
fd = os.open(M + "/dir2/inner", os.O_RDONLY); os.fsync(fd); os.close(fd)
for i in range(50):
    put("%s/unsynced%d" % (M, i), b"x" * 5000)
    creat("%s/zero%d" % (M, i))
PY
for p in $(_daemon_of "$M"); do
	kill -9 "$p"
done
for _ in $(seq 50); do
	ls "$M" >/dev/null 2>&1 || break
	_is_mounted "$M" || break
	sleep 0.1
done
_is_mounted "$M" && { umount "$M" 2>/dev/null || fusermount3 -u "$M"; }
_mount
python3 - <<'PY'
import os
from ops import *
M = os.environ["M"]
print("synced:", sum(get("%s/synced%d" % (M, i)) == b"%d" % i * 1000 for i in range(50)), get(M + "/dir2/inner"))
ok = 0
for i in range(50):
    n = "%s/unsynced%d" % (M, i)
    d = attempt(get, n)
    # Never synced: whole, empty, zeros, or missing; never anything else.
    ok += d == "ENOENT" or d == "EUCLEAN" or (isinstance(d, bytes) and not d.strip(b"\0").strip(b"x"))
print("unsynced sound:", ok)
show("into the empty directory", put, M + "/dir/new", b"1\n")
names = os.listdir(M)
print("zero-length:", all(get("%s/%s" % (M, n)) == b"" for n in names if n.startswith("zero")))
PY
_remount
cat "$M/dir/new"
_done
