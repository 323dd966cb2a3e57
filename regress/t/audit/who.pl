# Whose sessions the session audit records (rule A2), what its settings are and who may change
# them (section S), and when the record of a logon is handed over (rule A3).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('who', conf => <<'EOC');
session_audit.database = 'postgres'
session_triggers.creator_role = 'makers'
autovacuum_naptime = 1
EOC
$node->start;
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE ROLE makers;
CREATE ROLE maker LOGIN IN ROLE makers;
GRANT alice TO maker;
GRANT CREATE ON SCHEMA public TO maker;
EOS
wait_for_writer($node);

# Runs a session that ends as clients do, and returns it.
sub one_session
{
	my ($role, @more) = @_;
	my $client = open_session($node, $role, @more);
	$client->quit;
	wait_for_exit($node, $client);
	return $client;
}

my $both = 'logon logoff|client';

subtest 'A2: whose sessions' => sub {
	wait_for_audit($node, is_of(one_session('alice')), $both, 'A2: a session of a role without rights');
	wait_for_audit($node, is_of(one_session('root', options => '-c session_triggers.enabled=off')),
		$both, 'A2: a superuser with session_triggers.enabled = off');
	# Event triggers as a whole can be turned off as of PostgreSQL 17.
	my $off = int($node->pg_version) >= 17 ? q{ -c event_triggers=off} : q{};
	wait_for_audit($node, is_of(one_session('root', options => "-c session_replication_role=replica$off")),
		$both, 'A2: one with other settings that keep triggers from firing');
	admin($node, 'postgres', 'CREATE DATABASE empty TEMPLATE template0');
	wait_for_audit($node, is_of(one_session('alice', database => 'empty')),
		'logon|empty logoff|empty', 'A2: a database made from template0', 'event, database');
	wait_for_audit($node, is_of(one_session('maker', options => '-c role=alice')),
		'logon|maker logoff|maker', 'A2: the role that logged on, whatever it has become', 'event, login_user');
	is(audit_rows($node, 'kind IS DISTINCT FROM \'client\' OR login_user_id IS NULL OR database_id IS NULL OR system_identifier IS NULL', 'event, kind'),
		'', 'A9: each row says what kind of connection it was, and whose, by OID');
};

subtest 'A2, S: session_audit.enabled = off' => sub {
	my $open = open_session($node, 'alice');
	for my $whose ('ROLE alice', 'DATABASE app', 'ROLE alice IN DATABASE app')
	{
		admin($node, 'postgres', "ALTER $whose SET session_audit.enabled = off");
		my $client = one_session('alice');
		# What comes after it is written after it.
		my $other = one_session('maker', database => 'postgres');
		wait_for_audit($node, is_of($other), $both, "A2: $whose: another session is recorded");
		is(audit_rows($node, is_of($client)), '', "A2: $whose: the session leaves nothing");
		my $root = open_session($node, 'root', options => '-c session_audit.enabled=on');
		is(audit_rows($node, is_of($root)), 'logon', "A2: $whose: a superuser may choose otherwise");
		$root->quit;
		admin($node, 'postgres', "ALTER $whose RESET session_audit.enabled");
	}
	admin($node, 'postgres', 'ALTER ROLE alice SET session_audit.enabled = off');
	my $silent = open_session($node, 'alice');
	$open->quit;
	wait_for_audit($node, is_of($open), $both, 'A2: a session that was recorded is so until its end');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_audit.enabled');
	$silent->quit;
	my $root = open_session($node, 'root');
	$root->query('SET session_audit.enabled = off');
	$root->quit;
	wait_for_audit($node, is_of($root), $both, 'A2: it is decided at logon for the whole session');
	is(audit_rows($node, is_of($silent)), '', 'A2: also for one that was not');
};

subtest 'S: who may change what' => sub {
	my $alice = open_session($node, 'alice');
	my %off = (enabled => 'off', required => 'off', timeout => '1', log_to_server => 'off');
	for my $name (sort keys %off)
	{
		for ("SET session_audit.$name = $off{$name}", "DO \$\$ BEGIN SET LOCAL session_audit.$name = $off{$name}; END \$\$",
			"SELECT set_config('session_audit.$name', '$off{$name}', false)", "ALTER ROLE alice SET session_audit.$name = $off{$name}")
		{
			is((grep { $_->{type} eq 'E' } $alice->query($_))[0]{C}, '42501', "A2, S: others may not: $_");
		}
		my $client = connect_as($node, 'alice', options => "-c session_audit.$name=$off{$name}");
		is(($client->messages)[-1]{C}, '42501', "A2, S: nor with PGOPTIONS: $name");
		my $root = open_session($node, 'root', options => "-c session_audit.$name=$off{$name}");
		is($root->query("SHOW session_audit.$name"), $name eq 'timeout' ? '1ms' : 'off', "S: a superuser may: $name");
		$root->quit;
	}
	my $root = open_session($node, 'root');
	for my $name (qw(database keep))
	{
		is(($_->query("SET session_audit.$name = 1"))[0]{C}, '55P02', "A1, S: nobody changes it in a session: $name") for $alice, $root;
		is(($root->query("ALTER ROLE alice SET session_audit.$name = 1"))[0]{C}, '55P02', "A1, S: nor for a role: $name");
	}
	is(($root->query('SET session_audit.timeout = 0'))[0]{C}, '22023', 'S: out of range');
	is(($root->query('SET session_audit.other = 1'))[0]{C}, '42602', 'S: unknown names are refused');
	is( $root->query(q{SELECT string_agg(concat_ws(' ', name, boot_val, unit, context), ', ' ORDER BY name) FROM pg_settings WHERE name LIKE 'session_audit.%' AND name <> 'session_audit.context'}),
		'session_audit.database  sighup, session_audit.enabled on superuser, session_audit.keep 0 sighup, '
		  . 'session_audit.log_to_server off superuser, session_audit.required off superuser, session_audit.timeout 5000 ms superuser',
		'S: the settings, their defaults, and who sets them when');
	$_->quit for $alice, $root;
};

subtest 'A2: what is no session of a client' => sub {
	wait_for_exit($node, $_) for qw(alice root maker);
	wait_until($node, 'postgres', 'SELECT pending = 0 FROM session_audit.state()');
	admin($node, 'postgres', 'TRUNCATE session_audit.log');
	admin($node, 'app', 'CREATE TABLE vacuumed WITH (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0) AS SELECT generate_series(1, 100) i; DELETE FROM vacuumed');
	my $client = open_session($node, 'alice');
	$client->query('SET debug_parallel_query = on') if int($node->pg_version) >= 16;
	$client->query('SET force_parallel_mode = on') if int($node->pg_version) < 16;
	$client->query($_) for 'SET parallel_setup_cost = 0', 'SET min_parallel_table_scan_size = 0';
	like(join(' ', map { $_->{values}[0] } grep { $_->{type} eq 'D' } $client->query('EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT count(*) FROM pg_class')),
		qr/Workers Launched: [1-9]/, 'a parallel worker has run');
	wait_until($node, 'app', q{SELECT autovacuum_count > 0 FROM pg_stat_all_tables WHERE relname = 'vacuumed'});
	$client->quit;
	wait_for_audit($node, 'true', "logon|alice logoff|alice", 'A2: background workers, parallel ones, and autovacuum leave nothing', 'event, login_user');
};

# Makes a trigger whose function has this body.
sub trigger
{
	my ($role, $name, $body) = @_;
	my $sql = "CREATE FUNCTION $name() RETURNS event_trigger LANGUAGE plpgsql AS \$\$ BEGIN IF polar_login_user = 'alice' THEN $body END IF; END \$\$; "
	  . "CREATE EVENT TRIGGER $name ON after_user_logon EXECUTE FUNCTION $name()";
	admin($node, 'app', "SET SESSION AUTHORIZATION $role; $sql");
	return;
}

subtest 'A3: after the triggers of superusers' => sub {
	trigger('root', 'fails', q{RAISE EXCEPTION 'no' USING ERRCODE = 'P0042';});
	my $client = connect_as($node, 'alice');
	is_deeply([ map { $_->{M} } grep { $_->{type} =~ /[NE]/ } $client->ready ], [$WARNING], 'F3: the client is warned');
	is(audit_rows($node, is_of($client), 'event, sqlstate'), 'logon|P0042', 'A3: the record says with what they have failed');
	$client->quit;
	wait_for_audit($node, is_of($client), 'logon|P0042 logoff|client', 'A3: the end does not', 'event, ended_by, sqlstate');
	my $root = open_session($node, 'root');
	is(audit_rows($node, is_of($root), 'event, sqlstate'), 'logon', 'A3: nor do other sessions');
	$root->quit;

	admin($node, 'postgres', 'ALTER ROLE alice SET session_triggers.logon_failure = reject');
	$client = connect_as($node, 'alice');
	is(($client->messages)[-1]{C}, 'P0042', 'the logon is rejected');
	ok(wait_for_exit($node, 'alice'), 'and the session ends');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.logon_failure');
	admin($node, 'app', 'DROP EVENT TRIGGER fails; DROP FUNCTION fails');
	my $later = one_session('alice');
	wait_for_audit($node, is_of($later), $both, 'A3: one that was let in');
	is(audit_rows($node, q{event <> 'refused' AND } . is_of($client)), '', 'A3: one that was rejected has neither logon nor end');

	# A superuser's trigger that ends the session: nobody was let in.
	trigger('root', 'ends', 'PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10);');
	$client = connect_as($node, 'alice');
	is(($client->messages)[-1]{C}, '57P01', 'a trigger of a superuser ends the session');
	admin($node, 'app', 'DROP EVENT TRIGGER ends; DROP FUNCTION ends');
	wait_for_audit($node, is_of(one_session('alice')), $both, 'A3: one that was let in');
	is(audit_rows($node, q{event <> 'refused' AND } . is_of($client)), '', 'A3: it was not let in');
};

subtest 'A3: before delegated triggers' => sub {
	trigger('maker', 'delegated', q{RAISE EXCEPTION 'no' USING ERRCODE = 'P0043';});
	my $client = connect_as($node, 'alice');
	is_deeply([ map { $_->{M} } grep { $_->{type} =~ /[NE]/ } $client->ready ], [$WARNING], 'N3: it has failed');
	is(audit_rows($node, is_of($client), 'event, sqlstate'), 'logon', 'A3: a delegated trigger that fails does not matter');
	$client->quit;
	admin($node, 'app', 'DROP EVENT TRIGGER delegated');

	trigger('maker', 'ends', 'PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10);');
	$client = connect_as($node, 'alice');
	is(($client->messages)[-1]{C}, '57P01', 'it ends the session');
	wait_for_audit($node, is_of($client),
		'logon logoff|terminated|57P01', 'A3: the session had been let in, and has an end', 'event, ended_by, sqlstate');
	admin($node, 'app', 'DROP EVENT TRIGGER ends; DROP FUNCTION ends');
};

subtest 'R3: DISCARD ALL' => sub {
	# There is no trigger.
	is(admin($node, 'app', 'SELECT count(*) FROM pg_event_trigger'), '0', 'there is no trigger');
	my $client = open_session($node, 'alice', application_name => 'one');
	$client->query('DISCARD ALL');
	$client->quit;
	wait_for_audit($node, is_of($client), 'logon logoff|client', 'R4: off, a use ends with the session');
	admin($node, 'postgres', 'ALTER ROLE alice SET session_triggers.fire_on_discard = on');
	$client = open_session($node, 'alice', application_name => 'one');
	$client->query($_) for q{SET application_name = 'two'}, 'DISCARD ALL';
	is(audit_rows($node, is_of($client), 'event, ended_by, application_name'), 'logon|one logoff|reset|two logon|one',
		'A3, R3: a use is recorded before the next may send a query');
	$client->query('DISCARD ALL');
	$client->quit;
	wait_for_audit($node, is_of($client), 'logon logoff|reset logon logoff|reset logon logoff|client', 'A4: each use has its end');
	is(audit_rows($node, is_of($client) . q{ AND (event = 'logon') <> (at = logon_at)}), '', 'A9: each use has its own time of logon');
	is(admin($node, 'postgres', 'SELECT count(DISTINCT logon_at) FROM session_audit.log WHERE ' . is_of($client)), '3', 'A9: three of them');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.fire_on_discard');
};

subtest 'A3: as durable as the server\'s own synchronous_commit says' => sub {
	my @clients;
	admin($node, 'postgres', $_) for 'ALTER ROLE maker SET synchronous_commit = off', 'ALTER DATABASE postgres SET synchronous_commit = off';
	# A writer that has the setting of its database, if that counted.
	admin($node, 'postgres', 'SELECT pg_terminate_backend(' . writer($node) . ')');
	open_session($node, 'alice')->quit;
	# Nobody else flushes what is committed.
	my $flusher = admin($node, 'postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'});
	kill STOP => $flusher;
	push @clients, [ 'with PGOPTIONS', open_session($node, 'alice', options => '-c synchronous_commit=off') ];
	push @clients, [ 'of the role, and of the log\'s database', open_session($node, 'maker', database => 'postgres') ];
	$node->append_conf('postgresql.conf', 'restart_after_crash = on');
	my $position = log_position($node);
	$node->reload;
	$node->wait_for_log(qr/parameter "restart_after_crash" changed/, $position);
	kill KILL => $flusher;
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $position);
	ok(wait_until_ready($node), 'the server is back after a crash');
	is(audit_rows($node, q{event = 'logon' AND } . is_of($_->[1])), 'logon', "A3: synchronous_commit $_->[0] does not count") for @clients;
};

$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak', expected => qr/was terminated by signal 9/);
done_testing();
