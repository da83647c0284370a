#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 403-iv-ino-full - no room for a header with a number: nothing is made; two mounts give out no number twice
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt
_need_root

mkdir "$T/small"
mount -t tmpfs -o size=2m tmpfs "$T/small" || _notrun "no tmpfs"
S=$T/small/store
_init_store --iv-ino-lblk-64
_mount
mkdir "$M/dir" && touch "$M/file"
dd if=/dev/zero of="$T/small/fill" bs=4096 2>/dev/null
count() {
	find "$S" ! -path '*/.fuscrypt/*' | wc -l
}
before=$(count)
_try "file" touch "$M/new"
_try "directory" mkdir "$M/new"
_try "in a directory" touch "$M/dir/new"
_try "special" mknod "$M/new" c 1 3
rm -f "$M/new"
[ "$(count)" = "$before" ] && echo "nothing is left of them"
find "$M" -name "new*"
rm "$T/small/fill"
_try "file" touch "$M/new"
_try "directory" mkdir "$M/new2"
_try "in it" touch "$M/new2/new"
python3 - <<'PY'
import os
inos = [os.lstat(os.path.join(d, n)).st_ino for d, a, b in os.walk(os.environ["M"]) for n in a + b]
print(len(inos), len(set(inos)), max(inos) >> 32)
PY
_umount

mkdir "$T/m2"
_mount -o shared
_mount_raw --key "$K" -o shared "$S" "$T/m2" || _fail "mount"
M2=$T/m2 python3 - <<'PY'
import os
mounts, made = [os.environ["M"], os.environ["M2"]], {}
for i in range(400):
    p = os.path.join(mounts[i % 2], "s%d" % i)
    os.mkdir(p) if i % 7 == 0 else open(p, "w").close()
    made.setdefault(os.stat(p).st_ino, []).append(i)
    # The other one shows the same.
    q = os.path.join(mounts[1 - i % 2], "s%d" % i)
    if os.stat(q).st_ino not in made or made[os.stat(q).st_ino] != [i]:
        print("differs:", i)
print("shared:", len(made), "numbers")
PY
_umount "$T/m2"
_umount
umount "$T/small"
_done
