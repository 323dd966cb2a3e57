# shellcheck shell=bash
# shellcheck disable=SC2034 # the scripts use what is set here
# What the benchmarks in bash share. They set -Eeuo pipefail, and source this file.

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Prints the line of the script's header on its usage, and exits.
usage() {
	sed -n 's/^# usage:/usage:/p' "$0" >&2
	exit 2
}

# What the caller's environment says about servers or languages is not measured.
unset "${!PG@}"
export LC_ALL=C

work=$(mktemp -d "/tmp/${0##*/}.XXXXXX")

# The command in front of programs that refuse to run as root.
as_server=()
if [[ $EUID -eq 0 ]]; then
	user=postgres
	id "$user" > /dev/null 2>&1 || user=nobody
	chown "$user" "$work"
	as_server=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups env "HOME=$work")
fi

# SQL for COUNT event triggers on EVENT that call FUNCTION.
triggers() { # COUNT EVENT FUNCTION
	echo "DO \$\$ BEGIN FOR i IN 1..$1 LOOP EXECUTE format('CREATE EVENT TRIGGER %I ON $2 EXECUTE FUNCTION $3()',
'$2_' || i); END LOOP; END \$\$;"
}

# SQL for a function audit() that inserts a row, with the values that come after the event
# and its tag.
audit() { # VALUES
	echo "CREATE TABLE log (event text, tag text, who text, db text, ip text, instance int, at timestamptz DEFAULT now());
CREATE FUNCTION audit() RETURNS event_trigger SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp LANGUAGE plpgsql AS
\$\$ BEGIN INSERT INTO public.log VALUES (tg_event, tg_tag, $1); END \$\$;"
}
# What the variables hold, a stock server has to ask functions for.
audit_stock=$(audit 'session_user, current_database(), host(inet_client_addr()), 1')
audit_ours=$(audit 'polar_login_user, polar_database_name, polar_client_ip, polar_instance_num')

# Makes a cluster in $work/NAME and starts its server, whose socket is there, too.
start_cluster() { # NAME PREFIX [OPTION...]
	local data=$work/$1 prefix=$2
	shift 2
	"${as_server[@]}" "$prefix/bin/initdb" -D "$data" -A trust -U postgres -E UTF8 --no-locale > "$work/initdb.log"
	"${as_server[@]}" "$prefix/bin/pg_ctl" -D "$data" -l "$data.log" -w -s start \
		-o "-k $data -c listen_addresses= -c autovacuum=off -c max_connections=100 $*"
	echo "$prefix" > "$data.prefix"
}

stop_cluster() { # NAME
	if [[ -e $work/$1.prefix ]]; then
		"${as_server[@]}" "$(< "$work/$1.prefix")/bin/pg_ctl" -D "$work/$1" -m immediate -s stop || true
	fi
}
