#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 352-direct - asynchronous O_DIRECT writes while others read: nobody sees old data afterwards
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto user
_need_cmd python3

_init_store
_mount
timeout 120 python3 - <<'PY'
import ctypes, mmap, os, struct, threading, time

LIBC = ctypes.CDLL(None, use_errno=True)
IO_SETUP, IO_DESTROY, IO_GETEVENTS, IO_SUBMIT = (
    (206, 207, 208, 209) if os.uname().machine == "x86_64" else (0, 1, 4, 2))
SIZE = 655360
path = os.environ["M"] + "/file"

def sys(nr, *args):
    r = LIBC.syscall(nr, *args)
    if r < 0:
        raise OSError(ctypes.get_errno(), "syscall %d" % nr)
    return r

ctx = ctypes.c_ulong(0)
sys(IO_SETUP, 4, ctypes.byref(ctx))
bufs = []
for byte in (0x55, 0xAA):
    b = mmap.mmap(-1, SIZE)
    b.write(bytes([byte]) * SIZE)
    bufs.append(b)

def aio_write(fd, buf):
    addr = ctypes.addressof(ctypes.c_char.from_buffer(buf))
    iocb = ctypes.create_string_buffer(
        struct.pack("<QIIHhIQQqQII", 0, 0, 0, 1, 0, fd, addr, SIZE, 0, 0, 0, 0), 64)
    one = (ctypes.c_void_p * 1)(ctypes.addressof(iocb))
    event = ctypes.create_string_buffer(32)
    sys(IO_SUBMIT, ctx, ctypes.c_long(1), one)
    sys(IO_GETEVENTS, ctx, ctypes.c_long(1), ctypes.c_long(1), event, None)
    return struct.unpack("<QQqq", event.raw)[2]

with open(path, "wb") as f:
    f.write(bytes(SIZE))
stop = False

def reader():
    while not stop:
        fd = os.open(path, os.O_RDONLY)
        os.pread(fd, SIZE, 0)
        os.close(fd)

threads = [threading.Thread(target=reader) for _ in range(2)]
for t in threads:
    t.start()
direct = os.open(path, os.O_RDWR | os.O_DIRECT)
buffered = os.open(path, os.O_RDONLY)
stale = short = 0
end = time.monotonic() + 8
i = 0
while time.monotonic() < end:
    want = bufs[i % 2]
    short += aio_write(direct, want) != SIZE
    stale += os.pread(buffered, SIZE, 0) != want[:]
    i += 1
stop = True
for t in threads:
    t.join()
sys(IO_DESTROY, ctx)
print("many rounds:", i > 50)
print("short writes:", short)
print("stale reads:", stale)
PY
_done
