# Three thousand uses of ten pooled connections, each reset by DISCARD ALL for the next use,
# with cancels, requests to end, broken connections and failing triggers at random: no client
# gets a token that another one has had, or none, and the rows of the uses balance (R1, R2,
# F9, table X). SESSTRIG_SEED repeats the random choices of a run, but not its interleaving.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes;

my $seed = $ENV{SESSTRIG_SEED} // int(rand(1e9));
note "SESSTRIG_SEED=$seed";
my ($connections, $uses) = (10, 300);

my $node = new_node('discard_load', conf => <<'EOF');
max_connections = 80
session_triggers.fire_on_discard = on
session_triggers.logoff_on = exit
EOF
$node->start;
create_app($node, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE staff;
GRANT staff TO alice;
CREATE ROLE root LOGIN SUPERUSER;
CREATE TABLE uses (id int GENERATED ALWAYS AS IDENTITY, pid int, event text);
-- Sometimes it fails, which ends the session, and sometimes there is time for a cancel.
CREATE FUNCTION start_use() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token int;
BEGIN
    INSERT INTO public.uses (pid, event) VALUES (pg_backend_pid(), 'on') RETURNING id INTO token;
    PERFORM set_config('app.token', token::text, false);
    PERFORM pg_sleep(0.01 * random()) WHERE random() < 0.3;
    IF random() < 0.01 THEN
        RAISE EXCEPTION 'by chance';
    END IF;
END
$$;
CREATE FUNCTION end_use() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.uses (pid, event) VALUES (pg_backend_pid(), 'off');
    PERFORM pg_sleep(0.01 * random()) WHERE random() < 0.3;
END
$$;
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION start_use();
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION end_use();
ALTER DATABASE app SET session_triggers.logon_failure = 'reject';
EOF
my $root = open_quiet_session($node);

my @leftovers = (
	q{SET app.token = 'stolen'}, 'SET ROLE staff', 'CREATE TEMP TABLE IF NOT EXISTS t AS SELECT 1',
	'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'SET default_transaction_read_only = on', 'SET statement_timeout = 1',
	'SELECT pg_advisory_lock(1 + (random() * 1000)::int)', 'LISTEN x', 'PREPARE p AS SELECT 1', 'SELECT pg_sleep(0.005)');

# Asks for the token of this use, and leaves something for the next one. Returns the token,
# or undef if the connection has ended.
sub use_connection
{
	my ($client) = @_;
	my @messages;
	# A cancel that was meant for one statement can hit the next one.
	do { @messages = $client->query(q{SELECT current_setting('app.token', true)}); }
	  while (grep { $_->{type} eq 'E' && $_->{C} eq '57014' } @messages);
	my ($row) = grep { $_->{type} eq 'D' } @messages or return;
	$client->try_query($leftovers[ rand @leftovers ]) for 1 .. 1 + rand 3;
	return $row->{values}[0] // 'none';
}

# Resets the connection as a pool does. Returns whether it can be used again.
sub reset_connection
{
	my ($client) = @_;
	if (rand() < 0.5)
	{
		$client->send_query('DISCARD ALL');
	}
	else
	{
		$client->send_message('P', "\0DISCARD ALL\0" . pack('n', 0));
		$client->send_message('B', "\0\0" . pack('nnn', 0, 0, 0));
		$client->send_message('E', "\0" . pack('N', 0));
		$client->send_message('S', '');
	}
	my @messages = $client->messages;
	return @messages && $messages[-1]{type} eq 'Z' && !grep { $_->{type} eq 'E' } @messages;
}

# Uses one connection, and others in place of those that end. Returns the tokens.
sub pool
{
	local $SIG{PIPE} = 'IGNORE';
	my ($client, @tokens);
	while (@tokens < $uses)
	{
		if (!$client)
		{
			$client = connect_as($node, 'alice');
			my @messages = $client->messages;
			undef $client, next unless @messages && $messages[-1]{type} eq 'Z';
		}
		# The server may end the session at any time, even within a message.
		my $token = eval { use_connection($client) };
		push @tokens, $token if defined $token;
		my $usable = defined $token && rand() > 0.01 && eval { reset_connection($client) };
		$client->drop, undef $client unless $usable;
	}
	$client->quit if $client;
	return @tokens;
}

# What happens meanwhile, and how often it did.
my %done;
sub disturb
{
	my ($what, $function) = rand() < 0.9 ? ('cancel', 'pg_cancel_backend') : ('terminate', 'pg_terminate_backend');
	my $sent = $root->query("SELECT $function(pid) FROM pg_stat_activity WHERE usename = 'alice' ORDER BY random() LIMIT 1");
	$done{$what}++ if $sent;
	Time::HiRes::usleep(rand 10_000);
	return;
}

my @tokens = run_clients($seed, $connections, \&pool, \&disturb);
note join ', ', map { "$_: $done{$_}" } sort keys %done;
is(scalar @tokens, $connections * $uses, 'all clients have been served');
is(scalar(grep { !/^\d+$/ } @tokens), 0, 'R1, R2: each client has a token, and none that a client has set');
my %seen;
is(join(' ', grep { $seen{$_}++ } @tokens), '', 'R1, R2: no client has the token of another');
cmp_ok($done{$_} // 0, '>', 10, "there were more than ten of these: $_") for qw(cancel terminate);

ok(wait_for_exit($node, 'alice'), 'all sessions have ended');
is(admin($node, 'app', <<'EOF'), '', 'R1, X: the rows of each process are pairs of a logon and a logoff');
SELECT pid, string_agg(event, ' ' ORDER BY id) FROM uses GROUP BY pid HAVING string_agg(event, ' ' ORDER BY id) !~ '^(on off ?)*$'
EOF
my %given = map { $_ => 1 } split /\n/, admin($node, 'app', q{SELECT id FROM uses WHERE event = 'on'});
is(join(' ', grep { !$given{$_} } @tokens), '', 'R1: each token is that of a logon');
cmp_ok(admin($node, 'app', 'SELECT count(DISTINCT pid) FROM uses'), '<', $connections * $uses / 4, 'connections were used again');
is(admin($node, 'app', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'F12: no lock is left');

log_is_clean($node, 'F12: the log has no failed assertion and no leak');
$node->stop;
done_testing();
