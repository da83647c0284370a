#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 495-top - fuscrypt top: line by line, and on a terminal of 80x24 that is resized, scrolled and left with q
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user
_need_cmd python3

export SCEN_DEVICE=
_init_store
_mount --device 'sim(slots=4)' -o inlinecrypt

echo "--- line by line"
"$FUSCRYPT" top -b -n 2 -d 0.2 "$M" >"$T/lines" || _fail "top -b"
_filter <"$T/lines" | grep -E '^(Store|Device|DEVICE|KEYSLOTS|KEY |ID)' | sed 's/Present .*/Present/'
grep -cE ' up 0:[0-9]+:[0-9]+$' "$T/lines"
awk 'length($0) > 80 && !/^(Store|fuscrypt)/' "$T/lines"
COLUMNS=200 "$FUSCRYPT" top -b -n 1 "$M" | head -n 1 | wc -c | awk '{print "wide:", $1 > 190}'
"$FUSCRYPT" top -b "$M" 2>/dev/null | head -n 1 | cut -c1-14

echo "--- on a terminal"
cat >"$T/term.py" <<'PY'
import fcntl, os, pty, select, signal, struct, sys, termios, time

def size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

class Screen:
    def __init__(self, *argv, term="vt100"):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = term
            time.sleep(0.2)
            os.execv(argv[0], argv)
        size(self.fd, 24, 80)
        self.seen = b""

    def wait(self, text):
        """Until @text comes; what came before it counts no more."""
        end = time.time() + 60
        while text not in self.seen:
            if time.time() > end:
                sys.exit(f"no {text} in {self.seen[-2000:]}")
            if not self.read():
                sys.exit(f"ended before {text}: {self.seen[-2000:]}")
        self.seen = self.seen.split(text, 1)[1]

    def read(self):
        if not select.select([self.fd], [], [], 1)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def end(self):
        while self.read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

prog, mnt = sys.argv[1:3]
s = Screen(prog, "top", "-d", "0.1", mnt)
s.wait(b"fuscrypt top - ")
s.wait(b"KEYSLOTS")
s.wait(b"KEY ")
s.wait(b"Present")
print("drawn")
with open(f"{mnt}/file", "wb") as f:
    f.write(b"x" * 100000)
    f.flush()
    os.fsync(f.fileno())
s.wait(sys.argv[3][:8].encode())
print("a keyslot gets its key")
size(s.fd, 6, 60)
s.wait(b"fuscrypt top - ")
print("drawn again after a resize")
os.write(s.fd, b"\x1bOB" * 30 + b" ")
s.wait(b"Present")
print("scrolled to the end")
os.write(s.fd, b"q")
print("q:", s.end())
s = Screen(prog, "top", "-d", "0.1", mnt)
s.wait(b"KEYSLOTS")
os.kill(s.pid, signal.SIGTERM)
print("SIGTERM:", s.end())
s = Screen(prog, "top", "-n", "2", "-d", "0.1", mnt)
print("two looks:", s.end())
s = Screen(prog, "top", mnt, term="no-such-terminal")
print("no such terminal:", s.end(), b"is not known: use -b" in s.seen)
s = Screen(prog, "top", "/")
print("no mount:", s.end(), b"is it within a mount of fuscrypt?" in s.seen)
PY
python3 "$T/term.py" "$FUSCRYPT" "$M" "$ID" 2>&1

echo "--- the mount ends"
"$FUSCRYPT" top -b -d 0.1 "$M" >"$T/lines" 2>"$T/message" &
pid=$!
for _ in $(seq 300); do
	[ -s "$T/lines" ] && break
	sleep 0.1
done
_umount
wait "$pid"
echo "exit $?: $(_filter <"$T/message" | sed 's/got: .*/got/')"

echo "--- bad input"
for args in '-d 0' '-d x' '-n 0' '-n -1' '-x' ''; do
	# shellcheck disable=SC2086 # several words, or none
	"$FUSCRYPT" top $args 2>"$T/message"
	echo "${args:-nothing}: exit $?: $(head -n 1 "$T/message")"
done
"$FUSCRYPT" top "$M" </dev/null
echo "no terminal: exit $?"
_done
