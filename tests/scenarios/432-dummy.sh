#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 432-dummy - test_dummy_encryption: what is made in a plain directory is encrypted under a key that everybody knows
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt
_need_oracle

(umask 077 && printf 'fuscrypt test_dummy_encryption: everybody knows this key. \1\2\3\4\5\6' >"$K")
ID=$(_key_id "$K")
export ID
mkdir "$T/plain"
python3 "$ORACLE/mktree.py" --salt s --no-far "$T/plain" || _fail "mktree"

what() { # PATH: its policy in a few words
	"$FUSCRYPT" policy get --json "$1" 2>/dev/null | python3 -c '
import json, sys
text = sys.stdin.read()
p = json.loads(text) if text else None
print("none" if p is None else "v%d %s %s %s padding %d" % (p["version"], p.get("master_key_identifier") or p["master_key_descriptor"], p["contents"], p["filenames"], p["padding"]))' | _filter
}

for v in v1 v2; do
	echo "--- $v"
	"$FUSCRYPT" init --no-policy "$S" >"$T/out" || _fail "init"
	_mount_raw --locked -o test_dummy_encryption=$v "$S" "$M" || _fail "mount"
	mkdir "$M/tree"
	python3 "$ORACLE/mktree.py" --salt s --no-far "$M/tree" || _fail "mktree"
	echo "root: $(what "$M")"
	echo "directory: $(what "$M/tree")"
	python3 - "$M" <<'PY'
import os, sys
from ops import *
M = sys.argv[1]
j = lambda *a: os.path.join(M, *a)
put(j("file"), b"some text\n")
os.symlink("some target", j("link"))
os.mkfifo(j("fifo"))
os.link(j("file"), j("tree", "linked"))
fd = os.open(M, os.O_TMPFILE | os.O_RDWR)
os.write(fd, b"had no name\n")
link_fd(fd, j("named"))
os.close(fd)
creat(j("empty"))
os.mkdir(j("hollow"))
print(get(j("file")), os.readlink(j("link")), get(j("tree", "linked")), get(j("named")))
show("again", creat, j("file"))
show("symlink over it", os.symlink, "t", j("file"))
show("mkdir over it", os.mkdir, j("file"))
show("file over a directory", creat, j("tree"))
show("rename in", os.rename, j("named"), j("tree", "named"))
show("rename out", os.rename, j("tree", "named"), j("named"))
show("exchange", rename2, j("file"), j("link"), EXCHANGE)
show("and back", rename2, j("file"), j("link"), EXCHANGE)
show("a directory out of one", os.mkdir, j("hollow", "deep"))
show("into the root", os.rename, j("hollow", "deep"), j("deep"))
show("longest name", creat, j("n" * 243))
show("a longer one", creat, j("n" * 244))
os.unlink(j("n" * 243))
show("longest in a directory", creat, j("hollow", "n" * 255))
PY
	echo "file: $(what "$M/file")"
	_umount

	echo "on disk:"
	ls "$S"
	grep -rq 'some text\|some target' "$S" && echo "PLAINTEXT"
	[ $v = v1 ] || echo "tree: $(rm -f "$T/plain/linked"; printf 'some text\n' >"$T/plain/linked"; python3 "$ORACLE/check_store.py" --store "$S/tree" \
		--key-file "$K" --plain "$T/plain" | sed 's/ [0-9]* hole unit,//')"

	# An ordinary mount: encrypted things in a plain directory, as after a rename.
	_mount_locked
	ls "$M"
	_try "locked: read" cat "$M/file"
	_try "locked: readlink" test "$(readlink "$M/link")" != "some target"
	[ $v = v1 ] || { "$FUSCRYPT" key add "$M" <"$K" >"$T/out" && cat "$M/file" && readlink "$M/link"; }
	echo new >"$M/new" && echo "new: $(what "$M/new")"
	_umount
	# And again as a test suite would.
	_mount_raw --locked -o test_dummy_encryption=$v "$S" "$M" || _fail "mount"
	cat "$M/file" "$M/new" "$M/named"
	wc -c <"$M/empty"
	echo "directory: $(what "$M/hollow")"
	rm -r "${M:?}"/*
	ls -A "$M"
	_umount
	ls -A "$S"
	rm -rf "$S"
done
_code "v3" "$FUSCRYPT" mount -o test_dummy_encryption=v3 "$S" "$M"

# Where the root has a policy of its own all is as without.
_make_key "$T/key"
K=$T/key
_init_store
_mount_raw --key "$K" -o test_dummy_encryption "$S" "$M" || _fail "mount"
echo text >"$M/file"
echo "own policy: $(what "$M/file")"
"$FUSCRYPT" key list --json "$M" | wc -l
_umount
_done
