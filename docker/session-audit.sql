-- The audit example, as SESSION_AUDIT=on installs it in a new database: who logged
-- on and off, from where, in a table and in the server log.

BEGIN;

CREATE SCHEMA session_audit;

CREATE TABLE session_audit.session_log (
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    event      text NOT NULL,
    login_user text NOT NULL,
    database   text NOT NULL,
    client_ip  text,
    backend    int  NOT NULL DEFAULT pg_backend_pid()
);

-- With its owner's rights, because users need none on the log; hence with a
-- search_path of its own, or a user's objects would be found first. Terse: one line
-- in the server log, without this function's name.
CREATE FUNCTION session_audit.log_session() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET log_error_verbosity = terse
AS $$
BEGIN
    RAISE LOG '% of % on % from %', tg_event, polar_login_user, polar_database_name, coalesce(polar_client_ip, 'a local socket');
    -- A hot standby can log, but not write.
    IF NOT pg_is_in_recovery() THEN
        INSERT INTO session_audit.session_log (event, login_user, database, client_ip)
        VALUES (tg_event, polar_login_user, polar_database_name, polar_client_ip);
    END IF;
END
$$;

CREATE EVENT TRIGGER session_audit_logon ON after_user_logon EXECUTE FUNCTION session_audit.log_session();
CREATE EVENT TRIGGER session_audit_logoff ON before_user_logoff EXECUTE FUNCTION session_audit.log_session();

COMMIT;
