# The writer of the session audit, which records the sessions of the whole server in one log:
# how it is started, where it writes, and what it refuses (rule A1).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes;

# The postmaster tells of a worker that ends with 0 at debug1 only.
my $node = new_node('main', conf => "log_min_messages = debug1\nautovacuum = off");
$node->start;
create_app($node, 'CREATE ROLE alice LOGIN; CREATE ROLE root LOGIN SUPERUSER');

# Has another database audited, or none.
sub audit_database
{
	my ($server, $database) = @_;
	admin($server, 'postgres', "ALTER SYSTEM SET session_audit.database = '$database'");
	$server->reload;
	# Sessions that start before the postmaster has read the file have the old value.
	wait_until($server, 'postgres', 'SHOW session_audit.database', $database);
	return;
}

# Has "postgres" audited, and a writer there, whatever the test before has left behind.
sub start_over
{
	audit_database($node, 'postgres');
	poll_until(
		sub {
			open_session($node, 'alice')->quit;
			return admin($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session audit writer' AND datname = 'postgres' AND state = 'idle'}) eq '1';
		});
	return;
}

# Opens a session, and returns it and how long it took until it was ready.
sub timed_session
{
	my ($server, @more) = @_;
	my $start = Time::HiRes::time();
	my $client = open_session($server, 'alice', @more);
	return ($client, Time::HiRes::time() - $start);
}

# A logon that waits for a writer that does not come takes longer than this, any other one not.
my $at_once = 2;

# The rows of a session in the log of a database, which need not be "postgres".
sub rows_in
{
	my ($server, $database, $client) = @_;
	return admin($server, $database,
		q{SELECT string_agg(event, ' ' ORDER BY at) FROM session_audit.log WHERE } . is_of($client));
}

subtest 'A1: one setting, and a reload' => sub {
	my $older = open_session($node, 'alice');
	is(writer($node), '', 'without the setting there is no writer');
	audit_database($node, 'postgres');
	# It has the writer started, and waits for it.
	my $first = open_session($node, 'alice', application_name => 'first');
	is(audit_rows($node, is_of($first), 'event, login_user, database, application_name, kind'),
		'logon|alice|app|first|client', 'A1: the next connection is recorded, in whatever database');
	$first->quit;
	wait_for_audit($node, is_of($first), 'logon logoff|client', 'A1: and its end');
	$older->quit;
	wait_for_audit($node, is_of($older), 'logoff|client|t', 'A4: a session that began before the setting leaves its end',
		'event, ended_by, logon_at < at');
	is( admin($node, 'postgres', q{SELECT n.nspowner::regrole = c.relowner::regrole, a.rolsuper, extversion }
			  . q{FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace JOIN pg_class c ON relnamespace = n.oid AND relname = 'log' JOIN pg_authid a ON a.oid = nspowner WHERE extname = 'session_audit'}),
		't|t|1.0', 'A1: the writer has made the extension, which belongs to a superuser');
	is(admin($node, 'app', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'session_audit'}),
		'0', 'A1: there is nothing in other databases');
};

subtest 'A1: the database that is audited stays where it is' => sub {
	start_over();
	# Both wait for others to leave, for five seconds.
	my %clients = map { $_ => open_session($node, 'root', database => 'template1') }
	  ('ALTER DATABASE postgres RENAME TO renamed', 'CREATE DATABASE copied TEMPLATE postgres');
	$clients{$_}->send_query($_) for sort keys %clients;
	for (sort keys %clients)
	{
		is(($clients{$_}->messages)[0]{C}, '55006', "A1: it is refused: $_");
		$clients{$_}->quit;
	}
};

subtest 'A1: the writer comes back' => sub {
	start_over();
	my $writer = wait_for_writer($node);
	my $position = log_position($node);
	my $before = open_session($node, 'alice');
	admin($node, 'postgres', "SELECT pg_terminate_backend($writer)");
	# Handed over to nobody, for now.
	$before->quit;
	my $after = open_session($node, 'alice');
	is(audit_rows($node, is_of($after)), 'logon', 'A1: a logon waits for the next writer');
	wait_for_audit($node, is_of($before), 'logon logoff|client', 'A1: what happened in between is not lost');
	isnt(wait_for_writer($node), $writer, 'A1: it is another process');
	$after->quit;
	is(scalar(audit_lines($node, $position)), 0, 'A6: nothing had to become a line');
	ok($node->log_contains(qr/"session audit writer" \(PID $writer\) exited with exit code 1/, $position),
		'A1: its exit code has the postmaster start it again');
};

subtest 'A1: emptying the setting ends it' => sub {
	start_over();
	my $writer = wait_for_writer($node);
	my $position = log_position($node);
	my $open = open_session($node, 'alice');
	my $last = open_session($node, 'alice');
	$last->quit;
	audit_database($node, '');
	ok(wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'session audit %'}, '0'),
		'A1: the writer ends');
	ok($node->wait_for_log(qr/"session audit writer" \(PID $writer\) exited with exit code 0/, $position),
		'A1: with exit code 0, so that the postmaster does not start it again');
	my $unrecorded = open_session($node, 'alice');
	$_->quit for $open, $unrecorded;
	audit_database($node, 'postgres');
	my ($again, $time) = timed_session($node);
	is(audit_rows($node, is_of($again)), 'logon', 'A1: set again, it records the next session');
	cmp_ok($time, '<', $at_once, 'A1: which has not waited for long');
	$again->quit;
	is(audit_rows($node, is_of($last)), 'logon logoff|client', 'A4: an end just before it was emptied is recorded');
	is(audit_rows($node, is_of($open)), 'logon', 'A1: one after it is not');
	is(audit_rows($node, is_of($unrecorded)), '', 'A1: nor is a session meanwhile');
};

subtest 'A1: another database' => sub {
	start_over();
	admin($node, 'postgres', 'CREATE DATABASE second TEMPLATE template0');
	my $writer = wait_for_writer($node);
	my $position = log_position($node);
	audit_database($node, 'second');
	ok($node->wait_for_log(qr/"session audit writer" \(PID $writer\) exited with exit code 1/, $position),
		'A1: the writer ends with exit code 1');
	my $client = open_session($node, 'alice');
	is(rows_in($node, 'second', $client), 'logon', 'A1: a session waits for the writer of the other database');
	is(audit_rows($node, is_of($client)), '', 'A1: and is not recorded in the one before');
	is(scalar(audit_lines($node, $position)), 0, 'A6: no line was needed');
	admin($node, 'postgres', 'ALTER DATABASE second ALLOW_CONNECTIONS false');
	admin($node, 'postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'session audit writer'});
	$client->quit;
	$client = open_session($node, 'alice');
	$client->quit;
	admin($node, 'postgres', 'ALTER DATABASE second ALLOW_CONNECTIONS true');
	is((rows_in($node, 'second', $client) =~ /^(\w+)/)[0], 'logon', 'A1: a database that nobody may connect to');
	start_over();
	admin($node, 'postgres', 'DROP DATABASE second');
};

subtest 'A1: a database that does not exist' => sub {
	start_over();
	my $position = log_position($node);
	audit_database($node, 'missing');
	my ($client, $time) = timed_session($node);
	cmp_ok($time, '<', $at_once + 1, 'A1, A6: the logon that finds out is not held up');
	$node->wait_for_log(qr/FATAL:  database "missing" does not exist/, $position);
	(my $other, $time) = timed_session($node);
	cmp_ok($time, '<', $at_once, 'A6: nor is the next one');
	is(join(' ', map { $_->{event} } audit_lines($node, $position, $_)), 'logon', 'A6: it is a line') for $client, $other;
	$other->quit;
	is(join(' ', map { $_->{event} } audit_lines($node, $position, $other)), 'logon logoff', 'A6: and so is its end');
	admin($node, 'template1', 'CREATE DATABASE missing');
	ok( poll_until(
			sub {
				my ($status, $result) = try_psql($node, 'missing', 'SELECT count(*) FROM session_audit.log WHERE ' . is_of($other));
				return $status == 0 && $result eq '2';
			}),
		'A1: once it is there, the writer makes the log, and what waited is written');
	is(rows_in($node, 'missing', $client), 'logon', 'A6: once');
	$client->quit;
	# Each failure doubles the wait; four of them are followed by eight seconds.
	my $failures = () = slurp_file($node->logfile, $position) =~ /FATAL:  database "missing" does not exist/g;
	cmp_ok($failures, '<=', 6, 'A1: it has backed off');
};

subtest 'A1: a wrong setting that is corrected' => sub {
	start_over();
	my $position = log_position($node);
	audit_database($node, 'nowhere');
	ok(poll_until(sub { return 2 == (() = slurp_file($node->logfile, $position) =~ /FATAL:  database "nowhere" does not exist/g) }),
		'A1: the writer takes notice, and tries again');
	my $corrected = log_position($node);
	audit_database($node, 'postgres');
	my $start = Time::HiRes::time();
	my $client = open_session($node, 'alice');
	wait_for_audit($node, is_of($client), 'logon', 'A1: it is written where it should be');
	cmp_ok(Time::HiRes::time() - $start, '<', 8, 'A1: which does not take as long as waiting for a database does');
	$client->quit;
	is(() = slurp_file($node->logfile, $corrected) =~ /FATAL:  database "nowhere" does not exist/g, 0,
		'A1: the writer has not tried the old one again');
	admin($node, 'template1', 'DROP DATABASE missing');
};

subtest 'A1: the extension is there already' => sub {
	start_over();
	admin($node, 'postgres', 'CREATE DATABASE own');
	admin($node, 'own', 'CREATE EXTENSION session_audit');
	audit_database($node, 'own');
	my $client = open_session($node, 'alice');
	is(rows_in($node, 'own', $client), 'logon', 'A1: the log that an administrator has made is used');
	$client->quit;
	admin($node, 'own', 'ALTER TABLE session_audit.log ADD COLUMN note text');
	$client = open_session($node, 'alice');
	is(rows_in($node, 'own', $client), 'logon', 'A1: also with a further column');
	$client->quit;
};

# What somebody else owns: the statement that gives it away, and the one that takes it back.
my @given_away = (
	[ 'schema', 'ALTER SCHEMA session_audit OWNER TO %s', 'schema of the session audit does not belong to a superuser' ],
	[ 'log', 'ALTER TABLE session_audit.log OWNER TO %s', 'log of the session audit does not belong to a superuser' ],
	[   'partitions',
		q{DO $$ DECLARE p regclass; BEGIN FOR p IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'session_audit.log'::regclass LOOP EXECUTE format('ALTER TABLE %%s OWNER TO %s', p); END LOOP; END $$},
		'partition of the session audit does not belong to a superuser' ]);

subtest 'A1: what does not belong to a superuser' => sub {
	start_over();
	my $waiting = open_session($node, 'alice');
	for (@given_away)
	{
		my ($what, $sql, $message) = @$_;
		my $position = log_position($node);
		admin($node, 'postgres', sprintf $sql, 'alice');
		my ($client, $time) = timed_session($node);
		cmp_ok($time, '<', $at_once, "A1, A6: the $what: a logon is not held up");
		ok($node->wait_for_log(qr/42501\|ERROR:  \Q$message\E/, $position), "A1: the $what: an error in the server log");
		is(audit_rows($node, is_of($client)), '', "A1: the $what: nothing is written");
		admin($node, 'postgres', sprintf $sql, 'root');
		wait_for_audit($node, is_of($client), 'logon', "A6: the $what: it is written later");
		$client->quit;
	}
	$waiting->quit;

	# The same before the extension is made.
	admin($node, 'postgres', 'CREATE DATABASE taken');
	admin($node, 'taken', 'CREATE SCHEMA session_audit AUTHORIZATION alice');
	my $position = log_position($node);
	audit_database($node, 'taken');
	open_session($node, 'alice')->quit;
	ok($node->wait_for_log(qr/42501\|ERROR:  schema "session_audit" does not belong to a superuser/, $position),
		'A1: a schema that others have made is refused');
	my ($client, $time) = timed_session($node);
	cmp_ok($time, '<', $at_once, 'A6: logons are not held up');
	admin($node, 'taken', 'DROP SCHEMA session_audit');
	ok(poll_until(sub {
		my ($status, $result) = try_psql($node, 'taken', 'SELECT event FROM session_audit.log WHERE ' . is_of($client));
		return $status == 0 && $result eq 'logon' }), 'A1: once it is gone, the writer makes its own');
	$client->quit;
};

for ([ 'of somebody else', 'OWNER alice', 'superuser' ], [ 'that is a template', 'IS_TEMPLATE true', 'template' ])
{
	my ($what, $option, $word) = @$_;
	subtest "A1: a database $what" => sub {
		start_over();
		admin($node, 'postgres', "CREATE DATABASE $word $option");
		my $position = log_position($node);
		audit_database($node, $word);
		my $client = open_session($node, 'alice');
		ok(poll_until(sub { return $node->log_contains(qr/(?:ERROR|FATAL):.*database .*$word/, $position) || rows_there($node, $word) }),
			'the writer has decided');
		ok(!rows_there($node, $word), 'A1: nothing is written there');
		is(join(' ', map { $_->{event} } audit_lines($node, $position, $client)), 'logon', 'A6: it is a line');
		$client->quit;
	};
}

# Whether the log of a database is there, with a row.
sub rows_there
{
	my ($server, $database) = @_;
	my ($status, $result) = try_psql($server, $database, 'SELECT count(*) > 0 FROM session_audit.log');
	return $status == 0 && $result eq 't';
}

subtest 'A1: what a database has, and its event triggers' => sub {
	start_over();
	admin($node, 'postgres', 'CREATE DATABASE hostile');
	admin($node, 'hostile', <<'EOS');
CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE EVENT TRIGGER forbid_start ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION', 'CREATE TABLE') EXECUTE FUNCTION forbid();
CREATE EVENT TRIGGER forbid_end ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION', 'CREATE TABLE') EXECUTE FUNCTION forbid();
EOS
	admin($node, 'postgres', "ALTER DATABASE hostile SET $_")
	  for 'session_authorization = alice', 'role = alice', 'default_transaction_read_only = on',
	  "default_transaction_isolation = 'serializable'", "statement_timeout = '1ms'", "lock_timeout = '1ms'",
	  "idle_in_transaction_session_timeout = '1ms'", "search_path = 'nowhere'", 'row_security = off',
	  "default_table_access_method = 'heap'", "client_encoding = 'sql_ascii'", 'session_audit.enabled = off',
	  int($node->pg_version) >= 17 ? "transaction_timeout = '1ms'" : ();
	my $position = log_position($node);
	audit_database($node, 'hostile');
	my @clients = map { open_session($node, 'alice') } 1 .. 20;
	is(scalar(audit_lines($node, $position)), 0, 'A1: neither keeps the writer from its work');
	is(join("\n", slurp_file($node->logfile, $position) =~ /^.*(?:ERROR|FATAL):.*$/mg), '', 'A1: nor makes it fail now and then');
	admin($node, 'postgres', 'ALTER DATABASE hostile RESET ALL');
	is(admin($node, 'hostile', q{SELECT count(*) FROM session_audit.log WHERE event = 'logon' AND login_user = 'alice'}),
		'20', 'A1: all is written');
	is(admin($node, 'hostile', q{SELECT DISTINCT a.rolsuper FROM pg_class c JOIN pg_authid a ON a.oid = relowner WHERE relnamespace = 'session_audit'::regnamespace}),
		't', 'A1: and belongs to a superuser');
	$_->quit for @clients;
};

$node->stop;

subtest 'A1: at the start of the server' => sub {
	# One for the launcher of logical replication, and one for the writer.
	my $full = new_node('full', conf => "session_audit.database = 'postgres'\nmax_worker_processes = 2\nmin_parallel_table_scan_size = 0");
	$full->start;
	create_app($full, 'CREATE ROLE alice LOGIN');
	my $client = open_session($full, 'alice');
	is(audit_rows($full, is_of($client)), 'logon', 'A1: the writer is there');
	# Who asks for workers gets none of its own, even while it is away.
	$client->query($_) for 'CREATE TEMP TABLE t (i int)', 'SET parallel_setup_cost = 0',
	  (int($node->pg_version) >= 16 ? 'SET debug_parallel_query = on' : 'SET force_parallel_mode = on');
	for my $round (1 .. 2)
	{
		admin($full, 'postgres', 'SELECT pg_terminate_backend(' . wait_for_writer($full) . ')');
		$client->query('SELECT count(*) FROM pg_class') for 1 .. 20;
		my $other = open_session($full, 'alice');
		is(audit_rows($full, is_of($other)), 'logon', 'A1: its place is not taken by others');
		$other->quit;
	}
	$client->quit;
	$full->stop;

	# Where there is no place for it, a logon is not held up, and nothing is lost without a word.
	$full->append_conf('postgresql.conf', "max_worker_processes = 1\nsession_audit.timeout = '2s'");
	my $position = log_position($full);
	$full->start;
	# At first, the writer may only be slow.
	my ($first, $time) = timed_session($full);
	cmp_ok($time, '<', 4, 'A6: no worker: the first logon');
	(my $second, $time) = timed_session($full);
	cmp_ok($time, '<', 4, 'A6: no worker: the second one');
	poll_until(sub { (undef, $time) = timed_session($full); return $time < $at_once });
	cmp_ok($time, '<', $at_once, 'A6: no worker: later ones do not wait at all');
	is(join(' ', map { $_->{event} } audit_lines($full, $position, $_)), 'logon', 'A6: no worker: lines') for $first, $second;
	# The next one to come asks for a worker again.
	ok( poll_until(
			sub {
				open_session($full, 'alice')->quit;
				return $full->log_contains(qr/LOG:  could not start the session audit's writer: no background worker is free/, $position);
			}),
		'A1: the server log says why');
	$full->stop;
	is(join(' ', map { $_->{event} } audit_lines($full, $position, $_)), 'logon logoff', 'A4, A6: with their ends') for $first, $second;
	log_is_clean($full, 'the log has no failed assertion and no leak');
};

log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
