#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 140-bad-input - damaged files, headers, contexts and stores: a clear error, nothing else hurt
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
_mount
mkdir "$M/dir" "$M/dir2"
echo inner >"$M/dir/inner"
echo other >"$M/dir2/other"
for n in magic version sum ctx cut tail good; do
	echo "$n" >"$M/$n"
done
ln -s target "$M/link"
long=$(printf 'n%.0s' $(seq 250))
echo long >"$M/$long"
_umount
# Which stored name is which: by the oracle's names.
stored() {
	python3 - "$1" <<-'PY'
		import base64, os, sys, refdecrypt as r
		with open(os.environ["S"] + "/.fuscrypt.ctx", "rb") as f:
		    h = f.read()
		c = r.FileCrypt(open(os.environ["K"], "rb").read(), r.Context.parse(h[40:80]), 0)
		print(base64.urlsafe_b64encode(c.encrypt_name(sys.argv[1].encode())).rstrip(b"=").decode())
	PY
}
put() { # NAME OFFSET BYTES
	printf "$3" | dd of="$S/$(stored "$1")" bs=1 seek="$2" conv=notrunc status=none
}
put magic 0 X
put version 8 '\007'
put sum 50 '\377\376\375'
put ctx 41 '\143'
truncate -s 1000 "$S/$(stored cut)"
truncate -s 4100 "$S/$(stored tail)"
truncate -s 40 "$S/$(stored dir2)/.fuscrypt.ctx"
rm "$S/$(stored dir)/.fuscrypt.ctx"
ln -sfn 'not base64 at all!' "$S/$(stored link)"
side=$(find "$S" -maxdepth 1 -name '.fuscrypt.n.*')
printf 'forged sidecar..' >"$side"
echo conflict >"$S/file (conflicted copy)"
_mount
for n in magic version sum ctx cut tail; do
	_try "read $n" cat "$M/$n"
done
_try "read good" cat "$M/good"
_try "write good" sh -c "echo more >>'$M/good'"
_try "readlink" readlink -v "$M/link"
_try "list a directory without its context" ls "$M/dir"
_try "list one with a cut context" ls "$M/dir2"
_try "the rest lists" ls "$M"
_try "remove a damaged file" rm -f "$M/magic"
n=0
for f in "$M"/*; do
	case ${f##*/} in _____*) n=$((n + 1)) && foreign=$f ;; esac
done
echo "foreign entries: $n"
_try "read foreign" cat "$foreign"
_try "remove foreign" rm -f "$foreign"
[ -e "$S/file (conflicted copy)" ] || echo "it was the conflicted copy"
kill -0 "$(_daemon_of "$M" | head -n 1)" && echo "the daemon lives"
_umount
echo "--- stores"
conf=$S/.fuscrypt/store.conf
cp "$conf" "$T/conf"
bad() {
	_code "$1" _mount_raw --key "$K" "$S" "$M"
	_is_mounted "$M" && echo "mounted?" && _umount
	[ "$(wc -l <"$T/message")" -eq 1 ] || cat "$T/message"
	cp "$T/conf" "$conf"
}
sed -i 's/fuscrypt-store=1/fuscrypt-store=2/' "$conf"
bad "wrong version"
sed -i 's/features=.*/features=time-travel/' "$conf"
bad "unknown feature"
echo garbage >"$conf"
bad "garbage"
: >"$conf"
bad "empty"
sed -i 's/root=.*/root=plain/' "$conf"
bad "root said to be plain"
rm "$conf"
bad "missing"
mv "$S/.fuscrypt.ctx" "$T/ctx"
bad "root context missing"
mv "$T/ctx" "$S/.fuscrypt.ctx"
_flip "$S/.fuscrypt.ctx" 60
bad "root context changed"
_done
