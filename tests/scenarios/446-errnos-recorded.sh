#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 446-errnos-recorded - what Linux 6.18 answered once, for machines whose kernel cannot be asked
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt
_need_root
_need_oracle

_init_store --no-policy
python3 "$ORACLE/errnos.py" recorded fuscrypt "$S" "$M" >"$T/answers" || _fail "errnos.py"
python3 "$ORACLE/recorded.py" "$T/answers"
_done
