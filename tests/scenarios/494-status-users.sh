#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 494-status-users - fuscrypt status shows identifiers and holders to the owner, to root, and to the only holder
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto
_need_user
_need_cmd python3

export SCEN_DEVICE=
_init_store --no-policy
_make_key "$T/k1" one
_make_key "$T/k2" two
id1=$(_key_id "$T/k1") id2=$(_key_id "$T/k2")
_mount_raw --locked --device 'sim(slots=4)' -o inlinecrypt "$S" "$M" || _fail "mount"
chmod 755 "$S" "$M"
mkdir "$M/mine" "$M/ours"
chown 65534:65534 "$M/mine" "$M/ours"

show() { # LABEL CMD...
	local label=$1
	shift
	"$@" "$FUSCRYPT" status --json "$M" >"$T/status" || _fail "status"
	python3 - "$T/status" "$id1" "$id2" "$label" <<-'PY'
		import json, sys
		st = json.load(open(sys.argv[1]))
		names = {sys.argv[2]: "one", sys.argv[3]: "two", None: "hidden"}
		keys = sorted((names[k["key"]], str(k["holders"])) for k in st["keys"])
		slots = sorted(names[s["key"]] for p in st["profiles"] for s in p["keyslots"])
		print(f"{sys.argv[4]}: sees keys: {st['sees_keys']}; keys: {keys}; slots: {slots}")
	PY
}
write() { # DIR
	echo hello >"$1/file"
	python3 -c 'import os, sys; fd = os.open(sys.argv[1], os.O_RDWR); os.fsync(fd)' "$1/file"
}

"$FUSCRYPT" key add "$M" <"$T/k1" >/dev/null || _fail "key add"
_as_user "$FUSCRYPT" key add "$M" <"$T/k2" >/dev/null || _fail "key add as a user"
"$FUSCRYPT" policy set "$id1" "$M/ours" || _fail "policy set"
_as_user "$FUSCRYPT" policy set "$id2" "$M/mine" || _fail "policy set as a user"
write "$M/ours"
write "$M/mine"
echo "--- each has a key of his own"
show owner env
show user _as_user
show other _as 65533 65533
echo "--- one key has two holders"
"$FUSCRYPT" key add "$M" <"$T/k2" >/dev/null || _fail "key add"
show owner env
show user _as_user
"$FUSCRYPT" key remove "$id2" "$M" >/dev/null 2>&1 || _fail "key remove"
echo "--- and one again"
show user _as_user
_as_user "$FUSCRYPT" status "$M" >"$T/text"
grep -c "$id2" "$T/text"
grep -c "$id1" "$T/text"
grep -c hidden "$T/text"
_umount

echo "--- a user's own mount"
mkdir "$T/own" "$T/ownmnt"
chown 65534:65534 "$T/own" "$T/ownmnt"
cp "$T/k2" "$T/k2u"
chown 65534 "$T/k2u"
_as_user "$FUSCRYPT" init --key "$T/k2u" "$T/own" >/dev/null || _fail "init"
M=$T/ownmnt
_as_user "$FUSCRYPT" mount --key "$T/k2u" "$T/own" "$M" || _fail "mount"
show owner _as_user
_umount "$M"
_done
