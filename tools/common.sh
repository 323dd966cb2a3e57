# shellcheck shell=bash
# What build.sh and tools/patches share; sourced.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() { printf '%s\n' "$*" >&2; }

die() {
	say "${0##*/}: $*"
	exit 1
}

usage_error() {
	say "${0##*/}: $*"
	say "Try '$0 --help'."
	exit 2
}

# The comment at the head of the script that runs is its help text.
print_help() {
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
}

# The majors that have a patch set, oldest first.
majors() {
	local series
	for series in "$top"/patches/*/series; do
		[[ ! -e $series ]] || basename "$(dirname "$series")"
	done | sort -n
}

require_major() {
	[[ -e $top/patches/$1/series ]] ||
		usage_error "major '$1' is not supported, only: $(majors | xargs)"
}

# The minors of major $1 that VERSIONS lists, newest (last listed) first.
listed_minors() {
	awk -v major="$1" '$1 == major { print $2 }' "$top/VERSIONS" | tac
}

tarball_of_minor() {
	printf '%s/build/cache/postgresql-%s.tar.bz2\n' "$top" "$1"
}
