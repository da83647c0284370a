#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 515-words-and-descriptors - closed standard descriptors, a pid that is none, two keys where one goes
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

# said COMMAND...: its exit code and the first line that it says.
exec 3>&1
said() {
	"$@" 2>"$T/message"
	echo "$? $(head -n 1 "$T/message" | sed "s|$SCEN_TMP|TMP|g")" >&3
}

echo "== closed standard descriptors"
head -c 64 /dev/urandom >"$T/key"
head -c 65536 /dev/urandom >"$T/raw"
"$blk" write --key "$T/key" -i "$T/raw" "$T/image"
cp "$T/image" "$T/copy"
# The message about the offset must not be written into what is opened as descriptor 2.
"$blk" write --key "$T/key" -i "$T/raw" --offset 512 "$T/image" 2>&-
echo "$?"
"$blk" write --key "$T/key" -i "$T/raw" --offset 512 "$T/image" <&- >&- 2>&-
echo "$?"
cmp "$T/image" "$T/copy" && echo "the image is as it was"
said "$FUSCRYPT" key generate >&-
said "$blk" read --key "$T/key" "$T/image" >&-
said "$blk" write --key "$T/key" "$T/image" <&-
"$FUSCRYPT" key generate 2>/dev/null <&- | wc -c

echo "== words"
# 2^32 - 1 is -1 as a pid_t: everybody. There is no such store, so nobody is told either way.
said "$FUSCRYPT" mount --notifypid 4294967295 "$T/none" "$M"
said "$FUSCRYPT" mount --notifypid 99999999999999999999 "$T/none" "$M"
said "$FUSCRYPT" unlock --key "$T/key" --passfile "$T/none" "$M"
"$FUSCRYPT" umount "$M" --help
_done
