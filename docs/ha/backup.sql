-- The role that pgBackRest connects as, in the database "postgres"; see ha.md.
CREATE ROLE backup LOGIN IN ROLE pg_read_all_settings;
GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean),
    pg_create_restore_point(text), pg_switch_wal() TO backup;

-- It is recorded, for it reads everything, but neither a trigger that fails nor a log that cannot
-- be written keeps it from a backup.
ALTER ROLE backup SET session_triggers.logon_failure = continue;
ALTER ROLE backup SET session_audit.required = off;
