# SPDX-License-Identifier: GPL-3.0-or-later
# lint.sh - what every lint sources: where things are, complaints, one TAP result
# shellcheck shell=bash
set -u
export LC_ALL=C
lint_name=$(basename "$0")
srcdir=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
builddir=${top_builddir:-$srcdir/build}
builddir=$(cd "$builddir" 2>/dev/null && pwd)
lint_bad=0
cd "$srcdir" || exit 1

bad() {
	lint_bad=$((lint_bad + 1))
	printf '# %s\n' "$*"
}

# Reads complaints, one a line. Use with process substitution: `bad_lines < <(...)`.
bad_lines() {
	local line
	while IFS= read -r line; do
		bad "$line"
	done
}

lint_skip() {
	printf '1..0 # SKIP %s\n' "$*"
	exit 0
}

lint_end() {
	echo "1..1"
	if [ "$lint_bad" -gt 0 ]; then
		echo "not ok 1 - $lint_name"
		# Under make that line is the verdict; an exit status would count twice.
		[ -n "${top_srcdir:-}" ] && exit 0
		exit 1
	fi
	echo "ok 1 - $lint_name"
	exit 0
}
