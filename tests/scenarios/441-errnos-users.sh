#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 441-errnos-users - owners, claims, quotas and modes as ordinary users meet them: the kernel's answers, but one
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt

# What differs, and why: the argument is copied before a FUSE server is asked whether its caller may.
_ask_both users
_done
