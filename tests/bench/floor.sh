# SPDX-License-Identifier: GPL-3.0-or-later
# floor.sh - sets up the systems of a measurement: the floor is libfuse's own passthrough example
# shellcheck shell=bash
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ -z "${FUSCRYPT:-}" ]; then
	FUSCRYPT=${FUSCRYPT_BUILD:-$top/build}/fuscrypt
	[ -x "$FUSCRYPT" ] || FUSCRYPT=${FUSCRYPT_BUILD:-$top/build}/src/fuscrypt
fi
[ -x "$FUSCRYPT" ] || {
	echo "no program at $FUSCRYPT: build first" >&2
	exit 1
}
floor_dir=$(mktemp -d)
trap 'rm -rf "$floor_dir"' EXIT
example=/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c
[ -f "$example" ] || { gzip -dc "$example.gz" >"$floor_dir/passthrough_ll.c" && example=$floor_dir/passthrough_ll.c; }
# shellcheck disable=SC2046 # compiler flags
gcc -O2 -w -I/usr/share/doc/libfuse3-dev/examples "$example" $(pkg-config --cflags --libs fuse3) -o "$floor_dir/passthrough_ll"
export FUSEFLOOR_MOUNT="$floor_dir/passthrough_ll -o source={store},writeback,cache=auto {mnt}"
export FUSEFLOOR_NOTE="libfuse passthrough_ll, writeback, cache=auto"
export FUSCRYPT_INIT="$FUSCRYPT init --key {key} {store}"
export FUSCRYPT_MOUNT="$FUSCRYPT mount --key {key} {store} {mnt}"
export FUSCRYPT_NOTE="AES-256-XTS contents, AES-256-HCTR2 names (defaults)"
