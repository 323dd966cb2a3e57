# Pools that reset a connection by DISCARD ALL before the next client has it, with
# session_triggers.fire_on_discard: what the second and the third client find (R1), what a
# failing trigger does to them (R2), and a load of fifty clients over ten connections.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/..";
use Peers;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes;

my $seed = $ENV{SESSTRIG_SEED} // int(rand(1e9));
note "SESSTRIG_SEED=$seed";

my $node = new_node('pools', conf => 'session_triggers.fire_on_discard = on');
$node->start;
create_app($node, $FAIL . <<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text);
CREATE SEQUENCE token;
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.fired (line) VALUES (tg_tag);
END
$$;
CREATE FUNCTION give_token() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM set_config('app.token', nextval('public.token')::text, false);
END
$$;
CREATE EVENT TRIGGER a_log ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER b_token ON after_user_logon EXECUTE FUNCTION give_token();
CREATE EVENT TRIGGER c_fail ON after_user_logon EXECUTE FUNCTION fail();
CREATE EVENT TRIGGER d_log ON before_user_logoff EXECUTE FUNCTION log_session();
ALTER EVENT TRIGGER c_fail DISABLE;
SQL

sub set
{
	my ($setting, $value) = @_;
	admin($node, 'app', "ALTER DATABASE app SET session_triggers.$setting = $value");
	return;
}

# Forgets tokens and rows.
sub begin
{
	admin($node, 'app', 'ALTER SEQUENCE token RESTART');
	take_rows($node);
	return;
}

# What fired until all connections had ended
sub fired_in_the_end
{
	wait_for_exit($node, 'alice') or die 'the pool still has its connection';
	return take_rows($node) =~ s/\n/, /gr;
}

my $left = q{SELECT concat_ws(' ', coalesce(nullif(current_setting('app.token', true), ''), '-'), to_regclass('pg_temp.mine'))};

# Three clients of a pool, one after another: what each finds before it leaves something.
sub three_clients
{
	my ($pool) = @_;
	my @found;
	for (1 .. 3)
	{
		my $client = $pool->client('alice', 'app');
		$client->ready;
		push @found, scalar $client->query($left);
		$client->query(q{SET app.token = 'stolen'});
		$client->query('CREATE TEMP TABLE mine ()');
		$client->quit;
	}
	return join ', ', @found;
}

my $three = 'LOGON, DISCARD ALL, DISCARD ALL, DISCARD ALL, DISCARD ALL';

### PgBouncer
SKIP:
{
	my $reason = missing('pgbouncer');
	skip "PgBouncer: $reason", 1 if $reason;

	for my $mode ('off', 'on')
	{
		set('fire_on_discard', $mode);
		begin();
		my $pool = PgBouncer->start($node);
		my $admin = $pool->console;
		is(three_clients($pool), $mode eq 'on' ? '1, 2, 3' : '1, -, -', "R1: PgBouncer, fire_on_discard = $mode: each client has its own token");
		$admin->query('RECONNECT app');
		# It also resets a connection that the last client has left.
		is(fired_in_the_end(), $mode eq 'on' ? "$three, DISCARD ALL, DISCARD ALL, LOGOFF" : 'LOGON, LOGOFF',
			"R1: PgBouncer, fire_on_discard = $mode: the firings");
		$pool->stop($admin);
	}

	# A failed logon
	my $pool = PgBouncer->start($node);
	my $admin = $pool->console;
	begin();
	my $client = $pool->client('alice', 'app');
	$client->ready;
	my $pid = $client->query('SELECT pg_backend_pid()');
	admin($node, 'app', 'ALTER EVENT TRIGGER c_fail ENABLE');
	$client->quit;
	$client = $pool->client('alice', 'app');
	is_deeply([ grep { $_->{type} =~ /[NE]/ } $client->ready ], [], 'R2, F3: PgBouncer: the next client connects and gets no message');
	is($client->query($left), '-', 'R2, F3: PgBouncer: it has no token');
	is($client->query('SELECT pg_backend_pid()'), $pid, 'R2, F3: PgBouncer: the connection is used again');
	# What is rejected ends, and PgBouncer connects anew.
	set('logon_failure', 'reject');
	admin($node, 'app', 'ALTER EVENT TRIGGER c_fail DISABLE');
	$admin->query('RECONNECT app');
	$client->quit;
	wait_for_exit($node, 'alice');
	begin();
	$client = $pool->client('alice', 'app');
	$client->ready;
	$pid = $client->query('SELECT pg_backend_pid()');
	admin($node, 'app', 'ALTER EVENT TRIGGER c_fail ENABLE');
	$client->quit;
	wait_for_exit($node, 'alice');
	admin($node, 'app', 'ALTER EVENT TRIGGER c_fail DISABLE');
	$client = $pool->client('alice', 'app');
	$client->ready;
	like($client->query($left), qr/^\d+$/, 'R2: PgBouncer: after a rejection the next client has a token');
	isnt($client->query('SELECT pg_backend_pid()'), $pid, 'R2: PgBouncer: in another connection');
	$client->quit;
	$pool->stop($admin);
	wait_for_exit($node, 'alice');
	admin($node, 'app', 'ALTER DATABASE app RESET session_triggers.logon_failure');

	# Each transaction is a use, if PgBouncer resets after each.
	for my $always (0, 1)
	{
		begin();
		$pool = PgBouncer->start($node, pool_mode => 'transaction', server_reset_query_always => $always);
		$admin = $pool->console;
		my @clients = map { $pool->client('alice', 'app') } 1, 2;
		$_->ready for @clients;
		# PgBouncer of today prepares anew what a connection has lost.
		my ($tracked) = map { $_->{values}[1] } grep { $_->{type} eq 'D' && $_->{values}[0] eq 'max_prepared_statements' } $admin->query('SHOW CONFIG');
		my $gone = $always && !$tracked;
		is( join(', ', map { scalar $_->query($left) } @clients[ 0, 1, 0 ]),
			$always ? '1, 2, 3' : '1, 1, 1',
			"R1: PgBouncer, transaction mode, server_reset_query_always = $always: the token of each transaction");
		# A statement of the driver's own
		$clients[0]->send_message('P', "s\0SELECT 41 + 1\0" . pack('n', 0));
		$clients[0]->send_message('B', "\0s\0" . pack('nnn', 0, 0, 0));
		$clients[0]->send_message('E', "\0" . pack('N', 0));
		$clients[0]->send_message('S', '');
		is((grep { $_->{type} eq 'D' } $clients[0]->messages)[0]{values}[0], '42', 'PgBouncer, transaction mode: a prepared statement runs');
		$clients[0]->send_message('B', "\0s\0" . pack('nnn', 0, 0, 0));
		$clients[0]->send_message('E', "\0" . pack('N', 0));
		$clients[0]->send_message('S', '');
		my ($error) = grep { $_->{type} eq 'E' } $clients[0]->messages;
		is($error && $error->{C}, $gone ? '26000' : undef, "PgBouncer, transaction mode, server_reset_query_always = $always: in the next transaction it is "
			. ($gone ? 'gone' : 'still there'));
		$_->quit for @clients;
		$pool->stop($admin);
		wait_for_exit($node, 'alice');
	}

	# Fifty clients, each connecting sixty times, over ten connections
	begin();
	my ($clients_at_once, $uses) = (50, 60);
	$pool = PgBouncer->start($node, pool_size => 10, max_client_conn => 200);
	my $root = open_quiet_session($node);
	my $client_of_pool = sub {
		my @tokens;
		while (@tokens < $uses)
		{
			my $client = $pool->client('alice', 'app');
			my $token = eval { $client->ready; scalar $client->query($left) };
			# A connection that somebody has terminated is no use.
			push @tokens, $token if defined $token;
			eval { $client->query(q{SET app.token = 'stolen'}) } if defined $token;
			rand() < 0.1 ? $client->drop : eval { $client->quit };
		}
		return @tokens;
	};
	my %done;
	my @tokens = run_clients(
		$seed, $clients_at_once,
		$client_of_pool,
		sub {
			my $function = rand() < 0.8 ? 'pg_cancel_backend' : 'pg_terminate_backend';
			$done{$function}++ if $root->query("SELECT $function(pid) FROM pg_stat_activity WHERE usename = 'alice' ORDER BY random() LIMIT 1");
			Time::HiRes::usleep(rand 50_000);
		});
	note join ', ', map { "$_: $done{$_}" } sort keys %done;
	is(scalar @tokens, $clients_at_once * $uses, 'PgBouncer: all clients have been served');
	is(join(' ', grep { !/^\d+$/ } @tokens), '', 'R1: PgBouncer: each client has a token');
	my %seen;
	is(join(' ', grep { $seen{$_}++ } @tokens), '', 'R1: PgBouncer: no client has the token of another');
	$root->quit;
	$pool->stop($pool->console);
	wait_for_exit($node, 'alice');
}

### pgpool-II and Odyssey
for (
	[ 'pgpool-II', 'pgpool', sub { return Pgpool->start($node); } ],
	[ 'Odyssey', 'odyssey', sub { return Odyssey->start($node, 'pool_discard yes'); } ])
{
	my ($name, $peer, $start) = @$_;
  SKIP:
	{
		my $reason = missing($peer);
		skip "$name: $reason", 1 if $reason;

		for my $mode ('off', 'on')
		{
			set('fire_on_discard', $mode);
			begin();
			my $pool = $start->();
			is(three_clients($pool), $mode eq 'on' ? '1, 2, 3' : '1, -, -', "R1: $name, fire_on_discard = $mode: each client has its own token");
			$pool->stop;
			is(fired_in_the_end(), $mode eq 'on' ? "$three, DISCARD ALL, DISCARD ALL, LOGOFF" : 'LOGON, LOGOFF',
				"R1: $name, fire_on_discard = $mode: the firings");
		}
	}
}

### Pools of drivers
my @pools = (
	{ name => 'asyncpg', peer => 'python', command => [ "$peers/python/bin/python", "$clients/asyncpg-pool.py" ], resets => 'after' },
	{ name => 'node-postgres', peer => 'node', command => [ 'node', "$clients/node-postgres-pool.js" ], resets => 'after' },
	{ name => 'HikariCP', peer => 'hikari', command => [ 'java', '-cp', "$peers/hikari/classes:$peers/hikari/usr/share/java/*", 'HikariPool' ], resets => 'before' });
for my $pool (@pools)
{
  SKIP:
	{
		my $reason = missing($pool->{peer});
		skip "$pool->{name}: $reason", 1 if $reason;

		for my $mode ('off', 'on')
		{
			set('fire_on_discard', $mode);
			begin();
			my ($out, $err) = run_driver(@{ $pool->{command} }, 'postgresql://127.0.0.1:' . $node->port . '/app?user=alice');
			my @tokens = $out =~ /^client \d (\S+) -$/mg;
			is(scalar @tokens, 3, "R1: $pool->{name}, fire_on_discard = $mode: the next client finds nothing of the one before") or diag("$out$err");
			# HikariCP tests a new connection, and each one before it hands it out.
			is( join(' ', @tokens),
				$mode eq 'off' ? ($pool->{resets} eq 'after' ? '1 - -' : '- - -') : $pool->{resets} eq 'after' ? '1 2 3' : '3 4 5',
				"R1: $pool->{name}, fire_on_discard = $mode: each client has its own token");
			is(fired_in_the_end(),
				$mode eq 'off' ? 'LOGON, LOGOFF' : "$three, DISCARD ALL, DISCARD ALL, " . ($pool->{resets} eq 'before' ? 'DISCARD ALL, DISCARD ALL, ' : '') . 'LOGOFF',
				"R1: $pool->{name}, fire_on_discard = $mode: the firings");
		}
	}
}

$node->stop;
log_is_clean($node, 'F12: the log has no failed assertion and no leak');
done_testing();
