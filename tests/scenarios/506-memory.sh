#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 506-memory - the daemon's memory for files that were listed or made stays within tests/bench/memory.txt, and is given back
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto
_need_root
_need_cmd python3
[ -z "$SCEN_DEVICE" ] || _notrun "for the plain stack"
! grep -qs __asan_init "$FUSCRYPT" && ! grep -qs __tsan_init "$FUSCRYPT" || _notrun "a sanitizer's memory is in the way"

# Enough that giving it back pays (fs_inodes_relax()), and that a buffer more or less does not count.
N=60000
rss() { # KiB, of the server and not its supervisor
	local p
	for p in $(_daemon_of "$M"); do
		awk '/^VmRSS/ {print $2}' "/proc/$p/status"
	done | sort -n | tail -n 1
}
grown() { # NAME BASE: bytes a file since then
	local now
	now=$(rss)
	awk -v name="$1" -v a="$2" -v b="$now" -v n=$N 'BEGIN {printf "%s %d\n", name, (b - a) * 1024 / n}' >>"$T/got"
}
_init_store
_mount
base=$(rss)
python3 -c "
import os
os.mkdir('$M/d')
for i in range($N):
    os.close(os.open('$M/d/file-%07d' % i, os.O_CREAT | os.O_WRONLY, 0o644))" || _fail "create"
grown made "$base"
_remount
base=$(rss)
python3 -c "
import os
for e in os.scandir('$M/d'):
    e.stat()" || _fail "list"
grown listed "$base"
listed=$(rss)
[ "$listed" -gt "$base" ] || _fail "listing takes no memory"
# The FORGETs come in their own time; somebody else's listing of /proc, say, may keep a dentry for a moment.
for _ in {1..100}; do
	echo 2 >/proc/sys/vm/drop_caches
	dropped=$(awk -v a="$base" -v b="$listed" -v c="$(rss)" 'BEGIN {printf "%d", (c - a) * 100 / (b - a)}')
	[ "$dropped" -gt "$(awk '$1 == "dropped" {print $2}' "$SCEN_ROOT/tests/bench/memory.txt")" ] || break
	sleep 0.2
done
echo "dropped $dropped" >>"$T/got"
while read -r what most; do
	case $what in '#'* | '') continue ;; esac
	awk -v what="$what" -v most="$most" '
		$1 == what && NF == 2 {found = 1; if ($2 > most) print what ": " $2 ", at most " most}
		END {if (!found) print what ": not measured"}' "$T/got"
done <"$SCEN_ROOT/tests/bench/memory.txt"
cat "$T/got" >&2
echo "measured: $(cut -d' ' -f1 "$T/got" | sort | paste -sd' ')"
_done
