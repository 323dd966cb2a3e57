/* contrib/session_audit/session_audit--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION session_audit" to load this file. \quit

-- Names without a schema are PostgreSQL's own: in the schema of the extension, others may have
-- made what fits a call better.
SET LOCAL search_path = pg_catalog, pg_temp;

-- First, so that a server that cannot record anything is refused by its library.
CREATE FUNCTION @extschema@.record() RETURNS event_trigger
LANGUAGE C AS 'MODULE_PATHNAME', 'session_audit_record';

REVOKE ALL ON FUNCTION @extschema@.record() FROM PUBLIC;

-- Whoever owns the schema could put tables of their own in the place of partitions.
DO $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles JOIN pg_namespace ON nspowner = pg_roles.oid
            WHERE nspname = '@extschema@') THEN
        RAISE EXCEPTION 'schema "@extschema@" does not belong to a superuser'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Drop the schema, or rename it.';
    END IF;
END
$$;

-- The server writes rows to the partitions itself, which it does without an INSERT as long
-- as these tables have nothing but the columns.  No constraint is needed for what it writes,
-- and each one would be read by every session.
CREATE TABLE @extschema@.log (
    at timestamptz,
    event text,
    session_id text,
    login_user text,
    database text,
    auth_method text,
    system_identity text,
    client_addr inet,
    client_port int,
    application_name text,
    encryption text,
    instance_num int,
    logon_at timestamptz,
    ended_by text,
    sqlstate text,
    cpu interval,
    blocks_hit bigint,
    blocks_read bigint,
    blocks_written bigint,
    temp_blocks bigint,
    wal_bytes bigint,
    count int
) PARTITION BY RANGE (at);

-- What no other partition takes.
CREATE TABLE @extschema@.log_default PARTITION OF @extschema@.log DEFAULT;

-- Make the partition of a month in UTC, and move there what the default partition has of it.
-- It is no member of the extension, so that pg_dump dumps it with its rows.
CREATE FUNCTION @extschema@.add_month(month date) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    start timestamptz := date_trunc('month', month);
    name text := 'log_' || to_char(start, 'YYYY_MM');
BEGIN
    LOCK TABLE @extschema@.log IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass('@extschema@.' || name) IS NOT NULL THEN
        IF NOT (SELECT relispartition FROM pg_class WHERE oid = to_regclass('@extschema@.' || name)) THEN
            RAISE EXCEPTION 'table "%" is not a partition of the log', name
                USING ERRCODE = 'duplicate_table', HINT = 'Attach it, drop it, or rename it.';
        END IF;
        RETURN to_regclass('@extschema@.' || name);
    END IF;
    LOCK TABLE @extschema@.log_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE @extschema@.%I (LIKE @extschema@.log)', name);
    EXECUTE format('WITH moved AS (DELETE FROM @extschema@.log_default WHERE at >= $1 AND at < $2 RETURNING *)'
        ' INSERT INTO @extschema@.%I SELECT * FROM moved', name) USING start, start + interval '1 month';
    EXECUTE format('ALTER TABLE @extschema@.log ATTACH PARTITION @extschema@.%I FOR VALUES FROM (%L) TO (%L)',
        name, start, start + interval '1 month');
    EXECUTE format('GRANT SELECT ON @extschema@.%I TO pg_monitor', name);
    EXECUTE format('ALTER TABLE @extschema@.%I OWNER TO %I', name,
        (SELECT relowner::regrole FROM pg_class WHERE oid = '@extschema@.log'::regclass));
    RETURN to_regclass('@extschema@.' || name);
END
$$;

REVOKE ALL ON FUNCTION @extschema@.add_month(date) FROM PUBLIC;

COMMENT ON TABLE @extschema@.log IS 'one row for each event of a session';
COMMENT ON COLUMN @extschema@.log.at IS 'when the event occurred';
COMMENT ON COLUMN @extschema@.log.event IS 'logon, logoff, refused, lost, or reset';
COMMENT ON COLUMN @extschema@.log.session_id IS 'the session, as %c of log_line_prefix shows it';
COMMENT ON COLUMN @extschema@.log.login_user IS 'the role that logged on';
COMMENT ON COLUMN @extschema@.log.database IS 'the database that it logged on to';
COMMENT ON COLUMN @extschema@.log.auth_method IS 'how it authenticated';
COMMENT ON COLUMN @extschema@.log.system_identity IS 'as whom it authenticated, if the method has an identity';
COMMENT ON COLUMN @extschema@.log.client_addr IS 'the client''s address; null over a Unix socket';
COMMENT ON COLUMN @extschema@.log.client_port IS 'the client''s port; null over a Unix socket';
COMMENT ON COLUMN @extschema@.log.application_name IS 'application_name at the time of the event';
COMMENT ON COLUMN @extschema@.log.encryption IS 'the version of TLS, or GSS; null if the connection is not encrypted';
COMMENT ON COLUMN @extschema@.log.instance_num IS 'session_triggers.instance_num at logon';
COMMENT ON COLUMN @extschema@.log.logon_at IS 'when the session logged on';
COMMENT ON COLUMN @extschema@.log.ended_by IS 'how the session ended';
COMMENT ON COLUMN @extschema@.log.sqlstate IS 'the SQLSTATE of the error that ended or refused it';
COMMENT ON COLUMN @extschema@.log.cpu IS 'processor time of the session''s process';
COMMENT ON COLUMN @extschema@.log.blocks_hit IS 'blocks that the session found in the buffers';
COMMENT ON COLUMN @extschema@.log.blocks_read IS 'blocks that the session read';
COMMENT ON COLUMN @extschema@.log.blocks_written IS 'blocks that the session wrote';
COMMENT ON COLUMN @extschema@.log.temp_blocks IS 'blocks of temporary files that the session read or wrote';
COMMENT ON COLUMN @extschema@.log.wal_bytes IS 'WAL that the session produced';
COMMENT ON COLUMN @extschema@.log.count IS 'the number of events that the row stands for';

-- One row for each session, with the values of its end if it has ended: the log is read once,
-- and a condition on logon_at is checked there.  A session that has not ended runs if a process
-- with its identifier does.
CREATE VIEW @extschema@.sessions AS
SELECT s.session_id, s.login_user, s.database, s.auth_method, s.system_identity, s.client_addr,
       s.client_port, s.application_name, s.encryption, s.instance_num, s.logon_at, s.logoff_at,
       CASE WHEN s.ended THEN s.logoff_at - s.logon_at
            WHEN a.pid IS NOT NULL THEN clock_timestamp() - s.logon_at END AS duration,
       CASE WHEN s.lost THEN 'lost' WHEN s.ended THEN 'ended'
            WHEN a.pid IS NOT NULL THEN 'active' ELSE 'lost' END AS state,
       s.ended_by, s.sqlstate, s.cpu, s.blocks_hit, s.blocks_read, s.blocks_written,
       s.temp_blocks, s.wal_bytes
FROM (SELECT session_id, logon_at, max(login_user) AS login_user, max(database) AS database,
             max(auth_method) AS auth_method, max(system_identity) AS system_identity,
             max(client_addr) AS client_addr, max(client_port) AS client_port,
             coalesce(max(application_name) FILTER (WHERE event <> 'logon'),
                      max(application_name)) AS application_name,
             max(encryption) AS encryption, max(instance_num) AS instance_num,
             max(at) FILTER (WHERE event <> 'logon') AS logoff_at,
             bool_or(event <> 'logon') AS ended, bool_or(event = 'lost') AS lost,
             max(ended_by) AS ended_by, max(sqlstate) AS sqlstate, max(cpu) AS cpu,
             max(blocks_hit) AS blocks_hit, max(blocks_read) AS blocks_read,
             max(blocks_written) AS blocks_written, max(temp_blocks) AS temp_blocks,
             max(wal_bytes) AS wal_bytes
      FROM @extschema@.log
      WHERE event IN ('logon', 'logoff', 'lost')
      GROUP BY session_id, logon_at) s
LEFT JOIN pg_stat_activity a
  ON NOT s.ended
     AND to_hex(floor(extract(epoch FROM a.backend_start))::bigint) || '.' || to_hex(a.pid) = s.session_id;

COMMENT ON VIEW @extschema@.sessions IS 'one row for each session';

-- One row for each role that may log on, also those that never did.
CREATE VIEW @extschema@.last_logons AS
SELECT r.rolname::text AS login_user, l.last_logon_at, l.client_addr, l.application_name,
       coalesce(l.logons, 0) AS logons
FROM pg_roles r
LEFT JOIN (SELECT last.login_user, last.last_logon_at, last.logons, max(at.client_addr) AS client_addr,
                  max(at.application_name) AS application_name
           FROM (SELECT login_user, max(at) AS last_logon_at, count(*) AS logons
                 FROM @extschema@.log WHERE event = 'logon' GROUP BY login_user) last
           JOIN @extschema@.log at
             ON at.event = 'logon' AND at.login_user = last.login_user AND at.at = last.last_logon_at
           GROUP BY 1, 2, 3) l ON l.login_user = r.rolname
WHERE r.rolcanlogin;

COMMENT ON VIEW @extschema@.last_logons IS 'the last logon of each role that may log on';

-- Nobody but a superuser can change a row.
GRANT USAGE ON SCHEMA @extschema@ TO pg_monitor;
GRANT SELECT ON @extschema@.log, @extschema@.log_default, @extschema@.sessions, @extschema@.last_logons TO pg_monitor;

SELECT pg_extension_config_dump('@extschema@.log_default', '');

CREATE EVENT TRIGGER session_audit_logon ON after_user_logon EXECUTE FUNCTION @extschema@.record();
CREATE EVENT TRIGGER session_audit_logoff ON before_user_logoff EXECUTE FUNCTION @extschema@.record();
ALTER EVENT TRIGGER session_audit_logon ENABLE ALWAYS;
ALTER EVENT TRIGGER session_audit_logoff ENABLE ALWAYS;
