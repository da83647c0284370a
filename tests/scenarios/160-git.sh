#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 160-git - git in the mount: init, commits, branches, gc, fsck, clone
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
_need_cmd git

_init_store
_mount
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_GLOBAL=/dev/null
mkdir "$M/repo" && cd "$M/repo" || _fail "cd"
git init -q -b main .
cp -r "$SCEN_ROOT"/src "$SCEN_ROOT"/tests/lib .
git add -A && git commit -qm one
git checkout -q -b work
for i in $(seq 20); do
	echo "line $i" >>notes
	git add notes && git commit -qm "change $i"
done
git checkout -q main && git merge -q --no-ff -m merge work
git log --oneline | wc -l
git status --porcelain | wc -l
git gc -q --prune=now && git fsck --full --strict 2>&1 | grep -v '^notice' | wc -l
git clone -q "$M/repo" "$M/copy" && diff -r --exclude=.git "$M/repo" "$M/copy" && echo "clone: same"
cd / && _remount
cd "$M/repo" && git fsck --full 2>&1 | grep -cE 'error|missing|corrupt'
git status --porcelain | wc -l
git diff --stat HEAD~1 | tail -n 1
cd /
_done
