/* contrib/session_triggers/session_triggers--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION session_triggers" to load this file. \quit

-- Names without a schema are PostgreSQL's own: in the schema of the extension, others may have
-- made what fits a call better.
SET LOCAL search_path = pg_catalog, pg_temp;

-- First, so that a server that counts nothing is refused by its library.
CREATE FUNCTION @extschema@.counters(OUT database_oid oid, OUT trigger_oid oid, OUT trigger name, OUT event text,
    OUT fired bigint, OUT failed bigint, OUT timed_out bigint,
    OUT total_time double precision, OUT min_time double precision, OUT max_time double precision,
    OUT last_failure_at timestamptz, OUT last_failure_sqlstate text) RETURNS SETOF record
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'session_triggers_counters';

-- Whoever may create objects in the schema could make functions that fit a call better than
-- those of the extension.
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

CREATE FUNCTION @extschema@.server_counters(OUT let_in bigint, OUT warned bigint, OUT rejected bigint,
    OUT failed_logoffs bigint, OUT missed_logoffs bigint, OUT gave_way bigint, OUT uncounted bigint,
    OUT stats_reset timestamptz)
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'session_triggers_server_counters';

CREATE FUNCTION @extschema@.stat_reset() RETURNS void
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'session_triggers_stat_reset';
CREATE FUNCTION @extschema@.stat_reset(trigger name) RETURNS void
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'session_triggers_stat_reset';

COMMENT ON FUNCTION @extschema@.stat_reset() IS 'count everything from zero, in all databases';
COMMENT ON FUNCTION @extschema@.stat_reset(name) IS 'count a trigger of this database from zero';

-- The function itself asks who may try a trigger.
CREATE FUNCTION @extschema@.try(trigger name, OUT run_time double precision, OUT notices text[],
    OUT sqlstate text, OUT error text, OUT context text)
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'session_triggers_try';

COMMENT ON FUNCTION @extschema@.try(name) IS 'run a trigger as if this session logged on or off, and roll back what it has done';

CREATE FUNCTION @extschema@.proxy_addr() RETURNS inet
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'session_triggers_proxy_addr';

COMMENT ON FUNCTION @extschema@.proxy_addr() IS 'the address of the proxy that the client has come through, if any';

-- The triggers of this database are known, also those that have never fired.  Of other
-- databases' triggers there is what was counted, with the name at that time.
CREATE VIEW @extschema@.stat AS
SELECT d.datname AS database,
       coalesce(t.evtname, c.trigger) AS trigger,
       coalesce(t.evtevent::text, c.event) AS event,
       coalesce(c.fired, 0) AS fired, coalesce(c.failed, 0) AS failed, coalesce(c.timed_out, 0) AS timed_out,
       coalesce(c.total_time, 0) AS total_time, c.min_time, c.total_time / nullif(c.fired, 0) AS mean_time, c.max_time,
       c.last_failure_at, c.last_failure_sqlstate
FROM @extschema@.counters() AS c
FULL JOIN (SELECT d.oid AS datid, e.oid, e.evtname, e.evtevent
           FROM pg_event_trigger e JOIN pg_database d ON d.datname = current_database()
           WHERE e.evtevent IN ('after_user_logon', 'before_user_logoff')) AS t
    ON t.datid = c.database_oid AND t.oid = c.trigger_oid
JOIN pg_database d ON d.oid = coalesce(t.datid, c.database_oid)
WHERE t.oid IS NOT NULL OR d.datname <> current_database();

COMMENT ON VIEW @extschema@.stat IS 'how often each logon or logoff trigger has run and failed, and how long that took';
COMMENT ON COLUMN @extschema@.stat.fired IS 'how many runs have ended';
COMMENT ON COLUMN @extschema@.stat.failed IS 'how many of these failed';
COMMENT ON COLUMN @extschema@.stat.timed_out IS 'how many of these failed because of the time limit';
COMMENT ON COLUMN @extschema@.stat.total_time IS 'how long all runs took, in milliseconds';

CREATE VIEW @extschema@.stat_server AS SELECT * FROM @extschema@.server_counters();

COMMENT ON VIEW @extschema@.stat_server IS 'what became of sessions because of their triggers, in all databases';
COMMENT ON COLUMN @extschema@.stat_server.let_in IS 'sessions that have begun';
COMMENT ON COLUMN @extschema@.stat_server.warned IS 'of these, sessions whose logon triggers failed';
COMMENT ON COLUMN @extschema@.stat_server.rejected IS 'sessions that have not begun because their logon triggers failed';
COMMENT ON COLUMN @extschema@.stat_server.failed_logoffs IS 'sessions whose logoff triggers failed';
COMMENT ON COLUMN @extschema@.stat_server.missed_logoffs IS 'sessions that have ended without firing their logoff triggers';
COMMENT ON COLUMN @extschema@.stat_server.gave_way IS 'triggers whose counters gave way to those of another trigger';
COMMENT ON COLUMN @extschema@.stat_server.uncounted IS 'runs of triggers that could not be counted';
COMMENT ON COLUMN @extschema@.stat_server.stats_reset IS 'since when this is counted';

-- What is dangerous about session_triggers.proxy_networks.  Only superusers read pg_hba.conf.
CREATE FUNCTION @extschema@.proxy_problems(OUT problem text, OUT detail text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'proxy_network_wide',
        format('Whoever connects from %s may claim any address, and these are more than the addresses of one site.', n)
    FROM regexp_split_to_table(current_setting('session_triggers.proxy_networks'), '[[:space:]]*,[[:space:]]*|^[[:space:]]+|[[:space:]]+$') AS n
    WHERE n NOT IN ('', 'unix')
        -- A network of IPv4 can be written as one of IPv6.
        AND masklen(n::inet) < CASE WHEN family(n::inet) = 4 THEN 16
                                    WHEN n::inet <<= '::ffff:0:0/96' THEN 112 ELSE 48 END
    UNION ALL
    -- 15 has no included files.
    SELECT 'proxy_trusted', format('Line %s of %s lets in whom a proxy claims to come from there, without a password.', h.line_number,
        coalesce(substring(to_jsonb(h)->>'file_name' FROM '[^/]*$'), 'pg_hba.conf'))
    FROM pg_hba_file_rules h
    WHERE current_setting('session_triggers.proxy_networks') ~ '[^[:space:]]' AND h.type <> 'local' AND h.auth_method = 'trust'
        AND NOT EXISTS (SELECT FROM unnest(h.options) AS o WHERE starts_with(o, 'clientcert='))
$$;

-- What is wrong with the triggers of this database.  Whether a role may execute a trigger's
-- function is not looked at, because the server does not look at it either.
--
-- "reached" and "left_out" are about the roles that may log on to this database and are not
-- superusers.  A trigger whose owner is not a superuser fires for those that the owner is or
-- can become by SET ROLE; a role that the owner administers need not be one of these.  From 16
-- on, whoever creates a role administers it.  Before, whoever has CREATEROLE administers all
-- roles, also those of others, so that is worth a word only if the trigger fires for no role
-- but the owner.
--
-- "schema_role" is the role of a trigger on ROLE.SCHEMA, whose function compares names.
CREATE VIEW @extschema@.problems AS
SELECT t.evtname AS trigger, c.problem, c.detail
FROM (SELECT e.evtname, e.evtenabled, e.evtfoid, p.oid AS function, p.prosecdef,
             l.lanname IN ('c', 'internal') AS is_compiled, coalesce(o.rolsuper, false) AS owner_super, f.rolsuper AS function_super,
             e.evtowner, p.proowner,
             (SELECT c.oid FROM pg_roles c WHERE c.rolname = current_setting('session_triggers.creator_role')) AS creator,
             w.reached, w.left_out,
             replace(substring(p.prosrc FROM '^/[*] CREATE TRIGGER [*]/ BEGIN IF polar_login_user = ''((?:[^'']|'''')*)'''), '''''', '''') AS schema_role,
             (SELECT array_agg(trim(trim(s.name), '"') ORDER BY s.position)
              FROM unnest(p.proconfig) AS setting,
                   unnest(string_to_array(substr(setting, length('search_path=') + 1), ',')) WITH ORDINALITY AS s(name, position)
              WHERE starts_with(setting, 'search_path=')) AS path
      FROM pg_event_trigger e
      LEFT JOIN pg_proc p ON p.oid = e.evtfoid
      LEFT JOIN pg_language l ON l.oid = p.prolang
      LEFT JOIN pg_roles o ON o.oid = e.evtowner
      LEFT JOIN pg_roles f ON f.oid = p.proowner
      -- once for each owner, however many triggers it has
      LEFT JOIN (SELECT w.oid, coalesce(array_agg(r.rolname) FILTER (WHERE m.can_become), '{}') AS reached,
                        CASE WHEN v.separate OR count(*) FILTER (WHERE m.can_become AND r.oid <> w.oid) = 0 THEN
                            array_agg(r.rolname ORDER BY r.rolname) FILTER (WHERE m.administers AND NOT m.can_become) END AS left_out
                 FROM pg_roles w
                 -- 16 separated the right to SET ROLE from membership.
                 CROSS JOIN (SELECT current_setting('server_version_num')::int >= 160000 AS separate) AS v
                 LEFT JOIN pg_roles r ON r.rolcanlogin AND NOT r.rolsuper AND has_database_privilege(r.oid, current_database(), 'CONNECT')
                 CROSS JOIN LATERAL (SELECT pg_has_role(w.oid, r.oid, CASE WHEN v.separate THEN 'SET' ELSE 'MEMBER' END) AS can_become,
                                            pg_has_role(w.oid, r.oid, 'MEMBER WITH ADMIN OPTION')
                                                OR (w.rolcreaterole AND NOT v.separate) AS administers) AS m
                 WHERE NOT w.rolsuper AND w.oid IN (SELECT d.evtowner FROM pg_event_trigger d
                                                    WHERE d.evtevent IN ('after_user_logon', 'before_user_logoff'))
                 GROUP BY w.oid, v.separate) AS w ON w.oid = e.evtowner
      WHERE e.evtevent IN ('after_user_logon', 'before_user_logoff')) AS t
CROSS JOIN LATERAL (VALUES
    ('disabled', t.evtenabled = 'D', 'It fires in no session.'),
    ('replica_only', t.evtenabled = 'R', 'It fires only in sessions with session_replication_role = replica.'),
    ('function_missing', t.function IS NULL, format('There is no function with OID %s, so each firing fails.', t.evtfoid)),
    ('no_creator_role', NOT t.owner_super AND t.creator IS NULL,
        'It never fires: its owner is not a superuser, and session_triggers.creator_role names no role.'),
    ('owner_not_creator', NOT t.owner_super AND t.creator IS NOT NULL AND NOT pg_has_role(t.evtowner, t.creator, 'MEMBER'),
        'It never fires: its owner is neither a superuser nor a member of session_triggers.creator_role.'),
    ('function_owner_differs', NOT t.owner_super AND t.proowner <> t.evtowner,
        'It never fires: its owner is not a superuser, and not the owner of the function.'),
    ('applies_to_no_role', NOT t.owner_super AND t.reached = '{}',
        'It fires in no session: its owner is not a role that may log on to this database, and can become none by SET ROLE.'
            || CASE WHEN t.left_out IS NOT NULL THEN
                format(' The owner administers %s of these roles, such as %s.', cardinality(t.left_out), quote_ident(t.left_out[1]))
            ELSE '' END),
    ('administered_roles_left_out', NOT t.owner_super AND t.reached <> '{}' AND t.left_out IS NOT NULL,
        format('It does not fire for roles that its owner administers, but cannot become by SET ROLE: %s of them, such as %s.',
            cardinality(t.left_out), quote_ident(t.left_out[1]))),
    ('schema_role_not_reached', t.schema_role IS NOT NULL AND NOT CASE WHEN t.owner_super THEN
            EXISTS (SELECT FROM pg_roles r WHERE r.rolname = t.schema_role AND r.rolcanlogin) ELSE t.schema_role = ANY (t.reached) END,
        format('It does nothing in any session: it was made for those of role %s, in which it does not fire.', quote_ident(t.schema_role))),
    ('function_owner_not_superuser', t.owner_super AND NOT coalesce(t.function_super, t.function IS NULL),
        'A superuser who logs on runs what the function''s owner has written.'),
    ('caller_rights', NOT t.prosecdef AND NOT t.is_compiled, 'It fails for each user who lacks a right that the function needs.'),
    ('no_search_path', t.prosecdef AND NOT t.is_compiled AND t.path IS NULL,
        'Whoever logs on decides by search_path what runs with the rights of the function''s owner.'),
    ('temporary_schema_first', t.prosecdef AND t.path[cardinality(t.path)] <> 'pg_temp',
        'Temporary objects hide those that the function means: pg_temp must be the last schema of its search_path.'),
    ('untrusted_schema', t.prosecdef AND NOT 'pg_trusted' = ANY (t.path) AND EXISTS (
            SELECT FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
            LEFT JOIN LATERAL aclexplode(n.nspacl) AS a ON a.privilege_type = 'CREATE'
            LEFT JOIN pg_roles g ON g.oid = a.grantee
            WHERE n.nspname = ANY (t.path) AND n.nspname <> 'pg_catalog'
                AND (NOT (r.rolsuper OR r.oid = t.proowner)
                    OR (a.grantee IS NOT NULL AND NOT coalesce(g.rolsuper OR g.oid = t.proowner, false)))),
        'Others can create objects in a schema of the function''s search_path.')
) AS c(problem, applies, detail)
WHERE c.applies
UNION ALL
-- who turned the triggers off in this database, or the audit
SELECT NULL, o.problem, format('%s is off for %s in %s.', o.setting,
    coalesce('role ' || quote_ident(r.rolname), 'all roles'), CASE WHEN s.setdatabase = 0 THEN 'all databases' ELSE 'this database' END)
FROM pg_db_role_setting s
LEFT JOIN pg_roles r ON r.oid = s.setrole
LEFT JOIN pg_database d ON d.oid = s.setdatabase
CROSS JOIN LATERAL unnest(s.setconfig) AS c(value)
JOIN (VALUES ('session_triggers.enabled', 'turned_off'), ('session_audit.enabled', 'audit_off')) AS o(setting, problem)
    ON starts_with(lower(c.value), o.setting || '=')
WHERE (s.setdatabase = 0 OR d.datname = current_database())
    -- A stock server takes any value for one, and what is no boolean has no effect here.
    AND substr(c.value, length(o.setting) + 2) ~* '^(f(a(l(se?)?)?)?|no?|off?|0)$'
UNION ALL
SELECT NULL, p.problem, p.detail FROM @extschema@.proxy_problems() p
UNION ALL
-- Row-level security that relies on a setting of an application, if its name is a constant.
SELECT NULL, 'policy_setting_open', format('Policy %I on table %I.%I reads %s, which any role can set: add it to session_triggers.protected_settings.',
    s.polname, s.nspname, s.relname, s.setting)
FROM (SELECT DISTINCT p.polname, n.nspname, c.relname, lower(m.name[1]) AS setting
      FROM pg_policy p
      JOIN pg_class c ON c.oid = p.polrelid AND c.relrowsecurity
      JOIN pg_namespace n ON n.oid = c.relnamespace
      CROSS JOIN LATERAL regexp_matches(concat_ws(' ', pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid)),
          $re$\mcurrent_setting\('([^']+[.][^']+)'::text$re$, 'g') AS m(name)) AS s
WHERE NOT EXISTS (SELECT FROM pg_settings g WHERE lower(g.name) = s.setting AND g.context NOT IN ('user', 'backend'));

COMMENT ON VIEW @extschema@.problems IS 'what is wrong with the logon and logoff triggers of this database';

CREATE VIEW @extschema@.triggers AS
SELECT (row_number() OVER (PARTITION BY e.evtevent ORDER BY coalesce(o.rolsuper, false) DESC, e.evtname))::int AS position,
       e.evtname AS trigger, e.evtevent::text AS event, o.rolname AS owner,
       quote_ident(n.nspname) || '.' || quote_ident(p.proname) AS function, f.rolname AS function_owner,
       CASE WHEN p.prosecdef THEN 'definer' WHEN NOT p.prosecdef THEN 'invoker' END AS rights,
       CASE e.evtenabled WHEN 'O' THEN 'origin' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' ELSE 'disabled' END AS enabled,
       coalesce(q.problems, '{}') AS problems
FROM pg_event_trigger e
LEFT JOIN pg_roles o ON o.oid = e.evtowner
LEFT JOIN pg_proc p ON p.oid = e.evtfoid
LEFT JOIN pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_roles f ON f.oid = p.proowner
LEFT JOIN (SELECT q.trigger, array_agg(q.problem ORDER BY q.problem) AS problems
           FROM @extschema@.problems q GROUP BY q.trigger) AS q ON q.trigger = e.evtname
WHERE e.evtevent IN ('after_user_logon', 'before_user_logoff')
ORDER BY e.evtevent, position;

COMMENT ON VIEW @extschema@.triggers IS 'the logon and logoff triggers of this database, in the order in which they fire';

REVOKE ALL ON FUNCTION @extschema@.counters(), @extschema@.server_counters(), @extschema@.stat_reset(),
    @extschema@.stat_reset(name), @extschema@.proxy_problems() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.counters(), @extschema@.server_counters(), @extschema@.proxy_problems() TO pg_monitor;
GRANT SELECT ON @extschema@.stat, @extschema@.stat_server, @extschema@.problems, @extschema@.triggers TO pg_monitor;
-- for the owners of triggers, who may try them
GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;
