#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 423-who-may - lock by force is for the owner of the mount and for who alone has the key
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto
_need_user

_init_store --no-policy
_mount
chmod 644 "$K"
chmod 755 "$M"
mkdir -m 755 "$M/e"
"$FUSCRYPT" policy set "$ID" "$M/e" || _fail "policy set"
chmod 777 "$M/e"
echo text >"$M/e/file"
chmod 644 "$M/e/file"
cd /
alice() { _as 1001 1001 "$@"; }
bob() { _as 1002 1002 "$@"; }
open_one() { exec 7<"$M/e/file"; }
held() { python3 -c 'from ops import *; show("held descriptor", os.pread, 7, 4, 0)'; }

open_one
_code "alice has no claim: revoke" alice "$FUSCRYPT" lock --revoke "$M/e"
alice "$FUSCRYPT" key add --key "$K" "$M" >/dev/null
_code "alice and root have one: revoke" alice "$FUSCRYPT" lock --revoke "$M/e"
grep -c 'owner of the mount' "$T/message"
_code "panic" alice "$FUSCRYPT" lock --panic "$M/e"
_code "polite" alice "$FUSCRYPT" lock "$M/e"
grep -c 'other users' "$T/message"
held
echo "-- root takes all claims"
alice "$FUSCRYPT" key add --key "$K" "$M" >/dev/null
_code "root: revoke" "$FUSCRYPT" lock --revoke "$M/e"
"$FUSCRYPT" key status "$ID" "$M" | grep Status
held
echo "-- alice alone"
alice "$FUSCRYPT" key add --key "$K" "$M" >/dev/null
open_one
_code "bob: revoke" bob "$FUSCRYPT" lock --revoke "$M/e"
_code "alice: panic" alice "$FUSCRYPT" lock --panic "$M/e"
held
echo "-- alice, politely first"
alice "$FUSCRYPT" key add --key "$K" "$M" >/dev/null
open_one
_code "alice: polite, while root holds a file" alice "$FUSCRYPT" lock "$M/e"
grep -c 'nobody that you may see' "$T/message"
_code "bob: revoke" bob "$FUSCRYPT" lock --revoke "$M/e"
_code "bob: polite, as anybody may try again" bob "$FUSCRYPT" lock "$M/e"
held
_code "alice: revoke" alice "$FUSCRYPT" lock --revoke "$M/e"
held
echo "-- a key of version 1"
exec 7<&-
"$FUSCRYPT" key add --v1 --key "$K" "$M" >"$T/v1"
mkdir "$M/v1"
"$FUSCRYPT" policy set --v1 "$(grep -oE '[0-9a-f]{16}' "$T/v1" | head -n 1)" "$M/v1" || _fail "policy set --v1"
chmod 755 "$M/v1"
echo old >"$M/v1/file"
exec 7<"$M/v1/file"
_code "alice: revoke" alice "$FUSCRYPT" lock --revoke "$M/v1"
_code "root: revoke" "$FUSCRYPT" lock --revoke "$M/v1"
held
exec 7<&-
_umount
_done
