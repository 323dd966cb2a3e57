# shellcheck shell=bash
# Locks: of two runs of build.sh at once, one waits instead of disturbing the
# other. What git does with the trees of tools/patches is not guarded here.
#
# A lock is a file build/NAME.lock, which flock(2) guards for as long as this shell
# keeps it open:
#   MAJOR      for all that is made under build/MAJOR
#   engine     for the engine of the image's tests, under build/image
#   chroots    for the systems in build/cache/chroot, which all majors share
#   downloads  for what is fetched to build/cache, which all majors share
#   packages   for the packages of the machine
# Locks are taken in this order, majors by their number and the last three only for
# short, so that no two runs wait for each other.
#
# Globals; with_locks sets them
#   lock_descriptors  the open files of this shell, by name of the lock
#   SESSTRIG_LOCKS    the names of the locks that this process, or one that it was
#                     started by, holds: a nested call must not wait for its caller

! declare -F with_locks >/dev/null || return 0

# shellcheck source=tools/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

declare -A lock_descriptors=()
export SESSTRIG_LOCKS=${SESSTRIG_LOCKS-}

# with_locks "NAME ..." COMMAND ...: runs a command that ends this shell if it
# fails. Call it outside of conditions only.
with_locks() {
	local name held=()
	for name in $1; do
		[[ " $SESSTRIG_LOCKS " != *" $name "* ]] || continue
		take_lock "$name"
		held+=("$name")
	done
	"${@:2}"
	for name in "${held[@]}"; do
		release_lock "$name"
	done
}

take_lock() {
	local file=$top/build/$1.lock descriptor
	mkdir -p "$top/build"
	while true; do
		exec {descriptor}>>"$file"
		if ! flock --nonblock "$descriptor"; then
			say "waiting for another run of build.sh to release ${file#"$top/"}"
			flock "$descriptor"
		fi
		# The other one may have removed the file, as clean does: then the name
		# stands for another one.
		[[ ! $file -ef /proc/$BASHPID/fd/$descriptor ]] || break
		exec {descriptor}>&-
	done
	lock_descriptors[$1]=$descriptor
	SESSTRIG_LOCKS+=" $1"
}

release_lock() {
	local descriptor=${lock_descriptors[$1]}
	exec {descriptor}>&-
	unset "lock_descriptors[$1]"
	SESSTRIG_LOCKS=${SESSTRIG_LOCKS/ $1/}
}

# In a subshell: closes the locks, which stay with the shell that took them. What
# the subshell starts, a server for one, may outlive that shell, and would hold them.
leave_locks() {
	local descriptor
	for descriptor in "${lock_descriptors[@]}"; do
		exec {descriptor}>&-
	done
	lock_descriptors=()
}
