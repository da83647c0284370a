#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 041-kernel - what the kernel wrote fuscrypt reads; what fuscrypt writes over it are the kernel's bytes
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto encrypt
_need_kernel_fscrypt
_need_space 600

_make_key "$K"
k2s() {
	python3 "$ORACLE/kernel2store.py" "$@"
}
# log2 of the data unit size, padding, flags (8: IV_INO_LBLK_64, 16: IV_INO_LBLK_32)
for p in 9:4:0 10:8:0 11:16:0 12:32:0 0:32:0 0:32:8 12:4:8 0:32:16 12:16:16; do
	IFS=: read -r du pad flags <<<"$p"
	mkdir "$T/plain"
	k2s make "$T/img" "$M" "$K" "$du" "$pad" "$flags" "$T/plain" || _fail "make"
	echo "log2 $du, padding $pad, flags $flags: $(k2s convert "$T/img:enc" "$S")" || _fail "convert"
	_mount
	_tree_list --no-times "$T/plain" >"$T/a"
	_tree_list --no-times "$M" >"$T/b"
	cmp "$T/a" "$T/b" && echo "read: same tree"
	python3 "$SCEN_ROOT/tests/lib/rewrite.py" "$M" "$T/plain"
	_umount
	k2s compare "$T/img:enc" "$S" >"$T/cmp" && echo "written over: same ciphertext, names and links"
	grep -m 5 DIFF "$T/cmp"
	_mount
	_tree_list --no-times "$M" >"$T/b"
	cmp "$T/a" "$T/b"
	_umount
	rm -rf "$S" "$T/plain" "$T/img"
done
_done
