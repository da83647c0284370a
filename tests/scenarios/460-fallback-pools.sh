#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 460-fallback-pools - the fallback with one keyslot, one page and one context does the same, only slower
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt

# What a thread has in memory of its own is not what this is about: many threads, large requests.
work() {
	local i pids=()
	for i in 1 2 3 4; do
		head -c 3000000 "$T/data" | cat "$T/salt.$i" - >"$M/f$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in 1 2 3 4; do
		head -c 3000000 "$T/data" | cat "$T/salt.$i" - | cmp - "$M/f$i" || echo "f$i differs"
	done
}
head -c 3000000 /dev/urandom >"$T/data"
for i in 1 2 3 4; do printf 'salt %d' "$i" >"$T/salt.$i"; done
_init_store
for o in defaults num_keyslots=1 num_prealloc_bounce_pg=1 num_prealloc_crypt_ctxs=1 \
	num_keyslots=1,num_prealloc_bounce_pg=1,num_prealloc_crypt_ctxs=1 \
	num_keyslots=1024,num_prealloc_bounce_pg=65536,num_prealloc_crypt_ctxs=65536; do
	_mount -o "$o" && work
	_umount
	# And what one wrote another reads.
	_mount
	head -c 3000000 "$T/data" | cat "$T/salt.3" - | cmp - "$M/f3" && echo "$o: same"
	_umount
done
for o in num_keyslots=0 num_keyslots=1025 num_prealloc_bounce_pg=x num_prealloc_crypt_ctxs=; do
	"$FUSCRYPT" mount -o "$o" --key "$K" "$S" "$M" 2>&1 | sed 's/^fuscrypt[^:]*: //'
done
_done
