#!/usr/bin/env bash
# An init script of compose.yaml's primary: whom the standby connects as.

set -Eeuo pipefail

psql -Xq -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -v password="$POSTGRES_PASSWORD" <<-'END'
	CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'password';
END
echo 'host replication replicator all scram-sha-256' >>"$PGDATA/pg_hba.conf"
