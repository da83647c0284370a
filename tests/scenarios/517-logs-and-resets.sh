#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 517-logs-and-resets - a log that could not be written stays one; what is no log is refused; resets
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
log=$T/log
# said ARGS...: the exit code and what it says.
said() {
	"$blk" "$@" >"$T/message" 2>&1
	echo "exit $? $(sed -e "s|$SCEN_TMP|TMP|g" -e 's/ino=[0-9]*/ino=N/' "$T/message")"
}
record() {
	said write --key "$K" -i "$T/raw" --device "log(path=$log)" "$@" "$T/image"
}

head -c 64 /dev/urandom >"$K"
head -c 65536 /dev/urandom >"$T/raw"

echo "== a record for which there is no room leaves nothing behind"
record --length 28K
(ulimit -f 40 && record --length 16K)
record --length 4K
said log list "$log"

echo "== half a record, by a power cut: what is added would not be found"
truncate -s -10 "$log"
record --length 4K
head -c 1000 /dev/zero >"$T/letter"
log=$T/letter record --length 4K
cmp -s "$T/letter" <(head -c 1000 /dev/zero) && echo "nothing is written into a letter"

echo "== a list that makes no sense is told of"
mkdir "$T/dir"
python3 - "$T/odd" <<'PY'
import struct, sys
def base(ino, parent, name, mode):
    return b"FUSL" + struct.pack("<HHQQQQQIIHHI", 32, 0, ino, parent, 0, 0, 0, mode, 0, len(name), 0, 0) + name
open(sys.argv[1], "wb").write(base(5, 0, b"", 0o40755) + base(6, 99, b"x", 0o100644))
PY
said log replay "$T/odd" "$T/dir"

echo "== an engine that loses its keys with each request"
for device in 'sim(slots=2,reset=1)' 'sim(slots=0,reset=1)'; do
	said stress --device "$device" --inlinecrypt --threads 8 --keys 8 --ops 300 --size 4M >"$T/figures"
	grep -E 'exit|Failed|wrong' "$T/figures" | sed 's/checked: [0-9]*/checked: N/; s/exit 0.*/exit 0/'
done
_done
