# shellcheck shell=bash
# Gets what sessions come from: a pool, drivers with the clients in regress/peers, and
# drivers' own tests. All majors share them. The tests of them are in regress/t/peers and
# regress/t/drivers.
#
# Globals, set here once:
#   peers       where they are
#   pool_suite  the suite of Debian's that PgBouncer, pgpool-II and Odyssey are from: that
#               of SESSTRIG_POOL_SUITE, by default the one that this machine has

! declare -F get_peers >/dev/null || return 0

# shellcheck source=tools/lib/debian.sh
. "$(dirname "${BASH_SOURCE[0]}")/debian.sh"
# shellcheck source=tools/lib/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"
# shellcheck source=tools/lib/user.sh
. "$(dirname "${BASH_SOURCE[0]}")/user.sh"
# shellcheck source=tools/lib/versions.sh
. "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

peers=$top/build/cache/peers
pool_suite=${SESSTRIG_POOL_SUITE:-$(suite_of_machine)}

get_peers() {
	get_peer pgbouncer
	get_peer pgpool
	get_peer odyssey
	get_peer haproxy
	get_peer python requirements.txt
	get_peer node package.json package-lock.json
	get_peer java PgjdbcClient.java PgjdbcRecipes.java
	get_peer hikari HikariPool.java
	get_peer rust tokio-postgres/Cargo.toml tokio-postgres/Cargo.lock tokio-postgres/src/main.rs \
		tokio-postgres/src/bin/recipes.rs
}

# The drivers' own tests. Those of psycopg 3, pgjdbc and node-postgres are in no archive of a
# release.
get_driver_tests() {
	get_peer python_tests requirements.txt tests.txt
	get_peer rust_tests tokio-postgres/Cargo.toml tokio-postgres/Cargo.lock
}

# get_peer NAME FILE ...: gets one into a directory of its own, where it stays
# until those files change. What get_NAME fetches may not be had here: then
# NAME.missing tells the tests why they are skipped. What make_NAME compiles
# must work.
get_peer() {
	local name=$1 to=$peers/$1 key
	shift
	key=$({ suite_of_machine; [[ " pgbouncer pgpool odyssey " != *" $name "* ]] || echo "$pool_suite"; cd "$top/regress/peers" && cat /dev/null "$@"; } | sha256sum)
	[[ ! -e $to/key || $(<"$to/key") != "$key" ]] || return 0
	rm -rf "$to" "$to.missing"
	mkdir -p "$to"
	logged "$peers/$name.log" "get_$name" "$to"
	cat "$peers/$name.log"
	if ((status != 0)); then
		{ grep -m 1 -E '^(E|ERROR|error): |^npm error ' "$peers/$name.log" || tail -n 1 "$peers/$name.log"; } >"$to.missing"
		return
	fi
	! declare -F "make_$name" >/dev/null || "make_$name" "$to"
	echo "$key" >"$to/key"
}

# Fails, with a word on it, unless the user of the tests has the programs.
require_programs() {
	local program
	for program in "$@"; do
		# shellcheck disable=SC2016 # for that shell to expand
		as_user sh -c 'command -v "$1"' sh "$program" || {
			echo "this machine has no $program"
			return 1
		}
	done
}

get_pgbouncer() {
	local libraries
	if [[ $pool_suite != "$(suite_of_machine)" ]]; then
		unpack_foreign "$1" pgbouncer usr/sbin/pgbouncer
		return
	fi
	unpack_packages "$pool_suite" "$1" pgbouncer
	# The rest of what it needs is there wherever PostgreSQL builds.
	mapfile -t libraries < <(dpkg-deb -f "$1"/pgbouncer_*.deb Depends | grep -oE 'lib(c-?ares|event)[^ ,]*')
	unpack_packages "$pool_suite" "$1" "${libraries[@]}"
}

get_pgpool() {
	if [[ $pool_suite != "$(suite_of_machine)" ]]; then
		unpack_foreign "$1" pgpool2 usr/sbin/pgpool
		return
	fi
	unpack_packages "$pool_suite" "$1" pgpool2 libpgpool2 libmemcached11 libhashkit2 libpq5
}

get_odyssey() {
	unpack_foreign "$1" odyssey usr/bin/odyssey
}

# unpack_foreign DIR PACKAGE PROGRAM: a program, with the C library of its suite and all
# others that it needs: they may be newer than those of this machine.
unpack_foreign() {
	local libraries
	unpack_packages "$pool_suite" "$1" "$2"
	# For use_suite, nothing is installed yet.
	mapfile -t libraries < <(apt-get "${apt_options[@]}" --simulate --no-install-recommends install "$2" |
		sed -nE 's/^Inst ((lib|openssl-provider)[^ ]*) .*/\1/p')
	unpack_packages "$pool_suite" "$1" "${libraries[@]}"
	# LD_LIBRARY_PATH of the tests must not name them: this machine's shell would take them.
	mv "$1/usr/lib" "$1/usr/libraries"
	mv "$1/$3" "$1/$3.program"
	printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' \
		"$(find "$1/usr/libraries" -name 'ld-linux*.so.*' | head -n 1)" "$(echo "$1"/usr/libraries/*-linux-gnu)" \
		"$1/$3.program" >"$1/$3"
	chmod 755 "$1/$3"
	"$1/$3" --version
}

get_haproxy() {
	local libraries
	unpack_packages "$(suite_of_machine)" "$1" haproxy
	# The rest of what it needs is there wherever PostgreSQL builds.
	mapfile -t libraries < <(dpkg-deb -f "$1"/haproxy_*.deb Depends | grep -oE 'lib(lua|opentracing)[^ ,]*')
	unpack_packages "$(suite_of_machine)" "$1" "${libraries[@]}"
	if [[ " ${libraries[*]} " == *' libopentracing-c-wrapper0 '* ]]; then
		unpack_packages "$(suite_of_machine)" "$1" libopentracing1
	fi
	LD_LIBRARY_PATH=$(echo "$1"/usr/lib/*-linux-gnu) "$1/usr/sbin/haproxy" -v
}

# Which would take the place of rsyslog if it were installed.
get_syslogng() {
	local libraries
	unpack_packages "$(suite_of_machine)" "$1" syslog-ng-core
	mapfile -t libraries < <(dpkg-deb -f "$1"/syslog-ng-core_*.deb Depends | grep -oE 'lib(glib|ivykis|json-c|net|pcre|wrap)[^ ,]*')
	unpack_packages "$(suite_of_machine)" "$1" "${libraries[@]}"
}

get_python() {
	make_venv "$1" requirements.txt
}

# make_venv DIR FILE: an environment of Python with what this file requires.
make_venv() {
	local python
	require_programs python3
	# The first on root's PATH may be one that only root can run.
	python=$(as_user sh -c 'command -v python3')
	"$python" -c 'import ensurepip, venv'
	"$python" -m venv "$1"
	"$1/bin/pip" install -qq --disable-pip-version-check --retries 1 --only-binary :all: \
		--requirement "$top/regress/peers/$2"
}

# The archives of the sources have the tests; the drivers themselves are those that are built.
get_python_tests() {
	local names=asyncpg,pg8000,psycopg2,SQLAlchemy sources archive to
	make_venv "$1" tests.txt
	mapfile -t sources < <(cd "$top/regress/peers" && sed -nE "s/^psycopg2-binary=/psycopg2=/; /^(${names//,/|})==/p" requirements.txt tests.txt)
	# psycopg2's asks for a pg_config, of whatever version, before it says what it is.
	PATH="$dir/install-stock/bin:$PATH" "$1/bin/pip" download -qq --disable-pip-version-check --retries 1 --no-deps \
		--no-binary "$names" --dest "$1/archives" "${sources[@]}"
	for archive in "$1"/archives/*.tar.gz; do
		to=${archive%-*}
		mkdir "$to"
		tar -xf "$archive" -C "$to" --strip-components=1 --no-same-owner
	done
	# The tests would find it in place of the one that is built.
	rm -r "$1/archives/asyncpg/asyncpg"
}

get_node() {
	require_programs node npm
	cp "$top/regress/peers"/package*.json "$1/"
	(cd "$1" && npm ci --omit=optional --fetch-retries=1)
}

get_java() {
	require_programs java javac
	unpack_packages "$(suite_of_machine)" "$1" libpostgresql-jdbc-java
}

make_java() {
	javac -cp "$1/usr/share/java/postgresql.jar" -d "$1/classes" "$top/regress/peers"/Pgjdbc*.java
}

get_hikari() {
	require_programs java javac
	unpack_packages "$(suite_of_machine)" "$1" libpostgresql-jdbc-java libhikaricp-java libslf4j-java
}

make_hikari() {
	javac -cp "$1/usr/share/java/*" -d "$1/classes" "$top/regress/peers/HikariPool.java"
}

get_rust() {
	cargo fetch --locked --manifest-path "$top/regress/peers/tokio-postgres/Cargo.toml"
}

make_rust() {
	cargo build --locked --offline --target-dir "$1" \
		--manifest-path "$top/regress/peers/tokio-postgres/Cargo.toml"
}

# The archive of the crate has the tests, with a port that only they know.
get_rust_tests() {
	local manifest=$top/regress/peers/tokio-postgres/Cargo.toml crate
	cargo fetch --locked --manifest-path "$manifest"
	crate=$(cargo metadata --locked --offline --format-version 1 --manifest-path "$manifest" |
		grep -oE '"manifest_path":"[^"]*/tokio-postgres-[0-9.]+/Cargo.toml"' | cut -d'"' -f4)
	cp -r "${crate%/*}" "$1/crate"
	perl -0pi -e 's/"[^"]*\b5433\b[^"]*"/&$&.replace("5433", &std::env::var("SESSTRIG_PORT").unwrap())/g' \
		"$1"/crate/tests/test/{main,runtime}.rs
	# What its benchmarks need is half of all.
	perl -0pi -e 's/^\[(\[bench\]|dev-dependencies\.criterion)\].*?\n\n//msg' "$1/crate/Cargo.toml"
	cargo fetch --manifest-path "$1/crate/Cargo.toml"
}

make_rust_tests() {
	cargo test --offline --all-features --test test --no-run --target-dir "$1/target" \
		--manifest-path "$1/crate/Cargo.toml"
	find "$1"/target/debug/deps -name 'test-*' -executable -type f -exec cp {} "$1/tests" \;
	rm -r "$1/target"
}
