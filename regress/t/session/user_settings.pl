# What a role can set or do in its session in order not to be recorded: rule F7.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

# With logoff_on = exit every session fires both events, however it ends.
my $node = new_node(
	'user_settings',
	allows_streaming => 1,
	extra => [ '--locale=C', '--encoding=UTF8' ],
	conf => "session_triggers.logoff_on = exit\nmax_prepared_transactions = 5");
$node->start;
my $tablespace = PostgreSQL::Test::Utils::tempdir_short;
create_app($node, "CREATE TABLESPACE forbidden LOCATION '$tablespace'");
admin($node, 'app', <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE bob;
CREATE ROLE root LOGIN SUPERUSER;
GRANT bob TO alice;
GRANT CREATE ON SCHEMA public TO alice;
CREATE TABLE session_log (session int, event text);
CREATE TABLE guarded (x int);
INSERT INTO guarded VALUES (1), (2);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON guarded FOR SELECT USING (true);
CREATE VIEW looking AS SELECT count(*) AS x FROM session_log;
GRANT INSERT ON session_log TO alice;
GRANT SELECT ON session_log, guarded, looking TO alice;
CREATE TABLE lines (line text);
GRANT ALL ON lines TO alice;

-- Runs with the rights of the role that logs on, and depends on everything that
-- a setting could spoil.
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    x int;
    checked bool := false;
BEGIN
    INSERT INTO public.session_log VALUES (current_setting('test.session')::int, tg_event);
    RAISE NOTICE 'caf% costs 1 %', U&'\00e9', U&'\20ac';
    -- fails if extra_errors includes too_many_rows
    SELECT g.x INTO x FROM public.guarded g;
    PERFORM FROM public.looking;
    CREATE TEMP TABLE scratch (x text);
    INSERT INTO scratch VALUES ('x');
    DROP TABLE scratch;
    EXECUTE format('CREATE TABLE public.day_%s (x text)', current_setting('test.session'));
    EXECUTE format('DROP TABLE public.day_%s', current_setting('test.session'));
    BEGIN
        ASSERT false;
    EXCEPTION WHEN assert_failure THEN
        checked := true;
    END;
    CREATE TEMP TABLE wrong AS SELECT what FROM (VALUES
        (checked, 'check_asserts'),
        (session_user = polar_login_user AND current_user = session_user, 'role'),
        (length('a\b') = 3, 'standard_conforming_strings'),
        ('12/31/2026'::date IS NOT NULL, 'DateStyle'),
        ('2026-01-01 10:00 EST'::timestamptz IS NOT NULL, 'timezone_abbreviations'),
        (current_setting('TimeZone') = current_setting('log_timezone'), 'TimeZone'),
        (('{NULL}'::text[])[1] IS NULL, 'array_nulls'),
        ((1 = NULL) IS NULL AND ('x' = NULL) IS NULL, 'transform_null_equals'),
        (to_tsvector('x') IS NOT NULL, 'default_text_search_config'),
        ('\x00'::bytea::text = '\x00', 'bytea_output'),
        (format('%I', 'a') = 'a', 'quote_all_identifiers'),
        ('1 day'::interval::text = '1 day', 'IntervalStyle'),
        ((0.1::float8 + 0.2)::text = '0.30000000000000004', 'extra_float_digits'),
        (current_setting('transaction_isolation') = 'read committed', 'isolation'),
        (current_setting('transaction_deferrable') = 'off', 'deferrable')) AS v (ok, what)
        WHERE ok IS NOT TRUE;
    IF EXISTS (SELECT FROM wrong) THEN
        RAISE EXCEPTION 'spoiled: %', (SELECT string_agg(what, ', ') FROM wrong);
    END IF;
    DROP TABLE wrong;
END
$$;
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION log_session();
EOS

my $position = log_position($node);
my $sessions = 0;
my %what;    # number of a session that was let in => what it does

# Starts a session of alice's, and notes what it does if it is let in.
sub start_session
{
	my ($what, $options) = @_;
	my $number = ++$sessions;
	my $client = connect_as($node, 'alice', options => "-c test.session=$number " . ($options // ''));
	my @messages = $client->messages;
	$what{$number} = $what if @messages && $messages[-1]{type} eq 'Z';
	return $client;
}

# Tests that every session that was let in is recorded twice, and that as many of
# them were let in as expected, if that is given; returns how many.
sub check_records
{
	my ($title, $expected) = @_;
	ok(wait_for_exit($node, 'alice'), "F7: $title: all sessions have ended");
	my %rows = map { split /=/ } split /\n/, admin($node, 'app', <<'EOS');
SELECT session || '=' || string_agg(event, ' ' ORDER BY event) FROM session_log GROUP BY session
EOS
	my @missing = map { "$what{$_}: " . ($rows{$_} // 'no rows') }
	  grep { ($rows{$_} // '') ne 'after_user_logon before_user_logoff' } sort { $a <=> $b } keys %what;
	is(join("\n", @missing), '', "F7: $title: every session is recorded twice");
	my $let_in = keys %what;
	is($let_in, $expected, "F7: $title: every session is let in") if defined $expected;
	%what = ();
	admin($node, 'app', 'TRUNCATE session_log');
	return $let_in;
}

### Every setting, at its extremes
my $tried = admin($node, 'app', <<'EOS');
LOAD 'plpgsql';
SELECT name || '=' || value
FROM pg_settings, LATERAL (
    SELECT unnest(CASE vartype WHEN 'bool' THEN '{on,off}' WHEN 'enum' THEN enumvals
        -- 0 often means that there is no limit, and then 1 is the lowest one
        WHEN 'integer' THEN array_cat(ARRAY[min_val, max_val], CASE WHEN min_val::int < 1 THEN '{1}'::text[] END)
        ELSE ARRAY[min_val, max_val] END)
    WHERE vartype <> 'string') AS v (value)
-- with that value the session would start half an hour later
WHERE context IN ('user', 'backend') AND (name, value) <> ('post_auth_delay', '2147')
UNION ALL
SELECT v.name || '=' || value
FROM pg_settings s JOIN (VALUES
    ('application_name', repeat('x', 100)), ('application_name', ''),
    ('client_encoding', 'LATIN1'), ('client_encoding', 'SJIS'), ('client_encoding', 'SQL_ASCII'),
    ('client_encoding', 'EUC_JP'), ('client_encoding', 'KOI8R'), ('client_encoding', 'GB18030'),
    ('createrole_self_grant', 'set, inherit'),
    ('DateStyle', 'German, DMY'), ('DateStyle', 'SQL, YMD'), ('DateStyle', 'Postgres, DMY'),
    ('default_table_access_method', 'heap'),
    ('default_tablespace', 'forbidden'), ('default_tablespace', 'pg_global'),
    ('default_text_search_config', 'pg_catalog.english'),
    ('default_text_search_config', 'simple'),
    ('lc_monetary', 'POSIX'), ('lc_numeric', 'POSIX'), ('lc_time', 'POSIX'),
    ('local_preload_libraries', 'absent'),
    ('plpgsql.extra_errors', 'all'), ('plpgsql.extra_warnings', 'all'),
    ('restrict_nonsystem_relation_kind', 'view, foreign-table'),
    ('role', 'bob'), ('role', 'alice'),
    ('search_path', 'pg_temp, public'), ('search_path', ''),
    ('session_authorization', 'alice'),
    ('temp_tablespaces', 'forbidden'), ('temp_tablespaces', 'absent'),
    ('TimeZone', 'Pacific/Kiritimati'), ('TimeZone', 'Etc/GMT+12'),
    ('timezone_abbreviations', 'Australia'), ('timezone_abbreviations', 'India')) AS v (name, value) USING (name)
WHERE context IN ('user', 'backend')
EOS
my @values = map { [ split /=/, $_, 2 ] } split /\n/, $tried;
my %swept = map { $_->[0] => 1 } @values;
my @known = split /\n/,
  admin($node, 'app', q{LOAD 'plpgsql'; SELECT name FROM pg_settings WHERE context IN ('user', 'backend')});
is(join(' ', grep { !$swept{$_} } @known), '', 'F7: there is a value to try for every setting that any role may set');

# How a setting and its value are written as an option, and in SQL
sub option { return "-c $_[0]->[0]=" . $_[0]->[1] =~ s/([\\ ])/\\$1/gr; }
sub command { return "$_[0]->[0] TO " . ($_[0]->[1] =~ /,/ ? $_[0]->[1] : "'$_[0]->[1]'"); }

for my $value (@values)
{
	start_session("option @$value", option($value))->quit;
}
my $let_in = check_records('startup options');
cmp_ok($let_in, '>', 0.9 * @values, 'most values are accepted as a startup option');

# The role sets each value for itself, in a session to which it does not apply.
my $setter = start_session('the setter');
# ALTER ROLE sets some values that it refuses to reset.
my $root = open_session($node, 'root', options => '-c allow_system_table_mods=on -c session_triggers.enabled=off');
my $set = 0;
for my $value (@values)
{
	my @messages = $setter->query('ALTER ROLE alice SET ' . command($value));
	next if grep { $_->{type} eq 'E' } @messages;
	start_session("ALTER ROLE @$value")->quit;
	$root->query('DELETE FROM pg_db_role_setting');
	$set++;
}
cmp_ok($set, '>', 0.8 * @values, 'most values are accepted by ALTER ROLE');
$_->quit for $setter, $root;
cmp_ok(check_records('ALTER ROLE'), '>', 0.8 * @values, 'with most values that ALTER ROLE accepts the role can log on');

$set = 0;
for my $value (@values)
{
	my $client = start_session("SET @$value");
	my @messages = $client->query('SET ' . command($value));
	$set++ if !grep { $_->{type} eq 'E' } @messages;
	$client->quit;
}
cmp_ok($set, '>', 0.8 * @values, 'most values are accepted by SET');
check_records('SET', scalar @values);

my $owner = start_session('ALTER DATABASE, by its owner');
admin($node, 'postgres', 'ALTER DATABASE app OWNER TO alice');
$owner->query("ALTER DATABASE app SET $_")
  for 'default_transaction_read_only = on', 'lock_timeout = 1', "role = 'bob'", "plpgsql.extra_errors = 'all'";
$owner->quit;
start_session('settings of the database')->quit;
admin($node, 'postgres', 'ALTER DATABASE app RESET ALL');
check_records('ALTER DATABASE', 2);

### All settings at once: first each with its lowest or first value that comes, then
### each with its highest or last
for my $order ([@values], [ reverse @values ])
{
	$setter = start_session('the setter');
	$setter->try_query('ALTER ROLE alice SET ' . command($_))
	  for grep { $_->[0] !~ /^(local_preload_libraries|transaction_\w+)$/ } @$order;
	start_session('all settings')->quit;
	$setter->quit;
	check_records('all settings', 2);
	admin($node, 'postgres', 'ALTER ROLE alice RESET ALL');
}

### F5: after a firing the client's values are back, and what a trigger has set stays
admin($node, 'app', <<'EOS');
CREATE FUNCTION set_some() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    SET work_mem = '7MB';
    SET LOCAL lock_timeout = '7s';
    PERFORM set_config('IntervalStyle', 'iso_8601', false);
END
$$;
CREATE EVENT TRIGGER set_some ON after_user_logon EXECUTE FUNCTION set_some();
EOS
my $client = start_session('settings before and after',
	'-c work_mem=3MB -c lock_timeout=3s -c IntervalStyle=sql_standard -c statement_timeout=1h -c role=bob -c DateStyle=German');
for (
	[ work_mem => '7MB' ],
	[ lock_timeout => '3s' ],
	[ IntervalStyle => 'iso_8601' ],
	[ statement_timeout => '1h' ],
	[ role => 'bob' ],
	[ DateStyle => 'German, DMY' ])
{
	is(scalar $client->query("SHOW $_->[0]"), $_->[1], "F5, F7: $_->[0] has the right value after the firing");
}
is(scalar $client->query('SELECT current_user'), 'bob', 'F7: the client\'s role is back after the firing');
$client->query('RESET ALL');
is(scalar $client->query('SHOW work_mem'), '3MB', 'F7: RESET goes back to the client\'s value');
$client->quit;
check_records('settings before and after', 1);
admin($node, 'app', 'DROP EVENT TRIGGER set_some');

### F7: the values of the configuration file, which a client may or may not override
admin($node, 'postgres', q{ALTER SYSTEM SET IntervalStyle = 'postgres'});
admin($node, 'postgres', q{ALTER SYSTEM SET timezone_abbreviations = 'Default'});
admin($node, 'postgres', q{ALTER SYSTEM SET DateStyle = 'ISO, YMD'});
$node->reload;
ok(wait_until($node, 'postgres', 'SHOW DateStyle', 'ISO, YMD'), 'the server has read the configuration');
admin($node, 'app', <<'EOS');
CREATE FUNCTION check_style() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('DateStyle') <> 'ISO, YMD' THEN
        RAISE EXCEPTION 'DateStyle is %', current_setting('DateStyle');
    END IF;
END
$$;
ALTER EVENT TRIGGER logon DISABLE;
ALTER EVENT TRIGGER logoff DISABLE;
CREATE FUNCTION log_only() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.session_log VALUES (current_setting('test.session')::int, tg_event);
END
$$;
CREATE EVENT TRIGGER logon2 ON after_user_logon EXECUTE FUNCTION log_only();
CREATE EVENT TRIGGER logoff2 ON before_user_logoff EXECUTE FUNCTION log_only();
CREATE EVENT TRIGGER style ON before_user_logoff EXECUTE FUNCTION check_style();
EOS
for my $set ('SET DateStyle = German', q{SET DateStyle = 'ISO, YMD'}, 'SET DateStyle TO DEFAULT')
{
	$client = start_session($set);
	$client->query($set);
	$client->quit;
}
check_records('settings of the configuration file', 3);

### F7: plans of a function that the client and a trigger call
admin($node, 'app', <<'EOS');
CREATE FUNCTION helper(x int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN x = NULL; END $$;
CREATE OR REPLACE FUNCTION check_style() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF public.helper(1) IS NOT NULL THEN
        RAISE EXCEPTION 'planned with the client''s settings';
    END IF;
END
$$;
EOS
$client = start_session('a plan of the client\'s');
$client->query('SET transform_null_equals = on');
is(scalar $client->query('SELECT helper(1)'), 'f', 'the client has planned with its own settings');
$client->quit;
check_records('plans', 1);
admin($node, 'app', <<'EOS');
DROP EVENT TRIGGER style;
DROP EVENT TRIGGER logon2;
DROP EVENT TRIGGER logoff2;
ALTER EVENT TRIGGER logon ENABLE;
ALTER EVENT TRIGGER logoff ENABLE;
EOS
admin($node, 'postgres', 'ALTER SYSTEM RESET ALL');
$node->reload;
ok(wait_until($node, 'postgres', 'SHOW DateStyle', 'ISO, MDY'), 'the server has read the original configuration');

### F5, F7: which messages the client gets, and how they are encoded
my %notice;
for my $encoding (qw(UTF8 LATIN1 WIN1252))
{
	$client = connect_as($node, 'alice',
		options => "-c test.session=0 -c client_encoding=$encoding");
	($notice{$encoding}) = map { $_->{M} } grep { $_->{type} eq 'N' } $client->ready;
	$client->quit;
}
is($notice{UTF8}, "caf\xc3\xa9 costs 1 \xe2\x82\xac", 'F5: a NOTICE reaches the client');
is($notice{WIN1252}, "caf\xe9 costs 1 \x80", 'F5: a NOTICE is converted to the client\'s encoding');
is($notice{LATIN1}, 'caf?? costs 1 ???', 'F7: a NOTICE is sent in ASCII if that encoding lacks a character');
%what = ();
for my $level (qw(error warning notice log debug5))
{
	my @notices = grep { $_->{type} eq 'N' && $_->{V} eq 'NOTICE' } connect_as($node, 'alice',
		options => "-c test.session=0 -c client_min_messages=$level")->ready;
	is(scalar @notices, $level =~ /error|warning/ ? 0 : 1,
		"F5, F7: client_min_messages = $level: the client gets the notices that it asks for");
}
ok(wait_for_exit($node, 'alice'), 'those sessions have ended');
admin($node, 'app', 'TRUNCATE session_log');

### States of a session that are not settings
my %sessions = (
	'open transaction' => sub { $_[0]->query('BEGIN; INSERT INTO lines VALUES (1)') },
	'failed transaction' => sub { $_[0]->query('BEGIN'); $_[0]->try_query('SELECT 1/0') },
	'read-only transaction' => sub { $_[0]->query('BEGIN READ ONLY; SELECT 1') },
	'serializable transaction' =>
	  sub { $_[0]->query('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM lines') },
	'deferrable transaction' =>
	  sub { $_[0]->query('BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; SELECT count(*) FROM lines') },
	'session characteristics' =>
	  sub { $_[0]->query('SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE') },
	'savepoints' => sub { $_[0]->query('BEGIN; SAVEPOINT a; SAVEPOINT b'); $_[0]->try_query('SELECT 1/0') },
	'SET ROLE' => sub { $_[0]->query('SET ROLE bob') },
	'SET LOCAL ROLE' => sub { $_[0]->query('BEGIN; SET LOCAL ROLE bob') },
	'cursors' => sub {
		$_[0]->query('BEGIN; DECLARE a CURSOR WITH HOLD FOR TABLE lines; DECLARE b CURSOR FOR TABLE lines; COMMIT');
		$_[0]->query('BEGIN; DECLARE c CURSOR FOR TABLE lines; FETCH c');
	},
	'LISTEN' => sub { $_[0]->query('LISTEN x; NOTIFY x') },
	'advisory locks' => sub { $_[0]->query('SELECT pg_advisory_lock(1)') },
	'table locks' => sub { $_[0]->query('BEGIN; LOCK TABLE lines') },
	'temporary tables of the same names' => sub {
		$_[0]->query('CREATE TEMP TABLE session_log (x int); CREATE TEMP VIEW looking AS SELECT 1 AS y');
		$_[0]->query('CREATE TEMP TABLE pg_class (x int); SET search_path = pg_temp, public, pg_catalog');
	},
	'temporary tables and buffers' =>
	  sub { $_[0]->query('CREATE TEMP TABLE x AS SELECT generate_series(1, 100000)') },
	'DISCARD ALL' => sub {
		$_[0]->query('DISCARD ALL');
		# It has discarded this setting as well.
		$_[0]->query("SET test.session = $_[1]");
	},
	'prepared transaction' => sub {
		$_[0]->query("BEGIN; INSERT INTO lines VALUES (2); PREPARE TRANSACTION 'p$_[1]'");
		$_[0]->query("ROLLBACK PREPARED 'p$_[1]'");
	},
	'COPY broken off' => sub {
		$_[0]->send_query('COPY lines FROM STDIN');
		1 until $_[0]->next_message->{type} eq 'G';
		$_[0]->send_message('d', "a line\n");
	},
	'COPY to a client that does not read' =>
	  sub { $_[0]->send_query('COPY (SELECT repeat($$x$$, 1000) FROM generate_series(1, 20000)) TO STDOUT') },
	'pipelined queries' => sub { $_[0]->send_query("INSERT INTO lines VALUES ($_)") for 1 .. 20 },
	'pipelined transactions' => sub { $_[0]->send_query($_) for 'BEGIN READ ONLY', 'SELECT 1/0', 'SELECT 1' },
	'statements without Sync' => sub {
		$_[0]->send_message('P', "\0BEGIN READ ONLY\0\0\0");
		$_[0]->send_message('B', "\0\0\0\0\0\0\0\0");
		$_[0]->send_message('E', "\0\0\0\0\0");
	},
	'an error without Sync' => sub { $_[0]->send_message('P', "\0SELECT FROM absent\0\0\0") },
	'half a message' => sub { $_[0]->_send("Q\0\0\1\0SELECT") },
	'an unknown message' => sub { $_[0]->send_message('!', 'what?') },
	'nothing' => sub { },
);
# A Terminate message in the middle of something else violates the protocol, and
# ends the session with FATAL.
my %endings = (
	Terminate => sub { $_[0]->send_terminate; 1 while $_[0]->next_message; },
	'end of file' => sub { $_[0]->drop },
);
for my $name (sort keys %sessions)
{
	for my $ending (sort keys %endings)
	{
		my $session = start_session("$name, $ending");
		$sessions{$name}->($session, $sessions);
		# Whatever is sent after half a message is taken for its other half.
		if ($name eq 'half a message') { $session->drop }
		else { $endings{$ending}->($session) }
	}
}
check_records('state of the session', 2 * keys %sessions);

# The log shows failures that the tests above do not look for. The context of an
# error is on a line of its own.
my ($severity, @failures) = ('');
for my $line (split /\n/, slurp_file($node->logfile, $position) =~ s/\n\t/ /gr)
{
	$severity = $1 if $line =~ /^\d+\|\w{5}\|([A-Z]+):/ && $1 !~ /^(DETAIL|HINT|QUERY|CONTEXT|STATEMENT)$/;
	push @failures, $line
	  if $line =~ /TRAP:|PANIC:/ || $severity eq 'ERROR' && $line =~ /CONTEXT: .*event trigger/;
}
is(join("\n", @failures), '', 'F7: no firing failed');
$node->stop;

done_testing();
