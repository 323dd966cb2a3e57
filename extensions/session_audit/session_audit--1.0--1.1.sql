/* contrib/session_audit/session_audit--1.0--1.1.sql */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION session_audit UPDATE TO '1.1'" to load this file. \quit

-- Names without a schema are PostgreSQL's own: in the schema of the extension, others may have
-- made what fits a call better.
SET LOCAL search_path = pg_catalog, pg_temp;

-- The keeper is a worker of the server, which calls the functions below: make_months(),
-- find_lost(), drop_months(), delete_rows() and note_pass(), each in a transaction of its own.

-- Whoever may create objects in the schema could put tables in the place of partitions, and
-- functions that fit a call better than those of the extension.
DO $$
DECLARE
    other oid;
    object text;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles JOIN pg_namespace ON nspowner = pg_roles.oid
            WHERE nspname = '@extschema@') THEN
        RAISE EXCEPTION 'schema "@extschema@" does not belong to a superuser'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Drop the schema, or rename it.';
    END IF;
    -- Default privileges can have given this to others, too.
    FOR other IN SELECT DISTINCT grantee FROM pg_namespace, aclexplode(nspacl)
                 WHERE nspname = '@extschema@' AND grantee <> nspowner AND privilege_type = 'CREATE' LOOP
        EXECUTE format('REVOKE CREATE ON SCHEMA @extschema@ FROM %s CASCADE',
            CASE other WHEN 0 THEN 'PUBLIC' ELSE other::regrole::text END);
    END LOOP;
    SELECT pg_describe_object(inside.classid, inside.objid, 0) INTO object
    FROM pg_namespace n
    JOIN pg_depend inside ON inside.refclassid = 'pg_namespace'::regclass AND inside.refobjid = n.oid
    JOIN pg_shdepend owned ON owned.classid = inside.classid AND owned.objid = inside.objid AND owned.deptype = 'o'
    JOIN pg_database d ON d.oid = owned.dbid AND d.datname = current_database()
    JOIN pg_roles r ON r.oid = owned.refobjid AND NOT r.rolsuper
    LEFT JOIN pg_class c ON inside.classid = 'pg_class'::regclass AND c.oid = inside.objid
    WHERE n.nspname = '@extschema@' AND c.relispartition IS NOT TRUE
        AND NOT EXISTS (SELECT FROM pg_depend member
                        WHERE member.classid = inside.classid AND member.objid = inside.objid AND member.deptype = 'e')
    ORDER BY inside.classid, inside.objid LIMIT 1;
    IF object IS NOT NULL THEN
        RAISE EXCEPTION 'schema "@extschema@" has objects that do not belong to a superuser'
            USING ERRCODE = 'insufficient_privilege', DETAIL = format('One of them is %s.', object),
                HINT = 'Drop them, or move them to another schema.';
    END IF;
END
$$;

-- Take from all but the owner what they have been given, by default privileges for instance:
-- with more than SELECT they could change rows, or make a trigger, which would run with the
-- rights of the table's owner.
CREATE FUNCTION @extschema@.close(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other oid;
BEGIN
    FOR other IN SELECT grantee FROM pg_class, aclexplode(relacl) WHERE oid = relation AND grantee <> relowner
                 UNION SELECT grantee FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl)
                 WHERE pg_class.oid = relation AND grantee <> relowner LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', relation,
            CASE other WHEN 0 THEN 'PUBLIC' ELSE other::regrole::text END);
    END LOOP;
END
$$;

-- What it knows from one pass to the next.  It has one row, or none before the first pass.
CREATE TABLE @extschema@.keeper (
    since timestamptz,
    last_pass_at timestamptz,
    last_error text,
    last_error_at timestamptz
);

COMMENT ON TABLE @extschema@.keeper IS 'what the keeper of the log has done';
COMMENT ON COLUMN @extschema@.keeper.since IS 'when lost sessions were last searched for';
COMMENT ON COLUMN @extschema@.keeper.last_pass_at IS 'when the keeper last ran';
COMMENT ON COLUMN @extschema@.keeper.last_error IS 'the last error of the keeper';
COMMENT ON COLUMN @extschema@.keeper.last_error_at IS 'when that was';

-- The rows of the logons of those sessions, or uses of one, that ran when lost ones were last
-- searched for: these, and those that have begun since, are all that can have been lost.
CREATE TABLE @extschema@.open_sessions (LIKE @extschema@.log);

-- If a publication has all tables, their rows can be changed only if they have an identity.
ALTER TABLE @extschema@.log_default REPLICA IDENTITY FULL;
ALTER TABLE @extschema@.keeper REPLICA IDENTITY FULL;
ALTER TABLE @extschema@.open_sessions REPLICA IDENTITY FULL;

COMMENT ON TABLE @extschema@.open_sessions IS 'the sessions that ran when the keeper last looked';

SELECT @extschema@.close(c.oid::regclass) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '@extschema@' AND c.relname IN ('log', 'keeper', 'open_sessions', 'sessions', 'last_logons')
    OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '@extschema@.log'::regclass);
GRANT SELECT ON @extschema@.log, @extschema@.log_default, @extschema@.keeper, @extschema@.open_sessions,
    @extschema@.sessions, @extschema@.last_logons TO pg_monitor;

-- Make the partition of a month in UTC, and move there what the default partition has of it.
CREATE OR REPLACE FUNCTION @extschema@.add_month(month date) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    start timestamptz := date_trunc('month', month);
    stop timestamptz := start + interval '1 month';
    name text := 'log_' || to_char(start, 'YYYY_MM');
    partition regclass;
    columns text;
BEGIN
    -- A query that has read the list of partitions before, and reads their rows afterward,
    -- would miss those that are moved.  So nobody may read the list meanwhile.
    --
    -- The log is locked before any partition, as others do: otherwise this function and another
    -- session could each wait for the other.
    IF start <= now() THEN
        LOCK TABLE @extschema@.log IN ACCESS EXCLUSIVE MODE;
    ELSE
        LOCK TABLE ONLY @extschema@.log IN SHARE UPDATE EXCLUSIVE MODE;
        IF EXISTS (SELECT FROM @extschema@.log_default WHERE at >= start AND at < stop) THEN
            LOCK TABLE @extschema@.log IN ACCESS EXCLUSIVE MODE;
        END IF;
    END IF;
    partition := to_regclass('@extschema@.' || name);
    IF partition IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_inherits
                       WHERE inhrelid = partition AND inhparent = '@extschema@.log'::regclass) THEN
            RAISE EXCEPTION 'table "%" is not a partition of the log', name
                USING ERRCODE = 'duplicate_table', HINT = 'Attach it, drop it, or rename it.';
        END IF;
        RETURN partition;
    END IF;
    LOCK TABLE @extschema@.log_default IN ACCESS EXCLUSIVE MODE;
    -- With what somebody has added to the log.
    EXECUTE format('CREATE TABLE @extschema@.%I (LIKE @extschema@.log INCLUDING CONSTRAINTS INCLUDING GENERATED)', name);
    SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
    WHERE attrelid = '@extschema@.log'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
    EXECUTE format('WITH moved AS (DELETE FROM @extschema@.log_default WHERE at >= $1 AND at < $2 RETURNING %2$s)'
        ' INSERT INTO @extschema@.%1$I (%2$s) SELECT %2$s FROM moved', name, columns) USING start, stop;
    EXECUTE format('ALTER TABLE @extschema@.log ATTACH PARTITION @extschema@.%I FOR VALUES FROM (%L) TO (%L)',
        name, start, stop);
    PERFORM @extschema@.close(to_regclass('@extschema@.' || name));
    EXECUTE format('GRANT SELECT ON @extschema@.%I TO pg_monitor', name);
    EXECUTE format('ALTER TABLE @extschema@.%I OWNER TO %s', name,
        (SELECT relowner::regrole FROM pg_class WHERE oid = '@extschema@.log'::regclass));
    RETURN to_regclass('@extschema@.' || name);
END
$$;

-- Make the partitions of the month of a time and of the one after it.  A partition that
-- would have to be searched for in a large log_default is left to the administrator: while
-- that is done, the logons for which log_default is the place wait.
CREATE FUNCTION @extschema@.make_months(at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '100ms' AS $$
DECLARE
    month date;
BEGIN
    FOR month IN SELECT date_trunc('month', at) + i * interval '1 month' FROM generate_series(0, 1) AS i LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_inherits
            WHERE inhparent = '@extschema@.log'::regclass
                AND inhrelid = to_regclass('@extschema@.log_' || to_char(month, 'YYYY_MM')));
        IF pg_relation_size('@extschema@.log_default') > 8 * 1024 * 1024 THEN
            RAISE EXCEPTION 'cannot make the partition of month % while logons wait', to_char(month, 'YYYY-MM')
                USING ERRCODE = 'program_limit_exceeded',
                    DETAIL = 'The table "log_default" has too many rows.',
                    HINT = 'Move its rows with add_month() when logons can wait, or delete them and run VACUUM FULL.';
        END IF;
        PERFORM @extschema@.add_month(month);
    END LOOP;
END
$$;

-- Drop the partitions that are older than so many days.  One that cannot be dropped, for
-- instance because somebody has made a view of it, does not keep the others from it.
CREATE FUNCTION @extschema@.drop_months(at timestamptz, days int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '100ms' AS $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN
        SELECT oid
        FROM (SELECT c.oid, substring(pg_get_expr(c.relpartbound, c.oid) FROM ' TO \(''(.*)''\)$')::timestamptz AS upper
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = '@extschema@.log'::regclass) AS bound
        WHERE days > 0 AND upper <= at - make_interval(days => days)
        ORDER BY upper
    LOOP
        BEGIN
            -- Those who read the log wait as soon as the first partition is dropped.  So
            -- they must not wait for others who use the next one.
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE NOWAIT', partition);
            EXECUTE format('DROP TABLE %s', partition);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'could not drop partition "%" of the session audit: %', partition, SQLERRM
                USING ERRCODE = SQLSTATE;
            PERFORM @extschema@.note_pass(at, SQLERRM);
        END;
    END LOOP;
END
$$;

-- Delete the rows of log_default that are older than so many days.  This is not done
-- together with the partitions, whose locks others would wait for.
CREATE FUNCTION @extschema@.delete_rows(at timestamptz, days int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM @extschema@.log_default AS row
    WHERE days > 0 AND row.at < delete_rows.at - make_interval(days => days);
END
$$;

-- Add a row for each session, or use of one, that has ended without one.  Sessions that logged
-- on before started_at do not run any more: they ended by then, in a crash.  A use has ended if
-- the session has a later one.  That happens if the triggers failed that would have recorded it.
--
-- No session that runs is called lost, whatever the clock says, and although sessions begin
-- and end meanwhile.  A session whose logon could be seen before the list of processes was
-- made, and that is not on that list, had ended by then; and what it wrote can be seen after
-- that.
--
-- DROP EXTENSION locks the tables in an order that nobody can rely on.  Each of the keeper's
-- functions gives up a lock that it does not get long before the server looks for a deadlock,
-- so that no other session has to.
CREATE FUNCTION @extschema@.find_lost(at timestamptz, started_at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    -- A logon's row can appear late, by the time that its triggers take, and the clock may
    -- have been set back.
    since timestamptz;
    running text[];
BEGIN
    LOCK TABLE @extschema@.keeper IN EXCLUSIVE MODE;
    SELECT CASE WHEN k.since <= at THEN k.since - interval '1 day' END INTO since FROM @extschema@.keeper k;
    since := coalesce(since, '-infinity');
    INSERT INTO @extschema@.open_sessions (at, event, session_id, login_user, database, auth_method,
        system_identity, client_addr, client_port, application_name, encryption, instance_num, logon_at)
    SELECT logon.at, logon.event, logon.session_id, logon.login_user, logon.database, logon.auth_method,
        logon.system_identity, logon.client_addr, logon.client_port, logon.application_name,
        logon.encryption, logon.instance_num, logon.logon_at
    FROM @extschema@.log AS logon
    WHERE logon.at >= since AND logon.event = 'logon'
        AND NOT EXISTS (SELECT FROM @extschema@.log AS e
                        WHERE e.at >= since - interval '1 day' AND e.event IN ('logoff', 'lost')
                            AND e.session_id = logon.session_id AND e.logon_at = logon.logon_at)
        AND NOT EXISTS (SELECT FROM @extschema@.open_sessions AS o
                        WHERE o.session_id = logon.session_id AND o.logon_at = logon.logon_at);

    -- Not a list that the transaction has made before, if somebody calls this by hand.
    PERFORM pg_stat_clear_snapshot();
    running := ARRAY(
        SELECT to_hex(floor(extract(epoch FROM backend_start))::bigint) || '.' || to_hex(pid)
        FROM pg_stat_get_activity(NULL));

    -- The end can be older than the last search, if the clock was set back in between.
    SELECT least(since, min(logon_at)) INTO since FROM @extschema@.open_sessions;
    DELETE FROM @extschema@.open_sessions AS o
    USING @extschema@.log AS e
    WHERE e.at >= since - interval '1 day' AND e.event IN ('logoff', 'lost')
        AND e.session_id = o.session_id AND e.logon_at = o.logon_at;

    -- Whoever sees the logon of the next use also sees the logoff of this one, if there is one,
    -- as it was committed before; but a statement before may not have seen either.
    WITH next AS (
        SELECT o.session_id, o.logon_at, min(n.at) AS at
        FROM @extschema@.open_sessions AS o
        JOIN @extschema@.log AS n
            ON n.at >= since AND n.event = 'logon' AND n.session_id = o.session_id AND n.logon_at > o.logon_at
        GROUP BY o.session_id, o.logon_at),
    overtaken AS (
        DELETE FROM @extschema@.open_sessions AS o USING next
        WHERE o.session_id = next.session_id AND o.logon_at = next.logon_at
            AND NOT EXISTS (SELECT FROM @extschema@.log AS e
                            WHERE e.at >= since - interval '1 day' AND e.event IN ('logoff', 'lost')
                                AND e.session_id = o.session_id AND e.logon_at = o.logon_at)
        RETURNING o.*, next.at AS ended_at)
    INSERT INTO @extschema@.log (at, event, session_id, login_user, database, auth_method, system_identity,
        client_addr, client_port, application_name, encryption, instance_num, logon_at, ended_by, count)
    SELECT ended_at, 'lost', session_id, login_user, database, auth_method, system_identity,
        client_addr, client_port, application_name, encryption, instance_num, logon_at, 'reset', 1
    FROM overtaken;

    WITH lost AS (
        DELETE FROM @extschema@.open_sessions WHERE session_id <> ALL (running) RETURNING *)
    INSERT INTO @extschema@.log (at, event, session_id, login_user, database, auth_method, system_identity,
        client_addr, client_port, application_name, encryption, instance_num, logon_at, ended_by, count)
    SELECT greatest(CASE WHEN logon_at < started_at THEN started_at ELSE find_lost.at END, logon_at), 'lost',
        session_id, login_user, database, auth_method, system_identity,
        client_addr, client_port, application_name, encryption, instance_num, logon_at,
        CASE WHEN logon_at < started_at THEN 'crash' END, 1
    FROM lost;

    UPDATE @extschema@.keeper SET since = find_lost.at;
    IF NOT FOUND THEN
        INSERT INTO @extschema@.keeper (since) VALUES (find_lost.at);
    END IF;
END
$$;

-- Note when the keeper ran, and the error that it ended with, if any.
CREATE FUNCTION @extschema@.note_pass(at timestamptz, error text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    LOCK TABLE @extschema@.keeper IN EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM @extschema@.keeper) THEN
        INSERT INTO @extschema@.keeper DEFAULT VALUES;
    END IF;
    UPDATE @extschema@.keeper SET last_pass_at = at, last_error = coalesce(error, last_error),
        last_error_at = CASE WHEN error IS NULL THEN last_error_at ELSE at END;
END
$$;

-- Refused logons wait in memory before they are written, for a minute or less.
CREATE FUNCTION @extschema@.refusals_waiting() RETURNS int
LANGUAGE C AS 'MODULE_PATHNAME', 'session_audit_waiting';
CREATE FUNCTION @extschema@.refusals_dropped() RETURNS bigint
LANGUAGE C AS 'MODULE_PATHNAME', 'session_audit_dropped';

COMMENT ON FUNCTION @extschema@.refusals_waiting() IS 'how many different refused logons wait for being written';
COMMENT ON FUNCTION @extschema@.refusals_dropped() IS 'how many refused logons were not recorded since the server was started';

COMMENT ON COLUMN @extschema@.log.event IS 'logon, logoff, refused, or lost';
COMMENT ON COLUMN @extschema@.log.logon_at IS 'when the session, or the use of it, began';
COMMENT ON COLUMN @extschema@.log.ended_by IS 'how the session, or the use of it, ended';
COMMENT ON COLUMN @extschema@.log.cpu IS 'processor time of the session''s process during the use';
COMMENT ON VIEW @extschema@.sessions IS 'one row for each session, or for each use of one that DISCARD ALL ends';

-- What a monitor needs to know, in one row.  Rows are written roughly in the order of their
-- times, so only the first and the last blocks of each partition are read.
CREATE FUNCTION @extschema@.status(OUT partitions int, OUT oldest timestamptz, OUT newest timestamptz, OUT size bigint,
    OUT last_pass_at timestamptz, OUT last_error text, OUT last_error_at timestamptz,
    OUT queue_length int, OUT dropped bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    partition regclass;
    blocks bigint;
    first timestamptz;
    last timestamptz;
BEGIN
    partitions := 0;
    size := 0;
    -- Whoever adds or drops a partition locks the log first.
    PERFORM FROM ONLY @extschema@.log;
    FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = '@extschema@.log'::regclass LOOP
        blocks := pg_relation_size(partition) / current_setting('block_size')::int;
        -- One that was detached before may have been dropped since.
        CONTINUE WHEN blocks IS NULL;
        -- Whoever attaches a table may not have granted anything.
        IF has_table_privilege(partition, 'SELECT') THEN
            EXECUTE format('SELECT (SELECT at FROM %1$s LIMIT 1), max(at) FROM %1$s WHERE ctid >= $1', partition)
                INTO first, last USING format('(%s,0)', greatest(blocks - 64, 0))::tid;
        END IF;
        partitions := partitions + 1;
        oldest := least(oldest, first);
        newest := greatest(newest, last);
        size := size + coalesce(pg_total_relation_size(partition), 0);
    END LOOP;
    queue_length := @extschema@.refusals_waiting();
    dropped := @extschema@.refusals_dropped();
    SELECT k.last_pass_at, k.last_error, k.last_error_at INTO last_pass_at, last_error, last_error_at
    FROM @extschema@.keeper AS k;
END
$$;

COMMENT ON FUNCTION @extschema@.status() IS 'the state of the log and of its keeper';

REVOKE ALL ON FUNCTION @extschema@.close(regclass), @extschema@.make_months(timestamptz),
    @extschema@.drop_months(timestamptz, int), @extschema@.delete_rows(timestamptz, int),
    @extschema@.find_lost(timestamptz, timestamptz), @extschema@.note_pass(timestamptz, text),
    @extschema@.refusals_waiting(), @extschema@.refusals_dropped(), @extschema@.status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.refusals_waiting(), @extschema@.refusals_dropped(), @extschema@.status() TO pg_monitor;
