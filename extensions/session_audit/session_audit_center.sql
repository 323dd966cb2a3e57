-- A central database for the records of the session audit that session_audit_load.pl
-- loads from the files of session_audit_center.conf: run this in it, as a superuser.  Any PostgreSQL will do.

CREATE SCHEMA session_audit_center;

-- All that a record has is kept as it was.
CREATE TABLE session_audit_center.lines (
    server text,
    at timestamptz,
    record jsonb,
    received_at timestamptz DEFAULT now(),
    id uuid PRIMARY KEY
);
CREATE INDEX ON session_audit_center.lines USING brin (at);
CREATE INDEX ON session_audit_center.lines ((record ->> 'login_user'), at);

-- What was no record, if anything.
CREATE TABLE session_audit_center.others (server text, line text, received_at timestamptz DEFAULT now());

-- What lines are added to.  rsyslog sends again what it does not know to have been taken, so a line
-- can come twice.  One that cannot be taken must not keep those behind it waiting.
CREATE VIEW session_audit_center.incoming AS SELECT NULL::text AS server, NULL::text AS line;

CREATE FUNCTION session_audit_center.take() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO session_audit_center.lines (server, at, record, id)
    SELECT NEW.server, (r ->> 'at')::timestamptz, r, md5(NEW.server || ' ' || NEW.line)::uuid
    FROM (SELECT NEW.line::jsonb AS r) AS parsed
    ON CONFLICT DO NOTHING;
    RETURN NEW;
EXCEPTION WHEN data_exception THEN
    INSERT INTO session_audit_center.others (server, line) VALUES (NEW.server, NEW.line);
    RETURN NEW;
END
$$;
CREATE TRIGGER take INSTEAD OF INSERT ON session_audit_center.incoming
    FOR EACH ROW EXECUTE FUNCTION session_audit_center.take();

-- With the names of the columns that the log has.
CREATE VIEW session_audit_center.log AS
SELECT l.server, r.*, l.record -> 'context' AS context, l.received_at
FROM session_audit_center.lines AS l, jsonb_to_record(l.record) AS r (
    number bigint, timeline int, digest text, at timestamptz, event text, session_id text, login_user text,
    login_user_id oid, database text, database_id oid, kind text, auth_method text, system_identity text,
    client_addr inet, client_port int, proxy_addr inet, application_name text, encryption text,
    instance_num int, logon_at timestamptz, ended_by text, sqlstate text, cpu interval, blocks_hit bigint,
    blocks_read bigint, blocks_written bigint, temp_blocks bigint, wal_bytes bigint, count int);

-- Who adds lines can neither read nor change them.
CREATE ROLE session_audit_writer LOGIN;
GRANT USAGE ON SCHEMA session_audit_center TO session_audit_writer;
GRANT INSERT ON session_audit_center.incoming TO session_audit_writer;
GRANT USAGE ON SCHEMA session_audit_center TO pg_monitor;
GRANT SELECT ON session_audit_center.lines, session_audit_center.others, session_audit_center.log TO pg_monitor;
