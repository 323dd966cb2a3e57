-- The context variables: V1 to V4. TCP addresses are shown by a TAP test.
\set me :USER
CREATE TABLE seen (who text, event text, line text);
GRANT INSERT ON seen TO PUBLIC;

-- V1: names, types, values; no declaration is needed
CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF polar_login_user <> 'regress_alice' THEN
        RETURN;
    END IF;
    INSERT INTO public.seen VALUES (polar_login_user, tg_event,
        format('%s %s %s %s | %s %s %s %s',
            polar_login_user, polar_database_name = current_database(),
            coalesce(polar_client_ip, 'null'), polar_instance_num,
            pg_typeof(polar_login_user), pg_typeof(polar_database_name),
            pg_typeof(polar_client_ip), pg_typeof(polar_instance_num)));
END
$$;
CREATE EVENT TRIGGER look_logon ON after_user_logon EXECUTE FUNCTION look();
CREATE EVENT TRIGGER look_logoff ON before_user_logoff EXECUTE FUNCTION look();
GRANT regress_bob TO regress_alice;
\c - regress_alice
-- V1: SET ROLE changes nothing
SET ROLE regress_bob;
\c - :me
SELECT wait_for('count(*) = 2 FROM seen');
TABLE seen;
DROP EVENT TRIGGER look_logon;
DROP EVENT TRIGGER look_logoff;

-- V2: a new name of the role is not that of the logon
TRUNCATE seen;
CREATE FUNCTION look_name() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF polar_login_user LIKE 'regress_alice%' THEN
        INSERT INTO public.seen VALUES (polar_login_user, tg_event, session_user);
    END IF;
END
$$;
CREATE EVENT TRIGGER look_name ON before_user_logoff EXECUTE FUNCTION look_name();
ALTER ROLE regress_alice SUPERUSER;
\c - regress_alice
SET SESSION AUTHORIZATION regress_root;
ALTER ROLE regress_alice RENAME TO regress_alice2;
\c - :me
SELECT wait_for('count(*) = 1 FROM seen');
TABLE seen;
DROP EVENT TRIGGER look_name;
ALTER ROLE regress_alice2 RENAME TO regress_alice;
ALTER ROLE regress_alice NOSUPERUSER;

-- V1: in functions of any event
CREATE FUNCTION look_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% % % %', tg_event, polar_login_user = session_user,
        polar_database_name = current_database(), polar_instance_num;
END
$$;
CREATE EVENT TRIGGER look_ddl ON ddl_command_end EXECUTE FUNCTION look_ddl();
CREATE TABLE some_table ();
DROP EVENT TRIGGER look_ddl;
DROP TABLE some_table;

-- V3: in no other function
CREATE FUNCTION plain() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN polar_login_user; END $$;
SELECT plain();
CREATE FUNCTION row_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN polar_login_user; END $$;
CREATE TABLE triggered (polar_login_user text);
CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION row_trigger();
INSERT INTO triggered VALUES ('x');
DROP TABLE triggered;
DO $$ BEGIN RAISE NOTICE '%', polar_instance_num; END $$;
-- V3: they shadow nothing: a parameter, a variable and a column keep their meaning
CREATE OR REPLACE FUNCTION plain(polar_login_user text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    polar_client_ip text := 'mine';
BEGIN
    RETURN polar_login_user || polar_client_ip || (SELECT polar_database_name FROM (VALUES ('column')) t (polar_database_name));
END
$$;
SELECT plain('parameter ');
-- a declaration in an event trigger function wins, as over tg_event
CREATE FUNCTION own() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    polar_login_user int := 1;
BEGIN
    polar_login_user := polar_login_user + 1;
    RAISE NOTICE '%', polar_login_user;
END
$$;
CREATE EVENT TRIGGER own ON ddl_command_end EXECUTE FUNCTION own();
CREATE TABLE some_table ();
DROP EVENT TRIGGER own;
DROP TABLE some_table;

-- V4: assignments are refused when the function is created
CREATE FUNCTION assign() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN polar_login_user := 'x'; END $$;
CREATE FUNCTION assign() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN polar_database_name := 'x'; END $$;
CREATE FUNCTION assign() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN polar_client_ip := NULL; END $$;
CREATE FUNCTION assign() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN polar_instance_num := 2; END $$;
CREATE FUNCTION assign() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN SELECT 1 INTO polar_instance_num; END $$;
CREATE FUNCTION assign() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN GET DIAGNOSTICS polar_instance_num = ROW_COUNT; END $$;
CREATE FUNCTION assign() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN FOR polar_login_user IN SELECT 'x' LOOP END LOOP; END $$;

DROP TABLE seen;
REVOKE regress_bob FROM regress_alice;
