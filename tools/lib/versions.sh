# shellcheck shell=bash
# Which versions of PostgreSQL a run is about. Where their source comes from is
# the business of fetch.sh.
#
# Globals
#   default_major      what is built when nothing is said
#   versions           majors or minors, what --pg and --tarball name; choose_versions sets it
#   major, minor, dir  the version at hand, and build/MAJOR
#   named              whether the minor was named (yes), or is the newest listed
#                      (no); select_version sets these four

! declare -F select_version >/dev/null || return 0

# shellcheck source=tools/lib/options.sh
. "$(dirname "${BASH_SOURCE[0]}")/options.sh"
# shellcheck source=tools/lib/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

default_major=18
versions=()
major=
minor=
# shellcheck disable=SC2034 # for those who source this
{
	named=no
	dir=
}

sha256_of() {
	sha256sum <"$1" | cut -d' ' -f1
}

# The release that a tarball given by hand holds.
minor_of_tarball() {
	local name
	name=$(awk -v sum="$(sha256_of "$1")" '$3 == sum { print $2 }' "$top/VERSIONS")
	if [[ -z $name ]]; then
		# tar complains when head has seen enough.
		name=$({ tar -tf "$1" 2>/dev/null || true; } | head -n 1)
		name=${name%%/*}
		[[ $name == postgresql-[0-9]* ]] || die "$1 is not a source tarball of PostgreSQL"
		name=${name#postgresql-}
	fi
	printf '%s\n' "$name"
}

# Also says what is wrong with the options, and leaves the last version selected.
choose_versions() {
	local version
	if [[ -n $given_tarball ]]; then
		versions=("$(minor_of_tarball "$given_tarball")")
		[[ -z $pg || ${versions[0]} =~ ^$pg(\.|$|[a-z]) ]] ||
			usage_error "$given_tarball is ${versions[0]}, not '$pg'"
	elif [[ $pg == all ]]; then
		mapfile -t versions < <(majors)
	else
		versions=("${pg:-$default_major}")
	fi
	for version in "${versions[@]}"; do
		select_version "$version"
	done
}

# The majors of all versions, in their order.
selected_majors() {
	printf '%s\n' "${versions[@]%%[!0-9]*}" | sort -n
}

# Selects a major with its newest listed minor, or the minor named.
# shellcheck disable=SC2034 # for those who source this
select_version() {
	major=${1%%[!0-9]*}
	[[ -n $major && -e $top/patches/$major/series ]] ||
		usage_error "there are no patches for '$1', only for: $(majors | xargs)"
	if [[ $1 == "$major" ]]; then
		minor=$(listed_minors "$major" | head -n 1)
		named=no
	else
		minor=$1
		named=yes
	fi
	[[ -n $minor ]] || die "VERSIONS lists no minor of $major"
	dir=$top/build/$major
	set_log_dir "$dir/log"
}
