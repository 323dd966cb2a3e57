#!/usr/bin/env bash
# build.sh [VERB] [OPTION ...]: PostgreSQL with logon and logoff triggers, from
# upstream's source to a running server. All it makes is under build/. Without
# a verb: everything up to install.
#
# Verbs
#   fetch     obtain upstream's source and verify it against VERSIONS
#   patch     unpack it to build/MAJOR/src, apply the patches, add rust-core, extensions and
#             the pages of the manual
#   build     compile in build/MAJOR/obj
#   install   install to build/MAJOR/install
#   demo      start a server there and show the audit example
#   check [SUITE ...]
#             run the test suites, or those named; `check --help` lists them
#   lint      formatting, clippy, shellcheck, generated header, patches
#   image     build the container image; with --test also test it
#   deb       build Debian's packages with session triggers in build/MAJOR/deb; with
#             --test also test them
#   repository DIR
#             add these packages to an apt repository, and sign it
#   clean     remove build/MAJOR; with --downloads all of build/
#
# Options
#   --pg MAJOR|MINOR|all  what to build: 18 (the default), 18.6, or every major
#   --tarball FILE        take this source tarball
#   --allow-unlisted      take a minor that VERSIONS does not list
#   --install-deps        install the Debian packages that are missing
#   --test                image: run its tests, with an engine of their own if
#                         none runs and root asks; deb: run its tests, as root
#   --extensions          deb: with --test, try Debian's extensions instead
#   --suite SUITE         deb: build for this suite of Debian's
#   --key FINGERPRINT     repository: the key of gpg's that signs
#   --chroot              deb: in a chroot even if this machine has the suite
#   --slow                check: the slow suites too
#   --downloads           clean: what was downloaded too, and all else that the
#                         majors share
#   --jobs N              how many compilers to run, as many as processors
#   --help                this text

set -Eeuo pipefail
umask 022

lib=$(dirname "${BASH_SOURCE[0]}")/tools/lib
# shellcheck source=tools/lib/flavors.sh
. "$lib/flavors.sh"
# shellcheck source=tools/lib/packages.sh
. "$lib/packages.sh"

# What the command line says; parse sets it. What all verbs have in common is in
# lib/options.sh too, and kept here for the scripts of single verbs.
verb=install
slow=no
downloads=no
test=no
suite_names=()
verb_options=()
shared_options=()

verb_fetch() {
	fetch_tarball
	printf '%s\n' "${tarball#"$top/"}"
}

verb_patch() {
	prepare_patched
}

verb_build() {
	build_flavor release
}

verb_install() {
	install_flavor release
	say "PostgreSQL $minor with session triggers is in $install"
}

verb_clean() {
	"$top/tools/demo" --stop --pg "$major"
	rm -rf "$dir"
}

# All majors, and what they share.
clean_all() {
	local each
	for each in $(majors); do
		"$top/tools/demo" --stop --pg "$each"
	done
	# The locks go last: a run that comes meanwhile must find them.
	find "$top/build/" -mindepth 1 -maxdepth 1 ! -name '*.lock' -exec rm -rf {} +
	rm -rf "$top"/build/*.lock
	rmdir --ignore-fail-on-non-empty "$top/build"
}

parse() {
	local verb_given=no
	while (($#)); do
		take_option "$@"
		if ((taken > 0)); then
			shared_options+=("${@:1:taken}")
			shift "$taken"
			continue
		fi
		case $1 in
			--slow) slow=yes ;;
			--downloads) downloads=yes ;;
			--test) test=yes ;;
			--chroot | --extensions) verb_options+=("$1") ;;
			--suite | --key)
				(($# > 1)) || usage_error "$1 needs a value"
				verb_options+=("$1" "$2")
				shift
				;;
			-h | --help)
				print_help
				[[ $verb != check ]] || printf 'Suites: %s\n' "$("$top/tools/check" --list)"
				exit
				;;
			-*) usage_error "unknown option '$1'" ;;
			fetch | patch | build | install | demo | check | lint | image | deb | repository | clean)
				[[ $verb_given == no ]] || usage_error "more than one verb: '$verb' and '$1'"
				verb=$1 verb_given=yes
				;;
			*)
				case $verb in
					check) suite_names+=("$1") ;;
					repository) verb_options+=("$1") ;;
					*) usage_error "unknown verb '$1'" ;;
				esac
				;;
		esac
		shift
	done
	[[ $slow == no || $verb == check ]] || usage_error "--slow is an option of check"
	[[ $downloads == no || $verb == clean ]] || usage_error "--downloads is an option of clean"
	[[ ${#verb_options[@]} == 0 || $verb == deb || $verb == repository ]] ||
		usage_error "${verb_options[0]} is no option of $verb"
}

# Becomes the script of a verb: run_script ARGUMENT ...
run_script() {
	SESSTRIG_PROGRAM=$0 exec "$top/tools/$verb" "${shared_options[@]}" "$@"
}

# Runs a verb that is no more than a function here, for every version.
for_versions() {
	local version
	choose_versions
	(($# == 0)) || require_packages "$@"
	[[ " $* " != *" build "* ]] || require_rust
	for version in "${versions[@]}"; do
		select_version "$version"
		if [[ $verb == fetch ]]; then
			verb_fetch
		else
			with_locks "$major" "verb_$verb"
		fi
	done
}

main() {
	local options=()
	parse "$@"
	case $verb in
		fetch | patch) for_versions fetch ;;
		build | install) for_versions fetch build ;;
		clean)
			if [[ $downloads == yes ]]; then
				choose_versions
				with_locks "$(majors | xargs) engine downloads" clean_all
			else
				for_versions
			fi
			;;
		check)
			[[ $slow == no ]] || options+=(--slow)
			run_script "${options[@]}" "${suite_names[@]}"
			;;
		image)
			[[ $test == no ]] || options+=(--test)
			run_script "${options[@]}"
			;;
		deb)
			[[ $test == no ]] || options+=(--test)
			run_script "${options[@]}" "${verb_options[@]}"
			;;
		repository) run_script "${verb_options[@]}" ;;
		*) run_script ;;
	esac
}

main "$@"
