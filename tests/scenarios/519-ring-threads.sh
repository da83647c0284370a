#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 519-ring-threads - the rings' threads give way where that is faster and never starve; free for much data; removed files
. "$(dirname "$0")/../lib/scenario.sh"
_begin long
. "$(dirname "$0")/../lib/rings.sh"

load=$SCEN_ROOT/tests/lib/ringload.py
pids=
# Sessions with a share of their own would not starve each other.
groups=/proc/sys/kernel/sched_autogroup_enabled
shares=$(cat $groups 2>/dev/null)
trap 'kill $pids 2>/dev/null; [ -z "$shares" ] || echo "$shares" >$groups; echo "$before" >$offer; _cleanup' EXIT
start() { # CMD...
	"$@" &
	pids+=" $!"
}
end_all() {
	# shellcheck disable=SC2086 # several
	kill $pids 2>/dev/null
	wait
	pids=
}
when() { # WHAT, MESSAGE
	python3 "$load" wait "$daemon" "$1" && echo "$2"
}

_init_store
_ring_mount
daemon=$(_status pid)
dd if=/dev/urandom of="$M/file" bs=1M count=64 conv=fsync status=none
when bound "at rest they are ordinary"

echo "--- small requests, one after the other"
start python3 "$load" run 200 "$M/file"
when idle "they give way"
end_all
when bound "and are ordinary again"

echo "--- while every processor has something to compute"
[ -z "$shares" ] || echo 0 >$groups
for cpu in $(python3 -c 'import os; print(*os.sched_getaffinity(0))'); do
	start taskset -c "$cpu" sh -c 'while :; do :; done'
done
start python3 "$load" run 200 "$M/file"
when kept "they do not give way, or not for long"
timeout 200 python3 "$load" count 20000 "$M/file" && echo "20000 requests are served"
end_all
when bound "and they are ordinary"

if [ "$(nproc)" -gt 1 ]; then
	start python3 "$load" run 200 "$M/file" $((1 << 20))
	when free "much data: bound to no processor" >"$T/much"
	end_all
	when bound "until it is over" >>"$T/much"
else
	printf '%s\n' "much data: bound to no processor" "until it is over" >"$T/much"
fi
cat "$T/much"

echo "--- some large requests among small ones"
python3 "$load" mixed "$daemon" "$M/file" && echo "that is not much data"

echo "--- files that are removed"
python3 "$load" remove "$daemon" "$M" && echo "the kernel wakes nobody for each"
_umount
_done
