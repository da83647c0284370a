# SPDX-License-Identifier: GPL-3.0-or-later
# scenario.sh - what every scenario sources: a store, a mount, clean-up, requirements, filters
# shellcheck shell=bash
#
# A scenario begins
#	. "$(dirname "$0")/../lib/scenario.sh"
#	_begin quick auto user
# and ends with `_done`. What it prints must equal its .out file. Failure is the default: a
# scenario that stops before _done has failed. Variables: S the store, M the mount point, K the
# file with the raw master key, T scratch outside both; ID the key's identifier after _init_store.
set -u
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1 GIT_CONFIG_NOSYSTEM=1
umask 022

SCEN_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
FUSCRYPT_BUILD=${FUSCRYPT_BUILD:-$SCEN_ROOT/build}
if [ -z "${FUSCRYPT:-}" ]; then
	FUSCRYPT=$FUSCRYPT_BUILD/fuscrypt
	[ -x "$FUSCRYPT" ] || FUSCRYPT=$FUSCRYPT_BUILD/src/fuscrypt
fi
SCEN_DEVICE=${SCEN_DEVICE:-}
ORACLE=$SCEN_ROOT/tests/oracle
# shellcheck disable=SC2034 # for scenarios of the engine alone
blk=$FUSCRYPT_BUILD/fuscrypt-blk
export FUSCRYPT FUSCRYPT_BUILD SCEN_ROOT SCEN_DEVICE ORACLE
export PYTHONPATH=$SCEN_ROOT/tests/lib:$ORACLE
scen_name=$(basename "$0" .sh)
scen_status=1

_begin() {
	if [ -z "${SCEN_TMP:-}" ]; then
		SCEN_TMP=$(mktemp -d "${TMPDIR:-/tmp}/fuscrypt-$scen_name.XXXXXX")
		scen_own_tmp=1
	fi
	SCEN_TMP=$(cd "$SCEN_TMP" && pwd -P)
	S=$SCEN_TMP/store M=$SCEN_TMP/mnt K=$SCEN_TMP/key T=$SCEN_TMP/t
	mkdir "$M" "$T"
	# OWN in a device is a folder of the scenario's, for what is kept beside the store.
	if [[ $SCEN_DEVICE == *OWN* ]]; then
		SCEN_DEVICE=${SCEN_DEVICE//OWN/$SCEN_TMP/.device}
		mkdir -m 1777 "$SCEN_TMP/.device"
	fi
	export SCEN_TMP S M K T HOME=$SCEN_TMP
	trap _cleanup EXIT
	trap 'exit 1' TERM INT HUP
	_need_fuse
	[ -x "$FUSCRYPT" ] || _fail "no program at $FUSCRYPT"
	# User directories above must let an ordinary user through.
	chmod 755 "$SCEN_TMP"
	cd "$SCEN_TMP" || exit 1
}

_done() {
	scen_status=0
	exit 0
}

_fail() {
	echo "FAIL: $*"
	exit 1
}

# The scenario cannot run here: the runner counts it as skipped.
_notrun() {
	if [ -n "${SCEN_NOTRUN:-}" ]; then
		echo "$*" >"$SCEN_NOTRUN"
	else
		echo "skipped: $*"
	fi
	scen_status=77
	exit 77
}

# Mount points below our scratch folder, innermost first.
_our_mounts() {
	awk -v top="$SCEN_TMP/" 'index($5, top) == 1 {print $5}' /proc/self/mountinfo | sort -r | while IFS= read -r m; do
		printf '%b\n' "$m"
	done
}

# Processes with our scratch folder in their command line and not of this scenario's own shell.
_our_daemons() {
	local f p
	for f in $(grep -lsF -- "$SCEN_TMP/" /proc/[0-9]*/cmdline); do
		p=${f%/cmdline}
		if tr '\0' ' ' 2>/dev/null <"$f" | grep -qE "fuscrypt.* $SCEN_TMP/"; then
			[ "${p#/proc/}" = "$$" ] || echo "${p#/proc/}"
		fi
	done
}

_cleanup() {
	local m p rc=$?
	trap - EXIT
	[ "$rc" -eq 0 ] && [ "$scen_status" -ne 0 ] && rc=$scen_status
	cd / || exit 1
	while IFS= read -r m; do
		umount "$m" 2>/dev/null || fusermount3 -u "$m" 2>/dev/null ||
			umount -l "$m" 2>/dev/null || fusermount3 -uz "$m" 2>/dev/null
	done < <(_our_mounts)
	for p in $(_our_daemons); do
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			kill -0 "$p" 2>/dev/null || break
			sleep 0.2
		done
		kill -9 "$p" 2>/dev/null
	done
	if [ -n "${scen_own_tmp:-}" ] && [ -z "${SCEN_KEEP:-}" ] && [ -z "$(_our_mounts)" ]; then
		chmod -R u+rwX "$SCEN_TMP" 2>/dev/null
		rm -rf "$SCEN_TMP"
	fi
	exit "$rc"
}

# ------------------------------------------------------------------ requirements

_need_cmd() {
	local c
	for c; do
		command -v "$c" >/dev/null || _notrun "needs $c"
	done
}

_need_root() {
	[ "$(id -u)" -eq 0 ] || _notrun "needs root"
}

_need_fuse() {
	if [ ! -r /dev/fuse ] || [ ! -w /dev/fuse ]; then
		_notrun "/dev/fuse may not be opened"
	fi
	_need_cmd fusermount3
}

# Someone else to be: root becomes uid 65534.
_need_user() {
	_need_root
	_need_cmd setpriv
	[ "$(stat -c %a /dev/fuse)" = 666 ] || _notrun "/dev/fuse is not open to all"
}

_need_loop() {
	_need_root
	_need_cmd losetup mke2fs
	losetup -f >/dev/null 2>&1 || _notrun "no loop devices"
}

# The kernel's own fscrypt, to compare with.
_need_kernel_fscrypt() {
	_need_loop
	_need_oracle
	[ -e /sys/fs/ext4/features/encryption ] || _notrun "this kernel's ext4 has no encryption"
}

_need_oracle() {
	_need_cmd python3
	python3 -c 'import cryptography' 2>/dev/null || _notrun "needs python3-cryptography"
}

# _need_space MIB: free in the scratch folder.
_need_space() {
	[ "$(df -Pm "$SCEN_TMP" | awk 'NR == 2 {print $4}')" -ge "$1" ] || _notrun "needs $1 MiB in $SCEN_TMP"
}

# _ask_both TOPIC [PATTERN REASON]...: the same questions (tests/oracle/errnos_TOPIC.py) to the
# kernel's ext4 and to a mount over tmpfs, which has ext4's limits: how many there are, how many are
# answered in another way for each reason (PATTERN: all the questions that it is about), and all
# others that are.
_ask_both() {
	local topic=$1
	_need_kernel_fscrypt
	mkdir "$T/backing"
	mount -t tmpfs -o mode=755 "fuscrypt-$scen_name" "$T/backing" || _notrun "no tmpfs"
	S=$T/backing/store
	python3 "$ORACLE/errnos.py" "$topic" kernel >"$T/kernel" || _fail "kernel"
	_init_store --no-policy
	python3 "$ORACLE/errnos.py" "$topic" fuscrypt "$S" "$M" >"$T/fuscrypt" || _fail "fuscrypt"
	echo "answers: $(wc -l <"$T/kernel"); <: the kernel's, >: ours"
	shift
	while [ $# -gt 1 ]; do
		echo "$(diff "$T/kernel" "$T/fuscrypt" | grep -E '^<' | grep -cE "$1") differ: $2"
		sed -i -E "/$1/d" "$T/kernel" "$T/fuscrypt"
		shift 2
	done
	diff "$T/kernel" "$T/fuscrypt" | grep '^[<>]'
	umount "$T/backing"
}

# ------------------------------------------------------------------ stores and mounts

# _make_key FILE [SEED]: a 64-byte key that is the same in every run.
_make_key() {
	(umask 077 && printf '%s' "${2:-fuscrypt scenario key}" | sha512sum | cut -c1-128 | xxd -r -p >"$1")
}

# _init_store [options of `fuscrypt init`]: store $S with the policy of key $K on its root.
# With --no-policy among the options no key is used.
_init_store() {
	[ -f "$K" ] || _make_key "$K"
	ID=$(_key_id "$K")
	case " $* " in
	*" --no-policy "*) "$FUSCRYPT" init "$@" "$S" >"$T/init.log" 2>&1 ;;
	*) "$FUSCRYPT" init --key "$K" "$@" "$S" >"$T/init.log" 2>&1 ;;
	esac || {
		cat "$T/init.log"
		_fail "init"
	}
}

# The v2 identifier of a raw key, computed apart from the program.
_key_id() {
	python3 - "$1" <<-'PY'
		import hashlib, hmac, sys
		key = open(sys.argv[1], "rb").read()
		prk = hmac.new(bytes(64), key, hashlib.sha512).digest()
		print(hmac.new(prk, b"fscrypt\0\x01\x01", hashlib.sha512).hexdigest()[:32])
	PY
}

# _mount_raw ARGS...: fuscrypt mount, with the device under test.
_mount_raw() {
	if [ -n "$SCEN_DEVICE" ]; then
		"$FUSCRYPT" mount --device "$SCEN_DEVICE" -o inlinecrypt "$@" </dev/null
	else
		"$FUSCRYPT" mount "$@" </dev/null
	fi
}

# _mount [options of `fuscrypt mount`]: $S on $M with key $K.
_mount() {
	_mount_raw --key "$K" "$@" "$S" "$M" || _fail "mount"
}

_mount_locked() {
	_mount_raw --locked "$@" "$S" "$M" || _fail "mount --locked"
}

_is_mounted() {
	awk -v m="$1" '$5 == m {found = 1} END {exit !found}' /proc/self/mountinfo
}

# _umount [MNT]: and wait for the daemon's end, so that the store is whole.
_umount() {
	local m=${1:-$M} i pid
	pid=$(_daemon_of "$m")
	for ((i = 0; i < 50; i++)); do
		if [ "$(id -u)" -eq 0 ]; then
			umount "$m" 2>"$SCEN_TMP/umount.err" && break
		else
			fusermount3 -u "$m" 2>"$SCEN_TMP/umount.err" && break
		fi
		_is_mounted "$m" || break
		sleep 0.1
	done
	_is_mounted "$m" && _fail "umount $m: $(cat "$SCEN_TMP/umount.err")"
	for i in $pid; do
		_wait_gone "$i"
	done
	return 0
}

# The daemon(s) serving a mount point.
_daemon_of() {
	local f p
	# One process for all of /proc: the machine may have hundreds of them.
	for f in $(grep -lszxF -- "$1" /proc/[0-9]*/cmdline); do
		p=${f%/cmdline}
		case $(readlink "$p/exe" 2>/dev/null)$(tr '\0' ' ' 2>/dev/null <"$f") in
		*fuscrypt*) echo "${p#/proc/}" ;;
		esac
	done
}

_wait_gone() {
	local i
	for ((i = 0; i < 300; i++)); do
		kill -0 "$1" 2>/dev/null || [ -e "/proc/$1" ] || return 0
		case $(awk '/^State:/ {print $2}' "/proc/$1/status" 2>/dev/null) in Z | "") return 0 ;; esac
		sleep 0.1
	done
	_fail "process $1 does not end"
}

_remount() {
	_umount
	_mount "$@"
}

# _flip FILE OFFSET: change one byte, whatever it is: a fixed one would be there already in one of 256 ciphertexts.
_flip() {
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1") && [ -n "$byte" ] || _fail "no byte $2 in $1"
	# shellcheck disable=SC2059 # the format is the byte
	printf "\\$(printf %03o $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# Drop what the kernel has cached of the mount (root only; harmless otherwise).
_drop_caches() {
	[ -w /proc/sys/vm/drop_caches ] && sync && echo 3 >/proc/sys/vm/drop_caches
	return 0
}

# _as_user CMD...: as uid and gid 65534, no groups.
_as_user() {
	_as 65534 65534 "$@"
}

# _as UID GID CMD...
_as() {
	local u=$1 g=$2
	shift 2
	# A process that forbids ptrace (PR_SET_DUMPABLE 0) can be looked through for leaks by root only.
	ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" \
		setpriv --reuid="$u" --regid="$g" --clear-groups -- "$@"
}

# ------------------------------------------------------------------ output

# _try LABEL CMD...: prints the label with the exit code, and on failure the errno text of the
# last line, which is stable across tools.
_try() {
	local label=$1 out rc
	shift
	out=$("$@" 2>&1)
	rc=$?
	if [ "$rc" -eq 0 ]; then
		echo "$label: ok"
	else
		echo "$label: $(printf '%s\n' "$out" | tail -n 1 | sed 's/.*: //' | _filter)"
	fi
}

# _code LABEL CMD...: prints the label and the exit code; the message goes to $T/message.
_code() {
	local label=$1
	shift
	"$@" >"$T/message" 2>&1
	echo "$label: exit $?"
}

# Replace what differs from run to run.
_filter() {
	sed -e "s|$SCEN_TMP|TMP|g" -e "s|${ID:-no-identifier-yet}|ID|g" -e "s|$FUSCRYPT|fuscrypt|g" \
		-e 's/[0-9a-f]\{8\}-[0-9a-f]\{4\}-[0-9a-f]\{4\}-[0-9a-f]\{4\}-[0-9a-f]\{12\}/UUID/g'
}

# One line for each entry below a directory: what a copy must keep.
_tree_list() {
	python3 "$SCEN_ROOT/tests/lib/treelist.py" "$@"
}

# _same_tree A B: compares everything, prints the first differences.
_same_tree() {
	_tree_list "$1" >"$T/list.a"
	_tree_list "$2" >"$T/list.b"
	if cmp -s "$T/list.a" "$T/list.b"; then
		return 0
	fi
	diff "$T/list.a" "$T/list.b" | head -n 20
	return 1
}

_sha() {
	sha256sum "$@" | cut -c1-16
}
