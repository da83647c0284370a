#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 150-mount-helper - mount(8), fstab options and the mount.fuscrypt helper; umount ends the daemon
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto
_need_root
_need_cmd mount

helper=$(find "$FUSCRYPT_BUILD" -maxdepth 3 -name mount.fuscrypt | head -n 1)
[ -n "$helper" ] || helper=$SCEN_ROOT/contrib/mount.fuscrypt
[ -e "$helper" ] || _fail "no mount.fuscrypt"
# mount(8) finds helpers in /sbin only: for the time of this test, in a mount name space of its own.
_init_store
printf 'pass phrase\n' >"$T/pass"
cat >"$T/inner" <<IN
mkdir "$T/sbin" && cp -a /usr/sbin/. "$T/sbin/" 2>/dev/null
cp "$helper" "$T/sbin/mount.fuscrypt" && ln -sf "$FUSCRYPT" "$T/sbin/fuscrypt"
mount --bind "$T/sbin" /usr/sbin || exit 9
export PATH=/usr/sbin:\$PATH
mount -t fuscrypt "$S" "$M" -o key=$K,noatime,x-systemd.automount,_netdev,nofail && echo "mount -t fuscrypt: ok"
findmnt -n -o FSTYPE,SOURCE "$M"
echo text >"$M/file"
umount "$M" && echo "umount: ok"
mount -t fuse.fuscrypt "$S" "$M" -o key=$K,ro && echo "mount -t fuse.fuscrypt: ok"
cat "$M/file"
touch "$M/new" 2>&1 | sed 's/.*: //'
mount -o remount,rw "$M" 2>/dev/null; touch "$M/new2" 2>/dev/null
umount "$M"
echo "$S $M fuscrypt key=$K,noauto,user 0 0" >"$T/fstab"
mount -T "$T/fstab" "$M" && echo "fstab: ok"
cat "$M/file"
umount "$M"
mount -t fuscrypt "$S" "$M" </dev/null && echo "without a key: locked, no prompt"
cat "$M/file" 2>&1 | sed 's/.*: //'
umount "$M"
mount -t fuscrypt "$T/missing" "$M" 2>/dev/null || echo "no store: failed"
IN
unshare -m --propagation private bash "$T/inner" 2>"$T/err" | _filter
head -n 5 "$T/err" | _filter
sleep 0.3
_our_daemons | wc -l
_done
