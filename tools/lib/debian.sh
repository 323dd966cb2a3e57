# shellcheck shell=bash
# Debian's archive, as far as the system's apt knows where it is: single suites of
# it, in directories of their own. What is to be installed on the machine is in
# packages.sh.
#
# Globals; use_suite sets them
#   apt_dir      where apt works on the suite in use
#   apt_options  what makes apt work there

! declare -F use_suite >/dev/null || return 0

# shellcheck source=tools/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

apt_dir=
apt_options=()

# Debian's suites that have, or may have, a major.
debian_suites() {
	case $1 in
		15) echo bookworm-security bookworm ;;
		17) echo trixie-security trixie ;;
		18) echo forky-security forky sid ;;
		*) echo forky sid experimental ;;
	esac
}

# The suite that packages of a major are built for, if nobody says otherwise: the one
# that has it; but of those that are not released yet, what trixie has not.
debian_suite() {
	case $1 in
		15) echo bookworm ;;
		17 | 18) echo trixie ;;
		*) echo forky ;;
	esac
}

# The suite that this machine's libraries are from.
suite_of_machine() {
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# Where the system's apt takes the archive with a label from.
archive_uri() {
	# shellcheck disable=SC2016 # for apt to expand
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
		"Label: $1" | head -n 1
}

# Makes apt look at one suite alone, in directories of its own: the system's are
# neither used nor changed. use_suite deb|deb-src SUITE
use_suite() {
	local label=Debian uri
	[[ $2 != *-security ]] || label=Debian-Security
	uri=$(archive_uri "$label")
	if [[ -z $uri ]]; then
		echo "apt knows no archive of $label (run 'apt-get update' first?)"
		return 1
	fi
	apt_dir=$top/build/cache/apt/$1/$2
	mkdir -p "$apt_dir/lists/partial" "$apt_dir/archives/partial"
	: >"$apt_dir/status"
	echo "$1 [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $2 main" \
		>"$apt_dir/sources.list"
	apt_options=(-o "Dir::Etc::SourceList=$apt_dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State=$apt_dir" -o "Dir::State::Status=$apt_dir/status" -o "Dir::Cache=$apt_dir")
	# The user that root's apt switches to could not write there.
	((EUID != 0)) || apt_options+=(-o APT::Sandbox::User=root)
	apt-get "${apt_options[@]}" --error-on=any update
}

# Downloads packages from a suite of Debian's and unpacks them, which needs no
# root: unpack_packages SUITE DIR PACKAGE ...
unpack_packages() {
	local package
	use_suite deb "$1"
	mkdir -p "$2"
	for package in "${@:3}"; do
		(cd "$2" && apt-get "${apt_options[@]}" download "$package")
		dpkg-deb -x "$2/$package"_*.deb "$2"
	done
}
