#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 354-room - on a full disk the room of a file just deleted is there at once
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto
_need_loop
_need_space 400

truncate -s 256M "$T/img"
mke2fs -q -F -t ext4 -m 0 "$T/img" || _fail "mke2fs"
mkdir "$T/disk"
mount -o loop "$T/img" "$T/disk" || _notrun "cannot mount a loop device"
S=$T/disk/store
export S
_init_store
_mount
python3 - <<'PY'
import errno, os
M = os.environ["M"]
data = bytes(1 << 20)

def free():
    st = os.statvfs(M)
    return st.f_bavail * st.f_frsize

def fill():
    fd = os.open(M + "/big", os.O_CREAT | os.O_WRONLY, 0o644)
    try:
        while True:
            os.write(fd, data)
    except OSError as e:
        return errno.errorcode[e.errno]
    finally:
        os.close(fd)

before = free()
for i in range(5):
    print(fill(), "full:", free() < before // 20)
    os.unlink(M + "/big")
    print("room as before:", free() > before * 0.99)
for i in range(5):
    fill()
    os.unlink(M + "/big")
    fd = os.open(M + "/next", os.O_CREAT | os.O_WRONLY, 0o644)
    n = os.write(fd, data) if i % 2 else 0
    os.posix_fallocate(fd, 0, 100 << 20)
    os.close(fd)
    os.unlink(M + "/next")
print("written again at once")
PY
_done
