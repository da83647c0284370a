#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 120-many-files - more files known than RLIMIT_NOFILE allows to be open
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto user

_init_store
(ulimit -n 256 && _mount_raw --key "$K" "$S" "$M") || _fail "mount"
python3 - <<'PY'
import os, resource
from ops import *
M = os.environ["M"]
N = 3000
for i in range(N):
    if i % 100 == 0:
        os.mkdir("%s/d%d" % (M, i // 100))
    put("%s/d%d/f%d" % (M, i // 100, i), b"%d" % i)
print("known:", sum(len(f) for _, _, f in os.walk(M)))
print("read:", all(get("%s/d%d/f%d" % (M, i // 100, i)) == b"%d" % i for i in range(N)))
# Directories nested deeper than descriptors there are
path = M
for i in range(400):
    path += "/n"
    os.mkdir(path)
put(path + "/leaf", b"deep")
print("deep:", get(path + "/leaf"))
os.rename(M + "/n", M + "/m")
print("after a rename above:", get(path.replace(M + "/n", M + "/m", 1) + "/leaf"))
# And a hundred open at once while the rest is used
fds = [os.open("%s/d0/f%d" % (M, i), os.O_RDWR) for i in range(100)]
print("with 100 open:", sum(1 for d, _, fs in os.walk(M + "/d5") for f in fs if get(os.path.join(d, f))))
print("open ones:", all(os.pread(fd, 9, 0) == b"%d" % i for i, fd in enumerate(fds)))
PY
_remount
find "$M" -type f | wc -l
_done
