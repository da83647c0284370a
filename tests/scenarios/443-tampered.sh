#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 443-tampered - trees rearranged and damaged behind the filesystem's back: the kernel's errnos, but where named
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto encrypt

_ask_both tampered \
	'swapped for (file|dir|link) of plain' \
	'what is in an encrypted directory without a header is foreign: EUCLEAN, seen, and removed' \
	'swapped for empty of plain' \
	'an empty file is encrypted in an encrypted directory, and plain in a plain one' \
	"'s name of [0-9]+ bytes.*: (names|rm -r|it is gone)" \
	'a name too short to be one hides nothing: it is listed, and removed' \
	'file in a directory whose context is: data unit size 9, locked: size' \
	"a file's size is told with its directory's data unit size, before its header has been read"
_done
