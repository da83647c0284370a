#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 220-build-inside - fuscrypt is unpacked, built and its units pass inside its own mount
. "$(dirname "$0")/../lib/scenario.sh"
_begin long user
_need_cmd make gcc autoreconf tar

_init_store
_mount
cd "$M" || _fail "cd"
(cd "$SCEN_ROOT" && tar -cf - --exclude=./build --exclude='./build-*' --exclude=./.git --exclude=./autom4te.cache \
	--exclude='./tests/bench/results' .) | tar -xf -
autoreconf -i >"$T/log" 2>&1 || tail -n 20 "$T/log"
mkdir -p build-inside && cd build-inside || _fail "build folder"
../configure >>"$T/log" 2>&1 && make -j2 >>"$T/log" 2>&1 || tail -n 20 "$T/log"
# The lints are the tree's matter, not the mount's.
# shellcheck disable=SC2016 # for make
make -j2 check TESTS='$(unit_programs)' >>"$T/log" 2>&1 || grep -E '^(FAIL|ERROR)' "$T/log" | head
grep -q '^# TOTAL:' "$T/log" || tail -n 20 "$T/log"
grep -E '^# (FAIL|ERROR):' "$T/log"
./fuscrypt --version >/dev/null && echo "it runs"
cd /
_done
