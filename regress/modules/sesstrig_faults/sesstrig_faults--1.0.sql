\echo Use "CREATE EXTENSION sesstrig_faults" to load this file. \quit

-- Trigger functions, one for each kind of failure.
CREATE FUNCTION faults_error() RETURNS event_trigger
AS 'MODULE_PATHNAME' LANGUAGE C;
CREATE FUNCTION faults_fatal() RETURNS event_trigger
AS 'MODULE_PATHNAME' LANGUAGE C;
CREATE FUNCTION faults_memory() RETURNS event_trigger
AS 'MODULE_PATHNAME' LANGUAGE C;
CREATE FUNCTION faults_cancel() RETURNS event_trigger
AS 'MODULE_PATHNAME' LANGUAGE C;
CREATE FUNCTION faults_panic() RETURNS event_trigger
AS 'MODULE_PATHNAME' LANGUAGE C;

-- Runs a command in a background worker that connects to the database, and waits
-- until the worker has exited.
CREATE FUNCTION faults_run_worker(database text, command text) RETURNS void
AS 'MODULE_PATHNAME' LANGUAGE C STRICT;

-- The number of temporary files that this backend has open.
CREATE FUNCTION faults_temp_files() RETURNS int
AS 'MODULE_PATHNAME' LANGUAGE C;
