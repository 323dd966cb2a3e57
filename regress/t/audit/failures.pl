# The session audit where records cannot be written (rule A6): they become lines of the server
# log, are written once it works again, and hold nobody up for longer than
# session_audit.timeout.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_node('failures', conf => <<'EOC');
session_audit.database = 'postgres'
max_connections = 20
max_prepared_transactions = 2
max_locks_per_transaction = 10
autovacuum = off
EOC
$node->start;
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE carol LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
ALTER ROLE carol SET session_audit.required = on;
CREATE DATABASE other;
EOS
my $root = open_quiet_session($node);
my $log = open_quiet_session($node, database => 'postgres');

# A logon that waits for the writer takes longer than this, which waits a second for a lock.
my $at_once = 0.8;

# Has a writer there that writes, and all written that waits.
sub start_over
{
	poll_until(
		sub {
			my ($writer, $idle) = split /\|/, admin($node, 'postgres', 'SELECT writer IS NOT NULL AND failures = 0, pending = 0 FROM session_audit.state()');
			# Somebody has to ask for it.
			open_session($node, 'bob')->quit if $writer ne 't';
			return $writer eq 't' && $idle eq 't';
		});
	return;
}

# Tries to open a session. Returns the time until it is ready or refused, the client, and the
# SQLSTATE of the refusal.
sub timed_session
{
	my ($role, @more) = @_;
	my $start = Time::HiRes::time();
	my $client = connect_as($node, $role, @more);
	my ($last) = ($client->messages)[-1];
	return (Time::HiRes::time() - $start, $client, $last->{type} eq 'Z' ? undef : $last->{C});
}

# The lines of a session: of each its event, or other values of the record.
sub lines
{
	my ($position, $client, @keys) = @_;
	return join ' ', map { my $line = $_; join '|', map { $line->{$_} // () } @keys ? @keys : 'event' } audit_lines($node, $position, $client);
}

# A session that is in the writer's way.
my $held = open_quiet_session($node, database => 'postgres');

# The partition that takes the rows, its file, and the process of the writer.
my ($table, $file, $writer, $limit);

# Empties the log, and returns the file that its next rows go to: a new one, which nobody has
# opened, of which nothing is in memory, and which no checkpoint is going to look for.
sub new_file
{
	$held->query('TRUNCATE session_audit.log');
	$held->query('CHECKPOINT');
	return $node->data_dir . '/' . $held->query("SELECT pg_relation_filepath('$table')");
}

# Sets how large the files that the writer extends may become, in bytes, or "unlimited". Returns how
# large they might become before.
sub limit_files
{
	my ($limit) = @_;
	my @prlimit = ('prlimit', '--pid', $writer);
	chomp(my ($before) = run_command([ @prlimit, '--fsize', '--output=SOFT', '--noheadings', '--raw' ]));
	system_or_bail(@prlimit, "--fsize=$limit:");
	return $before;
}

# Each way to keep the writer from writing: its name; how it is done, and undone; and whether
# the writer fails at once, rather than after it has waited for a lock.
my @obstacles = (
	{   name => 'the log is locked',
		up => sub { $held->query('BEGIN; LOCK TABLE session_audit.log') },
		down => sub { $held->query('ROLLBACK') } },
	{   name => 'a partition is locked',
		up => sub { $held->query("BEGIN; LOCK TABLE $table") },
		down => sub { $held->query('ROLLBACK') } },
	{   name => 'a partition is locked as CREATE INDEX does it',
		up => sub { $held->query("BEGIN; LOCK TABLE $table IN SHARE MODE") },
		down => sub { $held->query('ROLLBACK') } },
	{   name => 'a prepared transaction has it locked',
		up => sub { $held->query('BEGIN; LOCK TABLE session_audit.log'); $held->query(q{PREPARE TRANSACTION 'p'}) },
		down => sub { $held->query(q{ROLLBACK PREPARED 'p'}) } },
	{   name => 'the log is renamed',
		at_once => 1,
		up => sub { $held->query('ALTER TABLE session_audit.log RENAME TO renamed') },
		down => sub { $held->query('ALTER TABLE session_audit.renamed RENAME TO log') } },
	{   name => 'the log has another form',
		at_once => 1,
		up => sub { $held->query('ALTER TABLE session_audit.log RENAME at TO at_') },
		down => sub { $held->query('ALTER TABLE session_audit.log RENAME at_ TO at') } },
	{   name => 'no partition takes the row',
		at_once => 1,
		up => sub { $held->query("ALTER TABLE session_audit.log DETACH PARTITION $_") for $table, 'session_audit.log_default' },
		down => sub { $held->query('ALTER TABLE session_audit.log ATTACH PARTITION session_audit.log_default DEFAULT') } },
	{   name => 'an index calls a function of somebody\'s',
		at_once => 1,
		up => sub {
			$held->query($_) for q{CREATE FUNCTION folded(name text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN lower(name); END'},
			  'CREATE INDEX folded ON session_audit.log (folded(login_user))';
		},
		down => sub { $held->query($_) for 'DROP INDEX session_audit.folded', 'DROP FUNCTION folded' } },
	{   name => 'the disk refuses',
		at_once => 1,
		up => sub { $file = new_file(); chmod 0, $file; },
		down => sub { chmod 0600, $file; } },
	{   name => 'the disk is full',
		at_once => 1,
		sqlstate => '53100',
		up => sub {
			# To write to this device fails as on a full disk, with ENOSPC. Other files have
			# room: without room for its WAL, the server would stop.
			$file = new_file();
			unlink $file;
			symlink '/dev/full', $file;
		},
		# To delete rows makes room.
		down => sub { unlink $file; $held->query('TRUNCATE session_audit.log') } },
	{   name => 'a quota is used up',
		at_once => 1,
		sqlstate => 'XX000',
		up => sub {
			# The limit of a process fails with EFBIG, for which the server has no SQLSTATE, as it
			# has none for EDQUOT. It applies to each file, so it leaves those of the WAL whole.
			my $size = $held->query(q{SELECT pg_size_bytes(current_setting('wal_segment_size'))});
			$file = new_file();
			truncate $file, $size - $held->query('SHOW block_size');
			# The last two pages then have room for a short record, but for none of a session with
			# such long names as there are below.
			$held->query("INSERT INTO $table (at, event, session_id, application_name) SELECT now(), 'logoff', 'filler ' || i, left(string_agg(md5(i || ' ' || j), ''), 1932) FROM generate_series(1, 8) i, generate_series(1, 64) j GROUP BY i");
			is(-s $file, $size, 'the file is as large as it may become');
			$writer = writer($node);
			$limit = limit_files($size);
		},
		down => sub { limit_files($limit) } });

for my $obstacle (@obstacles)
{
	subtest "A6: $obstacle->{name}" => sub {
		start_over();
		$table = $log->query('SELECT tableoid::regclass FROM session_audit.log ORDER BY at DESC LIMIT 1');
		my $position = log_position($node);
		my $open = open_session($node, 'alice');
		$obstacle->{up}->();
		# The first one finds out. It may wait for what the writer waits for, a lock.
		my ($time, $first, $error) = timed_session('alice', application_name => 'first' x 12);
		cmp_ok($time, '<', $obstacle->{at_once} ? $at_once : 5, sprintf 'A6: the first logon is not held up: %.2f s', $time);
		is($error, undef, 'A6: it is let in');
		# While the writer fails, nobody waits.
		my @more = map { [ timed_session('alice', application_name => "more $_" x 9) ] } 1 .. 5;
		my $sum = 0;
		$sum += $_->[0] for @more;
		cmp_ok($sum, '<', $at_once, sprintf 'A6: five more do not wait at all: %.2f s', $sum);
		my @clients = map { $_->[1] } @more;
		($time, undef, $error) = timed_session('carol');
		is($error, '58000', 'A6: who must be recorded is refused');
		cmp_ok($time, '<', $at_once, 'A6: at once');
		($time, my $superuser, $error) = timed_session('root', options => '-c session_audit.required=on');
		is($error, undef, 'A6: a superuser is not');
		like(slurp_file($node->logfile, $position), qr/^\d+\|$obstacle->{sqlstate}\|ERROR:/m, 'A6: the server log says why')
		  if $obstacle->{sqlstate};
		$_->quit for $clients[0], $open;
		wait_for_exit($node, $_) for $clients[0], $open;
		is(lines($position, $_), 'logon', 'A6: it is a line') for $first, $clients[1];
		is(lines($position, $clients[0]), 'logon logoff', 'A6: and so is an end');
		is(lines($position, $open), 'logoff', 'A6: also that of one whose logon is a row');
		$obstacle->{down}->();
		wait_for_audit($node, is_of($clients[0]), 'logon logoff|client', 'A6: both are written later');
		is(audit_rows($node, is_of($_)), 'logon', 'A6: once') for $first, @clients[ 1 .. 4 ];
		is(audit_rows($node, is_of($open) . q{ AND event = 'logoff'}), 'logoff|client', 'A6: once');
		is(audit_rows($node, is_of($clients[0]), q{event, session_id, at = logon_at, date_trunc('milliseconds', logon_at) = date_trunc('milliseconds', timestamptz '} . ((audit_lines($node, $position, $clients[0]))[0]{logon_at} // '-infinity') . q{')}),
			join(' ', map { "$_->{event}|$_->{session_id}|" . ($_->{event} eq 'logon' ? 't' : 'f') . '|t' } audit_lines($node, $position, $clients[0])),
			'A6: line and row have the same session_id, logon_at and event');
		$_->quit for $first, $superuser, @clients[ 1 .. 4 ];
		wait_for_exit($node, $_) for $first, $superuser, @clients[ 1 .. 4 ];
		start_over();
		is(audit_rows($node, is_of($_)), 'logon logoff|client', 'A4: it has one end') for $first, $superuser, $clients[1];
		is( admin($node, 'postgres', 'SELECT count(*) FROM (SELECT FROM session_audit.log WHERE event <> \'changed\' GROUP BY session_id, logon_at, event HAVING count(*) > 1) AS twice'),
			'0', 'A6: nothing is written twice');
	};
}

subtest 'A6: the lock table is full' => sub {
	start_over();
	$writer = writer($node);
	my $position = log_position($node);
	# A session needs some places while it starts, and then takes them itself, so that the writer has none for its
	# transaction.
	admin($node, 'app', <<'EOS');
CREATE FUNCTION take() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'bob' THEN
        FOR i IN 1 .. 1000 LOOP
            BEGIN
                PERFORM pg_advisory_lock(0, i);
            EXCEPTION WHEN out_of_memory THEN
                EXIT;
            END;
        END LOOP;
    END IF;
END
$$;
CREATE EVENT TRIGGER take ON after_user_logon EXECUTE FUNCTION take();
EOS
	my $holder = open_session($node, 'alice');
	$holder->try_query('SELECT pg_advisory_lock(1, i) FROM generate_series(1, 100000) i');
	$holder->query('SELECT pg_advisory_unlock(1, i) FROM generate_series(1, 20) i');
	my ($time, $client, $error) = timed_session('bob');
	is($error, undef, 'A6: who takes the last places is let in');
	cmp_ok($time, '<', $at_once, sprintf 'A6: and not held up: %.2f s', $time);
	like(log_text($node, $position, $writer), qr/^53200\|ERROR:  out of shared memory/m, 'A6: the writer has no place');
	is(lines($position, $client), 'logon', 'A6: it is a line');
	$holder->quit;
	wait_for_audit($node, is_of($client), 'logon', 'A6: and a row later');
	$client->quit;
	admin($node, 'app', 'DROP EVENT TRIGGER take');
};

subtest 'A6: the writer stands still' => sub {
	start_over();
	$writer = writer($node);
	my $position = log_position($node);
	admin($node, 'postgres', q{ALTER ROLE alice SET session_audit.timeout = '1500ms'});
	kill STOP => $writer;
	my @clients;
	# No setting of the session's makes that shorter, or an error.
	for my $options ('', '-c statement_timeout=100 -c lock_timeout=100 -c client_connection_check_interval=100'
		  . (int($node->pg_version) >= 17 ? ' -c transaction_timeout=100' : ''))
	{
		my ($time, $client, $error) = timed_session('alice', options => $options);
		is($error, undef, 'A6: a logon is let in');
		cmp_ok($time, '>', 1, 'A6: it waits');
		cmp_ok($time, '<', 4, 'A6: for session_audit.timeout');
		push @clients, $client;
	}
	$clients[0]->quit;
	wait_for_exit($node, $clients[0]);
	is(lines($position, $clients[1]), 'logon', 'A6: then it is a line');
	# Its end waits for nobody, and nobody says that it fails.
	is(lines($position, $clients[0]), 'logon', 'A6: its end is in time yet');
	kill CONT => $writer;
	wait_for_audit($node, is_of($clients[0]), 'logon logoff|client', 'A6: it is written later');
	wait_for_audit($node, is_of($clients[1]), 'logon', 'A6: once');
	$clients[1]->quit;
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_audit.timeout');
};

subtest 'A3, A4: what ends a logon that waits' => sub {
	start_over();
	$writer = writer($node);
	my $position = log_position($node);
	admin($node, 'postgres', q{ALTER ROLE alice SET session_audit.timeout = '1h'});
	kill STOP => $writer;
	my @clients = map { connect_as($node, 'alice') } 1 .. 2;
	my $waiting = q{FROM pg_stat_activity WHERE usename = 'alice' AND wait_event_type = 'Extension'};
	ok(wait_until($node, 'postgres', "SELECT count(*) $waiting", '2'), 'two logons wait');
	# A cancel could otherwise let somebody in who is not recorded, yet.
	admin($node, 'postgres', "SELECT pg_cancel_backend(pid) $waiting") for 1 .. 3;
	usleep(300_000);
	is(admin($node, 'postgres', "SELECT count(*) $waiting"), '2', 'A3, F9: a cancel changes nothing');
	my @pids = split /\n/, admin($node, 'postgres', "SELECT pid $waiting ORDER BY backend_start, pid");
	my ($terminated) = admin($node, 'postgres', "SELECT pg_terminate_backend($pids[0]), pid FROM pg_stat_activity WHERE pid = $pids[0]") =~ /(\d+)$/;
	ok(wait_until($node, 'postgres', "SELECT count(*) $waiting", '1'), 'F9: a request to end does');
	# The other client does not wait any longer.
	$_->drop for @clients;
	kill CONT => $writer;
	wait_for_audit($node, is_of($terminated), 'logon logoff|terminated|57P01', 'A4: it had been let in, and has an end', 'event, ended_by, sqlstate');
	wait_for_audit($node, is_of($pids[1]), 'logon logoff|client_lost', 'A4: so has the one whose client has gone');
	is(scalar(audit_lines($node, $position)), 0, 'A6: no line was needed');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_audit.timeout');
};

subtest 'A6: session_audit.required' => sub {
	start_over();
	admin($node, 'postgres', "ALTER ROLE $_ SET session_audit.required = on") for qw(alice root);
	my $client = open_session($node, 'alice');
	is(audit_rows($node, is_of($client)), 'logon', 'A6: who can be recorded is let in');
	my $position = log_position($node);
	$held->query('BEGIN; LOCK TABLE session_audit.log');
	my ($time, $refused, $error) = timed_session('alice', application_name => 'refused');
	is($error, '58000', 'A6: who cannot be recorded is refused');
	like(log_text($node, $position, $refused), qr/^58000\|FATAL:  logon could not be recorded by the session audit/m, 'A6: the server log says why');
	cmp_ok($time, '<', 5, 'A6: in time');
	($time, my $again, $error) = timed_session('alice', application_name => 'refused');
	is($error, '58000', 'A6: also while the writer fails');
	cmp_ok($time, '<', $at_once, 'A6: at once');
	($time, my $superuser, $error) = timed_session('root');
	is($error, undef, 'A6: superusers never are');
	($time, my $bob, $error) = timed_session('bob');
	is($error, undef, 'A6: nor others, for whom it is not required');
	is(lines($position, $_), 'logon', 'A6: they are lines') for $superuser, $bob;
	# The session that has a row may go on and end.
	$client->quit;
	$held->query('ROLLBACK');
	wait_for_audit($node, is_of($superuser), 'logon', 'A6: what waited is written');
	wait_for_audit($node, is_of($client), 'logon logoff|client', 'A4: and an end');
	is(audit_rows($node, 'event <> \'refused\' AND ' . is_of($_)), '', 'A6: a logon that was withdrawn is not') for $refused, $again;
	$_->quit for $superuser, $bob;
	start_over();

	# Where the writer has taken the record, it cannot be withdrawn: the session has begun, and ends.
	admin($node, 'postgres', q{ALTER ROLE alice SET session_audit.timeout = '300ms'});
	$held->query('BEGIN; LOCK TABLE session_audit.log');
	($time, $client, $error) = timed_session('alice');
	is($error, '58000', 'A6: refused while the writer has its record');
	cmp_ok($time, '<', 0.9, 'A6: after its own timeout');
	$held->query('ROLLBACK');
	wait_for_audit($node, is_of($client), 'logon| logoff|fatal|58000' =~ s/logon\|/logon/r, 'A6: its end follows', 'event, ended_by, sqlstate');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_audit.timeout');
	start_over();
	is(audit_rows($node, q{event <> 'refused' AND application_name = 'refused'}), '', 'A6: still nothing of those that were withdrawn');
	$log->quit;
	$held->quit;
	$root->quit;
	# What is counted for a minute is written when the server ends.
	$node->restart;
	$log = open_quiet_session($node, database => 'postgres');
	$held = open_quiet_session($node, database => 'postgres');
	$root = open_quiet_session($node);
	is(admin($node, 'postgres', q{SELECT login_user, database, sqlstate, sum(count) FROM session_audit.log WHERE event = 'refused' AND login_user = 'alice' GROUP BY 1, 2, 3}),
		'alice|app|58000|2', 'A6, A8: those that were withdrawn are refused logons');
	admin($node, 'postgres', "ALTER ROLE $_ RESET session_audit.required") for qw(alice root);
};

subtest 'A6, R3: DISCARD ALL' => sub {
	start_over();
	admin($node, 'postgres', "ALTER ROLE $_ SET session_triggers.fire_on_discard = on") for qw(alice bob);
	admin($node, 'postgres', 'ALTER ROLE alice SET session_audit.required = on');
	my %clients = map { $_ => open_session($node, $_) } qw(alice bob);
	my $position = log_position($node);
	$held->query('BEGIN; LOCK TABLE session_audit.log');
	is((grep { $_->{type} eq 'E' } $clients{bob}->query('DISCARD ALL'))[0], undef, 'A6: the next use begins');
	is(lines($position, $clients{bob}, qw(event ended_by)), 'logoff|reset logon', 'A6: both records are lines');
	is((grep { $_->{type} eq 'E' } $clients{alice}->query('DISCARD ALL'))[0]{C}, '58000', 'A6, R2: where it is required, the next use is refused');
	wait_for_exit($node, $clients{alice});
	is(lines($position, $clients{alice}, qw(event ended_by)) =~ s/ logon$//r, 'logoff|reset', 'A6: the use before has its end');
	$clients{bob}->quit;
	$held->query('ROLLBACK');
	wait_for_audit($node, is_of($clients{bob}), 'logon logoff|reset logon logoff|client', 'A6: rows are written later');
	start_over();
	is(audit_rows($node, is_of($clients{alice}) . q{ AND event <> 'refused'}), 'logon logoff|reset', 'A6: of a use that was refused there is none');
	admin($node, 'postgres', "ALTER ROLE $_ RESET ALL") for qw(alice bob);
};

subtest 'A6: a record that cannot be written' => sub {
	start_over();
	$log->query($_) for q{DELETE FROM session_audit.log WHERE login_user = 'alice'}, 'VACUUM session_audit.log',
	  q{CREATE INDEX poisoned ON session_audit.log ((1 / CASE login_user WHEN 'alice' THEN 0 ELSE 1 END))};
	my $position = log_position($node);
	my ($time, $client) = timed_session('alice');
	cmp_ok($time, '<', $at_once, 'A6: its logon is not held up');
	is(lines($position, $client), 'logon', 'A6: it is a line');
	# Others share its batch, or come after it.
	my @others = map { open_session($node, 'bob') } 1 .. 3;
	$client->quit;
	$others[0]->quit;
	wait_for_audit($node, is_of($_), 'logon', 'A6: what others leave is written') for @others[ 1, 2 ];
	wait_for_audit($node, is_of($others[0]), 'logon logoff|client', 'A6: with its end');
	is(lines($position, $client), 'logon logoff', 'A6: its end is a line as well');
	# Several of them at a time.
	my @poisoned = map { (timed_session('alice'))[1] } 1 .. 3;
	$_->quit for @poisoned;
	my $late = open_session($node, 'bob');
	wait_for_audit($node, is_of($late), 'logon', 'A6: several of them do not stop the log, either');
	ok( wait_until($node, 'postgres', 'SELECT failures = 0 AND pending = 0 FROM session_audit.state()'),
		'A6: nothing is left that would be tried for ever');
	($time, my $last) = timed_session('bob');
	cmp_ok($time, '<', $at_once, 'A6: and logons do not wait');
	is(audit_rows($node, is_of($last)), 'logon', 'A6: they are rows again');
	$_->quit for $late, $last, @others[ 1, 2 ];
	$log->query('DROP INDEX session_audit.poisoned');
	start_over();
};

subtest 'A6: the database is dropped' => sub {
	start_over();
	my $position = log_position($node);
	admin($node, 'postgres', q{CREATE DATABASE dropped TEMPLATE template0});
	admin($node, 'postgres', q{ALTER SYSTEM SET session_audit.database = 'dropped'});
	$node->reload;
	ok( poll_until(
			sub {
				open_session($node, 'bob')->quit;
				return (try_psql($node, 'dropped', 'SELECT FROM session_audit.log'))[0] == 0;
			}),
		'another database has the log');
	admin($node, 'postgres', 'DROP DATABASE dropped WITH (FORCE)');
	my ($time, $client, $error) = timed_session('alice');
	cmp_ok($time, '<', 6, 'A6: a logon waits for a writer to come, at most');
	$node->wait_for_log(qr/FATAL:  database "dropped" does not exist/, $position);
	($time, my $other, $error) = timed_session('alice');
	cmp_ok($time, '<', $at_once, 'A6: then no longer');
	is(lines($position, $_), 'logon', 'A6: they are lines') for $client, $other;
	admin($node, 'postgres', 'ALTER SYSTEM RESET session_audit.database');
	$node->reload;
	wait_for_audit($node, is_of($_), 'logon', 'A6: and rows where the log is next') for $client, $other;
	$_->quit for $client, $other;
	start_over();
};

subtest 'A6: DROP DATABASE elsewhere' => sub {
	start_over();
	# Logons wait for a writer that waits for a lock; all processes have to take notice of the file that goes.
	$held->query('BEGIN; LOCK TABLE session_audit.log');
	my @clients = map { connect_as($node, 'alice') } 1 .. 2;
	my $start = Time::HiRes::time();
	is(scalar(grep { $_->{type} eq 'E' } $root->query('DROP DATABASE other')), 0, 'DROP DATABASE works while logons wait');
	cmp_ok(Time::HiRes::time() - $start, '<', 5, 'and does not wait with them');
	$held->query('ROLLBACK');
	$_->ready for @clients;
	$_->quit for @clients;
	wait_for_audit($node, is_of($_), 'logon logoff|client', 'A6: they are written') for @clients;
};

subtest 'A6: the pool is full' => sub {
	start_over();
	my $before = admin($node, 'postgres', 'SELECT dropped FROM session_audit.state()');
	my $position = log_position($node);
	$held->query('BEGIN; LOCK TABLE session_audit.log');
	my @pids;
	my $sessions = 150;
	for (1 .. $sessions)
	{
		my ($time, $client) = timed_session('alice');
		push @pids, $client->pid;
		$client->quit;
	}
	wait_for_exit($node, 'alice');
	my ($pending, $dropped) = split /\|/, admin($node, 'postgres', "SELECT pending, dropped - $before FROM session_audit.state()");
	is($pending + $dropped, 2 * $sessions, 'A6: each record waits, or is counted as one that found no place');
	cmp_ok($dropped, '>', 0, 'A6: the pool has a fixed size');
	# The end of the session that finds out may be handed over before the writer says that it fails.
	my %lines;
	ok( poll_until(
			sub {
				%lines = ();
				$lines{"$_->{session_id} $_->{event}"}++ for grep { $_->{login_user} eq 'alice' } audit_lines($node, $position);
				return keys %lines == 2 * $sessions;
			}),
		'A6: each is a line') or diag(scalar(keys %lines) . ' lines');
	is(join(' ', grep { $_ != 1 } values %lines), '', 'A6: one');
	my ($time, $client, $error) = timed_session('bob', options => '');
	cmp_ok($time, '<', $at_once, 'A6: who finds no place does not wait');
	$client->quit;
	admin($node, 'postgres', 'ALTER ROLE alice SET session_audit.required = on');
	($time, $client, $error) = timed_session('alice');
	is($error, '58000', 'A6: if that is required, it is refused');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_audit.required');
	$held->query('ROLLBACK');
	start_over();
	my %known = map { $_ => 1 } @pids;
	my @rows = grep { $known{ hex((split /[.|]/)[1]) } } split / /, audit_rows($node, q{login_user = 'alice' AND at > now() - interval '10 minutes'}, 'session_id, event');
	is(scalar(@rows), $pending, 'A6: what waited is written');
	my %rows = map { $_ => 1 } @rows;
	is(scalar(keys %rows), $pending, 'A6: once');
};

$_->quit for $root, $log, $held;

subtest 'A6: no transaction gets a number' => sub {
	start_over();
	my $open = open_session($node, 'alice');
	admin($node, 'postgres', 'ALTER DATABASE template0 ALLOW_CONNECTIONS true');
	# The server stops three million before it has used half of all numbers since the oldest one
	# that is not frozen. The first number of a page of pg_xact needs no page that is not there.
	my $page = 32768;
	my $last = admin($node, 'postgres', 'SELECT min(datfrozenxid::text::bigint) FROM pg_database') + 2**31 - 3_000_000;
	# Autovacuum begins at once, but cannot end this as long as there is a table that it cannot read.
	$file = $node->data_dir . '/' . admin($node, 'app', q{CREATE TABLE unreadable AS SELECT 1 AS i; SELECT pg_relation_filepath('unreadable')});
	$node->stop('fast');
	chmod 0, $file;
	$node->command_ok([ 'pg_resetwal', '-x', (int($last / $page) + 1) * $page, $node->data_dir ], 'the next number is one that is not given out');
	$node->start;
	my $position = log_position($node);
	$writer = wait_for_writer($node);
	my ($time, $first, $error) = timed_session('alice');
	is($error, undef, 'A6: a logon is let in');
	cmp_ok($time, '<', $at_once, sprintf 'A6: the first one is not held up: %.2f s', $time);
	($time, my $second, $error) = timed_session('alice');
	is($error, undef, 'A6: and so is the next one');
	cmp_ok($time, '<', $at_once, sprintf 'A6: which does not wait, either: %.2f s', $time);
	like(log_text($node, $position, $writer), qr/^54000\|ERROR:  database is not accepting commands/m, 'A6: the server log says why');
	($time, undef, $error) = timed_session('carol');
	is($error, '58000', 'A6: who must be recorded is refused');
	($time, my $superuser, $error) = timed_session('root', options => '-c session_audit.required=on');
	is($error, undef, 'A6: a superuser is not');
	$second->quit;
	wait_for_exit($node, $second);
	is(lines($position, $_), 'logon', 'A6: it is a line') for $first, $superuser;
	is(lines($position, $second), 'logon logoff', 'A6: and so is an end');
	chmod 0600, $file;
	admin($node, $_, 'VACUUM (FREEZE)') for split /\n/, admin($node, 'postgres', 'SELECT datname FROM pg_database');
	wait_for_audit($node, is_of($second), 'logon logoff|client', 'A6: both are written later');
	is(audit_rows($node, is_of($_)), 'logon', 'A6: once') for $first, $superuser;
	($time, my $late) = timed_session('alice');
	cmp_ok($time, '<', $at_once, 'A6: and logons do not wait');
	is(audit_rows($node, is_of($late)), 'logon', 'A6: they are rows again');
	is(audit_rows($node, is_of($open)), 'logon logoff|shutdown', 'A4: what was written before is still there');
	$_->quit for $first, $superuser, $late;
};

$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
