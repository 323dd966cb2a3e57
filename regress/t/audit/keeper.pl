# The keeper of the session audit (rule A7): months that come and go, sessions that were
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
CREATE ROLE early LOGIN;
CREATE ROLE auditor LOGIN IN ROLE pg_monitor;
CREATE ROLE mallory LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
EOS

# Sets the clock of the core to this many days after today, from the next logon on. The writer
# reads the file, too, and thus notices when a day has passed.
sub set_clock
{
	my ($days) = @_;
	$node->adjust_conf('postgresql.conf', 'session_triggers.fault_days', $days);
	$node->reload;
	# Sessions that start from now on have the new value. The other database is one whose
	# settings no test changes.
	wait_until($node, 'app', 'SHOW session_triggers.fault_days', $days);
	return;
}

# Sets the clock, and waits for the pass that the keeper makes then, and for its end.
sub pass_on
{
	my ($day) = @_;
	# A pass that is asked for while another one runs is not made.
	wait_for_keeper();
	set_clock($day);
	wait_until($node, 'postgres', "SELECT abs(extract(epoch FROM last_pass_at - now()) / 86400 - $day) < 0.5 FROM session_audit.keeper");
	return wait_for_keeper();
}

# Waits until no keeper is left.
sub wait_for_keeper
{
	return wait_until($node, 'app', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session audit keeper'}, '0');
}

# Runs SQL in the database of the log.
sub in_log { return admin($node, 'postgres', $_[0]); }

# Opens a session of a role, alice by default, ends it as clients do, and returns it.
sub one_session
{
	my ($role) = @_;
	my $client = open_session($node, $role // 'alice');
	$client->quit;
	return $client;
}

# The condition on the log for the rows of a client's session.
sub rows_of
{
	my ($client) = @_;
	return q{split_part(session_id, '.', 2) = to_hex(} . $client->pid . ')';
}

# The statement that shows columns of these rows.
sub select_rows
{
	my ($client, $columns) = @_;
	return 'SELECT ' . ($columns // 'event') . ' FROM session_audit.log WHERE ' . rows_of($client) . q{ ORDER BY event = 'logon' DESC, event};
}

sub rows { return in_log(select_rows(@_)); }

# Tests that these rows are there soon, since nobody waits for the end of a session.
sub rows_become
{
	my ($client, $expected, $title, $columns) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(wait_until($node, 'postgres', select_rows($client, $columns), $expected), $title)
	  || diag('the log says: ' . rows($client, $columns));
}

# The names of the partitions, in order, from which those that do not exist are missing.
my $partitions = q{SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'session_audit.log'::regclass};
my @months = split /\n/, admin($node, 'app',
	q{SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + i * interval '1 month', '"log_"YYYY_MM') FROM generate_series(0, 5) i});
# How many days it is from today to the middle of each of these months.
my @days = split /\n/, admin($node, 'app',
	q{SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + i * interval '1 month' + interval '14 days')::date - (now() AT TIME ZONE 'UTC')::date FROM generate_series(0, 5) i});

sub has_partitions
{
	my ($title, @expected) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(in_log($partitions), join(' ', sort 'log_default', @expected), $title);
}

my $lost = q{SELECT count(*) FROM session_audit.log WHERE event = 'lost' AND login_user = 'alice'};

# Adds the row of a session that has logged on that day and does not run, of this server or
# another.
my $columns = '(at, event, session_id, login_user, system_identifier, logon_at)';
sub ghost
{
	my ($id, $system, $day) = @_;
	$day //= 0;
	$system //= '(SELECT system_identifier FROM pg_control_system())';
	return in_log("INSERT INTO session_audit.log $columns SELECT t, 'logon', '$id', 'ghost', $system, t FROM (SELECT clock_timestamp() + interval '$day days' AS t) clock");
}

sub ends_of_ghost
{
	my ($id) = @_;
	return "SELECT coalesce(string_agg(event || '|' || coalesce(ended_by, ''), ' '), '') FROM session_audit.log WHERE session_id = '$id' AND event <> 'logon'";
}

# The errors among a client's messages
sub errors_in
{
	return join "\n", map { $_->{M} } grep { $_->{type} eq 'E' } @_;
}

### Months

subtest 'A7: months' => sub {
	ok(start_audit($node), 'the audit is on');
	pass_on(0);
	has_partitions('A1, A7: the month and the next one are there with the log', @months[ 0, 1 ]);
	rows_become(one_session('early'), "session_audit.$months[0]\nsession_audit.$months[0]", 'A7: rows are in the partition of their month', 'tableoid::regclass');

	for my $month (1 .. 3)
	{
		pass_on($days[$month]);
		has_partitions("A7: in month $month, the next one is there", @months[ 0 .. $month + 1 ]);
		rows_become(one_session(), "session_audit.$months[$month]\nsession_audit.$months[$month]", "A7: month $month had its partition in time", 'tableoid::regclass');
	}

	# A month that is missing, and what has come meanwhile.
	in_log("DROP TABLE session_audit.$months[4]");
	my $at = "now() + interval '$days[4] days'";
	in_log("INSERT INTO session_audit.log $columns VALUES ($at, 'refused', 'early.row', 'x', 1, NULL)");
	is(in_log(q{SELECT tableoid::regclass FROM session_audit.log WHERE session_id = 'early.row'}), 'session_audit.log_default', 'log_default takes what has no other partition');
	pass_on($days[4]);
	has_partitions('A7: a month that is missing is made', @months);
	is(in_log(q{SELECT tableoid::regclass FROM session_audit.log WHERE session_id = 'early.row'}), "session_audit.$months[4]", 'A7: and gets its rows from log_default');
	is(in_log(q{SELECT count(*) FROM session_audit.log_default}), '0', 'A7: which is empty then');

	# Each has the indexes that the questions need, and nobody but pg_monitor reads it.
	is(in_log(q{SELECT count(DISTINCT n) FROM (SELECT count(*) AS n FROM pg_index i JOIN pg_inherits ON inhrelid = indrelid WHERE inhparent = 'session_audit.log'::regclass GROUP BY inhrelid) c}),
		'1', 'A9: all partitions have as many indexes');
	is(in_log(q{SELECT DISTINCT grantee::regrole, privilege_type, relowner = (SELECT relowner FROM pg_class WHERE oid = 'session_audit.log'::regclass) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid, aclexplode(relacl) WHERE inhparent = 'session_audit.log'::regclass AND grantee <> relowner}),
		'pg_monitor|SELECT|t', 'A9: pg_monitor reads all of them, and nobody else does');
};

subtest 'A7: retention' => sub {
	# A month that somebody needs stays, and the others are dropped.
	my $auditor = open_session($node, 'auditor', database => 'postgres');
	$auditor->query("CREATE TEMP VIEW needed AS SELECT * FROM session_audit.$months[0]");
	in_log(q{INSERT INTO session_audit.log (at) VALUES ('2001-01-01')});
	my $last = in_log(q{SELECT last_logon_at FROM session_audit.last_logons WHERE login_user = 'early'});
	isnt($last, '', 'A9: the first role has its last logon');

	# Of a month, the last day counts.
	$node->adjust_conf('postgresql.conf', 'session_audit.keep', '30');
	pass_on($days[4] + 1);
	has_partitions('A7: months that are older than session_audit.keep are dropped', @months[ 0, 3 .. 5 ]);
	like(in_log('SELECT last_error FROM session_audit.status()'),
		qr/^cannot drop table session_audit.$months[0] because other objects depend on it$/, 'A7: but for one that somebody needs, as status() says');
	is(in_log('SELECT count(*) FROM session_audit.log_default'), 0, 'A7: rows of log_default are deleted');
	$auditor->quit;
	wait_for_exit($node, $auditor);
	pass_on($days[4] + 2);
	has_partitions('A7: and it goes as soon as nobody does', @months[ 3 .. 5 ]);
	is(in_log(q{SELECT count(*) FROM session_audit.log WHERE login_user = 'early'}), '0', 'the rows of the first role are gone');
	is(in_log(q{SELECT last_logon_at FROM session_audit.last_logons WHERE login_user = 'early'}), $last, 'A9: its last logon is kept beyond that');
	is(in_log('SHOW session_audit.keep'), '30', 'S: session_audit.keep');
	$node->adjust_conf('postgresql.conf', 'session_audit.keep', '0');
	pass_on($days[4] + 200);
	is(in_log("SELECT to_regclass('session_audit.$months[3]') IS NOT NULL"), 't', 'S: 0 keeps all');
	pass_on(0);
	has_partitions('A7: months are those of the clock', in_log(q{SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid WHERE relname ~ '^log_2'}) =~ /(\S+)/g);
	ok(in_log("SELECT to_regclass('session_audit.$months[$_]') IS NOT NULL") eq 't', "A7: month $_ is there again") for 0, 1;
};

subtest 'A7: nobody waits' => sub {
	in_log("DROP TABLE session_audit.$months[1]");
	my $reader = open_session($node, 'root', database => 'postgres');
	$reader->query('BEGIN; SELECT count(*) FROM session_audit.log');
	my $position = log_position($node);
	pass_on(2);
	like(in_log('SELECT last_error FROM session_audit.status()'),
		qr/^canceling statement due to lock timeout$/, 'A7: the keeper gives up while somebody reads the log, and says so');
	like(slurp_file($node->logfile, $position), qr/55P03\|ERROR:  canceling statement due to lock timeout/, 'A7: in the server log as well');
	rows_become(one_session(), "logon\nlogoff", 'A7: logons are recorded meanwhile');
	one_session() for 1 .. 5;
	wait_for_keeper();
	is(() = slurp_file($node->logfile, $position) =~ /55P03\|ERROR/g, 1, 'A7: it does not try again at once');
	unlike(slurp_file($node->logfile, $position), qr/LOG:  \{"at"/, 'A6: nothing had to become a line');
	$reader->quit;
	wait_for_exit($node, $reader);
	pass_on(3);
	is(in_log("SELECT to_regclass('session_audit.$months[1]') IS NOT NULL"), 't', 'A7: it tries again later');
};

# Waits until one process waits for a lock.
sub wait_for_waiter
{
	return wait_until($node, 'app', q{SELECT count(*) FROM pg_locks WHERE NOT granted}, '1');
}

# Whoever waits for the log must not hold what the other needs next. The other finds out at once
# if it is in a deadlock.
sub no_deadlock
{
	my ($title, $lock, $waiter, $next) = @_;
	my ($holder, $client) = map { open_session($node, 'root', database => 'postgres') } 1 .. 2;
	$holder->query("BEGIN; SET LOCAL deadlock_timeout = '1ms'; $lock");
	$client->send_query("BEGIN; $waiter");
	wait_for_waiter();
	is(errors_in($holder->query("$next; ROLLBACK")), '', $title);
	my @messages = $client->messages;
	$_->quit for $holder, $client;
	return errors_in(@messages);
}

subtest 'A7: no deadlocks' => sub {
	no_deadlock("A7: add_month('$_') locks the log first", 'LOCK TABLE ONLY session_audit.log IN SHARE UPDATE EXCLUSIVE MODE',
		"SELECT session_audit.add_month('$_')", q{SELECT session_audit.add_month('2099-01-01')})
	  for '2099-01-01', '2001-01-01';
	no_deadlock('A7: so does status()', 'LOCK TABLE ONLY session_audit.log', 'SELECT * FROM session_audit.status()', 'LOCK TABLE session_audit.log');

	# DROP EXTENSION locks the tables in any order; the server looks for deadlocks after a second.
	my ($dropper, $keeper) = map { open_session($node, 'root', database => 'postgres') } 1 .. 2;
	$dropper->query('BEGIN; LOCK TABLE session_audit.keeper');
	$keeper->query('BEGIN; LOCK TABLE session_audit.log IN ACCESS SHARE MODE');
	$keeper->send_query(q{SELECT * FROM session_audit.find_lost(now(), now(), '')});
	is(errors_in($dropper->query('LOCK TABLE session_audit.log; ROLLBACK')), '', 'A7: the keeper gives up for who locks the tables in another order');
	is(errors_in($keeper->messages), 'canceling statement due to lock timeout', 'A7: and says so');
	$_->quit for $dropper, $keeper;
};

subtest 'A7, F7: what others can do to it' => sub {
	# The sessions that look on have begun before, and so have none of these settings.
	my $watcher = open_session($node, 'root', database => 'postgres');
	admin($node, 'app', "ALTER DATABASE postgres SET $_")
	  for 'default_transaction_read_only = on', q{statement_timeout = '1ms'}, 'role = alice', 'session_authorization = alice',
	  'search_path = hostile', 'row_security = off', q{lock_timeout = '1ms'}, 'default_transaction_isolation = serializable', 'session_replication_role = replica';
	my $position = log_position($node);
	set_clock(5);
	ok(poll_until(sub { return $watcher->query(q{SELECT last_pass_at > now() + interval '4 days' FROM session_audit.keeper}) eq 't' }),
		'F7: settings of the database do not reach it');
	admin($node, 'app', 'ALTER DATABASE postgres RESET ALL');
	is(errors_in($watcher->quit), '', 'the session that has looked on ends');
	wait_for_keeper();
	unlike(slurp_file($node->logfile, $position), qr/ERROR/, 'F7: there is no error');

	# The month's name is taken.
	in_log("DROP TABLE session_audit.$months[1]; CREATE TABLE session_audit.$months[1] (i int)");
	pass_on(7);
	is(in_log('SELECT last_error FROM session_audit.status()'), qq{table "$months[1]" is not a partition of the log},
		'A7: a table in the place of a partition is reported');
	in_log("DROP TABLE session_audit.$months[1]");
	pass_on(9);
	is(in_log("SELECT count(*) FROM pg_inherits WHERE inhrelid = to_regclass('session_audit.$months[1]')"), '1', 'A7: and replaced when it has gone');

	my $row = q{SELECT partitions > 2, oldest < newest, size > 0, last_pass_at > now(), writer > 0, failures, pending, dropped FROM session_audit.status()};
	is($node->safe_psql('postgres', $row, extra_params => [ '-U', 'auditor' ]), 't|t|t|t|t|0|0|0', 'A9: pg_monitor calls status()');
	my $may = q{SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'session_audit'::regnamespace AND has_function_privilege('%s', oid, 'EXECUTE')};
	is(in_log(sprintf $may, 'alice'), 'my_last_logon', 'A9, A15: one function of the extension is for users');
	is(in_log(sprintf $may, 'auditor'), 'check_gap check_known check_rows is_removed last_day last_logon_of my_last_logon noted_until removal_digest row_digest sessions_during shown state status stored_rows told_by verify', 'A9: pg_monitor calls what reads');
	is(in_log(q{SELECT has_schema_privilege('alice', 'session_audit', 'USAGE')}), 't', 'A15: which they can name');
};

# A role that was a superuser, or got something from a superuser, must not have the keeper run
# what it has written.
subtest 'A7, A1: rights' => sub {
	my $grab = q{LANGUAGE plpgsql AS $$BEGIN ALTER ROLE mallory SUPERUSER; END$$};
	my $is_superuser = q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'};
	my $day = 20;
	# A pass that does nothing else, as the server log says.
	my $refuses = sub {
		my ($title, $change, $repair) = @_;
		my $position = log_position($node);
		in_log($change);
		set_clock($day += 2);
		ok($node->wait_for_log(qr/ERROR:  objects of the session audit do not all belong to superusers/, $position), "A7: the keeper does not run with $title");
		wait_for_keeper();
		is(in_log($is_superuser), 'f', "A7: and mallory gains nothing by $title");
		cmp_ok(in_log('SELECT keeper_failures FROM session_audit.status()'), '>', 0, 'A1: status() tells of it');
		in_log($repair);
		pass_on($day += 2);
		return;
	};
	$refuses->('a function of another', <<"EOS", 'DROP EXTENSION session_audit; CREATE EXTENSION session_audit; REVOKE ALL ON SCHEMA session_audit FROM mallory');
GRANT ALL ON SCHEMA session_audit TO mallory;
ALTER FUNCTION session_audit.note_pass(timestamptz, text) OWNER TO mallory;
SET ROLE mallory;
CREATE OR REPLACE FUNCTION session_audit.note_pass(at timestamptz, error text) RETURNS void $grab
EOS
	$refuses->('more functions of another', "GRANT ALL ON SCHEMA session_audit TO mallory; SET ROLE mallory; CREATE FUNCTION session_audit.drop_months(timestamptz, bigint) RETURNS void $grab",
		'DROP FUNCTION session_audit.drop_months(timestamptz, bigint); REVOKE ALL ON SCHEMA session_audit FROM mallory');

	# Tables that the keeper changes, where their owner has a trigger. It would run with the
	# keeper's rights.
	in_log(q{CREATE SCHEMA own AUTHORIZATION mallory; SET ROLE mallory; CREATE FUNCTION own.grab() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN ALTER ROLE mallory SUPERUSER; RETURN coalesce(NEW, OLD); END$$});
	my $superuser = in_log('SELECT quote_ident(rolname) FROM pg_roles WHERE oid = 10');
	my ($month) = split /\n/, in_log(q{SELECT relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'session_audit.log'::regclass AND relname ~ '^log_2' ORDER BY 1});
	$node->adjust_conf('postgresql.conf', 'session_audit.keep', '100');
	for my $table ('log_default', 'keeper', 'open_sessions', 'kept_logons', $month)
	{
		# There is something to do in each of them.
		$refuses->($table . ' of another', <<"EOS", "DROP TRIGGER grab ON session_audit.$table; ALTER TABLE session_audit.$table OWNER TO $superuser; DELETE FROM session_audit.log WHERE session_id = 'x.y'");
INSERT INTO session_audit.log (at, event, session_id, logon_at, login_user_id, system_identifier)
SELECT t, 'logon', 'x.y', t, 10, system_identifier FROM pg_control_system(), (VALUES ('2001-01-01'::timestamptz), (now())) v (t);
GRANT USAGE ON SCHEMA session_audit TO mallory;
ALTER TABLE session_audit.$table OWNER TO mallory;
SET ROLE mallory;
CREATE TRIGGER grab BEFORE INSERT OR UPDATE OR DELETE ON session_audit.$table FOR EACH ROW EXECUTE FUNCTION own.grab();
EOS
	}
	in_log('DROP SCHEMA own CASCADE; REVOKE ALL ON SCHEMA session_audit FROM mallory');
	$node->adjust_conf('postgresql.conf', 'session_audit.keep', '0');
	pass_on($day += 2);
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

subtest 'A7: lost sessions' => sub {
	pass_on(0);
	my $ended = one_session();
	rows_become($ended, "logon\nlogoff", 'A4: a session that has ended');
	my @open = map { open_session($node, 'alice') } 1 .. 3;
	my $position = log_position($node);
	my $killed_at = in_log('SELECT clock_timestamp()');
	kill 'KILL', $open[0]->pid;
	wait_for_restart($position);
	ok(wait_until($node, 'postgres', $lost, '3'), 'A7: SIGKILL of one session, and all others with it');
	is(rows($_, "event, ended_by, logon_at < at, event = 'logon' OR at BETWEEN '$killed_at' AND clock_timestamp(), login_user, database, kind, auth_method, client_addr IS NULL, count"),
		"logon||f|t|alice|app|client|trust|t|1\nlost|crash|t|t|alice|app|client|trust|t|1", 'A7: each has one row') for @open;
	is(rows($ended), "logon\nlogoff", 'A7: not those that had ended');
	is(in_log(q{SELECT DISTINCT state, ended_by, duration > '0' FROM session_audit.sessions WHERE state = 'lost' AND login_user = 'alice'}), 'lost|crash|t', 'A9: the view');

	$_ = open_session($node, 'alice') for my ($first, $second);
	$node->stop('immediate');
	$node->start;
	my $running = open_session($node, 'alice');
	ok(wait_until($node, 'postgres', $lost, '5'), 'A7: an immediate shutdown');
	rows_become($_, "logon|\nlost|crash", 'A7: each has one row', 'event, ended_by') for $first, $second;
	is(rows($running), 'logon', 'A7: a session that runs is not lost');

	# Later passes find nothing new, also if the clock is set back.
	for my $day (3, -3, 5)
	{
		pass_on($day);
		is(rows($running), 'logon', "A7: nor is it on day $day");
		is(in_log($lost), 5, 'A7: no other session is, either');
	}
	pass_on(2);
	$running->quit;
	rows_become($running, "logon\nlogoff", 'A4: it ends as usual');
	pass_on(6);
	is(rows($running), "logon\nlogoff", 'A7: once, although the clock was set back before it did');
	pass_on(0);
};

# What is in the log without that anybody has been here.
subtest 'A7: sessions of other servers, and of nobody' => sub {
	ghost('7e000000.1');
	ghost('7e000000.2', 42);
	pass_on(2);
	ok(wait_until($node, 'postgres', ends_of_ghost('7e000000.1'), 'lost|'), 'A7: a session that has ended without a row was no crash');
	pass_on(4);
	is(in_log(ends_of_ghost('7e000000.1')), 'lost|', 'A7: it is found once');
	is(in_log(ends_of_ghost('7e000000.2')), '', 'A7: what came from another server is not lost');
	is(in_log(q{SELECT state FROM session_audit.sessions WHERE session_id = '7e000000.2'}), 'unknown', 'A9: and the view does not say that it runs');
	in_log(q{DELETE FROM session_audit.log WHERE login_user = 'ghost'});
	pass_on(0);
};

# The keeper hands over what it has found, but the writer does not write it yet.
subtest 'A7: the keeper dies half-way' => sub {
	my $day = 0;
	# With these, whoever adds a row waits for who has the same one added, and not committed.
	in_log("CREATE UNIQUE INDEX ON $_ (session_id) WHERE event = 'lost' AND login_user = 'ghost'")
	  for split /\n/, in_log(q{SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'session_audit.log'::regclass});
	for my $signal ('TERM', 'KILL')
	{
		my $id = '7e000001.' . ($signal eq 'TERM' ? 1 : 2);
		ghost($id, undef, $day);
		my ($holder, $watcher) = map { open_session($node, 'root', database => 'postgres') } 1 .. 2;
		$day += 2;
		$holder->query("BEGIN; INSERT INTO session_audit.log (at, event, session_id, login_user) VALUES (now() + interval '$day days', 'lost', '$id', 'ghost')");
		$node->adjust_conf('postgresql.conf', 'session_triggers.fault_days', $day);
		$node->reload;
		my $keeper;
		ok( poll_until(
				sub {
					$keeper = $watcher->query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'session audit keeper'});
					return $keeper && $watcher->query('SELECT pending FROM session_audit.state()') eq '1';
				}),
			'the keeper waits for the writer');
		my $position = log_position($node);
		kill $signal, $keeper;
		if ($signal eq 'KILL')
		{
			wait_for_restart($position);
		}
		else
		{
			ok(poll_until(sub { return $watcher->query("SELECT count(*) FROM pg_stat_activity WHERE pid = $keeper") eq '0'; }), 'the keeper ends');
			$_->quit for $holder, $watcher;
		}
		my $ends = "SELECT string_agg(event, ' ') FROM session_audit.log WHERE session_id = '$id' AND event <> 'logon'";
		ok(wait_until($node, 'postgres', $ends, 'lost'), "A7: SIG$signal: what it has found is written");
		pass_on($day += 2);
		is(in_log($ends), 'lost', "A7: SIG$signal: once");
	}

	pass_on(0);
};

subtest 'A7: a clean restart' => sub {
	my $before = in_log($lost);
	my $open = open_session($node, 'alice');
	my $last = in_log('SELECT last_pass_at FROM session_audit.keeper');
	$node->restart;
	is(rows($open, 'event, ended_by'), "logon|\nlogoff|shutdown", 'A4: a shutdown ends the session');
	ok(wait_until($node, 'postgres', "SELECT last_pass_at > '$last' FROM session_audit.keeper"), 'A7: the keeper makes a pass after the start');
	is(in_log($lost), $before, 'A7: nothing was lost');
	pass_on(2);
	is(in_log($lost), $before, 'A7: nor does a later one take it for lost');
	pass_on(0);
};

subtest 'A7: failover' => sub {
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	my $open = open_session($node, 'alice');
	my $ghost = "INSERT INTO session_audit.log $columns SELECT t, 'logon', '7e000000.9', 'ghost', 42, t FROM clock_timestamp() t";
	in_log($ghost);
	$node->wait_for_catchup($standby);
	my $count = "SELECT string_agg(ended_by, ' ') FROM session_audit.log WHERE event = 'lost' AND ended_by = 'crash' AND " . rows_of($open);
	is(admin($standby, 'postgres', $count), '', 'A7: a standby cannot search');
	is(admin($standby, 'postgres', 'SELECT state FROM session_audit.sessions WHERE ' . rows_of($open)), 'unknown', 'A9: it does not know whether a session of its primary runs');
	$node->stop('immediate');
	$standby->promote;
	ok(wait_until($standby, 'postgres', $count, 'crash'), 'A7: the new primary finds the sessions of the old one');
	is(admin($standby, 'postgres', ends_of_ghost('7e000000.9')), '', 'A7: but not those of another server');
	$standby->stop;
	$node->start;
	ok(wait_until($node, 'postgres', $count, 'crash'), 'A7: and so does the old one');
	in_log(q{DELETE FROM session_audit.log WHERE login_user = 'ghost'});
	wait_for_keeper();
};

### What comes between

subtest 'A7: a session that ends before a pass that drops the month' => sub {
	pass_on(10);
	my $client = open_session($node, 'alice');
	pass_on(11);
	is(in_log('SELECT count(*) FROM session_audit.open_sessions WHERE ' . rows_of($client)), 1, 'A7: the keeper knows of it');
	$client->quit;
	rows_become($client, "logon\nlogoff", 'A4: it has ended');
	$node->adjust_conf('postgresql.conf', 'session_audit.keep', '7');
	in_log('ALTER TABLE session_audit.open_sessions RENAME TO away');
	pass_on(50);
	is(rows($client), "logon\nlogoff", 'A7: as long as the keeper cannot search, it drops nothing');
	like(in_log('SELECT last_error FROM session_audit.status()'), qr/open_sessions" does not exist/, 'A7: and says why');
	in_log('ALTER TABLE session_audit.away RENAME TO open_sessions');
	pass_on(80);
	is(rows($client), '', 'A7: it is not lost');
	is(in_log('SELECT count(*) FROM session_audit.open_sessions WHERE ' . rows_of($client)), 0, 'A7: and forgotten');
	$node->adjust_conf('postgresql.conf', 'session_audit.keep', '0');
	pass_on(0);
};

subtest 'A7: no standby confirms anything' => sub {
	$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'\nsession_audit.timeout = '100ms'");
	ok(pass_on(2), 'A7: the keeper waits for none');
	$node->adjust_conf('postgresql.conf', $_, undef) for 'synchronous_standby_names', 'session_audit.timeout';
	$node->reload;
};

$node->stop;
log_is_clean($node, 'F12: nothing is left behind', expected => qr/was terminated by signal 9/);
done_testing();
