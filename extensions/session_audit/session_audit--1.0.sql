/* contrib/session_audit/session_audit--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION session_audit" to load this file. \quit

-- Two workers of the server use these objects, both as the bootstrap superuser.  The writer
-- makes the extension, and inserts the rows without an INSERT.  The keeper calls
-- make_months(), running(), find_lost(), drop_months() and note_pass(), each in a transaction
-- of its own.

-- Names without a schema are PostgreSQL's own: in the schema of the extension, others may have
-- made what fits a call better.
SET LOCAL search_path = pg_catalog, pg_temp;

-- First, so that a server that cannot record anything is refused by its library.
CREATE FUNCTION @extschema@.state(OUT writer int, OUT failures int, OUT pending int, OUT dropped bigint,
    OUT refusals_waiting int, OUT refusals_dropped bigint, OUT keeper_failures int, OUT number bigint)
LANGUAGE C AS 'MODULE_PATHNAME', 'session_audit_state';

-- Whoever owns the schema, or may create objects in it, could put tables in the place of
-- partitions, and functions that fit a call better than those of the extension.
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
    WHERE n.nspname = '@extschema@'
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

-- --- tables ------------------------------------------------------------------------

-- The writer knows these columns by their order, and needs no constraint.  What identifies or
-- classifies is compared byte by byte, which costs least, and leaves the indexes whole when
-- another version of the operating system's library sorts in another way.
CREATE TABLE @extschema@.log (
    number bigint,
    timeline int,
    digest bytea,
    at timestamptz,
    event text COLLATE "C",
    session_id text COLLATE "C",
    login_user text COLLATE "C",
    login_user_id oid,
    database text COLLATE "C",
    database_id oid,
    kind text COLLATE "C",
    auth_method text COLLATE "C",
    system_identity text,
    client_addr inet,
    client_port int,
    proxy_addr inet,
    application_name text,
    encryption text COLLATE "C",
    instance_num int,
    system_identifier bigint,
    cluster_name text,
    logon_at timestamptz,
    ended_by text COLLATE "C",
    sqlstate text COLLATE "C",
    cpu interval,
    blocks_hit bigint,
    blocks_read bigint,
    blocks_written bigint,
    temp_blocks bigint,
    wal_bytes bigint,
    count int,
    context jsonb
) PARTITION BY RANGE (at);

-- What no other partition takes.
CREATE TABLE @extschema@.log_default PARTITION OF @extschema@.log DEFAULT USING heap;

-- The class of a session's duration: the number of those of these intervals that it reaches,
-- each of which is four times the one before.  That it is one of PostgreSQL's own functions
-- matters: the writer calls it for each end.
--
-- Sessions that ran at a given time cannot be found by an index on logon_at alone, as one that
-- began long before may have lasted.  Those of one class can: they began no earlier than the
-- longest of the class lasts.

-- Make the indexes of a partition.  The writer pays for each, so most are of one row of a session
-- only.  The log itself has none: its partitions would then get
-- theirs when pg_restore attaches them, before it makes those that it has of them.
CREATE FUNCTION @extschema@.add_indexes(partition regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text := (SELECT relname FROM pg_class WHERE oid = partition);
BEGIN
    -- Rows come in the order of their time, roughly.
    EXECUTE format('CREATE INDEX %I ON %s USING brin (at) WITH (pages_per_range = 32, autosummarize = on)',
        name || '_at', partition);
    -- For verify(), and for the writer, which goes on behind the last one.
    EXECUTE format('CREATE INDEX %I ON %s (system_identifier, number) WITH (deduplicate_items = off)',
        name || '_number', partition);
    EXECUTE format('CREATE INDEX %I ON %s (session_id, logon_at) WITH (deduplicate_items = off)',
        name || '_session', partition);
    -- An end has all that is known of its session.  Few keys are equal.
    EXECUTE format('CREATE INDEX %I ON %s (login_user, logon_at) WITH (deduplicate_items = off)'
        ' WHERE event <> ''logon''', name || '_login_user', partition);
    EXECUTE format('CREATE INDEX %I ON %s (client_addr, logon_at) WITH (deduplicate_items = off)'
        ' WHERE event <> ''logon''', name || '_client_addr', partition);
    EXECUTE format('CREATE INDEX %I ON %s (width_bucket(at - logon_at, %L::interval[]), logon_at)'
        ' WITH (deduplicate_items = off) WHERE event <> ''logon''', name || '_duration', partition,
        '{1s,4s,16s,64s,256s,1024s,4096s,16384s,65536s,262144s,1048576s,4194304s,16777216s}');
    EXECUTE format('CREATE INDEX %I ON %s (login_user_id, system_identifier, at)'
        ' WITH (deduplicate_items = off) WHERE event = ''logon''', name || '_last_logon', partition);
    -- What is out of the ordinary: few rows, hence cheap.
    EXECUTE format('CREATE INDEX %I ON %s (event, at)'
        ' WHERE event NOT IN (''logon'', ''logoff'') OR ended_by <> ''client''', name || '_unusual', partition);
END
$$;
SELECT @extschema@.add_indexes('@extschema@.log_default');

-- What the keeper knows from one pass to the next.  A subscriber to a publication of all tables
-- gets the rows of other servers, too.
CREATE TABLE @extschema@.keeper (
    system_identifier bigint PRIMARY KEY,
    searched_at timestamptz,
    searched_before timestamptz,
    last_pass_at timestamptz,
    last_error text,
    last_error_at timestamptz
) USING heap;

-- The sessions that had no end in the log when the keeper last looked: these, and those that
-- have logged on since, are all that can have been lost.
CREATE TABLE @extschema@.open_sessions (
    system_identifier bigint,
    session_id text COLLATE "C",
    logon_at timestamptz,
    PRIMARY KEY (system_identifier, session_id, logon_at)
) USING heap;

-- The last logons in the partitions that have been dropped.
CREATE TABLE @extschema@.kept_logons (
    system_identifier bigint,
    login_user_id oid,
    login_user text COLLATE "C",
    last_logon_at timestamptz,
    client_addr inet,
    application_name text,
    PRIMARY KEY (system_identifier, login_user_id)
) USING heap;

-- The numbers of rows that were removed on purpose, and the digest of the last of each range,
-- from which the rows behind it can be verified.
CREATE TABLE @extschema@.removed (
    system_identifier bigint,
    first_number bigint,
    last_number bigint,
    last_digest bytea,
    removed_at timestamptz,
    removed_from text COLLATE "C",
    PRIMARY KEY (system_identifier, last_number)
) USING heap;

-- The server's identifier when the keeper last looked.  pg_upgrade gives the server another one
-- but leaves the roles their numbers, so that last logons must be taken along.  Unlike a table,
-- a sequence is copied neither by a publication nor by pg_dump, so that this one tells of
-- nobody but this server.
CREATE SEQUENCE @extschema@.server MINVALUE -9223372036854775808 START 1;

-- If a publication has all tables, their rows can be changed only if they have an identity.
ALTER TABLE @extschema@.log_default REPLICA IDENTITY FULL;

-- What the keeper knows is found anew after a restore.
SELECT pg_extension_config_dump('@extschema@.log_default', '');
SELECT pg_extension_config_dump('@extschema@.kept_logons', '');
SELECT pg_extension_config_dump('@extschema@.removed', '');

-- --- views -------------------------------------------------------------------------

-- Before this time, the keeper has noted the logons that had no end.  One hour is for rows that
-- come late.  As this is a function, the planner knows the time.
CREATE FUNCTION @extschema@.noted_until() RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT k.searched_at - interval '1 hour' FROM @extschema@.keeper k
                     WHERE k.system_identifier = (SELECT system_identifier FROM pg_control_system())), '-infinity');
END
$$;

-- One row for each session, or for each use of one.  Conditions reach the indexes of the log,
-- since no row is made of several: an end has all that is known of its session, and a logon
-- without an end has all that is known of that.  A condition that no row of a branch can meet
-- removes the branch: that on state, and any on the end of a session.
--
-- The condition on the class of duration is always true.  It lets an index on the class and
-- logon_at serve a condition on logon_at alone.
--
-- Logons without an end are those that the keeper has noted, and new ones.
--
-- Whether a session without an end still runs is known of this server's own only, and not on a
-- standby, which has the rows of its primary.
CREATE VIEW @extschema@.sessions AS
SELECT session_id, login_user, login_user_id, database, database_id, kind, auth_method, system_identity,
       client_addr, client_port, proxy_addr, application_name, encryption, instance_num,
       system_identifier, cluster_name, logon_at, at AS logoff_at, at - logon_at AS duration, 'ended' AS state,
       ended_by, sqlstate, cpu, blocks_hit, blocks_read, blocks_written, temp_blocks, wal_bytes
FROM @extschema@.log WHERE event = 'logoff'
  AND width_bucket(at - logon_at, '{1s,4s,16s,64s,256s,1024s,4096s,16384s,65536s,262144s,1048576s,4194304s,16777216s}'::interval[])
      = ANY ('{0,1,2,3,4,5,6,7,8,9,10,11,12,13}')
UNION ALL
SELECT session_id, login_user, login_user_id, database, database_id, kind, auth_method, system_identity,
       client_addr, client_port, proxy_addr, application_name, encryption, instance_num,
       system_identifier, cluster_name, logon_at, at, at - logon_at, 'lost',
       ended_by, sqlstate, cpu, blocks_hit, blocks_read, blocks_written, temp_blocks, wal_bytes
FROM @extschema@.log WHERE event = 'lost'
  AND width_bucket(at - logon_at, '{1s,4s,16s,64s,256s,1024s,4096s,16384s,65536s,262144s,1048576s,4194304s,16777216s}'::interval[])
      = ANY ('{0,1,2,3,4,5,6,7,8,9,10,11,12,13}')
UNION ALL
SELECT l.session_id, l.login_user, l.login_user_id, l.database, l.database_id, l.kind, l.auth_method, l.system_identity,
       l.client_addr, l.client_port, l.proxy_addr, l.application_name, l.encryption, l.instance_num,
       l.system_identifier, l.cluster_name, l.at, NULL, clock_timestamp() - l.at, 'active',
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM pg_stat_get_activity(NULL) a
JOIN @extschema@.log l
  ON l.session_id = to_hex(floor(extract(epoch FROM a.backend_start))::bigint) || '.' || to_hex(a.pid)
     AND l.event = 'logon' AND l.system_identifier = (SELECT system_identifier FROM pg_control_system())
WHERE NOT (SELECT pg_is_in_recovery())
  AND NOT EXISTS (SELECT FROM @extschema@.log e
                  WHERE e.session_id = l.session_id AND e.logon_at = l.at AND e.event IN ('logoff', 'lost')
                    AND e.system_identifier = l.system_identifier)
UNION ALL
SELECT l.session_id, l.login_user, l.login_user_id, l.database, l.database_id, l.kind, l.auth_method, l.system_identity,
       l.client_addr, l.client_port, l.proxy_addr, l.application_name, l.encryption, l.instance_num,
       l.system_identifier, l.cluster_name, l.at, NULL, NULL, 'unknown',
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM @extschema@.open_sessions o
JOIN @extschema@.log l
  ON l.session_id = o.session_id AND l.logon_at = o.logon_at AND l.system_identifier = o.system_identifier
     AND l.event = 'logon'
WHERE l.at < (SELECT @extschema@.noted_until())
  AND NOT EXISTS (SELECT FROM @extschema@.log e
                  WHERE e.session_id = l.session_id AND e.logon_at = l.at AND e.event IN ('logoff', 'lost')
                    AND e.system_identifier = l.system_identifier)
  AND NOT (l.system_identifier = (SELECT system_identifier FROM pg_control_system())
           AND NOT (SELECT pg_is_in_recovery())
           AND l.session_id IN (SELECT to_hex(floor(extract(epoch FROM a.backend_start))::bigint) || '.' || to_hex(a.pid)
                                FROM pg_stat_get_activity(NULL) a WHERE a.backend_start IS NOT NULL))
UNION ALL
SELECT l.session_id, l.login_user, l.login_user_id, l.database, l.database_id, l.kind, l.auth_method, l.system_identity,
       l.client_addr, l.client_port, l.proxy_addr, l.application_name, l.encryption, l.instance_num,
       l.system_identifier, l.cluster_name, l.at, NULL, NULL, 'unknown',
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM @extschema@.log l
WHERE l.event = 'logon' AND l.at >= @extschema@.noted_until()
  AND NOT EXISTS (SELECT FROM @extschema@.log e
                  WHERE e.session_id = l.session_id AND e.logon_at = l.at AND e.event IN ('logoff', 'lost')
                    AND e.system_identifier = l.system_identifier)
  AND NOT (l.system_identifier = (SELECT system_identifier FROM pg_control_system())
           AND NOT (SELECT pg_is_in_recovery())
           AND l.session_id IN (SELECT to_hex(floor(extract(epoch FROM a.backend_start))::bigint) || '.' || to_hex(a.pid)
                                FROM pg_stat_get_activity(NULL) a WHERE a.backend_start IS NOT NULL));

-- The sessions that ran at some time between these two.  Those of one class of duration began
-- no earlier than the longest of the class lasts, and ended no later.
--
-- The classes' numbers and lengths fit the indexes that add_indexes() makes.  Each query is planned
-- with the values that it is for, so that other partitions are not even looked at.
CREATE FUNCTION @extschema@.sessions_during(since timestamptz, until timestamptz, at_least interval DEFAULT '0')
RETURNS SETOF @extschema@.sessions
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    below interval;
    first timestamptz;
    last timestamptz;
BEGIN
    FOR class IN 0..13 LOOP
        below := CASE WHEN class < 13 THEN interval '1 s' * 4 ^ class END;
        CONTINUE WHEN below <= at_least;
        first := CASE WHEN isfinite(since) AND below IS NOT NULL THEN since - below ELSE '-infinity' END;
        last := CASE WHEN isfinite(until) AND below IS NOT NULL THEN until + below ELSE 'infinity' END;
        RETURN QUERY
        SELECT l.session_id, l.login_user, l.login_user_id, l.database, l.database_id, l.kind, l.auth_method,
               l.system_identity, l.client_addr, l.client_port, l.proxy_addr, l.application_name, l.encryption,
               l.instance_num, l.system_identifier, l.cluster_name, l.logon_at, l.at, l.at - l.logon_at,
               CASE l.event WHEN 'lost' THEN 'lost' ELSE 'ended' END, l.ended_by, l.sqlstate, l.cpu,
               l.blocks_hit, l.blocks_read, l.blocks_written, l.temp_blocks, l.wal_bytes
        FROM @extschema@.log l
        WHERE width_bucket(l.at - l.logon_at, '{1s,4s,16s,64s,256s,1024s,4096s,16384s,65536s,262144s,1048576s,4194304s,16777216s}'::interval[]) = class
          AND l.event IN ('logoff', 'lost') AND l.logon_at > first AND l.logon_at <= until
          AND l.at >= since AND l.at <= last AND l.at - l.logon_at >= at_least;
    END LOOP;
    RETURN QUERY
    SELECT s.* FROM @extschema@.sessions s
    WHERE s.state IN ('active', 'unknown') AND s.logon_at <= until AND clock_timestamp() - s.logon_at >= at_least;
END
$$;

-- The last logon of a role before a time, and how often its name was refused since.
--
-- A row of a refused logon has the name alone.  So those do not count that came before a session
-- of another role with the name.  One minute more is for those that were not yet in the log at
-- that last logon.  No more than 10,000 rows count, so that nobody makes this slow by being
-- refused.
--
-- Months before the last one are looked at only if that has no logon of the role: a session that
-- has just begun takes time for each partition.
CREATE FUNCTION @extschema@.last_logon_of(role oid, before timestamptz DEFAULT 'infinity',
    OUT last_logon_at timestamptz, OUT client_addr inet, OUT application_name text, OUT auth_method text,
    OUT database text, OUT refusals bigint, OUT last_refusal_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    own bigint := (SELECT system_identifier FROM pg_control_system());
    name text := (SELECT rolname FROM pg_roles WHERE oid = role);
    since timestamptz;
BEGIN
    FOREACH since IN ARRAY ARRAY[least(before, now()) - interval '31 days', '-infinity'] LOOP
        SELECT l.at, l.client_addr, l.application_name, l.auth_method, l.database
        INTO last_logon_at, client_addr, application_name, auth_method, database
        FROM @extschema@.log l
        WHERE l.event = 'logon' AND l.login_user_id = role AND l.system_identifier = own
          AND l.at >= since AND l.at < before
        ORDER BY l.at DESC LIMIT 1;
        EXIT WHEN last_logon_at IS NOT NULL;
    END LOOP;
    IF last_logon_at IS NULL THEN
        SELECT k.last_logon_at, k.client_addr, k.application_name
        INTO last_logon_at, client_addr, application_name
        FROM @extschema@.kept_logons k
        WHERE k.login_user_id = role AND k.system_identifier = own AND k.last_logon_at < before;
    END IF;
    since := coalesce(last_logon_at - interval '1 minute', '-infinity');
    since := greatest(since, (SELECT l.logon_at FROM @extschema@.log l
                              WHERE l.login_user = name AND l.logon_at > since AND l.at > since
                                AND l.event IN ('logoff', 'lost') AND l.login_user_id <> role
                                AND l.system_identifier = own
                              ORDER BY l.logon_at DESC LIMIT 1));
    SELECT coalesce(sum(r.count), 0), max(r.at) INTO refusals, last_refusal_at
    FROM (SELECT l.count, l.at FROM @extschema@.log l
          WHERE l.event = 'refused' AND l.login_user = name AND l.logon_at IS NULL AND l.at > since
            AND l.system_identifier = own
          ORDER BY l.at DESC LIMIT 10000) r;
END
$$;

-- The same of the session's role before the session, for everybody.
--
-- Whose it is, pg_stat_activity knows: unlike session_user, that does not change in a session.
-- The session has no row yet while triggers of superusers fire, and none if it is left out of
-- the audit.  All that is read here is of one snapshot, so that it cannot appear in between.
CREATE FUNCTION @extschema@.my_last_logon(
    OUT last_logon_at timestamptz, OUT client_addr inet, OUT application_name text, OUT auth_method text,
    OUT database text, OUT refusals bigint, OUT last_refusal_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan SET lock_timeout = '1s' AS $$
#variable_conflict use_column
DECLARE
    own bigint := (SELECT system_identifier FROM pg_control_system());
    role oid;
    session text;
    started timestamptz;
    before timestamptz;
BEGIN
    -- The owner of a table can have functions run by whoever reads it, which is a superuser here.
    IF EXISTS (SELECT FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner AND NOT r.rolsuper
               WHERE c.oid IN ('@extschema@.log'::regclass, '@extschema@.kept_logons'::regclass)
                  OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '@extschema@.log'::regclass)) THEN
        RAISE EXCEPTION 'a table of the session audit does not belong to a superuser'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT a.usesysid, to_hex(floor(extract(epoch FROM a.backend_start))::bigint) || '.' || to_hex(a.pid), a.backend_start
    INTO role, session, started FROM pg_stat_get_activity(pg_backend_pid()) a;
    BEGIN
        SELECT l.at INTO before FROM @extschema@.log l
        WHERE l.event = 'logon' AND l.session_id = session AND l.system_identifier = own AND l.at >= started
        ORDER BY l.logon_at LIMIT 1;
        before := coalesce(before, started + current_setting('authentication_timeout')::interval);
        SELECT l.* INTO last_logon_at, client_addr, application_name, auth_method, database, refusals, last_refusal_at
        FROM @extschema@.last_logon_of(role, before) l;
        -- This gives back the locks.  Otherwise the keeper would wait for the caller's transaction.
        RAISE SQLSTATE 'UNLCK';
    EXCEPTION WHEN SQLSTATE 'UNLCK' THEN
    END;
END
$$;

-- A name in a column of so many characters, without what could write elsewhere on a terminal.
CREATE FUNCTION @extschema@.shown(name text, width int) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT rpad(left(regexp_replace(coalesce(name, '-'), '[[:cntrl:]]', '?', 'g'), width), width) || '  '
$$;

-- A page of text on the day before a time, on who is on now, and on the writer.  It reads the rows
-- of that day, whatever the size of the log.
CREATE FUNCTION @extschema@.last_day(until timestamptz DEFAULT now()) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO'
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    since timestamptz := date_trunc('hour', until - interval '24 hours');
BEGIN
    RETURN NEXT format('Sessions from %s to %s', since, date_trunc('second', until));

    RETURN NEXT '';
    RETURN NEXT 'Hour      Logons';
    RETURN QUERY
    SELECT to_char(h.hour, 'DD HH24:MI') || to_char(h.logons, '9999999')
        || rtrim('  ' || repeat('#', ceil(50.0 * h.logons / greatest(max(h.logons) OVER (), 1))::int))
    FROM (SELECT hour, count(l.at) AS logons
          FROM generate_series(since, until, '1 hour') hour
          LEFT JOIN (SELECT at FROM @extschema@.log WHERE event = 'logon' AND at >= since AND at <= until) l
            ON date_trunc('hour', l.at) = hour
          GROUP BY hour) h
    ORDER BY h.hour;

    RETURN NEXT '';
    RETURN NEXT 'Refused address          Attempts  Wrong passwords  Roles  Last';
    RETURN QUERY
    SELECT @extschema@.shown(CASE WHEN a.rank > 10 THEN format('%s others', count(*)) ELSE min(a.address) END, 23)
        || to_char(sum(a.attempts), '9999999') || to_char(sum(a.passwords), '9999999999999999')
        || CASE WHEN a.rank > 10 THEN '      -' ELSE to_char(sum(a.roles), '999999') END || to_char(max(a.last), '  DD HH24:MI:SS')
    FROM (SELECT coalesce(host(client_addr), 'local or unknown') AS address, sum(count) AS attempts,
              coalesce(sum(count) FILTER (WHERE sqlstate = '28P01'), 0) AS passwords,
              count(DISTINCT login_user) AS roles, max(at) AS last,
              least(row_number() OVER (ORDER BY sum(count) DESC, max(at) DESC), 11) AS rank
          FROM @extschema@.log WHERE event = 'refused' AND at >= since AND at <= until GROUP BY 1) a
    GROUP BY a.rank ORDER BY a.rank;

    RETURN NEXT '';
    RETURN NEXT 'Ended by                 Sessions';
    RETURN QUERY
    SELECT @extschema@.shown(coalesce(ended_by, event), 23) || to_char(count(*), '9999999')
    FROM @extschema@.log WHERE event IN ('logoff', 'lost') AND at >= since AND at <= until
    GROUP BY coalesce(ended_by, event) ORDER BY count(*) DESC, 1;

    RETURN NEXT '';
    RETURN NEXT 'Longest sessions         Role                  Database              Address          Ended by';
    RETURN QUERY
    SELECT @extschema@.shown(date_trunc('second', at - logon_at)::text, 23) || @extschema@.shown(login_user, 20)
        || @extschema@.shown(database, 20) || @extschema@.shown(host(client_addr), 15) || coalesce(ended_by, event)
    FROM @extschema@.log WHERE event IN ('logoff', 'lost') AND at >= since AND at <= until
    ORDER BY at - logon_at DESC NULLS LAST LIMIT 5;

    RETURN NEXT '';
    RETURN NEXT 'Lost sessions            Role                  Database              Address          Logon';
    RETURN QUERY
    SELECT @extschema@.shown(to_char(at, 'DD HH24:MI:SS'), 23) || @extschema@.shown(login_user, 20)
        || @extschema@.shown(database, 20) || @extschema@.shown(host(client_addr), 15) || date_trunc('second', logon_at)
    FROM @extschema@.log WHERE event = 'lost' AND at >= since AND at <= until ORDER BY at DESC LIMIT 10;

    RETURN NEXT '';
    RETURN NEXT 'On now since             Role                  Database              Address          Application';
    RETURN QUERY
    SELECT @extschema@.shown(date_trunc('second', s.logon_at)::text, 23) || @extschema@.shown(s.login_user, 20)
        || @extschema@.shown(s.database, 20) || @extschema@.shown(host(s.client_addr), 15)
        || rtrim(@extschema@.shown(s.application_name, 20))
    FROM @extschema@.sessions s WHERE s.state = 'active' ORDER BY s.logon_at LIMIT 20;

    RETURN NEXT '';
    RETURN NEXT 'Writer   Failures  Waiting  Dropped  Refusals waiting  Dropped  Keeper''s last run';
    RETURN QUERY
    SELECT @extschema@.shown(coalesce(s.writer::text, 'none'), 7) || to_char(s.failures, '9999999') || to_char(s.pending, '99999999')
        || to_char(s.dropped, '99999999') || to_char(s.refusals_waiting, '99999999999999999') || to_char(s.refusals_dropped, '99999999')
        || '  ' || coalesce(date_trunc('second', s.last_pass_at)::text, 'never')
        || coalesce(', last error ' || date_trunc('second', s.last_error_at) || ': ' || rtrim(@extschema@.shown(s.last_error, 200)), '')
    FROM @extschema@.status() s;
END
$$;

COMMENT ON FUNCTION @extschema@.last_logon_of(oid, timestamptz)
    IS 'the last logon of a role before a time, and how often its name was refused since';
COMMENT ON FUNCTION @extschema@.my_last_logon()
    IS 'the last logon of the session''s role before the session, and how often its name was refused since';
COMMENT ON FUNCTION @extschema@.last_day(timestamptz) IS 'a page of text on the sessions of the day before a time';
COMMENT ON FUNCTION @extschema@.shown(text, int) IS 'a name in a column of so many characters';

-- One row for each role that may log on, also those that never did.  A role is known by its
-- number, which it keeps when it is renamed, and which no role of the same name gets.
CREATE VIEW @extschema@.last_logons AS
SELECT r.rolname::text AS login_user, r.oid AS login_user_id, l.last_logon_at, l.client_addr, l.application_name
FROM pg_roles r
LEFT JOIN LATERAL (
    SELECT b.last_logon_at, b.client_addr, b.application_name
    FROM ((SELECT g.at AS last_logon_at, g.client_addr, g.application_name
           FROM @extschema@.log g
           WHERE g.event = 'logon' AND g.login_user_id = r.oid
             AND g.system_identifier = (SELECT system_identifier FROM pg_control_system())
           ORDER BY g.at DESC LIMIT 1)
          UNION ALL
          SELECT k.last_logon_at, k.client_addr, k.application_name
          FROM @extschema@.kept_logons k
          WHERE k.login_user_id = r.oid
            AND k.system_identifier = (SELECT system_identifier FROM pg_control_system())) b
    ORDER BY b.last_logon_at DESC LIMIT 1) l ON true
WHERE r.rolcanlogin;

-- --- evidence ----------------------------------------------------------------------

-- The digest of a row behind the row that has the digest before: what the writer has computed.
CREATE FUNCTION @extschema@.row_digest(before bytea, "row" @extschema@.log) RETURNS bytea
LANGUAGE C IMMUTABLE AS 'MODULE_PATHNAME', 'session_audit_row_digest';

-- A digest over what was removed at a time from a partition.  The keeper has it written to the log,
-- so that nobody adds to what was removed without that being seen.
CREATE FUNCTION @extschema@.removal_digest(server bigint, removed_at timestamptz, removed_from text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(string_agg(
               format('%s %s %s', r.first_number, r.last_number, encode(r.last_digest, 'hex')), ',' ORDER BY r.last_number),
               'UTF8')), 'hex')
    FROM @extschema@.removed r
    WHERE r.system_identifier = $1 AND r.removed_at = $2 AND r.removed_from = $3
$$;

-- Tell whether the rows of a server are as they were written.  The one row that is returned has
-- no problem, or the number of the first row that was changed, inserted or deleted.
--
-- Given the number, timeline and digest of one row, from the server log for instance, the rows up
-- to it are those that led to this digest.
CREATE FUNCTION @extschema@.verify(known_number bigint DEFAULT NULL, known_timeline int DEFAULT NULL,
    known_digest text DEFAULT NULL, since bigint DEFAULT NULL, server bigint DEFAULT NULL,
    OUT problem text, OUT number bigint, OUT at timestamptz, OUT detail text,
    OUT first_number bigint, OUT last_number bigint, OUT last_timeline int, OUT last_digest text, OUT removed bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    own bigint := (SELECT system_identifier FROM pg_control_system());
    digest text := ltrim(btrim(lower(known_digest), E' \t\r\n'), E'\\x');
    writes boolean;
    timeline int;
    written bigint;
    known record;
BEGIN
    IF num_nulls(known_number, known_timeline, known_digest) NOT IN (0, 3) THEN
        RAISE EXCEPTION 'number, timeline and digest of a row must be given together'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF digest !~ '^[0-9a-f]{64}$' THEN
        RAISE EXCEPTION 'a digest has 64 hexadecimal digits' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    server := coalesce(server, own);
    writes := server = own AND NOT pg_is_in_recovery();

    -- No partition is dropped from here on.  One that was dropped since the snapshot of this
    -- transaction was taken would be missed, and what was noted of it not seen.
    LOCK TABLE @extschema@.log IN ACCESS SHARE MODE;
    IF EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = '@extschema@.log'::regclass
                 AND (pg_partition_root(c.oid) IS DISTINCT FROM i.inhparent
                      OR pg_relation_filenode(c.oid) IS DISTINCT FROM nullif(c.relfilenode, 0))) THEN
        RAISE EXCEPTION 'partitions of the log were removed or rewritten after the transaction had begun'
            USING ERRCODE = 'serialization_failure', HINT = 'Call verify() in a new transaction.';
    END IF;

    -- Before the log is read, which may have more by then, and where each statement sees what was
    -- committed before it.
    IF writes AND current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
        written := (SELECT s.number FROM @extschema@.state() s);
    END IF;
    -- Which timeline a standby has come to, no function says for certain.
    IF writes THEN
        timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
    END IF;
    SELECT c.* INTO problem, number, at, detail, first_number, last_number, last_timeline, last_digest, removed
    FROM @extschema@.check_rows(server, greatest(since, 1), timeline) c;
    IF problem IS NOT NULL AND problem <> 'unconfirmed' THEN
        RETURN;
    END IF;

    -- What is wrong goes before what is only not known yet.
    IF last_number < written OR last_number IS NULL AND written IS NOT NULL THEN
        problem := 'deleted';
        number := coalesce(last_number, 0) + 1;
        at := NULL;
        detail := format('the writer has written rows up to number %s', written);
    ELSIF digest IS NOT NULL THEN
        SELECT k.* INTO known
        FROM @extschema@.check_known(server, known_number, known_timeline, digest, last_number,
            greatest(last_timeline, timeline)) k;
        IF problem = 'unconfirmed' AND known.problem = 'removed' THEN
            detail := format('%s; the row of the digest was removed, too, and its digest is not known', detail);
        ELSIF known.problem IS NOT NULL THEN
            problem := known.problem;
            number := known.number;
            at := known.at;
            detail := known.detail;
        END IF;
    END IF;
END
$$;

-- Look for the first row of a server, from a number on, that does not follow from the row before.
-- If the timeline that the server writes is given, no row has a later one.
--
-- All that is read here is of one snapshot.  Rows come in the order of an index, so that nothing
-- is sorted and the first problem is found early.  Constraints and policies hide no row.
CREATE FUNCTION @extschema@.check_rows(server bigint, since bigint, own_timeline int,
    OUT problem text, OUT number bigint, OUT at timestamptz, OUT detail text,
    OUT first_number bigint, OUT last_number bigint, OUT last_timeline int, OUT last_digest text, OUT removed bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_sort = off SET enable_seqscan = off
SET constraint_exclusion = off SET row_security = off AS $$
#variable_conflict use_column
DECLARE
    next record;
    missing bigint;
    gap record;
    untold_first bigint;
    untold_last bigint;
    others bigint[] := '{}';
    stored record;
BEGIN
    removed := 0;
    SELECT l.number INTO first_number FROM @extschema@.log l
    WHERE l.system_identifier = server AND l.number IS NOT NULL ORDER BY l.number LIMIT 1;
    SELECT l.number, l.timeline, encode(l.digest, 'hex') INTO last_number, last_timeline, last_digest FROM @extschema@.log l
    WHERE l.system_identifier = server AND l.number IS NOT NULL ORDER BY l.number DESC LIMIT 1;

    FOR next IN
        SELECT s.*, @extschema@.row_digest(s.digest_before, s.line) IS NOT DISTINCT FROM s.digest AS fits
        FROM (SELECT l.number, l.at, l.timeline, l.digest, lag(l.number) OVER w AS before,
                     lag(l.timeline) OVER w AS timeline_before, lag(l.digest) OVER w AS digest_before, l AS line
              FROM @extschema@.log l
              WHERE l.system_identifier = server AND l.number >= since
              WINDOW w AS (ORDER BY l.number)) s
        WHERE s.before IS DISTINCT FROM s.number - 1
           OR s.timeline IS NULL OR s.timeline < s.timeline_before OR s.timeline > own_timeline
           OR @extschema@.row_digest(s.digest_before, s.line) IS DISTINCT FROM s.digest
    LOOP
        number := next.number;
        at := next.at;
        missing := coalesce(next.before + 1, since);
        IF next.before = next.number THEN
            problem := 'inserted';
            detail := 'another row has the same number';
        ELSIF next.timeline IS NULL OR next.timeline < next.timeline_before THEN
            problem := 'changed';
            detail := 'the timeline is neither that of the row before nor a later one';
        ELSIF next.timeline > own_timeline THEN
            problem := 'changed';
            detail := format('the server is on timeline %s, and has never been on a later one', own_timeline);
        ELSIF missing = next.number THEN
            -- The row before the first one is not looked at.
            CONTINUE WHEN next.fits OR next.before IS NULL AND since > 1;
            problem := 'changed';
            detail := 'the digest is not that of the row behind the one before';
        ELSE
            -- What was removed on purpose must be all that is missing.
            SELECT g.* INTO gap FROM @extschema@.check_gap(server, missing, next.number - 1) g;
            IF NOT gap.is_removed THEN
                problem := 'deleted';
                number := missing;
                detail := format('rows up to number %s are missing', next.number - 1);
            ELSIF @extschema@.row_digest(gap.last_digest, next.line) IS DISTINCT FROM next.digest THEN
                problem := 'changed';
                detail := 'the digest is not that of the row behind those that were removed';
            ELSE
                removed := removed + next.number - missing;
                others := others || array_remove(gap.told_by, server);
                IF untold_first IS NULL AND array_position(gap.told_by, NULL) IS NOT NULL THEN
                    untold_first := missing;
                    untold_last := next.number - 1;
                END IF;
                CONTINUE;
            END IF;
        END IF;
        RETURN;
    END LOOP;
    number := NULL;
    at := NULL;

    SELECT s.* INTO stored FROM @extschema@.stored_rows(server, since) s;
    IF stored.strays > 0 THEN
        problem := 'inserted';
        number := stored.stray_number;
        at := stored.stray_at;
        detail := 'a row has no number, or one that no row has, or no server';
    ELSIF stored.rows > greatest(coalesce(last_number, 0) - since + 1 - removed, 0) THEN
        problem := 'inserted';
        detail := 'not all rows are in the index by system_identifier and number: REINDEX TABLE, then verify again';
    ELSIF untold_first IS NOT NULL THEN
        problem := 'unconfirmed';
        number := untold_first;
        detail := format('rows up to number %s are noted as removed, but no row of the log tells of that: the keeper writes one'
            ' soon, until when these may also have been deleted', untold_last);
    ELSIF others <> '{}' THEN
        detail := format('that rows were removed is in rows of server %s: verify these, too', others[1]);
    END IF;
END
$$;

-- What is stored of a server from a number on, whatever indexes say: how many rows, and whether
-- there are some that no server has written.
CREATE FUNCTION @extschema@.stored_rows(server bigint, since bigint,
    OUT rows bigint, OUT strays bigint, OUT stray_number bigint, OUT stray_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = on SET enable_indexscan = off
SET enable_indexonlyscan = off SET enable_bitmapscan = off SET constraint_exclusion = off SET row_security = off AS $$
    SELECT count(*) FILTER (WHERE l.system_identifier = server AND l.number >= since),
           count(*) FILTER (WHERE s.is_stray), min(l.number) FILTER (WHERE s.is_stray), min(l.at) FILTER (WHERE s.is_stray)
    FROM @extschema@.log l, LATERAL (SELECT l.system_identifier IS NULL
        OR l.system_identifier = server AND (l.number IS NULL OR l.number < 1) AS is_stray) s
$$;

-- Compare the rows of a server with the digest that is known of one of them.  The timeline is the
-- one to which the server has come; it may have written nothing on it yet.
CREATE FUNCTION @extschema@.check_known(server bigint, known_number bigint, known_timeline int, known_digest text,
    last_number bigint, timeline int, OUT problem text, OUT number bigint, OUT at timestamptz, OUT detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    known record;
BEGIN
    SELECT l.number, l.at, l.timeline, encode(l.digest, 'hex') AS digest INTO known
    FROM @extschema@.log l WHERE l.system_identifier = server AND l.number = known_number;
    IF FOUND AND known.timeline = known_timeline AND known.digest = known_digest THEN
        RETURN;
    END IF;
    IF known.number IS NULL AND EXISTS (SELECT FROM @extschema@.removed r
                                        WHERE r.system_identifier = server AND r.last_number = known_number
                                          AND encode(r.last_digest, 'hex') = known_digest) THEN
        RETURN;
    END IF;
    number := known_number;
    IF known.number IS NULL AND @extschema@.is_removed(server, known_number, known_number) THEN
        problem := 'removed';
        detail := 'the row was removed with others, and its digest is not known';
    ELSIF known.timeline > known_timeline OR known.number IS NULL AND check_known.timeline > known_timeline THEN
        problem := 'lost';
        SELECT l.number, l.at, l.timeline INTO known FROM @extschema@.log l
        WHERE l.system_identifier = server AND l.number <= known_number AND l.timeline > known_timeline
        ORDER BY l.number LIMIT 1;
        number := coalesce(known.number, last_number + 1);
        at := known.at;
        detail := format('rows up to number %s of timeline %s were not on the server that went on with another timeline,'
            ' unless its rows have been rewritten: a digest of the later timeline shows that', known_number, known_timeline);
    ELSIF known.number IS NULL THEN
        problem := 'deleted';
        detail := 'the row is missing';
    ELSE
        problem := 'changed';
        at := known.at;
        detail := 'the rows up to this one are others than those that led to this digest';
    END IF;
END
$$;

-- What is noted of missing rows: whether all were removed on purpose, the digest of the last one,
-- and the servers whose rows tell of it, where null stands for what no row tells of.
CREATE FUNCTION @extschema@.check_gap(server bigint, first bigint, last bigint,
    OUT is_removed boolean, OUT last_digest bytea, OUT told_by bigint[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.last_number IS NOT NULL AND @extschema@.is_removed(server, first, last), r.last_digest,
           ARRAY(SELECT @extschema@.told_by(server, b.removed_at, b.removed_from)
                 FROM (SELECT DISTINCT o.removed_at, o.removed_from FROM @extschema@.removed o
                       WHERE o.system_identifier = server AND o.first_number <= last AND o.last_number >= first) b)
    FROM (VALUES (last)) v (number)
    LEFT JOIN @extschema@.removed r ON r.system_identifier = server AND r.last_number = v.number
$$;

-- Are all these numbers among those that were removed on purpose?
CREATE FUNCTION @extschema@.is_removed(server bigint, first bigint, last bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(range_agg(numrange(r.first_number, r.last_number + 1::numeric)) @> numrange(first, last + 1::numeric), false)
    FROM @extschema@.removed r
    WHERE r.system_identifier = server AND r.first_number <= last AND r.last_number >= greatest(first, r.first_number)
$$;

-- The server with a row in the log that tells of what was removed at a time from a partition; null
-- if no row does.  That is the server whose rows they were, which has written the row behind them,
-- or this one, to which they had been brought.
CREATE FUNCTION @extschema@.told_by(server bigint, removed_at timestamptz, removed_from text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.system_identifier
    FROM @extschema@.log c
    WHERE c.event = 'changed' AND c.at >= removed_at - interval '1 day'
        AND c.context->>'change' = 'rows removed' AND c.context->>'system_identifier' = server::text
        AND c.context->>'digest' = (SELECT @extschema@.removal_digest(server, removed_at, removed_from))
        AND (c.system_identifier = server
             AND c.number > (SELECT max(r.last_number) FROM @extschema@.removed r
                             WHERE r.system_identifier = server AND r.removed_at = told_by.removed_at
                               AND r.removed_from = told_by.removed_from)
             OR c.system_identifier = (SELECT system_identifier FROM pg_control_system())
             AND c.system_identifier <> server AND c.number > 0)
    ORDER BY c.system_identifier = server DESC LIMIT 1
$$;

-- Have the keeper come soon after this transaction has committed.
CREATE FUNCTION @extschema@.want_keeper() RETURNS void
LANGUAGE C AS 'MODULE_PATHNAME', 'session_audit_want_keeper';

-- Note what is about to be removed from the log with a partition, or of it what is older than a
-- time: call this in the transaction that drops or detaches it.  The keeper then has a row written
-- that tells of it.
CREATE FUNCTION @extschema@.note_removal(partition regclass, older_than timestamptz DEFAULT 'infinity',
    at timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_sort = off SET enable_seqscan = off AS $$
DECLARE
    noted bigint;
BEGIN
    EXECUTE format(
        'INSERT INTO @extschema@.removed (system_identifier, first_number, last_number, last_digest, removed_at, removed_from)
         SELECT i.system_identifier, i.first, i.last, (SELECT p.digest FROM %1$s p
             WHERE p.system_identifier = i.system_identifier AND p.number = i.last LIMIT 1), $2, $3
         FROM (SELECT n.system_identifier, min(n.number) AS first, max(n.number) AS last
               FROM (SELECT p.system_identifier, p.number,
                            p.number - row_number() OVER (PARTITION BY p.system_identifier ORDER BY p.number) AS island
                     FROM %1$s p WHERE p.number IS NOT NULL AND p.system_identifier IS NOT NULL AND p.at < $1) n
               GROUP BY n.system_identifier, n.island) i
         ON CONFLICT DO NOTHING', partition)
        USING older_than, note_removal.at, partition::text;
    GET DIAGNOSTICS noted = ROW_COUNT;
    IF noted > 0 THEN
        PERFORM @extschema@.want_keeper();
    END IF;
END
$$;

-- What was removed, of this server's rows or another one's, and no row of the log tells of yet.
CREATE FUNCTION @extschema@.new_removals(OUT system_identifier bigint, OUT removed_from text,
    OUT first_number bigint, OUT last_number bigint, OUT digest text)
RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.system_identifier, r.removed_from, min(r.first_number), max(r.last_number),
           @extschema@.removal_digest(r.system_identifier, r.removed_at, r.removed_from)
    FROM @extschema@.removed r
    GROUP BY r.system_identifier, r.removed_at, r.removed_from
    HAVING @extschema@.told_by(r.system_identifier, r.removed_at, r.removed_from) IS NULL
    ORDER BY r.removed_at, r.removed_from, r.system_identifier
$$;

-- --- rights ------------------------------------------------------------------------

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

-- --- housekeeping ------------------------------------------------------------------

-- None of these functions waits long for a lock: as long as it does, the writer waits behind it.
-- They are called anew.  So no other session has to look for a deadlock, either.

-- Make the partition of a month in UTC, and move there what the default partition has of it.
-- It is no member of the extension, so that pg_dump dumps it with its rows.
CREATE FUNCTION @extschema@.add_month(month date) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    start timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    stop timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    name text := 'log_' || to_char(month, 'YYYY_MM');
    partition regclass;
    columns text;
BEGIN
    -- One at a time, while others read and write.
    LOCK TABLE ONLY @extschema@.log IN SHARE UPDATE EXCLUSIVE MODE;
    partition := to_regclass('@extschema@.' || name);
    IF partition IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_inherits
                       WHERE inhrelid = partition AND inhparent = '@extschema@.log'::regclass) THEN
            RAISE EXCEPTION 'table "%" is not a partition of the log', name
                USING ERRCODE = 'duplicate_table', HINT = 'Attach it, drop it, or rename it.';
        END IF;
        RETURN partition;
    END IF;
    -- With what somebody has added to the log.
    EXECUTE format('CREATE TABLE @extschema@.%I'
        ' (LIKE @extschema@.log INCLUDING CONSTRAINTS INCLUDING GENERATED) USING heap', name);
    partition := to_regclass('@extschema@.' || name);
    PERFORM @extschema@.close(partition);
    EXECUTE format('GRANT SELECT ON %s TO pg_monitor', partition);
    EXECUTE format('ALTER TABLE %s OWNER TO %s', partition,
        (SELECT relowner::regrole FROM pg_class WHERE oid = '@extschema@.log'::regclass));
    PERFORM @extschema@.add_indexes(partition);
    -- A query that has read the list of partitions before, and reads their rows afterward,
    -- would miss those that are moved.  So nobody may read the list meanwhile.
    --
    -- The log is locked before any partition, as others do: otherwise this function and another
    -- session could each wait for the other.
    IF start <= now() OR EXISTS (SELECT FROM @extschema@.log_default WHERE at >= start AND at < stop) THEN
        LOCK TABLE ONLY @extschema@.log IN ACCESS EXCLUSIVE MODE;
        LOCK TABLE @extschema@.log_default IN ACCESS EXCLUSIVE MODE;
        SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
        WHERE attrelid = '@extschema@.log'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
        EXECUTE format('WITH moved AS (DELETE FROM @extschema@.log_default WHERE at >= $1 AND at < $2 RETURNING %2$s)'
            ' INSERT INTO %1$s (%2$s) SELECT %2$s FROM moved', partition, columns) USING start, stop;
    END IF;
    EXECUTE format('ALTER TABLE @extschema@.log ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
        partition, start, stop);
    RETURN partition;
END
$$;

-- Make the partitions of the month of a time and of the one after it.  A partition that would
-- have to be searched for in a large log_default is left to the administrator: while that is
-- done, the logons for which log_default is the place wait.
CREATE FUNCTION @extschema@.make_months(at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '20ms' AS $$
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

-- Note the sessions that have logged on since the keeper last looked and have not ended, then
-- return the identifiers of the sessions that run.  In this order no session that runs can be
-- called lost, whatever the clock says: one that is noted had logged on before the list was made,
-- so that it had ended by then if it is not on the list.
--
-- Only what is new is read: an end comes after its logon.  When a search is complete, all is in
-- the log that had been handed over when it began; what was not yet there when its logons were
-- noted is found by the next one, which reads from the beginning of the one before.  One day more
-- is for clocks that are set back, and for triggers that run long before their logon is handed
-- over.  Should an end not be read that is older, find_lost() sees it.
CREATE FUNCTION @extschema@.running() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '20ms' AS $$
DECLARE
    own bigint := (SELECT system_identifier FROM pg_control_system());
    before bigint;
    since timestamptz;
BEGIN
    LOCK TABLE @extschema@.keeper IN EXCLUSIVE MODE;
    SELECT s.last_value INTO before FROM @extschema@.server s WHERE s.is_called;
    IF before <> own THEN
        PERFORM @extschema@.keep_logons('infinity', before);
    END IF;
    IF before IS DISTINCT FROM own THEN
        PERFORM setval('@extschema@.server', own);
    END IF;
    SELECT k.searched_before - interval '1 day' INTO since FROM @extschema@.keeper k
    WHERE k.system_identifier = own;
    since := coalesce(since, '-infinity');
    INSERT INTO @extschema@.open_sessions (system_identifier, session_id, logon_at)
    SELECT s.system_identifier, s.session_id, s.logon_at
    FROM @extschema@.log s
    WHERE s.event IN ('logon', 'logoff', 'lost') AND s.at >= since
        AND s.system_identifier IS NOT NULL AND s.session_id IS NOT NULL AND s.logon_at IS NOT NULL
    GROUP BY s.system_identifier, s.session_id, s.logon_at
    HAVING bool_and(s.event = 'logon')
    ON CONFLICT DO NOTHING;

    -- Not a list that the transaction has made before, if somebody calls this by hand.
    PERFORM pg_stat_clear_snapshot();
    RETURN (SELECT coalesce(string_agg(to_hex(floor(extract(epoch FROM backend_start))::bigint) || '.' || to_hex(pid), ','), '')
            FROM pg_stat_get_activity(NULL));
END
$$;

-- Return a row for each session of this server, or use of one, that has ended without an end in
-- the log.  Sessions that logged on before started_at do not run any more: they ended by then,
-- in a crash.  A use has ended if the session has a later one.
--
-- What is returned stays noted until its row is in the log: should that not come to pass,
-- it is returned again.
CREATE FUNCTION @extschema@.find_lost(at timestamptz, started_at timestamptz, running text,
    OUT at_us bigint, OUT session_id text, OUT login_user text, OUT login_user_id text, OUT database text,
    OUT database_id text, OUT kind text, OUT auth_method text, OUT system_identity text, OUT client_addr text,
    OUT client_port text, OUT proxy_addr text, OUT application_name text, OUT encryption text, OUT instance_num text,
    OUT logon_at_us bigint, OUT ended_by text)
RETURNS SETOF record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '20ms' AS $$
#variable_conflict use_column
DECLARE
    own bigint := (SELECT system_identifier FROM pg_control_system());
    epoch timestamptz := '2000-01-01 00:00:00+00';
BEGIN
    LOCK TABLE @extschema@.keeper IN EXCLUSIVE MODE;

    DELETE FROM @extschema@.open_sessions AS o
    WHERE EXISTS (SELECT FROM @extschema@.log e
                  WHERE e.session_id = o.session_id AND e.logon_at = o.logon_at AND e.event IN ('logoff', 'lost')
                    AND e.system_identifier = o.system_identifier)
        OR NOT EXISTS (SELECT FROM @extschema@.log l
                       WHERE l.session_id = o.session_id AND l.logon_at = o.logon_at AND l.event = 'logon'
                         AND l.system_identifier = o.system_identifier);

    -- Whoever sees the logon of the next use also sees the logoff of this one, if there is one,
    -- as it was committed before; but the statement before may not have seen either.
    RETURN QUERY
    SELECT (extract(epoch FROM lost.ended_at - epoch) * 1000000)::bigint, l.session_id::text, l.login_user::text,
        l.login_user_id::text, l.database::text, l.database_id::text, l.kind::text, l.auth_method::text, l.system_identity,
        host(l.client_addr), l.client_port::text, host(l.proxy_addr), l.application_name, l.encryption::text, l.instance_num::text,
        (extract(epoch FROM l.at - epoch) * 1000000)::bigint, lost.ended_by
    FROM (SELECT o.session_id, o.logon_at,
              CASE WHEN next.at IS NOT NULL THEN next.at
                   ELSE greatest(CASE WHEN o.logon_at < find_lost.started_at THEN find_lost.started_at
                                      ELSE find_lost.at END, o.logon_at) END AS ended_at,
              CASE WHEN next.at IS NOT NULL THEN 'reset'
                   WHEN o.logon_at < find_lost.started_at THEN 'crash' END AS ended_by
          FROM @extschema@.open_sessions o
          LEFT JOIN LATERAL (SELECT min(n.logon_at) AS at FROM @extschema@.log n
                             WHERE n.session_id = o.session_id AND n.logon_at > o.logon_at AND n.event = 'logon'
                               AND n.system_identifier = o.system_identifier) next ON true
          WHERE o.system_identifier = own
            AND (next.at IS NOT NULL OR o.session_id <> ALL (string_to_array(find_lost.running, ',')))
            AND NOT EXISTS (SELECT FROM @extschema@.log e
                            WHERE e.session_id = o.session_id AND e.logon_at = o.logon_at
                              AND e.event IN ('logoff', 'lost') AND e.system_identifier = own)) lost
    CROSS JOIN LATERAL (SELECT * FROM @extschema@.log l
                        WHERE l.session_id = lost.session_id AND l.logon_at = lost.logon_at AND l.event = 'logon'
                          AND l.system_identifier = own LIMIT 1) l
    ORDER BY lost.ended_at, l.at, l.session_id;

    INSERT INTO @extschema@.keeper AS k (system_identifier, searched_at) VALUES (own, find_lost.at)
    ON CONFLICT (system_identifier) DO UPDATE
        SET searched_before = least(k.searched_at, find_lost.at), searched_at = find_lost.at;
END
$$;

-- Keep the last logons before a time, of roles that there still are.  They are taken for this
-- server's, although rows of a server of that identifier speak of them.
CREATE FUNCTION @extschema@.keep_logons(before timestamptz, server bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO @extschema@.kept_logons AS k
        (system_identifier, login_user_id, login_user, last_logon_at, client_addr, application_name)
    SELECT c.system_identifier, r.oid, l.login_user, l.at, l.client_addr, l.application_name
    FROM pg_control_system() c, pg_roles r
    CROSS JOIN LATERAL (
        SELECT b.*
        FROM ((SELECT g.login_user, g.at, g.client_addr, g.application_name FROM @extschema@.log g
               WHERE g.event = 'logon' AND g.login_user_id = r.oid AND g.at < before
                 AND g.system_identifier = keep_logons.server
               ORDER BY g.at DESC LIMIT 1)
              UNION ALL
              SELECT o.login_user, o.last_logon_at, o.client_addr, o.application_name FROM @extschema@.kept_logons o
              WHERE o.login_user_id = r.oid AND o.system_identifier = keep_logons.server) b
        ORDER BY b.at DESC LIMIT 1) l
    ON CONFLICT (system_identifier, login_user_id) DO UPDATE
        SET login_user = excluded.login_user, last_logon_at = excluded.last_logon_at,
            client_addr = excluded.client_addr, application_name = excluded.application_name
        WHERE excluded.last_logon_at > k.last_logon_at;
END
$$;

-- The partitions that have an end, and where it is.
CREATE FUNCTION @extschema@.months(OUT partition regclass, OUT upper timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT c.oid, substring(pg_get_expr(c.relpartbound, c.oid) FROM ' TO [(]''(.*)''[)]$')::timestamptz
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = '@extschema@.log'::regclass
$$;

-- Drop the partitions that are older than so many days, and the rows of log_default that are.
-- The last logons in them are kept.  One that cannot be dropped does not keep the others from it,
-- and loses its rows if that is because something depends on it: anybody can make a view of it.
CREATE FUNCTION @extschema@.drop_months(at timestamptz, days int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '20ms' AS $$
DECLARE
    stop timestamptz := drop_months.at - make_interval(days => days);
    partition regclass;
BEGIN
    IF days <= 0 THEN
        RETURN;
    END IF;
    DELETE FROM @extschema@.kept_logons k
    WHERE k.system_identifier = (SELECT system_identifier FROM pg_control_system())
      AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = k.login_user_id);
    -- First, while nobody waits for this transaction.
    PERFORM @extschema@.keep_logons(stop, (SELECT system_identifier FROM pg_control_system()));
    PERFORM @extschema@.note_removal(c.partition, stop, drop_months.at) FROM @extschema@.months() c WHERE c.upper <= stop;
    PERFORM @extschema@.note_removal('@extschema@.log_default', stop, drop_months.at);
    DELETE FROM @extschema@.log_default AS row WHERE row.at < stop;
    FOR partition IN SELECT c.partition FROM @extschema@.months() c WHERE c.upper <= stop ORDER BY c.upper LOOP
        BEGIN
            -- Those who read the log wait as soon as the first partition is dropped.  So
            -- they must not wait for others who use the next one.
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE NOWAIT', partition);
            BEGIN
                EXECUTE format('DROP TABLE %s', partition);
            EXCEPTION WHEN dependent_objects_still_exist THEN
                EXECUTE format('TRUNCATE %s', partition);
                RAISE WARNING 'partition "%" of the session audit was emptied: %', partition, SQLERRM
                    USING ERRCODE = SQLSTATE;
                PERFORM @extschema@.note_pass(drop_months.at, SQLERRM);
            END;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'could not drop partition "%" of the session audit: %', partition, SQLERRM
                USING ERRCODE = SQLSTATE;
            DELETE FROM @extschema@.removed AS r
            WHERE r.removed_at = drop_months.at AND r.removed_from = partition::text;
            PERFORM @extschema@.note_pass(drop_months.at, SQLERRM);
        END;
    END LOOP;
END
$$;

-- Note when the keeper ran, and the error that it ended with, if any.
CREATE FUNCTION @extschema@.note_pass(at timestamptz, error text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '20ms' AS $$
BEGIN
    LOCK TABLE @extschema@.keeper IN EXCLUSIVE MODE;
    INSERT INTO @extschema@.keeper AS k (system_identifier, last_pass_at, last_error, last_error_at)
    SELECT c.system_identifier, note_pass.at, error, CASE WHEN error IS NOT NULL THEN note_pass.at END
    FROM pg_control_system() c
    ON CONFLICT (system_identifier) DO UPDATE SET last_pass_at = excluded.last_pass_at,
        last_error = coalesce(excluded.last_error, k.last_error),
        last_error_at = coalesce(excluded.last_error_at, k.last_error_at);
END
$$;

-- What a monitor needs to know, in one row.  Rows are written roughly in the order of their
-- times, so only the first and the last blocks of each partition are read.  A partition that
-- does not belong to a superuser is not: whoever owns it could have put a policy on it, which
-- would run with the rights of the caller.
CREATE FUNCTION @extschema@.status(OUT partitions int, OUT oldest timestamptz, OUT newest timestamptz, OUT size bigint,
    OUT last_pass_at timestamptz, OUT last_error text, OUT last_error_at timestamptz,
    OUT writer int, OUT failures int, OUT pending int, OUT dropped bigint,
    OUT refusals_waiting int, OUT refusals_dropped bigint, OUT keeper_failures int)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    partition regclass;
    blocks bigint;
    first timestamptz;
    last timestamptz;
    readable boolean;
BEGIN
    partitions := 0;
    size := 0;
    -- Whoever adds or drops a partition locks the log first.
    PERFORM FROM ONLY @extschema@.log;
    FOR partition, readable IN
        SELECT c.oid, has_table_privilege(c.oid, 'SELECT') AND NOT c.relrowsecurity
            AND (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = c.relowner)
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '@extschema@.log'::regclass
    LOOP
        blocks := pg_relation_size(partition) / current_setting('block_size')::int;
        -- One that was detached before may have been dropped since.
        CONTINUE WHEN blocks IS NULL;
        first := NULL;
        last := NULL;
        IF readable THEN
            EXECUTE format('SELECT (SELECT at FROM %1$s LIMIT 1), max(at) FROM %1$s WHERE ctid >= $1', partition)
                INTO first, last USING format('(%s,0)', greatest(blocks - 64, 0))::tid;
        END IF;
        partitions := partitions + 1;
        oldest := least(oldest, first);
        newest := greatest(newest, last);
        size := size + coalesce(pg_total_relation_size(partition), 0);
    END LOOP;
    SELECT k.last_pass_at, k.last_error, k.last_error_at INTO last_pass_at, last_error, last_error_at
    FROM @extschema@.keeper k WHERE k.system_identifier = (SELECT system_identifier FROM pg_control_system());
    SELECT s.writer, s.failures, s.pending, s.dropped, s.refusals_waiting, s.refusals_dropped, s.keeper_failures
    INTO writer, failures, pending, dropped, refusals_waiting, refusals_dropped, keeper_failures
    FROM @extschema@.state() s;
END
$$;

-- --- comments ----------------------------------------------------------------------

COMMENT ON TABLE @extschema@.log IS 'one row for each event of a session of this server';
COMMENT ON COLUMN @extschema@.log.number IS 'the number of the row on its timeline';
COMMENT ON COLUMN @extschema@.log.timeline IS 'the timeline that the row was written on';
COMMENT ON COLUMN @extschema@.log.digest IS 'a digest over the row and the digest before it';
COMMENT ON COLUMN @extschema@.log.at IS 'when the event occurred, in partitions by month in UTC';
COMMENT ON COLUMN @extschema@.log.event IS 'logon, logoff, refused, lost, or changed';
COMMENT ON COLUMN @extschema@.log.session_id IS 'the session, as %c of log_line_prefix shows it';
COMMENT ON COLUMN @extschema@.log.login_user IS 'the name of the role that logged on';
COMMENT ON COLUMN @extschema@.log.login_user_id IS 'the number of the role, which it keeps when it is renamed';
COMMENT ON COLUMN @extschema@.log.database IS 'the name of the database that it logged on to';
COMMENT ON COLUMN @extschema@.log.database_id IS 'the number of the database';
COMMENT ON COLUMN @extschema@.log.kind IS 'client or replication';
COMMENT ON COLUMN @extschema@.log.auth_method IS 'how it authenticated';
COMMENT ON COLUMN @extschema@.log.system_identity IS 'as whom it authenticated, if the method has an identity';
COMMENT ON COLUMN @extschema@.log.client_addr IS 'the client''s address; null over a Unix socket';
COMMENT ON COLUMN @extschema@.log.client_port IS 'the client''s port; null over a Unix socket';
COMMENT ON COLUMN @extschema@.log.proxy_addr IS 'the address of the proxy that the client came through, if any';
COMMENT ON COLUMN @extschema@.log.application_name IS 'application_name at the time of the event';
COMMENT ON COLUMN @extschema@.log.encryption IS 'the version of TLS, or GSS; null if the connection is not encrypted';
COMMENT ON COLUMN @extschema@.log.instance_num IS 'session_triggers.instance_num at logon';
COMMENT ON COLUMN @extschema@.log.system_identifier IS 'the server, as pg_control_system() shows it';
COMMENT ON COLUMN @extschema@.log.cluster_name IS 'cluster_name of the server';
COMMENT ON COLUMN @extschema@.log.logon_at IS 'when the session, or the use of it, began';
COMMENT ON COLUMN @extschema@.log.ended_by IS 'how the session, or the use of it, ended';
COMMENT ON COLUMN @extschema@.log.sqlstate IS 'the SQLSTATE of the error that ended or refused it, or with which triggers of superusers failed at logon';
COMMENT ON COLUMN @extschema@.log.cpu IS 'processor time of the session''s process during the use';
COMMENT ON COLUMN @extschema@.log.blocks_hit IS 'blocks that the session found in the buffers';
COMMENT ON COLUMN @extschema@.log.blocks_read IS 'blocks that the session read';
COMMENT ON COLUMN @extschema@.log.blocks_written IS 'blocks that the session wrote';
COMMENT ON COLUMN @extschema@.log.temp_blocks IS 'blocks of temporary files that the session read or wrote';
COMMENT ON COLUMN @extschema@.log.wal_bytes IS 'WAL that the session produced';
COMMENT ON COLUMN @extschema@.log.count IS 'the number of events that the row stands for';
COMMENT ON COLUMN @extschema@.log.context IS 'the settings in session_audit.context, or what was changed';

COMMENT ON TABLE @extschema@.log_default IS 'the rows of the log for which there is no month';

COMMENT ON TABLE @extschema@.keeper IS 'what the keeper of the log has done';
COMMENT ON COLUMN @extschema@.keeper.system_identifier IS 'the server whose keeper it is';
COMMENT ON COLUMN @extschema@.keeper.searched_at IS 'when lost sessions were last searched for';
COMMENT ON COLUMN @extschema@.keeper.searched_before IS 'when that was done the time before';
COMMENT ON COLUMN @extschema@.keeper.last_pass_at IS 'when the keeper last ran';
COMMENT ON COLUMN @extschema@.keeper.last_error IS 'the last error of the keeper';
COMMENT ON COLUMN @extschema@.keeper.last_error_at IS 'when that was';

COMMENT ON TABLE @extschema@.open_sessions IS 'the sessions that had no end when the keeper last looked';
COMMENT ON COLUMN @extschema@.open_sessions.system_identifier IS 'the server of the session';
COMMENT ON COLUMN @extschema@.open_sessions.session_id IS 'the session';
COMMENT ON COLUMN @extschema@.open_sessions.logon_at IS 'when it, or the use of it, began';

COMMENT ON TABLE @extschema@.kept_logons IS 'the last logon of each role in months that have been dropped';
COMMENT ON COLUMN @extschema@.kept_logons.system_identifier IS 'the server that the role logged on to';
COMMENT ON COLUMN @extschema@.kept_logons.login_user_id IS 'the number of the role';
COMMENT ON COLUMN @extschema@.kept_logons.login_user IS 'its name at the time';
COMMENT ON COLUMN @extschema@.kept_logons.last_logon_at IS 'when it last logged on';
COMMENT ON COLUMN @extschema@.kept_logons.client_addr IS 'from which address';
COMMENT ON COLUMN @extschema@.kept_logons.application_name IS 'with which application_name';

COMMENT ON TABLE @extschema@.removed IS 'the rows that were removed on purpose';
COMMENT ON COLUMN @extschema@.removed.system_identifier IS 'the server whose rows they were';
COMMENT ON COLUMN @extschema@.removed.first_number IS 'the number of the first one';
COMMENT ON COLUMN @extschema@.removed.last_number IS 'the number of the last one';
COMMENT ON COLUMN @extschema@.removed.last_digest IS 'the digest of the last one';
COMMENT ON COLUMN @extschema@.removed.removed_at IS 'when they were removed';
COMMENT ON COLUMN @extschema@.removed.removed_from IS 'the partition that they were in';

COMMENT ON SEQUENCE @extschema@.server IS 'the server''s identifier when the keeper last looked';

COMMENT ON VIEW @extschema@.sessions IS 'one row for each session, or for each use of one that DISCARD ALL ends';
COMMENT ON COLUMN @extschema@.sessions.state IS 'active, ended, lost, or unknown: without an end, and not running here';
COMMENT ON VIEW @extschema@.last_logons IS 'the last logon of each role that may log on';

COMMENT ON FUNCTION @extschema@.state() IS 'the state of the writer of the log';
COMMENT ON FUNCTION @extschema@.status() IS 'the state of the log, its keeper, and its writer';
COMMENT ON FUNCTION @extschema@.sessions_during(timestamptz, timestamptz, interval)
    IS 'the sessions that ran at some time between these two, and lasted so long';
COMMENT ON FUNCTION @extschema@.noted_until() IS 'until when the keeper has noted the logons without an end';
COMMENT ON FUNCTION @extschema@.row_digest(bytea, @extschema@.log) IS 'the digest of a row behind that with another one';
COMMENT ON FUNCTION @extschema@.verify(bigint, int, text, bigint, bigint) IS 'tell whether the rows are as they were written';
COMMENT ON FUNCTION @extschema@.check_rows(bigint, bigint, int) IS 'look for the first row that does not follow from the one before';
COMMENT ON FUNCTION @extschema@.stored_rows(bigint, bigint) IS 'what is stored of a server''s rows, whatever indexes say';
COMMENT ON FUNCTION @extschema@.check_known(bigint, bigint, int, text, bigint, int)
    IS 'compare the rows with the digest that is known of one of them';
COMMENT ON FUNCTION @extschema@.check_gap(bigint, bigint, bigint) IS 'what is noted of missing rows';
COMMENT ON FUNCTION @extschema@.told_by(bigint, timestamptz, text) IS 'the server whose row tells of what was removed together';
COMMENT ON FUNCTION @extschema@.removal_digest(bigint, timestamptz, text) IS 'a digest over what was removed together';
COMMENT ON FUNCTION @extschema@.is_removed(bigint, bigint, bigint) IS 'whether all these rows were removed on purpose';
COMMENT ON FUNCTION @extschema@.note_removal(regclass, timestamptz, timestamptz) IS 'note what is about to be removed';
COMMENT ON FUNCTION @extschema@.want_keeper() IS 'have the keeper come soon';
COMMENT ON FUNCTION @extschema@.new_removals() IS 'what was removed, and no row of the log tells of yet';
COMMENT ON FUNCTION @extschema@.months() IS 'the partitions that have an end, and where it is';
COMMENT ON FUNCTION @extschema@.add_month(date) IS 'make the partition of a month';
COMMENT ON FUNCTION @extschema@.add_indexes(regclass) IS 'make the indexes of a partition';
COMMENT ON FUNCTION @extschema@.close(regclass) IS 'take from all but the owner what they may do with a table';
COMMENT ON FUNCTION @extschema@.make_months(timestamptz) IS 'make the partitions of a month and the next';
COMMENT ON FUNCTION @extschema@.running() IS 'note the sessions without an end, and return those that run';
COMMENT ON FUNCTION @extschema@.find_lost(timestamptz, timestamptz, text) IS 'the sessions that ended without an end in the log';
COMMENT ON FUNCTION @extschema@.drop_months(timestamptz, int) IS 'drop the partitions older than so many days';
COMMENT ON FUNCTION @extschema@.keep_logons(timestamptz, bigint) IS 'keep the last logons before a time';
COMMENT ON FUNCTION @extschema@.note_pass(timestamptz, text) IS 'note when the keeper ran, and its error';

-- Nobody but a superuser changes anything, whatever default privileges gave to whom.
DO $$
DECLARE
    object record;
BEGIN
    PERFORM @extschema@.close(c.oid::regclass) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = '@extschema@' AND c.relkind IN ('r', 'p', 'v', 'S')
        AND c.relname IN ('server', 'log', 'log_default', 'keeper', 'open_sessions', 'kept_logons', 'removed', 'sessions', 'last_logons');
    FOR object IN SELECT p.oid::regprocedure AS function, a.grantee
                  FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid,
                      aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                  WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND a.grantee <> p.proowner
                    AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'session_audit') LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s CASCADE', object.function,
            CASE object.grantee WHEN 0 THEN 'PUBLIC' ELSE object.grantee::regrole::text END);
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA @extschema@ TO pg_monitor;
GRANT SELECT ON @extschema@.log, @extschema@.log_default, @extschema@.keeper, @extschema@.open_sessions,
    @extschema@.kept_logons, @extschema@.removed, @extschema@.sessions, @extschema@.last_logons TO pg_monitor;
GRANT EXECUTE ON FUNCTION @extschema@.sessions_during(timestamptz, timestamptz, interval),
    @extschema@.noted_until(), @extschema@.state(), @extschema@.status(), @extschema@.row_digest(bytea, @extschema@.log),
    @extschema@.removal_digest(bigint, timestamptz, text), @extschema@.is_removed(bigint, bigint, bigint),
    @extschema@.told_by(bigint, timestamptz, text), @extschema@.check_gap(bigint, bigint, bigint),
    @extschema@.check_known(bigint, bigint, int, text, bigint, int), @extschema@.check_rows(bigint, bigint, int),
    @extschema@.stored_rows(bigint, bigint), @extschema@.verify(bigint, int, text, bigint, bigint) TO pg_monitor;
GRANT EXECUTE ON FUNCTION @extschema@.last_logon_of(oid, timestamptz), @extschema@.last_day(timestamptz),
    @extschema@.shown(text, int) TO pg_monitor;
GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.my_last_logon() TO PUBLIC;
