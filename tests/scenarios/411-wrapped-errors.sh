#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 411-wrapped-errors - what a hardware-wrapped key is refused for, and by whom
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt
_need_cmd python3

export SCEN_DEVICE= # the devices are what this is about
sim() { echo "sim(keytypes=raw+wrapped,hwkey=$T/${1:-hw}${2:-})"; }
mount_on() { _mount_raw --locked "$@" "$S" "$M" || _fail "mount $*"; }
key() { "$FUSCRYPT" key "$@" 2>&1 >/dev/null | _filter; }

_init_store --no-policy
head -c 32 "$K" >"$T/raw"
mount_on --device "$(sim)" -o inlinecrypt
"$FUSCRYPT" key import-wrapped -o "$T/lt" "$M" <"$T/raw" || _fail "import"
"$FUSCRYPT" key prepare-wrapped -o "$T/eph" "$M" <"$T/lt" || _fail "prepare"
WID=$("$FUSCRYPT" key add --hw-wrapped --json "$M" <"$T/eph" | python3 -c 'import json, sys; print(json.load(sys.stdin)["identifier"])')
mkdir "$M/good" "$M/bad"
"$FUSCRYPT" policy set --iv-ino-lblk-64 "$WID" "$M/good" || _fail "policy"
echo text >"$M/good/file"

echo "# the kernel's ioctls"
cat >"$T/ioctls.py" <<'PY'
import ctypes, errno, fcntl, os, struct
T, M = os.environ["T"], os.environ["M"]
IMPORT, GENERATE, PREPARE, ADD = 0xc0401289, 0xc030128a, 0xc040128b, 0xc0506617
fd = os.open(M, os.O_RDONLY)
raw, lt, eph = (open("%s/%s" % (T, n), "rb").read() for n in ("raw", "lt", "eph"))

def ptr(data):
    buf = ctypes.create_string_buffer(data, len(data))
    keep.append(buf)
    return ctypes.addressof(buf)
keep = []

def call(label, cmd, arg):
    arg = bytearray(arg)
    try:
        fcntl.ioctl(fd, cmd, arg)
        print(label, "ok")
    except OSError as e:
        print(label, errno.errorcode[e.errno])
    return arg

def size_of(arg, at):
    return struct.unpack_from("<Q", arg, at)[0]

room = bytes(128)
def imp(label, size=32, src=None, dst=None, space=128, reserved=0):
    return call("import " + label, IMPORT, struct.pack(
        "<8Q", ptr(raw + raw) if src is None else src, size,
        ptr(room) if dst is None else dst, space, 0, 0, reserved, 0))
print(size_of(imp("32"), 24))
for n in (0, 15, 16, 31, 33, 64, 65, 2**63):
    imp(str(n), n)
imp("source", src=8)
imp("destination", dst=8)
print(size_of(imp("room 67", space=67), 24))
print(size_of(imp("room 68", space=68), 24))
imp("reserved", reserved=1)
def gen(label, dst=None, space=128, reserved=0):
    return call("generate " + label, GENERATE, struct.pack(
        "<6Q", ptr(room) if dst is None else dst, space, reserved, 0, 0, 0))
print(size_of(gen("room 128"), 8))
gen("room 0", space=0)
gen("destination", dst=0)
gen("reserved", reserved=1)
def prep(label, key=lt, size=None, src=None, dst=None, space=128, reserved=0):
    return call("prepare " + label, PREPARE, struct.pack(
        "<8Q", ptr(key) if src is None else src, len(key) if size is None else size,
        ptr(room) if dst is None else dst, space, 0, reserved, 0, 0))
print(size_of(prep("good"), 24))
prep("129 bytes", key=bytes(129))
prep("128 bytes", key=bytes(128))
prep("no bytes", key=b"")
prep("ephemeral", key=eph)
prep("changed", key=lt[:-1] + bytes([lt[-1] ^ 1]))
prep("source", src=8)
prep("destination", dst=8)
prep("room 67", space=67)
prep("reserved", reserved=1)

def add(label, key, spec=2, flags=1, size=None, key_id=0):
    arg = struct.pack("<II32xIII28x", spec, 0, len(key) if size is None else size, key_id, flags)
    return call("add " + label, ADD, arg + key)
add("good", eph)
add("long-term", lt)
add("changed", eph[:30] + bytes([eph[30] ^ 1]) + eph[31:])
add("as raw", eph, flags=0)
add("as raw, cut to 64", eph[:64], flags=0)
add("raw as wrapped", raw)
add("15 bytes", eph[:15])
add("16 bytes", eph[:16])
add("128 bytes", eph.ljust(128, b"\0"))
add("129 bytes", eph.ljust(129, b"\0"))
add("by descriptor", eph, spec=1)
add("unknown flag", eph, flags=3)
os.close(fd)
PY
python3 "$T/ioctls.py"

echo "# a policy that it does not go with"
"$FUSCRYPT" policy set "$WID" "$M/bad" || _fail "policy"
_try "create" touch "$M/bad/file"
_try "mkdir" mkdir "$M/bad/dir"
_umount

echo "# another start of the device"
mount_on --device "$(sim)" -o inlinecrypt
key add --hw-wrapped "$M" <"$T/eph"
_try "open" cat "$M/good/file"
_umount

echo "# another device"
mount_on --device "$(sim other)" -o inlinecrypt
key prepare-wrapped "$M" <"$T/lt"
_umount

echo "# without -o inlinecrypt: the device prepares, the mount does not take"
mount_on --device "$(sim)"
"$FUSCRYPT" key prepare-wrapped "$M" <"$T/lt" >"$T/eph2" || _fail "prepare"
key add --hw-wrapped "$M" <"$T/eph2"
_umount

echo "# devices for raw keys"
for dev in sim file; do
	mount_on --device "$dev" -o inlinecrypt
	key add --hw-wrapped "$M" <"$T/eph"
	key import-wrapped "$M" <"$T/raw"
	key generate-wrapped "$M"
	key prepare-wrapped "$M" <"$T/lt"
	# The same secret as a raw key is another key.
	"$FUSCRYPT" key add "$M" <"$T/raw" >/dev/null || _fail "add"
	find "$M/good" -mindepth 1 | wc -l
	find "$M/good" -name file
	_umount
done

echo "# an engine that cannot do the contents"
mount_on --device "$(sim hw ,modes=aes-256-xts:512)" -o inlinecrypt
"$FUSCRYPT" key prepare-wrapped "$M" <"$T/lt" | "$FUSCRYPT" key add --hw-wrapped "$M" >/dev/null || _fail "add"
ls "$M/good"
_try "open" cat "$M/good/file"
_try "create" touch "$M/good/new"
_try "mkdir" mkdir "$M/good/dir"
_umount

echo "# an engine for wrapped keys only, and no fallback"
mount_on --device "sim(keytypes=wrapped,hwkey=$T/hw)" -o inlinecrypt --no-fallback
"$FUSCRYPT" key prepare-wrapped "$M" <"$T/lt" | "$FUSCRYPT" key add --hw-wrapped "$M" >/dev/null || _fail "add"
"$FUSCRYPT" key add "$M" <"$K" >/dev/null || _fail "add"
cat "$M/good/file"
mkdir "$M/raw" "$M/more"
_try "policy for raw keys" "$FUSCRYPT" policy set "$ID" "$M/raw"
_try "policy for wrapped keys" "$FUSCRYPT" policy set --iv-ino-lblk-32 "$WID" "$M/more"
echo text >"$M/more/file"
_umount

echo "# words"
key prepare-wrapped "$S" <"$T/lt"
key generate-wrapped "$S"
key generate-wrapped --device file
key generate-wrapped --device "$(sim nix/nix)"
head -c 31 "$T/raw" | key import-wrapped --device "$(sim)"
key add --hw-wrapped --v1 "$M" <"$T/eph"
_try "device without a file" "$FUSCRYPT" mount --locked --device "sim(keytypes=wrapped)" "$S" "$M"
_done
