# shellcheck shell=bash
# Upstream's source tarball: the one given, the one kept, or the first that can
# be downloaded; VERSIONS vouches for it. What is done with it is in source.sh.
#
# Globals; fetch_tarball sets them
#   tarball  the file, of the version selected

! declare -F fetch_tarball >/dev/null || return 0

# shellcheck source=tools/lib/debian.sh
. "$(dirname "${BASH_SOURCE[0]}")/debian.sh"
# shellcheck source=tools/lib/versions.sh
. "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

# shellcheck disable=SC2034 # for those who source this
tarball=

# Gets the tarball of the version selected; where a newer, unlisted minor had to do,
# selects that.
fetch_tarball() {
	local file=${given_tarball:-$(tarball_of_minor "$minor")}
	if [[ -e $file ]]; then
		verify_tarball "$file" "$minor"
	else
		with_locks downloads download
		file=$(tarball_of_minor "$minor")
	fi
	# shellcheck disable=SC2034 # for those who source this
	tarball=$file
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

# From the first source that has it, unless another run got it meanwhile.
download() {
	local from found new=$top/build/cache/download
	[[ ! -e $(tarball_of_minor "$minor") ]] || return 0
	for from in upstream debian pool; do
		rm -rf "$new"
		mkdir -p "$new"
		begin_line 2 "fetching $minor from $from"
		logged "$log_dir/fetch-$from.log" "download_from_$from" "$new"
		if ((status != 0)); then
			say "not there: $(tail -n 1 "$log_dir/fetch-$from.log")"
			continue
		fi
		found=$(minor_of_tarball "$new"/*)
		say "$found ($elapsed s)"
		verify_tarball "$new"/* "$found"
		mv "$new"/* "$(tarball_of_minor "$found")"
		rmdir "$new"
		select_version "$found"
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
	local upstream=https://ftp.postgresql.org/pub/source
	download_url "$1" "$upstream/v$minor/postgresql-$minor.tar.bz2"
}

# Debian's source package holds upstream's tarball unchanged.
download_from_debian() {
	local new=$1 suite available version
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

# Of Debian's versions, oldest first, the one that is `minor`. With --allow-unlisted
# the newest of those after it will do, unless the minor was named.
matching_version() {
	local version release found=
	while read -r version; do
		# 19~rc1-1 is Debian's for 19rc1.
		release=${version%-*}
		if [[ ${release/\~/} == "$minor" ]]; then
			found=$version
			break
		elif [[ $allow_unlisted == yes && $named == no ]] && is_newer "$release" "$minor"; then
			found=$version
		fi
	done
	printf '%s\n' "$found"
}

# Whether the release that Debian calls $1 came after upstream's $2.
is_newer() {
	dpkg --compare-versions "$1" gt "$(sed -E 's/(alpha|beta|rc)/~&/' <<<"$2")"
}

# The files of a version that no suite has any more stay with Debian's archive
# for a while. No index vouches for them, but VERSIONS does.
download_from_pool() {
	download_pool_file "$1" "postgresql-${major}_$minor.orig.tar.bz2"
}

# download_pool_file DIRECTORY FILE: a file of the source package of the major.
download_pool_file() {
	local archive uri
	for archive in Debian:main Debian-Security:updates/main; do
		uri=$(archive_uri "${archive%%:*}")
		[[ -z $uri ]] ||
			! download_url "$1" "${uri%/}/pool/${archive#*:}/p/postgresql-$major/$2" || return 0
	done
	return 1
}
