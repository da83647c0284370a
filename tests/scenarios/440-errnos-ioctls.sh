#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 440-errnos-ioctls - every errno of the nine ioctls and which comes first, as root: the kernel's, but these
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt

# What differs, and why: the kernel copies what an ioctl's number encodes before it asks a FUSE
# server, so that a bad pointer is seen before what the inode is.
_ask_both ioctls
_done
