# shellcheck shell=bash
# The flavors of a build, and how each is configured, built and installed:
#
#   release   what is installed for use
#   test      with assertions, and the faults that the tests ask the core for
#   asan      that, with AddressSanitizer
#   stock     upstream's own, to compare with; without contrib, but for what a suite adds
#   in-tree   as anyone would build the patched tree who has never seen build.sh;
#             it is no more than named here, its suite builds it
#
# What is tested on which of them is said in regress/suites.
#
# Globals; set_flavor sets them, for the version selected
#   flavor           the name
#   features         the core's cargo features besides the usual ones
#   src, obj         where its source is, and where it is compiled
#   install          where it is installed
#   configure_flags  what configure gets
#   environment      the function that runs a command in the environment to build in
#   targets          what make is asked for, to build and to install

! declare -F set_flavor >/dev/null || return 0

# shellcheck source=tools/lib/source.sh
. "$(dirname "${BASH_SOURCE[0]}")/source.sh"

flavor=
features=
src=
obj=
install=
configure_flags=()
environment=
targets=()

# PostgreSQL leaves memory to the end of a process, and measures its stack by
# addresses. What is found ends the process, which tests take for a crash.
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1

set_flavor() {
	local suffix=
	flavor=$1
	features=
	src=$dir/src
	environment=build_env
	targets=(world-bin install-world-bin)
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
	fi
	obj=$dir/obj$suffix
	install=$dir/install$suffix
	if [[ $flavor == stock ]]; then
		# Each lies to the other as in the release flavor, so ccache has what that
		# compiled, wherever the patches changed nothing.
		src=$dir/stock/src
		obj=$dir/stock/obj
		install=$dir/install-stock
		targets=(all install)
	fi
	configure_flags+=("--prefix=$install")
	! command -v ccache >/dev/null || configure_flags+=("CC=ccache gcc")
	if [[ $flavor == in-tree ]]; then
		obj=$dir/in-tree
		environment=plain_env
		configure_flags=("--prefix=$install")
	fi
}

# Cargo's directory for the flavor that is set.
cargo_dir() {
	echo "$top/build/cache/cargo-$flavor-$major"
}

# A new directory of cargo's begins with what another has of the crates that the core
# depends on. Not with the core's own, as cargo would take one major's for another's.
seed_cargo_dir() {
	local dir other
	dir=$(cargo_dir)
	[[ ! -e $dir ]] || return 0
	for other in "$top"/build/cache/cargo-*-*/release; do
		[[ -e $other ]] || return 0
		rm -rf "$dir.new"
		mkdir -p "$dir.new"
		cp -a "$other" "$dir.new/"
		find "$dir.new" -name '*sesstrig*' -prune -exec rm -rf {} +
		mv "$dir.new" "$dir"
		return
	done
}

# What configure and make get from us. Two checkouts share what ccache
# holds although their paths differ.
build_env() {
	env -u MAKEFLAGS -u MAKELEVEL CARGO_TARGET_DIR="$(cargo_dir)" \
		SESSTRIG_FEATURES="$features" CCACHE_BASEDIR="$top" CCACHE_NOHASHDIR=1 "$@"
}

# Nothing from us.
plain_env() {
	env -i HOME="$HOME" PATH="$PATH" ${CARGO_HOME+"CARGO_HOME=$CARGO_HOME"} \
		${RUSTUP_HOME+"RUSTUP_HOME=$RUSTUP_HOME"} "$@"
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
			sh "$src/config/prep_buildtree" "$src" "$obj"
	fi
	echo "$makefiles" >"$obj/sesstrig.makefiles"
}

# Source and configuration, which is all that the linters need.
prepare_flavor() {
	set_flavor "$1"
	if [[ $flavor == stock ]]; then
		prepare_stock
	else
		prepare_patched
		seed_cargo_dir
	fi
	configure_if_needed
}

build_flavor() {
	prepare_flavor "$1"
	step "make-$flavor" "building ($flavor)" build_all
}

# The first time, it says how many files will be compiled. With -n, make knows that as soon as
# these few are there, which rules for others cannot do without.
build_all() {
	local count
	if [[ ! -e $obj/src/port/libpgport.a ]]; then
		build_make -C src/backend generated-headers
		build_make -C src/port all
		build_make -C src/common all
		if count=$(count_objects); then in_all "$count" files; fi
	fi
	build_make "${targets[0]}"
}

# The object files that are there by then, and those that make would compile.
count_objects() {
	{
		find "$obj/src/port" "$obj/src/common" -name '*.o'
		LC_ALL=C "$environment" make -C "$obj" -n "${targets[0]}" | awk '
			/: Entering directory / { directory[++depth] = substr($4, 2, length($4) - 2) }
			/: Leaving directory / { depth-- }
			/ -c / && match($0, / -o [^ ]+\.o/) { print directory[depth] "/" substr($0, RSTART + 4, RLENGTH - 4) }'
	} | sort -u | wc -l
}

install_flavor() {
	build_flavor "$1"
	install_built
}

# Installs the flavor that is set and built.
install_built() {
	step "install-$flavor" "installing ($flavor)" build_make "${targets[1]}"
}
