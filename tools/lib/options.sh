# shellcheck shell=bash
# The options that all verbs of build.sh have in common, and their values. An
# option of one verb alone is read by the script of that verb.
#
# Globals; take_option sets them
#   pg               what --pg names, or nothing
#   given_tarball    the file of --tarball, or nothing
#   allow_unlisted   yes or no
#   install_deps     yes or no
#   SESSTRIG_INSTALL_DEPS  the same, for the verbs that this one calls
#   jobs             how many compilers to run
#   taken            how many words the last option was

! declare -F take_option >/dev/null || return 0

# shellcheck source=tools/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# shellcheck disable=SC2034 # for those who source this
{
	pg=
	given_tarball=
	allow_unlisted=no
	install_deps=${SESSTRIG_INSTALL_DEPS-no}
	jobs=$(nproc)
	taken=0
}

# Takes an option and its value from the words given, if the first of them is an
# option that all verbs have.
# shellcheck disable=SC2034 # for those who source this
take_option() {
	case $1 in
		--pg | --tarball | --jobs)
			(($# > 1)) || usage_error "$1 needs a value"
			taken=2
			;;
		--install-deps | --allow-unlisted) taken=1 ;;
		*) taken=0 ;;
	esac
	case $1 in
		--pg) pg=$2 ;;
		--tarball)
			[[ -f $2 ]] || usage_error "there is no file '$2'"
			given_tarball=$(realpath "$2")
			;;
		--jobs)
			[[ $2 =~ ^[1-9][0-9]*$ ]] || usage_error "--jobs needs a number, not '$2'"
			jobs=$2
			;;
		--install-deps)
			install_deps=yes
			export SESSTRIG_INSTALL_DEPS=yes
			;;
		--allow-unlisted) allow_unlisted=yes ;;
	esac
}
