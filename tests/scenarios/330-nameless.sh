#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 330-nameless - files that have lost their name, or never had one, are still what they are
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_need_cmd python3
_init_store --no-policy
_mount
mkdir "$M/p" "$M/e"
"$FUSCRYPT" policy set "$ID" "$M/e" || _fail "policy set"
for d in p e; do
	printf %05000d 7 >"$M/$d/f"
	printf %05000d 7 >"$M/$d/g"
done
echo enc >"$M/e/out"
ln "$M/e/out" "$M/p/out"
ln -s "$(printf 't%.0s' $(seq 2000))" "$M/e/long"
mkdir "$M/e/d"
_remount

cat >"$T/nameless.py" <<'PY'
import errno, os, sys

top = sys.argv[1]

def attempt(what, fn, *args):
    try:
        r = fn(*args)
        print(what + ":", "ok" if r is None else r)
    except OSError as e:
        print(what + ":", errno.errorcode[e.errno])

def reopen(fd):
    again = os.open("/proc/self/fd/%d" % fd, os.O_RDONLY)
    n = len(os.read(again, 10000))
    os.close(again)
    return n

# Known to the kernel by O_PATH only, never opened; by unlink and by a rename over it.
for name in ("p/f", "e/f", "p/out"):
    fd = os.open(top + "/" + name, os.O_PATH)
    os.unlink(top + "/" + name)
    attempt(name + " removed, size", lambda: os.fstat(fd).st_size)
    attempt(name + " removed, opened", reopen, fd)
    attempt(name + " removed, attribute", os.getxattr, "/proc/self/fd/%d" % fd, "user.none")
    os.close(fd)
for name in ("p/g", "e/g"):
    fd = os.open(top + "/" + name, os.O_PATH)
    open(top + "/" + name[0] + "/new", "w").close()
    os.rename(top + "/" + name[0] + "/new", top + "/" + name)
    attempt(name + " replaced, size", lambda: os.fstat(fd).st_size)
    attempt(name + " replaced, opened", reopen, fd)
    os.close(fd)

for d in ("p", "e"):
    try:
        fd = os.open(top + "/" + d, os.O_RDWR | os.O_TMPFILE, 0o600)
    except OSError as e:
        print(d, "O_TMPFILE", errno.errorcode[e.errno])
        continue
    os.write(fd, b"0123456789")
    attempt(d + " O_TMPFILE, size", lambda: os.fstat(fd).st_size)
    attempt(d + " O_TMPFILE, attribute", os.getxattr, fd, "user.none")
    attempt(d + " O_TMPFILE, attribute set", os.setxattr, fd, "user.a", b"1")
    attempt(d + " O_TMPFILE, attributes", lambda: "user.a" in os.listxattr(fd))
    attempt(d + " O_TMPFILE, linked", lambda: os.link("/proc/self/fd/%d" % fd, top + "/" + d + "/t", src_dir_fd=fd, follow_symlinks=True))
    os.close(fd)

# A directory that is somebody's working directory.
os.chdir(top + "/e/d")
os.rmdir(top + "/e/d")
attempt("removed directory, listed", os.listdir, ".")
attempt("removed directory, links", lambda: os.stat(".").st_nlink)
attempt("removed directory, create", lambda: os.open("x", os.O_CREAT | os.O_WRONLY))
attempt("removed directory, mode", os.chmod, ".", 0o700)
PY
python3 "$T/nameless.py" "$M"
cd "$SCEN_TMP" || exit 1

# Times: a truncation that changes nothing moves no time, in the kernel's eyes and in the store's.
: >"$M/e/empty"
sleep 0.1
truncate -s 0 "$M/e/empty"
truncate -s 5000 "$M/p/t" 2>/dev/null
was=$(stat -c %y "$M/e/empty" "$M/p/t")
_remount
[ "$(stat -c %y "$M/e/empty" "$M/p/t")" = "$was" ] && echo "times are the same after a remount"

# What may not come into a locked directory, and what may go out of it.
mkfifo "$M/e/fifo" "$M/p/fifo"
"$FUSCRYPT" key remove "$ID" "$M" >/dev/null
_try "link into a locked directory" ln "$M/p/fifo" "$M/e/new"
_try "link of a file into it" ln "$M/p/t" "$M/e/new"
_try "rename into it" mv -T "$M/p/t" "$M/e/new"
"$FUSCRYPT" key add "$M" <"$K" >/dev/null
_try "link of a plain file into it with its key" ln "$M/p/t" "$M/e/new"

# In a plain directory names of encrypted files are spelled their own way.
ln "$M/e/t" "$M/p/enc"
cat >"$T/exchange.py" <<'PY'
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
r = libc.renameat2(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2)
print("exchange:", "ok" if r == 0 else errno.errorcode[ctypes.get_errno()])
PY
python3 "$T/exchange.py" "$M/e/fifo" "$M/p/enc"
python3 "$T/exchange.py" "$M/e/t" "$M/p/enc"
_remount
stat -c '%n: %F, %s' "$M/p/enc" "$M/p/fifo" | _filter
head -c 10 "$M/p/enc"
echo
_done
