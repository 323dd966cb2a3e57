# shellcheck shell=bash
# Long commands, each with a line on the screen and its output in a log. What
# tests print is counted elsewhere, in tests.sh.
#
# Globals
#   log_dir          where the logs are; set_log_dir sets it
#   status, elapsed  of the last command, and in seconds; logged sets them
#   costs            a file to note in what each step took, or nothing

! declare -F logged >/dev/null || return 0

# shellcheck source=tools/lib/lock.sh
. "$(dirname "${BASH_SOURCE[0]}")/lock.sh"

log_dir=$top/build/log
status=0
elapsed=0
costs=

# note_cost TITLE: adds what the last command took, by the version selected.
note_cost() {
	[[ -z $costs ]] || printf '%s\t%s\t%s\n' "$1" "${major-}" "$elapsed" >>"$costs"
}

set_log_dir() {
	log_dir=$1
}

# Runs a command with its output in a file; sets `status` and `elapsed`, and
# never fails itself. Call it outside of conditions only: in one, bash would
# ignore `set -e` in the command too.
logged() {
	local log=$1 ticker='' start=$SECONDS
	shift
	mkdir -p "${log%/*}"
	if [[ -t 2 ]]; then
		tick &
		ticker=$!
	fi
	set +e
	(leave_locks; set -e; "$@") >"$log" 2>&1 </dev/null
	status=$?
	set -e
	elapsed=$((SECONDS - start))
	if [[ -n $ticker ]]; then
		kill "$ticker"
		wait "$ticker" 2>/dev/null || true
		printf '\e[K' >&2
	fi
}

# Shows the seconds after the cursor for as long as this script lives.
tick() {
	local start=$SECONDS
	leave_locks
	while sleep 1 && kill -0 "$$" 2>/dev/null; do
		printf '\e7%d s\e8' "$((SECONDS - start))" >&2
	done
}

# step NAME TITLE COMMAND ...: one long step, which must not fail.
step() {
	local log=$log_dir/$1.log
	printf '%s ... ' "$2" >&2
	logged "$log" "${@:3}"
	note_cost "$2"
	if ((status == 0)); then
		say "done ($elapsed s)"
		return
	fi
	say "FAILED after $elapsed s"
	show_log "$log"
	exit 1
}

show_log() {
	tail -n 20 "$1" | awk '{ print "    " $0 }' >&2
	say "The whole log: $1"
}
