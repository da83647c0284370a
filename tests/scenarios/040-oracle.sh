#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 040-oracle - the whole store is what the oracle computes from the plaintext
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto encrypt user
_need_oracle

_make_key "$K"
mkdir "$T/plain"
python3 "$ORACLE/mktree.py" --salt s --no-far "$T/plain" || _fail "mktree"
for p in 512:4 1024:8 2048:16 4096:32 4096:32:--iv-ino-lblk-64 4096:4:--iv-ino-lblk-32; do
	IFS=: read -r du pad flag <<<"$p"
	"$FUSCRYPT" init --key "$K" --data-unit-size="$du" --padding="$pad" ${flag:+"$flag"} "$S" >/dev/null || _fail "init"
	_mount
	chmod 755 "$M"
	python3 "$ORACLE/mktree.py" --salt s --no-far "$M" || _fail "mktree"
	_same=$(_tree_list --no-times --no-owner "$M" | sha256sum)
	[ "$_same" = "$(_tree_list --no-times --no-owner "$T/plain" | sha256sum)" ] || _fail "the mount shows another tree"
	_umount
	echo "$du $pad${flag:+ $flag} $(python3 "$ORACLE/check_store.py" --store "$S" --key-file "$K" --plain "$T/plain" | sed "s/ [0-9]* hole unit,//")"
	rm -rf "$S"
done
# The checker itself must see a changed byte.
"$FUSCRYPT" init --key "$K" "$S" >/dev/null
_mount
mkdir "$T/one"
echo text | tee "$T/one/file" >"$M/file"
_umount
f=$(find "$S" -maxdepth 1 -type f ! -name '.fuscrypt*')
_flip "$f" 4100
python3 "$ORACLE/check_store.py" --store "$S" --key-file "$K" --plain "$T/one" | grep -c '^DIFF'
_done
