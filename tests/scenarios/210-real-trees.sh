#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 210-real-trees - /usr/share and /usr/include: every byte, mode, time, link and xattr after a remount
. "$(dirname "$0")/../lib/scenario.sh"
_begin long user
_need_space 4000

_init_store
_mount
for d in /usr/include /usr/share; do
	n=${d##*/}
	# What an ordinary user may not read is not part of the comparison.
	mkdir "$M/$n"
	(cd "$d" && find . -xdev \( -type d ! -readable -prune \) -o \( -type f ! -readable \) -o -print0 |
		tar --null --no-recursion -cf - --xattrs --xattrs-include='user.*' -T - 2>/dev/null) |
		tar -xpf - -C "$M/$n" --xattrs || echo "tar: $n"
done
owner=
[ "$(id -u)" -eq 0 ] || owner=--no-owner
_remount
_drop_caches
for d in /usr/include /usr/share; do
	n=${d##*/}
	_tree_list $owner "$d" >"$T/a" 2>"$T/err.a"
	_tree_list $owner "$M/$n" >"$T/b" 2>"$T/err.b"
	[ "$(wc -l <"$T/a")" -gt 100 ] || echo "nothing there"
	diff "$T/a" "$T/b" | head -n 10
	cmp -s "$T/a" "$T/b" && echo "$d: same"
done
_done
