# shellcheck shell=bash
# A Docker engine for `build.sh image`, which sources this: the caller's, or
# where none runs Debian's, as long as the script lives, on build/image/engine.
# shellcheck disable=SC2034,SC2154 # build.sh's

engine_dir=$top/build/image
engine_run=
no_engine=

# Where there is none to be had, `no_engine` is the reason.
start_engine() {
	local missing
	! docker info >/dev/null 2>&1 || return 0
	if ((EUID != 0)); then
		no_engine='no Docker engine runs that answers this user, and only root can start one'
		return
	fi
	mapfile -t missing < <(missing_packages engine)
	if [[ ${#missing[@]} != 0 && $install_deps == yes ]]; then
		install_packages "${missing[@]}"
		mapfile -t missing < <(missing_packages engine)
	fi
	if ((${#missing[@]})); then
		no_engine="no Docker engine runs, and to start one these packages are missing: ${missing[*]} (--install-deps)"
		return
	fi
	# The path of a socket must be short.
	engine_run=$(mktemp -d /tmp/session-triggers-engine.XXXXXX)
	trap stop_engine EXIT
	export DOCKER_HOST=unix://$engine_run/docker.sock
	iptables-save >"$engine_run/iptables"
	mkdir -p "$engine_dir"
	dockerd --data-root "$engine_dir/engine" --exec-root "$engine_run/exec" --pidfile "$engine_run/pid" \
		--host "$DOCKER_HOST" >"$engine_dir/engine.log" 2>&1 </dev/null &
	engine_pid=$!
	until docker info >/dev/null 2>&1; do
		if ! kill -0 "$engine_pid" 2>/dev/null; then
			no_engine="dockerd does not start here: $(tail -n 1 "$engine_dir/engine.log")"
			return
		fi
		sleep 0.2
	done
	provide_base
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

# Where nothing can be pulled, a base image made of the packages that this
# machine's apt gets, under the name of the one in the Dockerfile.
provide_base() {
	local base=debian:trixie-slim
	! docker image inspect "$base" >/dev/null 2>&1 || return 0
	! timeout 120 docker pull -q "$base" >/dev/null 2>&1 || return 0
	if [[ -z $(archive_uri Debian) ]]; then
		no_engine="$base cannot be pulled, and apt knows no archive of Debian to make one from"
		return
	fi
	step base-image "making a base image, since $base cannot be pulled" make_base "$base"
}

make_base() {
	local root=$engine_dir/base security
	rm -rf "$root"
	debootstrap --variant=minbase trixie "$root" "$(archive_uri Debian)"
	{
		echo "deb $(archive_uri Debian) trixie main"
		echo "deb $(archive_uri Debian) trixie-updates main"
		security=$(archive_uri Debian-Security)
		[[ -z $security ]] || echo "deb $security trixie-security main"
	} >"$root/etc/apt/sources.list"
	# How this machine reaches its archives, and whom it trusts there.
	apt-config dump | grep -E '^Acquire::(Check-|https?::)' >"$root/etc/apt/apt.conf.d/host" || true
	mkdir -p "$root/usr/local/share/ca-certificates"
	cp /etc/ssl/certs/ca-certificates.crt "$root/usr/local/share/ca-certificates/host.crt"
	# As slim as the real one, and like it for what is installed later.
	printf 'path-exclude /usr/share/%s/*\n' doc info locale man >"$root/etc/dpkg/dpkg.cfg.d/docker"
	rm -rf "$root"/usr/share/{doc,info,locale,man}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
	tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - "$1"
	rm -rf "$root"
}
