-- The role that pgBackRest connects as, in the database "postgres"; see ha.md.
CREATE ROLE backup LOGIN IN ROLE pg_read_all_settings;
GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean),
    pg_create_restore_point(text), pg_switch_wal() TO backup;

-- It is recorded, for it reads everything, but no trigger that fails keeps it from a backup.
ALTER ROLE backup SET session_triggers.logon_failure = continue;
