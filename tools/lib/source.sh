# shellcheck shell=bash
# The source trees of the version selected: build/MAJOR/src, which is upstream's
# with the patches, rust-core, extensions and the pages of the manual, and
# build/MAJOR/stock/src, which is upstream's.
# How patches are applied is the business of tools/patches.

! declare -F prepare_patched >/dev/null || return 0

# shellcheck source=tools/lib/fetch.sh
. "$(dirname "${BASH_SOURCE[0]}")/fetch.sh"

# Lines "checksum  path" of the files of a directory, without the subdirectories
# and files named.
manifest() {
	local except=() name
	for name in "${@:2}"; do
		except+=(-path "./$name" -prune -o)
	done
	(cd "$1" && find . "${except[@]}" -type f -print0 | xargs -0r sha256sum | LC_ALL=C sort)
}

# Makes directory $2 like $1 and touches only what differs, because make and
# cargo go by time. The subdirectories and files named after them are left alone.
sync_tree() {
	local from=$1 to=$2 old new path
	mkdir -p "$to"
	old=$(manifest "$to" "${@:3}")
	new=$(manifest "$from" "${@:3}")
	# All in the same instant: what is made from what must not depend on the
	# order of copying.
	LC_ALL=C comm -13 <(echo "$old") <(echo "$new") | cut -c67- |
		tar -C "$from" -c --no-recursion --format=posix --mtime="@$(date +%s.%N)" -T - |
		tar -C "$to" -x --no-same-owner
	LC_ALL=C comm -23 <(echo "$old") <(echo "$new") | cut -c67- | while read -r path; do
		[[ -e $from/$path ]] || rm -f "${to:?}/$path"
	done
}

# A number for the tarball and the patches as they are.
source_key() {
	(
		sha256_of "$tarball"
		cat "$top/tools/patches" "$top/tools/lib/patch-parts"
		cat "$top/patches/$major/series" "$top/patches/common/"* "$top/patches/$major/"*
	) | sha256sum
}

patch_source() {
	"$top/tools/patches" apply "$major" "$tarball" "$dir/src.new"
	local extension page kept=(src/session-triggers)
	for extension in "$top"/extensions/*/; do
		kept+=("contrib/$(basename "$extension")")
	done
	while read -r page; do
		kept+=("doc/src/sgml/${page##*/}")
	done < <(manual_pages)
	sync_tree "$dir/src.new" "$dir/src" "${kept[@]}"
	rm -rf "$dir/src.new"
}

prepare_patched() {
	local stamp=$dir/src.stamp key extension page to
	fetch_tarball
	key=$(source_key)
	if [[ ! -d $dir/src || ! -e $stamp || $(<"$stamp") != "$key" ]]; then
		rm -f "$stamp"
		step patch "patching PostgreSQL $minor" patch_source
		echo "$key" >"$stamp"
	fi
	sync_tree "$top/rust-core" "$dir/src/src/session-triggers" target fuzz
	for extension in "$top"/extensions/*/; do
		sync_tree "$extension" "$dir/src/contrib/$(basename "$extension")" '*.sgml'
	done
	while read -r page; do
		to=$dir/src/doc/src/sgml/${page##*/}
		cmp -s "$page" "$to" || cp "$page" "$to"
	done < <(manual_pages)
}

# Upstream's source as it is, for what is compared with it.
prepare_stock() {
	local stock=$dir/stock/src stamp=$dir/stock/src.stamp key
	fetch_tarball
	key=$(sha256_of "$tarball")
	if [[ ! -e $stamp || $(<"$stamp") != "$key" ]]; then
		rm -rf "$stock" "$stamp"
		mkdir -p "$stock"
		tar -xf "$tarball" -C "$stock" --strip-components=1 --no-same-owner
		echo "$key" >"$stamp"
	fi
}
