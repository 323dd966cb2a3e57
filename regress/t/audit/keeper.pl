# The keeper of the session audit (rule A6): months that come and go, sessions that were
# lost in a crash, and what nobody has to wait for.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('keeper', allows_streaming => 1, conf => <<'EOC');
autovacuum = off
restart_after_crash = on
session_triggers.fault_days = 0
session_audit.keep = 0
EOC
$node->start;
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE auditor LOGIN IN ROLE pg_monitor;
CREATE ROLE root LOGIN SUPERUSER;
CREATE EXTENSION session_audit;
EOS

# Sets the clock of the core to this many days after today, from the next logon on.
sub set_clock
{
	my ($days) = @_;
	$node->adjust_conf('postgresql.conf', 'session_triggers.fault_days', $days);
	$node->reload;
	# Sessions that start from now on have the new value.
	wait_until($node, 'postgres', 'SHOW session_triggers.fault_days', $days);
	return;
}

# Opens a session of alice's, ends it as clients do, and returns it.
sub one_session
{
	my $client = open_session($node, 'alice');
	$client->quit;
	return $client;
}

# The names of the partitions, in order.
my $partitions = q{SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'session_audit.log'::regclass};
my @months = split /\n/, admin($node, 'app',
	q{SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + i * interval '1 month', '"log_"YYYY_MM') FROM generate_series(0, 4) i});
# How many days it is from today to the middle of each of these months.
my @days = split /\n/, admin($node, 'app',
	q{SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + i * interval '1 month' + interval '14 days')::date - (now() AT TIME ZONE 'UTC')::date FROM generate_series(0, 4) i});

sub wait_for_partitions
{
	my (@expected) = @_;
	return wait_until($node, 'app', $partitions, join ' ', sort 'log_default', @expected);
}

# Waits until no worker is left.
sub wait_for_workers
{
	return wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'session audit %'}, '0');
}

# The condition on the log for the rows of a client's session.
sub is_of
{
	my ($client) = @_;
	return q{split_part(session_id, '.', 2) = to_hex(} . $client->pid . ')';
}

# The tables that have the rows of a client's session.
sub tables
{
	my ($client) = @_;
	return admin($node, 'app', 'SELECT DISTINCT tableoid::regclass FROM session_audit.log WHERE ' . is_of($client));
}

# Returns these columns of the rows of a client's session.
sub rows
{
	my ($client, $columns) = @_;
	$columns //= 'event';
	return admin($node, 'app',
		"SELECT $columns FROM session_audit.log WHERE " . is_of($client) . ' ORDER BY at, event');
}

### Months

subtest 'A6: months' => sub {
	my $first = one_session();
	ok(wait_for_partitions(@months[ 0, 1 ]), 'A6: the first logon makes the month and the next one');
	ok(wait_for_workers(), 'A6: nobody stays');
	is(rows($first, 'event, tableoid::regclass'), "logon|session_audit.$months[0]\nlogoff|session_audit.$months[0]",
		'A6: what came before is moved');
	is(tables(one_session()), "session_audit.$months[0]", 'A6: what comes next is there at once');

	for my $month (1 .. 3)
	{
		set_clock($days[$month]);
		my $before = tables(one_session());
		is($before, "session_audit.$months[$month]", "A6: month $month has its partition in time");
		ok(wait_for_partitions(@months[ 0 .. $month + 1 ]), "A6: in month $month, so has the next one");
		wait_for_workers();
	}

	# A month that somebody needs stays, and the others are dropped.
	my $auditor = connect_raw($node, user => 'auditor', database => 'app');
	$auditor->ready;
	$auditor->query("CREATE TEMP VIEW needed AS SELECT * FROM session_audit.$months[0]");
	admin($node, 'app', q{INSERT INTO session_audit.log_default (at) VALUES ('2001-01-01')});

	# Of a month, the last day counts.
	$node->adjust_conf('postgresql.conf', 'session_audit.keep', '20');
	set_clock($days[3] + 1);
	one_session();
	ok(wait_for_partitions(@months[ 0, 2 .. 4 ]), 'A6: months that are older than session_audit.keep are dropped');
	wait_for_workers();
	like(admin($node, 'app', 'SELECT last_error FROM session_audit.status()'),
		qr/^cannot drop table session_audit.$months[0] because other objects depend on it$/, 'A6: but for one that somebody needs');
	is(admin($node, 'app', 'SELECT count(*) FROM session_audit.log_default'), 0, 'A6: rows of log_default are deleted');
	$auditor->quit;
	admin($node, 'app', "DROP TABLE session_audit.$months[0]; UPDATE session_audit.keeper SET last_error = NULL");
	is($node->safe_psql('app', 'SHOW session_audit.keep'), '20', 'S: session_audit.keep');
	$node->adjust_conf('postgresql.conf', 'session_audit.keep', '0');
	set_clock($days[3] + 2);
	one_session();
	wait_until($node, 'app', q{SELECT last_pass_at > now() + interval '1 day' FROM session_audit.keeper});
	ok(wait_for_partitions(@months[ 2 .. 4 ]), 'S: 0 keeps all');
	wait_for_workers();
};

subtest 'A6: nobody waits' => sub {
	admin($node, 'app', "DROP TABLE session_audit.$months[4]");
	my $reader = open_quiet_session($node);
	$reader->query('BEGIN; SELECT count(*) FROM session_audit.log');
	my $position = log_position($node);
	set_clock($days[3] + 4);
	is(rows(one_session()), "logon\nlogoff", 'A6: a logon while somebody reads the log');
	wait_for_workers();
	wait_until($node, 'app', q{SELECT last_error IS NOT NULL FROM session_audit.keeper});
	is(admin($node, 'app', 'SELECT last_error FROM session_audit.status()'),
		'canceling statement due to lock timeout', 'A6: the keeper gives up, and says so');
	like(slurp_file($node->logfile, $position), qr/55P03\|ERROR:  canceling statement due to lock timeout/, 'A6: in the log as well');
	one_session() for 1 .. 5;
	wait_for_workers();
	is(() = slurp_file($node->logfile, $position) =~ /55P03\|ERROR/g, 1, 'A6: it does not try again at once');
	$reader->quit;
	set_clock($days[3] + 5);
	one_session();
	ok(wait_for_partitions(@months[ 2 .. 4 ]), 'A6: it tries again later');
	wait_for_workers();
	is(errors_of('postgres', 'CREATE DATABASE copy TEMPLATE app; DROP DATABASE copy'), '', 'A6: nobody is in the way of a copy');
};

# Waits until one process waits for a lock.
sub wait_for_waiter
{
	return wait_until($node, 'app', q{SELECT count(*) FROM pg_locks WHERE NOT granted}, '1');
}

# The errors among a client's messages
sub errors_in
{
	return join "\n", map { $_->{M} } grep { $_->{type} eq 'E' } @_;
}

# Whoever waits for the log must not hold what the other needs next. The other finds out at once
# if it is in a deadlock.
sub no_deadlock
{
	my ($title, $lock, $waiter, $next) = @_;
	my $holder = open_quiet_session($node);
	$holder->query("BEGIN; SET LOCAL deadlock_timeout = '1ms'; $lock");
	my $client = open_quiet_session($node);
	$client->send_query("BEGIN; $waiter");
	wait_for_waiter();
	is(errors_in($holder->query("$next; ROLLBACK")), '', $title);
	my @messages = $client->messages;
	$_->quit for $holder, $client;
	return errors_in(@messages);
}

subtest 'A6: no deadlocks' => sub {
	no_deadlock('A6: add_month() locks the log first', 'LOCK TABLE ONLY session_audit.log IN SHARE UPDATE EXCLUSIVE MODE',
		$_, q{SELECT session_audit.add_month('2099-01-01')})
	  for map { "SELECT session_audit.add_month('$_')" } '2099-01-01', '2001-01-01';
	no_deadlock('A6: so does status()', 'LOCK TABLE ONLY session_audit.log', 'SELECT * FROM session_audit.status()', 'LOCK TABLE session_audit.log');

	# DROP EXTENSION locks the tables in any order; the server looks for deadlocks after a second.
	my $dropper = open_quiet_session($node);
	$dropper->query('BEGIN; LOCK TABLE session_audit.keeper');
	my $keeper = open_quiet_session($node);
	$keeper->query('BEGIN; LOCK TABLE session_audit.log IN ACCESS SHARE MODE');
	$keeper->send_query('SELECT session_audit.find_lost(now(), now())');
	is(errors_in($dropper->query('DROP EXTENSION session_audit; ROLLBACK')), '', 'A6: the keeper gives up for DROP EXTENSION');
	is(errors_in($keeper->messages), 'canceling statement due to lock timeout', 'A6: and says so');
	$_->quit for $dropper, $keeper;

	# A session that inserts by the executor, because of an index
	my $month = tables(one_session()) =~ s/^session_audit\.//r;
	admin($node, 'app', "CREATE INDEX added ON session_audit.$month (at)");
	my $holder = open_quiet_session($node);
	$holder->query(q{BEGIN; SET LOCAL deadlock_timeout = '1ms'; LOCK TABLE ONLY session_audit.log});
	my $client = connect_as($node, 'alice');
	wait_for_waiter();
	is(errors_in($holder->query("LOCK TABLE session_audit.$month; ROLLBACK")), '', 'A6: a session locks the log first, too');
	$client->ready;
	$_->quit for $holder, $client;
	is(rows($client), "logon\nlogoff", 'A4: and has its rows');
	admin($node, 'app', 'DROP INDEX session_audit.added');
};

# Runs statements, each in a transaction of its own, and returns the errors.
sub errors_of
{
	my ($database, $sql) = @_;
	local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off';
	my $errors = '';
	for my $statement (split /; /, $sql)
	{
		$node->psql($database, $statement, stderr => \my $error);
		$errors .= $error;
	}
	return $errors;
}

subtest 'A6, F7: what others can do to it' => sub {
	admin($node, 'postgres', $_) for 'ALTER DATABASE app OWNER TO alice', 'ALTER DATABASE app SET default_transaction_read_only = on',
	  q{ALTER DATABASE app SET statement_timeout = '1ms'}, 'ALTER DATABASE app SET role = alice', 'ALTER DATABASE app SET session_authorization = alice',
	  'ALTER DATABASE app SET search_path = hostile', 'ALTER DATABASE app SET row_security = off';
	my $before = admin($node, 'postgres', 'SELECT now()');
	my $position = log_position($node);
	set_clock($days[3] + 6);
	one_session();
	wait_for_workers();
	admin($node, 'postgres', 'ALTER DATABASE app RESET ALL');
	ok(wait_until($node, 'app', "SELECT since - interval '@{[$days[3] + 6]} days' >= '$before' FROM session_audit.keeper"),
		'F7: settings of the owner of the database do not reach it');
	unlike(slurp_file($node->logfile, $position), qr/session audit|session_audit/, 'F7: there is no error');

	# The month's name is taken.
	admin($node, 'app', "DROP TABLE session_audit.$months[4]; CREATE TABLE session_audit.$months[4] (i int)");
	set_clock($days[3] + 8);
	one_session();
	ok(wait_until($node, 'app', 'SELECT last_error FROM session_audit.status()', qq{table "$months[4]" is not a partition of the log}),
		'A6: a table in the place of a partition is reported');
	wait_for_workers();
	admin($node, 'app', "DROP TABLE session_audit.$months[4]");
	set_clock($days[3] + 10);
	one_session();
	ok(wait_for_partitions(@months[ 2 .. 4 ]), 'A6: and replaced when it has gone');
	wait_for_workers();

	my $row = 'SELECT partitions, oldest < newest, size > 0, last_pass_at IS NOT NULL FROM session_audit.status()';
	is($node->safe_psql('app', $row, extra_params => [ '-U', 'auditor' ]), '4|t|t|t', 'A6: status()');
	for my $call ('status()', q{make_months(now())}, q{drop_months(now(), 1)}, q{delete_rows(now(), 1)}, q{find_lost(now(), now())}, q{note_pass(now(), '')})
	{
		my ($name) = $call =~ /^(\w+)/;
		$node->psql('app', "SELECT session_audit.$call", stderr => \my $error, extra_params => [ '-U', 'alice' ]);
		like($error, qr/permission denied for schema session_audit/, "A6: $name() is not for users");
	}
};

# A role that was a superuser, or owns a database, or got the log from a superuser, must
# not have the keeper run what it has written.
subtest 'A6: rights' => sub {
	my $day = $days[3] + 20;
	my $pass = sub {
		set_clock($day += 2);
		one_session();
		# This database is the first one, and the launcher goes on to the others.
		wait_until($node, 'postgres', "SELECT last_pass_at > now() + interval '@{[$day - 1]} days' FROM session_audit.keeper");
		wait_for_workers();
	};
	admin($node, 'postgres', 'CREATE EXTENSION session_audit; CREATE ROLE mallory LOGIN; CREATE DATABASE victim OWNER mallory');
	my $grab = q{LANGUAGE plpgsql AS $$BEGIN ALTER ROLE mallory SUPERUSER; END$$};
	my $is_superuser = q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'};

	admin($node, 'victim', 'CREATE EXTENSION session_audit; ALTER SCHEMA session_audit RENAME TO audit_old');
	admin($node, 'victim', "SET ROLE mallory; CREATE SCHEMA session_audit; CREATE FUNCTION session_audit.note_pass(timestamptz, text) RETURNS void $grab; CREATE FUNCTION session_audit.make_months(timestamptz) RETURNS void $grab");
	$pass->();
	is(admin($node, 'postgres', $is_superuser), 'f', 'A6: a schema of another');
	admin($node, 'victim', 'DROP SCHEMA session_audit CASCADE; ALTER SCHEMA audit_old RENAME TO session_audit');

	admin($node, 'victim', "GRANT ALL ON SCHEMA session_audit TO mallory; ALTER FUNCTION session_audit.note_pass(timestamptz, text) OWNER TO mallory; SET ROLE mallory; CREATE OR REPLACE FUNCTION session_audit.note_pass(at timestamptz, error text) RETURNS void $grab");
	$pass->();
	is(admin($node, 'postgres', $is_superuser), 'f', 'A6: a function of another');
	admin($node, 'victim', 'DROP EXTENSION session_audit; CREATE EXTENSION session_audit');

	admin($node, 'victim', "ALTER TABLE session_audit.log OWNER TO mallory; ALTER TABLE session_audit.log_default OWNER TO mallory; GRANT ALL ON SCHEMA session_audit TO mallory; SET ROLE mallory; CREATE FUNCTION session_audit.grab() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN ALTER ROLE mallory SUPERUSER; RETURN NEW; END\$\$; CREATE TRIGGER grab BEFORE INSERT ON session_audit.log FOR EACH ROW EXECUTE FUNCTION session_audit.grab()");
	admin($node, 'victim', q{SET session_replication_role = replica; INSERT INTO session_audit.log (at, event, session_id, logon_at) VALUES (now(), 'logon', 'x.y', now())});
	$pass->();
	is(admin($node, 'postgres', $is_superuser), 'f', 'A6: a log of another');

	# Whoever may rename a database can hold a lock on it.
	my $holder = open_quiet_session($node);
	$holder->query('BEGIN; ALTER DATABASE victim RENAME TO renamed');
	my $position = log_position($node);
	$pass->();
	like(slurp_file($node->logfile, $position), qr/55P03\|ERROR:  canceling statement due to lock timeout/, 'A6: a database that is locked is left out');
	$holder->query('ROLLBACK');
	$holder->quit;
	admin($node, 'postgres', 'DROP DATABASE victim');
	admin($node, 'postgres', 'DROP ROLE mallory');
	admin($node, 'postgres', 'DROP EXTENSION session_audit; DROP SCHEMA session_audit');
};

### Lost sessions

# Waits until the server runs again after a crash.
sub wait_for_restart
{
	my ($position) = @_;
	$node->wait_for_log(qr/database system is ready to accept connections/, $position);
	wait_until_ready($node);
	return;
}

subtest 'A6: lost sessions' => sub {
	set_clock(0);
	my $ended = one_session();
	my @open = map { open_session($node, 'alice') } 1 .. 3;
	my $position = log_position($node);
	my $killed_at = admin($node, 'app', 'SELECT clock_timestamp()');
	kill 'KILL', $open[0]->pid;
	wait_for_restart($position);
	# A session that fires nothing is enough.
	my $lost = q{SELECT count(*) FROM session_audit.log WHERE event = 'lost'};
	ok(wait_until($node, 'app', $lost, '3'), 'A6: SIGKILL of one session, and all others with it');
	is(rows($_, "event, ended_by, logon_at < at, event = 'logon' OR at BETWEEN '$killed_at' AND clock_timestamp(), client_addr IS NULL, count"),
		"logon||f|t|t|1\nlost|crash|t|t|t|1", 'A6: each has one row') for @open;
	is(rows($ended), "logon\nlogoff", 'A6: not those that had ended');
	is(admin($node, 'app', q{SELECT DISTINCT state, ended_by, duration > '0' FROM session_audit.sessions WHERE state = 'lost'}), 'lost|crash|t', 'A3: the view');
	wait_for_workers();

	# Crashes in a row, the keeper's among them; and sessions that go on meanwhile.
	admin($node, 'app', <<'EOS');
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NEW; END';
CREATE TRIGGER wait BEFORE INSERT ON session_audit.open_sessions FOR EACH ROW EXECUTE FUNCTION wait();
EOS
	my @more = map { open_session($node, 'alice') } 1 .. 2;
	$node->stop('immediate');
	$node->start;
	push @more, open_session($node, 'alice');
	for (1 .. 2)
	{
		wait_until($node, 'app', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session audit keeper' AND wait_event = 'PgSleep'}, '1');
		$position = log_position($node);
		kill 'KILL', admin($node, 'app', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'session audit keeper'});
		wait_for_restart($position);
		push @more, open_session($node, 'alice');
	}
	my $running = $more[-1];
	wait_until($node, 'app', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session audit keeper' AND wait_event = 'PgSleep'}, '1');
	admin($node, 'app', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'session audit keeper'});
	admin($node, 'app', 'DROP TRIGGER wait ON session_audit.open_sessions');
	wait_for_workers();
	# After a failure it waits for a minute; the clock goes on by a day.
	set_clock(1);
	ok(wait_until($node, 'app', $lost, 3 + 4), 'A6: crashes in a row, of the keeper, too');
	is(rows($_, 'event, ended_by'), "logon|\nlost|crash", 'A6: each has one row') for @more[ 0 .. 3 ];
	is(rows($running), 'logon', 'A6: a session that runs is not lost');
	wait_for_workers();

	# Later passes find nothing new, also if the clock is set back.
	for my $day (3, -3, 5)
	{
		set_clock($day);
		my $since = admin($node, 'app', 'SELECT since FROM session_audit.keeper');
		one_session();
		wait_until($node, 'app', "SELECT since <> '$since' FROM session_audit.keeper");
		wait_for_workers();
		is(rows($running), 'logon', "A6: nor is it on day $day");
		is(admin($node, 'app', $lost), 7, "A6: no other session is, either");
	}
	set_clock(2);
	$running->quit;
	is(rows($running), "logon\nlogoff", 'A6: it ends as usual');
	set_clock(6);
	one_session();
	wait_until($node, 'app', q{SELECT since > now() + interval '5.5 days' FROM session_audit.keeper});
	wait_for_workers();
	is(rows($running), "logon\nlogoff", 'A6: once, although the clock was set back before it did');

	# One that could not write its row was no crash.
	set_clock(0);
	my $unwritten = open_session($node, 'alice');
	wait_for_workers();
	set_clock(7);
	one_session();
	wait_until($node, 'app', q{SELECT since > now() + interval '6.5 days' FROM session_audit.keeper});
	wait_for_workers();
	admin($node, 'app', 'ALTER EVENT TRIGGER session_audit_logoff DISABLE');
	$unwritten->quit;
	admin($node, 'app', 'ALTER EVENT TRIGGER session_audit_logoff ENABLE ALWAYS');
	set_clock(9);
	one_session();
	ok(wait_until($node, 'app', $lost, '8'), 'A6: a session that has ended without a row');
	is(rows($unwritten, 'event, ended_by'), "logon|\nlost|", 'A6: it was no crash');
	wait_for_workers();
};

subtest 'A6: a clean restart' => sub {
	my $lost = admin($node, 'app', q{SELECT count(*) FROM session_audit.log WHERE event = 'lost'});
	set_clock(0);
	my $open = open_session($node, 'alice');
	$node->restart;
	is(rows($open, 'event, ended_by'), "logon|\nlogoff|shutdown", 'A4: a shutdown ends the session');
	is(admin($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'session audit %'}), 0,
		'A6: after a shutdown in order nothing is searched for');
	my $now = admin($node, 'app', 'SELECT now()');
	one_session();
	wait_until($node, 'app', "SELECT since >= '$now' FROM session_audit.keeper");
	is(admin($node, 'app', q{SELECT count(*) FROM session_audit.log WHERE event = 'lost'}), $lost, 'A6: nothing was lost');
	wait_for_workers();
};

subtest 'A6: failover' => sub {
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	my $open = open_session($node, 'alice');
	$node->wait_for_catchup($standby);
	my $count = "SELECT count(*) FROM session_audit.log WHERE event = 'lost' AND ended_by = 'crash' AND " . is_of($open);
	is(admin($standby, 'app', $count), '0', 'A6: a standby cannot search');
	$node->stop('immediate');
	$standby->promote;
	ok(wait_until($standby, 'app', $count, '1'), 'A6: the new primary finds the sessions of the old one');
	$standby->stop;
	$node->start;
	wait_until($node, 'app', $count, '1');
	wait_for_workers();
};

### Versions

subtest 'A6: version 1.0 of the extension' => sub {
	admin($node, 'postgres', 'CREATE DATABASE old');
	admin($node, 'old', q{CREATE EXTENSION session_audit VERSION '1.0'});
	my $position = log_position($node);
	$node->safe_psql('old', 'SELECT 1');
	set_clock(1);
	$node->safe_psql('old', 'SELECT 1');
	wait_until($node, 'app', q{SELECT last_pass_at > now() + interval '1 hour' FROM session_audit.keeper});
	wait_for_workers();
	is(admin($node, 'old', $partitions), 'log_default', 'A6: it has no keeper');
	unlike(slurp_file($node->logfile, $position), qr/ERROR/, 'A6: that is no error');
	admin($node, 'old', 'ALTER EXTENSION session_audit UPDATE');
	set_clock(2);
	$node->safe_psql('old', 'SELECT 1');
	ok(wait_until($node, 'old', "SELECT ($partitions) LIKE 'log\\_2%'"), 'A6: version 1.1 has one');
	wait_for_workers();
	set_clock(0);
	admin($node, 'postgres', 'DROP DATABASE old');
};

### What comes between

# Makes a pass on this day.
sub pass_on
{
	my ($day) = @_;
	set_clock($day);
	one_session();
	wait_until($node, 'app', "SELECT abs(extract(epoch FROM last_pass_at - now()) / 86400 - $day) < 0.5 FROM session_audit.keeper");
	return wait_for_workers();
}

subtest 'A6: a session that ends before a pass that drops the month' => sub {
	pass_on(10);
	my $client = open_session($node, 'alice');
	pass_on(11);
	is(admin($node, 'app', 'SELECT count(*) FROM session_audit.open_sessions WHERE ' . is_of($client)), 1, 'A6: the keeper knows of it');
	$client->quit;
	is(rows($client), "logon\nlogoff", 'A4: it has ended');
	$node->adjust_conf('postgresql.conf', 'session_audit.keep', '7');
	admin($node, 'app', 'ALTER TABLE session_audit.open_sessions RENAME TO away');
	pass_on(50);
	is(rows($client), "logon\nlogoff", 'A6: as long as the keeper cannot search, it drops nothing');
	like(admin($node, 'app', 'SELECT last_error FROM session_audit.status()'), qr/open_sessions" does not exist/, 'A6: and says why');
	admin($node, 'app', 'ALTER TABLE session_audit.away RENAME TO open_sessions');
	pass_on(80);
	is(rows($client), '', 'A6: it is not lost');
	is(admin($node, 'app', 'SELECT count(*) FROM session_audit.open_sessions WHERE ' . is_of($client)), 0, 'A6: and forgotten');
	$node->adjust_conf('postgresql.conf', 'session_audit.keep', '0');
	set_clock(0);
};

subtest 'A6: no standby confirms anything' => sub {
	my $holder = open_quiet_session($node);
	$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
	$node->append_conf('postgresql.conf', "$_ = '1s'") for 'session_triggers.logon_timeout', 'session_triggers.logoff_timeout';
	my $position = log_position($node);
	ok(pass_on(1), 'A6: the keeper waits for none');
	like(slurp_file($node->logfile, $position), qr/canceling wait for synchronous replication.*\n.*\n.*CONTEXT:  commit of event triggers on event after_user_logon/, 'F10: a logon does, up to its limit');
	$node->adjust_conf('postgresql.conf', $_, undef) for 'synchronous_standby_names', 'session_triggers.logon_timeout', 'session_triggers.logoff_timeout';
	set_clock(0);
	$holder->quit;
};

subtest 'A6: what may be added to the log' => sub {
	admin($node, 'app', 'DROP EXTENSION session_audit; CREATE EXTENSION session_audit');
	admin($node, 'app', <<'EOS');
ALTER TABLE session_audit.log ADD COLUMN note text DEFAULT 'noted', ADD COLUMN twice int GENERATED ALWAYS AS (count * 2) STORED,
    ADD CONSTRAINT positive CHECK (count > 0);
INSERT INTO session_audit.log (at, event, session_id, logon_at, count) VALUES (now(), 'logon', '1.1', now(), 1);
SELECT session_audit.add_month(now()::date);
SELECT session_audit.find_lost(now(), now() + interval '1 hour');
EOS
	is(admin($node, 'app', q{SELECT event, ended_by, note, twice, tableoid <> 'session_audit.log_default'::regclass FROM session_audit.log WHERE session_id = '1.1' ORDER BY at}),
		"logon||noted|2|t\nlost|crash|noted|2|t", 'A6: the keeper makes months, and finds what is lost');

	admin($node, 'app', 'DROP EXTENSION session_audit; CREATE EXTENSION session_audit; CREATE PUBLICATION everything FOR ALL TABLES');
	admin($node, 'app', <<'EOS');
INSERT INTO session_audit.log (at, event, session_id, logon_at) VALUES (now(), 'logon', '1.1', now()), ('-infinity', 'logon', '1.2', '-infinity');
SELECT session_audit.add_month(now()::date);
SELECT session_audit.find_lost(now(), now() + interval '1 hour');
SELECT session_audit.delete_rows(now(), 1);
SELECT session_audit.note_pass(now(), NULL);
SELECT session_audit.note_pass(now(), NULL);
EOS
	is(admin($node, 'app', q{SELECT event, tableoid <> 'session_audit.log_default'::regclass FROM session_audit.log WHERE session_id LIKE '1.%' ORDER BY at}),
		"logon|t\nlost|t\nlost|t", 'A6: also if all tables are published');
	admin($node, 'app', 'DROP PUBLICATION everything');
};

# Runs statements of which alice's logon waits for the first one's locks. Returns the errors of
# that session, and those in the server log.
sub logon_during
{
	my ($before, $after) = @_;
	my $position = log_position($node);
	my $holder = open_quiet_session($node);
	$holder->query("BEGIN; $before");
	my $client = connect_as($node, 'alice');
	wait_for_waiter();
	$holder->query($after);
	my @messages = $client->messages;
	$_->quit for $holder, $client;
	return errors_in(@messages) . join '', slurp_file($node->logfile, $position) =~ /^.*(?:ERROR|FATAL): .*$/mg;
}

subtest 'A1: a logon during DROP EXTENSION' => sub {
	admin($node, 'app', 'ALTER ROLE alice SET session_triggers.logon_failure = reject');
	for my $change ('', 'CREATE INDEX ON session_audit.log_default (at)')
	{
		admin($node, 'app', "DROP EXTENSION session_audit; CREATE EXTENSION session_audit; $change");
		is(rows(one_session()), "logon\nlogoff", 'A2: a session is recorded');
		wait_for_workers();
		is(logon_during('DROP EXTENSION session_audit', 'COMMIT'), '', 'A1: one that waits for DROP EXTENSION is not, and let in');
		admin($node, 'app', 'CREATE EXTENSION session_audit');
	}
};

$node->stop;
done_testing();
