# shellcheck shell=bash
# What the machine must have: Debian packages and a Rust toolchain. It says what
# is missing, and installs packages, with a Rust toolchain of Debian's if there is none,
# if --install-deps was given; nothing else is changed outside of build/.

! declare -F require_packages >/dev/null || return 0

# shellcheck source=tools/lib/options.sh
. "$(dirname "${BASH_SOURCE[0]}")/options.sh"
# shellcheck source=tools/lib/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

# group, Debian package, and how to tell that it is there: a command, a
# pkg-config module, a file pattern or a Perl module. Some suites have a group of
# their own. A verb asks at its start for the groups of all that it calls, so that
# nothing is found missing later: regress/tools/packages.pl holds the scripts to that.
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
chroot   debootstrap       cmd:debootstrap
chroot   iproute2          cmd:ip
deb      dpkg-dev          cmd:dpkg-buildpackage
docs     docbook-xml       file:/usr/share/xml/docbook/schema/dtd/4.5/docbookx.dtd
docs     docbook-xsl       file:/usr/share/xml/docbook/stylesheet/docbook-xsl/VERSION*
docs     libxml2-utils     cmd:xmllint
docs     xsltproc          cmd:xsltproc
meson    meson             cmd:meson
meson    ninja-build       cmd:ninja
monitoring prometheus      cmd:promtool
monitoring prometheus-postgres-exporter cmd:prometheus-postgres-exporter
fleet    jq                cmd:jq
fleet    rsyslog           cmd:rsyslogd
fleet    rsyslog-relp      file:/usr/lib/*/rsyslog/imrelp.so
fresh    debootstrap       cmd:debootstrap
fresh    iproute2          cmd:ip
ha       etcd-server       cmd:etcd
ha       patroni           cmd:patroni
ha       procps            cmd:ps
backup   pgbackrest        cmd:pgbackrest
repository apt-utils       cmd:apt-ftparchive
repository gnupg           cmd:gpg
repository xz-utils        cmd:xz
lint     shellcheck        cmd:shellcheck
engine   ca-certificates   file:/etc/ssl/certs/ca-certificates.crt
engine   debian-archive-keyring file:/usr/share/keyrings/debian-archive-keyring.gpg
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

# Fails unless the packages of the groups named are there, or can be installed.
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
	with_locks packages install_unlocked "$*" apt_install "$@"
}

# install_unlocked TITLE COMMAND ...
install_unlocked() {
	begin_line 2 "installing $1"
	logged "$log_dir/packages.log" "${@:2}"
	# The caller looks at what is there, for not all of it may be needed.
	if ((status == 0)); then
		say "done ($elapsed s)"
	else
		say FAILED
		show_log "$log_dir/packages.log"
	fi
}

apt_update() {
	# A machine that was just started may be installing upgrades by itself.
	as_root apt-get update -o DPkg::Lock::Timeout=600
}

apt_install() {
	apt_update
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=600 "$@"
}

as_root() {
	local sudo=(sudo)
	((EUID != 0)) || sudo=()
	"${sudo[@]}" "$@"
}

# --- Rust --------------------------------------------------------------------------

rust_needed() {
	sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$top/rust-core/Cargo.toml"
}

rust_on_path() {
	cargo --version 2>/dev/null | cut -d' ' -f2
}

# The packages of a Rust toolchain that is new enough, or nothing if apt has none. A
# stable suite may have one for web browsers only. What is given runs apt-cache in the
# system in question.
rust_packages() {
	local suffix found
	for suffix in '' -web; do
		found=$("$@" apt-cache show --no-all-versions "cargo$suffix" 2>/dev/null | sed -n 's/^Version: //p') || true
		if [[ -n $found ]] && dpkg --compare-versions "$found" ge "$(rust_needed)"; then
			echo "cargo$suffix rustc$suffix"
			return
		fi
	done
}

install_rust() {
	local found
	apt_update
	read -ra found <<<"$(rust_packages env)"
	if ((${#found[@]} == 0)); then
		echo "apt has no cargo $(rust_needed) or later"
		return 1
	fi
	apt_install "${found[@]}"
}

# A toolchain that is too old is not replaced: it may be in use, or hide Debian's.
require_rust() {
	local needed version hint='install it with rustup'
	needed=$(rust_needed)
	version=$(rust_on_path) || version=
	if [[ -z $version && $install_deps == yes ]]; then
		with_locks packages install_unlocked 'a Rust toolchain' install_rust
		version=$(rust_on_path) || version=
	fi
	[[ -n $version && $(printf '%s\n' "$needed" "$version" | sort -V | head -n 1) == "$needed" ]] && return
	if [[ -n $version ]]; then
		hint="update or remove that one"
	elif [[ $install_deps == no ]]; then
		hint+=", or run this command with --install-deps, which installs Debian's if that is new enough"
	fi
	die "missing: cargo and rustc $needed or later on PATH (found: ${version:-none}): $hint"
}

# require_cargo COMMAND ...: what some toolchains lack.
require_cargo() {
	local command
	for command in "$@"; do
		cargo "$command" --version >/dev/null 2>&1 || die "missing: cargo $command"
	done
}
