#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# stuck-ioctls.py - requests whose argument is memory that never comes: what else the mount does meanwhile
#
# usage: stuck-ioctls.py NUMBER DIR FILE COMMAND...
# NUMBER threads on one processor ask DIR for SET_ENCRYPTION_POLICY, at an address that a userfaultfd
# watches and nobody fills. Then FILE is read on the same processor by another process, and with the
# requests still under way COMMAND runs.
import ctypes
import fcntl
import mmap
import os
import struct
import subprocess
import sys
import threading
import time

SYS_userfaultfd = {"x86_64": 323, "aarch64": 282}[os.uname().machine]
UFFDIO_API = 0xC018AA3F
UFFDIO_REGISTER = 0xC020AA00
SET_POLICY = 0x800C6613

number, where, what = int(sys.argv[1]), sys.argv[2], sys.argv[3]
libc = ctypes.CDLL(None, use_errno=True)
uffd = libc.syscall(SYS_userfaultfd, os.O_CLOEXEC)
if uffd < 0:
    sys.exit(77)
fcntl.ioctl(uffd, UFFDIO_API, struct.pack("=QQQ", 0xAA, 0, 0))
page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
fcntl.ioctl(uffd, UFFDIO_REGISTER, struct.pack("=QQQQ", address, 4096, 1, 0))
fd = os.open(where, os.O_RDONLY)
cpu = min(os.sched_getaffinity(0))
os.sched_setaffinity(0, {cpu})


def ask():
    libc.ioctl(fd, ctypes.c_ulong(SET_POLICY), ctypes.c_void_p(address))


def asleep(t):
    try:
        with open(f"/proc/self/task/{t.native_id}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "SD"
    except OSError:
        return True  # refused


threads = [threading.Thread(target=ask, daemon=True) for _ in range(number)]
for t in threads:
    t.start()
# All of them sleep in the request, or wait for an entry to make it by.
for _ in range(3000):
    if all(asleep(t) for t in threads):
        break
    time.sleep(0.01)
time.sleep(0.2)
if not all(t.is_alive() for t in threads):
    print(f"{sum(not t.is_alive() for t in threads)} of them are refused", flush=True)
with open(what, "rb") as f:
    wanted = len(f.read())
dd = subprocess.Popen(["dd", "iflag=direct", "status=none", "if=" + what], stdout=subprocess.PIPE)
# A file that is read asynchronously queues up behind those that found no entry when they came. Linux (6.18) gives
# such requests to an entry that has just been answered, not to new ones: somebody has to ask for something.
end = time.monotonic() + 60
while dd.poll() is None and time.monotonic() < end:
    os.path.exists(f"{where}/{time.monotonic()}")
    time.sleep(0.001)
if dd.poll() is None:
    print("stands still", flush=True)
else:
    print("read" if len(dd.stdout.read()) == wanted else "not read", flush=True)
os.sched_setaffinity(0, range(os.cpu_count()))
if len(sys.argv) > 4:
    subprocess.run(sys.argv[4:])
# The memory comes: a thread in a request that is being served cannot be killed.
os.close(uffd)
for t in threads:
    t.join()
