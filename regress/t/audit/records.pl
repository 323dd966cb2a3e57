# The rows of the session audit's log: the columns and their values, who may read and change
# them, what superusers may add to the log, and how it is dumped and restored (rules A1, A9
# and A14), and that nobody forges a line of the server log (A13). How sessions end, and how
# their records get here, is in other files.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('audit', allows_streaming => 'logical', conf => <<'EOC');
autovacuum = off
restart_after_crash = on
EOC
$node->start;
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE auditor LOGIN IN ROLE pg_monitor;
CREATE ROLE root LOGIN SUPERUSER;
CREATE SCHEMA work AUTHORIZATION alice;
EOS
start_audit($node);
my $root = open_session($node, 'root', database => 'postgres');

# Runs statements in the superuser's session in the database of the log, and returns its errors.
sub errors
{
	my ($sql) = @_;
	return join "\n", map { "$_->{C}: $_->{M}" } grep { $_->{type} eq 'E' } $root->query($sql);
}

# Does the same for statements that are to succeed.
sub run
{
	my ($sql) = @_;
	is(errors($sql), '', 'done: ' . substr($sql =~ s/\s+/ /gr, 0, 60));
	return;
}

# Runs SQL in the database of the log.
sub in_log { return admin($node, 'postgres', $_[0]); }

# The condition on the log for the rows of a client's session.
sub rows_of
{
	my ($client) = @_;
	return q{split_part(session_id, '.', 2) = to_hex(} . $client->pid . ')';
}

# Returns these columns of the rows of a client's session, once its end is there, for which
# nobody waits.
sub rows
{
	my ($client, $columns) = @_;
	$columns //= 'event';
	wait_until($node, 'postgres', q{SELECT count(*) > 0 FROM session_audit.log WHERE event = 'logoff' AND } . rows_of($client));
	return in_log("SELECT $columns FROM session_audit.log WHERE " . rows_of($client) . q{ ORDER BY event = 'logoff'});
}

# Opens a session of a role, ends it as clients do, and returns it.
sub one_session
{
	my ($role, %params) = @_;
	my $client = open_session($node, $role, %params);
	$client->quit;
	return $client;
}

my $both = "logon\nlogoff";

### The columns

subtest 'A9: one row for each event' => sub {
	my $client = open_session($node, 'alice', application_name => 'at the start');
	$client->query(q{SET application_name = 'at the end'});
	my $id = $client->query(q{SELECT to_hex(trunc(extract(epoch FROM backend_start))::bigint) || '.' || to_hex(pid) FROM pg_stat_activity WHERE pid = pg_backend_pid()});
	$client->quit;
	is( rows($client, 'event, session_id, login_user, database, kind, auth_method, system_identity, client_addr, client_port, proxy_addr, application_name, encryption, instance_num, cluster_name, ended_by, sqlstate, count'),
		"logon|$id|alice|app|client|trust|||||at the start||1|audit|||1\nlogoff|$id|alice|app|client|trust|||||at the end||1|audit|client||1",
		'A9: over a Unix socket');
	my $who = admin($node, 'app', q{SELECT 'alice'::regrole::oid, d.oid, system_identifier FROM pg_database d, pg_control_system() WHERE datname = 'app'});
	is(rows($client, 'login_user_id, database_id, system_identifier'), "$who\n$who", 'A9: the numbers of role, database and server');
	is(rows($client, 'num_nulls(cpu, blocks_hit, blocks_read, blocks_written, temp_blocks, wal_bytes)'),
		"6\n0", 'A9: what the session used is in the row of its end');
	is(rows($client, 'num_nulls(number, timeline, digest), length(digest), context'), "0|32|\n0|32|", 'A10: each row has a number and a digest');
	is(rows($client, q{logon_at = first_value(at) OVER (ORDER BY event = 'logoff')}), "t\nt",
		'A9: both rows have the time of the logon');
	is(rows($client, 'at = logon_at, at > logon_at'), "t|f\nf|t",
		'A9: the row of the logon has its own time as logon_at');
	is(rows($client, q{at BETWEEN now() - interval '1 minute' AND now()}), "t\nt",
		'A9: the time is that of the clock');
	is(in_log(q{SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'session_audit.log'::regclass AND attnum > 0}),
		'number timeline digest at event session_id login_user login_user_id database database_id kind auth_method system_identity client_addr client_port proxy_addr application_name encryption instance_num system_identifier cluster_name logon_at ended_by sqlstate cpu blocks_hit blocks_read blocks_written temp_blocks wal_bytes count context',
		'A9: the columns');

	# Rule V2, for the audit: whoever the session becomes
	$client = open_session($node, 'root', application_name => "long \xc3\xa9 " . 'x' x 100);
	$client->query($_) for 'SET ROLE alice', 'SET SESSION AUTHORIZATION alice';
	$client->quit;
	is(rows($client, 'login_user'), "root\nroot", 'A9: SET ROLE and SET SESSION AUTHORIZATION change nothing');
	is(rows($client, 'length(application_name)'), "63\n63", 'A9: a long name is cut');
	$client = open_session($node, 'alice', application_name => '');
	$client->quit;
	is(rows($client, 'application_name IS NULL'), "t\nt", 'A9: an empty text is NULL');
};

subtest 'A9: hostile names' => sub {
	# The last two characters take two and four bytes, and names are as long as they can be.
	my $evil = "a'b\"c\\d\$e %s\n\t{}\xc3\xa9\xf0\x9f\x98\x80";
	my $long = 'y' x 60 . "\xe2\x82\xac";
	for my $name ($evil, $long)
	{
		my $quoted = '"' . ($name =~ s/"/""/gr) . '"';
		run("CREATE ROLE $quoted LOGIN");
		run("CREATE DATABASE $quoted");
		my $client = one_session($name, database => $name);
		is(rows($client, 'encode(convert_to(login_user, $$UTF8$$), $$hex$$), login_user = database'), join("\n", (unpack('H*', $name) . '|t') x 2), 'A9: names are whole');
		run("DROP DATABASE $quoted");
		run("DROP ROLE $quoted");
	}
};

subtest 'A9: names in another encoding' => sub {
	admin($node, 'postgres', q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
	admin($node, 'latin', qq{SET client_encoding = 'UTF8'; CREATE ROLE "caf\xc3\xa9" LOGIN});
	my $client = one_session("caf\xe9");
	is(rows($client, 'event, login_user'), "logon|caf?\nlogoff|caf?", 'A9: what is not valid in the database of the log has question marks');
	$client = one_session('alice', database => 'latin');
	is(rows($client, 'database'), "latin\nlatin", 'A9: the encoding of other databases does not matter');
	admin($node, 'latin', qq{SET client_encoding = 'UTF8'; DROP ROLE "caf\xc3\xa9"});
	admin($node, 'postgres', 'DROP DATABASE latin');
};

### What a session uses

# Returns the counter of this name that EXPLAIN gives for a command.
sub explained
{
	my ($client, $sql, @names) = @_;
	$client->send_query("EXPLAIN (ANALYZE, BUFFERS, WAL, FORMAT JSON) $sql");
	my ($row) = grep { $_->{type} eq 'D' } $client->messages;
	my $plan = $row->{values}[0];
	my $sum = 0;
	for my $name (@names)
	{
		# The first is that of the topmost node.
		my ($count) = $plan =~ /"\Q$name\E": (\d+)/;
		$sum += $count;
	}
	return $sum;
}

# Tests that the value of a column in the row of the session's end is in a range.
sub is_between
{
	my ($client, $column, $low, $high, $title) = @_;
	my (undef, $value) = split /\n/, rows($client, $column);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok($value, '>=', $low, "$title: at least");
	cmp_ok($value, '<=', $high, "$title: at most");
	return;
}

subtest 'A9: what a session used' => sub {
	admin($node, 'app', 'CREATE TABLE work.big (x text); ALTER TABLE work.big OWNER TO alice');
	my $client = open_session($node, 'alice');
	my $wal = explained($client, q{INSERT INTO work.big SELECT repeat('x', 1000) FROM generate_series(1, 10000)}, 'WAL Bytes');
	$client->quit;
	is_between($client, 'wal_bytes', $wal, $wal + 100_000, 'A9: WAL of an INSERT');
	is_between($client, 'temp_blocks', 0, 0, 'A9: no temporary file');

	$client = open_session($node, 'alice');
	my $blocks = 0;
	$blocks += explained($client, 'SELECT count(*) FROM work.big', 'Shared Hit Blocks', 'Shared Read Blocks') for 1 .. 8;
	$client->quit;
	is_between($client, 'blocks_hit + blocks_read', $blocks, $blocks + 2000, 'A9: blocks of a table that is read');
	$client = one_session('alice');
	is_between($client, 'wal_bytes', 0, 10_000, 'A9, A16: a session writes no rows of its own');

	$client = open_session($node, 'alice');
	$client->query(q{SET work_mem = '64kB'});
	my $temp = explained($client, 'SELECT x FROM generate_series(1, 100000) x ORDER BY x DESC', 'Temp Read Blocks', 'Temp Written Blocks');
	$client->quit;
	cmp_ok($temp, '>', 0, 'the sort uses temporary files');
	is_between($client, 'temp_blocks', $temp, $temp, 'A9: blocks of temporary files');

	$client = open_session($node, 'alice');
	$client->query($_) for 'SET temp_buffers = 100', 'CREATE TEMP TABLE t AS SELECT x FROM work.big';
	$client->quit;
	is_between($client, 'blocks_written', 1000, 3000, 'A9: blocks of a temporary table that are written');

	$client = open_session($node, 'alice');
	$client->query('SELECT sum(x) FROM generate_series(1, 500000) x');
	$client->quit;
	is_between($client, 'extract(epoch FROM cpu)', 0.01, 60, 'A9: time of the processor');
	is(rows($client, q{cpu > interval '0' AND cpu < at - logon_at + interval '1 second'}), "\nt",
		'A9: it is not more than the session took');
	admin($node, 'app', 'DROP TABLE work.big');
};

### Reading

subtest 'A9: the views' => sub {
	run('CREATE ROLE "never was here" LOGIN; CREATE ROLE may_not NOLOGIN');
	my $client = open_session($node, 'alice', application_name => 'a view', tcp => '127.0.0.1');
	is( in_log('SELECT state, login_user, database, application_name, client_addr, logoff_at, ended_by, duration > interval \'0\', '
			  . 'logon_at = (SELECT logon_at FROM session_audit.log WHERE ' . rows_of($client) . ') FROM session_audit.sessions WHERE ' . rows_of($client)),
		'active|alice|app|a view|127.0.0.1|||t|t', 'A9: sessions has one that runs');
	is( in_log('SELECT login_user_id = $$alice$$::regrole, client_addr, application_name, last_logon_at = (SELECT at FROM session_audit.log WHERE ' . rows_of($client)
			  . q{) FROM session_audit.last_logons WHERE login_user = 'alice'}),
		't|127.0.0.1|a view|t', 'A9: last_logons has the last one of a role');
	is(in_log('SELECT count(*) FROM session_audit.sessions_during(now(), now()) WHERE ' . rows_of($client)), '1', 'A9: sessions_during() has one that runs');
	$client->quit;
	my $ended = one_session('alice');
	rows($ended);
	is(in_log('SELECT state, ended_by, logoff_at - logon_at = duration FROM session_audit.sessions WHERE ' . rows_of($ended)),
		'ended|client|t', 'A9: and one that has ended, once');
	is(in_log(q{SELECT login_user, last_logon_at, client_addr, application_name, 'end' FROM session_audit.last_logons WHERE login_user = 'never was here'}),
		'never was here||||end', 'A9: last_logons has roles that never logged on');
	is(in_log(q{SELECT count(*) FROM session_audit.last_logons}), in_log('SELECT count(*) FROM pg_roles WHERE rolcanlogin'),
		'A9: it has one row for each role that may log on');
};

# A role is known by its number.
subtest 'A9: roles that are renamed or made anew' => sub {
	run('CREATE ROLE before LOGIN');
	my $client = one_session('before');
	my $at = rows($client, 'logon_at') =~ s/\n.*//sr;
	run('ALTER ROLE before RENAME TO after');
	is(in_log(q{SELECT login_user, last_logon_at FROM session_audit.last_logons WHERE login_user IN ('before', 'after')}), "after|$at", 'A9: a renamed role has its last logon');
	run('CREATE ROLE before LOGIN');
	is(in_log(q{SELECT last_logon_at IS NULL FROM session_audit.last_logons WHERE login_user = 'before'}), 't', 'A9: a new role of the old name has none');
	run('DROP ROLE after');
	run('CREATE ROLE after LOGIN');
	is(in_log(q{SELECT count(*), count(last_logon_at) FROM session_audit.last_logons WHERE login_user IN ('before', 'after')}), '2|0', 'A9: nor has one in the place of a dropped one');

	# The session of a role that is renamed meanwhile
	$client = open_session($node, 'before');
	run('ALTER ROLE before RENAME TO meanwhile');
	$client->quit;
	is(rows($client, 'login_user, login_user_id = $$meanwhile$$::regrole'), "before|t\nbefore|t", 'A9: its rows have the name of its logon');
	run('DROP ROLE meanwhile, after, "never was here", may_not');
};

subtest 'A9: rights' => sub {
	is(in_log(<<'EOS'), 'my_last_logon', 'A9, A15: PUBLIC has a right on one function only');
SELECT 'schema' WHERE has_schema_privilege('alice', 'session_audit', 'CREATE')
UNION ALL
SELECT relname FROM pg_class WHERE relnamespace = 'session_audit'::regnamespace AND relkind IN ('r', 'p', 'v')
AND has_table_privilege('alice', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
UNION ALL
SELECT proname FROM pg_proc WHERE pronamespace = 'session_audit'::regnamespace AND has_function_privilege('alice', oid, 'EXECUTE')
EOS
	my $alice = open_session($node, 'alice', database => 'postgres');
	is(($alice->query('SELECT FROM session_audit.log'))[0]->{C}, '42501', 'A9: a role without rights is refused');
	$alice->quit;

	my $month = in_log(q{SELECT max(relname) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'session_audit.log'::regclass AND relname ~ '^log_2'});
	my $auditor = open_session($node, 'auditor', database => 'postgres');
	for my $table (qw(log sessions last_logons), q{sessions_during(now(), now())}, 'log_default', $month)
	{
		my @messages = $auditor->query("SELECT count(*) FROM session_audit.$table");
		is(join('', map { $_->{M} } grep { $_->{type} eq 'E' } @messages), '', "A9: a member of pg_monitor reads $table");
	}
	for my $table ('log', 'log_default', $month, 'keeper', 'open_sessions', 'kept_logons')
	{
		for ("INSERT INTO session_audit.$table DEFAULT VALUES", "UPDATE session_audit.$table SET system_identifier = 1",
			"DELETE FROM session_audit.$table", "TRUNCATE session_audit.$table", "CREATE TRIGGER t BEFORE INSERT ON session_audit.$table FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()")
		{
			is(($auditor->query($_))[0]->{C}, '42501', "A9: it is refused: $_");
		}
	}
	is(($auditor->query('CREATE TABLE session_audit.t ()'))[0]->{C}, '42501', 'A9: it is refused to create a table');
	$auditor->quit;
};

# Has the writer make the extension anew, and waits until it has.
sub remake
{
	in_log('DROP EXTENSION session_audit CASCADE');
	in_log('DROP SCHEMA session_audit CASCADE');
	my $writer = in_log(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'session audit writer'});
	admin($node, 'app', "SELECT pg_terminate_backend($writer)") if $writer;
	wait_until($node, 'postgres', q{SELECT to_regclass('session_audit.log') IS NOT NULL AND EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'session audit writer' AND state = 'idle')});
	# The keeper, which may start with it, locks what is tested.
	wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session audit keeper'}, '0');
	wait_until($node, 'postgres', 'SELECT failures FROM session_audit.status()', '0');
	return;
}

subtest 'A9: rights that others were given for all tables' => sub {
	admin($node, 'postgres', 'CREATE ROLE given LOGIN IN ROLE pg_monitor; CREATE ROLE writer LOGIN IN ROLE pg_write_all_data, pg_read_all_data');
	# Whatever role makes tables here, by default
	my $superuser = in_log('SELECT quote_ident(rolname) FROM pg_roles WHERE oid = 10');
	in_log("ALTER DEFAULT PRIVILEGES FOR ROLE $superuser GRANT ALL ON $_ TO given, PUBLIC") for qw(TABLES FUNCTIONS SCHEMAS);
	remake();
	in_log(q{SELECT session_audit.add_month('2020-01-01'); CREATE TABLE own (i int)});
	is(in_log(<<'EOS'), 'my_last_logon|-|EXECUTE', 'A9, A15: default privileges give nobody a right on the log');
SELECT relname, grantee::regrole, privilege_type FROM pg_class, aclexplode(relacl)
WHERE relnamespace = 'session_audit'::regnamespace AND grantee <> relowner
AND (grantee, privilege_type) <> ('pg_monitor'::regrole, 'SELECT')
UNION ALL
SELECT proname, grantee::regrole, privilege_type FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
WHERE pronamespace = 'session_audit'::regnamespace AND grantee <> proowner AND grantee <> 'pg_monitor'::regrole
UNION ALL
SELECT nspname, grantee::regrole, privilege_type FROM pg_namespace, aclexplode(nspacl)
WHERE nspname = 'session_audit' AND grantee <> nspowner AND privilege_type = 'CREATE'
EOS
	is(in_log(q{SELECT count(*) FROM pg_class WHERE relnamespace = 'session_audit'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT has_table_privilege('given', oid, 'SELECT')}),
		'0', 'A9: and take none from pg_monitor');
	is(rows(one_session('alice')), $both, 'A1: the writer goes on');

	my $writer = open_session($node, 'writer', database => 'postgres');
	for my $table (qw(log log_2020_01 keeper open_sessions kept_logons))
	{
		my $column = $table =~ /^log/ ? 'at' : 'system_identifier';
		is(($writer->query($_))[0]->{C}, '42501', "A9: pg_write_all_data: it is refused: $_")
		  for "INSERT INTO session_audit.$table DEFAULT VALUES", "UPDATE session_audit.$table SET $column = NULL", "DELETE FROM session_audit.$table";
	}
	is(scalar(grep { $_->{type} eq 'E' } $writer->query('INSERT INTO own VALUES (1)')), 0, 'A9: pg_write_all_data has other tables');
	is(scalar(grep { $_->{type} eq 'E' } $writer->query('SELECT count(*) FROM session_audit.log')), 0, 'A9: pg_read_all_data reads all tables');
	admin($node, 'postgres', 'GRANT DELETE ON session_audit.log TO writer');
	is(scalar(grep { $_->{type} eq 'E' } $writer->query(q{DELETE FROM session_audit.log WHERE event = 'none'})), 0, 'A9: what a superuser grants counts');
	$writer->quit;
	wait_for_exit($node, $writer);

	in_log("ALTER DEFAULT PRIVILEGES FOR ROLE $superuser REVOKE ALL ON $_ FROM given, PUBLIC") for qw(TABLES SCHEMAS);
	in_log("ALTER DEFAULT PRIVILEGES FOR ROLE $superuser REVOKE ALL ON FUNCTIONS FROM given");
	in_log('DROP TABLE own; REVOKE ALL ON session_audit.log FROM writer');
	remake();
	in_log('DROP ROLE given, writer');
};

### Partitions

# Returns the partitions that have the rows of a session.
sub in_table
{
	my ($client) = @_;
	return join ' ', sort keys %{ { map { $_ => 1 } split /\n/, rows($client, 'tableoid::regclass') } };
}

# The name of the month, and the bounds of a partition that could take its place.
my ($month, $bounds) = split /\|/, admin($node, 'app', <<'EOS');
SET timezone = 'UTC';
SELECT to_char(now(), '"log_"YYYY_MM'), format('FROM (%L) TO (%L)', date_trunc('month', now()), date_trunc('month', now()) + interval '1 month')
EOS

# The sessions' rows and the keeper's could meet; nothing is due for a day.
subtest 'A7, A9: partitions' => sub {
	is(in_table(one_session('alice')), "session_audit.$month", 'A7: rows go to the partition of their month');
	is(in_log(q{SET timezone = 'Pacific/Auckland'; SELECT session_audit.add_month((now() AT TIME ZONE 'UTC')::date)}),
		"session_audit.$month", 'A7: add_month() does nothing for a month that has its partition');
	$root->query('BEGIN; LOCK session_audit.log_default');
	my $waits_not = open_session($node, 'alice');
	is($root->query('SELECT count(*) FROM session_audit.log WHERE ' . rows_of($waits_not)), '1', 'A7: they wait for no other partition');
	$root->query('ROLLBACK');
	$waits_not->quit;
	run(q{SELECT session_audit.add_month('2031-12-24')});
	is(in_log(q{SET timezone = 'UTC'; SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = 'session_audit.log_2031_12'::regclass}),
		q{FOR VALUES FROM ('2031-12-01 00:00:00+00') TO ('2032-01-01 00:00:00+00')}, 'A7: months are those of UTC');

	run("ALTER TABLE session_audit.log DETACH PARTITION session_audit.$month");
	is(in_table(one_session('alice')), 'session_audit.log_default', 'A7: a partition that was detached takes nothing, and the default one takes what has no other');
	like(errors(q{SELECT session_audit.add_month((now() AT TIME ZONE 'UTC')::date)}), qr/^42P07: table "$month" is not a partition of the log/,
		'A7: add_month() does not take it for the partition');
	run("DROP TABLE session_audit.$month");
	my $count = in_log('SELECT count(*) FROM session_audit.log_default');
	cmp_ok($count, '>', 0, 'there are rows to move');
	run(q{SELECT session_audit.add_month((now() AT TIME ZONE 'UTC')::date)});
	cmp_ok(in_log("SELECT count(*) FROM session_audit.$month"), '>=', $count, 'A7: add_month() moves the rows of that month');
	is(in_log('SELECT count(*) FROM session_audit.log_default'), '0', 'A7: all of them');
	is(in_table(one_session('alice')), "session_audit.$month", 'A7: and takes what comes');

	run("DROP TABLE session_audit.$month; CREATE TABLE session_audit.by_hand PARTITION OF session_audit.log FOR VALUES $bounds");
	is(in_table(one_session('alice')), 'session_audit.by_hand', 'A7: a partition that was made by hand takes its rows');
	run("DROP TABLE session_audit.by_hand; CREATE TABLE session_audit.$month PARTITION OF session_audit.log FOR VALUES FROM ('2001-01-01') TO ('2001-02-01')");
	is(in_table(one_session('alice')), 'session_audit.log_default', 'A7: a partition that has the name of a month takes what its bounds say');
	run("DROP TABLE session_audit.$month; CREATE TABLE session_audit.$month (LIKE session_audit.log)");
	is(in_table(one_session('alice')), 'session_audit.log_default', 'A7: a table that is no partition takes nothing');
	remake();
};

### What superusers add to the log

# Tests that alice's session is recorded, and that the writer has no error.
sub records_still
{
	my ($title) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $position = log_position($node);
	my $client = one_session('alice');
	is(rows($client), $both, $title);
	unlike(slurp_file($node->logfile, $position), qr/ERROR:|LOG:  \{"at"/, "$title: without an error");
	return $client;
}

subtest 'A1: what is added to the log does not run' => sub {
	run(<<'EOS');
CREATE TABLE ran (what text);
GRANT INSERT ON ran TO PUBLIC;
CREATE FUNCTION public.ran() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.ran VALUES (tg_name || ' ' || tg_table_name); RETURN NEW; END$$;
EOS
	# What is made on the log is there on each of its partitions, too.
	for my $table ('log', $month)
	{
		my $own = $table eq 'log' ? 'log' : 'partition';
		run("CREATE TRIGGER ${own}_$_ $_ INSERT ON session_audit.$table FOR EACH ROW EXECUTE FUNCTION public.ran()") for 'BEFORE', 'AFTER';
		run("CREATE TRIGGER ${own}_statement_$_ $_ INSERT ON session_audit.$table EXECUTE FUNCTION public.ran()") for 'BEFORE', 'AFTER';
		run("CREATE CONSTRAINT TRIGGER ${own}_deferred AFTER INSERT ON session_audit.$table DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.ran()");
		run("CREATE RULE also AS ON INSERT TO session_audit.$table DO ALSO INSERT INTO public.ran VALUES ('rule')");
		run("CREATE RULE instead AS ON INSERT TO session_audit.$table DO INSTEAD NOTHING") if $table ne 'log';
		run("ALTER TABLE session_audit.$table ENABLE ROW LEVEL SECURITY; ALTER TABLE session_audit.$table FORCE ROW LEVEL SECURITY; CREATE POLICY nobody ON session_audit.$table USING (false) WITH CHECK (false)");
		records_still("A1: triggers, rules and policies of $table");
		is(in_log('SELECT count(*) FROM ran'), '0', "A1: none of those of $table has run");
	}
	run('DROP TABLE ran CASCADE');
	run('DROP FUNCTION public.ran() CASCADE');
	remake();
};

subtest 'A1: what is added to the log is kept, or told of' => sub {
	my $client = records_still('A9: before');
	run('CREATE INDEX ON session_audit.log (system_identity, session_id); CREATE INDEX on_log ON session_audit.log (session_id)');
	$client = records_still('A9: indexes');
	is(in_log('SET enable_seqscan = off; SET enable_indexscan = on; SELECT count(*) FROM session_audit.log WHERE session_id = (SELECT min(session_id) FROM session_audit.log WHERE ' . rows_of($client) . ')'),
		'2', 'A9: the index has the rows');
	run('CREATE STATISTICS session_audit.more ON event, kind FROM session_audit.log');

	# A column that may be NULL stays that.
	run(q{ALTER TABLE session_audit.log ADD COLUMN note text DEFAULT 'a note'});
	$client = records_still('A9: a column');
	is(rows($client, 'note'), "\n", 'A9: which the writer leaves alone');
	run('ALTER TABLE session_audit.log DROP COLUMN note');
	records_still('A9: after it has been dropped');
	run(q{ALTER TABLE session_audit.log ADD COLUMN note text; SELECT session_audit.add_month('2030-01-01')});
	is(in_log(q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'session_audit.log_2030_01'::regclass AND attname = 'note'}), '1', 'A7: new months have it, too');
	run($_) for 'SET allow_in_place_tablespaces = on', q{CREATE TABLESPACE elsewhere LOCATION ''};
	for ('SET TABLESPACE elsewhere', 'SET (fillfactor = 50)', 'REPLICA IDENTITY FULL', 'ALTER login_user SET STORAGE EXTERNAL', "CLUSTER ON ${month}_session")
	{
		run("ALTER TABLE session_audit.$month $_");
		records_still("A9: after ALTER TABLE $month $_");
	}
	remake();
	run('DROP TABLESPACE elsewhere');

	# What the writer does not fit.
	for (
		[ "ALTER TABLE session_audit.$month SET UNLOGGED", qr/partition "$month" of the session audit's log does not have its form/, "ALTER TABLE session_audit.$month SET LOGGED" ],
		[ 'ALTER TABLE session_audit.log ALTER client_port TYPE bigint', qr/partition "$month" of the session audit's log does not have its form/, 'ALTER TABLE session_audit.log ALTER client_port TYPE int' ],
		[ 'ALTER TABLE session_audit.log RENAME count TO number_of', qr/partition "$month" of the session audit's log does not have its form/, 'ALTER TABLE session_audit.log RENAME number_of TO count' ],
		[ 'ALTER TABLE session_audit.log RENAME TO away', qr/partitioned table "session_audit.log" does not exist/, 'ALTER TABLE session_audit.away RENAME TO log' ],
		[ 'ALTER SCHEMA session_audit RENAME TO away', qr/partitioned table "session_audit.log" does not exist/, 'ALTER SCHEMA away RENAME TO session_audit' ])
	{
		my ($change, $error, $repair) = @$_;
		my $position = log_position($node);
		if ($change =~ /TYPE/)
		{
			# A view needs the column.
			like(errors($change), qr/^0A000/, "refused: $change");
			next;
		}
		run($change);
		my $client = one_session('alice');
		ok($node->wait_for_log(qr/ERROR:  $error/, $position), "A1: the server log tells of it: $change");
		ok($node->wait_for_log(qr/LOG:  \{"at".*"event": "logon".*"login_user": "alice"/, $position), 'A6: and has the record');
		run($repair);
		is(rows($client), $both, 'A6: which is written when that is mended');
		wait_until($node, 'postgres', 'SELECT failures FROM session_audit.status()', '0');
	}
	remake();
};

# What was given to somebody else is theirs, and could run what they like.
subtest 'A1: what does not belong to a superuser' => sub {
	run('CREATE ROLE mallory LOGIN');
	my $superuser = in_log('SELECT quote_ident(rolname) FROM pg_roles WHERE oid = 10');
	for my $object ("TABLE session_audit.$month", 'TABLE session_audit.log', 'SCHEMA session_audit')
	{
		my $what = $object =~ /SCHEMA/ ? 'schema' : $object =~ /log$/ ? 'log' : 'partition';
		my $position = log_position($node);
		run("ALTER $object OWNER TO mallory; ALTER ROLE alice SET session_audit.timeout = '2s'");
		my $client = one_session('alice');
		ok($node->wait_for_log(qr/ERROR:  $what of the session audit does not belong to a superuser/, $position), "A1: nothing is written to a $what of somebody else");
		cmp_ok(in_log('SELECT failures FROM session_audit.status()'), '>', 0, 'A1: status() says so');
		ok($node->wait_for_log(qr/LOG:  \{"at".*"event": "logon".*"login_user": "alice"/, $position), 'A6: the server log has the record');
		run("ALTER $object OWNER TO $superuser");
		is(rows($client), $both, "A6: it is written when the $what is a superuser's again");
		wait_until($node, 'postgres', 'SELECT failures FROM session_audit.status()', '0');
	}
	run('ALTER ROLE alice RESET ALL; DROP ROLE mallory');
};

### Other servers

# Rule A14: rows of another server are in the log.
subtest 'A14: the log is published' => sub {
	run('CREATE PUBLICATION everything FOR TABLE session_audit.log WITH (publish_via_partition_root)');
	my $client = records_still('A14: the audit goes on');
	# What the keeper and administrators do
	run(<<'EOS');
INSERT INTO session_audit.log (at, event, session_id, logon_at) VALUES ('-infinity', 'logon', '1.2', '-infinity');
SELECT session_audit.make_months(now()), session_audit.running(), session_audit.drop_months(now(), 1), session_audit.note_pass(now(), NULL);
SELECT * FROM session_audit.find_lost(now(), now(), '');
SELECT session_audit.note_pass(now(), 'x');
DELETE FROM session_audit.open_sessions;
EOS
	my $subscriber = new_node('subscriber', conf => 'session_audit.database = postgres');
	$subscriber->start;
	wait_until($subscriber, 'postgres', q{SELECT to_regclass('session_audit.log') IS NOT NULL});
	my ($own, $tables) = map { "SELECT $_ FROM session_audit.log WHERE system_identifier = " . in_log('SELECT system_identifier FROM pg_control_system()') } 'count(*)', 'count(DISTINCT tableoid)';
	my $connstr = $node->connstr . ' dbname=postgres user=root';
	admin($subscriber, 'postgres', "CREATE SUBSCRIPTION everything CONNECTION '$connstr' PUBLICATION everything WITH (copy_data = false)");
	my $open = open_session($node, 'alice');
	rows(one_session('alice'));
	ok(wait_until($subscriber, 'postgres', 'SELECT count(*) > 0 FROM session_audit.log WHERE ' . rows_of($open)), 'A14: the subscriber gets the rows');
	is(admin($subscriber, 'postgres', 'SELECT state FROM session_audit.sessions WHERE ' . rows_of($open)), 'unknown', 'A9: it does not say that a session of another server runs');
	# What its keeper does
	admin($subscriber, 'postgres', 'SELECT session_audit.running()');
	is(admin($subscriber, 'postgres', q{SELECT count(*) FROM session_audit.find_lost(now(), now() + interval '1 day', '')  f WHERE login_user = 'alice'}), '0', 'A7: nor that one is lost');
	is(admin($subscriber, 'postgres', q{SELECT count(*) FROM session_audit.last_logons WHERE login_user = 'alice' AND last_logon_at IS NOT NULL}), '0', 'A9: nor that its own role of that name has logged on');
	my $client_there = connect_raw($subscriber, user => admin($subscriber, 'postgres', 'SELECT current_user'), database => 'postgres');
	$client_there->ready;
	$client_there->quit;
	ok(wait_until($subscriber, 'postgres', q{SELECT count(*) FROM session_audit.log WHERE event = 'logoff' AND } . rows_of($client_there), '1'), 'A14: its own audit goes on');
	$open->quit;
	admin($subscriber, 'postgres', 'DROP SUBSCRIPTION everything');
	$subscriber->stop;
	run('DROP PUBLICATION everything');
	remake();
};

### pg_dump

subtest 'A9: pg_dump and pg_restore' => sub {
	my $old = "log_2001_01";
	run(q{SELECT session_audit.add_month('2001-01-15')});
	run(q{INSERT INTO session_audit.log (at, event, session_id, login_user, logon_at) VALUES ('2001-01-15', 'logon', '1.1', 'old', '2001-01-15'), ('1999-01-15', 'logon', '1.2', 'older', '1999-01-15')});
	run(q{INSERT INTO session_audit.kept_logons SELECT system_identifier, 'alice'::regrole, 'alice', '2000-01-01' FROM pg_control_system()});
	one_session('alice') for 1 .. 3;
	rows(one_session('alice'));
	stop_audit($node);
	my $state = <<'EOS';
SELECT tableoid::regclass, l FROM session_audit.log l ORDER BY at, event DESC, session_id;
SELECT * FROM session_audit.kept_logons;
SELECT oid::regclass, relkind, pg_get_expr(relpartbound, oid), relacl FROM pg_class
WHERE relnamespace = 'session_audit'::regnamespace AND relkind <> 't' ORDER BY relname;
EOS
	my $before = in_log($state);
	like($before, qr/^session_audit\.$_\|\(/m, "$_ has rows") for $old, 'log_default', $month;
	my $dir = $PostgreSQL::Test::Utils::tmp_check;
	my %dumps = (plain => "$dir/audit.sql", directory => "$dir/audit.dir");
	$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-F', $_, '-f', $dumps{$_} ], "pg_dump, format $_") for keys %dumps;
	# The server that gets the rows has an audit of its own, elsewhere, and clients that log on.
	admin($node, 'postgres', 'CREATE DATABASE other TEMPLATE template0');
	ok(start_audit($node, 'other'), 'the audit is elsewhere');
	for ([ 'plain', 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-f' ], [ 'plain', 'psql', '-XqAt1', '-v', 'ON_ERROR_STOP=1', '-f' ], [ 'directory', 'pg_restore', '-j', '4', '-e' ])
	{
		my ($format, @command) = @$_;
		admin($node, 'postgres', 'CREATE DATABASE restored TEMPLATE template0');
		my ($output, $errors) = ('', '');
		my $restore = IPC::Run::start([ @command, $dumps{$format}, '-d', $node->connstr('restored') ], '>', \$output, '2>', \$errors);
		while ($restore->pumpable)
		{
			eval { open_session($node, 'alice', database => 'restored')->quit; 1 } or note "a logon meanwhile: $@";
			$restore->pump_nb;
		}
		ok($restore->finish, "A9: restored by @command, while clients log on") || diag($errors);
		is(admin($node, 'restored', $state), $before, 'A9: the rows, the partitions with their rights and indexes are the same');
		is(admin($node, 'other', q{SELECT count(*) > 0 FROM session_audit.log WHERE database = 'restored'}), 't', 'A9: what came meanwhile is where it belongs');
		if ($format eq 'directory')
		{
			# It takes the audit up.
			ok(start_audit($node, 'restored'), 'A9: the audit goes on in what was restored');
			my $client = one_session('alice');
			ok(wait_until($node, 'restored', 'SELECT count(*) FROM session_audit.log WHERE ' . rows_of($client), '2'), 'A9: the restored log takes rows');
			is(admin($node, 'restored', 'SELECT DISTINCT tableoid::regclass FROM session_audit.log WHERE ' . rows_of($client)), "session_audit.$month", 'A9: in the partition of their month');
			next;
		}
		admin($node, 'postgres', 'DROP DATABASE restored WITH (FORCE)');
	}
	$root->quit;
	start_audit($node);
	admin($node, 'postgres', 'DROP DATABASE restored WITH (FORCE)');
	$root = open_session($node, 'root', database => 'postgres');
};

### Connections

subtest 'A12: what a session says of itself' => sub {
	my $client = one_session('alice', options => '-c app.end_user=jdoe');
	is(rows($client, 'context IS NULL'), "t\nt", 'A12: nothing, unless a superuser asks for it');
	admin($node, 'app', q{ALTER DATABASE app SET session_audit.context = 'app.end_user, "app.ticket",work_mem,, app.none'});
	$client = open_session($node, 'alice', options => '-c app.end_user=jdoe -c work_mem=1234');
	$client->query($_) for q{SET app.ticket = 'T-1'}, q{SET app.end_user = E'x"\\\\\\n\\u20ac'};
	$client->quit;
	is(rows($client, q{context->>'app.end_user', context->>'app.ticket', context->>'work_mem', context ? 'app.none'}),
		qq(jdoe||1234|f\nx"\\\n\xe2\x82\xac|T-1|1234|f), 'A12: the values at logon, and at logoff');
	$client = open_session($node, 'alice', options => '-c app.ticket=T-2 -c app.end_user=' . 'x' x 1000);
	$client->quit;
	is(rows($client, q{context->>'app.ticket', length(context->>'app.end_user') BETWEEN 50 AND 500}),
		"T-2|t\nT-2|t", 'A12: none can push out another one');
	# Where a session has used up its memory, long values are cut all the same (rule F13).
	$client = open_session($node, 'alice');
	$client->query($_) for q{SET app.ticket = 'T-3'}, q{SELECT set_config('app.end_user', repeat('x', 40 * 1000 * 1000), false)},
	  q{SELECT set_config('application_name', repeat('x', 40 * 1000 * 1000), false)};
	my ($pages) = slurp_file('/proc/' . $client->pid . '/statm') =~ /^(\d+)/;
	my $limit = $pages * POSIX::sysconf(POSIX::_SC_PAGESIZE()) + 10 * 1000 * 1000;
	system_or_bail('prlimit', '--pid', $client->pid, "--as=$limit:");
	$client->quit;
	wait_for_audit($node, is_of($client) . q{ AND event = 'logoff'}, 'client|T-3|t|63',
		'F13, A12: without memory, the end is recorded', q{ended_by, context->>'app.ticket', length(context->>'app.end_user') > 50, length(application_name)});
	my ($status, undef, $error) = try_psql($node, 'app', 'SET session_audit.context = DEFAULT', extra_params => [ '-U', 'alice' ]);
	like($error, qr/permission denied to set parameter/, 'A12: only superusers choose what is recorded');
	admin($node, 'app', 'ALTER DATABASE app RESET session_audit.context');
};

subtest 'A9: how clients connect' => sub {
	my $connections = new_node('connections', conf => <<'EOC');
logging_collector = on
log_destination = csvlog
log_directory = log
log_filename = 'server.log'
log_connections = on
session_triggers.instance_num = 7
session_audit.database = 'postgres'
EOC
	my $data = $connections->data_dir;
	my $tls = check_pg_config('#define USE_OPENSSL 1');
	my $host = '127.0.0.1';
	if ($tls)
	{
		my %subjects = (server => '/CN=server', client => '/O=audited/CN=dave', long => ('/OU=' . "\xc3\xa9" x 60) x 20 . '/CN=erin');
		for my $name (sort keys %subjects)
		{
			my $subject = $subjects{$name};
			system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-utf8', '-subj', $subject,
				'-keyout', "$data/$name.key", '-out', "$data/$name.crt");
			chmod 0600, "$data/$name.key";
		}
		append_to_file("$data/clients.crt", join '', map { slurp_file("$data/$_.crt") } qw(client long));
		$connections->append_conf('postgresql.conf', "ssl = on\nssl_ca_file = 'clients.crt'");
	}
	unlink "$data/pg_hba.conf";
	append_to_file("$data/pg_hba.conf", join "\n", 'local all all trust', "host all sue $host/32 scram-sha-256",
		$tls ? ("hostssl all dave $host/32 cert", "hostssl all erin $host/32 cert") : (), "host all all $host/32 trust", 'host all all ::1/128 trust', '');
	$connections->start;
	admin($connections, 'postgres', q{CREATE DATABASE app});
	admin($connections, 'app', q{CREATE ROLE alice LOGIN; CREATE ROLE sue LOGIN PASSWORD 'secret'; CREATE ROLE dave LOGIN; CREATE ROLE erin LOGIN});
	my $complete = sub {
		my ($where) = @_;
		wait_until($connections, 'postgres', "SELECT count(*) FROM session_audit.log WHERE event = 'logoff' AND $where", '1');
		return;
	};

	for my $address ($host, slurp_file("$data/log/server.csv") =~ /listening on IPv6 address ""::1""/ ? '::1' : ())
	{
		my $client = connect_as($connections, 'alice', tcp => $address);
		$client->ready;
		my $port = $client->{socket}->sockport;
		$client->quit;
		$complete->(rows_of($client));
		is(admin($connections, 'postgres', "SELECT event, auth_method, client_addr, client_port, encryption, instance_num FROM session_audit.log WHERE client_port = $port AND " . rows_of($client) . ' ORDER BY at'),
			join("\n", map { "$_|trust|$address|$port||7" } qw(logon logoff)), "A9: over TCP to $address");
	}

	# Runs a session of psql.
	my $psql = sub {
		my ($role, $parameters) = @_;
		admin($connections, 'postgres', "DELETE FROM session_audit.log WHERE login_user = '$role'");
		is((try_psql($connections, 'app', 'SELECT 1', connstr => "host=$host port=@{[$connections->port]} dbname=app user=$role $parameters"))[0],
			0, "$role connects: $parameters");
		$complete->("login_user = '$role'");
		return admin($connections, 'postgres',
			"SELECT DISTINCT login_user, auth_method, system_identity, client_addr, client_port > 0, encryption FROM session_audit.log WHERE login_user = '$role'");
	};
	is($psql->('sue', 'password=secret sslmode=disable'), "sue|scram-sha-256|sue|$host|t|", 'A9: a password');
	if ($tls)
	{
		is($psql->('sue', 'password=secret sslmode=require'), "sue|scram-sha-256|sue|$host|t|TLSv1.3", 'A9: TLS');
		is($psql->('dave', "sslmode=require sslcert=$data/client.crt sslkey=$data/client.key"),
			"dave|cert|CN=dave,O=audited|$host|t|TLSv1.3", 'A9: a certificate');

		# An identity can be long, and is cut between characters, in the line as well.
		my $long = "sslmode=require sslcert=$data/long.crt sslkey=$data/long.key";
		admin($connections, 'app', q{ALTER ROLE erin SET session_audit.log_to_server = on});
		my ($identity) = $psql->('erin', $long) =~ /^erin\|cert\|(.*)\|$host\|t\|/;
		cmp_ok(length $identity, '<=', 255, 'A9: a long identity is cut');
		cmp_ok(length $identity, '>=', 252, 'A9: at a documented length');
		like($identity, qr/^CN=erin,OU=/, 'A9: from its beginning');
		my ($in_log) = slurp_file("$data/log/server.csv") =~ /{""at"".*""event"": ""logoff"", .*""login_user"": ""erin"".*""system_identity"": ""([^"]*)""/;
		is($in_log =~ s/\\\\/\\/gr, $identity, 'A5: and in the server log');
	}

	my $client = connect_as($connections, 'alice', application_name => 'csv');
	$client->ready;
	$connections->append_conf('postgresql.conf', 'session_triggers.instance_num = 8');
	$connections->reload;
	wait_until($connections, 'postgres', q{SHOW session_triggers.instance_num}, '8');
	is($client->query('SHOW session_triggers.instance_num'), '8', 'the number has changed');
	$client->quit;
	$complete->(rows_of($client));
	is(admin($connections, 'postgres', 'SELECT instance_num FROM session_audit.log WHERE ' . rows_of($client)), "7\n7", 'A9, V2: the instance is that at logon');

	my $columns = join ', ', map { "c$_ text" } 1 .. 26;
	admin($connections, 'postgres', "CREATE TABLE csv ($columns)");
	ok( poll_until(
			sub {
				admin($connections, 'postgres', q{TRUNCATE csv; COPY csv FROM 'log/server.csv' (FORMAT csv)});
				return admin($connections, 'postgres', q{SELECT count(*) FROM csv WHERE c14 LIKE 'connection authorized: user=alice%' AND c4 = '} . $client->pid . q{'}) eq '1';
			}),
		'the server log has the session');
	is( admin($connections, 'postgres', 'SELECT event, c2, c3 FROM session_audit.log JOIN csv ON c6 = session_id'
			  . q{ WHERE c14 LIKE 'connection authorized: user=alice%' AND } . rows_of($client) . ' ORDER BY at'),
		"logon|alice|app\nlogoff|alice|app", 'A9: the server log joins by session_id');
	$connections->stop;
};

$root->quit;
$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak');

### A stock server

subtest 'A1, C1: a stock server' => sub {
	plan skip_all => 'SESSTRIG_STOCK_BINDIR does not name the programs of a stock server' unless $ENV{SESSTRIG_STOCK_BINDIR};
	my ($libraries) = run_command([ 'pg_config', '--pkglibdir' ]);
	my ($output, $errors);
	IPC::Run::run([ "$ENV{SESSTRIG_STOCK_BINDIR}/postgres", '--single', '-D', $node->data_dir, 'postgres' ],
		'<', \"LOAD '$libraries/session_audit.so'\nSELECT count(*) > 10 AS many FROM session_audit.log\n", '>', \$output, '2>', \$errors);
	like($errors, qr/ERROR:  session_audit requires a server with session triggers\n.*DETAIL:  This server does not have the worker that writes the records\./,
		'A1: the library refuses a stock server');
	like($output, qr/many = "t"/, 'C1: a stock server reads the log');
};

done_testing();
