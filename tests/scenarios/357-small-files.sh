#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 357-small-files - a small file comes with its OPEN; others that change or lock it meanwhile are not undone
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

N=700
small() {
	timeout 120 python3 "$SCEN_ROOT/tests/lib/smallfiles.py" "$1" "$M/d" $N "${@:2}"
}
cold() {
	_remount -o noatime "$@"
	_drop_caches
}
# Requests of the kernel while a command runs. Each is logged with --debug.
reads_of() { # OPTIONS COMMAND...
	local pid i
	_umount
	_mount_raw -d -f --key "$K" -o "$1" "$S" "$M" >"$T/log" 2>&1 &
	pid=$!
	for ((i = 0; i < 100; i++)); do
		_is_mounted "$M" && break
		sleep 0.1
	done
	"${@:2}"
	_umount
	wait "$pid"
	echo "READs: $(grep -c 'opcode: READ ' "$T/log")"
}
_init_store
_mount
mkdir "$M/d"
small make
yes large | head -c 16385 >"$T/large"
cp "$T/large" "$M/large"
echo "--- no READ for one of up to 16 KiB"
reads_of noatime small check
echo "--- a larger one is read by who reads it"
reads_of noatime cmp "$M/large" "$T/large"
echo "--- where nothing is kept in the kernel, neither"
reads_of shared small check
_mount -o noatime
echo "--- changed meanwhile"
cold
small change
cold
small changed
echo "--- locked meanwhile"
rm -r "$M/d"
mkdir "$M/d"
for level in revoke panic; do
	cold
	small make
	cold
	small lock "$FUSCRYPT" lock --$level "$M"
	# Most of the time of such an open is the reading of the data.
	SCEN_DEVICE='' cold --device 'delay(read=20ms)'
	small lock sh -c "sleep 0.5; '$FUSCRYPT' lock --$level '$M'"
done
_done
