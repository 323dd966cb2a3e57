# What worked against audits of which each session wrote its own rows, tried against the one
# writer: nobody acts unrecorded, gains rights, or makes others wait (rules A1, A6 to A8, A14).
# What roles that are renamed, dumps, and the objects of others do is in records.pl and keeper.pl.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes qw(time);

# There are four workers: the launcher of logical replication and the writer have one each.
my $node = new_node('attacked', allows_streaming => 'logical', conf => <<'EOC');
autovacuum = off
max_worker_processes = 4
session_triggers.fault_days = 0
EOC
$node->start;
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE auditor LOGIN IN ROLE pg_monitor;
CREATE ROLE mallory LOGIN CREATEDB;
CREATE ROLE application LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
EOS

# Runs SQL in the database of the log.
sub in_log { return admin($node, 'postgres', $_[0]); }

my $is_superuser = q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'};

# The condition on the log for the rows of a client's session.
sub rows_of
{
	my ($client) = @_;
	return q{split_part(session_id, '.', 2) = to_hex(} . $client->pid . ')';
}

# Tests that a session of a role leaves both its rows.
sub is_recorded
{
	my ($title, $role, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $client = open_session($node, $role, %params);
	$client->quit;
	return ok(wait_until($node, 'postgres', q{SELECT string_agg(event, ' ' ORDER BY at) FROM session_audit.log WHERE } . rows_of($client), 'logon logoff'), $title);
}

# Sets the clock of the core to a later day, so that the keeper makes a pass, and all that
# waits is due.
my $day = 0;
sub let_days_pass
{
	my ($days) = @_;
	$day += $days;
	$node->adjust_conf('postgresql.conf', 'session_triggers.fault_days', $day);
	$node->reload;
	wait_until($node, 'postgres', 'SHOW session_triggers.fault_days', $day);
	return;
}

# The role that owns the log, and all its partitions.
my $owners = q{SELECT string_agg(DISTINCT rolsuper::text, ' ') FROM pg_class c JOIN pg_roles r ON r.oid = relowner WHERE relnamespace = 'session_audit'::regnamespace};
# What others than pg_monitor have been given.
my $grants = q{SELECT string_agg(relname || ' ' || grantee::regrole, ', ') FROM pg_class, aclexplode(relacl) WHERE relnamespace = 'session_audit'::regnamespace AND grantee NOT IN (relowner, 'pg_monitor'::regrole)};

### DDL event triggers

subtest 'A1, A7: event triggers on DDL' => sub {
	# One gives new tables to a role, one grants it all on them, one forbids new tables, and one dropping them.
	in_log(<<'EOS');
CREATE FUNCTION public.give_away() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP
        EXECUTE format('GRANT ALL ON %s TO application', made.object_identity);
        EXECUTE format('ALTER TABLE %s OWNER TO application', made.object_identity);
    END LOOP;
END
$$;
CREATE FUNCTION public.forbid() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no %', tg_tag; END$$;
CREATE EVENT TRIGGER give_away ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE EXTENSION') EXECUTE FUNCTION public.give_away();
CREATE EVENT TRIGGER forbid_create ON ddl_command_start WHEN TAG IN ('CREATE TABLE', 'CREATE EXTENSION', 'CREATE SCHEMA', 'ALTER TABLE') EXECUTE FUNCTION public.forbid();
CREATE EVENT TRIGGER forbid_drop ON sql_drop EXECUTE FUNCTION public.forbid();
EOS
	my ($status, undef, $error) = try_psql($node, 'postgres', 'CREATE TABLE t (i int)', extra_params => [ '-U', 'root' ]);
	like($error, qr/no CREATE TABLE/, 'the triggers are there');
	my $position = log_position($node);
	ok(start_audit($node), 'A1: no trigger forbids the log');
	is_recorded('A1: a session is recorded', 'alice');
	is(in_log($owners), 'true', 'A1: the log belongs to superusers alone');
	is(in_log($grants), '', 'A1: and nobody was given anything');
	my $months = q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'session_audit.log'::regclass};
	my $before = in_log($months);
	let_days_pass(100);
	ok(wait_until($node, 'postgres', $months, $before + 2), 'A7: no trigger forbids new months');
	is(in_log($owners), 'true', 'A7: and they are nobody else\'s');
	is(in_log($grants), '', 'A7: nor given to anybody');
	$node->append_conf('postgresql.conf', 'session_audit.keep = 60');
	let_days_pass(10);
	ok(wait_until($node, 'postgres', $months, $before), 'A7: no trigger forbids that old months are dropped');
	is(in_log('SELECT last_error FROM session_audit.status()'), '', 'A7: the keeper has no error');
	unlike(slurp_file($node->logfile, $position), qr/ERROR:  no /, 'A1: none of them has fired');
	in_log('ALTER EVENT TRIGGER forbid_drop DISABLE; DROP EVENT TRIGGER give_away; DROP EVENT TRIGGER forbid_create; DROP EVENT TRIGGER forbid_drop');
	$node->append_conf('postgresql.conf', 'session_audit.keep = 0');
	$node->reload;
};

### What was given away

subtest 'A1: the owner of a partition' => sub {
	my $superuser = in_log('SELECT quote_ident(rolname) FROM pg_roles WHERE oid = 10');
	is_recorded('a session is recorded', 'alice');
	my $month = in_log(q{SELECT tableoid::regclass FROM session_audit.log ORDER BY at DESC LIMIT 1});
	in_log(<<"EOS");
CREATE SCHEMA own AUTHORIZATION mallory;
GRANT USAGE ON SCHEMA session_audit TO mallory;
ALTER TABLE $month OWNER TO mallory;
SET ROLE mallory;
CREATE TABLE own.ran (who text);
GRANT ALL ON SCHEMA own TO PUBLIC;
GRANT ALL ON own.ran TO PUBLIC;
CREATE FUNCTION own.grab() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN
    INSERT INTO own.ran VALUES (current_user);
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ALTER ROLE mallory SUPERUSER; END IF;
    RETURN NEW;
END\$\$;
CREATE TRIGGER grab BEFORE INSERT ON $month FOR EACH ROW EXECUTE FUNCTION own.grab();
ALTER TABLE $month ENABLE ALWAYS TRIGGER grab;
EOS
	my $position = log_position($node);
	# The trigger would run for the rows of these.
	open_session($node, 'alice')->quit;
	$node->wait_for_log(qr/ERROR:  partition of the session audit does not belong to a superuser/, $position);
	is(in_log($is_superuser), 'f', 'A1: a row trigger of the owner of a partition does not run');
	is(in_log('SELECT count(*) FROM own.ran'), '0', 'A1: with nobody\'s rights');
	cmp_ok(in_log('SELECT failures FROM session_audit.status()'), '>', 0, 'A1: status() tells that nothing is written');

	# Who reads the log runs nothing of theirs.
	in_log(<<"EOS");
SET ROLE mallory;
CREATE FUNCTION own.policy() RETURNS bool LANGUAGE plpgsql AS \$\$BEGIN
    INSERT INTO own.ran VALUES (current_user);
    RETURN true;
END\$\$;
ALTER TABLE $month ENABLE ROW LEVEL SECURITY;
ALTER TABLE $month FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON $month USING (own.policy());
EOS
	for my $role ('auditor', 'root')
	{
		my $reader = open_session($node, $role, database => 'postgres', options => '-c default_transaction_read_only=off');
		my @errors = map { my $sql = $_; map { "$sql: $_->{M}" } grep { $_->{type} eq 'E' } $reader->query($sql) }
		  'SELECT * FROM session_audit.status()', 'SELECT count(*) FROM session_audit.log', 'SELECT count(*) FROM session_audit.sessions',
		  'SELECT count(*) FROM session_audit.last_logons', q{SELECT count(*) FROM session_audit.sessions_during(now() - interval '1 year', now())};
		is(join("\n", @errors), '', "A9: $role reads the log");
		$reader->quit;
	}
	let_days_pass(2);
	in_log('SELECT 1');
	is(in_log('SELECT count(*) FROM own.ran'), '0', 'A9: a policy on a partition runs with the rights of nobody who reads the log');
	is(in_log($is_superuser), 'f', 'A9: and gives its owner nothing');
	in_log("DROP SCHEMA own CASCADE; ALTER TABLE $month OWNER TO $superuser; ALTER TABLE $month DISABLE ROW LEVEL SECURITY; REVOKE ALL ON SCHEMA session_audit FROM mallory");
	ok(wait_until($node, 'postgres', 'SELECT failures FROM session_audit.status()', '0'), 'A6: it is mended by giving it back');
	is_recorded('A6: and a session is recorded', 'alice');
};

### Who owns a database

subtest 'A1, A2: the owner of a database' => sub {
	my $mallory = open_session($node, 'mallory', database => 'postgres');
	$mallory->query('CREATE DATABASE hers TEMPLATE template0');
	# Nothing of the audit is there to be dropped or disabled, and her settings do not count.
	my $hers = open_session($node, 'mallory', database => 'hers');
	is($hers->query(q{SELECT count(*) FROM pg_namespace WHERE nspname = 'session_audit'}), '0', 'A1: there is nothing in her database');
	is($hers->query(q{SELECT count(*) FROM pg_event_trigger}), '0', 'A1: nor a trigger');
	is(($hers->query('CREATE EXTENSION session_audit'))[0]{C}, '42501', 'A1: and she cannot make it');
	is(($hers->query("CREATE EVENT TRIGGER t ON login EXECUTE FUNCTION f()"))[0]{type}, 'E', 'nor an event trigger');
	for ('session_audit.enabled = off', 'session_audit.timeout = 1', 'session_audit.required = on', q{session_audit.database = 'hers'}, 'session_audit.log_to_server = on')
	{
		for my $command ("ALTER DATABASE hers SET $_", "ALTER ROLE mallory SET $_", "SET $_")
		{
			like(($hers->query($command))[0]{C}, qr/^(42501|55P02)$/, "S: she may not: $command");
		}
	}
	$hers->query("ALTER DATABASE hers SET $_") for q{synchronous_commit = off}, q{statement_timeout = '1ms'}, q{lock_timeout = '1ms'}, 'default_transaction_read_only = on';
	$hers->quit;
	is_recorded('A2: sessions there are recorded whatever its settings', 'alice', database => 'hers');
	is_recorded('A2: hers, too', 'mallory', database => 'hers', options => '-c event_triggers=off -c session_replication_role=origin') if int($node->pg_version) >= 19;

	# Refusals there are in the one log.
	is((connect_raw($node, user => 'nobody_here', database => 'hers')->messages)[-1]{C}, '28000', 'a logon is refused');
	is(($mallory->query('DROP DATABASE hers'))[0]{type}, 'C', 'she drops the database');
	let_days_pass(2);
	ok(wait_until($node, 'postgres', q{SELECT string_agg(database || ' ' || count, ',') FROM session_audit.log WHERE event = 'refused' AND login_user = 'nobody_here'}, 'hers 1'), 'A8: and its refusal is in the log');
	is(in_log(q{SELECT count(*) > 0 FROM session_audit.log WHERE database = 'hers' AND event = 'logon'}), 't', 'A2: so are its sessions');
	$mallory->quit;
};

# Each of them holds a lock on its database for as long as its owner likes.
subtest 'A8: databases that are locked' => sub {
	my $mallory = open_session($node, 'mallory', database => 'postgres');
	my @renaming;
	for my $number (1 .. 8)
	{
		$mallory->query("CREATE DATABASE d$number TEMPLATE template0");
		my $client = open_session($node, 'mallory', database => 'postgres');
		$client->query("BEGIN; ALTER DATABASE d$number RENAME TO e$number");
		push @renaming, $client;
	}
	# A logon there waits for the lock; one that is refused before does not, and is told of.
	connect_raw($node, user => 'late', database => "d$_")->messages for 1 .. 8;
	my $start = time;
	let_days_pass(2);
	ok(wait_until($node, 'postgres', q{SELECT sum(count) FROM session_audit.log WHERE event = 'refused' AND login_user = 'late'}, '8'), 'A8: refusals are written');
	cmp_ok(time - $start, '<', 8, 'A8: without a wait for each of them');
	is_recorded('A6: and sessions are recorded', 'alice');
	$_->query('ROLLBACK'), $_->quit for @renaming;
	$mallory->query("DROP DATABASE d$_") for 1 .. 8;
	$mallory->quit;
};

### Who takes all the workers

subtest 'A1, A8: one parallel query' => sub {
	in_log('GRANT CREATE ON SCHEMA public TO mallory');
	my $mallory = open_session($node, 'mallory', database => 'postgres');
	my @made = $mallory->query(<<'EOS');
CREATE FUNCTION slow(i int) RETURNS bool LANGUAGE plpgsql PARALLEL SAFE AS $$BEGIN PERFORM pg_sleep(600); RETURN true; END$$;
CREATE TABLE many AS SELECT generate_series(1, 10000) AS i;
ALTER TABLE many SET (parallel_workers = 8);
SET max_parallel_workers_per_gather = 8;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EOS
	is(join('', map { $_->{M} } grep { $_->{type} eq 'E' } @made), '', 'the query is prepared');
	$mallory->send_query('SELECT count(*) FROM many WHERE slow(i)');
	ok(wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}, '2'), 'it takes all workers that are left');

	my $writer = in_log(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'session audit writer'});
	isnt($writer, '', 'A1: the writer has its own');
	is_recorded('A1: sessions are recorded', 'alice');
	connect_raw($node, user => 'meanwhile', database => 'app')->messages;
	my $position = log_position($node);
	let_days_pass(2);
	ok(wait_until($node, 'postgres', q{SELECT sum(count) FROM session_audit.log WHERE event = 'refused' AND login_user = 'meanwhile'}, '1'), 'A8: refusals are recorded');
	like(slurp_file($node->logfile, $position), qr/could not start the session audit's keeper: no background worker is free/, 'A7: that the keeper finds none is told');
	# Its place is kept while it is not there.
	admin($node, 'app', "SELECT pg_terminate_backend($writer)");
	is_recorded('A1: nobody takes its worker when it ends', 'alice');
	is(scalar(audit_lines($node, $position)), 0, 'A6: nothing had to become a line');
	admin($node, 'postgres', 'SELECT pg_cancel_backend(' . $mallory->pid . ')');
	$mallory->messages;
	$mallory->query('DROP TABLE many; DROP FUNCTION slow(int)');
	$mallory->quit;
	in_log('REVOKE CREATE ON SCHEMA public FROM mallory');
	let_days_pass(2);
	ok(wait_until($node, 'postgres', "SELECT last_pass_at > now() + interval '$day days' - interval '1 hour' FROM session_audit.status()"), 'A7: the keeper makes its pass when there is one');
};

### Other servers

# A month that the publisher has, and the subscriber has not: its clock is another one.
# As the page of the audit says: without the option a month that the subscriber lacks stops all
# replication.
subtest 'A14: a subscriber that lacks a month' => sub {
	my $subscriber = new_node('subscriber', conf => 'session_audit.database = postgres');
	$subscriber->start;
	wait_until($subscriber, 'postgres', q{SELECT to_regclass('session_audit.log') IS NOT NULL});
	admin($_, 'postgres', 'CREATE TABLE other (i int PRIMARY KEY)') for $node, $subscriber;
	# Both have the same tables when it begins.
	my $missing = admin($node, 'postgres', q{SELECT string_agg(format('SELECT session_audit.add_month(%L)', substring(relname FROM 5) || '_01'), '; ') FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'session_audit.log'::regclass AND relname ~ '^log_2'}) =~ s/(\d{4})_(\d\d)_01/$1-$2-01/gr;
	admin($subscriber, 'postgres', $missing);
	admin($node, 'postgres', 'CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = true)');
	admin($subscriber, 'postgres', q{CREATE SUBSCRIPTION everything CONNECTION '} . $node->connstr . q{ dbname=postgres user=root' PUBLICATION everything WITH (copy_data = false)});
	in_log('INSERT INTO other VALUES (1)');
	ok(wait_until($subscriber, 'postgres', 'SELECT count(*) FROM other', '1'), 'the subscriber follows');
	in_log(q{SELECT session_audit.add_month('2040-01-01'); INSERT INTO session_audit.log (at, event) VALUES ('2040-01-02', 'refused')});
	in_log('INSERT INTO other VALUES (2)');
	ok(wait_until($subscriber, 'postgres', 'SELECT count(*) FROM other', '2'), 'A14: a month that it lacks does not stop it');
	is_recorded('A14: nor the audit', 'alice');
	$subscriber->stop('immediate');
	in_log(q{SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active});
	wait_until($node, 'postgres', 'SELECT count(*) FROM pg_replication_slots WHERE active', '0');
	in_log(q{SELECT pg_drop_replication_slot('everything'); DROP PUBLICATION everything; DROP TABLE other});
};

$node->stop;
log_is_clean($node, 'F12: nothing is left behind');
done_testing();
