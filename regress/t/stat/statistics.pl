# The statistics of triggers (rules T1 and T2): what is counted, with which names, what
# becomes of it when there is no room, when processes end in the middle, under load, in
# single-user mode, and on a standby. SQL that one connection shows is in the regression
# test of the extension session_triggers.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use IPC::Run;
use List::Util qw(max min sum);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('statistics', allows_streaming => 1, conf => <<'EOC');
autovacuum = off
max_connections = 60
restart_after_crash = on
session_triggers.stat_max = 256
EOC
$node->start;
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE TABLE lines (id int);
GRANT INSERT ON lines TO PUBLIC;
CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
-- This right makes no difference to a firing, so the extension has nothing to say of it.
REVOKE ALL ON FUNCTION nothing() FROM PUBLIC;
CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'a secret' USING ERRCODE = 'AB123';
END
$$;
CREATE FUNCTION sleep() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(3600);
END
$$;
CREATE FUNCTION defy() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	LOOP
		BEGIN
			PERFORM pg_sleep(3600);
		EXCEPTION WHEN query_canceled THEN NULL;
		END;
	END LOOP;
END
$$;
EOS

# Returns these columns of the view for the triggers of a database, in order of name.
sub stat_of
{
	my ($columns, $database) = @_;
	$database //= 'app';
	return admin($node, 'app', "SELECT $columns FROM session_triggers.stat WHERE database = '$database' ORDER BY trigger, event");
}

# The counts for the whole server.
sub server
{
	my ($columns) = @_;
	return admin($node, 'app', "SELECT $columns FROM session_triggers.stat_server");
}

# Replaces the session triggers of the database "app" by these.
sub set_triggers
{
	admin($node, 'app', <<'EOS' . join ';', @_);
DO $$
DECLARE name text;
BEGIN
	FOR name IN SELECT evtname FROM pg_event_trigger LOOP
		EXECUTE format('DROP EVENT TRIGGER %I', name);
	END LOOP;
END
$$;
EOS
	return;
}

sub trigger
{
	my ($name, $function, $event) = @_;
	return "CREATE EVENT TRIGGER $name ON " . ($event // 'after_user_logon') . " EXECUTE FUNCTION $function()";
}

# Lets sessions of a role begin and end, and waits until they have.
sub sessions
{
	my ($count, %params) = @_;
	open_session($node, 'alice', %params)->quit for 1 .. $count;
	return;
}

sub reset_all { return admin($node, 'app', 'SELECT session_triggers.stat_reset()'); }

subtest 'T2: whether or not the extension exists' => sub {
	set_triggers(trigger('a_log', 'nothing'), trigger('b_fail', 'fail'), trigger('c_log', 'nothing'),
		trigger('d_leave', 'nothing', 'before_user_logoff'));
	sessions(5);
	admin($node, 'app', 'CREATE EXTENSION session_triggers');
	is(stat_of('trigger, event, fired, failed, timed_out, last_failure_sqlstate'), <<'EOR' =~ s/\n\z//r, 'T1, T2: all runs have been counted');
a_log|after_user_logon|5|0|0|
b_fail|after_user_logon|5|5|0|AB123
c_log|after_user_logon|0|0|0|
d_leave|before_user_logoff|5|0|0|
EOR
	is(admin($node, 'app', q{SELECT count(*) FROM session_triggers.problems WHERE trigger = 'a_log' AND problem <> 'caller_rights'}), '0',
		'T1: nobody needs the right to execute the function');
	is(server('warned, rejected, failed_logoffs, missed_logoffs, gave_way, uncounted'), '5|0|0|0|0|0', 'T1: and what became of the sessions');
	is(admin($node, 'app', q{SELECT count(*) FROM session_triggers.stat s WHERE s::text LIKE '%secret%'}), '0', 'T1: no text of an error');
};

subtest 'T1: times' => sub {
	admin($node, 'app', q{CREATE FUNCTION nap() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_sleep(CASE application_name WHEN 'short' THEN 0.01 ELSE 0.2 END) FROM pg_stat_activity WHERE pid = pg_backend_pid(); END$$});
	set_triggers(trigger('nap', 'nap'), trigger('quick', 'nothing'));
	reset_all();
	# On a busy machine each takes longer, but not longer than its client waits.
	my @waits;
	for my $name (('short') x 3, 'long')
	{
		my $start = time;
		my $client = open_session($node, 'alice', application_name => $name);
		push @waits, 1000 * (time - $start);
		$client->quit;
	}
	my ($shortest, $longest, $all) = (min(@waits), max(@waits), sum(@waits));
	is(stat_of("fired, min_time >= 10, min_time <= $shortest, max_time <= $longest, abs(mean_time - total_time / 4) < 0.001, sum(total_time) OVER () <= $all"),
		"4|t|t|t|t|t\n4|f|t|t|t|t", 'T1: in milliseconds, of each trigger alone');
	is(admin($node, 'app', q{SELECT max_time >= 200, total_time >= 230 FROM session_triggers.stat WHERE trigger = 'nap'}), 't|t', 'T1: of all its runs');
};

subtest 'T1: what becomes of sessions' => sub {
	my $outcome = 'let_in, warned, rejected, failed_logoffs, missed_logoffs';
	# What a session adds to these, without those of the sessions that look at them.
	my $adds = sub {
		my ($session) = @_;
		my $holder = open_quiet_session($node);
		my $before = $holder->query("SELECT ARRAY[$outcome] FROM session_triggers.stat_server");
		$session->();
		my $query = qq{SELECT array_to_string(ARRAY(SELECT n - b FROM unnest(ARRAY[$outcome], '$before'::bigint[]) AS u(n, b)), ' ') FROM session_triggers.stat_server};
		my $adds = $holder->query($query);
		$holder->quit;
		return $adds;
	};
	set_triggers(trigger('log', 'nothing'), trigger('leave', 'nothing', 'before_user_logoff'));
	is($adds->(sub { sessions(2) }), '2 0 0 0 0', 'T1: let in');
	my $terminated = sub {
		my $client = open_session($node, 'alice');
		kill 'TERM', $client->pid;
		$client->messages;
	};
	is($adds->($terminated), '1 0 0 0 1', 'T1: a logoff that never came');
	admin($node, 'postgres', q{ALTER ROLE alice SET session_triggers.logoff_on = exit});
	is($adds->($terminated), '1 0 0 0 0', 'T1: one that came');
	admin($node, 'postgres', q{ALTER ROLE alice RESET session_triggers.logoff_on});
	set_triggers(trigger('log', 'nothing'));
	is($adds->($terminated), '1 0 0 0 0', 'T1: no trigger, so no logoff is missed');
	set_triggers(trigger('leave', 'fail', 'before_user_logoff'));
	is($adds->(sub { sessions(1) }), '1 0 0 1 0', 'T1: a logoff that failed');
	set_triggers(trigger('log', 'fail'));
	is($adds->(sub { sessions(1) }), '1 1 0 0 0', 'T1: warned');
	admin($node, 'postgres', 'ALTER ROLE alice SET session_triggers.logon_failure = reject');
	is($adds->(sub { connect_as($node, 'alice')->messages }), '0 0 1 0 0', 'T1: rejected');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.logon_failure');
	set_triggers();
	admin($node, 'app', trigger('leave', 'nothing', 'before_user_logoff'));
	is($adds->($terminated), '1 0 0 0 1', 'T1: a logoff that did not come');
};

subtest 'T1, T2: databases, names, encodings' => sub {
	admin($node, 'postgres', q{CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'});
	admin($node, 'latin', <<'EOS');
SET client_encoding = 'UTF8';
CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER "zoë" ON after_user_logon EXECUTE FUNCTION nothing();
EOS
	my $long = 'x' x 63;
	set_triggers(trigger('log', 'nothing'), trigger($long, 'nothing'));
	reset_all();
	sessions(2);
	sessions(3, database => 'latin');
	is(stat_of('trigger, fired'), "log|2\n$long|2", 'T1: the triggers of this database');
	is(stat_of('trigger, fired', 'latin'), 'zo?|3', 'T1: and of another one, which has another encoding');
	admin($node, 'latin', q{SET client_encoding = 'UTF8'; ALTER EVENT TRIGGER "zoë" RENAME TO "log"});
	admin($node, 'app', "ALTER EVENT TRIGGER $long RENAME TO other");
	is(stat_of('trigger, fired'), "log|2\nother|2", 'T2: a new name keeps the counts');
	sessions(1, database => 'latin');
	is(stat_of('trigger, fired', 'latin'), 'log|4', 'T2: also that of another database');
	admin($node, 'latin', q{DROP EVENT TRIGGER log; CREATE EVENT TRIGGER log ON before_user_logoff EXECUTE FUNCTION nothing()});
	sessions(1, database => 'latin');
	is(stat_of('trigger, event, fired', 'latin'), "log|after_user_logon|4\nlog|before_user_logoff|1", 'T2: another trigger of the same name has its own');
	admin($node, 'postgres', 'DROP DATABASE latin');
	is(stat_of('trigger', 'latin'), '', 'T2: nothing is shown of a database that has been dropped');
};

subtest 'T2: no room' => sub {
	$node->append_conf('postgresql.conf', 'session_triggers.stat_max = 4');
	$node->restart;
	my @four = map { "t$_" } 1 .. 4;
	set_triggers(map { trigger($_, 'nothing') } @four);
	sessions(3);
	admin($node, 'app', "ALTER EVENT TRIGGER t2 DISABLE");
	sessions(1);
	is(stat_of('trigger, fired'), "t1|4\nt2|3\nt3|4\nt4|4", 'T2: four triggers have slots');
	admin($node, 'app', trigger('t5', 'nothing'));
	sessions(2);
	is(stat_of('trigger, fired'), "t1|6\nt2|0\nt3|6\nt4|6\nt5|2", 'T2: the least used gives way');
	is(server('gave_way, uncounted'), '1|0', 'T2: which is counted');
	admin($node, 'app', 'DROP EVENT TRIGGER t3; ' . trigger('t6', 'nothing'));
	sessions(1);
	is(stat_of('trigger, fired'), "t1|7\nt2|0\nt4|7\nt5|3\nt6|1", "T2: a dropped trigger's slot is reused");
	is(server('gave_way, uncounted'), '1|0', 'T2: nobody gives way then');
	admin($node, 'postgres', 'CREATE DATABASE brief TEMPLATE app');
	admin($node, 'brief', join ';', map { "DROP EVENT TRIGGER $_" } qw(t1 t2 t4 t5));
	set_triggers(map { trigger("v$_", 'nothing') } 1 .. 3);
	reset_all();
	sessions(1, database => 'brief');
	sessions(2);
	is(admin($node, 'app', 'SELECT count(*) FROM session_triggers.counters()'), '4', 'T2: all slots are used');
	admin($node, 'postgres', 'DROP DATABASE brief');
	is(admin($node, 'app', q{SELECT count(*) FILTER (WHERE database = 'brief'), count(*) FROM session_triggers.stat}), '0|3',
		'T2: somebody looks after a database has been dropped');
	admin($node, 'app', trigger('v4', 'nothing'));
	sessions(1);
	is(stat_of('trigger, fired'), "v1|3\nv2|3\nv3|3\nv4|1", 'T2: after which its slot is free');
	is(server('gave_way, uncounted'), '0|0', 'T2: so nobody gives way');
	# More triggers than slots, in sessions at the same time
	set_triggers(map { trigger("u$_", 'nothing') } 1 .. 12);
	reset_all();
	run_clients(1, 8, sub { open_session($node, 'alice')->quit for 1 .. 20; return; }, sub { });
	note 'gave_way, uncounted: ' . server('gave_way, uncounted');
	cmp_ok(server('gave_way'), '>', 100, 'T2: slots change hands');
	is(admin($node, 'app', 'SELECT count(*), min(fired) > 0, max(fired) <= 160 FROM session_triggers.counters()'), '4|t|t', 'T2: and none is lost');

	$node->append_conf('postgresql.conf', 'session_triggers.stat_max = 0');
	$node->restart;
	sessions(2);
	is(admin($node, 'app', 'SELECT max(fired), count(*) FROM session_triggers.stat'), '0|12', 'T2: without slots no trigger is counted');
	is(server('let_in > 1, uncounted'), 't|0', 'T2: but sessions are');
	$node->append_conf('postgresql.conf', 'session_triggers.stat_max = 256');
	$node->restart;
	is(admin($node, 'app', 'SELECT max(fired) FROM session_triggers.stat'), '0', 'T2: a restart begins anew');
	$node->psql('app', 'SET session_triggers.stat_max = 5', stderr => \my $error);
	like($error, qr/parameter "session_triggers.stat_max" cannot be changed without restarting the server/, 'S: it is set at server start');
	command_fails_like([ 'postgres', '-D', $node->data_dir, '-c', 'session_triggers.stat_max=-1', '-C', 'session_triggers.stat_max' ],
		qr/outside the valid range/, 'S: to a number of triggers');
};

subtest 'T2: ends in the middle' => sub {
	my $columns = 'trigger, fired, failed, timed_out, last_failure_sqlstate';
	set_triggers(trigger('a_log', 'nothing'), trigger('sleep', 'sleep'), trigger('z_log', 'nothing'));
	my $client = connect_as($node, 'alice');
	wait_for_event($node, 'alice', 'PgSleep');
	admin($node, 'app', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'alice'});
	$client->messages;
	is(stat_of($columns), "a_log|1|0|0|\nsleep|1|1|0|57P01\nz_log|0|0|0|", 'T2: a session is terminated while its trigger runs');
	is(stat_of('min_time > 0 AND min_time = max_time'), "t\nt\n", 'T1: which took its time');

	admin($node, 'postgres', q{ALTER ROLE alice SET session_triggers.logon_timeout = '1s'});
	sessions(1);
	is(stat_of($columns), "a_log|2|0|0|\nsleep|2|2|1|57014\nz_log|0|0|0|", 'T1: the time limit');
	set_triggers(trigger('a_log', 'nothing'), trigger('defy', 'defy'));
	connect_as($node, 'alice')->messages;
	is(stat_of($columns), "a_log|1|0|0|\ndefy|1|1|1|57P01", 'T1: also if a trigger does not heed it');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.logon_timeout');

	# The trigger that ran before the end is not counted for what fails at the end.
	admin($node, 'app', <<'EOS');
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'late' USING ERRCODE = 'AB124'; END$$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON lines DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
CREATE FUNCTION add_line() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.lines VALUES (1); END$$;
EOS
	set_triggers(trigger('add_line', 'add_line'));
	reset_all();
	sessions(1);
	is(stat_of($columns), 'add_line|1|0|0|', 'T1: an error at the commit is of no trigger');
	is(server('warned'), '1', 'T1: but the session is counted');

	set_triggers(trigger('sleep', 'sleep'));
	$client = connect_as($node, 'alice');
	wait_for_event($node, 'alice', 'PgSleep');
	my $position = log_position($node);
	kill 'KILL', admin($node, 'app', q{SELECT pid FROM pg_stat_activity WHERE usename = 'alice'});
	$client->messages;
	ok($node->wait_for_log(qr/database system is ready to accept connections/, $position), 'T2: a crash');
	wait_until_ready($node);
	set_triggers(trigger('log', 'nothing'));
	sessions(3);
	is(stat_of('trigger, fired'), 'log|3', 'T2: after which counting goes on');
};

subtest 'T2: load' => sub {
	set_triggers(trigger('log', 'nothing'), trigger('z_leave', 'nothing', 'before_user_logoff'));
	reset_all();
	my ($clients, $sessions) = (16, 50);
	run_clients(1, $clients,
		sub { open_session($node, 'alice')->quit for 1 .. $sessions; return; },
		# Meanwhile others look, and change the name.
		sub {
			stat_of('trigger');
			admin($node, 'app', 'ALTER EVENT TRIGGER log RENAME TO log_2');
			admin($node, 'app', 'ALTER EVENT TRIGGER log_2 RENAME TO log');
		});
	my $fired = $clients * $sessions;
	is(stat_of('trigger, fired, failed'), "log|$fired|0\nz_leave|$fired|0", 'T2: every run is counted once');
	is(server('gave_way, uncounted'), '0|0', 'T2: without exception');
};

subtest 'T1: a standby' => sub {
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	open_session($standby, 'alice')->quit for 1 .. 2;
	is(admin($standby, 'app', 'SELECT trigger, fired FROM session_triggers.stat ORDER BY trigger'), "log|2\nz_leave|2", 'E8, T1: counts its own');
	$standby->stop;
};

subtest 'T2: single-user mode' => sub {
	$node->stop;
	my $queries = "SELECT count(*) FROM session_triggers.stat WHERE fired > 0\nSELECT let_in FROM session_triggers.stat_server\n";
	my $output = '';
	IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'app' ], '<', \$queries, '>&', \$output);
	like($output, qr/count = "0".*let_in = "0"/s, 'E7, T2: counts nothing');
	$node->start;
};

log_is_clean($node, 'F12: nothing is left behind', expected => qr/was terminated by signal 9/);
done_testing();
