# PgBouncer in front of the server: what counts as a session, what its clients see
# of what a trigger sets, and what a failing trigger does to them: rules E3, F3, F5,
# table X, and logon_failure.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/..";
use Peers;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

if (my $reason = missing('pgbouncer'))
{
  SKIP: { skip "PgBouncer: $reason", 1; }
	done_testing();
	exit;
}

my $node = new_node('pool');
$node->start;
create_app($node, $FAIL . <<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE staff;
GRANT staff TO alice;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, pid int DEFAULT pg_backend_pid(), event text);
GRANT INSERT ON fired TO PUBLIC;
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.fired (event) VALUES (tg_event);
END
$$;
CREATE FUNCTION set_up() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.tenant', 'blue', false);
    SET TimeZone = 'Asia/Tokyo';
    CREATE TEMP TABLE notes ();
    SET ROLE staff;
END
$$;
CREATE EVENT TRIGGER a_log ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER b_set_up ON after_user_logon EXECUTE FUNCTION set_up();
CREATE EVENT TRIGGER c_fail ON after_user_logon EXECUTE FUNCTION fail();
CREATE EVENT TRIGGER d_log ON before_user_logoff EXECUTE FUNCTION log_session();
SQL

# Returns what the triggers have recorded, as "pid event, ...", and forgets it.
sub fired
{
	return take_rows($node, q{concat(pid, ' ', event)}) =~ s/\n/, /gr;
}

# Does the same after the pool's connection to the server has ended.
sub fired_in_the_end
{
	wait_for_exit($node, 'alice') or die 'the pool still has its connection';
	return fired();
}

# What set_up() leaves in a session
my $state = q{SELECT concat_ws(' ', current_setting('app.tenant', true),
	current_setting('TimeZone'), to_regclass('pg_temp.notes'), current_user)};
my $as_set = 'blue Asia/Tokyo notes staff';

for my $mode ('session', 'session without reset', 'transaction')
{
	my $pool = PgBouncer->start(
		$node,
		pool_mode => $mode =~ s/ .*//r,
		$mode =~ /without/ ? (server_reset_query => '') : ());
	my $admin = $pool->console;
	admin($node, 'app', 'ALTER EVENT TRIGGER c_fail DISABLE');

	# Three clients over one connection to the server
	my @clients = map { $pool->client('alice', 'app') } 1 .. 3;
	my ($timezone) =
	  map { $_->{value} } grep { $_->{type} eq 'S' && $_->{name} eq 'TimeZone' } $clients[0]->ready;
	is($timezone, 'Asia/Tokyo', "F5: $mode: the client learns what a trigger set");
	my $pid = $clients[0]->query('SELECT pg_backend_pid()');
	is($clients[0]->query($state), $as_set, "F5: $mode: the first client has what a trigger set");

	$clients[1]->ready;
	$clients[1]->send_query($state);
	if ($mode ne 'transaction')
	{
		ok($pool->wait_for_waiting($admin, 1), "$mode: the second client waits for the connection");
		$clients[0]->quit;
	}
	# DISCARD ALL resets everything. Then PgBouncer sets the parameters that it tracks.
	my ($row) = grep { $_->{type} eq 'D' } $clients[1]->messages;
	is( $row->{values}[0],
		$mode eq 'session' ? ' Asia/Tokyo alice' : $as_set,
		"F5: $mode: the second client has "
		  . ($mode eq 'session' ? 'the parameters that PgBouncer tracks' : 'what a trigger set, too'));
	$clients[1]->quit if $mode ne 'transaction';

	$clients[2]->ready;
	is($clients[2]->query('SELECT pg_backend_pid()'), $pid, "$mode: the third client uses the same server process");
	if ($mode eq 'transaction')
	{
		is($clients[0]->query('SELECT pg_backend_pid()'), $pid,
			"$mode: the first client uses the same server process again");
		$clients[$_]->quit for 0, 1;
	}
	$clients[2]->quit;
	is(fired(), "$pid after_user_logon", "E3: $mode: the pool's connection has fired one logon");
	is(admin($node, 'app', "SELECT usename FROM pg_stat_activity WHERE pid = $pid"),
		'alice', "$mode: the pool's connection outlives its clients");
	$admin->query('RECONNECT app');
	is(fired_in_the_end(), "$pid before_user_logoff", "X: $mode: RECONNECT fires one logoff");

	# A failing trigger
	my $position = -s $pool->{log};
	my $server_log = log_position($node);
	admin($node, 'app', 'ALTER EVENT TRIGGER c_fail ENABLE');
	@clients = map { $pool->client('alice', 'app') } 1 .. 3;
	for my $n (1 .. 3)
	{
		my $client = $clients[ $n - 1 ];
		is_deeply([ grep { $_->{type} =~ /[NE]/ } $client->ready ],
			[], "F3: $mode: client $n connects and gets no message");
		like($client->query($state), qr/ alice$/, "F3, F2: $mode: client $n runs queries");
		$pid = $client->query('SELECT pg_backend_pid()');
		$client->quit;
	}
	is(scalar(grep { /^P0042\|ERROR:  no entry for alice/ } log_lines($node, $server_log, $pid)),
		1, "F3: $mode: the server's log has the error once");
	unlike(slurp_file($pool->{log}, $position),
		qr/ (?:WARNING|ERROR|FATAL) /, "F3: $mode: PgBouncer's log has no warning and no error");
	$admin->query('RECONNECT app');
	is(fired_in_the_end(), "$pid before_user_logoff", "F3, X: $mode: one logoff fires");

	# A refused logon
	admin($node, 'app', q{ALTER DATABASE app SET session_triggers.logon_failure = 'reject'});
	for my $n (1, 2)
	{
		my @messages = $pool->client('alice', 'app')->messages;
		is("$messages[-1]{type} $messages[-1]{S} $messages[-1]{M}",
			'E FATAL no entry for alice', "logon_failure = reject: $mode: client $n gets the trigger's message");
	}
	is(fired_in_the_end(), '', "logon_failure = reject, X: $mode: no logoff fires");
	admin($node, 'app', 'ALTER DATABASE app RESET session_triggers.logon_failure');
	admin($node, 'app', 'ALTER EVENT TRIGGER c_fail DISABLE');

	# Ends of the pool's connection
	my $client = $pool->client('alice', 'app');
	$client->ready;
	$pid = $client->query('SELECT pg_backend_pid()');
	is(fired(), "$pid after_user_logon", "logon_failure = reject: $mode: the pool recovers by itself");
	$client->query('BEGIN');
	$client->drop;
	is(fired_in_the_end(), "$pid before_user_logoff",
		"X: $mode: a client that goes away in a transaction ends the connection, which fires one logoff");

	$client = $pool->client('alice', 'app');
	$client->ready;
	$pid = $client->query('SELECT pg_backend_pid()');
	$admin->query('KILL app');
	is(fired_in_the_end(), "$pid after_user_logon, $pid before_user_logoff", "X: $mode: KILL fires one logoff");
	$admin->query('RESUME app');

	$client = $pool->client('alice', 'app');
	$client->ready;
	$pid = $client->query('SELECT pg_backend_pid()');
	$pool->stop($admin);
	is(fired_in_the_end(), "$pid after_user_logon, $pid before_user_logoff", "X: $mode: SHUTDOWN fires one logoff");
}

$node->stop;
log_is_clean($node, 'F12: the log has no failed assertion and no leak');
done_testing();
