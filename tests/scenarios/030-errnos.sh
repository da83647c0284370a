#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 030-errnos - the same questions to the kernel's ext4 and to the mount: answers that differ
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt
_need_kernel_fscrypt

python3 "$ORACLE/errnos.py" recorded kernel >"$T/kernel" || _fail "kernel"
_init_store --no-policy
python3 "$ORACLE/errnos.py" recorded fuscrypt "$S" "$M" >"$T/fuscrypt" || _fail "fuscrypt"
wc -l <"$T/kernel"
diff "$T/kernel" "$T/fuscrypt" | grep '^[<>]'
_done
