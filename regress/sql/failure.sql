-- Failed firings as a client sees them: F2, F3, F4, and logon_failure. The
-- server log and the protocol are shown by a TAP test.
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text);
GRANT SELECT, INSERT ON fired TO PUBLIC;
CREATE FUNCTION first() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.fired (line) VALUES (polar_login_user || ' first');
    SET work_mem = '4321kB';
    SET ROLE regress_bob;
    CREATE TEMP TABLE mine ();
END
$$;
CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user <> 'regress_bob' THEN
        RAISE EXCEPTION 'secret of %', polar_login_user
            USING ERRCODE = 'P0042', DETAIL = 'secret detail', HINT = 'secret hint';
    END IF;
END
$$;
CREATE FUNCTION last() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.fired (line) VALUES (polar_login_user || ' last');
END
$$;
GRANT regress_bob TO regress_alice;
CREATE EVENT TRIGGER t1 ON after_user_logon EXECUTE FUNCTION first();
CREATE EVENT TRIGGER t2 ON after_user_logon EXECUTE FUNCTION fail();
CREATE EVENT TRIGGER t3 ON after_user_logon EXECUTE FUNCTION last();

-- F3: the one warning; the session goes on, idle and clean (F2)
\c "dbname=regression user=regress_alice"
SELECT current_user, current_setting('work_mem') = '4321kB' AS set_stays,
    to_regclass('pg_temp.mine') AS temp_table, now() = statement_timestamp() AS is_idle;
SELECT line FROM fired;
-- where it does not fail, all run
\c "dbname=regression user=regress_bob"
SELECT line FROM fired ORDER BY id;

-- F3: client_min_messages does not hide the warning, logon_warning does
\c "dbname=regression user=regress_alice options='-c client_min_messages=error'"
SELECT current_user;
\c "dbname=regression user=regress_alice options='-c session_triggers.logon_warning=off'"
SELECT current_user;

-- F4: a failed logoff
\c "dbname=regression user=regress_root options='-c session_triggers.enabled=off'"
DROP EVENT TRIGGER t1;
DROP EVENT TRIGGER t2;
DROP EVENT TRIGGER t3;
TRUNCATE fired;
-- the sessions before have ended, which would fire
SELECT wait_for('count(*) = 0 FROM pg_stat_activity WHERE usename IN (''regress_alice'', ''regress_bob'')');
CREATE EVENT TRIGGER t1 ON before_user_logoff EXECUTE FUNCTION first();
CREATE EVENT TRIGGER t2 ON before_user_logoff EXECUTE FUNCTION fail();
\c "dbname=regression user=regress_alice"
\c "dbname=regression user=regress_bob"
\c "dbname=regression user=regress_root options='-c session_triggers.enabled=off'"
SELECT wait_for('count(*) = 1 FROM fired');
SELECT line FROM fired;
DROP EVENT TRIGGER t1;
DROP EVENT TRIGGER t2;

-- logon_failure = reject; superusers get in
CREATE EVENT TRIGGER t2 ON after_user_logon EXECUTE FUNCTION fail();
ALTER DATABASE regression SET session_triggers.logon_failure = 'reject';
\c "dbname=regression user=regress_root"
SELECT current_user;
\c "dbname=regression user=regress_bob"
SELECT current_user;
\! psql -X -d regression -U regress_alice -c 'SELECT current_user' 2>&1 | sed 's/: connection.*failed:/:/'

-- the way in for everyone is closed by the superuser alone
\c "dbname=regression user=regress_root options='-c session_triggers.enabled=off'"
SELECT current_user;
ALTER DATABASE regression RESET session_triggers.logon_failure;
DROP EVENT TRIGGER t2;

-- a function that cannot run
SET check_function_bodies = off;
CREATE FUNCTION broken() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN no such statement; END';
RESET check_function_bodies;
CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION broken();
\c "dbname=regression user=regress_bob"
SELECT current_user;
\c "dbname=regression user=regress_root options='-c session_triggers.enabled=off'"
DROP EVENT TRIGGER t;

-- a deferred constraint fails at commit
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
GRANT INSERT ON child TO PUBLIC;
CREATE FUNCTION defer() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.child VALUES (1); END';
CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION defer();
\c "dbname=regression user=regress_bob"
SELECT current_user;
\c "dbname=regression user=regress_root options='-c session_triggers.enabled=off'"
SELECT count(*) FROM child;
DROP EVENT TRIGGER t;
DROP TABLE child, parent, fired;
REVOKE regress_bob FROM regress_alice;
\c dbname=regression
