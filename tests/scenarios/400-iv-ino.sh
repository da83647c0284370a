#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 400-iv-ino - inode numbers under IV_INO policies: shown, kept for good, never given twice
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt

_init_store --no-policy
_mount
mkdir "$M/before"
[ ! -e "$S/.fuscrypt/ino" ] && echo "no numbers where nothing needs them"
stat -c %i "$M/before" | grep -cx '[0-9]\{1,18\}'
mkdir "$M/e64" "$M/e32" "$M/enc" "$M/plain"
"$FUSCRYPT" policy set --iv-ino-lblk-64 "$ID" "$M/e64" || _fail "policy set"
"$FUSCRYPT" policy set --iv-ino-lblk-32 "$ID" "$M/e32" || _fail "policy set"
"$FUSCRYPT" policy set "$ID" "$M/enc" || _fail "policy set"

# Everything there is to make; and what may not change a number.
cat >"$T/make.py" <<'PY'
import os
from ops import link_fd
M = os.environ["M"]
for d in ("e64", "e32", "enc", "plain"):
    j = lambda n: os.path.join(M, d, n)
    open(j("file"), "w").write("data\n" * 1000)
    open(j("empty"), "w").close()
    os.mkdir(j("dir"))
    os.mkdir(j("closed"), 0)
    os.symlink("target", j("short"))
    os.symlink("t" * 3000, j("long"))
    os.mkfifo(j("fifo"))
    os.mknod(j("mknod"), 0o644)
    fd = os.open(os.path.join(M, d), os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(fd, b"nameless\n")
    ino = os.fstat(fd).st_ino
    link_fd(fd, j("tmpfile"))
    assert os.stat(j("tmpfile")).st_ino == ino
    os.close(fd)
    open(j("gone"), "w").close()
    gone = os.stat(j("gone")).st_ino
    os.unlink(j("gone"))
    os.link(j("file"), j("dir/link"))
    ino = os.stat(j("empty")).st_ino
    os.rename(j("empty"), j("dir/moved"))
    assert os.stat(j("dir/moved")).st_ino == ino
    open(j("x" * 200), "w").close()
    if d in ("e64", "e32"):
        assert ino >> 32 == 0 and os.stat(j("x" * 200)).st_ino > gone > ino
    else:
        assert ino >> 63
os.rename(os.path.join(M, "e64", "mknod"), os.path.join(M, "plain", "encrypted"))
PY
python3 "$T/make.py" || _fail "make"
# Numbers by stat and by the directory, which must be the same; with --nokey by number only.
cat >"$T/numbers.py" <<'PY'
import os, sys
nokey, names, other = "--nokey" in sys.argv, {}, 0
for d, dirs, files in os.walk(os.environ["M"], onerror=lambda e: None):
    for e in os.scandir(d):
        st = e.stat(follow_symlinks=False)
        if e.inode() != st.st_ino:
            print("d_ino differs:", e.path, e.inode(), st.st_ino)
        if st.st_ino >> 63:
            other += 1
            continue
        if st.st_ino >> 32:
            print("more than 32 bits:", e.path)
        names.setdefault(st.st_ino, []).append(os.path.relpath(e.path, os.environ["M"]))
for ino in sorted(names):
    print(ino, len(names[ino]), "" if nokey else " ".join(sorted(n[:12] for n in names[ino])))
print("others:", other)
PY
python3 "$T/numbers.py" | tee "$T/warm"
_umount
# Root sees them all; what is closed to its owner, inspect cannot look into.
"$FUSCRYPT" inspect --json -r "$S" 2>/dev/null | python3 -c '
import json, os, sys
inos = {o["ino"] for o in map(json.loads, sys.stdin) if o.get("ino")}
print(*sorted(inos | ({7, 17} if os.getuid() else set())))'
cat "$S/.fuscrypt/ino"

_mount
python3 "$T/numbers.py" >"$T/cold"
cmp "$T/warm" "$T/cold" && echo "mounted again: same numbers"
"$FUSCRYPT" lock "$M/e64" >/dev/null || _fail "lock"
python3 "$T/numbers.py" --nokey >"$T/locked"
[ -e "$M/e64/file" ] && echo "not locked"
"$FUSCRYPT" unlock --key "$K" "$M/e64" >/dev/null || _fail "unlock"
python3 "$T/numbers.py" | cmp - "$T/warm" && echo "unlocked: same numbers"
python3 "$T/numbers.py" --nokey | cmp - "$T/locked" && echo "locked: the same"
_umount

[ "$(id -u)" -eq 0 ] || find "$S" -type d -perm 0 -exec chmod 700 {} + # for the copy
cp -r "$S" "$SCEN_TMP/copy" && rm -rf "$S" && mv "$SCEN_TMP/copy" "$S"
_mount
python3 "$T/numbers.py" | cmp - "$T/warm" && echo "copied: same numbers"

echo "== a daemon that dies"
new() {
	touch "$M/e64/$1" && stat -c '%n %i' "$M/e64/$1" | sed "s|$M/||"
}
new one
for p in $(_daemon_of "$M"); do kill -9 "$p"; done
umount -l "$M" 2>/dev/null || fusermount3 -uz "$M" 2>/dev/null
for p in $(_daemon_of "$M"); do _wait_gone "$p"; done
_mount
stat -c %i "$M/e64/one"
new two
_umount

echo "== what a crash left without a header"
dir=$(find "$S" -mindepth 2 -maxdepth 2 -name .fuscrypt.ctx | while read -r c; do
	d=${c%/*}
	[ "$("$FUSCRYPT" inspect --json "$d" | grep -c '"iv_ino_lblk_32":true')" = 1 ] && echo "$d"
done)
_mount
mkdir "$M/e32/left" && : >"$M/e32/left-file"
fino=$(stat -c %i "$M/e32/left-file") dino=$(stat -c %i "$M/e32/left")
_umount
for o in "$dir"/*; do
	case $("$FUSCRYPT" inspect --json "$o") in
	*"\"ino\":$fino,"*) : >"$o" ;;
	*"\"ino\":$dino,"*) rm "$o/.fuscrypt.ctx" ;;
	esac
done
_mount
for i in 1 2; do
	stat -c '%n %i' "$M/e32/left" "$M/e32/left-file" | sed "s|$M/||" | sort
	_remount
done
echo text >"$M/e32/left-file" && mkdir "$M/e32/left/sub" && cat "$M/e32/left-file"
_umount

echo "== an old copy of the file"
mv "$S/.fuscrypt/ino" "$T/ino"
printf 'fuscrypt-ino=1\nnext=5\n' >"$S/.fuscrypt/ino"
_mount
cat "$M/e32/left-file"
_try "create" touch "$M/e32/new"
_try "elsewhere" touch "$M/enc/new"
cp "$T/ino" "$S/.fuscrypt/ino"
_try "create" touch "$M/e32/new"
_umount

echo "== all given out"
printf 'fuscrypt-ino=1\nnext=4294967294\n' >"$S/.fuscrypt/ino"
_mount
for i in 1 2 3 4; do
	_try "file $i" touch "$M/e64/last$i"
	[ ! -e "$M/e64/last$i" ] || stat -c %i "$M/e64/last$i"
done
_try "directory" mkdir "$M/e32/last"
_try "link" ln -s x "$M/e32/last"
_try "elsewhere" touch "$M/enc/last"
cat "$S/.fuscrypt/ino"
_umount
_done
