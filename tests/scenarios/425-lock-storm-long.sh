#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 425-lock-storm-long - 424 for a minute, and another one while ordinary users have the keys
. "$(dirname "$0")/../lib/scenario.sh"
_begin long

_need_user
_init_store --no-policy
_mount
chmod 755 "$M"
chmod 644 "$K"
cd /
secs=${LOCKSTORM_SECS:-60}
for who in 0 1001; do
	mkdir "$M/e$who"
	"$FUSCRYPT" key add --key "$K" "$M" >/dev/null 2>&1
	"$FUSCRYPT" policy set "$ID" "$M/e$who" || _fail "policy set"
	chown $who:$who "$M/e$who"
	# Only the claim of who is to lock it.
	[ $who -eq 0 ] || "$FUSCRYPT" lock "$M/e$who"
	_as $who $who "$FUSCRYPT" key add --key "$K" "$M" >/dev/null 2>&1
	_as $who $who env PYTHONPATH="$PYTHONPATH" python3 "$SCEN_ROOT/tests/lib/lockstorm.py" "$M/e$who" $((secs / 2)) $((secs + who)) \
		polite,polite,revoke,panic "'$FUSCRYPT' unlock --key '$K' '$M/e$who'" "'$FUSCRYPT' lock '$M/e$who'" 2>"$T/storm.log"
done
_tree_list "$M" >"$T/before"
_remount
_tree_list "$M" >"$T/after"
cmp "$T/before" "$T/after" && echo "the same after a remount"
_umount
_done
