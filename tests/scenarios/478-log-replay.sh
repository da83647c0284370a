#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 478-log-replay - a log is listed, marked and replayed to its marks; a damaged one up to there
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt
_need_root
log=$T/log
export SCEN_DEVICE="log(path=$log)"

# replay NAME ARGS...: into a copy of the first store; what is said about it goes to $T/message.
replay() {
	local dir=$T/$1
	shift
	rm -rf "$dir"
	cp -a "$T/base" "$dir"
	"$blk" log replay "$@" "$log" "$dir" >"$T/message" 2>&1
}
# compare A B: prints what differs. Attributes and times are not in a log, and the lock has a number
# of whose it is.
compare() {
	diff -r --no-dereference -x lock "$1" "$2" | grep -v 'is a fifo while' >"$T/diff"
	head -n 5 "$T/diff"
	[ ! -s "$T/diff" ]
}
# same NAME COPY: mounted, a replayed store shows what the mount showed then.
same() {
	SCEN_DEVICE='' _mount_raw --key "$K" "$T/$1" "$M" || _fail "mount $1"
	compare "$T/$2" "$M" && echo "$1: as it was"
	_umount
}
look() {
	sed -e "s|$T/||g" -e 's/only [0-9]* records/only N records/' -e 's/record [0-9][0-9]*/record N/g' -e 's/with: [^ ]* /with: FILE /' -e 's/byte [0-9][0-9]*/byte N/g' "$T/message"
}

_init_store
_mount
mkdir "$M/d"
head -c 100000 /dev/zero | tr '\0' x >"$M/d/before"
ln "$M/d/before" "$M/hard"
mkfifo "$M/pipe"
_umount
rm -f "$log"
cp -a "$S" "$T/base"

echo "== work, with a mark in the middle"
_mount
python3 - "$M" <<'PY'
import os, sys
os.chdir(sys.argv[1])
os.mkdir("new")
for i in range(20):
    with open("new/f%d" % i, "wb") as f:
        f.write(b"%d" % i * 3000)
os.symlink("nowhere", "new/link")
for i in range(3):
    fd = os.open("new/read-only%d" % i, os.O_WRONLY | os.O_CREAT, 0o444)
    os.write(fd, b"written all the same")
    os.close(fd)
os.rename("hard", "new/harder")
fd = os.open("d/before", os.O_RDWR)
os.pwrite(fd, b"changed", 5000)
os.fsync(fd)
os.ftruncate(fd, 60000)
os.close(fd)
os.sync()
PY
"$blk" log mark "$log" "half way" || _fail "mark"
mkdir "$T/half" "$T/end"
cp -a "$M/." "$T/half"
python3 - "$M" <<'PY'
import os, sys
os.chdir(sys.argv[1])
for i in range(0, 20, 2):
    os.unlink("new/f%d" % i)
os.rename("new", "d/new")
os.truncate("d/new/f1", 12345)
os.unlink("d/before")
fd = os.open(".", os.O_TMPFILE | os.O_RDWR)
os.write(fd, b"nameless" * 1000)
os.link("/proc/self/fd/%d" % fd, "named", src_dir_fd=fd)
os.close(fd)
fd = os.open("d/new/f3", os.O_RDWR)
os.write(fd, b"never flushed")
os.close(fd)
os.rename("d/new/f5", "d/new/f7")
PY
cp -a "$M/." "$T/end"
_umount

echo "== replayed"
replay to-mark --to "half way" && same to-mark half
replay to-end && same to-end end
cp -a "$T/base" "$T/theirs"
cp "$log" "$T/theirs.log"
chown -R 65534:65534 "$T/theirs" "$T/theirs.log"
_as_user "$blk" log replay "$T/theirs.log" "$T/theirs" >"$T/message" 2>&1 || look
compare "$T/to-end" "$T/theirs" && echo "by a user: the same"
"$blk" log list "$log" >"$T/list" || _fail "list"
n=$(tail -n 1 "$T/list" | awk '{print $1}')
at=$(awk '$2 == "mark" {print $1}' "$T/list")
replay by-number --records "$at" && compare "$T/to-mark" "$T/by-number" && echo "by number: the same"
replay nothing --records 0 && compare "$T/base" "$T/nothing" && echo "record 0: the copy"
awk '$2 == "mark"' "$T/list" | sed 's/^ *[0-9]* //'
"$blk" log list --json "$log" | python3 -c '
import json, sys
l = [json.loads(x) for x in sys.stdin]
print("JSON:", [r["text"] for r in l if r["operation"] == "mark"], l[0]["operation"], l[-1]["record"] == int(sys.argv[1]))' "$n"

echo "== beside the second implementation"
python3 - "$SCEN_ROOT/tests/crash" "$log" "$T" <<'PY'
import json, os, random, subprocess, sys
sys.path.insert(0, sys.argv[1])
import storelog
log, t = sys.argv[2:]
records = storelog.read_log(log)
# The numbers of the store that the log began with are in the log itself.
raw, numbers, at = open(log, "rb").read(), {}, 0
dirs = {}
while at < len(raw):
    h = storelog.HEAD.unpack_from(raw, at)
    n, n2, d = h[-3:]
    name = raw[at + 64:at + 64 + n]
    if h[1] == storelog.META + 16:
        path = os.path.join(dirs[h[4]], os.fsdecode(name)) if n else ""
        dirs[h[3]] = path
        numbers[path or "."] = h[3]
    at += 64 + n + n2 + d
with open(t + "/base.numbers", "w") as f:
    json.dump(numbers, f)
for point in sorted({len(records) // 3, len(records) // 2, len(records)}):
    for flushed in (False, True):
        how = "none" if flushed else "all"
        storelog.Crash(records, t + "/base", point, random.Random(1), data=how, meta=how).state.write_to(t + "/python")
        subprocess.run(["cp", "-a", t + "/base", t + "/ours"], check=True)
        subprocess.run([os.environ["FUSCRYPT_BUILD"] + "/fuscrypt-blk", "log", "replay", "--records", str(point),
                        *(["--flushed-only"] if flushed else []), log, t + "/ours"], check=True, stdout=subprocess.DEVNULL)
        out = subprocess.run(["diff", "-r", "--no-dereference", "-x", "lock", t + "/python", t + "/ours"],
                             stdout=subprocess.PIPE, text=True).stdout
        if [x for x in out.splitlines() if "is a fifo while" not in x]:
            print("differs at", point, flushed, out)
        subprocess.run(["rm", "-rf", t + "/python", t + "/ours"])
print("compared")
PY

echo "== what is refused changes nothing"
refuse() {
	local what=$1
	shift
	_tree_list "$T/dir" >"$T/list.a"
	"$blk" log replay "$@" "$log" "$T/dir" >"$T/message" 2>&1
	echo "$what: exit $?: $(look)"
	_tree_list "$T/dir" >"$T/list.b"
	cmp "$T/list.a" "$T/list.b"
}
mkdir "$T/dir"
refuse "an empty directory"
rm -rf "$T/dir"
cp -a "$S" "$T/dir"
refuse "the store as it is now"
rm -rf "$T/dir"
cp -a "$T/base" "$T/dir"
refuse "no such mark" --to "nowhere"
refuse "too far" --records 1000000
touch "$T/dir/more"
refuse "something more"
rm "$T/dir/more"
rm -rf "$T/linked"
cp -al "$T/dir" "$T/linked"
refuse "names elsewhere"
rm -rf "$T/linked"

echo "== a damaged log"
cp "$log" "$T/good"
truncate -s -20 "$log"
replay cut
echo "cut: exit $?"
look
replay cut-by-number --records $((n - 1))
compare "$T/cut" "$T/cut-by-number" && echo "up to there"
"$blk" log list "$log" >"$T/out" 2>"$T/message"
echo "list: exit $?, $(($(wc -l <"$T/list") - $(wc -l <"$T/out"))) less"
look
cp "$T/good" "$log"
echo "this is no record, but more than enough bytes for the header of one, which they are not" >>"$log"
replay garbage
echo "garbage: exit $?"
look
same garbage end
replay garbage --to "half way" && echo "before it: fine"
cp "$T/good" "$log"

echo "== a log that wants out of the directory"
# hostile RECORD...: behind the good log, each made by python; what became of the world outside.
hostile() {
	cp "$T/good" "$log"
	python3 - "$SCEN_ROOT/tests/crash" "$log" "$T" "$@" <<-'PY'
		import sys
		sys.path.insert(0, sys.argv[1])
		from storelog import HEAD, OPS
		log, t = sys.argv[2:4]
		number = {n: i for i, n in OPS.items()}
		root = HEAD.unpack_from(open(log, "rb").read())[3]
		outside = (t + "/outside").encode()
		def record(op, ino=0, dir=root, dir2=root, name=b"", name2=b"", data=b"", mode=0o755, flags=0):
		    return HEAD.pack(b"FUSL", number[op], 0, ino, dir, dir2, 0, 0, mode, flags, len(name), len(name2), len(data)) + name + name2 + data
		with open(log, "ab") as f:
		    for r in sys.argv[4:]:
		        f.write(eval(r))
	PY
	rm -rf "$T/outside"
	mkdir "$T/outside"
	echo untouched >"$T/outside/file"
	replay hostile
	echo "exit $?: $(look | grep -v '^hostile')"
	[ "$(cd "$T/outside" && find . | sort | tr '\n' ' ')$(cat "$T/outside/file")" = ". ./file untouched" ] || echo "ESCAPED"
}
hostile 'record("create", 901, name=b"../outside/x")'
hostile 'record("create", 901, name=b"..")'
hostile 'record("symlink", 901, name=b"out", data=outside)' 'record("create", 902, dir=901, name=b"x")'
hostile 'record("mkdir", 901, name=b"out")' 'record("rmdir", name=b"out")' \
	'record("symlink", 902, name=b"out", data=outside)' 'record("create", 903, dir=901, name=b"x")'
hostile 'record("symlink", 901, name=b"out", data=outside + b"/file")' 'record("write", 901, data=b"reached")'
hostile 'record("symlink", 901, name=b"out", data=outside + b"/file")' 'record("replace", 902, name=b"out", data=b"mine")' \
	'record("write", 902, data=b"MINE")' 'record("symlink", 903, name=b"l", data=outside)' 'record("link", 903, name=b"m")'
hostile 'record("mkdir", 901, name=b"a")' 'record("mkdir", 902, dir=901, name=b"b")' 'record("rename", name=b"a", dir2=902, name2=b"c")'
hostile 'record("create", 901, name=b"suid", mode=0o6777)' && stat -c %a "$T/hostile/suid"
hostile 'record("rmdir", name=b"not there")' 'record("link", 987654321, name=b"x")'
cp "$T/good" "$log"

echo "== two mounts, and something between them that no log has"
_mount
echo second >"$M/second"
cp -a "$M/." "$T/end"
_umount
replay two && same two end
touch "$S/foreign"
_mount
_umount
replay foreign
echo "exit $?"
look

echo "== marks"
echo "Dear Sir" >"$T/letter"
_code "into a letter" "$blk" log mark "$T/letter" x
look
_code "without a text" "$blk" log mark "$log" ""
printf 'a\033[31mb' | xargs -0 "$blk" log mark "$log"
"$blk" log list "$log" | tail -n 1 | sed 's/^ *[0-9]* //'
_done
