-- What Patroni's post_bootstrap runs once, in the database "postgres" of the new cluster: its
-- replicas get it by replication. See ha.md.

-- Patroni must get in while a trigger fails, and while there is no standby to confirm the row of
-- its logon. It creates the role "rewind" itself, unless there is one, and gives it its password.
CREATE ROLE rewind;
ALTER ROLE rewind SET session_triggers.enabled = off;
ALTER ROLE rewind SET session_audit.enabled = off;
ALTER ROLE patroni SET session_triggers.enabled = off;
ALTER ROLE patroni SET session_audit.enabled = off;

CREATE ROLE app_user NOLOGIN;
CREATE ROLE alice LOGIN IN ROLE app_user;
CREATE DATABASE app;
\connect app

-- Whoever may be app_user works as that role, and finds the node in app.node.
CREATE FUNCTION set_up_session() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (SELECT NOT rolsuper AND pg_has_role(oid, 'app_user', 'MEMBER')
        FROM pg_roles WHERE rolname = polar_login_user) THEN
        PERFORM set_config('app.node', polar_instance_num::text, false);
        SET ROLE app_user;
    END IF;
END
$$;
CREATE EVENT TRIGGER set_up_session ON after_user_logon EXECUTE FUNCTION set_up_session();
