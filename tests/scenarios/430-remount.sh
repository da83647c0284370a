#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 430-remount - flags changed while mounted, by mount(8) and without; read-only mounts, bind mounts too, take no policy
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto
_need_root
_need_cmd mount xfs_io unshare

helper=$FUSCRYPT_BUILD/mount.fuse.fuscrypt
[ -e "$helper" ] || _fail "no mount.fuse.fuscrypt"
_init_store --no-policy
mkdir "$T/sbin" "$T/bind" "$T/robind"
# The words of the table of mounts that we set, of the mount and of the filesystem.
flags() {
	awk -v m="$1" '$5 == m {print $6, $NF}' /proc/self/mountinfo | tail -n 1 |
		sed 's/,*\(user_id\|group_id\|max_read\|rootmode\)=[0-9]*//g; s/,default_permissions//; s/,allow_other//'
}
policy() { # LABEL DIR: set, and say how that went
	echo "$1: $(xfs_io -c "set_encpolicy $ID" "$2" 2>&1 | sed 's/.*: //' | _filter)"
}
export -f flags policy _filter
export K ID helper

cat >"$T/inner" <<'IN'
cp -a /usr/sbin/. "$T/sbin/" 2>/dev/null
cp "$helper" "$T/sbin/mount.fuse.fuscrypt" && ln -sf "$FUSCRYPT" "$T/sbin/fuscrypt"
mount --bind "$T/sbin" /usr/sbin || exit 9
export PATH=/usr/sbin:$PATH

mount -t fuse.fuscrypt "$S" "$M" -o locked || exit 9
echo "mounted: $(flags "$M")"
fuscrypt key add "$M" <"$K" >"$T/out"
mkdir "$M/a" "$M/b" "$M/c" "$M/d"
# Source and directory: the helper gets what is said.
mount -t fuse.fuscrypt -o remount,ro "$S" "$M" && echo "remount,ro: $(flags "$M")"
touch "$M/a/x" 2>&1 | sed 's/.*: //'
policy "policy, read-only" "$M/a"
xfs_io -c get_encpolicy "$M/a" 2>&1 | sed 's/.*: //'
# The directory alone: mount(8) adds all that the table of mounts has.
mount -o remount,rw,nosuid,noexec,noatime "$M" && echo "remount,rw: $(flags "$M")"
policy "policy, writable" "$M/a"
touch "$M/a/x" && echo "written"
mount -o remount,exec,strictatime "$M" && echo "remount,exec: $(flags "$M")"
mount -o remount,nodiratime,relatime,nodev "$M" && echo "remount,relatime: $(flags "$M")"
# The kernel refuses to make it read-only under a writer.
exec 7>"$M/a/open"
mount -o remount,ro "$M" 2>&1 | tail -n 1 | sed 's/.*: //'
exec 7>&-
# Not by way of mount(8) at all, so that nobody tells the server.
mount -i -o remount,ro "$M"
policy "policy, read-only behind our back" "$M/b"
"$FUSCRYPT" policy set "$ID" "$M/b" 2>&1 | _filter
mount -i -o remount,rw "$M"
policy "policy, writable behind our back" "$M/b"
echo text >>"$M/a/x" && echo "written"

# A read-only bind mount of a writable one, both ways at the same time.
mount --bind "$M" "$T/bind" && mount --bind "$M" "$T/robind" && mount -o remount,bind,ro "$T/robind"
echo "bind mount: $(flags "$T/robind"); mount: $(flags "$M")"
policy "read-only bind mount" "$T/robind/c"
xfs_io -c "set_encpolicy $ID" "$T/robind/a" 2>&1 | sed 's/.*: //'
fuscrypt policy set "$ID" "$T/robind/c" 2>&1 | _filter
exec 8<"$M/c" 9<"$T/robind/c"
xfs_io -c "set_encpolicy $ID" /proc/self/fd/9 2>&1 | sed 's/.*: //'
policy "writable bind mount" "$T/bind/c"
exec 8<&- 9<&-
policy "the mount itself" "$M/d"
# Salt that is there may be read; that which is not cannot be made. Keys are not the store's.
python3 - "$T/robind" "$M" <<'PY'
import fcntl, os, sys
def salt(path):
    fd = os.open(path, os.O_RDONLY)
    buf = bytearray(16)
    try:
        fcntl.ioctl(fd, 0x40106614, buf)
        return "ok"
    except OSError as e:
        return e.strerror
    finally:
        os.close(fd)
print("salt:", salt(sys.argv[1]), "/", salt(sys.argv[2]), "/", salt(sys.argv[1]))
PY
fuscrypt key remove "$ID" "$T/robind" && fuscrypt key add "$T/robind" <"$K" >"$T/out" && echo "keys: ok"
umount "$T/robind" "$T/bind"

mount -t fuse.fuscrypt -o remount,ro /nothing "$T" 2>&1 | tail -n 1 | _filter
umount "$M"
mount -t fuse.fuscrypt "$S" "$M" -o ro,locked,strictatime,lazytime,nodiratime
echo "mounted read-only: $(flags "$M")"
fuscrypt mount -o remount,rw "$S" "$M" && echo "own words: $(flags "$M")"
fuscrypt key add "$M" <"$K" >"$T/out"
echo more >>"$M/a/x" && cat "$M/a/x"
umount "$M"
IN
unshare -m --propagation private bash "$T/inner" 2>&1 | _filter
_wait_daemons() { for p in $(_our_daemons); do _wait_gone "$p"; done; }
_wait_daemons

# A store that cannot be written has no writable mount.
mount --bind "$S" "$S" && mount -o remount,bind,ro "$S"
"$FUSCRYPT" mount --locked "$S" "$M" </dev/null && flags "$M"
"$FUSCRYPT" mount -o remount,rw "$S" "$M" 2>&1 | _filter
flags "$M"
_umount
umount "$S"
_done
