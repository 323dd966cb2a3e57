-- The schema is no place for traps.
CREATE ROLE regress_trapper;
CREATE SCHEMA session_triggers AUTHORIZATION regress_trapper;
\set SHOW_CONTEXT never
CREATE EXTENSION session_triggers; -- error
\set SHOW_CONTEXT errors
DROP SCHEMA session_triggers;
-- Others may have been given the schema, and objects of theirs could wait in it.
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_trapper;
CREATE SCHEMA session_triggers;
SET ROLE regress_trapper;
CREATE FUNCTION session_triggers.trap(oid, int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'trapped'; END$$;
CREATE OPERATOR session_triggers.= (LEFTARG = oid, RIGHTARG = int, FUNCTION = session_triggers.trap);
RESET ROLE;
\set SHOW_CONTEXT never
CREATE EXTENSION session_triggers; -- error
\set SHOW_CONTEXT errors
-- Those of a superuser may stay, and are not called.
ALTER FUNCTION session_triggers.trap(oid, int) OWNER TO CURRENT_USER;
ALTER OPERATOR session_triggers.= (oid, int) OWNER TO CURRENT_USER;
CREATE EXTENSION session_triggers;
ALTER ROLE regress_trapper SET session_triggers.enabled = off;
SELECT problem, detail FROM session_triggers.problems;
SELECT has_schema_privilege('regress_trapper', 'session_triggers', 'CREATE');
DROP EXTENSION session_triggers;
DROP SCHEMA session_triggers CASCADE;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM regress_trapper;
DROP ROLE regress_trapper;

-- Rule T1: what the extension consists of, and who may use it. Its script is read as it is written also
-- where a backslash in a string would be an escape.
SET standard_conforming_strings = off;
CREATE EXTENSION session_triggers;
RESET standard_conforming_strings;
SELECT pg_describe_object(classid, objid, 0) COLLATE "C" AS object FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid <> 'pg_type'::regclass
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'session_triggers')
ORDER BY 1;
\d session_triggers.stat
\d session_triggers.stat_server
\d session_triggers.triggers
\d session_triggers.problems

CREATE ROLE regress_monitor IN ROLE pg_monitor;
CREATE ROLE regress_other;
SET ROLE regress_monitor;
SELECT count(*) FROM session_triggers.stat;
SELECT count(*) FROM session_triggers.stat_server;
SELECT count(*) FROM session_triggers.triggers;
SELECT count(*) FROM session_triggers.problems;
SELECT session_triggers.stat_reset(); -- error
SELECT session_triggers.stat_reset('t'); -- error
SET ROLE regress_other;
SELECT count(*) FROM session_triggers.stat; -- error
SELECT count(*) FROM session_triggers.stat_server; -- error
SELECT count(*) FROM session_triggers.triggers; -- error
SELECT count(*) FROM session_triggers.problems; -- error
SELECT session_triggers.counters(); -- error
SELECT session_triggers.server_counters(); -- error
RESET ROLE;

-- Rule T1: a session counts, and what is not an event of sessions does not.
CREATE FUNCTION regress_nothing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION regress_fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'secret' USING ERRCODE = 'AB123';
END
$$;
CREATE EVENT TRIGGER regress_ddl ON ddl_command_end EXECUTE FUNCTION regress_nothing();
CREATE EVENT TRIGGER regress_logon ON after_user_logon EXECUTE FUNCTION regress_nothing();
CREATE EVENT TRIGGER regress_never ON after_user_logon EXECUTE FUNCTION regress_nothing();
CREATE EVENT TRIGGER zz_fails ON after_user_logon EXECUTE FUNCTION regress_fail();
ALTER EVENT TRIGGER regress_never DISABLE;
SELECT session_triggers.stat_reset();
\c
SELECT database = current_database() AS here, trigger, event, fired, failed, timed_out,
    total_time > 0 AS total_time, min_time > 0 AS min_time, mean_time BETWEEN min_time AND max_time AS mean_time,
    max_time <= total_time AS max_time, last_failure_at > now() - interval '1 hour' AS last_failure_at, last_failure_sqlstate
FROM session_triggers.stat WHERE database = current_database() ORDER BY trigger;
SELECT let_in > 0 AS let_in, warned > 0 AS warned, rejected, gave_way, uncounted,
    stats_reset > now() - interval '1 hour' AS stats_reset
FROM session_triggers.stat_server;

-- Rule T1: names may change, and are those of this database
ALTER EVENT TRIGGER regress_logon RENAME TO "Regress logon";
SELECT trigger, fired FROM session_triggers.stat WHERE fired > 0 AND database = current_database() ORDER BY 1;
SELECT session_triggers.stat_reset('Regress logon');
SELECT session_triggers.stat_reset('regress_logon'); -- error
SELECT trigger, fired FROM session_triggers.stat WHERE fired > 0 AND database = current_database() ORDER BY 1;
DROP EVENT TRIGGER zz_fails;
SELECT trigger, fired FROM session_triggers.stat WHERE database = current_database() ORDER BY 1;

-- session_triggers.try()
CREATE TABLE regress_log (event text, tag text, who text);
CREATE FUNCTION regress_log() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO regress_log VALUES (tg_event, tg_tag, polar_login_user);
    SET LOCAL work_mem = '123kB';
    RAISE NOTICE 'one';
    RAISE WARNING 'two%', '';
    RAISE INFO 'three';
    RAISE LOG 'not this one';
    RAISE DEBUG 'nor this one';
END
$$;
CREATE EVENT TRIGGER regress_log ON before_user_logoff EXECUTE FUNCTION regress_log();
CREATE EVENT TRIGGER regress_fails ON after_user_logon EXECUTE FUNCTION regress_fail();
ALTER EVENT TRIGGER regress_log DISABLE;
ALTER EVENT TRIGGER regress_fails DISABLE;
SET client_min_messages = error;
SELECT run_time > 0 AS ran, notices, sqlstate, error FROM session_triggers.try('regress_log');
SELECT count(*) FROM regress_log;
SHOW work_mem;
SELECT run_time > 0 AS ran, notices, sqlstate, error, context FROM session_triggers.try('regress_fails');
-- the values of settings are those of a firing
CREATE FUNCTION regress_settings() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% %', tg_tag, current_setting('enable_seqscan');
END
$$;
CREATE EVENT TRIGGER regress_settings ON after_user_logon EXECUTE FUNCTION regress_settings();
SET enable_seqscan = off;
SELECT notices, error FROM session_triggers.try('regress_settings');
SHOW enable_seqscan;
RESET enable_seqscan;
SHOW log_min_messages;
-- the time limit holds, and the statement's own does too
CREATE FUNCTION regress_sleep() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); END';
CREATE EVENT TRIGGER regress_sleep ON after_user_logon EXECUTE FUNCTION regress_sleep();
SET session_triggers.logon_timeout = '10ms';
SELECT sqlstate, error FROM session_triggers.try('regress_sleep');
RESET session_triggers.logon_timeout;
SET statement_timeout = '100ms';
SELECT sqlstate, error FROM session_triggers.try('regress_sleep'); -- error
RESET statement_timeout;
DROP EVENT TRIGGER regress_sleep;
-- one at a time
CREATE FUNCTION regress_again() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM session_triggers.try('regress_again');
END
$$;
CREATE EVENT TRIGGER regress_again ON after_user_logon EXECUTE FUNCTION regress_again();
SELECT sqlstate, error FROM session_triggers.try('regress_again');
DROP EVENT TRIGGER regress_again;
-- an earlier statement of the transaction is not lost
BEGIN;
INSERT INTO regress_log VALUES ('kept');
SELECT sqlstate FROM session_triggers.try('regress_fails');
COMMIT;
SELECT * FROM regress_log;
SELECT session_triggers.try('regress_ddl'); -- error
SELECT session_triggers.try('missing'); -- error
SET ROLE regress_monitor;
SELECT session_triggers.try('regress_log'); -- error
RESET ROLE;
-- Only the owner may, apart from superusers.
CREATE ROLE regress_owner SUPERUSER;
ALTER EVENT TRIGGER regress_settings OWNER TO regress_owner;
ALTER ROLE regress_owner NOSUPERUSER;
SET ROLE regress_owner;
SELECT notices, error FROM session_triggers.try('regress_settings'); -- error, it fires nowhere
SELECT session_triggers.try('regress_log'); -- error
RESET ROLE;
RESET client_min_messages;
DROP EVENT TRIGGER regress_log;
DROP EVENT TRIGGER regress_fails;
DROP EVENT TRIGGER regress_settings;
DROP EVENT TRIGGER "Regress logon";
DROP EVENT TRIGGER regress_never;

-- the triggers in the order in which they fire
CREATE SCHEMA regress_schema;
CREATE FUNCTION regress_schema."Good"() RETURNS event_trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'BEGIN END';
CREATE EVENT TRIGGER b ON after_user_logon EXECUTE FUNCTION regress_schema."Good"();
CREATE EVENT TRIGGER "B" ON after_user_logon EXECUTE FUNCTION regress_schema."Good"();
CREATE EVENT TRIGGER a ON before_user_logoff EXECUTE FUNCTION regress_nothing();
ALTER EVENT TRIGGER b ENABLE ALWAYS;
SELECT position, trigger, event, owner = current_user AS owner, function, function_owner = current_user AS function_owner,
    rights, enabled, problems
FROM session_triggers.triggers;
DROP EVENT TRIGGER "B";
DROP EVENT TRIGGER a;

-- what is wrong with them, one thing after the other
CREATE FUNCTION regress_problems() RETURNS SETOF text LANGUAGE sql AS
'SELECT concat_ws('': '', trigger, problem, detail) FROM session_triggers.problems';
SELECT regress_problems();
BEGIN;
ALTER EVENT TRIGGER b DISABLE;
SELECT regress_problems();
ALTER EVENT TRIGGER b ENABLE REPLICA;
SELECT regress_problems();
ROLLBACK;
BEGIN;
DELETE FROM pg_proc WHERE proname = 'Good';
SELECT regexp_replace(regress_problems(), '\d+', 'N');
SELECT function, function_owner, rights FROM session_triggers.triggers;
ROLLBACK;
CREATE ROLE regress_demoted SUPERUSER;
BEGIN;
ALTER EVENT TRIGGER b OWNER TO regress_demoted;
SELECT regress_problems();
ALTER ROLE regress_demoted NOSUPERUSER;
SELECT regress_problems();
ROLLBACK;
BEGIN;
GRANT CREATE ON SCHEMA regress_schema TO regress_other;
ALTER FUNCTION regress_schema."Good"() OWNER TO regress_other;
SELECT regress_problems();
ROLLBACK;
BEGIN;
ALTER FUNCTION regress_schema."Good"() SECURITY INVOKER;
SELECT regress_problems();
ROLLBACK;
BEGIN;
ALTER FUNCTION regress_schema."Good"() RESET search_path;
SELECT regress_problems();
ALTER FUNCTION regress_schema."Good"() SET search_path = pg_temp, pg_catalog;
SELECT regress_problems();
ALTER FUNCTION regress_schema."Good"() SET search_path = '';
SELECT regress_problems();
ALTER FUNCTION regress_schema."Good"() SET search_path = pg_catalog, regress_schema, pg_temp;
SELECT regress_problems();
GRANT CREATE ON SCHEMA regress_schema TO regress_demoted;
SELECT regress_problems();
GRANT CREATE ON SCHEMA regress_schema TO regress_other;
SELECT regress_problems();
CREATE SCHEMA regress_owned AUTHORIZATION regress_other;
ALTER FUNCTION regress_schema."Good"() SET search_path = pg_catalog, regress_owned, pg_temp;
SELECT regress_problems();
ROLLBACK;
BEGIN;
ALTER ROLE regress_other SET session_triggers.enabled = off;
ALTER ROLE regress_monitor SET session_triggers.enabled = on;
SELECT regress_problems();
-- Rule C1: what a stock server has kept
UPDATE pg_db_role_setting SET setconfig = '{session_triggers.enabled=maybe}' WHERE setrole = 'regress_other'::regrole;
UPDATE pg_db_role_setting SET setconfig = '{Session_Triggers.Enabled=F}' WHERE setrole = 'regress_monitor'::regrole;
SELECT regress_problems();
ROLLBACK;
-- Rule N2: a trigger that fires for nobody, or not for the roles that its owner has made
CREATE ROLE regress_tenant SUPERUSER;
ALTER EVENT TRIGGER b OWNER TO regress_tenant;
ALTER FUNCTION regress_schema."Good"() OWNER TO regress_tenant;
ALTER ROLE regress_tenant NOSUPERUSER CREATEROLE;
SELECT regress_problems();
SET ROLE regress_tenant;
CREATE ROLE regress_user LOGIN;
CREATE ROLE "regress User" LOGIN;
CREATE ROLE regress_group;
RESET ROLE;
SELECT regress_problems();
ALTER ROLE regress_tenant LOGIN;
SELECT regress_problems();
BEGIN;
SET ROLE regress_tenant;
GRANT regress_user, "regress User" TO regress_tenant;
RESET ROLE;
SELECT regress_problems();
ALTER ROLE regress_tenant NOLOGIN;
SELECT regress_problems();
ALTER ROLE regress_user SUPERUSER;
ALTER ROLE "regress User" NOLOGIN;
SELECT regress_problems();
ROLLBACK;
BEGIN;
-- a group does not reach its members
DROP ROLE regress_user, "regress User";
ALTER ROLE regress_tenant NOLOGIN;
CREATE ROLE regress_user LOGIN IN ROLE regress_tenant;
ALTER ROLE regress_tenant NOCREATEROLE;
SELECT regress_problems();
ROLLBACK;
BEGIN;
REVOKE CONNECT ON DATABASE :"DBNAME" FROM PUBLIC;
SELECT regress_problems();
ROLLBACK;
ALTER EVENT TRIGGER b OWNER TO CURRENT_USER;
ALTER FUNCTION regress_schema."Good"() OWNER TO CURRENT_USER;
ALTER EVENT TRIGGER b ENABLE ALWAYS;
-- Rule D9: one for a role, which is known by its name
BEGIN;
CREATE TRIGGER c AFTER LOGON ON "regress User".SCHEMA BEGIN NULL; END;
SELECT regress_problems();
ALTER ROLE "regress User" RENAME TO "regress Other";
SELECT regress_problems();
DROP ROLE "regress Other";
CREATE ROLE "regress User";
SELECT regress_problems();
ALTER ROLE "regress User" LOGIN;
SELECT regress_problems();
ALTER ROLE regress_tenant SUPERUSER;
ALTER EVENT TRIGGER c OWNER TO regress_tenant;
ALTER ROLE regress_tenant NOSUPERUSER;
SET ROLE regress_tenant;
GRANT regress_user TO regress_tenant;
RESET ROLE;
ALTER ROLE regress_tenant NOCREATEROLE;
SELECT regress_problems();
GRANT "regress User" TO regress_tenant;
SELECT regress_problems();
ROLLBACK;
-- a right to execute the function makes no difference
REVOKE ALL ON FUNCTION regress_schema."Good"() FROM PUBLIC;
SELECT regress_problems();

DROP EVENT TRIGGER b;
DROP EVENT TRIGGER regress_ddl;
DROP EXTENSION session_triggers;
DROP FUNCTION regress_schema."Good"(), regress_problems(), regress_nothing(), regress_fail(), regress_log(),
    regress_settings(), regress_sleep(), regress_again();
DROP TABLE regress_log;
DROP SCHEMA regress_schema;
DROP ROLE regress_monitor, regress_other, regress_owner, regress_demoted, regress_user, "regress User", regress_group,
    regress_tenant;
