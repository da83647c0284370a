#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 426-duplicates - names that exist are made again while the key comes and goes: no name twice
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt

_need_cmd python3
_init_store
_mount
mkdir "$M/d"
cd /
python3 "$SCEN_ROOT/tests/lib/duplicates.py" "$M/d" "${DUPLICATES_SECS:-5}" \
	"'$FUSCRYPT' unlock --key '$K' '$M'" "'$FUSCRYPT' lock '$M'" 2>"$T/counts"
# As the store has them: each stored name can be decrypted to one of ours, and there are as many.
_umount
_mount_locked
find "$M" -mindepth 2 | wc -l
find "$M" -mindepth 2 -printf '%f\n' | sort | uniq -d | wc -l
_umount
_done
