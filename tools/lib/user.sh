# shellcheck shell=bash
# Running as somebody who is not root. How a single suite or the demo uses that
# is its own affair.
#
# Globals; choose_user sets them
#   run_as  the prefix that makes a command run as an ordinary user, empty where
#           the caller is one

! declare -F as_user >/dev/null || return 0

# shellcheck source=tools/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

run_as=()

# Servers and what starts them refuse to run as root.
choose_user() {
	((EUID == 0 && ${#run_as[@]} == 0)) || return 0
	local user=nobody
	! id postgres >/dev/null 2>&1 || user=postgres
	run_as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups)
	if ! "${run_as[@]}" test -r "$top/VERSIONS" 2>/dev/null; then
		# The checkout lies where that user cannot go, in root's home for one.
		# The right to read there, and no other, goes along with the commands;
		# the secure bit makes access(2) respect it, which finds executables.
		run_as+=(--inh-caps=+dac_read_search --ambient-caps=+dac_read_search
			--securebits=+no_setuid_fixup)
		"${run_as[@]}" test -r "$top/VERSIONS" 2>/dev/null ||
			die "user $user cannot read $top: move the checkout, or open the directories above it"
	fi
	give "$top/build/home"
	"${run_as[@]}" touch "$top/build/home/.probe" ||
		die "user $user cannot write to its own directory $top/build/home"
}

as_user() {
	choose_user
	if ((EUID == 0)); then
		env HOME="$top/build/home" TMPDIR=/tmp "${run_as[@]}" "$@"
	else
		"$@"
	fi
}

# Makes directories, owned with all they hold by the user of as_user.
give() {
	choose_user
	mkdir -p "$@"
	((EUID != 0)) || chown -R "${run_as[1]#*=}:${run_as[2]#*=}" "$@"
}
