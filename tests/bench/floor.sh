# SPDX-License-Identifier: GPL-3.0-or-later
# floor.sh - sets up the slots of a measurement: the floor, which is our own passthrough, and fuscrypt
# shellcheck shell=bash
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${FUSCRYPT_BUILD:-$top/build}
if [ -z "${FUSCRYPT:-}" ]; then
	FUSCRYPT=$build/fuscrypt
	[ -x "$FUSCRYPT" ] || FUSCRYPT=$build/src/fuscrypt
fi
passthrough=$build/tests/bench/passthrough
for program in "$FUSCRYPT" "$passthrough"; do
	[ -x "$program" ] || {
		echo "no program at $program: build first" >&2
		exit 1
	}
done
export FUSEFLOOR_MOUNT="$passthrough {store} {mnt}"
export FUSEFLOOR_NOTE="tests/bench/passthrough: writeback cache, splice, timeouts of a day, no xattrs"
export FUSEFLOOR_COPY_MOUNT="$passthrough {store} {mnt} -o copy"
export FUSEFLOOR_COPY_NOTE="the same, data copied through memory as a cipher has to"
export FUSEFLOOR_NOWB_MOUNT="$passthrough {store} {mnt} -o nowriteback"
export FUSEFLOOR_NOWB_NOTE="the same as fusefloor, without the writeback cache"
export FUSEFLOOR_XATTR_MOUNT="$passthrough {store} {mnt} -o xattr"
export FUSEFLOOR_XATTR_NOTE="the same as fusefloor, with xattrs"
export FUSCRYPT_INIT="$FUSCRYPT init --key {key} {store}"
export FUSCRYPT_MOUNT="$FUSCRYPT mount -o noallow_other,nouring --key {key} {store} {mnt}"
export FUSCRYPT_NOTE="AES-256-XTS contents, AES-256-HCTR2 names (defaults), over /dev/fuse; for one user, as the others are"
export FUSCRYPT_URING_INIT=$FUSCRYPT_INIT
export FUSCRYPT_URING_MOUNT="$FUSCRYPT mount -o noallow_other,uring --key {key} {store} {mnt}"
export FUSCRYPT_URING_NOTE="the same over io_uring, the default where the kernel offers it"
export FUSCRYPT_LEAN_INIT=$FUSCRYPT_INIT
export FUSCRYPT_LEAN_MOUNT="$FUSCRYPT mount -o noallow_other,uring,noatime,noacl --key {key} {store} {mnt}"
export FUSCRYPT_LEAN_NOTE="over io_uring without ACLs, which the floor and the peers do not have, and with access times left alone"
