-- Successful firings: F1, F5, F8, E3. What needs the log or two sessions is
-- in the TAP tests.
\set me :USER
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text);
GRANT SELECT, INSERT ON fired TO PUBLIC;

-- F1: in byte order of their names, in one transaction, each seeing what the
-- ones before it did, also if the function is stable
CREATE FUNCTION count_fired() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.fired';
CREATE FUNCTION note(line text) RETURNS void LANGUAGE sql AS
    $$ INSERT INTO public.fired (line) VALUES (line || ' sees ' || public.count_fired() || ' in ' ||
        (SELECT count(DISTINCT xmin::text) FROM public.fired) || ' transactions') $$;
CREATE FUNCTION note_stable() RETURNS event_trigger LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF polar_login_user = 'regress_alice' THEN
        PERFORM set_config('test.stable', (SELECT count(*) FROM public.fired)::text, false);
    END IF;
END
$$;
CREATE FUNCTION note_a() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN IF polar_login_user = 'regress_alice' THEN PERFORM public.note('a'); END IF; END $$;
CREATE FUNCTION note_b() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN IF polar_login_user = 'regress_alice' THEN PERFORM public.note('B'); END IF; END $$;
CREATE FUNCTION note_e() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN IF polar_login_user = 'regress_alice' THEN PERFORM public.note('e'); END IF; END $$;
CREATE EVENT TRIGGER "a1" ON after_user_logon EXECUTE FUNCTION note_a();
CREATE EVENT TRIGGER "é" ON after_user_logon EXECUTE FUNCTION note_e();
CREATE EVENT TRIGGER "B" ON after_user_logon EXECUTE FUNCTION note_b();
CREATE EVENT TRIGGER "a2" ON after_user_logon EXECUTE FUNCTION note_stable();
\c - regress_alice
SELECT line FROM fired ORDER BY id;
SHOW test.stable;
SELECT count(DISTINCT xmin::text) FROM fired;
\c - :me
DROP EVENT TRIGGER "a1";
DROP EVENT TRIGGER "é";
DROP EVENT TRIGGER "B";
DROP EVENT TRIGGER "a2";
TRUNCATE fired;

-- F1: also what the one before did to the function of both
CREATE FUNCTION note_and_alter() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF polar_login_user = 'regress_alice' THEN
        INSERT INTO public.fired (line) VALUES (current_setting('work_mem'));
        ALTER FUNCTION public.note_and_alter() SET work_mem = '4321kB';
    END IF;
END
$$;
CREATE EVENT TRIGGER "a1" ON after_user_logon EXECUTE FUNCTION note_and_alter();
CREATE EVENT TRIGGER "a2" ON after_user_logon EXECUTE FUNCTION note_and_alter();
\c - regress_alice
SELECT line FROM fired ORDER BY id;
\c - :me
DROP EVENT TRIGGER "a1";
DROP EVENT TRIGGER "a2";
TRUNCATE fired;

-- F1: whatever the session's defaults, the transaction is read committed and
-- read-write, not deferrable, and new: now() is not that of the start
CREATE FUNCTION note_transaction() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'regress_alice' THEN
        INSERT INTO public.fired (line) SELECT format('%s %s %s %s %s', tg_tag,
            current_setting('transaction_isolation'), current_setting('transaction_read_only'),
            current_setting('transaction_deferrable'),
            now() = statement_timestamp() AND now() > backend_start)
        FROM pg_stat_activity WHERE pid = pg_backend_pid();
    END IF;
END
$$;
-- the sessions before have ended, which would fire
SELECT wait_for('count(*) = 0 FROM pg_stat_activity WHERE usename IN (''regress_alice'', ''regress_bob'')');
CREATE EVENT TRIGGER note_logon ON after_user_logon EXECUTE FUNCTION note_transaction();
CREATE EVENT TRIGGER note_logoff ON before_user_logoff EXECUTE FUNCTION note_transaction();
ALTER ROLE regress_alice SET default_transaction_isolation = 'serializable';
ALTER ROLE regress_alice SET default_transaction_read_only = on;
ALTER ROLE regress_alice SET default_transaction_deferrable = on;
\c - regress_alice
SHOW transaction_isolation;
SHOW transaction_read_only;
\c - :me
SELECT wait_for('count(*) = 2 FROM fired');
SELECT line FROM fired ORDER BY id;
ALTER ROLE regress_alice RESET ALL;
DROP EVENT TRIGGER note_logon;
DROP EVENT TRIGGER note_logoff;
TRUNCATE fired;

-- F5: what a logon trigger sets stays
CREATE FUNCTION prepare_session() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'regress_alice' THEN
        SET DateStyle = 'German';
        SET work_mem = '4321kB';
        SET LOCAL maintenance_work_mem = '5432kB';
        PERFORM set_config('test.what', 'set by a trigger', false);
        CREATE TEMP TABLE mine (a int);
        INSERT INTO mine VALUES (42);
        EXECUTE 'PREPARE answer AS SELECT a FROM mine';
        SET ROLE regress_bob;
        RAISE NOTICE 'welcome, %', polar_login_user;
    END IF;
END
$$;
GRANT regress_bob TO regress_alice;
CREATE EVENT TRIGGER prepare_session ON after_user_logon EXECUTE FUNCTION prepare_session();
SHOW maintenance_work_mem \gset before_
\c - regress_alice
SELECT current_user, session_user;
SHOW DateStyle;
SHOW work_mem;
SELECT current_setting('maintenance_work_mem') = :'before_maintenance_work_mem' AS local_is_over;
SHOW test.what;
RESET ROLE;
EXECUTE answer;
-- the session is idle
SELECT now() = statement_timestamp() AS no_transaction_is_open;
\c - :me
DROP EVENT TRIGGER prepare_session;

-- F8: EXCEPTION blocks
CREATE FUNCTION catch() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF polar_login_user = 'regress_alice' THEN
        BEGIN
            INSERT INTO public.fired (line) VALUES ('rolled back');
            PERFORM 1 / 0;
        EXCEPTION WHEN division_by_zero THEN
            INSERT INTO public.fired (line) VALUES (tg_tag || ' caught ' || sqlerrm);
        END;
    END IF;
END
$$;
-- the sessions before have ended, which would fire
SELECT wait_for('count(*) = 0 FROM pg_stat_activity WHERE usename IN (''regress_alice'', ''regress_bob'')');
CREATE EVENT TRIGGER catch_logon ON after_user_logon EXECUTE FUNCTION catch();
CREATE EVENT TRIGGER catch_logoff ON before_user_logoff EXECUTE FUNCTION catch();
\c - regress_alice
\c - :me
SELECT wait_for('count(*) = 2 FROM fired');
SELECT line FROM fired ORDER BY id;
DROP EVENT TRIGGER catch_logon;
DROP EVENT TRIGGER catch_logoff;
TRUNCATE fired;

-- E3: the session's temporary objects and settings are there at logoff;
-- F6: an open or failed transaction is rolled back first
CREATE FUNCTION last_words() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'regress_alice' THEN
        INSERT INTO public.fired (line)
        SELECT format('%s: %s, %s', current_setting('test.state'),
            (SELECT string_agg(a::text, ',') FROM mine), current_setting('test.what'));
    END IF;
END
$$;
-- the sessions before have ended, which would fire
SELECT wait_for('count(*) = 0 FROM pg_stat_activity WHERE usename IN (''regress_alice'', ''regress_bob'')');
CREATE EVENT TRIGGER last_words ON before_user_logoff EXECUTE FUNCTION last_words();
\c - regress_alice
SET test.state = 'idle'; SET test.what = 'session';
CREATE TEMP TABLE mine AS SELECT 1 AS a;
\c - :me
SELECT wait_for('count(*) = 1 FROM fired');
\c - regress_alice
SET test.state = 'open'; SET test.what = 'session';
CREATE TEMP TABLE mine AS SELECT 1 AS a;
BEGIN;
INSERT INTO mine VALUES (2);
INSERT INTO fired (line) VALUES ('never committed');
SET LOCAL test.what = 'transaction';
SAVEPOINT s;
\c - :me
SELECT wait_for('count(*) = 2 FROM fired');
\c - regress_alice
SET test.state = 'failed'; SET test.what = 'session';
CREATE TEMP TABLE mine AS SELECT 1 AS a;
BEGIN;
DECLARE c CURSOR FOR SELECT 1;
INSERT INTO mine VALUES (2);
SELECT 1 / 0;
\c - :me
SELECT wait_for('count(*) = 3 FROM fired');
SELECT line FROM fired ORDER BY id;
DROP EVENT TRIGGER last_words;

-- E9: a trigger that creates a trigger, and one that drops itself
CREATE FUNCTION create_trigger() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF polar_login_user = 'regress_alice' THEN
        DROP EVENT TRIGGER once;
        CREATE EVENT TRIGGER catch_logoff ON before_user_logoff EXECUTE FUNCTION public.catch();
    END IF;
END
$$;
TRUNCATE fired;
CREATE EVENT TRIGGER once ON after_user_logon EXECUTE FUNCTION create_trigger();
\c - regress_alice
\c - :me
SELECT wait_for('count(*) = 1 FROM fired');
SELECT line FROM fired;
SELECT evtname FROM pg_event_trigger;
DROP EVENT TRIGGER catch_logoff;
DROP TABLE fired;
REVOKE regress_bob FROM regress_alice;
