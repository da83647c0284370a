#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 080-permissions - modes, umask, owners, setgid directories and ACLs, for three users
. "$(dirname "$0")/../lib/scenario.sh"
_begin auto
_need_root
_need_cmd setpriv setfacl getfacl setfattr getfattr strace

_init_store
_mount -o allow_other
chmod 755 "$M"
p() {
	stat -c '%A %u:%g %n' "$@" | sed "s|$M/||"
}
mkdir "$M/pub" "$M/group" "$M/private"
chmod 1777 "$M/pub"
chown 0:2000 "$M/group"
chmod 2775 "$M/group"
chmod 700 "$M/private"
echo secret >"$M/private/file"
(umask 077 && _as 1001 1001 touch "$M/pub/a077")
(umask 002 && _as 1001 1001 mkdir "$M/pub/d002")
(umask 022 && _as 1001 1001 ln -s x "$M/pub/link")
_as 1001 2000 sh -c "umask 002; echo text >'$M/group/file'; mkdir '$M/group/dir'; touch '$M/group/dir/file'"
p "$M/pub/a077" "$M/pub/d002" "$M/pub/link" "$M/group/file" "$M/group/dir" "$M/group/dir/file"
echo "--- who may"
_try "1002 reads a077" _as 1002 1002 cat "$M/pub/a077"
_try "1002 removes a077 in a sticky directory" _as 1002 1002 rm -f "$M/pub/a077"
_try "1002 enters private" _as 1002 1002 cat "$M/private/file"
_try "1002 writes group/file" _as 1002 1002 sh -c "echo x >>'$M/group/file'"
_try "1003 in group 2000 writes group/file" _as 1003 2000 sh -c "echo x >>'$M/group/file'"
_try "1002 chmods group/file" _as 1002 1002 chmod 777 "$M/group/file"
_try "1001 gives group/file away" _as 1001 2000 chown 1002 "$M/group/file"
_try "1001 creates in the root" _as 1001 1001 touch "$M/x"
_try "root reads all" cmp "$M/private/file" "$M/private/file"
echo "--- suid goes with a write, and by chown"
cp /bin/true "$M/pub/suid"
chmod 6777 "$M/pub/suid"
_as 1002 1002 sh -c "echo x >>'$M/pub/suid'"
p "$M/pub/suid"
chmod 4755 "$M/pub/suid"
chown 1001 "$M/pub/suid"
p "$M/pub/suid"
echo "--- ACLs"
setfacl -m u:1002:rwx "$M/private"
setfacl -d -m u:1002:rw,g::r,o::- "$M/private"
(umask 022 && echo new >"$M/private/new")
mkdir "$M/private/sub"
getfacl -cpn "$M/private" "$M/private/new" "$M/private/sub" 2>/dev/null | sed "s|$M/||"
_try "1002 reads private/new" _as 1002 1002 cat "$M/private/new"
_try "1003 reads private/new" _as 1003 1003 cat "$M/private/new"
getfacl -R -cpn "$M" >"$T/acl.a" 2>/dev/null
_tree_list --no-times "$M" >"$T/a"
_remount -o allow_other
getfacl -R -cpn "$M" >"$T/acl.b" 2>/dev/null
_tree_list --no-times "$M" >"$T/b"
cmp "$T/a" "$T/b" && cmp "$T/acl.a" "$T/acl.b" && echo "same after a remount"

echo "--- noacl"
_remount -o allow_other,noacl
_try "1002 reads private/new" _as 1002 1002 cat "$M/private/new"
_try "setfacl" setfacl -m u:1003:r "$M/private/new"
_try "setfacl -b" setfattr -x system.posix_acl_access "$M/private/new"
getfattr -d -m - --absolute-names "$M/private/new"
setfattr -n user.kept -v yes "$M/private/new"
getfattr -d -m - --absolute-names "$M/private/new" | sed "s|$M/||"
strace -f -e trace=getxattr,lgetxattr -o "$T/asked" ls -l "$M/private" "$M/pub" >/dev/null
echo "ls asked for $(grep -c posix_acl_access "$T/asked") ACL, of $(($(ls "$M/private" "$M/pub" | wc -l) - 3)) files"
setfattr -x user.kept "$M/private/new"
_remount -o allow_other
getfacl -R -cpn "$M" >"$T/acl.b" 2>/dev/null
cmp "$T/acl.a" "$T/acl.b" && echo "kept in the store"
_done
