# shellcheck shell=bash
# Debian systems in directories: how one is made, and how a command runs in it.
# What is built or tested there is the business of others.
#
# Nothing stays mounted after a command, however it ends: it runs in a mount
# namespace of its own, which goes away with its last process. Nor does any of its
# processes stay, a server for one: they have a process namespace of their own too. The
# first process there is a shell, which reaps processes whose parents have ended, as init
# does. Otherwise a server that a test has killed would seem to run on.

! declare -F in_chroot >/dev/null || return 0

# shellcheck source=tools/lib/debian.sh
. "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

# make_chroot SUITE VARIANT DIR [ARCHITECTURE]: a minimal system of one of Debian's suites, with
# debootstrap's variant, from the archive that this machine's apt uses; of another architecture
# than this machine's only if the kernel can run its programs.
make_chroot() {
	local suite=$1 root=$3 debian security
	debian=$(archive_uri Debian)
	[[ -n $debian ]] || die "apt knows no archive of Debian (run 'apt-get update' first?)"
	security=$(archive_uri Debian-Security)
	rm -rf --one-file-system "$root" "$root.new"
	mkdir -p "$(dirname "$root")"
	debootstrap ${4:+--arch="$4"} --variant="$2" "$suite" "$root.new" "$debian"
	{
		echo "deb $debian $suite main"
		if [[ $suite != sid ]]; then
			echo "deb $debian $suite-updates main"
			[[ -z $security ]] || echo "deb $security $suite-security main"
		fi
	} >"$root.new/etc/apt/sources.list"
	# How this machine reaches its archives.
	apt-config dump | grep -E '^Acquire::(Check-|https?::)' >"$root.new/etc/apt/apt.conf.d/host" || true
	cp /etc/hosts "$root.new/etc/hosts"
	printf '#!/bin/sh\nexit 101\n' >"$root.new/usr/sbin/policy-rc.d"
	chmod 755 "$root.new/usr/sbin/policy-rc.d"
	mv "$root.new" "$root"
}

# in_chroot DIR network|alone COMMAND ...: runs a command in a system, with the
# network of this machine or with none, as root.
in_chroot() {
	local root=$1 options=(--mount --pid --fork --kill-child --ipc)
	[[ $2 == network ]] || options+=(--net)
	# shellcheck disable=SC2016 # for the inner shell to expand
	unshare "${options[@]}" bash -c '
		set -e
		root=$1 network=$2
		shift 2
		[[ $network == network ]] || ip link set lo up
		# In a chroot, what this command does can be done again only where its root is a
		# mount.
		mount --bind "$root" "$root"
		mount -t proc proc "$root/proc"
		mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
		mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
		status=0
		env -i HOME=/root TERM=dumb LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			chroot "$root" "$@" || status=$?
		exit "$status"' bash "$root" "${@:2}"
}

# chroot_install DIR PACKAGE ...
chroot_install() {
	in_chroot "$1" network sh -c 'apt-get update -q && apt-get install -qy --no-install-recommends "$@"' sh "${@:2}"
}
