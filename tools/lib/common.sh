# shellcheck shell=bash
# What every script of this checkout starts from: where it is, how it speaks to
# its user, and which majors and minors it has. Nothing here builds anything.
#
# Globals, set here and nowhere else:
#   top      the checkout
#   program  what the user called: messages name it

# Scripts source what they use, so some files are sourced more than once.
! declare -F say >/dev/null || return 0

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

# build.sh passes its own name to the scripts that do its work, and to them alone.
program=${SESSTRIG_PROGRAM:-$0}
unset SESSTRIG_PROGRAM

say() { printf '%s\n' "$*" >&2; }

die() {
	say "${program##*/}: $*"
	exit 1
}

usage_error() {
	say "${program##*/}: $*"
	say "Try '$program --help'."
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

# The pages of the manual that upstream has not. The patched tree has them in
# doc/src/sgml, beside upstream's.
manual_pages() {
	printf '%s\n' "$top"/manual/*.sgml "$top"/extensions/*/*.sgml
}
