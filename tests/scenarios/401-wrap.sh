#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 401-wrap - IV_INO_LBLK_32: a file in which data unit numbers wrap, for the oracle and for the kernel
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt
_need_oracle

# Searched for: with this key the file with number 254 has data unit 23 at the wrap.
_make_key "$K" "wrap 66599"
_init_store --no-policy
printf 'fuscrypt-ino=1\nnext=253\n' >"$S/.fuscrypt/ino"
_mount
mkdir "$M/enc" "$T/plain"
"$FUSCRYPT" policy set --filenames=AES-256-CTS --iv-ino-lblk-32 "$ID" "$M/enc" || _fail "policy set"
cat >"$T/write.py" <<'PY'
import os, random, sys
rnd, path = random.Random(23), sys.argv[1]
with open(path, "wb", buffering=0) as f:
    f.write(rnd.randbytes(200000))
    for _ in range(200):
        f.seek(23 * 4096 + rnd.randrange(-9000, 9000))
        f.write(rnd.randbytes(rnd.randrange(1, 12000)))
    os.fsync(f.fileno())
PY
python3 "$T/write.py" "$M/enc/file"
python3 "$T/write.py" "$T/plain/file"
stat -c %i "$M/enc" "$M/enc/file"
_remount
cmp "$M/enc/file" "$T/plain/file" && echo "read again: the same"
_umount
python3 - "$K" <<'PY'
import hashlib, hmac, sys
import refdecrypt as r
key = open(sys.argv[1], "rb").read()
prk = hmac.new(bytes(64), key, hashlib.sha512).digest()
k = hmac.new(prk, b"fscrypt\0\x07\x01", hashlib.sha512).digest()[:16]
print("wraps at data unit", -r.siphash24(k, (254).to_bytes(8, "little")) & 0xffffffff)
PY
python3 "$ORACLE/check_store.py" --store "$S/enc" --key-file "$K" --plain "$T/plain"
if [ "$(id -u)" -eq 0 ] && [ -e /sys/fs/ext4/features/encryption ] && losetup -f >/dev/null 2>&1; then
	python3 "$ORACLE/store2kernel.py" make "$S" enc "$K" "$T/img" >"$T/carry" || cat "$T/carry"
	python3 "$ORACLE/store2kernel.py" mount "$T/img" "$M" "$K" || _fail "mount"
	cmp "$M/enc/file" "$T/plain/file" || echo "the kernel reads something else"
	umount "$M"
fi
_done
