#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 412-wrapped-users - who may have keys wrapped, and who may use them
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt
_need_user

export SCEN_DEVICE= # the device is what this is about
_init_store --no-policy
_mount_raw --locked --device "sim(keytypes=raw+wrapped,hwkey=$T/hw)" -o inlinecrypt "$S" "$M" || _fail "mount"
"$FUSCRYPT" key generate-wrapped "$M" >"$T/lt" || _fail "generate"
"$FUSCRYPT" key prepare-wrapped "$M" <"$T/lt" >"$T/eph" || _fail "prepare"
chmod 755 "$T" "$M"
chmod 644 "$T/lt" "$T/eph"
head -c 32 "$K" >"$T/raw"

# Wrapping is for who could open a disk. The device knows nothing of users: what is prepared, all may add.
_try "import" _as_user "$FUSCRYPT" key import-wrapped "$M" <"$T/raw"
_try "generate" _as_user "$FUSCRYPT" key generate-wrapped "$M"
_try "prepare" _as_user "$FUSCRYPT" key prepare-wrapped "$M" <"$T/lt"
WID=$(_as_user "$FUSCRYPT" key add --hw-wrapped --json "$M" <"$T/eph" | python3 -c 'import json, sys; print(json.load(sys.stdin)["identifier"])')
mkdir "$M/his" "$M/roots"
chown 65534:65534 "$M/his"
_try "policy" _as_user "$FUSCRYPT" policy set --iv-ino-lblk-32 "$WID" "$M/his"
_as_user sh -c 'echo text >"$1/file"' - "$M/his" || _fail "write"
# Root has not added it, but needs not either.
_try "root's policy" "$FUSCRYPT" policy set --iv-ino-lblk-64 "$WID" "$M/roots"
"$FUSCRYPT" key status "$WID" "$M" | tail -n +2
_try "remove without a claim" "$FUSCRYPT" key remove "$WID" "$M"
"$FUSCRYPT" key add --hw-wrapped "$M" <"$T/eph" >/dev/null || _fail "add"
_as_user "$FUSCRYPT" key remove "$WID" "$M" 2>/dev/null
cat "$M/his/file"
"$FUSCRYPT" key remove "$WID" "$M"
_try "after the last claim" cat "$M/his/file"
_done
