#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 490-blk-transfer - fuscrypt-blk read, write and verify: what goes in comes out; exit codes; bad input
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

said() { # LABEL CMD...: exit code and message
	local label=$1 rc
	shift
	"$@" >"$T/out" 2>"$T/message" </dev/null
	rc=$?
	echo "$label: exit $rc: $(head -n 1 "$T/message" | sed "s/ (there are:.*//" | _filter)"
}
_make_key "$K"
_need_cmd python3
python3 -c 'import random, sys; random.seed(490); sys.stdout.buffer.write(random.randbytes(40960))' >"$T/data"
head -c 32 "$K" >"$T/short"

echo "--- there and back"
"$blk" write --key "$K" -i "$T/data" "$T/img" || _fail "write"
"$blk" read --key "$K" "$T/img" | cmp - "$T/data" && echo "read: same"
"$blk" read --key "$K" --offset 8192 --length 12288 -o "$T/part" "$T/img" || _fail "read -o"
cmp "$T/part" <(tail -c +8193 "$T/data" | head -c 12288) && echo "part: same"
"$blk" read --plain "$T/img" | cmp -s - "$T/data" || echo "stored: not the plain data"
[ "$("$blk" read --plain "$T/img" | _sha)" = "$(_sha <"$T/img")" ] && echo "plain read: the stored bytes"
"$blk" verify --key "$K" <"$T/data" "$T/img" && echo "verify: same"
"$blk" write --key "$K" --offset 8192 <"$T/part" "$T/img" && "$blk" verify --key "$K" -i "$T/data" "$T/img" && echo "written over: same"
head -c 4000 "$T/data" | "$blk" write --key "$K" --offset 40960 --pad "$T/img" && stat -c %s "$T/img"
"$blk" read --key "$K" --offset 40960 "$T/img" | tail -c 96 | xxd -p | sort -u

echo "--- small blocks, data units and numbers"
for args in '--data-unit-size 512 --block-size 1K' '--data-unit-size 1024 --dun 77' '--dun 0xfffffffffffffff8' \
	'--dun 0xffffffffffffffffffff --dun-bytes 16' '--data-unit-size 16K' '--mode SM4-XTS' '--mode Adiantum --dun 0x1000000000000000000000000000000000000000000000000'; do
	case $args in *SM4* | *Adiantum*) key=$T/short ;; *) key=$K ;; esac
	rm -f "$T/img2"
	# shellcheck disable=SC2086 # several words
	if "$blk" write $args --key "$key" --length 32768 -i "$T/data" "$T/img2" 2>"$T/message" &&
		"$blk" verify $args --key "$key" --length 32768 -i "$T/data" "$T/img2"; then
		echo "$args: same"
	else
		echo "$args: $(_filter <"$T/message")"
	fi
done

echo "--- devices and figures"
for dev in 'file' 'sim(slots=1)' 'sim(slots=0)'; do
	rm -f "$T/img3"
	"$blk" write --key "$K" --device "$dev" --inlinecrypt --json -i "$T/data" "$T/img3" |
		grep -oE '"(bytes|programs)":[0-9]*|"name":"[a-z]*"' | tr '\n' ' '
	cmp -s "$T/img3" <(head -c 40960 "$T/img") && echo "$dev: the same image"
done
said "no engine, no fallback" "$blk" write --key "$K" --no-fallback -i "$T/data" "$T/img3"
said "engine not allowed" "$blk" write --key "$K" --no-fallback --device sim -i "$T/data" "$T/img3"
said "engine allowed" "$blk" write --key "$K" --no-fallback --device sim --inlinecrypt -i "$T/data" "$T/img3"
said "mode not known" "$blk" write --key "$K" --no-fallback --device 'sim(modes=adiantum)' --inlinecrypt -i "$T/data" "$T/img3"

echo "--- differences"
_flip "$T/img" 20000
said "one byte" "$blk" verify --key "$K" -i "$T/data" "$T/img"
tail -n 1 "$T/message" | _filter
said "wrong number" "$blk" verify --key "$K" --dun 1 -i "$T/data" "$T/img"
said "past the end" "$blk" verify --key "$K" --offset 40960 --length 4096 -i "$T/data" "$T/img"

echo "--- stress, shortly (492 has more)"
"$blk" stress --threads 4 --keys 8 --device 'flakey(;sim(slots=2))' --inlinecrypt --size 1M --ops 30 --faults all >"$T/figures" 2>&1 || cat "$T/figures"
grep -oE 'wrong: [0-9]+' "$T/figures"

echo "--- bad input"
said "no verb" "$blk"
said "verb" "$blk" erase
said "no key" "$blk" read "$T/img"
said "key and plain" "$blk" read --key "$K" --plain "$T/img"
said "key twice over" "$blk" write --key - "$T/img"
said "words" "$blk" read --key "$K" "$T/img" more
said "option" "$blk" read --key "$K" --frobnicate "$T/img"
said "mode" "$blk" read --key "$K" --mode AES-512 "$T/img"
said "key size" "$blk" read --key "$T/short" "$T/img"
said "key missing" "$blk" read --key "$T/none" "$T/img"
said "key long" "$blk" read --key "$T/data" "$T/img"
said "image missing" "$blk" read --key "$K" "$T/none"
said "input missing" "$blk" write --key "$K" -i "$T/none" "$T/img"
said "no image" "$blk" read --key "$K" --length 4096
said "how much" "$blk" read --key "$K" --device mem
said "image and own space" "$blk" read --key "$K" --device mem "$T/img"
said "offset" "$blk" read --key "$K" --offset 100 "$T/img"
said "length" "$blk" read --key "$K" --length 100 "$T/img"
said "far" "$blk" read --key "$K" --offset 0x7ffffffffffff000 --length 8192 "$T/img"
said "no number" "$blk" read --key "$K" --offset -1 "$T/img"
said "data unit" "$blk" read --key "$K" --data-unit-size 1000 "$T/img"
said "block" "$blk" read --key "$K" --block-size 512 "$T/img"
said "dun" "$blk" read --key "$K" --dun 12x "$T/img"
said "dun of 257 bits" "$blk" read --key "$K" --dun "0x1$(printf '%064d' 0)" "$T/img"
said "dun too long" "$blk" read --key "$K" --dun 0x10000000000000000 --dun-bytes 8 "$T/img"
said "dun over the IV" "$blk" read --key "$K" --dun "0x1$(printf '%032d' 0)" "$T/img"
said "dun runs over" "$blk" read --key "$K" --dun 0xff --dun-bytes 1 "$T/img"
said "device" "$blk" read --key "$K" --device tape "$T/img"
said "half a unit" "$blk" write --key "$K" --length 100 -i "$T/data" "$T/img"
said "short input" "$blk" write --key "$K" --length 8M -i "$T/data" "$T/img"
said "odd input" "$blk" write --key "$K" -i "$T/short" "$T/img"
said "json to data" "$blk" read --key "$K" --json "$T/img"
said "full" "$blk" write --key "$K" -i "$T/data" /dev/full
"$blk" read --key "$K" "$T/img" 2>"$T/message" >/dev/full
echo "closed output: exit $?: $(_filter <"$T/message")"
"$blk" --help | head -n 1
"$blk" --version | cut -d' ' -f1
_done
