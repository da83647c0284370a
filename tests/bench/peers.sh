#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# peers.sh - installs the filesystems that fuscrypt is measured against, from Debian
#
#   tests/bench/peers.sh            root: install what is missing; others: say what is missing
#   tests/bench/peers.sh --check    say only. Exit status 1 where something is missing
# A measurement goes on without those that cannot be had. Building and testing need none of them.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
missing=()
for p in gocryptfs securefs encfs cryfs; do
	command -v "$p" >/dev/null || missing+=("$p")
done
[ "${#missing[@]}" -gt 0 ] || exit 0
if [ "${1:-}" = --check ] || [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
	echo "missing, and left out of a measurement: ${missing[*]}"
	exit 1
fi
echo "installing ${missing[*]}"
status=0
for p in "${missing[@]}"; do # one by one: one that cannot be had must not keep the others away
	apt-get install -y --no-install-recommends "$p" >/dev/null 2>&1 ||
		{ apt-get update -qq && apt-get install -y --no-install-recommends "$p" >/dev/null; } || status=1
done
exit $status
