#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 445-errnos-busy - what keeps a removed key in use, and what works meanwhile: the kernel's answers
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt

_ask_both busy
_done
