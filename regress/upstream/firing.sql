-- What fires in every session of upstream's suites (rule C3). For single-user mode
-- with -j: a semicolon and an empty line end a statement.

-- Out of the range of initdb's own objects, which dumps and checks leave out
DO $$
BEGIN
    WHILE pg_nextoid('pg_class', 'oid', 'pg_class_oid_index') < 16384 LOOP END LOOP;
END
$$;

CREATE SCHEMA session_log;

CREATE TABLE session_log.firing (
    at timestamptz DEFAULT now(), event text, who text, database text, address text
);

-- Also outside of the cluster, which a test may throw away
CREATE FUNCTION session_log.count_firing(event text) RETURNS void
AS '$libdir/sesstrig_faults', 'faults_count_firing' LANGUAGE C STRICT;

CREATE FUNCTION session_log.log_firing() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_is_in_recovery() THEN
        -- Sessions must not wait for a standby that a test has not started.
        PERFORM set_config('synchronous_commit', 'local', true);
        INSERT INTO session_log.firing (event, who, database, address)
        VALUES (tg_event, polar_login_user, polar_database_name, polar_client_ip);
    END IF;
    PERFORM session_log.count_firing(tg_event);
END
$$;

CREATE EVENT TRIGGER session_log_logon ON after_user_logon EXECUTE FUNCTION session_log.log_firing();

CREATE EVENT TRIGGER session_log_logoff ON before_user_logoff EXECUTE FUNCTION session_log.log_firing();

-- Also for sessions with session_replication_role = replica

ALTER EVENT TRIGGER session_log_logon ENABLE ALWAYS;

ALTER EVENT TRIGGER session_log_logoff ENABLE ALWAYS;
