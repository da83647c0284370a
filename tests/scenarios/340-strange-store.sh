#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 340-strange-store - other things in place of contexts, sidecars and entries: EUCLEAN, and nobody waits
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_need_cmd python3
_init_store
_mount
long=$(printf 'n%.0s' $(seq 250))
for d in symlink fifo socket directory garbage huge; do
	mkdir "$M/$d"
	echo "$d" >"$M/$d/f"
done
for d in sidecar-fifo sidecar-huge sidecar-gone; do
	mkdir "$M/$d"
	echo "$d" >"$M/$d/$long"
	echo "$d" >"$M/$d/f"
done
declare -A at
for d in "$M"/*; do
	at[${d##*/}]=$(find "$S" -inum "$(stat -c %i "$d")")
done
_umount
ctx=.fuscrypt.ctx
for d in symlink fifo socket directory garbage huge; do
	rm "${at[$d]}/$ctx"
done
ln -s "$S/$ctx" "${at[symlink]}/$ctx"
mkfifo "${at[fifo]}/$ctx"
(cd "${at[socket]}" && python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('$ctx')")
mkdir "${at[directory]}/$ctx"
head -c 96 /dev/urandom >"${at[garbage]}/$ctx"
truncate -s 1G "${at[huge]}/$ctx"
for d in sidecar-fifo sidecar-huge sidecar-gone; do
	side=$(echo "${at[$d]}"/.fuscrypt.n.*)
	rm "$side"
	[ "$d" = sidecar-fifo ] && mkfifo "$side"
	[ "$d" = sidecar-huge ] && truncate -s 1G "$side"
done

_mount
for d in symlink fifo socket directory garbage huge; do
	_try "context is $d: list" timeout 10 ls "$M/$d"
	_try "context is $d: look up" timeout 10 stat "$M/$d/f"
	_try "context is $d: create" timeout 10 touch "$M/$d/new"
	_try "context is $d: stat" timeout 10 stat "$M/$d"
	_try "context is $d: rename" timeout 10 mv "$M/$d" "$M/renamed-$d"
done
for d in sidecar-fifo sidecar-huge sidecar-gone; do
	timeout 10 ls "$M/$d" | sed 's/^__________.*/a foreign name/'
	timeout 10 cat "$M/$d/f"
	timeout 10 rm -r "$M/$d"
	[ -e "$M/$d" ] && echo "$d is still there"
done

# Entries that become something else under the mount.
mkdir "$M/w"
for f in a b c; do echo "$f" >"$M/w/$f"; done
mkdir "$M/w/d"
echo secret >"$T/passwd"
for f in a b c d; do at[$f]=$(find "$S" -inum "$(stat -c %i "$M/w/$f")"); done
rm "${at[a]}" "${at[b]}"
mkfifo "${at[a]}"
ln -s "$T/passwd" "${at[b]}"
rm -r "${at[d]}"
ln -s "$T" "${at[d]}"
sleep 1.5
for f in a/x b d/passwd c; do
	timeout 10 cat "$M/w/$f" 2>&1 | grep -c secret
done
timeout 10 rm -rf "$M/w"
[ -e "$M/w" ] && echo "w is still there"

# Many requests of one user at the same time: none is turned away.
if command -v xfs_io >/dev/null; then
	for _ in $(seq 24); do
		xfs_io -r -c get_encpolicy "$M" >>"$T/policies" 2>&1 &
	done
	wait
	grep -c 'Contents encryption mode: 1' "$T/policies"
else
	echo 24
fi
_done
