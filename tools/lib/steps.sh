# shellcheck shell=bash
# Long commands, each with a line on the screen and its output in a log, and how far
# they are. The result of tests is counted elsewhere, in tests.sh.
#
# Globals
#   log_dir          where the logs are; set_log_dir sets it
#   status, elapsed  of the last command, and in seconds; logged sets them
#   title, screen    the line that begin_line began last, and its file descriptor
#   watched          no where the output goes to a file that is read later
#   interval         seconds between two lines of the ticker, where there is no terminal
#   alive, ticker    the pipe that keeps the ticker running, and its process
#   costs            a file to note in what each step took, or nothing

! declare -F logged >/dev/null || return 0

# shellcheck source=tools/lib/lock.sh
. "$(dirname "${BASH_SOURCE[0]}")/lock.sh"

log_dir=$top/build/log
status=0
elapsed=0
costs=
title=
screen=2
watched=yes
interval=60
alive=
ticker=

# note_cost TITLE: adds what the last command took, by the version selected.
note_cost() {
	[[ -z $costs ]] || printf '%s\t%s\t%s\n' "$1" "${major-}" "$elapsed" >>"$costs"
}

set_log_dir() {
	log_dir=$1
}

# begin_line DESCRIPTOR TITLE: the line of a command, which whoever runs it ends.
begin_line() {
	screen=$1 title=$2
	printf '%s ... ' "$title" >&"$screen"
}

# Runs a command with its output in a file; sets `status` and `elapsed`, and
# never fails itself. Call it after begin_line, and outside of conditions only: in
# one, bash would ignore `set -e` in the command too.
logged() {
	local log=$1 start=$SECONDS
	shift
	mkdir -p "${log%/*}"
	: >"$log"
	start_ticker "$title ... " "$title" "$log" "$start"
	set +e
	(leave_locks; leave_ticker; set -e; "$@") >"$log" 2>&1 </dev/null
	status=$?
	set -e
	elapsed=$((SECONDS - start))
	stop_ticker
}

# --- how far commands are ----------------------------------------------------------

# in_all NUMBER files|tests|test files: what a command writes to its log once it knows how many
# there are.
in_all() {
	echo "# in all: $*"
}

# How far a command is by its log, as "613 of 1451 files, ", or nothing if that has nothing to
# count. A file counts when its compiler is started.
progress() {
	awk '
		function show(what) {
			if (all[what] && all[what] >= done[what])
				printf "%d of %d %s, ", done[what], all[what], what
			else if (done[what])
				printf "%d %s, ", done[what], what
		}
		sub(/^# in all: /, "") { number = $1; sub(/^[0-9]+ /, ""); all[$0] = number; next }
		# TAP and pg_regress since 16, cargo and pg_regress before
		/^(not )?ok +[0-9]+/ || /^(test|    ) .* \.\.\. (ok|FAILED|failed|ignored)/ { done["tests"]++ }
		/^running [0-9]+ tests?$/ { all["tests"] += $2 }
		# prove: at the end of a file, and of one that is skipped among others
		/^(ok|skipped: .*|(Failed|All) [0-9\/]+ subtests.*|No subtests run.*)$/ || /^[^ ]+ \.\.+ skipped/ {
			done["test files"]++
		}
		/ -c / && / -o [^ ]+\.o( |$)/ { done["files"]++ }
		/^ +Compiling / { done["crates"]++ }
		END {
			# What tests need is compiled before them.
			if (done["tests"] + done["test files"] + all["tests"]) {
				show("tests")
				show("test files")
			} else {
				show("files")
				show("crates")
			}
		}' "$1"
}

# start_ticker BEGUN (TITLE LOG START) ...: shows how far commands are, until stop_ticker:
# on a terminal where the cursor is, elsewhere in lines. BEGUN is what the line has already.
start_ticker() {
	[[ $watched == yes ]] || return 0
	exec {alive}> >(tick "$@")
	ticker=$!
}

stop_ticker() {
	[[ -n $alive ]] || return 0
	exec {alive}>&-
	alive=
	wait "$ticker" || true
}

# In a subshell whose output goes to a file: what it starts may outlive this shell, but the
# ticker must not, and lines in the file are for nobody.
leave_ticker() {
	[[ -z $alive ]] || exec {alive}>&-
	alive=
	watched=no
}

# Runs until its standard input ends, which it does with stop_ticker and with the shell that
# started it, in whatever way that ends: there is nothing to kill, and no process that sleeps.
tick() {
	local begun=$1 next=$((SECONDS + interval)) separator=$'\n' text i
	shift
	leave_locks
	# If this process ended by a signal for which the shell has a trap, the shell might see no
	# more than that, and go on waiting for its suites.
	trap '' INT TERM
	[[ ! -t $screen ]] || next=0 separator='; '
	while read -rt 1 || (($? > 128)); do
		kill -0 "$$" 2>/dev/null || break
		((SECONDS >= next)) || continue
		text=
		for ((i = 1; i < $#; i += 3)); do
			text+="${text:+$separator}${!i} ... $(progress "${@:i+1:1}")$((SECONDS - ${@:i+2:1})) s"
		done
		text=${text#"$begun"}
		if [[ -t $screen ]]; then
			# A long line must not go on in the next one.
			printf '\e7\e[?7l%s\e[K\e[?7h\e8' "$text" >&"$screen"
		else
			printf '%s\n%s' "$text" "$begun" >&"$screen"
			next=$((SECONDS + interval))
		fi
	done
	[[ ! -t $screen ]] || printf '\e[K' >&"$screen"
}

# step NAME TITLE COMMAND ...: one long step, which must not fail.
step() {
	local log=$log_dir/$1.log
	begin_line 2 "$2"
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
