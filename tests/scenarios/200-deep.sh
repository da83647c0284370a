#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 200-deep - trees twenty levels deep: made, moved, copied, removed
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
_mount
path=$M
for i in $(seq 20); do
	path=$path/level-$i
	mkdir "$path" && echo "$i" >"$path/file"
done
find "$M" -type f | wc -l
cat "$path/file"
mv "$M/level-1" "$M/moved"
cat "$M/moved${path#"$M/level-1"}/file"
cp -a "$M/moved" "$M/copy"
diff -r "$M/moved" "$M/copy" && echo "copy: same"
_remount
find "$M" -type d | wc -l
rm -r "$M/moved" "$M/copy" && ls -A "$M" | wc -l
_done
