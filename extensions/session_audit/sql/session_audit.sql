SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';

-- The schema is no place for traps.
CREATE ROLE regress_trapper;
CREATE SCHEMA session_audit AUTHORIZATION regress_trapper;
\set SHOW_CONTEXT never
CREATE EXTENSION session_audit; -- error
\set SHOW_CONTEXT errors
DROP SCHEMA session_audit;
-- Others may have been given the schema, and objects of theirs could wait in it.
CREATE SCHEMA session_audit;
GRANT ALL ON SCHEMA session_audit TO regress_trapper;
SET ROLE regress_trapper;
CREATE FUNCTION session_audit.close(oid) RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped'; END$$;
CREATE FUNCTION session_audit.trap(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped'; END$$;
CREATE OPERATOR session_audit.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = session_audit.trap);
RESET ROLE;
\set SHOW_CONTEXT never
CREATE EXTENSION session_audit; -- error
\set SHOW_CONTEXT errors
-- Those of a superuser may stay, and are not called.
ALTER FUNCTION session_audit.close(oid) OWNER TO CURRENT_USER;
ALTER FUNCTION session_audit.trap(oid, regclass) OWNER TO CURRENT_USER;
ALTER OPERATOR session_audit.= (oid, regclass) OWNER TO CURRENT_USER;
CREATE EXTENSION session_audit;
SELECT has_schema_privilege('regress_trapper', 'session_audit', 'CREATE');
DROP EXTENSION session_audit;
DROP SCHEMA session_audit CASCADE;
-- Nor do default privileges give anything away.
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_trapper;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_trapper;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO regress_trapper;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO regress_trapper;
CREATE EXTENSION session_audit;
SELECT session_audit.add_month('2001-02-14');
SELECT has_schema_privilege('regress_trapper', 'session_audit', 'CREATE');
SELECT oid::regclass AS table_given FROM pg_class
WHERE relnamespace = 'session_audit'::regnamespace AND relkind IN ('r', 'p', 'v')
  AND has_table_privilege('regress_trapper', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');
SELECT has_sequence_privilege('regress_trapper', 'session_audit.server', 'USAGE, SELECT, UPDATE') AS sequence_given;
SELECT oid::regprocedure AS function_given FROM pg_proc
WHERE pronamespace = 'session_audit'::regnamespace AND has_function_privilege('regress_trapper', oid, 'EXECUTE');
DROP EXTENSION session_audit;
DROP SCHEMA session_audit;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM regress_trapper;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM regress_trapper;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM regress_trapper;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM regress_trapper;
DROP ROLE regress_trapper;

-- Rules A1 and A9: what the extension consists of.
CREATE EXTENSION session_audit;
-- what \dx+ shows, but for the types, which it shows in newer majors only
SELECT pg_describe_object(classid, objid, 0) COLLATE "C" AS object FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid <> 'pg_type'::regclass
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'session_audit')
ORDER BY 1;
\d+ session_audit.log
\d session_audit.log_default
\d session_audit.keeper
\d session_audit.open_sessions
\d session_audit.kept_logons
\d session_audit.sessions
\d session_audit.last_logons
SELECT extconfig::regclass[], extcondition FROM pg_extension WHERE extname = 'session_audit';

-- Months in UTC are made once, and take the rows that they are for.
BEGIN;
SET LOCAL timezone = 'Asia/Tokyo';
INSERT INTO session_audit.log (at, event) VALUES ('2001-01-31 23:59:59.999999+00', 'a'), ('2001-02-01 00:00:00+00', 'b'),
    ('2001-02-28 23:59:59.999999+00', 'c'), ('2001-03-01 00:00:00+00', 'd');
SELECT session_audit.add_month('2001-02-14');
SELECT session_audit.add_month('2001-02-28');
SELECT tableoid::regclass, event FROM session_audit.log ORDER BY at;
SET LOCAL timezone = 'UTC';
\d session_audit.log_2001_02
SELECT session_audit.make_months('2001-03-31 23:59:59+00');
SELECT inhrelid::regclass::text COLLATE "C" AS partition FROM pg_inherits
WHERE inhparent = 'session_audit.log'::regclass ORDER BY 1;
SELECT tableoid::regclass, event FROM session_audit.log ORDER BY at;
ROLLBACK;
BEGIN;
CREATE TABLE session_audit.log_2001_02 (i int);
\set SHOW_CONTEXT never
SELECT session_audit.make_months('2001-02-14'); -- error
\set SHOW_CONTEXT errors
ROLLBACK;

-- A publication of all tables keeps nothing from being done.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE PUBLICATION regress_all FOR ALL TABLES;
RESET client_min_messages;
INSERT INTO session_audit.log (at, event) VALUES ('2001-02-01 00:00:00+00', 'b');
SELECT session_audit.add_month('2001-02-14');
INSERT INTO session_audit.log (at, event) VALUES ('2001-01-01 00:00:00+00', 'a');
SELECT session_audit.running() <> '' AS runs;
SELECT count(*) FROM session_audit.find_lost('2001-03-01', '2001-03-01', '');
SELECT session_audit.note_pass('2001-03-01', 'an error');
SELECT session_audit.note_pass('2001-03-02', NULL);
SELECT session_audit.drop_months('2001-04-01', 1);
SELECT count(*) FROM session_audit.log;
ROLLBACK;

-- What follows writes rows as the writer does.
CREATE FUNCTION add_row(event text, at timestamptz, session_id text, login_user text, logon_at timestamptz,
    ended_by text DEFAULT NULL, server bigint DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO session_audit.log (at, event, session_id, login_user, login_user_id, kind, client_addr, application_name,
        system_identifier, logon_at, ended_by, count)
    SELECT at, event, session_id, login_user, to_regrole(quote_ident(login_user))::oid, 'client', '192.0.2.1', 'app',
        coalesce(server, c.system_identifier), logon_at, ended_by, 1
    FROM pg_control_system() c
$$;

-- Rule A9: the sessions.
BEGIN;
SELECT session_audit.add_month('2001-02-14');
SELECT to_hex(floor(extract(epoch FROM backend_start))::bigint) || '.' || to_hex(pid) AS me
FROM pg_stat_activity WHERE pid = pg_backend_pid() \gset
SELECT add_row('logon', '2001-02-01 10:00', '1.1', 'alice', '2001-02-01 10:00'),
       add_row('logoff', '2001-02-01 11:00', '1.1', 'alice', '2001-02-01 10:00', 'client'),
       -- a session that is used twice
       add_row('logon', '2001-02-02 10:00', '1.2', 'alice', '2001-02-02 10:00'),
       add_row('logoff', '2001-02-02 10:30', '1.2', 'alice', '2001-02-02 10:00', 'reset'),
       add_row('logon', '2001-02-02 10:30', '1.2', 'alice', '2001-02-02 10:30'),
       add_row('logoff', '2001-02-12 10:30', '1.2', 'alice', '2001-02-02 10:30', 'terminated'),
       -- one that was lost, one that may have been, and one that began before the audit
       add_row('logon', '2001-02-03 10:00', '1.3', 'bob', '2001-02-03 10:00'),
       add_row('lost', '2001-02-03 12:00', '1.3', 'bob', '2001-02-03 10:00', 'crash'),
       add_row('logon', '2001-02-04 10:00', '1.4', 'bob', '2001-02-04 10:00'),
       add_row('logoff', '2001-02-05 10:00', '1.5', 'bob', '2001-01-05 10:00', 'client'),
       -- one that runs, and one of another server that has the same identifier
       add_row('logon', '2001-02-06 10:00', :'me', 'carol', '2001-02-06 10:00'),
       add_row('logon', '2001-02-07 10:00', :'me', 'dave', '2001-02-07 10:00', NULL, 1),
       -- the end of another server's session is none of this one's
       add_row('logoff', '2001-02-06 12:00', :'me', 'carol', '2001-02-06 10:00', 'client', 1),
       add_row('refused', '2001-02-08 10:00', '1.6', 'mallory', NULL) \g /dev/null
SELECT CASE session_id WHEN :'me' THEN 'me' ELSE session_id END AS session_id, login_user, logon_at, logoff_at,
       CASE state WHEN 'active' THEN '1 h' ELSE duration END AS duration, state, ended_by
FROM session_audit.sessions ORDER BY logon_at, login_user, state;
SELECT session_id, state FROM session_audit.sessions WHERE login_user = 'bob' AND logon_at > '2001-02-01' ORDER BY logon_at;
SELECT login_user FROM session_audit.sessions WHERE state = 'active';
SELECT session_id, ended_by FROM session_audit.sessions WHERE ended_by <> 'client' ORDER BY logon_at;
-- those that ran at a time, or in between two, or for a time
SELECT session_id, login_user, state FROM session_audit.sessions_during('2001-02-01 10:59', '2001-02-01 10:59') ORDER BY logon_at;
SELECT session_id, login_user, state FROM session_audit.sessions_during('2001-02-01 11:01', '2001-02-01 11:01') ORDER BY logon_at;
SELECT session_id, login_user, logon_at, state FROM session_audit.sessions_during('2001-02-02 09:00', '2001-02-03 11:00') ORDER BY logon_at;
SELECT login_user, duration, state FROM session_audit.sessions_during('-infinity', 'infinity', '5 days') WHERE state <> 'active' ORDER BY duration DESC, login_user;
-- whatever they last
SELECT count(*) FROM (SELECT 1.5 ^ i * interval '0.5 s' AS d FROM generate_series(0, 45) i) d,
    LATERAL (SELECT add_row('logoff', timestamptz '2001-02-20 00:00' + d, '2.1', 'erin', '2001-02-20 00:00')) a \g /dev/null
SELECT count(*) FILTER (WHERE logoff_at >= at) = count(f.found) AND bool_and(found OR found IS NULL) AS all_found
FROM (SELECT timestamptz '2001-02-20 00:00' + 1.5 ^ i * interval '0.4 s' AS at FROM generate_series(0, 45, 5) i) t
CROSS JOIN (SELECT logoff_at FROM session_audit.sessions WHERE login_user = 'erin') s
LEFT JOIN LATERAL (SELECT true AS found FROM session_audit.sessions_during(t.at, t.at) d
                   WHERE d.login_user = 'erin' AND d.logoff_at = s.logoff_at) f ON true;
SELECT partitions, oldest, newest, size > 0 AS has_size FROM session_audit.status();
ROLLBACK;

-- Rule A7: lost sessions.
CREATE FUNCTION lost(at timestamptz, started_at timestamptz, running text)
RETURNS TABLE (ended_at timestamptz, session_id text, login_user text, logon_at timestamptz, ended_by text)
LANGUAGE sql AS $$
    SELECT timestamptz '2000-01-01 00:00+00' + at_us * interval '1 us', session_id, login_user,
        timestamptz '2000-01-01 00:00+00' + logon_at_us * interval '1 us', ended_by
    FROM session_audit.find_lost(at, started_at, running)
$$;
BEGIN;
SELECT session_audit.add_month('2001-02-14');
SELECT add_row('logon', '2001-02-01 10:00', '1.1', 'ended', '2001-02-01 10:00'),
       add_row('logoff', '2001-02-01 11:00', '1.1', 'ended', '2001-02-01 10:00', 'client'),
       add_row('logon', '2001-02-01 10:00', '1.2', 'crashed', '2001-02-01 10:00'),
       add_row('logon', '2001-02-03 10:00', '1.3', 'killed', '2001-02-03 10:00'),
       add_row('logon', '2001-02-03 10:00:00.000001', '1.4', 'runs', '2001-02-03 10:00:00.000001'),
       add_row('logon', '2001-02-03 10:00', '1.5', 'reset', '2001-02-03 10:00'),
       add_row('logon', '2001-02-03 10:10', '1.5', 'runs', '2001-02-03 10:10'),
       add_row('logoff', '2001-02-03 12:00', '1.6', 'no_logon', '2001-02-03 10:00', 'client'),
       add_row('logon', '2001-02-01 10:00', '1.7', 'elsewhere', '2001-02-01 10:00', NULL, 1),
       add_row('refused', '2001-02-01 10:00', '1.8', 'refused', NULL) \g /dev/null
-- Nothing that has not been noted before the list of processes was made.
SELECT * FROM lost('2001-02-04 00:00', '2001-02-02 00:00', '1.4,1.5');
SELECT session_audit.running() <> '' AS runs;
SELECT session_id, logon_at FROM session_audit.open_sessions ORDER BY session_id, logon_at;
SELECT * FROM lost('2001-02-04 00:00', '2001-02-02 00:00', '1.4,1.5');
-- The keeper died.  One row had been written, and one session's end came after all.
SELECT add_row('lost', '2001-02-02 00:00', '1.2', 'crashed', '2001-02-01 10:00', 'crash'),
       add_row('logoff', '2001-02-03 23:59', '1.3', 'killed', '2001-02-03 10:00', 'client') \g /dev/null
SELECT session_audit.running() <> '' AS runs;
SELECT * FROM lost('2001-02-05 00:00', '2001-02-02 00:00', '1.4,1.5');
SELECT add_row('lost', '2001-02-03 10:10', '1.5', 'reset', '2001-02-03 10:00', 'reset') \g /dev/null
SELECT session_audit.running() <> '' AS runs;
SELECT * FROM lost('2001-02-06 00:00', '2001-02-02 00:00', '1.4,1.5');
-- Only what is new is read, but those that were open are not forgotten.
SELECT searched_at, searched_before FROM session_audit.keeper;
SELECT add_row('logon', '2001-01-01 10:00', '1.9', 'too_old', '2001-01-01 10:00'),
       add_row('logon', '2001-02-06 10:00', '1.a', 'new', '2001-02-06 10:00') \g /dev/null
SELECT session_audit.running() <> '' AS runs;
SELECT session_id, logon_at FROM session_audit.open_sessions ORDER BY session_id, logon_at;
SELECT * FROM lost('2001-02-07 00:00', '2001-02-06 12:00', '');
-- all that identifies the session is returned
SELECT ended.at_us - ended.logon_at_us AS us, ended.login_user_id, ended.kind, ended.client_addr, ended.client_port, ended.application_name
FROM session_audit.find_lost('2001-02-07 00:00', '2001-02-06 12:00', '') ended WHERE login_user = 'new';
SELECT session_id, login_user, state FROM session_audit.sessions_during('2001-02-06 11:00', '2001-02-06 11:00') ORDER BY 1;
-- A session whose logon has been dropped is of no interest.
DELETE FROM session_audit.log WHERE login_user = 'runs';
SELECT * FROM lost('2001-02-08 00:00', '2001-02-06 12:00', '');
ROLLBACK;

-- Rules A7 and A9: last logons, also of months that have been dropped.
CREATE ROLE regress_audit_a LOGIN;
CREATE ROLE regress_audit_b LOGIN;
CREATE ROLE regress_audit_c LOGIN;
CREATE ROLE regress_audit_d LOGIN;
BEGIN;
SELECT session_audit.make_months('2001-02-14');
SELECT add_row('logon', '2001-01-05 10:00', '1.0', 'regress_audit_b', '2001-01-05 10:00'),
       add_row('logon', '2001-02-01 10:00', '1.1', 'regress_audit_a', '2001-02-01 10:00'),
       add_row('logon', '2001-02-02 10:00', '1.2', 'regress_audit_a', '2001-02-02 10:00'),
       add_row('logon', '2001-03-02 10:00', '1.3', 'regress_audit_c', '2001-03-02 10:00'),
       add_row('logon', '2001-02-02 10:00', '1.4', 'regress_audit_c', '2001-02-02 10:00'),
       -- elsewhere, as a role of the same number
       add_row('logon', '2001-03-03 10:00', '1.5', 'regress_audit_a', '2001-03-03 10:00', NULL, 1),
       add_row('refused', '2001-03-03 10:00', '1.6', 'regress_audit_d', NULL) \g /dev/null
SELECT login_user, last_logon_at, client_addr, application_name FROM session_audit.last_logons
WHERE login_user LIKE 'regress_audit_%' ORDER BY 1;
ALTER ROLE regress_audit_a RENAME TO regress_audit_e;
DROP ROLE regress_audit_b;
CREATE ROLE regress_audit_b LOGIN;
CREATE ROLE regress_audit_a LOGIN;
SELECT login_user, last_logon_at FROM session_audit.last_logons WHERE login_user LIKE 'regress_audit_%' ORDER BY 1;
-- a partition is dropped when its last day is old enough
SELECT session_audit.drop_months('2001-03-10 23:59:59+00', 10);
SELECT count(*) FROM session_audit.log;
SELECT session_audit.drop_months('2001-03-11 00:00:00+00', 0);
SELECT session_audit.drop_months('2001-03-11 00:00:00+00', 10);
SELECT tableoid::regclass, login_user FROM session_audit.log ORDER BY at, login_user;
SELECT login_user, last_logon_at, client_addr, application_name FROM session_audit.last_logons
WHERE login_user LIKE 'regress_audit_%' ORDER BY 1;
SELECT login_user, last_logon_at FROM session_audit.kept_logons ORDER BY 1;
-- pg_upgrade gives the server another identifier, which this server is said to have had before
SAVEPOINT upgraded;
SELECT setval('session_audit.server', 1) \g /dev/null
SELECT add_row('logon', '2001-03-04 10:00', '1.7', 'regress_audit_d', '2001-03-04 10:00', NULL, 1) \g /dev/null
INSERT INTO session_audit.kept_logons (system_identifier, login_user_id, last_logon_at)
SELECT 1, oid, '2000-01-01' FROM pg_roles WHERE rolname IN ('regress_audit_b', 'regress_audit_c');
SELECT session_audit.running() <> '' AS runs;
SELECT login_user, last_logon_at FROM session_audit.last_logons WHERE login_user LIKE 'regress_audit_%' ORDER BY 1;
SELECT last_value = system_identifier AS is_known FROM session_audit.server, pg_control_system();
ROLLBACK TO upgraded;
-- one that cannot be dropped does not keep the others
CREATE VIEW of_march AS SELECT * FROM session_audit.log_2001_03;
SELECT session_audit.add_month('2001-04-01');
SELECT session_audit.drop_months('2002-04-01 00:00:00+00', 10);
SELECT count(*) FROM of_march;
SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'session_audit.log'::regclass ORDER BY inhrelid;
SELECT last_pass_at, last_error, last_error_at FROM session_audit.status();
SELECT session_audit.note_pass('2002-04-02 00:00:00+00', NULL);
SELECT last_pass_at, last_error, last_error_at FROM session_audit.status();
ROLLBACK;

-- Who may use it: pg_monitor reads.
CREATE ROLE regress_auditor IN ROLE pg_monitor;
CREATE ROLE regress_audited;
GRANT pg_read_all_stats TO regress_audited;
SELECT session_audit.add_month('2001-02-14');
SET ROLE regress_auditor;
SELECT count(*) FROM session_audit.log;
SELECT count(*) FROM session_audit.log_2001_02;
SELECT count(*) FROM session_audit.sessions;
SELECT count(*) FROM session_audit.sessions_during('-infinity', 'infinity');
SELECT count(*) > 0 AS has_roles FROM session_audit.last_logons;
SELECT partitions, oldest, last_error FROM session_audit.status();
DELETE FROM session_audit.log; -- error
SELECT session_audit.running(); -- error
SELECT session_audit.make_months('2001-02-14'); -- error
SELECT session_audit.drop_months('2001-02-14', 1); -- error
SELECT session_audit.find_lost('2001-02-14', '2001-02-14', ''); -- error
RESET ROLE;
GRANT USAGE ON SCHEMA session_audit TO regress_audited;
SET ROLE regress_audited;
SELECT count(*) FROM session_audit.log; -- error
SELECT count(*) FROM session_audit.status(); -- error
RESET ROLE;
SELECT oid::regclass::text COLLATE "C" AS table_given FROM pg_class
WHERE relnamespace = 'session_audit'::regnamespace AND relkind IN ('r', 'p', 'v')
  AND (has_table_privilege('regress_auditor', oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
       OR has_table_privilege('regress_audited', oid, 'SELECT') OR NOT has_table_privilege('regress_auditor', oid, 'SELECT'));
SELECT oid::regprocedure::text COLLATE "C" AS function_given FROM pg_proc
WHERE pronamespace = 'session_audit'::regnamespace AND has_function_privilege('regress_auditor', oid, 'EXECUTE') ORDER BY 1;
SELECT oid::regprocedure AS function_given FROM pg_proc
WHERE pronamespace = 'session_audit'::regnamespace AND has_function_privilege('regress_audited', oid, 'EXECUTE');

DROP EXTENSION session_audit;
SELECT count(*) FROM pg_class WHERE relnamespace = 'session_audit'::regnamespace;
DROP SCHEMA session_audit;
DROP FUNCTION add_row, lost;
DROP ROLE regress_auditor, regress_audited, regress_audit_a, regress_audit_b, regress_audit_c, regress_audit_d;
