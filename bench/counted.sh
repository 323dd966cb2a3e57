# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # work and as_server come from common.sh, and the scripts use instructions
# What the benchmarks share that count a backend's instructions with callgrind: a server on
# $work/data that runs in it, and connections one at a time. They source common.sh before
# this file, and define query(), which runs psql on a database.

server=
clean_up() {
	if [[ -n $server ]]; then
		kill -QUIT "$server" 2> /dev/null || true
		ended || kill -KILL "$server" || true
	fi
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# Whether the server ends within 30 seconds. (In a trap, a plain return would
# return what was there before.)
ended() {
	local i
	for ((i = 0; i < 300; i++)); do
		if ! kill -0 "$server" 2> /dev/null; then
			server=
			return 0
		fi
		sleep 0.1
	done
	return 1
}

# Starts the server with a command in front. No connection is made to find out
# whether it is ready: its backend could end later than the first one that is
# counted.
start() { # PREFIX SETTINGS COMMAND...
	local i prefix=$1 setting settings=()
	for setting in $2; do settings+=(-c "$setting"); done
	shift 2
	(
		cd "$work" || exit
		exec "${as_server[@]}" "$@" "$prefix/bin/postgres" -D "$work/data" -k "$work" \
			-c listen_addresses= -c autovacuum=off -c fsync=off -c max_logical_replication_workers=0 \
			"${settings[@]}"
	) < /dev/null > "$work/server.log" 2>&1 &
	server=$!
	for ((i = 0; i < 600; i++)); do
		if [[ $(sed -n 8p "$work/data/postmaster.pid" 2> /dev/null) == ready* ]]; then
			return
		fi
		kill -0 "$server" 2> /dev/null || break
		sleep 0.1
	done
	cat "$work/server.log" >&2
	die "the server in $prefix did not start"
}

stop() {
	kill -INT "$server"
	ended || die 'the server did not stop'
}

# Once the keeper of the audit has run, no process ends but those of the connections.
wait_for_keeper() {
	local i
	for ((i = 0; i < 600; i++)); do
		if query postgres -c "DO \$\$ BEGIN
				ASSERT (SELECT last_pass_at IS NOT NULL FROM session_audit.status());
				ASSERT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'session audit keeper');
			END \$\$" 2> /dev/null; then
			return
		fi
		sleep 0.1
	done
	die 'the keeper of the session audit did not run'
}

# Sets instructions to the count of this connection: its backend is the one process that both
# begins and ends meanwhile. If another does, it connects again. A fork inherits the
# counters, so what counts is what came after they were zeroed: the summary. (The totals
# have calls through the procedure linkage table twice.)
connect() { # DATABASE [ARGUMENT...]
	local try before counts
	for try in {1..5}; do
		before=" $(ps -o pid= --ppid "$server" | xargs) "
		rm -f "$work"/*.out
		query "$1" "${@:2}" -c 'SELECT 1'
		wait_for_counts
		if [[ ${#counts[@]} -eq 1 ]]; then
			instructions=$(sed -n 's/^summary: //p' "${counts[0]}")
			return
		fi
	done
	die 'other processes end all the time'
}

# Waits for a count of a process that was not there `before`; all of them are `counts` then.
wait_for_counts() {
	local i file
	for ((i = 0; i < 600; i++)); do
		counts=()
		for file in "$work"/*.out; do
			# The totals are the last line.
			if [[ $before != *" $(basename "$file" .out) "* ]] && grep -qs '^totals: ' "$file"; then
				counts+=("$file")
			fi
		done
		((${#counts[@]} == 0)) || return 0
		sleep 0.05
	done
	die 'callgrind wrote no count'
}
