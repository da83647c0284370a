#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 437-protector - passphrases of keys: listed, added, changed and removed; each unlocks the tree of its key
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

for p in root root2 sub sub2 sub3 shared wrong; do
	printf 'passphrase %s\n' $p >"$T/$p"
done
: >"$T/empty"
chmod 600 "$T"/*
_make_key "$T/subkey" "key of a subtree"
_make_key "$T/rawkey" "key of another"
sub=$(_key_id "$T/subkey") raw=$(_key_id "$T/rawkey")
P=$S/.fuscrypt/protectors
fast=(--kdf-time=20 --kdf-memory=1024)

protector() {
	"$FUSCRYPT" protector "$@"
}
# id_of NAME: the protector with this name.
id_of() {
	protector list --json "$S" | python3 -c 'import json, sys
print(*(r["id"] for r in map(json.loads, sys.stdin) if r["name"] == sys.argv[1]))' "$1"
}
# Names, whose keys they open, and whether all else is as it should be.
list() {
	protector list --json "$1" | python3 -c 'import json, re, sys, time
names = {sys.argv[1]: "subtree", sys.argv[2]: "raw"}
for r in sorted(map(json.loads, sys.stdin), key=lambda r: r["name"]):
	assert re.fullmatch("[0-9a-f]{16}", r["id"]) and r["argon2id_ops"] >= 1
	age = time.time() - time.mktime(time.strptime(r["written"], "%Y-%m-%dT%H:%M:%SZ")) + time.timezone
	assert -5 < age < 3600, age
	# Less than was asked for where a pass takes too long.
	assert 8 <= r["argon2id_mem_kib"] <= 2048
	print("  {}: {}".format(r["name"], "root" if r["root_key"] else names[r["key_identifier"]]))' "$sub" "$raw"
}
# try LABEL CMD...: the exit code, and the message of a failure without what differs from run to run.
try() {
	_code "$@"
	grep '^fuscrypt: ' "$T/message" | _filter | sed -E 's/\b([0-9a-f]{32}|[0-9a-f]{16})\b/HEX/g; s/^/  /'
}

echo "-- a store without a mount"
"$FUSCRYPT" init "${fast[@]}" --name=root --passfile "$T/root" "$S" >"$T/out" || _fail "init"
list "$S"
_code "add for the root's key" protector add "${fast[@]}" --name=root2 --passfile "$T/root" --passfile "$T/root2" "$S"
_code "add for a raw key" protector add "${fast[@]}" --name=sub --key "$T/subkey" --passfile "$T/sub" "$S"
_code "add, asked for on standard input" bash -c 'cat "$T/sub" "$T/sub2" | "$FUSCRYPT" protector add "$@"' - \
	--kdf-time=20 --kdf-memory=2048 --name=sub2 "$S"
_code "add, by a program" protector add "${fast[@]}" --name=sub3 --extpass cat --extpass "$T/sub2" --passfile "$T/sub3" --json "$S"
list "$S"
stat -c '%a' "$P"/* | sort | uniq -c | sed 's/^ */modes: /'
find "$P" -mindepth 1 ! -name '????????????????.json' | wc -l

echo "-- what is refused"
try "add, wrong passphrase" protector add --passfile "$T/wrong" --passfile "$T/sub" "$S"
try "add, empty new passphrase" protector add --passfile "$T/root" --passfile "$T/empty" "$S"
try "add, nobody to ask" protector add --passfile "$T/root" "$S" </dev/null
try "add, --from with another's passphrase" protector add --from "$(id_of sub)" --passfile "$T/root" --passfile "$T/sub" "$S"
try "add, --from what is not there" protector add --from 0123456789abcdef --passfile "$T/root" "$S"
_code "add, --from and --key" protector add --from 0123456789abcdef --key "$T/subkey" "$S"
_code "add, three passphrases" protector add --passfile "$T/root" --passfile "$T/root" --passfile "$T/root" "$S"
_code "add, two new passphrases" protector add --key "$T/subkey" --passfile "$T/root" --passfile "$T/root" "$S"
_code "add, a long name" protector add --name="$(printf '%0129d' 0)" --passfile "$T/root" "$S"
_code "add, no memory at all" protector add --kdf-memory=1 --passfile "$T/root" "$S"
try "change, wrong passphrase" protector change --passfile "$T/wrong" --passfile "$T/sub" "$S"
_code "change, no id" protector change abc "$S"
try "remove what is not there" protector remove 0123456789abcdef "$S"
_code "remove, no id" protector remove abc "$S"
try "no store" protector list "$T"
_code "no directory" protector list "$T/none"
mkdir "$T/plain"
"$FUSCRYPT" init --no-policy "$T/plain" >"$T/out" || _fail "init"
list "$T/plain"
try "change, nothing there" protector change --passfile "$T/root" "$T/plain"
rmdir "$T/plain/.fuscrypt/protectors"
_code "list, no folder" protector list "$T/plain"
_code "add makes it" protector add "${fast[@]}" --key "$T/rawkey" --passfile "$T/root" "$T/plain"
list "$T/plain"

echo "-- one passphrase for two keys"
_code "add for a third key" protector add "${fast[@]}" --name=raw --key "$T/rawkey" --passfile "$T/shared" "$S"
_code "and for the first" protector add "${fast[@]}" --name=root3 --from "$(id_of root)" --passfile "$T/root" --passfile "$T/shared" "$S"
try "add: for which?" protector add --passfile "$T/shared" --passfile "$T/sub" "$S"
try "change: which?" protector change --passfile "$T/shared" --passfile "$T/sub" "$S"
_code "change this one" protector change "${fast[@]}" --passfile "$T/shared" --passfile "$T/wrong" "$(id_of raw)" "$S"
_code "change it back, and its name" protector change "${fast[@]}" --name=again --passfile "$T/wrong" --passfile "$T/shared" "$S"
list "$S"

echo "-- in a mount"
_mount_raw --passfile "$T/root" --passfile "$T/sub3" --passfile "$T/shared" "$S" "$M" || _fail "mount"
mkdir "$M/rootdir"
_umount
# The root has a policy already: trees with other keys go into a store whose root is plain.
mv "$S" "$T/rooted"
"$FUSCRYPT" init --no-policy "$S" >"$T/out" || _fail "init"
_mount_raw --key "$T/subkey" --key "$T/rawkey" "$S" "$M" || _fail "mount"
mkdir "$M/sub" "$M/raw"
"$FUSCRYPT" policy set "$sub" "$M/sub" && "$FUSCRYPT" policy set "$raw" "$M/raw" || _fail "policy set"
echo "text of sub" >"$M/sub/file"
echo "text of raw" >"$M/raw/file"
_code "add" protector add "${fast[@]}" --name=sub --key "$T/subkey" --passfile "$T/sub" "$M/sub/file"
_code "add, from standard input" bash -c '"$FUSCRYPT" protector add --kdf-time=20 --kdf-memory=1024 --name=raw --key "$T/rawkey" "$M" <"$T/shared"'
_code "add another" protector add "${fast[@]}" --name=sub2 --passfile "$T/sub" --passfile "$T/sub2" "$M"
list "$M/raw"
_umount

# unlock DIR WITH...: then what is there, then locked again.
unlock() {
	local d=$1 p
	shift
	for p; do
		_code "unlock $d with $p" "$FUSCRYPT" unlock --passfile "$T/$p" "$M/$d"
		cat "$M/$d/file" 2>/dev/null && "$FUSCRYPT" lock "$M/$d"
	done
}
_mount_locked
unlock sub sub sub2 sub3 shared
unlock raw sub shared
owner=$(stat -c %u:%g:%a "$P/$(id_of sub).json")
try "change" protector change "${fast[@]}" --passfile "$T/sub" --passfile "$T/sub3" "$M"
[ "$(stat -c %u:%g:%a "$P/$(id_of sub).json")" = "$owner" ] || echo "another owner or mode"
unlock sub sub sub2 sub3
list "$M"

echo "-- a change that is cut short"
{
	(ulimit -f 0 -c 0 && exec "$FUSCRYPT" protector change "${fast[@]}" --passfile "$T/sub3" --passfile "$T/sub" "$S") &&
		echo "it is not cut short" >"$T/not-cut"
} >/dev/null 2>&1
cat "$T/not-cut" 2>/dev/null
unlock sub sub sub3
_code "change" protector change "${fast[@]}" --passfile "$T/sub3" --passfile "$T/sub" "$S"
unlock sub sub sub3
find "$P" -mindepth 1 ! -name '????????????????.json' | wc -l

echo "-- at a terminal"
cat >"$T/terminal.py" <<'PY'
import os, pty, signal, sys

# Answers each prompt as soon as it is there; says which there were, and the exit code.
said, answers = b"", sys.argv[1].split(",")
signal.alarm(120)
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
while True:
    try:
        more = os.read(fd, 1024)
    except OSError:
        break
    if not more:
        break
    said += more
    if said.endswith(b": ") and answers:
        os.write(fd, answers.pop(0).encode() + b"\n")
status = os.waitpid(pid, 0)[1]
lines = [line for line in said.decode().splitlines() if ": " in line]
print(*(line.replace(": ", "") for line in lines if line.endswith(": ")), sep=", ")
print("shown" if "new one" in said.decode() else "not shown", "exit", os.waitstatus_to_exitcode(status))
PY
python3 "$T/terminal.py" "passphrase sub,new one,another one" "$FUSCRYPT" protector change "${fast[@]}" "$S"
python3 "$T/terminal.py" "passphrase sub,new one,new one" "$FUSCRYPT" protector change "${fast[@]}" "$S"
python3 "$T/terminal.py" "passphrase sub" "$FUSCRYPT" protector change "${fast[@]}" "$S"
echo "new one" >"$T/typed"
unlock sub sub typed

echo "-- remove"
try "the only one of a key" protector remove "$(id_of raw)" "$M"
unlock raw shared
_code "one of two" protector remove "$(id_of sub)" "$M"
unlock sub typed sub2
try "the second" protector remove "$(id_of sub2)" "$S"
_code "with force" protector remove --force --json "$(id_of sub2)" "$S"
sed -E 's/[0-9a-f]{32}|[0-9a-f]{16}/HEX/g' "$T/message"
list "$S"
unlock sub sub2
_code "the raw key still does" "$FUSCRYPT" unlock --key "$T/subkey" "$M/sub"
cat "$M/sub/file"
bad=0123456789abcdef
echo "{" >"$P/$bad.json"
try "list with one that is damaged" protector list "$S"
try "remove it" protector remove $bad "$S"
_code "with force" protector remove --force $bad "$S"
_code "list" protector list "$S"
_umount
rm -rf "$S"
mv "$T/rooted" "$S"
for n in root2 root3 root; do
	try "root: $n" protector remove "$(id_of $n)" "$S"
done
_done
