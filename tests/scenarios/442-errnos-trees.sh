#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 442-errnos-trees - links, renames, exchanges, limits, no-key names, locked trees: the kernel's answers, but these
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt

# What differs, and why:
# - exchange of an encrypted with a plain file, both in a plain directory: in the store each would
#   have to take the other's spelling, which is not one step.
# - a write past the largest file: the page cache of a FUSE filesystem takes it, so that the error
#   comes at close or fsync, and as EIO.
# - fallocate's collapse and insert on plain files: FUSE has none.
# - a no-key name with an A too much: this kernel takes its six bits of zeros for none.
_ask_both trees
_done
