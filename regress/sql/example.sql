-- The documented example: section D, by psql and an ordinary user's sessions.
-- Over TCP it is run by t/oracle/routines.pl.
\c - regress_root
\set me :USER
CREATE SCHEMA polar_loginout;
CREATE TABLE polar_loginout.users_log (
    id serial,
    user_name VARCHAR2(64),
    database_name VARCHAR2(64),
    event VARCHAR2(64),
    client_ip VARCHAR2(64),
    tag VARCHAR2(64),
    instance_num int
);
CREATE FUNCTION sample_event_trigger RETURN event_trigger IS
BEGIN
    INSERT INTO polar_loginout.users_log (user_name, database_name, event, client_ip, tag, instance_num)
    VALUES (polar_login_user, polar_database_name, tg_event, polar_client_ip, tg_tag, polar_instance_num);
END;
/
CREATE EVENT TRIGGER login_event_trigger on after_user_logon EXECUTE PROCEDURE public.sample_event_trigger();
CREATE EVENT TRIGGER logoff_event_trigger on before_user_logoff EXECUTE PROCEDURE public.sample_event_trigger();
\dy *_event_trigger
\c - regress_alice
SELECT current_user;
\c - regress_bob
\c - :me
SELECT wait_for($$count(*) = 4 FROM polar_loginout.users_log WHERE user_name ~ 'alice|bob'$$);
SELECT user_name, database_name = current_database() AS here, event, client_ip, tag, instance_num
FROM polar_loginout.users_log WHERE user_name ~ 'alice|bob' ORDER BY user_name, event;
DROP EVENT TRIGGER login_event_trigger;
DROP EVENT TRIGGER logoff_event_trigger;

-- E4: the other spelling
CREATE EVENT TRIGGER login_event_trigger AFTER LOGON ON DATABASE EXECUTE PROCEDURE public.sample_event_trigger();
CREATE EVENT TRIGGER logoff_event_trigger BEFORE LOGOFF ON DATABASE EXECUTE PROCEDURE public.sample_event_trigger();
\dy *_event_trigger
DROP EVENT TRIGGER login_event_trigger;
DROP EVENT TRIGGER logoff_event_trigger;
\sf sample_event_trigger
DROP FUNCTION sample_event_trigger();
DROP SCHEMA polar_loginout CASCADE;
