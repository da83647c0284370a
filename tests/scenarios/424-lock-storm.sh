#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 424-lock-storm - locks of all three levels at random under load: nothing hangs, nothing acknowledged is lost
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_need_cmd python3
_init_store
_mount
cd /
python3 "$SCEN_ROOT/tests/lib/lockstorm.py" "$M" "${LOCKSTORM_SECS:-6}" "${LOCKSTORM_SEED:-1}" polite,revoke,panic \
	"'$FUSCRYPT' unlock --key '$K' '$M'" "'$FUSCRYPT' lock '$M'" 2>"$T/storm.log"
_tree_list "$M" >"$T/before"
[ "$(wc -l <"$T/before")" -gt 25 ] || echo "nothing is left to compare"
_remount
_tree_list "$M" >"$T/after"
cmp "$T/before" "$T/after" && echo "the same after a remount"
_umount
_done
