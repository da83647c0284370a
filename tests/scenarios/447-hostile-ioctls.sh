#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 447-hostile-ioctls - thousands of senseless requests of root and of a user: the mount is what it was
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto
_need_user
_need_cmd python3

_init_store
_mount -o allow_other
chmod 755 "$M"
mkdir -m 777 "$M/dir"
echo text >"$M/dir/file"
# A directory and a file, as root and as somebody else, who may do less.
for who in 0 1001; do
	for seed in 1 2; do
		_as $who $who timeout 120 python3 "$SCEN_ROOT/tests/lib/ioctls.py" 1500 $seed "$M/dir" "$M/dir/file" ||
			_fail "ioctls.py"
	done
done
# What they may have done is within their rights: keys added or claimed, this one's removed.
"$FUSCRYPT" key add "$M" <"$K" >/dev/null && cat "$M/dir/file"
_remount
cat "$M/dir/file"
_done
