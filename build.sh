#!/usr/bin/env bash
# build.sh [VERB] [OPTION ...]: PostgreSQL with logon and logoff triggers, from
# upstream's source to a running server. All it makes is under build/. Without
# a verb: everything up to install.
#
# Verbs
#   fetch     obtain upstream's source and verify it against VERSIONS
#   patch     unpack it to build/MAJOR/src, apply patches/MAJOR, add rust-core
#   build     compile in build/MAJOR/obj
#   install   install to build/MAJOR/install
#   demo      start a server there and show the audit example
#   check [SUITE ...]
#             run the test suites, or those named; `check --help` lists them
#   lint      formatting, clippy, shellcheck, generated header, patches
#   image     build the container image; with --test also test it
#   clean     remove build/MAJOR; with --all everything, the downloads too
#
# Options
#   --pg MAJOR|MINOR|all  what to build: 18 (the default), 18.6, or every major
#   --tarball FILE        take this source tarball
#   --allow-unlisted      take a minor that VERSIONS does not list
#   --install-deps        install the Debian packages that are missing
#   --test                image: run its tests, with an engine of their own if
#                         none runs and root asks
#   --all                 check: the slow suites too; clean: everything
#   --jobs N              how many compilers to run, as many as processors
#   --help                this text

set -Eeuo pipefail

# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/tools/common.sh"

default_major=18
upstream=https://ftp.postgresql.org/pub/source
rust_version=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$top/rust-core/Cargo.toml")
cache=$top/build/cache

verb=install
pg=
given_tarball=
install_deps=no
allow_unlisted=no
all=no
test=no
jobs=$(nproc)
suite_names=()

# --- steps and their logs -----------------------------------------------------

log_dir=$top/build/log
status=0
elapsed=0

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
	(set -e; "$@") >"$log" 2>&1 </dev/null
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
	while sleep 1 && kill -0 "$$" 2>/dev/null; do
		printf '\e7%d s\e8' "$((SECONDS - start))" >&2
	done
}

# step NAME TITLE COMMAND ...: one long step, which must not fail.
step() {
	local log=$log_dir/$1.log
	printf '%s ... ' "$2" >&2
	logged "$log" "${@:3}"
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

# --- what the machine must have -----------------------------------------------

# group, Debian package, and how to tell that it is there: a command, a
# pkg-config module, a file pattern or a Perl module.
packages='
fetch    bzip2             cmd:bzip2
fetch    ca-certificates   file:/etc/ssl/certs/ca-certificates.crt
fetch    curl              cmd:curl
fetch    debian-archive-keyring file:/usr/share/keyrings/debian-archive-keyring.gpg
fetch    git               cmd:git
fetch    patch             cmd:patch
fetch    xz-utils          cmd:xz
build    build-essential   cmd:gcc
build    build-essential   cmd:make
build    bison             cmd:bison
build    clang             cmd:clang
build    flex              cmd:flex
build    libclang-dev      file:/usr/lib/llvm-*/lib/libclang*.so*
build    libicu-dev        pc:icu-i18n
build    libipc-run-perl   perl:IPC::Run
build    liblz4-dev        pc:liblz4
build    libreadline-dev   pc:readline
build    libssl-dev        pc:openssl
build    libzstd-dev       pc:libzstd
build    perl              cmd:prove
build    pkg-config        cmd:pkg-config
build    zlib1g-dev        pc:zlib
check    abigail-tools     cmd:abidiff
check    libperl-dev       file:/usr/lib/*/libperl.so
check    python3-dev       file:/usr/lib/*/libpython3*.so
check    valgrind          cmd:valgrind
lint     shellcheck        cmd:shellcheck
slow     docbook-xml       file:/usr/share/xml/docbook/schema/dtd/4.5/docbookx.dtd
slow     docbook-xsl       file:/usr/share/xml/docbook/stylesheet/docbook-xsl/VERSION*
slow     libxml2-utils     cmd:xmllint
slow     meson             cmd:meson
slow     ninja-build       cmd:ninja
slow     xsltproc          cmd:xsltproc
engine   debootstrap       cmd:debootstrap
engine   docker-compose    cmd:docker-compose
engine   docker.io         cmd:dockerd
engine   iproute2          cmd:ip
optional ccache            cmd:ccache
'

is_there() {
	local what=${1#*:}
	case $1 in
		cmd:*) command -v "$what" ;;
		pc:*) pkg-config --exists "$what" ;;
		file:*) compgen -G "$what" ;;
		perl:*) perl "-M$what" -e 1 ;;
	esac >/dev/null 2>&1
}

# The packages of the groups named that are not there.
missing_packages() {
	local group package probe
	while read -r group package probe; do
		[[ " $* " != *" $group "* ]] || is_there "$probe" || printf '%s\n' "$package"
	done <<<"$packages" | sort -u
}

require_packages() {
	local groups=("$@") missing wanted apt=(apt-get)
	mapfile -t missing < <(missing_packages "${groups[@]}")
	((EUID == 0)) || apt=(sudo apt-get)
	if [[ $install_deps == yes ]]; then
		mapfile -t wanted < <(missing_packages "${groups[@]}" optional)
		((${#wanted[@]} == 0)) || install_packages "${wanted[@]}"
		mapfile -t missing < <(missing_packages "${groups[@]}")
	fi
	((${#missing[@]} == 0)) ||
		die "missing: run '${apt[*]} install ${missing[*]}', or this command with --install-deps"
}

install_packages() {
	printf 'installing %s ... ' "$*" >&2
	logged "$log_dir/packages.log" apt_install "$@"
	# The caller looks at what is there, for not all of it may be needed.
	if ((status == 0)); then
		say "done ($elapsed s)"
	else
		say FAILED
		show_log "$log_dir/packages.log"
	fi
}

apt_install() {
	local as_root=()
	((EUID == 0)) || as_root=(sudo)
	"${as_root[@]}" apt-get update
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends "$@"
}

require_rust() {
	local version
	version=$(cargo --version 2>/dev/null | cut -d' ' -f2) || version=none
	[[ $(printf '%s\n' "$rust_version" "${version:-none}" | sort -V | head -n 1) == "$rust_version" &&
		$version != none ]] ||
		die "missing: cargo and rustc $rust_version or later on PATH (found: $version)"
}

require_for_verb() {
	case $verb in
		image | clean) ;;
		fetch | patch) require_packages fetch ;;
		*)
			local groups=(fetch build)
			[[ $verb != lint ]] || groups+=(lint check)
			[[ $verb != check ]] || groups+=(check)
			[[ $verb$all != checkyes ]] || groups+=(slow)
			require_packages "${groups[@]}"
			require_rust
			;;
	esac
}

# --- running as somebody who is not root ----------------------------------------

# Servers and what starts them refuse to run as root: the prefix that makes a
# command run as an ordinary user, empty where the caller is one.
run_as=()

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

# --- fetch ----------------------------------------------------------------------

# Sets what the functions below work on: a major and its newest listed minor,
# or the minor named.
select_version() {
	major=${1%%[!0-9]*}
	[[ -n $major && -e $top/patches/$major/series ]] ||
		usage_error "there are no patches for '$1', only for: $(majors | xargs)"
	if [[ $1 == "$major" ]]; then
		minor=$(listed_minors "$major" | head -n 1)
	else
		minor=$1
	fi
	[[ -n $minor ]] || die "VERSIONS lists no minor of $major"
	dir=$top/build/$major
	src=$dir/src
	log_dir=$dir/log
}

sha256_of() {
	sha256sum <"$1" | cut -d' ' -f1
}

# Fails unless file $1 is the release $2 that VERSIONS lists, or is allowed.
verify_tarball() {
	local sum listed
	sum=$(sha256_of "$1")
	listed=$(awk -v minor="$2" '$2 == minor { print $3 }' "$top/VERSIONS")
	if [[ -z $listed ]]; then
		[[ $allow_unlisted == yes ]] ||
			die "VERSIONS does not list $2 (sha256 $sum); --allow-unlisted takes it"
		say "not listed in VERSIONS: $major $2 $sum"
	elif [[ $sum != "$listed" ]]; then
		die "$1 is not $2 as listed in VERSIONS: its sha256 is $sum"
	fi
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

# Sets `tarball`, and `minor` where an unlisted one had to do.
fetch_tarball() {
	tarball=${given_tarball:-$(tarball_of_minor "$minor")}
	if [[ -e $tarball ]]; then
		verify_tarball "$tarball" "$minor"
	else
		download
	fi
}

# The first source that has it.
download() {
	local from new=$cache/download
	for from in upstream debian pool; do
		rm -rf "$new"
		mkdir -p "$new"
		printf 'fetching %s from %s ... ' "$minor" "$from" >&2
		logged "$log_dir/fetch-$from.log" "download_from_$from" "$new"
		if ((status != 0)); then
			say "not there: $(tail -n 1 "$log_dir/fetch-$from.log")"
			continue
		fi
		minor=$(minor_of_tarball "$new"/*)
		say "$minor ($elapsed s)"
		verify_tarball "$new"/* "$minor"
		tarball=$(tarball_of_minor "$minor")
		mv "$new"/* "$tarball"
		rmdir "$new"
		return
	done
	die "no source of PostgreSQL $minor to be had: give one with --tarball FILE"
}

# download_url DIRECTORY URL
download_url() {
	curl --fail --location --silent --show-error --connect-timeout 5 \
		--speed-limit 1000 --speed-time 20 --remote-name --output-dir "$1" "$2"
}

download_from_upstream() {
	download_url "$1" "$upstream/v$minor/postgresql-$minor.tar.bz2"
}

# Debian's suites that have, or may have, a major.
debian_suites() {
	case $1 in
		15) echo bookworm-security bookworm ;;
		17) echo trixie-security trixie ;;
		18) echo forky-security forky sid ;;
		*) echo forky sid experimental ;;
	esac
}

# apt looks at one suite alone, in directories of its own: the system's are
# neither used nor changed. use_suite deb|deb-src SUITE sets `apt_options` and
# `apt_dir`.
use_suite() {
	local label=Debian uri
	[[ $2 != *-security ]] || label=Debian-Security
	uri=$(archive_uri "$label")
	if [[ -z $uri ]]; then
		echo "apt knows no archive of $label (run 'apt-get update' first?)"
		return 1
	fi
	apt_dir=$cache/apt/$1/$2
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

# Debian's source package holds upstream's tarball unchanged.
download_from_debian() {
	local new=$1 suite available version apt_dir apt_options
	for suite in $(debian_suites "$major"); do
		use_suite deb-src "$suite" || continue
		# apt-cache fails where the suite is empty, or has no such package.
		available=$({ apt-cache "${apt_options[@]}" showsrc --only-source "postgresql-$major" || true; } |
			sed -n 's/^Version: //p' | sort -V)
		version=$(matching_version <<<"$available")
		# What is listed may be gone from the archive.
		if [[ -n $version ]] && (cd "$apt_dir" &&
			apt-get "${apt_options[@]}" source --download-only "postgresql-$major=$version"); then
			mv "$apt_dir"/*.orig.tar.* "$new/"
			return
		fi
		echo "$suite has ${available:-none}" | xargs
	done
	echo "no suite has $minor; $(grep ' has ' "$log_dir/fetch-debian.log" | xargs)"
	return 1
}

# The files of a version that no suite has any more stay with Debian's archive
# for a while. No index vouches for them, but VERSIONS does.
download_from_pool() {
	local source=p/postgresql-$major file=postgresql-${major}_$minor.orig.tar.bz2 archive uri
	for archive in Debian:main Debian-Security:updates/main; do
		uri=$(archive_uri "${archive%%:*}")
		[[ -z $uri ]] || ! download_url "$1" "${uri%/}/pool/${archive#*:}/$source/$file" || return 0
	done
	return 1
}

# Where the system's apt takes the archive with a label from.
archive_uri() {
	# shellcheck disable=SC2016 # for apt to expand
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
		"Label: $1" | head -n 1
}

# Of Debian's versions, oldest first, the one that is `minor`; with
# --allow-unlisted a newer one will do.
matching_version() {
	local version release found=
	while read -r version; do
		# 19~rc1-1 is Debian's for 19rc1.
		release=${version%-*}
		release=${release/\~/}
		if [[ $release == "$minor" ]]; then
			found=$version
			break
		elif [[ $allow_unlisted == yes ]]; then
			found=$version
		fi
	done
	printf '%s\n' "$found"
}

verb_fetch() {
	fetch_tarball
	printf '%s\n' "${tarball#"$top/"}"
}

# --- patch ----------------------------------------------------------------------

# Lines "checksum  path" of the files of a directory, without the subdirectories
# named.
manifest() {
	local except=() name
	for name in "${@:2}"; do
		except+=(-path "./$name" -prune -o)
	done
	(cd "$1" && find . "${except[@]}" -type f -print0 | xargs -0r sha256sum | LC_ALL=C sort)
}

# Makes directory $2 like $1 and touches only what differs, because make and
# cargo go by time. The subdirectories named after them are left alone.
sync_tree() {
	local from=$1 to=$2 old new path
	mkdir -p "$to"
	old=$(manifest "$to" "${@:3}")
	new=$(manifest "$from" "${@:3}")
	# All in the same instant: what is made from what must not depend on the
	# order of copying.
	LC_ALL=C comm -13 <(echo "$old") <(echo "$new") | cut -c67- |
		tar -C "$from" -c --no-recursion --format=posix --mtime="@$(date +%s.%N)" -T - | tar -C "$to" -x --no-same-owner
	LC_ALL=C comm -23 <(echo "$old") <(echo "$new") | cut -c67- | while read -r path; do
		[[ -e $from/$path ]] || rm -f "${to:?}/$path"
	done
}

# A number for the tarball and the patches as they are.
source_key() {
	local series=$top/patches/$major/series
	(
		sha256_of "$tarball"
		cat "$series" "$top/tools/patches"
		cd "$top/patches/$major" && xargs -r cat <"$series"
	) | sha256sum
}

patch_source() {
	"$top/tools/patches" apply "$major" "$tarball" "$dir/src.new"
	sync_tree "$dir/src.new" "$src" src/session-triggers
	rm -rf "$dir/src.new"
}

# Upstream's source as it is, for what is compared with it.
prepare_stock() {
	fetch_tarball
	local stamp=$src.stamp key
	key=$(sha256_of "$tarball")
	if [[ ! -e $stamp || $(<"$stamp") != "$key" ]]; then
		rm -rf "$src" "$stamp"
		mkdir -p "$src"
		tar -xf "$tarball" -C "$src" --strip-components=1 --no-same-owner
		echo "$key" >"$stamp"
	fi
}

prepare_source() {
	if [[ ${flavor-} == stock ]]; then
		prepare_stock
		return
	fi
	fetch_tarball
	local stamp=$dir/src.stamp key
	key=$(source_key)
	if [[ ! -d $src || ! -e $stamp || $(<"$stamp") != "$key" ]]; then
		rm -f "$stamp"
		step patch "patching PostgreSQL $minor" patch_source
		echo "$key" >"$stamp"
	fi
	sync_tree "$top/rust-core" "$src/src/session-triggers" target fuzz
}

verb_patch() {
	prepare_source
}

# --- build and install ----------------------------------------------------------

# The flavors of a build. release: what is installed for use. test: with
# assertions, and the faults that the tests ask the core for. asan: that, with
# AddressSanitizer. stock: upstream's own, to compare with.
set_flavor() {
	local suffix=
	flavor=$1
	features=
	src=$dir/src
	configure_flags=(--enable-depend --enable-debug --enable-tap-tests
		--with-icu --with-openssl --with-lz4 --with-zstd)
	if [[ $flavor == test || $flavor == asan ]]; then
		suffix=-$flavor
		features=faults
		configure_flags+=(--enable-cassert)
		# Some of the tests have triggers in these languages. The first python3 on
		# root's PATH may be one that has no headers, or that only root can run.
		[[ $flavor == asan ]] || configure_flags+=(--with-perl --with-python PYTHON=/usr/bin/python3)
		[[ $flavor == test ]] || configure_flags+=(
			'CFLAGS=-O1 -g -fno-omit-frame-pointer -fsanitize=address' LDFLAGS=-fsanitize=address)
	elif [[ $flavor == stock ]]; then
		suffix=-stock
		src=$dir/src-stock
	fi
	environment=build_env
	obj=$dir/obj$suffix
	install=$dir/install$suffix
	configure_flags+=("--prefix=$install")
	! command -v ccache >/dev/null || configure_flags+=("CC=ccache gcc")
}

# PostgreSQL leaves memory to the end of a process, and measures its stack by
# addresses. What is found ends the process, which tests take for a crash.
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1

# What configure and make get from us. Two checkouts share what ccache
# holds although their paths differ.
build_env() {
	env -u MAKEFLAGS -u MAKELEVEL CARGO_TARGET_DIR="$cache/cargo-$flavor-$major" \
		SESSTRIG_FEATURES="$features" CCACHE_BASEDIR="$top" CCACHE_NOHASHDIR=1 "$@"
}

build_make() {
	"$environment" make -C "$obj" -j "$jobs" "$@"
}

configure_flavor() {
	rm -rf "$obj"
	mkdir -p "$obj"
	cd "$obj"
	build_env "$src/configure" "${configure_flags[@]}"
}

configure_if_needed() {
	local stamp=$obj/sesstrig.configured makefiles
	makefiles=$(cd "$src" && find . -name Makefile -o -name GNUmakefile | sort)
	# Other flags: start over, make would not notice.
	if [[ ! -e $stamp || $(<"$stamp") != "${configure_flags[*]}" ]]; then
		step "configure-$flavor" "configuring ($flavor)" configure_flavor
		echo "${configure_flags[*]}" >"$stamp"
	elif [[ $(<"$obj/sesstrig.makefiles") != "$makefiles" ]]; then
		# A patch brought a directory: only configure would link its makefile.
		step "configure-$flavor" "adding directories ($flavor)" \
			"$src/config/prep_buildtree" "$src" "$obj"
	fi
	echo "$makefiles" >"$obj/sesstrig.makefiles"
}

build_flavor() {
	set_flavor "$1"
	prepare_source
	configure_if_needed
	step "make-$flavor" "building ($flavor)" build_make world-bin
}

install_flavor() {
	build_flavor "$1"
	step "install-$flavor" "installing ($flavor)" build_make install-world-bin
}

verb_build() {
	build_flavor release
}

verb_install() {
	install_flavor release
	say "PostgreSQL $minor with session triggers is in $install"
}

# --- demo -----------------------------------------------------------------------

stop_demo() {
	local ctl=("$install/bin/pg_ctl" -D "$demo/data")
	# The file alone could be left from before a reboot.
	if [[ -e $demo/data/postmaster.pid ]] && as_user "${ctl[@]}" status >/dev/null 2>&1; then
		step demo-stop "stopping the former demo" as_user "${ctl[@]}" -m fast stop
	fi
	if [[ -e $demo/socket-dir ]]; then
		rm -rf "$(<"$demo/socket-dir")"
	fi
	rm -rf "$demo"
}

start_demo() {
	# A path for sockets must be short.
	sockets=$(mktemp -d /tmp/session-triggers-demo.XXXXXX)
	mkdir -p "$demo"
	echo "$sockets" >"$demo/socket-dir"
	port=$(perl -MIO::Socket::INET -e \
		'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
	# Other users of the machine must not become superuser of this server.
	local password
	password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	(umask 077 && echo "*:*:*:postgres:$password" >"$demo/pgpass" && echo "$password" >"$demo/pwfile")
	give "$demo" "$sockets"
	step demo-initdb "making a database cluster" as_user "$install/bin/initdb" -D "$demo/data" \
		-U postgres -A scram-sha-256 --pwfile="$demo/pwfile" --encoding=UTF8 --no-locale --no-sync
	step demo-start "starting the server" as_user "$install/bin/pg_ctl" -D "$demo/data" \
		-l "$demo/server.log" -w start \
		-o "-p $port -c listen_addresses=localhost -c unix_socket_directories=$sockets"
}

# psql as superuser, whose own connections fire nothing.
demo_psql() {
	as_user env PGPASSFILE="$demo/pgpass" PGOPTIONS='-c session_triggers.enabled=off' \
		"$install/bin/psql" -XqAt -v ON_ERROR_STOP=1 -h "$sockets" -p "$port" -U postgres -d postgres "$@"
}

connect_as() {
	env PGPASSWORD="$1" "$install/bin/psql" -X -h "$2" -p "$port" -U "$1" -d postgres -c 'SELECT 1'
}

verb_demo() {
	local port sockets demo=$dir/demo try
	install_flavor release
	stop_demo
	start_demo
	step demo-sql "creating the audit example" demo_psql -f "$top/regress/demo/demo.sql"
	step demo-alice "connecting as alice, over TCP" connect_as alice localhost
	step demo-bob "connecting as bob, over the socket" connect_as bob "$sockets"
	# A backend outlives its client a little.
	for ((try = 0; try < 300; try++)); do
		[[ $(demo_psql -c 'SELECT count(*) FROM session_log') != 4 ]] || break
		sleep 0.1
	done
	echo
	demo_psql -P format=aligned -P tuples_only=off -P null='(null)' -c 'TABLE session_log ORDER BY at'
	((try < 300)) || die "session_log should hold 4 rows; the server's log is $demo/server.log"
	cat <<-END
		Connect, and see it grow:
		  $install/bin/psql 'postgresql://alice:alice@localhost:$port/postgres' -c 'TABLE session_log'
		Stop the server:
		  ${run_as[*]:+${run_as[*]} }$install/bin/pg_ctl -D $demo/data stop
	END
}

# --- check ----------------------------------------------------------------------

# name, what it needs (a function provide_...), and the command.
suites=(
	"cargo              none     suite_cargo"
	"patches            none     $top/tools/patches lint"
	"upstream-regress   upstream suite_upstream src/test/regress"
	"upstream-isolation upstream suite_upstream src/test/isolation"
	"upstream-plpgsql   upstream suite_upstream src/pl/plpgsql/src"
	"upstream-ecpg      upstream suite_upstream src/interfaces/ecpg/test"
	"upstream-psql      upstream suite_upstream src/bin/psql"
	"upstream-pgbench   upstream suite_upstream src/bin/pgbench"
	"abi                stock    suite_abi"
	"connection-cost    stock    suite_connection_cost"
	"regress            test     suite_regress"
	"tap                tap      suite_tap"
	"extensions         install  suite_extensions"
	"firing-regress     firing   suite_firing src/test/regress 220"
	"firing-plpgsql     firing   suite_firing src/pl/plpgsql/src 15"
)
# Those of which one major's result says enough: of the default one, when several
# are checked.
once_suites=(
	"firing-isolation   firing   suite_firing src/test/isolation 350"
	"firing-authentication firing   suite_firing src/test/authentication 18"
	"firing-pg_dump     firing   suite_firing src/bin/pg_dump 150"
	"peers              test     suite_peers"
)
# Those that compare majors: when several are checked.
cross_suites=(
	"upgrade            oldest   suite_upgrade"
)
slow_suites=(
	"docs               release  build_make -C doc/src/sgml html"
	"in-tree            source   suite_in_tree"
	"meson              source   suite_meson"
	"asan               asan     suite_asan"
	"firing-recovery    firing   suite_firing src/test/recovery 1000"
)

suite_cargo() {
	CARGO_TARGET_DIR=$cache/cargo-domain cargo test --locked --manifest-path "$top/rust-core/Cargo.toml"
}

# One of upstream's suites, as its own `make check` runs it.
suite_upstream() {
	build_make -C "$1" all
	build_make -C "$1" -j1 checkprep
	give "$obj/$1"
	# The installation is there already, and as this user nothing can be built.
	as_user env -u MAKEFLAGS -u MAKELEVEL PG_TEST_PORT_DIR="$obj/$1/portlock" make -C "$obj/$1" NO_TEMP_INSTALL=1 PROVE_FLAGS=--verbose check ||
		show_diffs "$obj/$1"
}

# Rule C3: the same with triggers of both events in every database, each of which
# must fire so many times.
suite_firing() {
	local suite=${name#firing-} firings=$obj/sesstrig/firings/$name left_out tests=
	give "${firings%/*}"
	rm -f "$firings"
	left_out=$(awk -F ' *[|] *' -v suite="$suite" -v major="$major" \
		'$1 == suite && $2 ~ /^t\// && $3 ~ "all|" major { print $2 }' "$top/regress/upstream/exceptions")
	[[ -z $left_out ]] || tests=$(cd "$src/$1" && printf '%s\n' t/*.pl | grep -vxF "$left_out" | xargs)
	# What fails is not for the suite to say, but for the judge.
	set +o pipefail
	SESSTRIG_FIRINGS=$firings PROVE_TESTS=$tests suite_upstream "$1" 2>&1 |
		"$top/regress/upstream/judge" "$suite" "$major" "$obj/$1" "$firings" "$2"
}

# Fails, with the differences that pg_regress found under a directory.
show_diffs() {
	find "$1" -name regression.diffs -size +0 -exec head -n 500 {} +
	return 1
}

# What upstream's `make temp-install` does, but only initdb as another user.
make_temp_install() {
	local temp=$obj/tmp_install
	rm -rf "$temp"
	mkdir -p "$temp/log"
	build_make "DESTDIR=$temp" install-world-bin
	[[ $flavor != test ]] || wrap_initdb
	give "$temp/template"
	as_user env LD_LIBRARY_PATH="$temp$install/lib" "$temp$install/bin/initdb" --auth trust --no-sync \
		--no-instructions --lc-messages=C -D "$temp/template/data"
	mv "$temp/template/data" "$temp/initdb-template"
}

# Puts the initdb that creates session triggers in front of upstream's.
wrap_initdb() {
	local bin=$obj/tmp_install$install/bin
	make_modules "DESTDIR=$obj/tmp_install"
	mv "$bin/initdb" "$bin/initdb.upstream"
	ln -s "$top/regress/upstream/initdb" "$bin/initdb"
}

# The test-only extensions, built outside of the source tree.
make_modules() {
	local module work
	for module in "$top"/regress/modules/*/; do
		[[ -e $module/Makefile ]] || continue
		work=$obj/sesstrig/modules/$(basename "$module")
		mkdir -p "$work"
		make -C "$work" -f "${module}Makefile" "VPATH=$module" "PG_CONFIG=$install/bin/pg_config" all install "$@"
	done
}

# pg_regress with the tests under regress/.
suite_regress() {
	local out=$obj/sesstrig/regress
	rm -rf "$out"
	give "$out"
	cd "$out"
	as_user env LD_LIBRARY_PATH="$install/lib" "$obj/src/test/regress/pg_regress" --inputdir="$top/regress" \
		--outputdir="$out" --temp-instance="$out/instance" --bindir="$install/bin" \
		--dlpath="$obj/src/test/regress" --max-concurrent-tests=20 --encoding=UTF8 --no-locale \
		--schedule="$top/regress/schedule" --temp-config="$top/regress/regress.conf" || show_diffs "$out"
}

# Runs TAP tests as upstream's prove_installcheck does: run_tap NAME FILE ...
run_tap() {
	local out=$obj/sesstrig/$1
	shift
	rm -rf "$out"
	give "$out"
	cd "$out"
	as_user env -u PG_TEST_NOCLEAN PATH="$install/bin:$obj/src/test/isolation:$PATH" \
		LD_LIBRARY_PATH="$install/lib" PGPORT=65432 TESTDATADIR="$out" TESTLOGDIR="$out/log" \
		PG_TEST_PORT_DIR="$out/portlock" top_builddir="$obj" PG_REGRESS="$obj/src/test/regress/pg_regress" \
		REGRESS_SHLIB="$obj/src/test/regress/regress.so" dlpath="$obj/src/test/regress" \
		SESSTRIG_STOCK_BINDIR="$dir/install-stock/bin" \
		share_contrib_dir="$("$install/bin/pg_config" --sharedir)/extension" \
		prove --verbose -I "$src/src/test/perl" -I "$top/regress/t" "$@" || {
		echo "What each test and its servers logged: $out/log"
		return 1
	}
}

suite_tap() {
	run_tap tap "$top"/regress/t/*.pl
}

# The tests that put the most strain on memory.
suite_asan() {
	run_tap asan "$top"/regress/t/{002,003,004,006,010,012,013,014}_*.pl
}

# From the oldest major to this one.
suite_upgrade() {
	local old
	old=$top/build/$(majors | head -n 1)
	if [[ $dir == "$old" ]]; then
		echo "1..0 # SKIP $major is the oldest major"
		return
	fi
	SESSTRIG_OLD_BINDIR=$old/install-test/bin SESSTRIG_OLD_STOCK_BINDIR=$old/install-stock/bin \
		run_tap upgrade "$top"/regress/t/upgrade/*.pl
}

# The suite with Debian's extensions for a major; nothing if they are too new
# for the C library of a machine that has only what the core needs.
suite_of_extensions() {
	[[ $1 != 15 ]] || echo bookworm
}

# Downloads packages from a suite of Debian's and unpacks them, which needs no
# root: unpack_packages SUITE DIR PACKAGE ...
unpack_packages() {
	local package apt_dir apt_options
	use_suite deb "$1"
	mkdir -p "$2"
	for package in "${@:3}"; do
		(cd "$2" && apt-get "${apt_options[@]}" download "$package")
		dpkg-deb -x "$2/$package"_*.deb "$2"
	done
}

# Rule C2: what Debian compiled for its server, in a copy of ours.
suite_extensions() {
	local suite work=$obj/sesstrig/prebuilt pg_config
	suite=$(suite_of_extensions "$major")
	if [[ -z $suite ]]; then
		echo "1..0 # SKIP no suite of Debian's with extensions for $major that load here"
		return
	fi
	rm -rf "$work"
	mkdir -p "$work"
	cp -a "$install" "$work/install"
	unpack_packages "$suite" "$work/root" "postgresql-$major-pgaudit" "postgresql-$major-orafce"
	# Where the copy has them: paths are relative to where pg_config is.
	pg_config=$work/install/bin/pg_config
	cp "$work/root/usr/lib/postgresql/$major/lib"/*.so "$("$pg_config" --pkglibdir)/"
	cp "$work/root/usr/share/postgresql/$major/extension"/* "$("$pg_config" --sharedir)/extension/"
	SESSTRIG_EXTENSIONS_INSTALL=$work/install run_tap extensions "$top"/regress/t/extensions/*.pl
}

# What sessions come from: a pool, and drivers with the clients in
# regress/peers. All majors share them.
peers=$cache/peers

# get_peer NAME FILE ...: gets one into a directory of its own, where it stays
# until those files change. What get_NAME fetches may not be had here: then
# NAME.missing tells the tests why they are skipped. What make_NAME compiles
# must work.
get_peer() {
	local name=$1 to=$peers/$1 key
	shift
	key=$({ suite_of_machine; cd "$top/regress/peers" && cat /dev/null "$@"; } | sha256sum)
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

# The suite that this machine's libraries are from.
suite_of_machine() {
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

get_pgbouncer() {
	local libraries
	unpack_packages "$(suite_of_machine)" "$1" pgbouncer
	# The rest of what it needs is there wherever PostgreSQL builds.
	mapfile -t libraries < <(dpkg-deb -f "$1"/pgbouncer_*.deb Depends | grep -oE 'lib(c-?ares|event)[^ ,]*')
	unpack_packages "$(suite_of_machine)" "$1" "${libraries[@]}"
}

get_python() {
	local python
	require_programs python3
	# The first on root's PATH may be one that only root can run.
	python=$(as_user sh -c 'command -v python3')
	"$python" -c 'import ensurepip, venv'
	"$python" -m venv "$1"
	"$1/bin/pip" install -qq --disable-pip-version-check --retries 1 --only-binary :all: \
		--requirement "$top/regress/peers/requirements.txt"
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
	javac -cp "$1/usr/share/java/postgresql.jar" -d "$1/classes" "$top/regress/peers/PgjdbcClient.java"
}

get_rust() {
	cargo fetch --locked --manifest-path "$top/regress/peers/tokio-postgres/Cargo.toml"
}

make_rust() {
	cargo build --locked --offline --target-dir "$1" \
		--manifest-path "$top/regress/peers/tokio-postgres/Cargo.toml"
}

suite_peers() {
	get_peer pgbouncer
	get_peer python requirements.txt
	get_peer node package.json package-lock.json
	get_peer java PgjdbcClient.java
	get_peer rust tokio-postgres/Cargo.toml tokio-postgres/Cargo.lock tokio-postgres/src/main.rs
	SESSTRIG_PEERS=$peers run_tap peers "$top"/regress/t/peers/*.pl
}

# Rule C2: postgres exports what stock does, with the same types, and besides
# only what the patches need.
suite_abi() {
	local exported=(nm -D --defined-only) changed public
	changed=$(LC_ALL=C comm -3 \
		<("${exported[@]}" "$dir/install-stock/bin/postgres" | cut -d' ' -f3 | LC_ALL=C sort) \
		<("${exported[@]}" "$dir/install/bin/postgres" | cut -d' ' -f3 | LC_ALL=C sort))
	echo "$changed"
	# comm puts a tab before what is only in ours.
	grep -q $'^\tsesstrig_session_logon$' <<<"$changed"
	public=$(sed -n 's/^extern .*[[:space:]*]\(sesstrig_[a-z_]*\)(.*/\1/p' "$top/rust-core/include/sesstrig_server.h" | paste -sd '|')
	! grep -vE $'^\t'"($public|EventTriggerInvoke)\$" <<<"$changed" || return 1
	abidiff --suppressions "$top/regress/abi.suppressions" --no-added-syms "$dir/install-stock/bin/postgres" "$dir/install/bin/postgres"
}

# Rule C4, for those who do not use session triggers.
suite_connection_cost() {
	local table
	table=$("$top/bench/connection-cost" "$dir/install-stock" "$dir/install" 3)
	echo "$table"
	awk -F '|' '
		/^\| empty / { seen++; if ($6 + 0 > 0.5) missed = 1 }
		/^\| only a DDL trigger / { seen++; if ($6 + 0 > 2.5) missed = 1 }
		END { exit missed || seen != 2 }' <<<"$table"
}

# The patched tree as anyone would build it who has never seen this script.
suite_in_tree() {
	obj=$dir/in-tree
	environment=plain_env
	rm -rf "$obj"
	cp -a "$src" "$obj"
	cd "$obj"
	plain_env ./configure --prefix="$install"
	plain_env make -j "$jobs"
	make_temp_install
	suite_upstream src/test/regress
}

plain_env() {
	env -i HOME="$HOME" PATH="$PATH" ${CARGO_HOME+"CARGO_HOME=$CARGO_HOME"} \
		${RUSTUP_HOME+"RUSTUP_HOME=$RUSTUP_HOME"} "$@"
}

suite_meson() {
	local work=$dir/meson
	if [[ ! -e $src/meson.build ]]; then
		echo "1..0 # SKIP PostgreSQL $major has no meson build"
		return
	fi
	rm -rf "$work"
	# The first python3 on root's PATH may be one that only root can run.
	plain_env meson setup --prefix="$install" -DPYTHON="$(as_user sh -c 'command -v python3')" \
		"$work" "$src"
	plain_env ninja -C "$work" -j "$jobs"
	give "$work"
	as_user meson test -C "$work" --no-rebuild --print-errorlogs --suite setup --suite regress
}

provide_none() { :; }

provide_source() {
	set_flavor release
	prepare_source
}

provide_release() {
	build_flavor release
}

provide_install() {
	install_flavor release
}

provide_upstream() {
	build_flavor release
	step temp-install "installing for upstream's suites" make_temp_install
}

provide_stock() {
	install_flavor stock
	install_flavor release
}

provide_test() {
	install_flavor test
	step modules "building the test modules" make_modules
}

provide_asan() {
	install_flavor asan
	step modules "building the test modules" make_modules
}

# Upstream's suites with session triggers find this initdb.
provide_firing() {
	provide_test
	step temp-install-firing "installing for upstream's suites, with triggers" make_temp_install
}

provide_tap() {
	install_flavor stock
	provide_test
}

# The oldest major's servers, beside those of this one.
provide_oldest() {
	provide_tap
	(
		select_version "$(majors | head -n 1)"
		provide_tap
	)
}

# Sums up a log: "passed failed skipped". Understands cargo, TAP as prove
# prints it and pg_regress since 16 writes it, and pg_regress before.
count_tests() {
	awk '
		/^test result: / { passed += $4; failed += $6; skipped += $8 }
		/^ok +[0-9]+/ { if (/# (SKIP|skip)/) skipped++; else passed++ }
		/^not ok +[0-9]+/ { if (/# TODO/) skipped++; else failed++ }
		/^1\.\.0 # (SKIP|skip)/ { skipped++ }
		/^(test|    ) .* \.\.\. .* ms$/ { if (/ok +[0-9]+ ms$/) passed++; else failed++ }
		END { print passed + 0, failed + 0, skipped + 0 }' "$1"
}

passed=0
failed=0
skipped=0
declare -A provided=()

# Sets `status` to whether what a suite needs is there; tries once.
provide() {
	local key=$major-$1
	if [[ -z ${provided[$key]-} ]]; then
		# Not in a condition, where bash would ignore `set -e` inside.
		set +e
		(set -e; "provide_$1")
		provided[$key]=$?
		set -e
	fi
	status=${provided[$key]}
}

run_suite() {
	local name=$1 needs=$2 log=$log_dir/check-$1.log ok bad skip
	shift 2
	provide "$needs"
	case $needs in
		test | tap | oldest | firing) set_flavor test ;;
		asan) set_flavor asan ;;
		*) set_flavor release ;;
	esac
	printf '%s ... ' "$title$name"
	if ((status != 0)); then
		failed=$((failed + 1))
		echo "FAILED: what it needs did not build, see above"
		return
	fi
	logged "$log" "$@"
	read -r ok bad skip < <(count_tests "$log")
	# What counts nothing itself is one test.
	if ((ok + bad + skip == 0)); then ((status == 0)) && ok=1; fi
	if ((status != 0 && bad == 0)); then bad=1; fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	if ((bad == 0)); then
		echo "ok ($ok tests, $elapsed s)"
		((skip == 0)) || grep -hi '^\(ok\|1\.\.0\).* # skip' "$log" || true
	else
		echo "FAILED ($bad of $((ok + bad)) tests, $elapsed s)"
		show_log "$log"
	fi
}

# The table of the suites to run for a major, one per line.
selected_suites() {
	local wanted
	if ((${#suite_names[@]} == 0)); then
		printf '%s\n' "${suites[@]}"
		((${#versions[@]} > 1 && major != default_major)) || printf '%s\n' "${once_suites[@]}"
		((${#versions[@]} == 1)) || printf '%s\n' "${cross_suites[@]}"
		[[ $all == no ]] || printf '%s\n' "${slow_suites[@]}"
		return
	fi
	for wanted in "${suite_names[@]}"; do
		printf '%s\n' "${suites[@]}" "${once_suites[@]}" "${cross_suites[@]}" "${slow_suites[@]}" | grep "^$wanted " ||
			usage_error "there is no suite '$wanted'; there are: $(suite_list)"
	done
}

suite_list() {
	printf '%s\n' "${suites[@]}" "${once_suites[@]}" "${cross_suites[@]}" "${slow_suites[@]}" | awk '{ print $1 }' | xargs
}

verb_check() {
	local version name line title='' once=yes selected
	for version in "${versions[@]}"; do
		select_version "$version"
		selected=$(selected_suites)
		((${#versions[@]} == 1)) || title="$major: "
		while read -r name line <&3; do
			# What needs no server is the same for every major.
			[[ $once == yes || $line != none* ]] || continue
			# shellcheck disable=SC2086 # a line of the table: words
			run_suite "$name" $line
		done 3<<<"$selected"
		once=no
	done
	echo "$passed passed, $failed failed, $skipped skipped"
	((failed == 0))
}

# --- lint -----------------------------------------------------------------------

lint_clippy() {
	CARGO_TARGET_DIR=$cache/cargo-domain cargo clippy --locked --all-targets \
		--manifest-path "$top/rust-core/Cargo.toml" -- -D warnings
}

# The whole core, for each flavor; also says when the committed header is stale.
lint_core() {
	set_flavor "$1"
	build_env CARGO_TARGET_DIR="$cache/cargo-lint-$major" make -C "$obj/src/session-triggers" clippy
}

lint_shell() {
	cd "$top"
	# Whatever says in its first line that a shell runs it, or shellcheck.
	find . \( -name build -o -name target -o -name .git \) -prune -o -type f -size -200k \
		-exec awk 'FNR == 1 { if (/^#!.*[\/ ](ba)?sh( |$)|^# shellcheck shell=/) print FILENAME; nextfile }' {} + |
		sort | xargs shellcheck -x
}

lint_one() {
	printf 'lint %s ... ' "$1"
	logged "$log_dir/lint-$1.log" "${@:2}"
	if ((status == 0)); then
		echo "ok ($elapsed s)"
		return
	fi
	echo "FAILED"
	show_log "$log_dir/lint-$1.log"
	failed=$((failed + 1))
}

verb_lint() {
	local version
	lint_one rustfmt cargo fmt --check --manifest-path "$top/rust-core/Cargo.toml"
	lint_one rustfmt-peers cargo fmt --check --manifest-path "$top/regress/peers/tokio-postgres/Cargo.toml"
	lint_one clippy lint_clippy
	lint_one shellcheck lint_shell
	lint_one patches "$top/tools/patches" lint
	for version in "${versions[@]}"; do
		select_version "$version"
		for flavor in release test; do
			set_flavor "$flavor"
			prepare_source
			configure_if_needed
			lint_one "core-$major-$flavor" lint_core "$flavor"
		done
	done
	((failed == 0))
}

# --- the rest -------------------------------------------------------------------

image_name=postgres-session-triggers

build_image() {
	local labels=("org.opencontainers.image.created=$(date -u +%Y-%m-%dT%H:%M:%SZ)") revision version
	# A tarball of ours, or an unclean tree, is no revision.
	if [[ -z $(git -C "$top" status --porcelain 2>&1) ]]; then
		revision=$(git -C "$top" rev-parse HEAD)
		labels+=("org.opencontainers.image.revision=$revision")
	fi
	docker build --build-arg "PG_MAJOR=$major" "${labels[@]/#/--label=}" -t "$image_name:$major" "$top"
	version=$(docker image inspect -f '{{index .Config.Labels "org.opencontainers.image.version"}}' "$image_name:$major")
	docker tag "$image_name:$major" "$image_name:$version"
	docker tag "$image_name:$major" "$image_name:${version%-r*}"
}

# Over all majors: builds the image of each, and tests it.
verb_image() {
	local version title=''
	# shellcheck source=docker/engine.sh
	. "$top/docker/engine.sh"
	[[ $test == no ]] || start_engine
	if [[ -n $no_engine ]]; then
		echo "image ... skipped: $no_engine"
		echo "0 passed, 0 failed, 1 skipped"
		return
	fi
	docker info >/dev/null 2>&1 || die "image: no Docker engine runs that answers this user"
	for version in "${versions[@]}"; do
		select_version "$version"
		step image "building the image of $major" build_image
		if [[ $test == yes ]]; then
			((${#versions[@]} == 1)) || title="$major: "
			run_suite image none "$top/docker/test" "$image_name:$major"
		fi
		say "$(docker image inspect -f '{{join .RepoTags " "}}' "$image_name:$major")"
	done
	[[ $test == no ]] || echo "$passed passed, $failed failed, $skipped skipped"
	((failed == 0))
}

verb_clean() {
	local demo=$dir/demo
	set_flavor release
	stop_demo
	if [[ $all == yes ]]; then
		rm -rf "$top/build"
	else
		rm -rf "$dir"
	fi
}

parse() {
	local verb_given=no
	while (($#)); do
		case $1 in
			--pg | --tarball | --jobs)
				(($# > 1)) || usage_error "$1 needs a value"
				case $1 in
					--pg) pg=$2 ;;
					--tarball) given_tarball=$2 ;;
					--jobs) jobs=$2 ;;
				esac
				shift
				;;
			--install-deps) install_deps=yes ;;
			--allow-unlisted) allow_unlisted=yes ;;
			--all) all=yes ;;
			--test) test=yes ;;
			-h | --help)
				print_help
				[[ $verb != check ]] || printf 'Suites: %s\n' "$(suite_list)"
				exit
				;;
			-*) usage_error "unknown option '$1'" ;;
			fetch | patch | build | install | demo | check | lint | image | clean)
				[[ $verb_given == no ]] || usage_error "more than one verb: '$verb' and '$1'"
				verb=$1 verb_given=yes
				;;
			*)
				[[ $verb == check ]] || usage_error "unknown verb '$1'"
				suite_names+=("$1")
				;;
		esac
		shift
	done
	[[ $jobs =~ ^[1-9][0-9]*$ ]] || usage_error "--jobs needs a number, not '$jobs'"
}

# Sets the list `versions` from --pg and --tarball.
choose_versions() {
	if [[ -n $given_tarball ]]; then
		[[ -f $given_tarball ]] || usage_error "there is no file '$given_tarball'"
		given_tarball=$(realpath "$given_tarball")
		versions=("$(minor_of_tarball "$given_tarball")")
		[[ -z $pg || ${versions[0]} =~ ^$pg(\.|$|[a-z]) ]] ||
			usage_error "$given_tarball is ${versions[0]}, not '$pg'"
	elif [[ $pg == all ]]; then
		mapfile -t versions < <(majors)
	else
		versions=("${pg:-$default_major}")
	fi
}

main() {
	local version versions
	umask 022
	parse "$@"
	choose_versions
	for version in "${versions[@]}"; do
		select_version "$version"
	done
	require_for_verb
	case $verb in
		# These count over all majors.
		check | lint | image) "verb_$verb" ;;
		*)
			for version in "${versions[@]}"; do
				select_version "$version"
				"verb_$verb"
			done
			;;
	esac
}

main "$@"
