#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 444-foreign - what others drop into encrypted directories of a store is seen, stat'ed and removed, and hides nothing
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
_need_oracle
# A name from another directory decrypts to any bytes, a dot in front among them.
shopt -s dotglob

_init_store
_mount
for d in drop near damaged; do
	mkdir "$M/$d"
	echo "$d's own" >"$M/$d/own"
done
mkdir -p "$M/damaged/sub/deep"
echo deep >"$M/damaged/sub/deep/file"
ln -s target "$M/drop/cut"
ln -s target "$M/drop/odd"
echo near >"$M/near/other"
declare -A at
for p in drop near damaged drop/own drop/cut drop/odd near/other damaged/sub; do
	at[$p]=$(find "$S" -inum "$(stat -c %i "$M/$p")" | head -n 1)
done
_umount

d=${at[drop]}
cp "${at[drop/own]}" "${at[drop/own]} (conflicted copy)"
cp "${at[drop/own]}" "$d/.sync-conflict"
cp "${at[near/other]}" "$d/"
echo "plain text" >"$d/notes.txt"
: >"$d/void.txt"
mkdir -p "$d/folder/inner"
echo "plain text" >"$d/folder/a.txt"
echo "plain text" >"$d/folder/inner/b.txt"
mkdir "$d/emptyfolder"
ln -s /etc/passwd "$d/shortcut"
mkfifo "$d/pipe"
cp -r "${at[near]}" "$d/near (copy)"
cp -r "${at[near]}" "$d/"
: >"$d/$(printf 'n%.0s' $(seq 255))"
: >"$d/ shell \$(x) *"
for l in cut odd; do
	text=$(readlink "${at[drop/$l]}")
	rm "${at[drop/$l]}"
	[ "$l" = odd ] && text+='!'
	[ "$l" = cut ] && text=$(python3 -c 'import sys; from tampering import b64, unb64
print(b64(unb64(sys.argv[1])[:-9]))' "$text")
	ln -s "$text" "${at[drop/$l]}"
done
rm "${at[damaged]}/.fuscrypt.ctx"

# What each entry of a directory answers, without its name.
cat >"$T/look.py" <<'PY'
import os, stat, sys
from ops import *
for top in sys.argv[1:]:
    out, names = [], os.listdir(top)
    for n in names:
        p = os.path.join(top, n)
        # A name from another directory is any bytes here, or none that could be one.
        kind = "ours" if n.startswith("AAAAAAAAAA") or n.isalpha() and n.isascii() else "foreign"
        try:
            st = os.lstat(p)
        except OSError as e:
            out.append("%s: stat %s, readlink %s" % (kind, err(e), attempt(os.readlink, p)))
            continue
        if stat.S_ISREG(st.st_mode):
            out.append("%s file of %d: %s" % (kind, st.st_size, attempt(lambda: len(get(p)))))
        elif stat.S_ISLNK(st.st_mode):
            out.append("%s symlink: %s" % (kind, attempt(lambda: len(os.readlink(p)))))
        elif stat.S_ISDIR(st.st_mode):
            out.append("%s directory: %s, create: %s" % (kind, attempt(lambda: len(os.listdir(p))),
                                                         attempt(creat, os.path.join(p, "x"))))
        else:
            out.append("%s special file" % kind)
    print("\n".join(sorted(out)))
PY
echo "--- locked"
_mount_locked
top=("$M"/*)
for t in "${top[@]}"; do
	echo "- $(ls "$t" | wc -l)"
	python3 "$T/look.py" "$t"
done | sort | uniq -c | sed 's/^ *//'
_umount
echo "--- with the key"
_mount
cat "$M/drop/own"
python3 "$T/look.py" "$M/drop"
echo "- damaged"
python3 "$T/look.py" "$M/damaged"
for sub in "$M"/damaged/*; do
	[ -d "$sub" ] && cat "$sub/deep/file"
done
_try "create in it" touch "$M/damaged/new"
_try "rename in it" mv "$(ls -d "$M"/damaged/* | head -n 1)" "$M/damaged/new"
mkdir "$M/plain-parent"
echo "--- a conflicted copy is taken in by giving it a name"
# A file of our own length whose bytes are ours: one of these two.
for f in "$M"/drop/__________*; do
	if [ -f "$f" ] && [ "$(stat -c %s "$f")" = "$(stat -c %s "$M/drop/own")" ]; then
		mv "$f" "$M/drop/adopted"
		break
	fi
done
cat "$M/drop/adopted"
echo "--- removal"
_try "a file beside them" rm "$M/drop/own"
for e in "$M"/drop/*; do
	case ${e##*/} in adopted | cut | odd) ;; *) rm -r "$e" || echo "$e stays" ;; esac
done
python3 "$T/look.py" "$M/drop"
_try "damaged" rm -r "$M/damaged"
_try "the rest" rm -r "$M/drop"
ls "$M"
_umount
find "$S" -mindepth 1 -name .fuscrypt -prune -o -type f -printf '%f\n' | sort | uniq -c | sed 's/^ *//' |
	grep -c fuscrypt.ctx
_done
