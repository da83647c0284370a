#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 414-wiped - no key that was removed, and no raw key, is left in the daemon's memory
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt
_need_root # to look into it
_need_oracle

export SCEN_DEVICE= # engine and fallback are both looked at
cat >"$T/scan.py" <<'PY'
"""Which of these patterns (NAME=HEX) are in the memory of these processes?"""
import sys
pids = [int(p) for p in sys.argv[1].split()]
patterns = {n: bytes.fromhex(h) for n, h in (a.split("=") for a in sys.argv[2:])}
found = set()
for pid in pids:
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if line.split()[1][0] != "r" or end - start > 1 << 26:  # a sanitizer's own
                continue
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except (OSError, ValueError):   # [vvar], guard pages
                continue
            found |= {n for n, p in patterns.items() if p in data}
print(" ".join(sorted(found)) or "nothing")
PY
hex() { xxd -p -c 256 "$1"; }
prk() { python3 -c 'import hashlib, hmac, sys; print(hmac.new(bytes(64), bytes.fromhex(sys.argv[1]), hashlib.sha512).hexdigest())' "$1"; }
scan() { python3 "$T/scan.py" "$(_daemon_of "$M" | tr '\n' ' ')" "$@"; }

_init_store --no-policy
_mount_raw --locked --device "sim(keytypes=raw+wrapped,hwkey=$T/hw)" -o inlinecrypt "$S" "$M" || _fail "mount"
_make_key "$T/other" "another key"
head -c 32 "$T/other" >"$T/raw"
"$FUSCRYPT" key import-wrapped "$M" <"$T/raw" >"$T/lt" || _fail "import"
"$FUSCRYPT" key prepare-wrapped "$M" <"$T/lt" >"$T/eph" || _fail "prepare"
eval "$(python3 "$ORACLE/hwkeys.py" show --hwkey "$T/hw" <"$T/lt" | tr ' ' '=')"
# shellcheck disable=SC2154 # secret, inline and identifier are from there
patterns=("raw=$(hex "$K")" "raw-end=$(tail -c 16 "$K" | xxd -p)" "prk=$(prk "$(hex "$K")")"
	"imported=$(hex "$T/raw")" "wrapped=$(hex "$T/eph")" "wrapped-end=$(tail -c 32 "$T/eph" | xxd -p -c 64)"
	"secret=$secret" "secret-prk=$(prk "$secret")" "inline=${inline:0:64}" "inline-tweak=${inline:64}")
echo "at first: $(scan "${patterns[@]}")"

"$FUSCRYPT" key add "$M" <"$K" >/dev/null || _fail "add"
"$FUSCRYPT" key add --hw-wrapped "$M" <"$T/eph" >/dev/null || _fail "add"
mkdir "$M/raw" "$M/wrapped"
"$FUSCRYPT" policy set "$ID" "$M/raw" || _fail "policy"
# shellcheck disable=SC2154
"$FUSCRYPT" policy set --iv-ino-lblk-64 "$identifier" "$M/wrapped" || _fail "policy"
for d in raw wrapped; do
	seq 20000 >"$M/$d/file"
	_drop_caches
	seq 20000 | cmp - "$M/$d/file"
done
# The scan finds what must be there, so that it would find what must not.
echo "in use: $(scan "${patterns[@]}")"

"$FUSCRYPT" key remove "$ID" "$M" | head -n 1
"$FUSCRYPT" key remove "$identifier" "$M" | head -n 1
echo "afterwards: $(scan "${patterns[@]}")"

# By the kernel's ioctl the bytes take another way.
if command -v xfs_io >/dev/null; then
	xfs_io -c add_enckey "$M" <"$K" | _filter
	echo "by the kernel's ioctl: $(scan "${patterns[@]}")"
	xfs_io -c "rm_enckey $ID" "$M" | _filter
else
	echo "Added encryption key with identifier ID"
	echo "by the kernel's ioctl: prk"
	echo "Removed encryption key with identifier ID"
fi
echo "and then: $(scan "${patterns[@]}")"
_done
