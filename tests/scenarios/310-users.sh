#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 310-users - under a root daemon each of several users at work owns what he makes, by his umask
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto

_need_root
_need_cmd python3
_init_store
_mount
chmod 1777 "$M"
for i in 1 2 3; do
	mkdir -m 1777 "$M/$i"
	python3 "$SCEN_ROOT/tests/lib/users.py" "$M/$i" 300 1001 1002 0 1003 1004 1005 1006 1007
done

# A private setgid directory and one with a default ACL, while others' umasks are about.
mkdir "$M/g"
chown 0:1234 "$M/g"
chmod 2777 "$M/g"
_as 1001 1001 sh -c "umask 077; touch '$M/g/f'; mkdir '$M/g/d'"
stat -c '%n %u:%g %a' "$M/g/f" "$M/g/d" | _filter
_done
