# Three nodes under Patroni and etcd, with the configuration of docs/ha: what a session finds on
# the leader and on a replica (E8, V1, A1), that no trigger locks Patroni out (S), and a load of
# short sessions during a switchover, while Patroni hangs on the leader, and while the leader is
# killed, after which the new leader has a row of each session that was let in (F7, A1), and of the
# end of each (A4, A7). SESSTRIG_SEED repeats the random choices of a run, but not its interleaving.
use strict;
use warnings FATAL => 'all';

use Fcntl qw(O_APPEND O_CREAT O_WRONLY);
use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/..";
use JSON::PP;
use PatroniCluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes qw(time usleep);

my $seed = $ENV{SESSTRIG_SEED} // int(rand(1e9));
note "SESSTRIG_SEED=$seed";
my ($clients, $enough) = (4, 50);
# How often Patroni looks, and for how long a leader's lock is valid, in seconds
my ($loop_wait, $ttl) = map { (slurp_file("$FindBin::RealBin/../../../docs/ha/patroni.yml") =~ /^ +$_: (\d+)$/m)[0] } qw(loop_wait ttl);

my $cluster = PatroniCluster->new(3, hba => ['host all alice 127.0.0.1/32 trust']);
$cluster->start;
my $leader = $cluster->leader;
my @replicas = grep { $_ != $leader } $cluster->nodes;

# Each session gets a token, which is in a table if it was let in on the leader.
$leader->admin('app', <<'EOS');
CREATE TABLE tokens (token uuid PRIMARY KEY, instance_num int);
CREATE FUNCTION give_token() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_token uuid := gen_random_uuid();
BEGIN
    PERFORM set_config('app.token', new_token::text, false);
    IF NOT pg_is_in_recovery() THEN
        INSERT INTO public.tokens VALUES (new_token, polar_instance_num);
    END IF;
END
$$;
CREATE EVENT TRIGGER give_token ON after_user_logon EXECUTE FUNCTION give_token();
EOS
# One that fails, in the database that Patroni connects to, and so rejects everybody else.
$leader->admin('postgres', <<'EOS');
CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'nobody gets in' USING ERRCODE = 'P0042';
END
$$;
CREATE EVENT TRIGGER fail ON after_user_logon EXECUTE FUNCTION fail();
EOS

# Opens a session of alice's.
sub open_alice { return open_session($_[0], 'alice', tcp => '127.0.0.1'); }

# The condition on the log for the rows of a session on a node
sub is_row_of
{
	my ($node, $session) = @_;
	return 'instance_num = ' . $node->number . q{ AND split_part(session_id, '.', 2) = to_hex(} . $session->pid . ')';
}

# The records of a session in a node's server log
sub records
{
	my ($node, $pid) = @_;
	my $id = sprintf '%x', $pid;
	return map { decode_json($_) } slurp_file($node->logfile) =~ /LOG:  (\{"at": .*"session_id": "[0-9a-f]+\.$id",.*\})$/mg;
}

### Sessions, where nothing goes wrong

subtest 'E8, V1, A1: each node' => sub {
	my $setup = q{SELECT current_user || ' ' || current_setting('app.node') || ' ' || (current_setting('app.token') <> '')};
	my $session = open_alice($leader);
	is($session->query($setup), 'app_user ' . $leader->number . ' true', 'F5: what the triggers set on the leader');
	$session->quit;
	ok($leader->wait_until('postgres', 'SELECT event FROM session_audit.log WHERE ' . is_row_of($leader, $session) . ' ORDER BY at', "logon\nlogoff"),
		'V1, A1: its rows say which node it was');
	for my $replica (@replicas)
	{
		my $name = $replica->name;
		$session = open_alice($replica);
		is($session->query($setup), 'app_user ' . $replica->number . ' true', "E8: and what they set on $name");
		$session->quit;
		poll_until(sub { records($replica, $session->pid) == 2 });
		is(join(' ', map { "$_->{event} $_->{login_user} $_->{instance_num}" } records($replica, $session->pid)),
			join(' ', map { "$_ alice " . $replica->number } 'logon', 'logoff'), "A5: $name logs them");
	}
};

subtest 'S: Patroni is not locked out' => sub {
	for my $node ($cluster->nodes)
	{
		my $alice = connect_raw($node, user => 'alice', database => 'postgres', tcp => '127.0.0.1');
		my $answer = ($alice->messages)[-1];
		is("$answer->{type} $answer->{C}", 'E P0042', 'S: a trigger rejects others from the database on ' . $node->name);
		# Patroni connects anew when it has lost its connection.
		my $mine = q{usename = 'patroni' AND application_name = 'Patroni'};
		my $old = $node->admin('app', "WITH mine AS MATERIALIZED (SELECT pid FROM pg_stat_activity WHERE $mine) SELECT coalesce(string_agg(pid::text, ','), '0') FROM mine WHERE pg_terminate_backend(pid)");
		isnt($old, '0', 'Patroni was connected');
		ok($node->wait_until('app', "SELECT count(*) > 0 FROM pg_stat_activity WHERE $mine AND state = 'idle' AND pid NOT IN ($old)", 't'),
			'S: but not Patroni, which fires nothing');
	}
	$cluster->wait_for_members(3);
	unlike(slurp_file($_->logfile), qr/patroni\@\w+ (?:ERROR|WARNING):  nobody gets in/, 'S: nor does it see the error on ' . $_->name) for $cluster->nodes;
	is($leader->admin('app', q{SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles r JOIN pg_db_role_setting s ON s.setrole = r.oid WHERE setconfig @> '{session_triggers.enabled=off, session_audit.enabled=off}'}),
		'patroni rewind', 'S: which holds for its role, and the one that rewinds, alone');
};

### Load

# What the clients have noted: a line for each session that was let in, with the time, the
# node, the process, whether the node was a replica, and the token, if the session lived long enough
# to be asked for it.
my $notes = PostgreSQL::Test::Utils::tempdir . '/notes';
my $stop = "$notes.stop";

sub take_note
{
	sysopen my $file, $notes, O_WRONLY | O_APPEND | O_CREAT or die "could not open $notes: $!";
	syswrite $file, join(' ', @_) . "\n";
	return;
}

# All notes, or those of sessions on the primary on this node: hashes
sub notes_of
{
	my ($node) = @_;
	return unless -e $notes;
	my @notes;
	for (split /\n/, slurp_file($notes))
	{
		my %note;
		@note{qw(at node pid standby token)} = split / /, $_, -1;
		push @notes, \%note if !$node || ($note{node} == $node->number && !$note{standby});
	}
	return @notes;
}

# One client: it looks for the leader as libpq does with target_session_attrs, asks for its token,
# and leaves.
sub client
{
	local $SIG{PIPE} = 'IGNORE';
	until (-e $stop)
	{
		my $node = $cluster->node(1 + int rand 3);
		# F7: what a user asks for does not matter for the rows.
		my $session = eval { connect_as($node, 'alice', tcp => '127.0.0.1', rand() < 0.5 ? (options => '-c synchronous_commit=off') : ()) };
		my @messages = $session ? eval { $session->messages } : ();
		if (!@messages || $messages[-1]{type} ne 'Z')
		{
			usleep(20_000);
			next;
		}
		my $at = time;
		my $standby = grep { $_->{type} eq 'S' && $_->{name} eq 'in_hot_standby' && $_->{value} eq 'on' } @messages;
		my $token = eval { $session->query(q{SELECT current_setting('app.token')}) } // '';
		take_note($at, $node->number, $session->pid, $standby, $token);
		eval { $session->quit };
		usleep(10_000) if $standby;
	}
	return;
}

# Runs the load while a function disturbs it.
sub under_load
{
	my ($disturb) = @_;
	unlink $stop;
	my $done = 0;
	run_clients(
		$seed++, $clients,
		\&client,
		sub {
			return usleep(10_000) if $done++;
			my $well = eval { $disturb->(); 1 };
			my $error = $@;
			append_to_file($stop, '');
			ok($well, 'the load ran to its end') or diag($error);
		});
	return;
}

# Waits until so many sessions were let in on the primary of a node, after a time.
sub wait_for_sessions
{
	my ($node, $since) = @_;
	return poll_until(sub { $enough <= grep { $_->{at} > $since } notes_of($node) });
}

# Waits until another node is the leader, and returns it.
sub wait_for_successor
{
	my ($old) = @_;
	my $new;
	poll_until(sub { $new = $cluster->leader; return $new && $new != $old; });
	return $new;
}

# Tests that nothing is missing; names the first ten things that are.
sub none_missing
{
	my ($title, @missing) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(join(' ', @missing < 10 ? @missing : @missing[ 0 .. 9 ]), '', $title) || diag(@missing . ' are missing');
}

# What must be true of all sessions, as the leader knows it
sub check_sessions
{
	my ($node) = @_;
	my @let_in = grep { !$_->{standby} } notes_of();
	my %rows = map { $_ => 1 } split /\n/, $node->admin('postgres', q{SELECT instance_num || '/' || split_part(session_id, '.', 2) FROM session_audit.log WHERE event = 'logon'});
	my %tokens = map { $_ => 1 } split /\n/, $node->admin('app', q{SELECT token || '/' || instance_num FROM tokens});
	none_missing('A1: each of the ' . @let_in . ' sessions that were let in has its row', grep { !$rows{$_} } map { sprintf '%d/%x', $_->{node}, $_->{pid} } @let_in);
	none_missing('F1: what its trigger wrote is there as well', grep { !$tokens{$_} } map { "$_->{token}/$_->{node}" } grep { $_->{token} ne '' } @let_in);
	ok($node->wait_until('postgres', q{SELECT count(*) FROM session_audit.sessions WHERE login_user = 'alice' AND logon_at IS NOT NULL AND logoff_at IS NULL AND instance_num <> } . $node->number, '0'),
		'A7: no session of another node is open');
	is($node->admin('postgres', q{SELECT session_id, string_agg(event, ' ' ORDER BY at) FROM session_audit.log GROUP BY session_id HAVING count(*) FILTER (WHERE event = 'logon') > 1 OR count(*) FILTER (WHERE event IN ('logoff', 'lost')) > 1}),
		'', 'A4, A7: none has two ends');
	return;
}

# Tests that the first session on the new leader came soon after Patroni had promoted it, and
# returns how long after that time it came.
sub gap
{
	my ($old, $new, $since) = @_;
	my ($last) = sort { $b <=> $a } map { $_->{at} } notes_of($old);
	my ($first) = sort { $a <=> $b } grep { $_ > $since } map { $_->{at} } notes_of($new);
	my $promoted = $new->logged_at($since, qr/promoted self to leader/) // die 'Patroni has not promoted ' . $new->name;
	# Patroni itself may learn of something only loop_wait later. On a busy machine, connecting alone
	# takes seconds.
	cmp_ok($first - $promoted, '<', 2 * $loop_wait, 'nobody is locked out for longer than Patroni needs');
	note sprintf 'Patroni promoted after %.2f s, and %.2f s later a session was let in; nobody was for %.2f s',
	  $promoted - $since, $first - $promoted, $first - $last;
	return $first - $since;
}

subtest 'A1, A4: switchover' => sub {
	my $old = $cluster->leader;
	my $candidate = $cluster->sync_standby;
	my @idle = map { open_alice($old) } 1 .. 3;
	my $reader = open_alice($candidate);
	my $asked;
	under_load(
		sub {
			wait_for_sessions($old, 0);
			$asked = time;
			$old->patronictl('switchover', 'main', '--leader', $old->name, '--candidate', $candidate->name, '--force');
			wait_for_sessions($candidate, $asked);
		});
	is($cluster->leader->name, $candidate->name, 'the candidate is the leader');
	gap($old, $candidate, $asked);
	check_sessions($candidate);
	is($candidate->admin('postgres', "SELECT event || ' ' || ended_by FROM session_audit.log WHERE event <> 'logon' AND " . is_row_of($old, $_)),
		'logoff shutdown', 'A4: a session of the old leader was shut down') for @idle;
	is($candidate->admin('postgres', q{SELECT count(*) FROM session_audit.log WHERE kind = 'replication' AND ended_by = 'shutdown' AND instance_num = } . $old->number . " AND extract(epoch FROM at) > $asked"),
		'2', 'A4: so were those of its replicas');
	# One whose logon waited for the standby at that moment may be, but it was not let in.
	my %let_in = map { sprintf('%d/%x', $_->{node}, $_->{pid}) => 1 } notes_of();
	is(join(' ', grep { $let_in{$_} } split /\n/, $candidate->admin('postgres', q{SELECT instance_num || '/' || split_part(session_id, '.', 2) FROM session_audit.log WHERE event = 'lost'})),
		'', 'A7: none was lost that was let in');

	# A session that began on the replica goes on.
	is($reader->query('SELECT pg_is_in_recovery()'), 'f', 'a session of the replica goes on, on the leader');
	is(join(' ', map { $_->{event} } records($candidate, $reader->pid)), 'logon', 'A5: its logon is in the server log');
	$reader->quit;
	ok($candidate->wait_until('postgres', 'SELECT event FROM session_audit.log WHERE ' . is_row_of($candidate, $reader), 'logoff'), 'A4: and its end in the table');
	$cluster->wait_for_members(3);
};

subtest 'A1: Patroni hangs on the leader' => sub {
	my $old = $cluster->leader;
	my $standby = $cluster->sync_standby;
	my $idle = open_alice($old);
	my ($hung, $new, $continued);
	under_load(
		sub {
			wait_for_sessions($old, time);
			$hung = time;
			kill 'STOP', $old->{patroni};
			$new = wait_for_successor($old);
			# The old leader runs. Whoever comes to it waits there, for its standby is the leader.
			$old->wait_until('app', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = 'alice' AND wait_event = 'SyncRep' AND now() - backend_start > '1s'}, 't');
			$continued = time;
			kill 'CONT', $old->{patroni};
			wait_for_sessions($new, $continued);
		});
	is($new->name, $standby->name, 'the synchronous standby is the leader');
	gap($old, $new, $hung);
	check_sessions($new);
	is($new->admin('postgres', "SELECT event, ended_by FROM session_audit.log WHERE event <> 'logon' AND " . is_row_of($old, $idle)), 'lost|crash', 'A7: a session of the old leader is lost');
	$cluster->wait_for_members(3);
	isnt($old->logged_at($continued, qr/running pg_rewind from/), undef, 'S: the old leader is rewound');
};

subtest 'A1, A7: the leader is killed' => sub {
	my $old = $cluster->leader;
	my $standby = $cluster->sync_standby;
	my @idle = map { open_alice($old) } 1 .. 3;
	my ($frozen, $killed, $new);
	under_load(
		sub {
			wait_for_sessions($old, time);
			# Nothing gets to the replicas any more, so what is committed from now on is on the
			# leader alone. Each client has to wait; if it does not, its sessions will be missing.
			kill 'STOP', split ' ', $old->admin('app', q{SELECT string_agg(pid::text, ' ') FROM pg_stat_replication});
			$frozen = time;
			poll_until(
				sub {
					return $old->admin('app', q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'alice' AND wait_event = 'SyncRep'}) == $clients
					  || $enough <= grep { $_->{at} > $frozen } notes_of($old);
				});
			$old->kill_all;
			$killed = time;
			$new = wait_for_successor($old);
			wait_for_sessions($new, $killed);
		});
	is($new->name, $standby->name, 'the synchronous standby is the leader');
	# The replicas notice when the leader's lock runs out, which would run out once more after that.
	cmp_ok(gap($old, $new, $killed), '<', 2 * $ttl, 'which is what the configuration says');
	check_sessions($new);
	for my $session (@idle)
	{
		is($new->admin('postgres', "SELECT event, ended_by, extract(epoch FROM at) > $killed FROM session_audit.log WHERE event <> 'logon' AND " . is_row_of($old, $session)),
			'lost|crash|t', 'A7: a session of the old leader is lost');
	}
	is($new->admin('postgres', q{SELECT count(*) FROM session_audit.log WHERE event = 'lost' AND instance_num = } . $new->number . " AND extract(epoch FROM logon_at) > $killed"),
		'0', 'A7: no session of the new one is');

	# It comes back as a replica. What it had committed alone, and nobody was let in with, goes.
	$old->start;
	$cluster->wait_for_members(3);
	isnt($old->logged_at($killed, qr/running pg_rewind from/), undef, 'S: the old leader is rewound');
	like(slurp_file($old->patroni_log), qr/pg_rewind exit code=0/, 'S: although the trigger rejects others from that database');
	my $rows = q{SELECT md5(string_agg(l::text, ' ' ORDER BY at, event, session_id)) FROM session_audit.log l WHERE kind = 'client' AND event IN ('logon', 'lost')};
	ok($old->wait_until('postgres', $rows, $new->admin('postgres', $rows)), 'A1: it has the rows of the leader');
	my $session = open_alice($old);
	$session->quit;
	poll_until(sub { records($old, $session->pid) == 2 });
	is((records($old, $session->pid))[0]{instance_num}, $old->number, 'V1: and its own number');
};

subtest 'A1: who left no row' => sub {
	my $node = $cluster->leader;
	my @replica_sessions = grep { $_->{standby} } notes_of();
	cmp_ok(scalar @replica_sessions, '>', $enough, 'A1: clients have come to the replicas');
	my %logged = map {
		my $replica = $_;
		map { $replica->number . '/' . hex($_) => 1 } slurp_file($replica->logfile) =~ /LOG:  \{.*"event": "logon", "session_id": "[0-9a-f]+\.([0-9a-f]+)"/g;
	} $cluster->nodes;
	# Or in the table, if the node became the leader while the session began.
	$logged{ $_->[0] . '/' . hex($_->[1]) } = 1 for map { [ split m{/} ] } split /\n/, $node->admin('postgres', q{SELECT instance_num || '/' || split_part(session_id, '.', 2) FROM session_audit.log WHERE event = 'logon'});
	none_missing('A5: each of them is in the server log of its node', grep { !$logged{$_} } map { "$_->{node}/$_->{pid}" } @replica_sessions);
	# Those of its sessions that began before setup.sql left them out are there.
	is($node->admin('postgres', q{SELECT count(*) FROM session_audit.log WHERE login_user IN ('patroni', 'rewind') AND event = 'logon' AND at > (SELECT min(at) FROM session_audit.log WHERE login_user = 'alice')}),
		'0', 'A2: Patroni has left no logon');
	is($node->admin('postgres', q{SELECT string_agg(DISTINCT kind, ' ') FROM session_audit.log WHERE login_user = 'replicator' AND event = 'logon'}), 'replication', 'A2: but its replicas have');
	my $refused = q{SELECT count(*) > 0 FROM session_audit.log WHERE event = 'refused' AND sqlstate = 'P0042'};
	is($node->admin('postgres', $refused), 't', 'A8: those who were rejected on the leader have');
};

# Patroni no longer makes the leader wait for a replica that has gone, but it has to connect first,
# and if its own logon had a row, that row would wait for the replica.
subtest 'S: a leader alone' => sub {
	my $node = $cluster->leader;
	my $backend = $node->admin('app', q{SELECT pid FROM pg_stat_activity WHERE usename = 'patroni' AND datname = 'postgres' LIMIT 1});
	# Patroni has just looked, so it will not look while all of this happens.
	my $position = -s $node->patroni_log;
	poll_until(sub { return slurp_file($node->patroni_log, $position) =~ /no action\. I am/; });
	my $killed = time;
	kill 'KILL', $backend;
	$_->stop_at_once for grep { $_ != $node } $cluster->nodes;
	my @messages;
	poll_until(
		sub {
			my $session = eval { connect_as($node, 'alice', tcp => '127.0.0.1') };
			@messages = $session ? eval { $session->messages } : ();
			return @messages && $messages[-1]{type} eq 'Z';
		});
	my $took = time - $killed;
	note sprintf 'a session was let in after %.2f s', $took;
	# That is session_triggers.logon_timeout, after which a logon stops waiting.
	cmp_ok($took, '<', 60, 'S: Patroni gets in, and so does everybody else');
	is(join(' ', map { $_->{M} } grep { $_->{type} eq 'N' } @messages), '', 'S: no logon has stopped waiting for the replica');
};

for my $node ($cluster->nodes)
{
	my @lines = grep { /TRAP:|PANIC:|panicked at/ } split /\n/, slurp_file($node->logfile);
	is(join("\n", @lines), '', 'F12: nothing is left behind on ' . $node->name);
}
done_testing();
