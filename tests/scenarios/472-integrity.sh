#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 472-integrity - checksums under a mount: damage is told, holes and cuts are none, no inline encryption
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt
export SCEN_DEVICE=

_init_store
mkdir "$T/tags" "$T/plain"
dev="integrity(tags=$T/tags)"
_mount --device "$dev" -o inlinecrypt
cat >"$T/work.py" <<'PY'
import os, random, sys
from ops import *
rnd = random.Random(472)
for i in range(12):
    fd = os.open("%s/f%d" % (sys.argv[1], i), os.O_RDWR | os.O_CREAT, 0o644)
    for _ in range(12):
        what, at = rnd.randrange(5), rnd.randrange(60000)
        if what < 3:
            os.pwrite(fd, rnd.randbytes(rnd.choice((1, 511, 4096, 9999))), at)
        elif what == 3:
            os.ftruncate(fd, at)
        else:
            fallocate("%s/f%d" % (sys.argv[1], i), 3, at, 5000)  # a hole
    os.close(fd)
PY
python3 "$T/work.py" "$M"
python3 "$T/work.py" "$T/plain"
head -c 100000 /dev/urandom >"$T/big"
cp "$T/big" "$M/big"
_umount
_mount --device "sim(;$dev)" -o inlinecrypt
(cd "$M" && sha256sum f* big) >"$T/sums"
(cd "$T/plain" && cp ../big . && sha256sum f* big) | cmp - "$T/sums" && echo "reads back"
_umount
# One bit of the store's largest file.
f=$(find "$S" -maxdepth 1 -type f -size +100k | head -n 1)
python3 - "$f" <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
b = os.pread(fd, 1, 4096 + 70000)
os.pwrite(fd, bytes([b[0] ^ 1]), 4096 + 70000)
PY
_mount --device "$dev"
_try "damaged" cat "$M/big"
_try "its first half" cmp -n 65536 "$M/big" "$T/big"
dd if="$T/big" of="$M/big" conv=notrunc bs=64k status=none
_try "written again" cmp "$M/big" "$T/big"
_umount
# Without the fallback nobody would encrypt.
_code "no fallback" "$FUSCRYPT" mount --key "$K" --device "sim(;$dev)" -o inlinecrypt --no-fallback "$S" "$M"
sed "s|$SCEN_TMP|TMP|" "$T/message"
_code "no such folder" "$FUSCRYPT" mount --key "$K" --device "integrity(tags=$T/none)" "$S" "$M"
_mount
cmp "$M/big" "$T/big" && echo "and without it"
_done
