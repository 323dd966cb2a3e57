# shellcheck shell=bash
# Counts what test suites print, whatever their format. Which suites there are,
# and what they need, is none of its business.
#
# Globals
#   passed, failed, skipped  the tests so far; run_tests, fail_tests and finish_tests
#                            add to them
#   beside                   the directories of suites that run beside this shell, by their
#                            process groups: with their output, and the line for the ticker

! declare -F run_tests >/dev/null || return 0

# shellcheck source=tools/lib/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"
# shellcheck source=tools/lib/versions.sh
. "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

passed=0
failed=0
skipped=0
declare -A beside=()

# Sums up a log: "passed failed skipped". Understands cargo, TAP as prove
# prints it and pg_regress since 16 writes it, and pg_regress before.
count_tests() {
	awk '
		/^test result: / { passed += $4; failed += $6; skipped += $8 }
		/^ok +[0-9]+/ { if (/# (SKIP|skip)/) skipped++; else passed++ }
		/^not ok +[0-9]+/ { if (/# TODO/) skipped++; else failed++ }
		/^1\.\.0 # (SKIP|skip)/ { skipped++ }
		# so prove says it of a whole file when it runs several at once
		/^[^ ]+ \.\.+ skipped/ { skipped++ }
		/^(test|    ) .* \.\.\. .* ms$/ { if (/ok +[0-9]+ ms$/) passed++; else failed++ }
		END { print passed + 0, failed + 0, skipped + 0 }' "$1"
}

# The name of a suite, with the major in front when there are several.
title_of() {
	((${#versions[@]} == 1)) || printf '%s: ' "$major"
	printf '%s\n' "$1"
}

# run_tests NAME COMMAND ...: runs a suite and counts its tests.
run_tests() {
	local log=$log_dir/check-$1.log ok bad skip
	begin_line 1 "$(title_of "$1")"
	logged "$log" "${@:2}"
	note_cost "$1"
	read -r ok bad skip < <(count_tests "$log")
	# What counts nothing itself is one test.
	if ((ok + bad + skip == 0)); then ((status == 0)) && ok=1; fi
	if ((status != 0 && bad == 0)); then bad=1; fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	if ((bad == 0)); then
		echo "ok ($ok tests, $elapsed s)"
		((skip == 0)) || grep -hiE '^((ok|1\.\.0).* # skip|[^ ]+ \.\.+ skipped)' "$log" || true
	else
		echo "FAILED ($bad of $((ok + bad)) tests, $elapsed s)"
		show_log "$log"
	fi
}

# start_tests NAME COMMAND ...: run_tests beside this shell, and beside other suites, of
# which so many run as there may be compilers. finish_tests shows and counts it.
start_tests() {
	local output
	finish_tests $((jobs - 1))
	output=$(mktemp -d)
	printf '%s\n' "$(title_of "$1")" "$log_dir/check-$1.log" "$SECONDS" >"$output/line"
	# With job control it becomes a process group, which can be ended with all its
	# processes, and where an interrupt is not ignored.
	set -m
	tests_into "$output" "$@" >"$output/out" 2>"$output/err" &
	set +m
	beside[$!]=$output
}

# tests_into DIRECTORY NAME COMMAND ...: in a subshell, run_tests with its counts in a file.
tests_into() {
	local passed=0 failed=0 skipped=0
	set +m
	leave_locks
	leave_ticker
	run_tests "${@:2}"
	echo "$passed $failed $skipped" >"$1/counts"
}

# finish_tests NUMBER: waits until at most so many suites run beside this shell.
finish_tests() {
	local group output lines ok bad skip
	while ((${#beside[@]} > $1)); do
		lines=()
		for output in "${beside[@]}"; do
			mapfile -t -O "${#lines[@]}" lines <"$output/line"
		done
		screen=1
		start_ticker '' "${lines[@]}"
		wait -n -p group "${!beside[@]}" 2>/dev/null || true
		stop_ticker
		if [[ -z ${group-} ]]; then
			# One was killed while this shell waited for something else: bash has forgotten it.
			for group in "${!beside[@]}"; do
				kill -0 "$group" 2>/dev/null || break
			done
		fi
		output=${beside[$group]}
		unset "beside[$group]"
		cat "$output/out"
		cat "$output/err" >&2
		ok=0 bad=1 skip=0
		[[ ! -e $output/counts ]] || read -r ok bad skip <"$output/counts"
		passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
		rm -rf "$output"
	done
}

# Ends the suites that run beside this shell, which have ten seconds to stop their servers.
stop_tests() {
	local group try
	stop_ticker
	for group in "${!beside[@]}"; do
		kill -TERM -- "-$group" 2>/dev/null || true
	done
	for group in "${!beside[@]}"; do
		for ((try = 0; try < 100; try++)); do
			kill -0 -- "-$group" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL -- "-$group" 2>/dev/null || true
		rm -rf "${beside[$group]}"
	done
	beside=()
}

# fail_tests NAME REASON: counts a suite that cannot be run as one failed test.
fail_tests() {
	begin_line 1 "$(title_of "$1")"
	failed=$((failed + 1))
	echo "FAILED: $2"
}

# A table of what is noted in `costs`, with a column for each major.
print_costs() {
	awk -F '\t' -v seconds="$SECONDS" '
		{ sub(/ PostgreSQL .*/, "", $1) }
		!rows[$1]++ { titles[++count] = $1 }
		!columns[$2]++ { majors[++width] = $2 }
		{ cost[$1, $2] += $3 }
		END {
			line = sprintf("%-44s", "seconds")
			for (i = 1; i <= width; i++)
				line = line sprintf("%7s", majors[i])
			print line
			for (n = 1; n <= count; n++) {
				line = sprintf("%-44s", titles[n])
				for (i = 1; i <= width; i++)
					line = line sprintf("%7s", cost[titles[n], majors[i]])
				print line
			}
			print "in all " seconds " s"
		}' "$costs"
}

print_counts() {
	echo "$passed passed, $failed failed, $skipped skipped"
}
