-- The example of `build.sh demo`: who logged on and off, from where, by triggers of
-- one's own. The session audit, which the demo's server has, needs nothing here.

CREATE ROLE alice LOGIN PASSWORD 'alice';
CREATE ROLE bob LOGIN PASSWORD 'bob';

CREATE TABLE session_log (
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    event      text NOT NULL,
    tag        text NOT NULL,
    login_user text NOT NULL,
    database   text NOT NULL,
    client_ip  text,
    instance   int  NOT NULL
);

-- To look at it from a session of theirs.
GRANT SELECT ON session_log TO alice, bob;

-- With its owner's rights, because users need none on the log; hence with a
-- search_path of its own, or a user's objects would be found first.
CREATE FUNCTION log_session() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO public.session_log (event, tag, login_user, database, client_ip, instance)
    VALUES (tg_event, tg_tag, polar_login_user, polar_database_name, polar_client_ip, polar_instance_num);
END
$$;

CREATE EVENT TRIGGER log_logon ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER log_logoff ON before_user_logoff EXECUTE FUNCTION log_session();

-- To look at what the session audit has recorded.
GRANT pg_monitor TO alice;
