#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 461-inline-choice - for each file: the device's engine where it can and may, the fallback elsewhere
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user encrypt

# Whose keyslots have been programmed so far, by profile.
programs() {
	"$FUSCRYPT" status --json "$M" | grep -oE '"name":"[a-z]+","device":[^,]*,"slots":[^}]*"programs":[0-9]+' |
		sed 's/"name":"\([a-z]*\)".*:/\1 /' | sort
}
export SCEN_DEVICE=
_make_key "$K"
"$FUSCRYPT" init --no-policy "$S" >/dev/null || _fail "init"
_mount --key "$K"
id=$("$FUSCRYPT" key list --json "$M" | grep -oE '[0-9a-f]{32}' | head -n 1)
mkdir "$M"/{xts4096,xts512,adiantum,plain}
"$FUSCRYPT" policy set --data-unit-size=4096 "$id" "$M/xts4096"
"$FUSCRYPT" policy set --data-unit-size=512 "$id" "$M/xts512"
"$FUSCRYPT" policy set --contents=Adiantum --filenames=Adiantum "$id" "$M/adiantum"
_umount
while IFS='|' read -r dev opt; do
	_mount --key "$K" --device "$dev" -o "$opt"
	line="$dev, $opt:"
	programs >"$T/before"
	for d in xts4096 xts512 adiantum plain; do
		for i in 1 2; do echo "$dev $opt $d $i" >"$M/$d/f$i"; done
		sync "$M/$d"/f*
		programs >"$T/after"
		line+=" $d=$(comm -13 "$T/before" "$T/after" | awk '$2 > 0 {printf "%s", $1}')"
		mv "$T/after" "$T/before"
	done
	echo "$line"
	_umount
	_mount --key "$K"
	for d in xts4096 xts512 adiantum plain; do
		for i in 1 2; do echo "$dev $opt $d $i" | cmp - "$M/$d/f$i"; done
	done
	rm "$M"/*/f*
	_umount
done <<'END'
file|inlinecrypt
sim(modes=aes-256-xts:4096)|rw
sim(modes=aes-256-xts:4096)|inlinecrypt
sim(modes=aes-256-xts:512+4096/adiantum)|inlinecrypt
sim(dun=3)|inlinecrypt
sim(slots=0)|inlinecrypt
END
# No fallback: what the engine cannot do is refused when the policy is set, and when a file is made.
_mount --key "$K" --device 'sim(modes=aes-256-xts:4096)' -o inlinecrypt,no-fallback
mkdir "$M/more" "$M/other"
"$FUSCRYPT" policy set --data-unit-size=4096 "$id" "$M/more" && echo x >"$M/more/x" && cat "$M/more/x"
"$FUSCRYPT" policy set --data-unit-size=512 "$id" "$M/other" 2>/dev/null || echo "other: refused, $?"
(echo x >"$M/xts512/x") 2>/dev/null || echo "xts512: refused"
(echo x >"$M/adiantum/x") 2>/dev/null || echo "adiantum: refused"
grep -rl '^x$' "$S"
_umount
_done
