-- The settings: section S.
SELECT name, vartype, boot_val, context, min_val, max_val, enumvals
FROM pg_settings WHERE name LIKE 'session_triggers.%' AND name NOT LIKE 'session_triggers.fault%' ORDER BY name;

-- refused values and names
SET session_triggers.enabled = 'maybe';
SET session_triggers.logon_failure = 'ignore';
SET session_triggers.instance_num = 2;
ALTER SYSTEM SET session_triggers.instance_num = 0;
ALTER SYSTEM SET session_triggers.instance_num = 2147483648;
SET session_triggers.no_such_setting = 1;
ALTER ROLE regress_alice SET session_triggers.no_such_setting = 1;

-- who may set what
SET ROLE regress_alice;
SET session_triggers.enabled = off;
SET session_triggers.logon_failure = reject;
SET session_triggers.logon_warning = off;
SHOW session_triggers.logon_warning;
ALTER ROLE regress_alice SET session_triggers.enabled = off;
RESET ROLE;
GRANT SET ON PARAMETER session_triggers.enabled TO regress_alice;
SET ROLE regress_alice;
SET session_triggers.enabled = off;
RESET ROLE;
REVOKE SET ON PARAMETER session_triggers.enabled FROM regress_alice;
RESET session_triggers.enabled;
RESET session_triggers.logon_warning;

-- enabled: at either event
CREATE EVENT TRIGGER on_logon ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER on_logoff ON before_user_logoff EXECUTE FUNCTION log_session();
\c "dbname=regression user=regress_root options='-c session_triggers.enabled=off -c test.what=nothing'"
\c "dbname=regression user=regress_root options='-c session_triggers.enabled=off -c test.what=off_then_on'"
SET session_triggers.enabled = on;
\c "dbname=regression user=regress_root options='-c test.what=on_then_off'"
SET session_triggers.enabled = off;
\c "dbname=regression user=regress_root options='-c session_triggers.enabled=off'"
SELECT what, tag FROM take_log(2) ORDER BY what;
DROP EVENT TRIGGER on_logon;
DROP EVENT TRIGGER on_logoff;

-- options by which an ordinary role would get around the triggers
\! PGOPTIONS='-c session_triggers.enabled=off' psql -X -d regression -U regress_alice -c 'SELECT 1' 2>&1 | sed 's/: connection.*failed:/:/'
