#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 493-status - fuscrypt status: devices, keyslots, keys and open files are what they should be, in text and JSON
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
_need_cmd python3

export SCEN_DEVICE=
status() { # N CODE: with f1 to fN open, what of `st` (the status) and `ID` Python is to print
	python3 -c '
import json, os, subprocess, sys, time
prog, mnt, ID, n = sys.argv[1:5]
# Held open, for somebody may have the kernel drop its caches meanwhile.
ro = os.statvfs(mnt).f_flag & os.ST_RDONLY
held = [os.open(f"{mnt}/f{i + 1}", os.O_RDONLY if ro else os.O_RDWR) for i in range(int(n))]
for fd in held:
    if not ro:
        os.pwrite(fd, b"x" * 5000, 0)
        os.fsync(fd)
def status():
    out = subprocess.run([prog, "status", "--json", mnt], stdout=subprocess.PIPE, check=True).stdout
    assert out.count(b"\n") == 1
    return json.loads(out)
st = status()
for i in range(300):
    if st["open_files"] == len(held):
        break
    time.sleep(0.1) # closes are told late
    st = status()
profiles = {p["name"]: p for p in st["profiles"]}
devices = {d["name"]: d for d in st["devices"]}
'"$2" "$FUSCRYPT" "$M" "$ID" "$1" || _fail "status"
}
files() { # FIRST LAST: written, and with keys of their own, in the store
	python3 -c '
import os, sys
for i in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
    fd = os.open(f"{sys.argv[1]}/f{i}", os.O_RDWR | os.O_CREAT)
    os.write(fd, b"x" * 5000); os.fsync(fd); os.close(fd)' "$M" "$1" "$2"
}

echo "--- two keyslots"
_init_store
_mount --device 'sim(slots=2)' -o inlinecrypt
files 1 5
status 5 '
p = profiles["sim"]
print("profiles", sorted(profiles), "devices", [(d["name"], d["depth"]) for d in st["devices"]])
print("slots", p["slots"], "occupied", p["occupied"], "in flight", p["in_flight"])
print("keys in slots", set(s["key"] == ID for s in p["keyslots"]), sorted(s["slot"] for s in p["keyslots"]))
print("modes", set((s["mode"], s["data_unit_size"]) for s in p["keyslots"]))
print("programs of five keys", p["programs"] >= 5, "failed", p["program_errors"])
print("capabilities", p["capabilities"]["num_keyslots"], p["capabilities"]["modes/AES-256-XTS"])
for d in st["devices"]:
    print(d["name"], "writes", d["writes"] >= 5, "bytes", d["write_bytes"] >= 5 * 12288, "flushes", d["flushes"] >= 5, "errors", d["errors"], "in flight", d["in_flight"], "latency", d["latency"]["write"]["count"] == d["writes"], 0 < d["latency"]["write"]["p50_us"] <= d["latency"]["write"]["p99_us"] <= d["latency"]["write"]["max_us"])
print("keys", [(k["key"] == ID, k["status"], k["user_count"], len(k["holders"])) for k in st["keys"]])
print("mount", st["mount"].endswith("/mnt"), st["store"].endswith("/store"), st["device"], st["inlinecrypt"], st["fallback"], st["writeback"], st["shared"], st["read_only"])
print("up", st["uptime_seconds"] > 0, "open files", st["open_files"], "of more", st["max_open_files"] > 5, "daemon", st["pid"] > 1)
'
"$FUSCRYPT" status "$M" | _filter | sed '/^Options/s/, io_uring//' | grep -E '^(Mount|Store|Device|Options|Open|KEY|ID|DEVICE|Keyslots)' | sed 's/Present .*/Present/; s/[0-9]* of [0-9]*$/N of N/; s/: 2, .*/: 2/'
id=$ID
"$FUSCRYPT" key remove "$id" "$M" >/dev/null || _fail "key remove"
status 0 'print("locked: occupied", profiles["sim"]["occupied"], "evictions", profiles["sim"]["evictions"] > 0, "keys", len(st["keys"]))'
_umount

echo "--- the fallback"
_mount -o ro --device 'sim(slots=2)'
status 5 '
for fd in held:
    assert os.read(fd, 9000) == b"x" * 5000
st = status()
profiles = {p["name"]: p for p in st["profiles"]}
devices = {d["name"]: d for d in st["devices"]}
p = profiles["fallback"]
print("fallback slots", p["slots"], "occupied", p["occupied"], set(s["key"] == ID for s in p["keyslots"]), "sim occupied", profiles["sim"]["occupied"])
print("reads", devices["file"]["reads"] >= 5, "latency", devices["file"]["latency"]["read"]["count"] == devices["file"]["reads"])
print(st["inlinecrypt"], st["read_only"])
'
_umount
_mount --device 'sim(slots=0)' -o inlinecrypt --no-fallback
status 0 'print("no slots:", profiles["sim"]["slots"], len(profiles["sim"]["keyslots"]), "fallback", st["fallback"])'
_umount

echo "--- more keyslots and keys than fit one answer"
_mount --device 'sim(slots=300)' -o inlinecrypt
files 1 250
python3 - "$M" <<-'PY'
	import fcntl, os, struct, sys
	fd = os.open(sys.argv[1], os.O_RDONLY)
	for i in range(139):
	    raw = bytes([i]) * 32
	    arg = bytearray(struct.pack("<II32xI36x", 2, 0, len(raw)) + raw)
	    fcntl.ioctl(fd, 0xc0506617, arg)
PY
status 250 '
p = profiles["sim"]
for fd in held:
    os.pread(fd, 1, 0)
print("occupied", p["occupied"], "slots shown", len(set(s["slot"] for s in p["keyslots"])))
print("keys", len(set(k["key"] for k in st["keys"])), set(k["status"] for k in st["keys"]))
'

echo "--- bad input"
_code "no mount point" "$FUSCRYPT" status
_code "two" "$FUSCRYPT" status "$M" "$M"
_code "no mount" "$FUSCRYPT" status "$T"
_filter <"$T/message"
_code "nothing there" "$FUSCRYPT" status "$T/none"
python3 - "$M" <<-'PY'
	import errno, fcntl, os, struct, sys
	SIZE = 12024
	fd = os.open(sys.argv[1], os.O_RDONLY)
	def ask(version, section, index=0, start=0):
	    buf = bytearray(struct.pack("<6I", version, section, index, start, 77, 77) + bytes(SIZE - 24))
	    try:
	        fcntl.ioctl(fd, 3 << 30 | SIZE << 16 | ord("f") << 8 | 0xf0, buf)
	    except OSError as e:
	        return errno.errorcode[e.errno]
	    return struct.unpack("<2I", buf[16:24])
	print("version", ask(2, 0), "section", ask(1, 9), "profile", ask(1, 3, 99))
	print("past the end", ask(1, 1, 0, 5), ask(1, 3, 0, 0xffffffff), ask(1, 4, 0, 140))
PY
_umount
_done
