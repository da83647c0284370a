#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 190-big-directory - 100,000 files in one directory: made, listed, found, removed
. "$(dirname "$0")/../lib/scenario.sh"
_begin long user

_init_store
_mount
mkdir "$M/d"
python3 - <<'PY'
import os, random
D = os.environ["M"] + "/d"
N = 100000
for i in range(N):
    fd = os.open("%s/file number %d" % (D, i), os.O_CREAT | os.O_WRONLY, 0o644)
    if i % 100 == 0:
        os.write(fd, b"%d" % i)
    os.close(fd)
names = os.listdir(D)
print("listed:", len(names), len(set(names)))
rng = random.Random(1)
print("found:", sum(os.stat("%s/file number %d" % (D, rng.randrange(N))).st_size >= 0 for _ in range(2000)))
# Reading while removing: every name that stays is seen exactly once.
it = os.scandir(D)
seen = [next(it).name for _ in range(1000)]
gone = {"file number %d" % i for i in range(0, N, 10)}
for n in gone:
    os.unlink(os.path.join(D, n))
seen += [e.name for e in it]
left = set(names) - gone
print("kept ones seen:", left <= set(seen), "twice:", len(seen) - len(set(seen)))
PY
_remount
ls -f "$M/d" | wc -l
cat "$M/d/file number 99100" 2>/dev/null | wc -c
cat "$M/d/file number 90001" | wc -c
rm -r "$M/d" && ls "$M" | wc -l
_done
