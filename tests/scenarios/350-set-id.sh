#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 350-set-id - set-id bits fall when others change a file or its ACL; capabilities that are set stay
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto
_need_root
_need_cmd setpriv setfacl python3 xfs_io

_init_store
_mount -o allow_other
chmod 1777 "$M"
f=$M/file
fresh() {
	rm -f "$f"
	head -c 65536 /dev/zero >"$f"
	chown 1001:2000 "$f"
	chmod "$1" "$f"
}
mode() {
	echo "$1: $(stat -c %a "$f")"
}
for how in "falloc 0 8k" "fpunch 4k 4k" "fzero 4k 4k"; do
	fresh 6766
	_as 1002 1002 xfs_io -c "$how" "$f"
	mode "$how by another user"
	fresh 2767
	_as 1002 2000 xfs_io -c "$how" "$f"
	mode "$how by one of the group"
	fresh 6777
	_as 1002 2000 xfs_io -c "$how" "$f"
	mode "$how, executable"
	fresh 6777
	xfs_io -c "$how" "$f"
	mode "$how by root"
done
fresh 6777
echo text >"$M/source"
_as 1002 1002 xfs_io -c "copy_range $M/source" "$f"
mode "copy_range"
echo "--- ACLs"
fresh 2755
_as 1001 2000 setfacl -m u:1003:r "$f"
mode "by an owner of the group"
fresh 2755
_as 1001 1001 setfacl -m u:1003:r "$f"
mode "by an owner not of the group"
mkdir "$M/dir"
chown 1001:2000 "$M/dir"
chmod 2755 "$M/dir"
_as 1001 1001 setfacl -m u:1003:rx "$M/dir"
f=$M/dir
mode "of a directory"
echo "--- capabilities"
python3 - <<'PY'
import os, struct
M = os.environ["M"]
caps = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
def there(path):
    try:
        return os.getxattr(path, "security.capability") == caps
    except OSError:
        return False
for name, data in ("empty", b""), ("data", b"x" * 100000):
    fd = os.open(M + "/caps-" + name, os.O_CREAT | os.O_RDWR, 0o755)
    os.write(fd, data)
    os.setxattr(fd, "security.capability", caps)
    os.close(fd)
    print(name, "after close:", there(M + "/caps-" + name))
with open(M + "/caps-data", "ab") as f:
    f.write(b"more")
print("after a write:", there(M + "/caps-data"))
PY
_done
