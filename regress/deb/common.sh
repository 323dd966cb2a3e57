# shellcheck shell=bash
# What the scripts have in common that try packages in a system of their own: how
# they print TAP, and small helpers. Whoever includes this defines sql.
#
# Globals; check and skip add to them
#   tests, failed  the tests so far

tests=0
failed=0

# check NAME COMMAND ...: one test, the output of which is shown as comments.
check() {
	local name=$1 status
	shift
	tests=$((tests + 1))
	# Not in a condition, where bash would ignore `set -e` inside.
	set +e
	(set -e; "$@") >/tmp/output 2>&1 </dev/null
	status=$?
	set -e
	if ((status == 0)); then
		echo "ok $tests - $name"
	else
		failed=$((failed + 1))
		echo "not ok $tests - $name"
		tail -n 30 /tmp/output | sed 's/^/# /'
	fi
}

skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

as_postgres() { (cd / && exec runuser -u postgres -- "$@"); }

is() {
	[[ $1 == "$2" ]] || {
		echo "got '$1' and not '$2'"
		return 1
	}
}

# eventually QUERY VALUE: sessions end after their clients do.
eventually() {
	local got=
	for _ in {1..100}; do
		got=$(sql "$1")
		[[ $got != "$2" ]] || return 0
		sleep 0.1
	done
	is "$got" "$2"
}

install() { apt-get install -qy --no-install-recommends --allow-downgrades "$@"; }
