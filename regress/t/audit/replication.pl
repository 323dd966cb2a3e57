# Replication connections in the session audit: both kinds, their ends, and those that outlast
# the last row that the server can write (rules A2 to A4).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes;

my $node = new_node('replication', allows_streaming => 'logical', conf => <<'EOC');
session_audit.database = 'postgres'
autovacuum = off
EOC
$node->start;
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE ROLE copier LOGIN REPLICATION;
EOS
append_to_file($node->data_dir . '/pg_hba.conf', "local replication copier trust\n");
$node->reload;
wait_for_writer($node);

# Opens a connection of one of the two kinds.
sub replication
{
	my ($kind, @more) = @_;
	my $client = connect_raw($node, user => 'copier', replication => $kind eq 'physical' ? 'true' : 'database', application_name => $kind,
		$kind eq 'physical' ? () : (database => 'app'), @more);
	$client->ready;
	return $client;
}

for my $kind (qw(physical logical))
{
	subtest "A2, A4: $kind replication" => sub {
		my $client = replication($kind);
		wait_for_audit($node, is_of($client), "logon|copier|$kind|replication|trust" . ($kind eq 'logical' ? '|app' : ''),
			'A2: it is recorded', 'event, login_user, application_name, kind, auth_method, database');
		my ($error) = grep { $_->{type} eq 'E' } $client->query('IDENTIFY_SYSTEM');
		ok(!$error, 'it works');
		$client->query('SELECT 1') if $kind eq 'logical';
		$client->quit;
		wait_for_audit($node, is_of($client), 'logon logoff|client', 'A4: it leaves');
		is(audit_rows($node, is_of($client), 'kind, cpu IS NOT NULL'), 'replication|f replication|t', 'A9: its end has counters');

		my @ends = (
			[ 'client_lost', sub { $_[0]->drop } ],
			[ 'terminated|57P01', sub { admin($node, 'postgres', 'SELECT pg_terminate_backend(' . $_[0]->pid . ')') } ],
			[ 'fatal|08P01', sub { $_[0]->send_message('!', '') } ]);
		for (@ends)
		{
			my ($ended_by, $end) = @$_;
			$client = replication($kind);
			$end->($client);
			wait_for_audit($node, is_of($client), "logon logoff|$ended_by", "A4: it ends: $ended_by", 'event, ended_by, sqlstate');
		}
		# In the middle of a stream.
		$client = replication($kind);
		if ($kind eq 'physical')
		{
			my $start = admin($node, 'postgres', 'SELECT pg_current_wal_lsn()') =~ s/\w{6}$/000000/r;
			$client->send_query("START_REPLICATION $start");
		}
		else
		{
			$client->query('CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL test_decoding');
			$client->send_query('START_REPLICATION SLOT s LOGICAL 0/0');
		}
		ok(wait_until($node, 'postgres', 'SELECT count(*) FROM pg_stat_replication WHERE pid = ' . $client->pid, '1'), 'it streams');
		$client->drop;
		wait_for_audit($node, is_of($client), 'logon logoff|client_lost', 'A4: the client is gone while it streams');
	};
}

subtest 'A2, A4: programs that copy' => sub {
	admin($node, 'postgres', 'TRUNCATE session_audit.log');
	local $ENV{PGAPPNAME} = 'backup';
	command_ok([ 'pg_basebackup', '-D', "$PostgreSQL::Test::Utils::tmp_check/copy", '-d', $node->connstr('') . ' user=copier', '-X', 'stream', '--no-sync', '-c', 'fast' ],
		'a base backup');
	ok(wait_until($node, 'postgres', q{SELECT string_agg(DISTINCT concat_ws('|', kind, event, ended_by, n), ' ') FROM (SELECT kind, event, ended_by, count(*) n FROM session_audit.log GROUP BY 1, 2, 3) AS counted},
			'replication|logoff|client|2 replication|logon|2'), 'A4: its two connections have a logon and an end each');
};

subtest 'A2, S: whom it leaves out' => sub {
	admin($node, 'postgres', 'ALTER ROLE copier SET session_audit.enabled = off');
	my $physical = replication('physical');
	my $logical = replication('logical');
	wait_for_audit($node, is_of($physical), 'logon', 'A2: for physical replication the server\'s value counts');
	$_->quit for $logical, $physical;
	wait_for_audit($node, is_of($physical), 'logon logoff|client', 'A4: and at its end');
	is(audit_rows($node, is_of($logical)), '', 'A2: for logical replication that of the role');
	admin($node, 'postgres', 'ALTER ROLE copier RESET session_audit.enabled');
	for my $kind (qw(physical logical))
	{
		my $client = connect_raw($node, user => 'copier', replication => $kind eq 'physical' ? 'true' : 'database', database => 'app',
			options => '-c session_audit.enabled=off');
		my @messages = $client->messages;
		# A physical one has no right to check, and its option has no effect, or is refused.
		next if $messages[-1]{type} eq 'E';
		wait_for_audit($node, is_of($client), 'logon', "A2: $kind: who may not set it cannot leave itself out");
		$client->quit;
	}
};

subtest 'A3: they wait for nothing' => sub {
	my $root = open_quiet_session($node);
	my $writer = wait_for_writer($node);
	kill STOP => $writer;
	my $start = Time::HiRes::time();
	my @clients = map { replication($_) } qw(physical logical);
	$clients[0]->quit;
	cmp_ok(Time::HiRes::time() - $start, '<', 3, 'A3: a writer that stands still does not hold them up');
	kill CONT => $writer;
	wait_for_audit($node, is_of($clients[0]), 'logon logoff|client', 'A6: it is written later');
	wait_for_audit($node, is_of($clients[1]), 'logon', 'A6: once');
	$clients[1]->quit;
	$root->quit;
};

# A client of a walsender that takes what it sends, as a standby does.
sub receiver
{
	my (@command) = @_;
	my $output = '';
	my $run = IPC::Run::start(\@command, '<', \undef, '>&', \$output, IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default));
	return $run;
}

for my $mode (qw(fast smart))
{
	subtest "A4, X: a $mode shutdown" => sub {
		my @runs;
		mkdir "$PostgreSQL::Test::Utils::tmp_check/wal_$mode";
		my $connstr = sub { return $node->connstr($_[0]) . " user=copier application_name=$_[1]"; };
		push @runs, receiver('pg_receivewal', '-n', '-D', "$PostgreSQL::Test::Utils::tmp_check/wal_$mode", '-d', $connstr->('', "${mode}_wal"));
		push @runs, receiver('pg_recvlogical', '-n', '-d', $connstr->('app', "${mode}_logical"), '-S', "slot_$mode", '-P', 'test_decoding', '--create-slot', '--start', '-f', '-');
		ok(wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'}, '2'), 'two walsenders stream');
		# One that does nothing, and one that has a transaction open.
		my $idle = replication('physical', application_name => "${mode}_idle");
		my $running = replication('logical', application_name => "${mode}_sql");
		$running->query('BEGIN');
		$running->query('SELECT 1');
		wait_for_audit($node, is_of($running), 'logon', 'they are recorded');
		my $position = log_position($node);
		if ($mode eq 'smart')
		{
			$node->command_ok([ 'pg_ctl', '-D', $node->data_dir, '-m', 'smart', '-w', 'stop' ], 'X: a smart shutdown does not wait for walsenders');
			$node->stop('fast', fail_ok => 1);
		}
		else
		{
			$node->stop('fast');
		}
		$_->kill_kill for @runs;
		unlike(slurp_file($node->logfile, $position), qr/PANIC/, 'A4: nobody has written WAL too late');
		$node->start;
		is( admin($node, 'postgres', "SELECT string_agg(concat_ws('|', application_name, events), ' ' ORDER BY application_name) FROM ("
				  . "SELECT application_name, string_agg(concat_ws('/', event, ended_by, CASE WHEN cpu IS NOT NULL THEN 'counters' END), ' ' ORDER BY at, event DESC) events FROM session_audit.log "
				  . "WHERE application_name LIKE '${mode}%' AND session_id IN (SELECT session_id FROM session_audit.log WHERE ended_by = 'shutdown') GROUP BY application_name, session_id) AS ended"),
			join(' ', map { "${mode}_$_|logon logoff/shutdown" } qw(idle logical sql wal)), 'A4: each has one end, without counters');
		is( admin($node, 'postgres', "SELECT count(*) FROM (SELECT FROM session_audit.log WHERE kind = 'replication' AND event <> 'refused' GROUP BY session_id "
				  . "HAVING count(*) FILTER (WHERE event = 'logon') <> 1 OR count(*) FILTER (WHERE event = 'logoff') <> 1) AS incomplete"),
			'0', 'A4: no replication connection has more, or less');
		is(scalar(grep { $_->{event} eq 'logoff' } audit_lines($node, $position)), 0, 'A6: none had to become a line');
		admin($node, 'app', "SELECT pg_drop_replication_slot('slot_$mode')");
		wait_for_writer($node);
	};
}

$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
