#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 471-device-faults - what fails below is told at write, fsync or close, and loses nothing else
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto
export SCEN_DEVICE=

_init_store
cat >"$T/faults.py" <<'PY'
import os, sys
from ops import *
M, T, how = os.environ["M"], os.environ["T"], sys.argv[1]
BAD = T + "/bad"

def steps(fd, data):
    """The errno of the first of write, fsync, close that fails: which one is the cache's business."""
    results = [attempt(os.pwrite, fd, data, 0), attempt(os.fsync, fd), attempt(os.close, fd)]
    return ([r for r in results if isinstance(r, str) and r != "ok"] + ["no error"])[0]

old = b"old " * 5000
for n in ("kept", "changed", "grown"):
    put(M + "/" + n, old)
    fd = os.open(M + "/" + n, os.O_RDONLY); os.fsync(fd); os.close(fd)
open(BAD, "w").close()
print(how, "overwrite:", steps(os.open(M + "/changed", os.O_RDWR), b"new!" * 5000))
print(how, "append:", steps(os.open(M + "/grown", os.O_RDWR), old + b"more" * 5000))
print(how, "new file:", steps(os.open(M + "/new", os.O_RDWR | os.O_CREAT), old))
os.unlink(BAD)
# Nothing else is hurt, and what failed can be done again.
print("kept:", get(M + "/kept") == old)
for n in ("changed", "grown", "new"):
    fd = os.open(M + "/" + n, os.O_RDWR)
    print(n, "again:", steps(fd, b"good" * 10000))
PY
cat >"$T/look.py" <<'PY'
import os
from ops import *
M = os.environ["M"]
print("kept:", get(M + "/kept") == b"old " * 5000)
print("others:", [get(M + "/" + n) == b"good" * 10000 for n in ("changed", "grown", "new")])
PY
while read -r what err opt; do
	# shellcheck disable=SC2086 # an option and its argument, or nothing
	_mount --device "sim(slots=1;flakey(while=$T/bad,what=$what,errno=$err))" -o inlinecrypt $opt
	python3 "$T/faults.py" "$what${opt#-o}:" </dev/null
	_umount
	_mount
	python3 "$T/look.py"
	rm -f "$M"/*
	_umount
done <<'LIST'
write EIO
write ENOSPC -o nowriteback
flush EDQUOT
write+flush EIO -o nowriteback
LIST
# Reads: an error, not other data.
_mount
head -c 100000 /dev/zero >"$M/file"
_umount
_mount --device "flakey(while=$T/bad,what=read,errno=ETIMEDOUT)"
touch "$T/bad"
_try "read" cat "$M/file"
rm "$T/bad"
_try "read again" cmp -n 100000 "$M/file" /dev/zero
_umount
# A mount on something that is no file.
_code "mem" _mount_raw --key "$K" --device mem "$S" "$M"
sed "s|$SCEN_TMP|TMP|" "$T/message"
_code "mem below" _mount_raw --key "$K" --device 'dm(0+* linear sim(;mem))' "$S" "$M"
sed "s|$SCEN_TMP|TMP|" "$T/message"
_done
