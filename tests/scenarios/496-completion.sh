#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 496-completion - bash completes verbs, sub-verbs and options of both programs from their own help
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

# shellcheck source=/dev/null
. "$SCEN_ROOT/contrib/completions/fuscrypt"
PATH=$FUSCRYPT_BUILD:$PATH
# An installed copy of the file would know the same command by the same name.
complete -p fuscrypt fuscrypt-blk

try() { # WORD...: what is offered for the last one
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_fuscrypt
	printf '%s' "$*:"
	[ "${#COMPREPLY[@]}" -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ' | sed 's/^/ /; s/ $//'
	echo
}
touch "$T/file1" "$T/file2"

try fuscrypt in
try fuscrypt key a
try fuscrypt key add --v
try fuscrypt policy s
try fuscrypt policy set --cont
try fuscrypt policy set --contents Ad
try fuscrypt top --de
try fuscrypt top --delay ""
try fuscrypt status --j
try fuscrypt unlock --key "$T/f" | _filter
try fuscrypt status "$T/f" | _filter
try fuscrypt nonsense --x
try fuscrypt-blk str
try fuscrypt-blk stress --th
try fuscrypt-blk read --output "$T/f" | _filter

# Every verb of the help is offered, and each with the options that it takes.
missing=0
for prog in fuscrypt fuscrypt-blk; do
	while read -r name verb sub _; do
		[ "$name" = "$prog" ] || continue
		words=("$verb")
		[ -n "$(_fuscrypt_verbs "$prog" "$verb")" ] && words+=("$sub")
		COMP_WORDS=("$prog" "${words[@]}" "--")
		COMP_CWORD=$((${#words[@]} + 1))
		_fuscrypt
		for o in $("$prog" "${words[@]}" --help | grep -oE '^  (-., )?--[a-z0-9-]+' | grep -oE -- '--.*'); do
			printf '%s\n' "${COMPREPLY[@]}" | grep -qxF -- "$o" || {
				echo "$prog ${words[*]}: $o is not offered"
				missing=1
			}
		done
	done < <("$prog" --help | grep -E "^  $prog [a-z]")
done
[ "$missing" = 0 ] && echo "all options are offered"
_done
