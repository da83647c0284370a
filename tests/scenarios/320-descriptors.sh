#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 320-descriptors - a daemon that may have few descriptors: open files run out, other work does not
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_need_cmd python3
_init_store
(
	ulimit -n 64
	_mount
) || exit 1
for i in $(seq 60); do
	mkdir -p "$M/d$i/e/f" && echo "$i" >"$M/d$i/e/f/g"
done
cd "$M" || exit 1
python3 - <<'PY'
import errno, os, time

fds = []
try:
    for i in range(1, 61):
        fds.append(os.open("d%d/e/f/g" % i, os.O_RDONLY))
except OSError as e:
    print("open:", errno.errorcode[e.errno])
print("some were opened" if len(fds) >= 20 else "only %d were opened" % len(fds))

def attempt(what, fn, *args):
    try:
        fn(*args)
        print(what + ": ok")
    except OSError as e:
        print(what + ":", errno.errorcode[e.errno])

attempt("stat", os.stat, "d59/e/f/g")
attempt("rename", os.rename, "d57", "x57")
attempt("mkdir", os.mkdir, "new")
attempt("rmdir", os.rmdir, "new")
attempt("unlink", os.unlink, "d56/e/f/g")
attempt("chmod", os.chmod, "d54/e", 0o700)
attempt("symlink", os.symlink, "a", "b")
attempt("create", lambda: os.open("c", os.O_CREAT | os.O_WRONLY))
print("nothing was made" if not os.path.lexists("c") else "made, but not opened")
for fd in fds:
    os.close(fd)
time.sleep(0.5)

# Directories that are not removed after all keep no descriptor.
for i in range(1, 50):
    try:
        os.rmdir("d%d" % i)
    except OSError as e:
        assert e.errno == errno.ENOTEMPTY
for i in range(1, 50):
    os.close(os.open("d%d/e/f/g" % i, os.O_RDONLY))
print("all can be opened again")

# Removed directories that somebody holds take a descriptor each. What cannot be done any more says
# that, and nothing else: a directory is not called full because nobody could look into it.
os.makedirs("full/f")
os.mkdir("empty")
held, said = [], set()

def short(e):
    return "too few descriptors" if e in (errno.EMFILE, errno.ENFILE) else errno.errorcode[e]

def attempt(what, fn, *args):
    try:
        fn(*args)
        print(what + ": ok")
    except OSError as e:
        print(what + ":", short(e.errno))

for i in range(60):
    os.mkdir("z%d" % i)
    fd = os.open("z%d" % i, os.O_PATH)
    try:
        os.rmdir("z%d" % i)
        held.append(fd)
    except OSError as e:
        said.add(short(e.errno))
print("some could be held" if len(held) >= 16 else "only %d could be held" % len(held))
print("then:", *said)
attempt("empty one", os.rmdir, "empty")
attempt("listing", os.listdir, "full")
attempt("stat", os.stat, "full/f")
for fd in held:
    os.fstat(fd)
    os.close(fd)
time.sleep(0.5)
attempt("full one", os.rmdir, "full")
attempt("empty one", os.rmdir, "empty")
attempt("listing", os.listdir, "full")
PY
cd / || exit 1
rm -rf "${M:?}"/*
ls -A "$M"
_done
