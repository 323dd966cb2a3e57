-- The schema is no place for traps.
CREATE ROLE regress_trapper;
CREATE SCHEMA session_audit AUTHORIZATION regress_trapper;
\set SHOW_CONTEXT never
CREATE EXTENSION session_audit; -- error
\set SHOW_CONTEXT errors
DROP SCHEMA session_audit;
-- Others may have been given the schema, and objects of theirs could wait in it.
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_trapper;
CREATE EXTENSION session_audit VERSION '1.0';
SET ROLE regress_trapper;
CREATE FUNCTION session_audit.close(oid) RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped'; END$$;
CREATE FUNCTION session_audit.trap(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped'; END$$;
CREATE OPERATOR session_audit.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = session_audit.trap);
RESET ROLE;
\set SHOW_CONTEXT never
ALTER EXTENSION session_audit UPDATE; -- error
DROP EXTENSION session_audit;
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
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM regress_trapper;
DROP ROLE regress_trapper;

-- Rules A1 and A3: what the extension consists of, and who may use it.
CREATE EXTENSION session_audit;
-- what \dx+ shows, but for the types, which it shows in newer majors only
SELECT pg_describe_object(classid, objid, 0) COLLATE "C" AS object FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid <> 'pg_type'::regclass
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'session_audit')
ORDER BY 1;
SELECT evtname, evtevent, evtenabled, evtfoid::regprocedure FROM pg_event_trigger ORDER BY evtname;
\d+ session_audit.log
\d session_audit.sessions
\d session_audit.last_logons

-- a session leaves its rows, whatever rights it has
CREATE ROLE regress_audited LOGIN;
CREATE ROLE regress_auditor LOGIN IN ROLE pg_monitor;
\set superuser :USER
\c - regress_audited
SELECT count(*) FROM session_audit.log; -- error
SELECT session_audit.add_month('2026-01-01'); -- error
CREATE EXTENSION session_audit; -- error
\c - regress_auditor
-- The session before ends after its client has left it.
DO $$
BEGIN
    WHILE NOT EXISTS (SELECT FROM session_audit.log WHERE event = 'logoff' AND login_user = 'regress_audited') LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END
$$;
SELECT event, login_user, database = current_database() AS here, instance_num, ended_by, sqlstate, count
FROM session_audit.log WHERE login_user LIKE 'regress_audit%' ORDER BY login_user, at;
SELECT login_user, logons FROM session_audit.last_logons WHERE login_user LIKE 'regress_audit%' ORDER BY 1;
SELECT login_user, state FROM session_audit.sessions WHERE login_user = 'regress_auditor';
DELETE FROM session_audit.log; -- error
SELECT session_audit.add_month('2026-01-01'); -- error

\c - :superuser
-- months are made once, and take the rows that they are for
BEGIN;
INSERT INTO session_audit.log (at, event) VALUES ('2001-01-31 23:59:59.999999+00', 'a'), ('2001-02-01 00:00:00+00', 'b'),
    ('2001-02-28 23:59:59.999999+00', 'c'), ('2001-03-01 00:00:00+00', 'd');
SELECT session_audit.add_month('2001-02-14');
SELECT session_audit.add_month('2001-02-28');
SELECT tableoid::regclass, event FROM session_audit.log WHERE at < '2002-01-01' ORDER BY at;
SELECT has_table_privilege('regress_auditor', 'session_audit.log_2001_02', 'SELECT') AS reads,
    has_table_privilege('regress_auditor', 'session_audit.log_2001_02', 'INSERT, UPDATE, DELETE, TRUNCATE') AS writes;
ROLLBACK;

-- what rows would not heed is refused
CREATE FUNCTION regress_trigger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER t AFTER INSERT ON session_audit.log EXECUTE FUNCTION regress_trigger(); -- error
CREATE RULE r AS ON INSERT TO session_audit.log DO INSTEAD NOTHING; -- error

DROP EXTENSION session_audit;
SELECT count(*) FROM pg_event_trigger;
SELECT count(*) FROM pg_class WHERE relnamespace = 'session_audit'::regnamespace;
DROP ROLE regress_audited, regress_auditor;
DROP FUNCTION regress_trigger();
