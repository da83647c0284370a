#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 402-to-kernel - what fuscrypt wrote, placed under the kernel's fscrypt: it reads the same tree
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto encrypt
_need_kernel_fscrypt
_need_space 200

_make_key "$K"
mkdir "$T/mnt"
python3 "$ORACLE/mktree.py" --salt to-kernel --no-far "$T/mnt" && mv "$T/mnt" "$T/plain"
_tree_list --no-times "$T/plain" >"$T/a"
# Names with CTS: not every kernel has HCTR2.
desc=$(printf '%s' "$(sha512sum <"$K" | cut -c1-128 | xxd -r -p | sha512sum)" | cut -c1-16)
while read -r name id flags; do
	"$FUSCRYPT" init --no-policy "$S" >/dev/null || _fail "init"
	# Below 11 the numbers are ext4's own.
	printf 'fuscrypt-ino=1\nnext=100\n' >"$S/.fuscrypt/ino"
	_mount_raw --locked "$S" "$M" || _fail "mount"
	if [ "$id" = v1 ]; then
		id=$desc
		xfs_io -c "add_enckey -d $id" "$M" <"$K" >/dev/null || _fail "add_enckey"
	else
		id=$("$FUSCRYPT" key add "$M" <"$K" | grep -o '[0-9a-f]\{32\}') || _fail "key add"
	fi
	mkdir "$M/enc"
	# shellcheck disable=SC2086
	"$FUSCRYPT" policy set --filenames=AES-256-CTS $flags "$id" "$M/enc" || _fail "policy set"
	python3 "$ORACLE/mktree.py" --salt to-kernel --no-far "$M/enc" || _fail "mktree"
	_umount
	echo "$name: $(python3 "$ORACLE/store2kernel.py" make "$S" enc "$K" "$T/img")" || _fail "make"
	python3 "$ORACLE/store2kernel.py" mount "$T/img" "$M" "$K" || _fail "mount"
	_tree_list --no-times "$M/enc" >"$T/b"
	cmp "$T/a" "$T/b" && echo "the kernel reads the same tree"
	umount "$M"
	rm -rf "$S" "$T/img"
done <<'TABLE'
v2 v2 --padding=32
v2-pad4 v2 --padding=4
v2-du512 v2 --data-unit-size=512 --padding=16
v2-du1024 v2 --data-unit-size=1024 --padding=8
v2-du2048 v2 --data-unit-size=2048 --padding=32
v2-du4096 v2 --data-unit-size=4096 --padding=32
v2-lblk64 v2 --iv-ino-lblk-64
v2-lblk64-du4096 v2 --iv-ino-lblk-64 --data-unit-size=4096 --padding=4
v2-lblk32 v2 --iv-ino-lblk-32
v2-lblk32-du4096 v2 --iv-ino-lblk-32 --data-unit-size=4096 --padding=8
v1 v1 --v1 --padding=32
v1-pad4 v1 --v1 --padding=4
TABLE
_done
