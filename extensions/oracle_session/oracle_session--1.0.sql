/* contrib/oracle_session/oracle_session--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION oracle_session" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;

-- Not IF NOT EXISTS: what is in a schema of somebody else's could fit a call better than what is
-- made here.
CREATE SCHEMA oracle_session;
CREATE SCHEMA dbms_session;
CREATE SCHEMA dbms_application_info;

-- Default privileges can have let others create objects in them, or in no schema let anybody
-- execute functions.
DO $$
DECLARE
    target text;
    other oid;
BEGIN
    FOREACH target IN ARRAY '{oracle_session, dbms_session, dbms_application_info}'::text[] LOOP
        FOR other IN SELECT DISTINCT grantee FROM pg_namespace, aclexplode(nspacl)
                     WHERE nspname = target AND grantee <> nspowner LOOP
            EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %s CASCADE', target,
                CASE other WHEN 0 THEN 'PUBLIC' ELSE other::regrole::text END);
        END LOOP;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO PUBLIC', target);
    END LOOP;
END
$$;

-- Nothing here has other rights than its caller, but for own_session(), so that nobody can set, by
-- these functions, what they could not set anyway.  Row-level security may ask sys_context(): so a
-- function that has no clause for search_path qualifies what it names, operators included.

-- What the server knows of this session and nobody else may see.  Roles that are not the session's
-- own, such as the one of SET ROLE, are not shown it in pg_stat_activity.
CREATE FUNCTION oracle_session.own_session(OUT login_user oid, OUT started timestamptz, OUT client_hostname text, OUT ssl boolean)
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT usesysid, backend_start, client_hostname, ssl FROM pg_stat_get_activity(pg_backend_pid())
$$;

COMMENT ON FUNCTION oracle_session.own_session() IS 'of this session: who logged on and when, and how';

-- The start of a text, in bytes, and whole characters.
CREATE FUNCTION oracle_session.cut(value text, bytes integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    value := left(value, bytes);
    WHILE octet_length(value) > bytes LOOP
        -- a character has four bytes at most
        value := left(value, - greatest(1, (octet_length(value) - bytes) / 4));
    END LOOP;
    RETURN value;
END
$$;

COMMENT ON FUNCTION oracle_session.cut(text, integer) IS 'as many characters as fit into so many bytes';

-- An identifier as Oracle would read it, but that names are in lower case here; null if it is none.
CREATE FUNCTION oracle_session.identifier(token text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN token ~ '^\s*([[:alpha:]_][[:alnum:]_$]*|"([^"]|"")+")\s*$' THEN (parse_ident(token))[1] END
$$;

COMMENT ON FUNCTION oracle_session.identifier(text) IS 'a name as it is in the catalogs';

-- SYS_CONTEXT('USERENV', ...), but for the current schema, which the clause of this function hides.
CREATE FUNCTION oracle_session.session_attribute(attribute text) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- in no locale's rules for letters
    name text := upper(attribute COLLATE "C");
    own record;
    authenticated text;
BEGIN
    CASE name
        WHEN 'SESSION_USER' THEN RETURN session_user;
        WHEN 'CURRENT_USER' THEN RETURN current_user;
        WHEN 'SESSION_USERID' THEN RETURN to_regrole(quote_ident(session_user))::oid;
        WHEN 'CURRENT_USERID' THEN RETURN to_regrole(quote_ident(current_user))::oid;
        WHEN 'ISDBA' THEN RETURN (SELECT CASE WHEN rolsuper THEN 'TRUE' ELSE 'FALSE' END FROM pg_roles WHERE rolname = session_user);

        WHEN 'DB_NAME', 'SERVICE_NAME', 'CON_NAME' THEN RETURN current_database();
        WHEN 'CON_ID' THEN RETURN (SELECT oid FROM pg_database WHERE datname = current_database());
        WHEN 'DB_UNIQUE_NAME', 'CDB_NAME' THEN RETURN coalesce(nullif(current_setting('cluster_name'), ''), current_database());
        WHEN 'INSTANCE_NAME' THEN RETURN current_setting('cluster_name');
        WHEN 'INSTANCE' THEN RETURN current_setting('session_triggers.instance_num', true);
        WHEN 'DATABASE_ROLE' THEN RETURN CASE WHEN pg_is_in_recovery() THEN 'PHYSICAL STANDBY' ELSE 'PRIMARY' END;
        WHEN 'SERVER_HOST' THEN RETURN host(inet_server_addr());

        WHEN 'IP_ADDRESS' THEN RETURN host(inet_client_addr());
        WHEN 'SID', 'PID' THEN RETURN pg_backend_pid();
        WHEN 'MODULE', 'CLIENT_PROGRAM_NAME' THEN RETURN current_setting('application_name');
        WHEN 'ACTION' THEN RETURN current_setting('oracle_session.action', true);
        WHEN 'CLIENT_INFO' THEN RETURN current_setting('oracle_session.client_info', true);
        WHEN 'CLIENT_IDENTIFIER' THEN RETURN current_setting('oracle_session.client_identifier', true);

        -- The locale of messages without its encoding, and the encoding of the database.
        WHEN 'LANGUAGE' THEN RETURN coalesce(nullif(substring(current_setting('lc_messages') FROM '^[^.@]*'), ''), 'C') || '.' || current_setting('server_encoding');
        WHEN 'LANG' THEN RETURN coalesce(nullif(substring(current_setting('lc_messages') FROM '^[^_.@]*'), ''), 'C');

        WHEN 'SESSIONID', 'UNIFIED_AUDIT_SESSIONID', 'PROXY_USER', 'PROXY_USERID', 'HOST', 'NETWORK_PROTOCOL' THEN
            own := oracle_session.own_session();
            CASE name
                -- The audit's session_id, as a number.
                WHEN 'SESSIONID', 'UNIFIED_AUDIT_SESSIONID' THEN
                    RETURN floor(extract(epoch FROM own.started))::bigint * 10000000 + pg_backend_pid();
                -- Who has logged on, where this is not who the session is of: SET SESSION AUTHORIZATION.
                WHEN 'PROXY_USER' THEN
                    RETURN (SELECT rolname FROM pg_roles WHERE oid = own.login_user AND rolname <> session_user);
                WHEN 'PROXY_USERID' THEN
                    RETURN (SELECT oid FROM pg_roles WHERE oid = own.login_user AND rolname <> session_user);
                WHEN 'HOST' THEN RETURN own.client_hostname;
                ELSE RETURN CASE WHEN inet_client_addr() IS NULL THEN 'ipc' WHEN own.ssl THEN 'tcps' ELSE 'tcp' END;
            END CASE;

        WHEN 'AUTHENTICATION_METHOD', 'AUTHENTICATED_IDENTITY', 'OS_USER' THEN
            IF current_setting('server_version_num')::int >= 160000 THEN
                authenticated := system_user;
            ELSIF name = 'OS_USER' THEN
                RETURN NULL;
            ELSE
                -- Null would be taken for a session without authentication.
                RAISE EXCEPTION 'attribute "%" of USERENV is not supported by this version of PostgreSQL', name
                    USING ERRCODE = 'feature_not_supported',
                        DETAIL = 'The server keeps how a client has authenticated from version 16 on.';
            END IF;
            IF name = 'AUTHENTICATED_IDENTITY' THEN
                RETURN substr(authenticated, strpos(authenticated, ':') + 1);
            ELSIF name = 'OS_USER' THEN
                RETURN substring(authenticated FROM '^(?:peer|ident):(.*)$');
            END IF;
            authenticated := split_part(authenticated, ':', 1);
            RETURN CASE
                WHEN authenticated IS NULL THEN 'NONE'
                WHEN authenticated IN ('password', 'md5', 'scram-sha-256', 'ldap', 'pam', 'bsd') THEN 'PASSWORD'
                WHEN authenticated IN ('gss', 'sspi') THEN 'KERBEROS'
                WHEN authenticated = 'cert' THEN 'SSL'
                WHEN authenticated IN ('peer', 'ident') THEN 'OS'
                ELSE upper(authenticated) END;

        -- There is none.
        WHEN 'TERMINAL', 'ENTRYID', 'DB_DOMAIN', 'DBLINK_INFO', 'GLOBAL_UID', 'ENTERPRISE_IDENTITY', 'PROXY_ENTERPRISE_IDENTITY',
            'BG_JOB_ID', 'FG_JOB_ID' THEN RETURN NULL;

        WHEN 'AUDITED_CURSORID', 'AUTHENTICATION_DATA', 'CDB_DOMAIN', 'CURRENT_BIND', 'CURRENT_EDITION_ID', 'CURRENT_EDITION_NAME',
            'CURRENT_SQL', 'CURRENT_SQL1', 'CURRENT_SQL2', 'CURRENT_SQL3', 'CURRENT_SQL4', 'CURRENT_SQL5', 'CURRENT_SQL6', 'CURRENT_SQL7',
            'CURRENT_SQL_LENGTH', 'DB_SUPPLEMENTAL_LOG_LEVEL', 'GLOBAL_CONTEXT_MEMORY', 'IDENTIFICATION_TYPE', 'IS_APPLICATION_PDB',
            'IS_APPLICATION_ROOT', 'IS_APPLY_SERVER', 'IS_DG_ROLLING_UPGRADE', 'LDAP_SERVER_TYPE', 'NLS_CALENDAR', 'NLS_CURRENCY',
            'NLS_DATE_FORMAT', 'NLS_DATE_LANGUAGE', 'NLS_SORT', 'NLS_TERRITORY', 'ORACLE_HOME', 'PLATFORM_SLASH', 'POLICY_INVOKER',
            'SCHEDULER_JOB', 'SESSION_DEFAULT_COLLATION', 'SESSION_EDITION_ID', 'SESSION_EDITION_NAME', 'STATEMENTID' THEN
            RAISE EXCEPTION 'attribute "%" of USERENV is not supported', name USING ERRCODE = 'feature_not_supported',
                DETAIL = 'PostgreSQL has nothing that it could mean.';
        ELSE
            RAISE EXCEPTION 'unrecognized attribute "%" of USERENV', attribute USING ERRCODE = 'invalid_parameter_value';
    END CASE;
END
$$;

COMMENT ON FUNCTION oracle_session.session_attribute(text) IS 'what sys_context() returns for an attribute of USERENV';

CREATE FUNCTION oracle_session.sys_context(namespace text, attribute text, length numeric DEFAULT 256) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED AS $$
DECLARE
    value pg_catalog.text;
BEGIN
    IF pg_catalog.upper(namespace COLLATE pg_catalog."C") OPERATOR(pg_catalog.=) 'USERENV' THEN
        IF pg_catalog.upper(attribute COLLATE pg_catalog."C") OPERATOR(pg_catalog.=) 'CURRENT_SCHEMA' THEN
            value := pg_catalog.current_schema();
        ELSIF pg_catalog.upper(attribute COLLATE pg_catalog."C") OPERATOR(pg_catalog.=) 'CURRENT_SCHEMAID' THEN
            value := pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()))::pg_catalog.oid;
        ELSE
            value := oracle_session.session_attribute(attribute);
        END IF;
    ELSE
        value := pg_catalog.current_setting(namespace OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) attribute, true);
    END IF;
    IF pg_catalog.octet_length(value) OPERATOR(pg_catalog.=) 0 THEN
        RETURN NULL;
    END IF;
    -- What is no length means the usual one, as in Oracle.
    IF length OPERATOR(pg_catalog.<) 1 OR length OPERATOR(pg_catalog.>) 4000 THEN
        length := 256;
    END IF;
    IF pg_catalog.octet_length(value) OPERATOR(pg_catalog.>) length THEN
        RETURN oracle_session.cut(value, pg_catalog.trunc(length)::pg_catalog.int4);
    END IF;
    RETURN value;
END
$$;

COMMENT ON FUNCTION oracle_session.sys_context(text, text, numeric) IS 'an attribute of the session, or of a context that dbms_session.set_context() has set';

CREATE FUNCTION oracle_session.userenv(attribute text) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED AS $$
BEGIN
    RETURN oracle_session.sys_context('USERENV', attribute);
END
$$;

COMMENT ON FUNCTION oracle_session.userenv(text) IS 'an attribute of the session';

-- In which order a format of Oracle's has day, month and year, as DateStyle names it; null if it has
-- not all three, or if DateStyle has no such order.
CREATE FUNCTION oracle_session.date_order(format text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN found.fields IN ('DMY', 'MDY', 'YMD') THEN found.fields END
    FROM (SELECT string_agg(CASE
                     WHEN elements.e[1] IN ('DD', 'DDTH', 'DDSP', 'DDSPTH') THEN 'D'
                     WHEN elements.e[1] IN ('MM', 'MON', 'MONTH', 'RM') THEN 'M'
                     WHEN elements.e[1] ~ '^(S?YYYY|Y,YYY|Y{1,3}|RR|RRRR)$' THEN 'Y' END, '' ORDER BY elements.position) AS fields
          -- The longest word counts; a text in double quotes is none.
          FROM regexp_matches(upper(format COLLATE "C"),
                   '"[^"]*"|DDSPTH|DDTH|DDSP|DDD|DD|DAY|DY|D|MONTH|MON|MM|MI|RM|RRRR|RR|S?YYYY|Y,YYY|YYY|YY|Y|[AP]\.?M\.?|.', 'g')
               WITH ORDINALITY AS elements(e, position)) AS found
$$;

COMMENT ON FUNCTION oracle_session.date_order(text) IS 'the order of the fields of a date, as DateStyle has it';

-- The statement that does what ALTER SESSION SET name = value does; nothing if that is so anyway.
-- Whatever the value is, it is one constant or one identifier of that statement.
CREATE FUNCTION oracle_session.setting_statement(name text, token text) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parameter text := upper(name COLLATE "C");
    is_text boolean := starts_with(token, '''');
    value text := CASE WHEN is_text THEN replace(substr(token, 2, length(token) - 2), '''''', '''') ELSE token END;
    word text := CASE WHEN is_text THEN '' ELSE upper(token COLLATE "C") END;
    hint text;
BEGIN
    CASE parameter
        WHEN 'CURRENT_SCHEMA' THEN
            IF NOT is_text AND oracle_session.identifier(token) IS NOT NULL THEN
                RETURN format('SET search_path TO %s', quote_ident(oracle_session.identifier(token)));
            END IF;
            hint := 'The value is the name of one schema.';
        WHEN 'TIME_ZONE' THEN
            -- As a text, the sign of an offset would mean the contrary.
            IF is_text AND value ~ '^[-+][0-9]{1,2}:[0-9]{2}$' THEN
                RETURN format('SET TIME ZONE INTERVAL %s HOUR TO MINUTE', quote_literal(value));
            ELSIF is_text AND value ~ '^[A-Za-z][A-Za-z0-9_/+-]*$' THEN
                RETURN format('SET TIME ZONE %s', quote_literal(value));
            ELSIF word IN ('LOCAL', 'DBTIMEZONE') THEN
                RETURN 'SET TIME ZONE DEFAULT';
            END IF;
            hint := 'The value is an offset such as ''+09:00'', the name of a region, LOCAL or DBTIMEZONE.';
        WHEN 'NLS_DATE_FORMAT', 'NLS_TIMESTAMP_FORMAT', 'NLS_TIMESTAMP_TZ_FORMAT' THEN
            -- What is shown stays in the style that drivers expect.
            IF oracle_session.date_order(value) IS NOT NULL THEN
                RETURN format('SET DateStyle TO %L', 'ISO, ' || oracle_session.date_order(value));
            END IF;
            hint := 'A format that can be set has day, month and year, in one of the orders of DateStyle.';
        WHEN 'NLS_NUMERIC_CHARACTERS' THEN
            IF value = '.,' THEN
                RETURN '';
            END IF;
            hint := 'Numbers are read and written with a point; to_char() knows others by lc_numeric.';
        WHEN 'NLS_LENGTH_SEMANTICS' THEN
            IF upper(value COLLATE "C") = 'CHAR' THEN
                RETURN '';
            END IF;
            hint := 'The length of a type is in characters.';
        WHEN 'NLS_CALENDAR' THEN
            IF upper(value COLLATE "C") = 'GREGORIAN' THEN
                RETURN '';
            END IF;
        WHEN 'NLS_LANGUAGE', 'NLS_TERRITORY', 'NLS_DATE_LANGUAGE', 'NLS_CURRENCY', 'NLS_ISO_CURRENCY', 'NLS_DUAL_CURRENCY' THEN
            hint := 'lc_messages, lc_time and lc_monetary have names of locales of the operating system.';
        WHEN 'NLS_SORT', 'NLS_COMP' THEN
            hint := 'Columns, and COLLATE in expressions, have collations; a session has none.';
        WHEN 'SQL_TRACE' THEN
            IF upper(value COLLATE "C") IN ('TRUE', 'FALSE') THEN
                RETURN CASE upper(value COLLATE "C") WHEN 'TRUE' THEN 'SET log_statement TO ''all''' ELSE 'SET log_statement TO DEFAULT' END;
            END IF;
        ELSE
            -- A setting of the server's
            IF name ~ '^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)*$' AND current_setting(name, true) IS NOT NULL
                AND NOT starts_with(token, '"') THEN
                RETURN format('SET %s TO %s',
                    (SELECT string_agg(quote_ident(part), '.' ORDER BY position)
                     FROM unnest(string_to_array(lower(name COLLATE "C"), '.')) WITH ORDINALITY AS parts(part, position)),
                    quote_literal(value));
            END IF;
    END CASE;
    RAISE EXCEPTION 'ALTER SESSION SET % = % is not supported', parameter, token
        USING ERRCODE = 'feature_not_supported', HINT = coalesce(hint, 'Use SET with a setting of PostgreSQL.');
END
$$;

COMMENT ON FUNCTION oracle_session.setting_statement(text, text) IS 'the statement that sets what ALTER SESSION SET would set';

-- ALTER SESSION, which can set several parameters at once.
CREATE FUNCTION oracle_session.alter_session(statement text) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rest text := substring(statement FROM '^\s*[Aa][Ll][Tt][Ee][Rr]\s+[Ss][Ee][Ss][Ss][Ii][Oo][Nn]\s+[Ss][Ee][Tt]\s+(.*)$');
    assignment text[];
    names text[] := '{}';
    found text[] := '{}';
BEGIN
    WHILE rest <> '' LOOP
        -- These two have no equal sign, or a value of two words.
        assignment := regexp_match(rest, '^isolation_level\s*=\s*(serializable|read\s+committed)(?:\s+(.*))?$', 'i');
        IF assignment IS NOT NULL THEN
            found := array_append(found, 'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL '
                || CASE WHEN assignment[1] ~* '^s' THEN 'SERIALIZABLE' ELSE 'READ COMMITTED' END);
            names := array_append(names, 'ISOLATION_LEVEL');
            rest := coalesce(assignment[2], '');
            CONTINUE;
        END IF;
        assignment := regexp_match(rest, '^events\s*=?\s*''10046 trace name context (forever[^'']*|off)''(?:\s+(.*))?$', 'i');
        IF assignment IS NOT NULL THEN
            found := array_append(found, 'SET log_min_duration_statement TO '
                || CASE WHEN assignment[1] ~* '^f' THEN '0' ELSE 'DEFAULT' END);
            names := array_append(names, 'EVENTS');
            rest := coalesce(assignment[2], '');
            CONTINUE;
        END IF;
        assignment := regexp_match(rest, '^([[:alpha:]_][[:alnum:]_$.]*)\s*=\s*(''(?:[^'']|'''')*''|"(?:[^"]|"")+"|[^\s''"=;,()]+)(?:\s+(.*))?$');
        EXIT WHEN assignment IS NULL;
        found := array_append(found, oracle_session.setting_statement(assignment[1], assignment[2]));
        names := array_append(names, upper(assignment[1] COLLATE "C"));
        rest := coalesce(assignment[3], '');
    END LOOP;
    IF names = '{}' OR rest <> '' THEN
        RAISE EXCEPTION 'statement of ALTER SESSION is not supported' USING ERRCODE = 'feature_not_supported',
            DETAIL = format('It is: %s', oracle_session.cut(statement, 1000)),
            HINT = 'Only ALTER SESSION SET name = value is translated.';
    END IF;
    -- What was to be a value, in a statement that is put together, must not set what the server
    -- lets only some set.
    IF cardinality(names) > 1 AND EXISTS (SELECT FROM unnest(names) AS name WHERE name !~ '^(NLS_\w+|TIME_ZONE|CURRENT_SCHEMA)$') THEN
        RAISE EXCEPTION 'statement of ALTER SESSION is not supported' USING ERRCODE = 'feature_not_supported',
            DETAIL = format('It is: %s', oracle_session.cut(statement, 1000)),
            HINT = 'Only NLS parameters, TIME_ZONE and CURRENT_SCHEMA can be set with others in one statement.';
    END IF;
    RETURN array_to_string(array_remove(found, ''), '; ');
END
$$;

COMMENT ON FUNCTION oracle_session.alter_session(text) IS 'the statements that do what a statement of ALTER SESSION does';

CREATE FUNCTION oracle_session.statement(statement text) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- What matters, wherever it is, as one token each: words, which may have dollar signs; quotes of
    -- dollar signs, and parameters; binds, and what only looks like them; comments; and each other
    -- character. What is no character of ASCII is part of a word.
    tokens CONSTANT text := '[^\x01-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f][^\x01-\x23\x25-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]*'
        '|[$](?:[^\x01-\x40\x5b-\x5e\x60\x7b-\x7f][^\x01-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]*)?[$]|[$][0-9]+'
        '|::|:=|:[^\x01-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f][^\x01-\x23\x25-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]*'
        '|--|/[*]|[*]/|[ \t]+|.';
    standard CONSTANT boolean := current_setting('standard_conforming_strings')::boolean;
    rest text := statement;
    result text[] := '{}';
    token text;
    before text;        -- the token before it
    state text := '';   -- code, or what it is in: string, escape string, name, line or block of a comment
    closed text := '';  -- what the token before it has ended, if any
    escaped boolean := false;
    depth int := 0;     -- of comments in comments
    brackets int := 0;
    binds int := 0;
    position int;       -- of the next token in the rest
    finish int;         -- of what follows the quote of dollar signs that it is in
BEGIN
    IF statement ~* '^\s*alter\s+session\M' THEN
        RETURN oracle_session.alter_session(statement);
    ELSIF statement ~* '^\s*(begin\s+\S|declare\s).*\mend\s*("[^"]*"|\w*)\s*;?\s*$' THEN
        RAISE EXCEPTION 'anonymous blocks cannot be executed' USING ERRCODE = 'feature_not_supported',
            HINT = 'Use CALL with a procedure that does the same.';
    ELSIF statement !~ ':[^\x01-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]' THEN
        RETURN statement;
    END IF;
    <<texts>>
    LOOP
        position := 1;
        FOR token IN SELECT m[1] FROM regexp_matches(rest, '(' || tokens || ')', 'g') AS m LOOP
            position := position + length(token);
            IF finish > position THEN
                CONTINUE;
            ELSIF finish < position THEN
                -- It ends inside of what is one word elsewhere.
                rest := substr(rest, finish);
                finish := NULL;
                CONTINUE texts;
            ELSIF finish = position THEN
                finish := NULL;
                CONTINUE;
            END IF;
            IF state = '' THEN
                IF token = '''' THEN
                    state := CASE
                        WHEN closed IN ('string', 'escape string') THEN closed
                        WHEN NOT standard OR upper(before) = 'E' THEN 'escape string' ELSE 'string' END;
                ELSIF token = '"' THEN
                    state := 'name';
                ELSIF token = '--' THEN
                    state := 'line';
                ELSIF token = '/*' THEN
                    state := 'block';
                    depth := 1;
                ELSIF token = '[' THEN
                    brackets := brackets + 1;
                ELSIF token = ']' THEN
                    brackets := brackets - 1;
                ELSIF token ~ '^[$][0-9]' THEN
                    -- It has the parameters of PostgreSQL, so a colon is no bind.
                    RETURN statement;
                ELSIF token ~ '^[$].*[$]$' THEN
                    finish := strpos(substr(rest, position), token);
                    finish := CASE WHEN finish > 0 THEN position + finish - 1 + length(token) ELSE length(rest) + 1 END;
                    token := substr(rest, position - length(token), finish - position + length(token));
                ELSIF token ~ '^:[^:=]' AND brackets <= 0 THEN
                    binds := binds + 1;
                    -- A word before it would take the dollar sign for its own.
                    token := CASE WHEN before ~ '^[^\x01-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]' THEN ' ' ELSE '' END || '$' || binds;
                END IF;
                closed := '';
            ELSIF state IN ('string', 'escape string') THEN
                IF escaped THEN
                    escaped := false;
                ELSIF token = '''' THEN
                    closed := state;
                    state := '';
                ELSIF token = '\' AND state = 'escape string' THEN
                    escaped := true;
                END IF;
            ELSIF state = 'name' AND token = '"' OR state = 'line' AND token IN (E'\n', E'\r') THEN
                state := '';
            ELSIF state = 'block' AND token = '/*' THEN
                depth := depth + 1;
            ELSIF state = 'block' AND token = '*/' THEN
                depth := depth - 1;
                state := CASE WHEN depth > 0 THEN state ELSE '' END;
            END IF;
            result := array_append(result, token);
            before := token;
        END LOOP;
        RETURN array_to_string(result, '');
    END LOOP;
END
$$;

COMMENT ON FUNCTION oracle_session.statement(text) IS 'what to execute for a statement that was written for EXECUTE IMMEDIATE';

-- DBMS_SESSION

-- Which settings contexts have is not in a catalog.
CREATE PROCEDURE oracle_session.set_attribute(namespace text, attribute text, value text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    setting text := lower((namespace || '.' || attribute) COLLATE "C");
    contexts text := coalesce(current_setting('oracle_session.contexts', true), '');
BEGIN
    IF upper(namespace COLLATE "C") = 'USERENV' THEN
        RAISE EXCEPTION 'attributes of USERENV cannot be set' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config(setting, coalesce(value, ''), false);
    IF strpos(',' || contexts || ',', ',' || setting || ',') = 0 THEN
        PERFORM set_config('oracle_session.contexts', ltrim(contexts || ',' || setting, ','), false);
    END IF;
END
$$;

COMMENT ON PROCEDURE oracle_session.set_attribute(text, text, text) IS 'set an attribute of a context for this session';

CREATE PROCEDURE dbms_session.set_context(namespace text, attribute text, value text, username text DEFAULT NULL, client_id text DEFAULT NULL)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF username IS NOT NULL OR client_id IS NOT NULL THEN
        RAISE EXCEPTION 'contexts that sessions share are not supported' USING ERRCODE = 'feature_not_supported',
            HINT = 'Leave out the user''s name and the identifier of the client.';
    END IF;
    CALL oracle_session.set_attribute(namespace, attribute, value);
END
$$;

-- In Oracle numbers and dates become texts by themselves.
CREATE PROCEDURE dbms_session.set_context(namespace text, attribute text, value anyelement, username text DEFAULT NULL, client_id text DEFAULT NULL)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CALL dbms_session.set_context(namespace, attribute, value::text, username, client_id);
END
$$;

CREATE PROCEDURE dbms_session.clear_all_context(namespace text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    prefix text := lower(namespace COLLATE "C") || '.';
    setting text;
BEGIN
    -- The list is a setting that everybody sets, so what it names may not exist.
    FOR setting IN
        SELECT s.name FROM unnest(string_to_array(left(current_setting('oracle_session.contexts', true), 100000), ',')) AS s(name)
        UNION
        SELECT lower(s.name COLLATE "C") FROM pg_settings s WHERE s.vartype = 'string'
    LOOP
        IF starts_with(setting, prefix) AND current_setting(setting, true) <> '' THEN
            PERFORM set_config(setting, '', false);
        END IF;
    END LOOP;
END
$$;

CREATE PROCEDURE dbms_session.clear_context(namespace text, client_id text DEFAULT NULL, attribute text DEFAULT NULL)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF client_id IS NOT NULL THEN
        RAISE EXCEPTION 'contexts that sessions share are not supported' USING ERRCODE = 'feature_not_supported',
            HINT = 'Leave out the identifier of the client.';
    ELSIF attribute IS NULL THEN
        CALL dbms_session.clear_all_context(namespace);
    ELSIF current_setting(namespace || '.' || attribute, true) <> '' THEN
        CALL oracle_session.set_attribute(namespace, attribute, '');
    END IF;
END
$$;

CREATE PROCEDURE dbms_session.set_identifier(client_id text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('oracle_session.client_identifier', coalesce(oracle_session.cut(client_id, 64), ''), false);
END
$$;

CREATE PROCEDURE dbms_session.set_identifier(client_id anyelement)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CALL dbms_session.set_identifier(client_id::text);
END
$$;

CREATE PROCEDURE dbms_session.clear_identifier()
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CALL dbms_session.set_identifier(NULL::text);
END
$$;

CREATE PROCEDURE dbms_session.set_role(role_cmd text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role_name text := oracle_session.identifier(role_cmd);
BEGIN
    IF role_name IS NULL THEN
        -- Without the text, in which a password may be.
        RAISE EXCEPTION 'role cannot be set' USING ERRCODE = 'feature_not_supported',
            DETAIL = 'The argument is not the name of one role, NONE or ALL.',
            HINT = 'A role brings those that it is a member of, and needs no password.';
    ELSIF role_name IN ('none', 'all') AND role_cmd !~ '"' THEN
        -- All roles are those of the user that are inherited.
        SET ROLE NONE;
    ELSE
        EXECUTE format('SET ROLE %I', role_name);
    END IF;
END
$$;

-- The role whose rights the session has: in a function with its owner's rights that is not the
-- current one.
CREATE FUNCTION oracle_session.session_role() RETURNS name
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN current_setting('role') = 'none' THEN session_user ELSE current_setting('role')::name END
$$;

COMMENT ON FUNCTION oracle_session.session_role() IS 'the role of SET ROLE, or the user of the session';

-- False also if there is no such role.
CREATE FUNCTION oracle_session.has_role(role_name text, who name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = oracle_session.identifier(role_name) AND pg_has_role(who, oid, 'USAGE'))
$$;

COMMENT ON FUNCTION oracle_session.has_role(text, name) IS 'whether a role has the rights of another one';

CREATE FUNCTION dbms_session.is_role_enabled(rolename text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
    SELECT oracle_session.has_role(rolename, oracle_session.session_role())
$$;

CREATE FUNCTION dbms_session.session_is_role_enabled(rolename text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
    SELECT oracle_session.has_role(rolename, oracle_session.session_role())
$$;

CREATE FUNCTION dbms_session.current_is_role_enabled(rolename text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
    SELECT oracle_session.has_role(rolename, current_user)
$$;

-- The audit's session_id.
CREATE FUNCTION dbms_session.unique_session_id() RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_hex(floor(extract(epoch FROM own.started))::bigint) || '.' || to_hex(pg_backend_pid()) FROM oracle_session.own_session() AS own
$$;

CREATE FUNCTION dbms_session.is_session_alive(uniqueid text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT backend_start FROM pg_stat_activity WHERE to_hex(pid) = split_part(uniqueid, '.', 2) LOOP
        IF found.backend_start IS NULL THEN
            RAISE EXCEPTION 'permission denied to see the session' USING ERRCODE = 'insufficient_privilege',
                DETAIL = 'Only members of the role of a session, and of pg_read_all_stats, see when it began.';
        END IF;
        RETURN to_hex(floor(extract(epoch FROM found.backend_start))::bigint) = split_part(uniqueid, '.', 1);
    END LOOP;
    RETURN false;
END
$$;

CREATE PROCEDURE dbms_session.sleep(seconds numeric)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_sleep(seconds);
END
$$;

CREATE PROCEDURE dbms_session.set_nls(param text, value text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF param IS NULL OR param !~* '^\s*nls_[a-z_]+\s*$' THEN
        RAISE EXCEPTION 'parameter "%" is not one of NLS', param USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE oracle_session.alter_session(format('ALTER SESSION SET %s = %s', trim(param), trim(value)));
END
$$;

CREATE PROCEDURE dbms_session.set_sql_trace(sql_trace boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE oracle_session.setting_statement('SQL_TRACE', sql_trace::text);
END
$$;

-- There are no packages that have a state. Contexts and what a client has said of itself stay in
-- Oracle, too.
CREATE PROCEDURE dbms_session.reset_package()
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NULL;
END
$$;

COMMENT ON PROCEDURE dbms_session.set_context(text, text, text, text, text) IS 'set an attribute of a context for this session';
COMMENT ON PROCEDURE dbms_session.set_context(text, text, anyelement, text, text) IS 'set an attribute of a context for this session';
COMMENT ON PROCEDURE dbms_session.clear_context(text, text, text) IS 'clear an attribute of a context, or all of them';
COMMENT ON PROCEDURE dbms_session.clear_all_context(text) IS 'clear all attributes of a context';
COMMENT ON PROCEDURE dbms_session.set_identifier(text) IS 'set CLIENT_IDENTIFIER of USERENV';
COMMENT ON PROCEDURE dbms_session.set_identifier(anyelement) IS 'set CLIENT_IDENTIFIER of USERENV';
COMMENT ON PROCEDURE dbms_session.clear_identifier() IS 'clear CLIENT_IDENTIFIER of USERENV';
COMMENT ON PROCEDURE dbms_session.set_role(text) IS 'set the current role';
COMMENT ON FUNCTION dbms_session.is_role_enabled(text) IS 'whether the session has the rights of a role';
COMMENT ON FUNCTION dbms_session.session_is_role_enabled(text) IS 'whether the session has the rights of a role';
COMMENT ON FUNCTION dbms_session.current_is_role_enabled(text) IS 'whether the current user has the rights of a role';
COMMENT ON FUNCTION dbms_session.unique_session_id() IS 'the identifier of this session, which no other one will have';
COMMENT ON FUNCTION dbms_session.is_session_alive(text) IS 'whether the session of an identifier goes on';
COMMENT ON PROCEDURE dbms_session.sleep(numeric) IS 'wait for so many seconds';
COMMENT ON PROCEDURE dbms_session.set_nls(text, text) IS 'set a parameter of NLS, as ALTER SESSION does';
COMMENT ON PROCEDURE dbms_session.set_sql_trace(boolean) IS 'have all statements logged, or not';
COMMENT ON PROCEDURE dbms_session.reset_package() IS 'does nothing, as there are no packages';

-- DBMS_APPLICATION_INFO

CREATE PROCEDURE dbms_application_info.set_action(action_name text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('oracle_session.action', coalesce(oracle_session.cut(action_name, 64), ''), false);
END
$$;

-- The module is where PostgreSQL shows what application a session is of.
CREATE PROCEDURE dbms_application_info.set_module(module_name text, action_name text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('application_name', coalesce(module_name, ''), false);
    CALL dbms_application_info.set_action(action_name);
END
$$;

CREATE PROCEDURE dbms_application_info.set_client_info(client_info text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('oracle_session.client_info', coalesce(oracle_session.cut(client_info, 64), ''), false);
END
$$;

CREATE PROCEDURE dbms_application_info.set_client_info(client_info anyelement)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CALL dbms_application_info.set_client_info(client_info::text);
END
$$;

-- PL/pgSQL writes only to variables of exactly the type of an output parameter: VARCHAR2 becomes
-- varchar, and others have text.
CREATE PROCEDURE dbms_application_info.read_module(OUT module_name varchar, OUT action_name varchar)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    module_name := oracle_session.sys_context('USERENV', 'MODULE');
    action_name := oracle_session.sys_context('USERENV', 'ACTION');
END
$$;

CREATE PROCEDURE dbms_application_info.read_module(INOUT module_name text, INOUT action_name text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    module_name := oracle_session.sys_context('USERENV', 'MODULE');
    action_name := oracle_session.sys_context('USERENV', 'ACTION');
END
$$;

CREATE PROCEDURE dbms_application_info.read_client_info(OUT client_info varchar)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    client_info := oracle_session.sys_context('USERENV', 'CLIENT_INFO');
END
$$;

CREATE PROCEDURE dbms_application_info.read_client_info(INOUT client_info text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    client_info := oracle_session.sys_context('USERENV', 'CLIENT_INFO');
END
$$;

COMMENT ON PROCEDURE dbms_application_info.set_module(text, text) IS 'set application_name, which is MODULE of USERENV, and ACTION';
COMMENT ON PROCEDURE dbms_application_info.set_action(text) IS 'set ACTION of USERENV';
COMMENT ON PROCEDURE dbms_application_info.set_client_info(text) IS 'set CLIENT_INFO of USERENV';
COMMENT ON PROCEDURE dbms_application_info.set_client_info(anyelement) IS 'set CLIENT_INFO of USERENV';
COMMENT ON PROCEDURE dbms_application_info.read_module(OUT varchar, OUT varchar) IS 'MODULE and ACTION of USERENV';
COMMENT ON PROCEDURE dbms_application_info.read_module(INOUT text, INOUT text) IS 'MODULE and ACTION of USERENV';
COMMENT ON PROCEDURE dbms_application_info.read_client_info(OUT varchar) IS 'CLIENT_INFO of USERENV';
COMMENT ON PROCEDURE dbms_application_info.read_client_info(INOUT text) IS 'CLIENT_INFO of USERENV';

-- They are everybody's, whatever the default privileges are.
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA oracle_session, dbms_session, dbms_application_info TO PUBLIC;
