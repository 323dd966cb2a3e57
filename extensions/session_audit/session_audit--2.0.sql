/* contrib/session_audit/session_audit--2.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION session_audit" to load this file. \quit

-- The writer of the session audit, a worker of the server, makes this extension and inserts
-- the rows.  It runs as the bootstrap superuser.

-- Names without a schema are PostgreSQL's own: in the schema of the extension, others may have
-- made what fits a call better.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Whoever owns the schema, or may create objects in it, could put tables and functions of their
-- own in the place of the extension's.
DO $$
DECLARE
    other oid;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles JOIN pg_namespace ON nspowner = pg_roles.oid
            WHERE nspname = '@extschema@') THEN
        RAISE EXCEPTION 'schema "@extschema@" does not belong to a superuser'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Drop the schema, or rename it.';
    END IF;
    FOR other IN SELECT DISTINCT grantee FROM pg_namespace, aclexplode(nspacl)
                 WHERE nspname = '@extschema@' AND grantee <> nspowner AND privilege_type = 'CREATE' LOOP
        EXECUTE format('REVOKE CREATE ON SCHEMA @extschema@ FROM %s CASCADE',
            CASE other WHEN 0 THEN 'PUBLIC' ELSE other::regrole::text END);
    END LOOP;
END
$$;

-- The writer knows these columns by their order.
CREATE TABLE @extschema@.log (
    number bigint,
    timeline int,
    digest bytea,
    at timestamptz,
    event text,
    session_id text,
    login_user text,
    login_user_id oid,
    database text,
    database_id oid,
    kind text,
    auth_method text,
    system_identity text,
    client_addr inet,
    client_port int,
    proxy_addr inet,
    application_name text,
    encryption text,
    instance_num int,
    system_identifier bigint,
    cluster_name text,
    logon_at timestamptz,
    ended_by text,
    sqlstate text,
    cpu interval,
    blocks_hit bigint,
    blocks_read bigint,
    blocks_written bigint,
    temp_blocks bigint,
    wal_bytes bigint,
    count int,
    context jsonb
) PARTITION BY RANGE (at);

-- What no other partition takes.
CREATE TABLE @extschema@.log_default PARTITION OF @extschema@.log DEFAULT;

CREATE INDEX log_at ON @extschema@.log (at);
CREATE INDEX log_login_user ON @extschema@.log (login_user, at);
CREATE INDEX log_session ON @extschema@.log (session_id, logon_at);

COMMENT ON TABLE @extschema@.log IS 'one row for each event of a session of this server';

SELECT pg_extension_config_dump('@extschema@.log_default', '');

GRANT USAGE ON SCHEMA @extschema@ TO pg_monitor;
GRANT SELECT ON @extschema@.log, @extschema@.log_default TO pg_monitor;
