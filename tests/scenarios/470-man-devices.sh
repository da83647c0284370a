#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 470-man-devices - every example of fuscrypt-devices(7) mounts, stores, and is read without it
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt
_need_root
export SCEN_DEVICE=

_init_store
head -c 20000 /dev/urandom >"$T/data"
# The examples' own folders and files become ours.
mkdir "$T/tags"
sed -n '/^\.Sh EXAMPLES/,/^\.Sh/s/^\.Dl //p' "$SCEN_ROOT/man/fuscrypt-devices.7" | grep -v '^[$#]' >"$T/examples"
[ "$(wc -l <"$T/examples")" -ge 10 ] || _fail "no examples found"
n=0
while IFS= read -r dev; do
	n=$((n + 1))
	ours=${dev//\/run\/bad/$T/bad} ours=${ours//\/var\/tmp\//$T/}
	_mount --device "$ours" -o inlinecrypt
	{ cp "$T/data" "$M/$n" && sync "$M/$n"; } || echo "not written"
	cmp "$T/data" "$M/$n" && echo "$dev: ok"
	_umount
done <"$T/examples"
# And the same bytes for whom nothing stands in between.
_mount
for ((i = 1; i <= n; i++)); do
	cmp "$T/data" "$M/$i" || sed -n "${i}s/^/not read by file: /p" "$T/examples"
done
_done
