# shellcheck shell=bash
# A Docker engine of the sourcing script's own: Debian's, as long as that script
# lives. Nothing of that script is used here; what is needed comes as arguments.
#
# Globals; start_engine sets them
#   engine_failure  why the engine did not start, or nothing
#   engine_run      its sockets and what it changed, for stop_engine
#   engine_pid      its process
# and it exports DOCKER_HOST.

engine_failure=
engine_run=
engine_pid=

# start_engine DIRECTORY: the engine keeps its images and its log there.
# shellcheck disable=SC2034 # engine_failure is for those who source this
start_engine() {
	local table
	# The path of a socket must be short.
	engine_run=$(mktemp -d /tmp/session-triggers-engine.XXXXXX)
	trap stop_engine EXIT
	export DOCKER_HOST=unix://$engine_run/docker.sock
	# Of a table that nobody has used, nothing would be saved.
	for table in filter nat; do iptables --table "$table" --list-rules >/dev/null || true; done
	iptables-save >"$engine_run/iptables"
	mkdir -p "$1"
	run_engine "$1/engine" >"$1/engine.log" 2>&1 </dev/null &
	engine_pid=$!
	until docker info >/dev/null 2>&1; do
		if ! kill -0 "$engine_pid" 2>/dev/null; then
			engine_failure="dockerd does not start here: $(tail -n 1 "$1/engine.log")"
			return
		fi
		sleep 0.2
	done
}

# Becomes the engine. It gets no file that this shell has open, for it outlives the
# shell if that is killed.
run_engine() {
	local descriptor
	for descriptor in /proc/"$BASHPID"/fd/*; do
		descriptor=${descriptor##*/}
		((descriptor <= 2)) || exec {descriptor}>&-
	done
	exec dockerd --data-root "$1" --exec-root "$engine_run/exec" --pidfile "$engine_run/pid" \
		--host "$DOCKER_HOST"
}

# What the engine changed outside of its directories: its bridge and its rules.
stop_engine() {
	trap - EXIT
	kill "$engine_pid" 2>/dev/null || true
	wait "$engine_pid" 2>/dev/null || true
	iptables-restore <"$engine_run/iptables" || true
	ip link delete docker0 2>/dev/null || true
	umount "$engine_run"/exec/netns/* 2>/dev/null || true
	rm -rf "$engine_run"
}

# Makes a base image from Debian's packages: make_base NAME DIRECTORY DEBIAN SECURITY,
# the last two where Debian's archive and that of its security updates are, the latter
# perhaps empty.
make_base() {
	local root=$2
	rm -rf "$root"
	debootstrap --variant=minbase trixie "$root" "$3"
	{
		echo "deb $3 trixie main"
		echo "deb $3 trixie-updates main"
		[[ -z $4 ]] || echo "deb $4 trixie-security main"
	} >"$root/etc/apt/sources.list"
	# How this machine reaches its archives, and whom it trusts there.
	apt-config dump | grep -E '^Acquire::(Check-|https?::)' >"$root/etc/apt/apt.conf.d/host" || true
	mkdir -p "$root/usr/local/share/ca-certificates"
	cp /etc/ssl/certs/ca-certificates.crt "$root/usr/local/share/ca-certificates/host.crt"
	# As slim as the real one, and like it for what is installed later.
	printf 'path-exclude /usr/share/%s/*\n' doc info locale man >"$root/etc/dpkg/dpkg.cfg.d/docker"
	rm -rf "$root"/usr/share/{doc,info,locale,man}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
	# The settings of this machine's apt, perhaps with passwords of a proxy, are in all that is
	# built on it.
	tar -C "$root" -c . | docker import --change 'CMD ["bash"]' \
		--change 'LABEL session-triggers.base="a stand-in that was made for tests: do not publish"' - "$1"
	rm -rf "$root"
}
