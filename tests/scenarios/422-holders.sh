#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 422-holders - lock says who holds what of the tree, and nothing of other trees; exit code 16
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store --no-policy
_mount
_make_key "$T/k2" second && id2=$(_key_id "$T/k2")
"$FUSCRYPT" key add --key "$T/k2" "$M" >/dev/null
mkdir "$M/a" "$M/b" "$M/plain"
"$FUSCRYPT" policy set "$ID" "$M/a" && "$FUSCRYPT" policy set "$id2" "$M/b" || _fail "policy"
mkdir "$M/a/work" "$M/b/work"
for f in a/file a/mapped b/file plain/file; do
	echo text >"$M/$f"
done
cp "$(command -v sleep)" "$M/a/program"
mkfifo "$M/a/pipe"
cd /

# hold WHAT NAME: a process that holds NAME of the mount; says so when it does.
hold() {
	python3 - "$1" "$M/$2" "$T/held.$holders" <<-'PY' &
		import mmap, os, sys, time
		what, path, done = sys.argv[1:4]
		if what == "cwd":
		    os.chdir(path)
		elif what == "mapping":
		    fd = os.open(path, os.O_RDONLY)
		    m = mmap.mmap(fd, 5, prot=mmap.PROT_READ)
		    os.close(fd)
		    del fd
		elif what == "path":
		    fd = os.open(path, os.O_PATH)
		elif what == "fifo":
		    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
		elif what == "gone":
		    open(path, "w").close()
		    fd = os.open(path, os.O_RDWR)
		    os.unlink(path)
		else:
		    fd = os.open(path, os.O_RDONLY)
		open(done, "w").close()
		os.kill(os.getpid(), 19)
	PY
	pids+=($!)
	names+=("$1")
	wait_held
}
wait_held() {
	local i
	for ((i = 0; i < 600; i++)); do
		[ -e "$T/held.$holders" ] && break
		sleep 0.05
	done
	[ -e "$T/held.$holders" ] || _fail "holder ${names[holders]} does not start"
	holders=$((holders + 1))
}
let_go() {
	kill -CONT "${pids[@]}" 2>/dev/null
	kill -9 "${pids[@]}" 2>/dev/null
	wait "${pids[@]}" 2>/dev/null
	pids=() names=() holders=0
	rm -f "$T"/held.*
}
pids=() names=() holders=0
trap 'let_go; _cleanup' EXIT

hold fd a/file
hold cwd a/work
hold mapping a/mapped
hold path a/file
hold fifo a/pipe
hold gone a/gone
hold fd b/file
hold cwd plain
hold fd plain/file
"$M/a/program" 1000 &
pids+=($!) names+=(program)
for ((i = 0; i < 600; i++)); do
	[ "$(readlink "/proc/$!/exe")" = "$M/a/program" ] && break
	sleep 0.05
done

show() {
	local i
	for i in "${!pids[@]}"; do
		sed -i -e "s/\"pid\": ${pids[i]},/\"pid\": \"${names[i]}\",/" -e "s/ (${pids[i]}):/ (${names[i]}):/" "$1"
	done
	sed -E 's/python[0-9.]*/python/; s/descriptor [0-9]+/descriptor N/; s/"fd": [0-9]+/"fd": 0/' "$1" | sort
}
_code "lock" "$FUSCRYPT" lock "$M/a"
grep -v "$M" "$T/message" >"$T/list"
show "$T/list"
_filter <"$T/message" | grep TMP
"$FUSCRYPT" lock --json "$M/a" >"$T/json" 2>/dev/null
echo "json: exit $?"
python3 - "$T/json" >"$T/list" <<-'PY'
	import json, sys
	r = json.load(open(sys.argv[1]))
	print("about:", r["level"], "locked" if r["locked"] else "unlocked", "busy" if r["busy"] else "idle")
	for h in r["holders"]:
	    print(json.dumps(h))
PY
show "$T/list"
let_go
# A close reaches the mount a moment after the process is gone.
for ((i = 0; i < 100; i++)); do
	"$FUSCRYPT" lock "$M/a" >/dev/null 2>&1
	"$FUSCRYPT" key status "$ID" "$M" | grep -q Absent && break
	sleep 0.1
done
"$FUSCRYPT" key status "$ID" "$M" | grep Status
hold fd b/file
_code "lock of another tree" "$FUSCRYPT" lock "$M/b"
grep -c "file$" "$T/message"
_code "umount" "$FUSCRYPT" umount "$M"
grep -c "python.* ([0-9]*)" "$T/message"
_code "lock --revoke" "$FUSCRYPT" lock --revoke "$M/b"
"$FUSCRYPT" key status "$id2" "$M" | grep Status
_code "lock --json of what is locked" "$FUSCRYPT" lock --json "$M/a"
let_go
_umount
_done
