#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 420-revoke - lock --revoke: descriptors ENOKEY, mappings SIGBUS, nothing lost; they stay so after an unlock
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
_mount
mkdir "$M/tree"
cd /
python3 "$SCEN_ROOT/tests/lib/revoked.py" "$M/tree" "'$FUSCRYPT' lock --revoke '$M'" "'$FUSCRYPT' unlock --key '$K' '$M'"
_tree_list "$M" >"$T/before"
_remount
_tree_list "$M" >"$T/after"
cmp "$T/before" "$T/after" && echo "the same after a remount"
_umount
_done
