-- The DDL of the two events: E1, E2, E4, E5, E6, E9, C1.
\set me :USER

-- E4, E5: FUNCTION and PROCEDURE
SET ROLE regress_root;
CREATE EVENT TRIGGER on_logon ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER on_logoff ON before_user_logoff EXECUTE PROCEDURE log_session();
RESET ROLE;

-- E4, E5: the event's name is stored
SELECT evtname, evtevent, evtenabled, evttags FROM pg_event_trigger ORDER BY evtname;
\dy

-- E1, E2, E3: each once per session
\c - regress_alice
\c - :me
SELECT * FROM take_log(2);

-- E6: no tag filter
CREATE EVENT TRIGGER filtered ON after_user_logon WHEN TAG IN ('LOGON') EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER filtered ON before_user_logoff WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER filtered ON ddl_command_start WHEN TAG IN ('LOGON') EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER filtered ON ddl_command_start WHEN TAG IN ('LOGOFF') EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER filtered ON ddl_command_start WHEN TAG IN ('VACUUM') EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER filtered ON ddl_command_start WHEN TAG IN ('ALTER ACCESS METHOD', 'CREATE VIEW', 'SELECT INTO') EXECUTE FUNCTION log_session();
DROP EVENT TRIGGER filtered;

-- Other names, and other spellings, are no events
CREATE EVENT TRIGGER wrong ON after_user_logoff EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER wrong ON "AFTER_USER_LOGON" EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER fine ON AFTER_USER_LOGON EXECUTE FUNCTION log_session();
DROP EVENT TRIGGER fine;

-- Rules of event triggers at large
SET ROLE regress_alice;
CREATE EVENT TRIGGER denied ON after_user_logon EXECUTE FUNCTION log_session();
RESET ROLE;
CREATE EVENT TRIGGER on_logon ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER wrong ON after_user_logon EXECUTE FUNCTION now();
DROP FUNCTION log_session();

-- E5: DISABLE
ALTER EVENT TRIGGER on_logon DISABLE;
\c - regress_alice
\c - :me
SELECT * FROM take_log(1);

-- E5: ENABLE REPLICA and session_replication_role
ALTER EVENT TRIGGER on_logon ENABLE REPLICA;
ALTER EVENT TRIGGER on_logoff ENABLE ALWAYS;
\c - regress_alice
\c - :me
SELECT * FROM take_log(1);
ALTER ROLE regress_alice SET session_replication_role = replica;
\c - regress_alice
\c - :me
SELECT * FROM take_log(2);
ALTER EVENT TRIGGER on_logon ENABLE;
ALTER EVENT TRIGGER on_logoff ENABLE;
\c - regress_alice
SET test.what = 'no trigger fired so far';
\c - :me
ALTER ROLE regress_alice RESET session_replication_role;
\c - regress_bob
\c - :me
SELECT * FROM take_log(2);

-- E5: RENAME, OWNER, COMMENT
ALTER EVENT TRIGGER on_logon RENAME TO renamed;
ALTER EVENT TRIGGER renamed OWNER TO regress_root;
ALTER EVENT TRIGGER renamed OWNER TO regress_alice;
COMMENT ON EVENT TRIGGER renamed IS 'session log';
SELECT evtname, evtowner::regrole, obj_description(oid, 'pg_event_trigger') FROM pg_event_trigger ORDER BY 1;
\c - regress_alice
\c - :me
SELECT * FROM take_log(2);

-- E5: event_triggers, which came with 17
SELECT count(*) > 0 AS has_event_triggers FROM pg_settings WHERE name = 'event_triggers' \gset
\if :has_event_triggers
ALTER ROLE regress_alice SET event_triggers = off;
\c - regress_alice
\c - :me
ALTER ROLE regress_alice RESET event_triggers;
\endif
\c - regress_bob
\c - :me
SELECT * FROM take_log(2);

-- E9: dropped in a session's life time
\c - regress_alice
\c - :me
SELECT * FROM take_log(2);
DROP EVENT TRIGGER renamed;
DROP EVENT TRIGGER on_logoff;
DROP EVENT TRIGGER on_logoff;
DROP EVENT TRIGGER IF EXISTS on_logoff;
\c - regress_alice
\c - :me
SELECT count(*) FROM session_log;
