# How the ends of sessions look in the session audit: each end of table X has its name, which
# the session cannot choose, and is recorded once (rule A4).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('ends', conf => <<'EOC');
session_audit.database = 'postgres'
autovacuum = off
restart_after_crash = on
EOC
$node->start;
my $major = int($node->pg_version);
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE EXTENSION plperl;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text);
EOS
my $root = open_quiet_session($node);
wait_for_writer($node);

sub terminate { $root->query('SELECT pg_terminate_backend(' . $_[0]->pid . ')'); return; }

# Lets the session wait for the lock that $root holds.
sub block
{
	my ($client) = @_;
	$client->send_query('SELECT pg_advisory_lock(42)');
	ok(wait_for_event($node, $client, 'advisory'), 'the query waits for the lock');
	return;
}

# Lets the server send more than the client reads.
sub flood
{
	my ($client, $sql) = @_;
	$client->send_query($sql);
	ok(wait_for_event($node, $client, 'ClientWrite'), 'the server waits for the client to read');
	return;
}

my $rows_of_x = q{SELECT repeat('x', 1000) FROM generate_series(1, 1000000)};
my @ends = (
	# name; whether triggers fire with logoff_on = client; ended_by and sqlstate; and how to
	# end the session
	[ 'Terminate', 1, 'client', sub { $_[0]->quit } ],
	[ 'Terminate in a failed transaction', 1, 'client', sub { $_[0]->try_query('BEGIN; SELECT 1/0'); $_[0]->quit } ],
	[ 'end of file while idle', 1, 'client_lost', sub { $_[0]->drop } ],
	[ 'end of file in a transaction', 1, 'client_lost', sub { $_[0]->query('BEGIN; SELECT 1'); $_[0]->drop } ],
	[   'client killed in a query', 1, 'client_lost',
		sub { block($_[0]); $_[0]->drop; $root->query("SELECT pg_advisory_${_}(42)") for qw(unlock lock) } ],
	[   'connection broken in a query', 0, 'client_lost|08006',
		sub { $_[0]->query('SET client_connection_check_interval = 10'); block($_[0]); $_[0]->drop } ],
	[   'connection broken while a result is sent', 0, 'client_lost|08006',
		sub { flood($_[0], $rows_of_x); $_[0]->drop } ],
	[   'connection broken in COPY TO STDOUT', 0, 'client_lost|08006',
		sub { flood($_[0], "COPY ($rows_of_x) TO STDOUT"); $_[0]->drop } ],
	[   'connection broken in COPY FROM STDIN', 0, 'client_lost|08P01',
		sub {
			$_[0]->query('CREATE TEMPORARY TABLE t (i int)');
			$_[0]->send_query('COPY t FROM STDIN');
			ok(wait_for_event($node, $_[0], 'ClientRead'), 'the server waits for data');
			$_[0]->drop;
		} ],
	[ 'pg_terminate_backend', 0, 'terminated|57P01', sub { terminate(@_) } ],
	[ 'pg_terminate_backend in a query', 0, 'terminated|57P01', sub { block($_[0]); terminate(@_) } ],
	[ 'pg_terminate_backend in a transaction', 0, 'terminated|57P01', sub { $_[0]->query('BEGIN; SELECT 1'); terminate(@_) } ],
	[ 'pg_terminate_backend in a failed transaction', 0, 'terminated|57P01', sub { $_[0]->try_query('BEGIN; SELECT 1/0'); terminate(@_) } ],
	[ 'idle_session_timeout', 0, 'idle_session_timeout|57P05', sub { $_[0]->query('SET idle_session_timeout = 10') } ],
	[   'idle_in_transaction_session_timeout', 0, 'idle_in_transaction_session_timeout|25P03',
		sub { $_[0]->query('SET idle_in_transaction_session_timeout = 10; BEGIN') } ],
	[ 'exit_on_error', 0, 'fatal|22012', sub { $_[0]->query('SET exit_on_error = on'); $_[0]->try_query('SELECT 1/0') } ],
	[ 'a violation of the protocol', 0, 'fatal|08P01', sub { $_[0]->send_message('!', ''); $_[0]->messages } ],
	[   'DROP DATABASE', 0, 'terminated|57P01',
		sub { $root->query('DROP DATABASE short WITH (FORCE)') }, database => 'short' ]);
# What a session raises itself is no interrupt, whatever it calls it.
push @ends, map {
	my $code = $_;
	[   "exit_on_error, and RAISE with $code", 0, "fatal|$code",
		sub {
			$_[0]->query('SET exit_on_error = on');
			$_[0]->try_query("DO \$\$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '$code'; END \$\$");
		} ]
} qw(57P01 57P05 25P03 25P04 08006 08003);
# The first error that ends a session counts, although PL/Perl catches what follows from it.
push @ends,
  [ 'pg_terminate_backend, caught by PL/Perl', 0, 'terminated|57P01',
	sub {
		$_[0]->query('SET exit_on_error = on');
		$_[0]->send_query(q{DO $$ eval { spi_exec_query('SELECT pg_advisory_lock(42)') } for 1 .. 3; die 'own' $$ LANGUAGE plperl});
		ok(wait_for_event($node, $_[0], 'advisory'), 'the function waits for the lock');
		terminate(@_);
	} ];
push @ends,
  [ 'transaction_timeout', 0, 'transaction_timeout|25P04',
	sub { $_[0]->try_query($_) for 'SET transaction_timeout = 10', 'SELECT pg_advisory_lock(42)' } ],
  [ 'transaction_timeout while idle', 0, 'transaction_timeout|25P04',
	sub { $_[0]->try_query('SET transaction_timeout = 10; BEGIN') } ]
  if $major >= 17;

# Tests each end in a session of alice's.
sub test_ends
{
	my ($title, $fired) = @_;
	$root->query('SELECT pg_advisory_lock(42)');
	for (@ends)
	{
		my ($name, $fires, $ended_by, $end, %more) = @$_;
		$root->query('CREATE DATABASE short') if %more;
		my $client = open_session($node, 'alice', %more);
		$end->($client);
		ok(wait_for_exit($node, $client), "$name: the session ends");
		wait_for_audit($node, is_of($client), "logon logoff|$ended_by", "A4, X: $title: $name", 'event, ended_by, sqlstate');
		next if %more;
		is(take_rows($node), $fired && ($fires || $fired eq 'exit') ? 'fired' : '', "X: $title: $name: whether triggers fire");
	}
	$root->query('SELECT pg_advisory_unlock(42)');
	return;
}

subtest 'A4, X: without any trigger' => sub { test_ends('no trigger', ''); };

admin($node, 'app', <<'EOS');
CREATE FUNCTION logoff() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        INSERT INTO public.fired (line) VALUES ('fired');
    END IF;
END
$$;
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION logoff();
EOS
subtest 'A4, X: with triggers, logoff_on = client' => sub { test_ends('client', 'client'); };
admin($node, 'postgres', 'ALTER ROLE alice SET session_triggers.logoff_on = exit');
subtest 'A4, X: with triggers, logoff_on = exit' => sub { test_ends('exit', 'exit'); };

subtest 'A4: what triggers do at the end does not matter' => sub {
	admin($node, 'app', q{CREATE OR REPLACE FUNCTION logoff() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$});
	for ([ 'client', sub { $_[0]->quit } ], [ 'terminated|57P01', sub { terminate(@_) } ])
	{
		my $client = open_session($node, 'alice');
		$_->[1]->($client);
		wait_for_audit($node, is_of($client), "logon logoff|$_->[0]", "A4, F4: one that fails: $_->[0]", 'event, ended_by, sqlstate');
	}
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.logoff_on');
	admin($node, 'app', q{CREATE OR REPLACE FUNCTION logoff() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); END $$});
	my $client = open_session($node, 'alice');
	$client->quit;
	wait_for_audit($node, is_of($client) . q{ AND event = 'logoff'}, 'logoff', 'A4: one that ends the session: it has one end', 'event');
	admin($node, 'app', 'DROP EVENT TRIGGER logoff');
};

subtest 'A9: the row of an end' => sub {
	my $client = open_session($node, 'alice', application_name => 'at the start');
	$client->query($_) for q{SET application_name = 'at the end'}, 'SET ROLE alice';
	my $id = $client->query(q{SELECT to_hex(trunc(extract(epoch FROM backend_start))::bigint) || '.' || to_hex(pid) FROM pg_stat_activity WHERE pid = pg_backend_pid()});
	$client->quit;
	wait_for_audit($node, is_of($client), "logon|$id|alice|app|at the start logoff|$id|alice|app|at the end",
		'A9: both rows', 'event, session_id, login_user, database, application_name');
	is(audit_rows($node, is_of($client), 'event, at = logon_at, at > logon_at, cpu IS NULL, blocks_hit IS NULL, blocks_read IS NULL, blocks_written IS NULL, temp_blocks IS NULL, wal_bytes IS NULL'),
		'logon|t|f|t|t|t|t|t|t logoff|f|t|f|f|f|f|f|f', 'A9: what the session used is in the row of its end');
	is(admin($node, 'postgres', 'SELECT count(DISTINCT logon_at) FROM session_audit.log WHERE ' . is_of($client)), '1', 'A9: both have the time of the logon');
};

subtest 'X: a crash leaves no end' => sub {
	my @clients = map { open_session($node, 'alice') } 1 .. 2;
	my $position = log_position($node);
	kill KILL => $clients[0]->pid;
	ok($node->wait_for_log(qr/all server processes terminated; reinitializing/, $position), 'a SIGKILL restarts the server');
	ok(wait_until_ready($node), 'the server accepts connections again');
	is(audit_rows($node, is_of($_) . q{ AND event <> 'lost'}), 'logon', 'X: SIGKILL leaves no logoff') for @clients;
	my $client = open_session($node, 'alice');
	is(audit_rows($node, is_of($client)), 'logon', 'A1: after it, sessions are recorded');
	$client->quit;
};

$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak', expected => qr/was terminated by signal 9/);
done_testing();
