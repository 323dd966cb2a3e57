# The digests of the session audit (rule A10): what becomes of a log that somebody has changed, of
# one that has been shortened by its own rules, and of one that goes on on another server.
use strict;
use warnings FATAL => 'all';

use Digest::SHA 'sha256';
use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('evidence', allows_streaming => 1, conf => <<'EOC');
autovacuum = off
restart_after_crash = on
session_triggers.fault_days = 0
EOC
$node->start;
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE auditor LOGIN IN ROLE pg_monitor;
CREATE ROLE root LOGIN SUPERUSER;
EOS
start_audit($node);

sub in_log { return admin($node, 'postgres', $_[0]); }

# So many sessions of alice's, all of which are written at the end.
sub sessions
{
	my ($number) = @_;
	open_session($node, 'alice')->quit for 1 .. $number;
	return wait_until($node, 'postgres', q{SELECT pending = 0 FROM session_audit.state()});
}

# What verify() says: the problem, and the number of the row.
sub verdict
{
	my ($arguments, $before) = @_;
	my $sql = sprintf 'SELECT problem, number FROM session_audit.verify(%s)', $arguments // '';
	# Nothing that was changed for it stays so.
	return in_log(defined $before ? "BEGIN; $before; $sql; ROLLBACK" : $sql);
}

my $fine = '|';

# Computes the digests anew from a row on, as somebody would who has changed it.
my $rewrite = <<'EOS';
DO $$
DECLARE
    l session_audit.log;
    before bytea := (SELECT digest FROM session_audit.log WHERE number = 3);
BEGIN
    FOR l IN SELECT * FROM session_audit.log WHERE number > 3 ORDER BY number LOOP
        before := session_audit.row_digest(before, l);
        UPDATE session_audit.log SET digest = before WHERE number = l.number;
    END LOOP;
END
$$
EOS

# Adds a row like number 4 with another content to log_default, where few would look for it.
sub forge
{
	my ($change) = @_;
	return "CREATE TEMP TABLE forged ON COMMIT DROP AS SELECT * FROM session_audit.log WHERE number = 4; UPDATE forged SET at = '2001-01-01', login_user = 'x', $change; INSERT INTO session_audit.log SELECT * FROM forged";
}

sessions(6);

subtest 'A10: each row has a number, and a digest over itself and the one before' => sub {
	is(verdict(), $fine, 'A10: nothing was changed');
	is(in_log('SELECT min(number), count(*) = max(number), count(DISTINCT number) = count(*), min(timeline), max(timeline) FROM session_audit.log'),
		'1|t|t|1|1', 'A10: the numbers have no gaps');
	is(in_log('SELECT v.first_number, v.last_number = max(l.number), v.last_timeline FROM session_audit.verify() v, session_audit.log l GROUP BY v.first_number, v.last_number, v.last_timeline'),
		'1|t|1', 'A10: verify() says which rows it has seen');
	is($node->safe_psql('postgres', 'SELECT problem FROM session_audit.verify()', extra_params => [ '-U', 'auditor' ]),
		'', 'A10: a member of pg_monitor can verify the log');

	# As somebody computes it who has nothing but the rows.
	my $file = in_log('SHOW data_directory') . '/rows';
	my $columns = in_log(q{SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'session_audit.log'::regclass AND attnum > 0 AND attname <> 'digest'});
	in_log("COPY (SELECT digest, $columns FROM session_audit.log WHERE number <= 12 ORDER BY number) TO '$file' (FORMAT binary)");
	my $rows = slurp_file($file);
	# The signature, the flags, and no more than that.
	my $at = 19;
	my ($digest, $right) = ("\0" x 32, 0);
	while ((my $fields = unpack 'n', substr $rows, $at, 2) != 0xffff)
	{
		my $stored = substr $rows, $at + 6, 32;
		my $start = $at += 38;
		for (2 .. $fields)
		{
			my $length = unpack 'N', substr $rows, $at, 4;
			$at += 4 + ($length == 0xffffffff ? 0 : $length);
		}
		$digest = sha256($digest . substr $rows, $start, $at - $start);
		$right++ if $digest eq $stored;
	}
	is($right, 12, 'A10: who has the rows can compute the digests without a server');
};

subtest 'A10: what somebody changes is named' => sub {
	sessions(1);
	my $last = in_log('SELECT max(number) FROM session_audit.log');
	my %tampering = (
		q{UPDATE session_audit.log SET application_name = 'x' WHERE number = 4} => 'changed|4',
		q{UPDATE session_audit.log SET client_addr = '192.0.2.1' WHERE number = 1} => 'changed|1',
		q{UPDATE session_audit.log SET at = at - interval '1 microsecond' WHERE number = 4} => 'changed|4',
		q{UPDATE session_audit.log SET context = '{}' WHERE number = 4} => 'changed|4',
		q{UPDATE session_audit.log SET digest = NULL WHERE number = 4} => 'changed|4',
		q{UPDATE session_audit.log SET digest = '\x00' WHERE number = 4} => 'changed|4',
		q{UPDATE session_audit.log l SET login_user = 'x', digest = session_audit.row_digest((SELECT digest FROM session_audit.log WHERE number = 3), l) WHERE number = 4} => 'changed|4',
		q{UPDATE session_audit.log SET number = 9 - number WHERE number IN (4, 5)} => 'changed|4',
		q{DELETE FROM session_audit.log WHERE number = 4} => 'deleted|4',
		q{DELETE FROM session_audit.log WHERE number < 4} => 'deleted|1',
		"DELETE FROM session_audit.log WHERE number > $last - 2" => 'deleted|' . ($last - 1),
		q{DELETE FROM session_audit.log} => 'deleted|1',
		q{UPDATE session_audit.log SET number = number + 1 WHERE number > 3} => 'deleted|4',
		q{UPDATE session_audit.log SET system_identifier = 1 WHERE number = 4} => 'deleted|4',
		q{INSERT INTO session_audit.log (at, event, system_identifier) SELECT now(), 'logon', system_identifier FROM pg_control_system()} => 'inserted|',
		q{INSERT INTO session_audit.log (at, event) VALUES (now(), 'logon')} => 'inserted|',
		(map { (forge("number = $_") => "inserted|$_") } -1, 0),
		forge('system_identifier = NULL') => 'inserted|4',
		forge('number = NULL') => 'inserted|',
		q{INSERT INTO session_audit.log SELECT * FROM session_audit.log WHERE number = 4} => 'inserted|4',
		"INSERT INTO session_audit.log (number, at, event, system_identifier) SELECT $last + 1, now(), 'logon', system_identifier FROM pg_control_system()" => 'changed|' . ($last + 1));
	is(verdict('', $_), $tampering{$_}, "A10: $_") for sort keys %tampering;

	# What follows was all computed anew.
	my $known = join ', ', map { "'$_'" } split /\|/,
	  in_log(q{SELECT number, timeline, encode(digest, 'hex') FROM session_audit.log WHERE number = 8});
	is(verdict($known), $fine, 'A10: the digest of a row is known, and nothing was changed');
	my $before = "UPDATE session_audit.log SET login_user = 'x' WHERE number = 4; $rewrite";
	is(verdict('', $before), $fine, 'A10: who computes all digests anew is not seen');
	is(verdict($known, $before), 'changed|8', 'A10: but is where one digest is kept elsewhere');
	is(verdict($known, "DELETE FROM session_audit.log WHERE number >= 8; UPDATE session_audit.log SET number = number"),
		'deleted|8', 'A10: and so is the end of a log that was cut off');
	is(verdict("$known, since => 6", "UPDATE session_audit.log SET login_user = 'x' WHERE number = 4"),
		$fine, 'A10: one may look at the last rows only');
	my ($number, $timeline, $digest) = $known =~ /'(.*?)'/g;
	is(verdict("$number, $timeline, '$_'"), $fine, "A10: the digest may be written as $_") for "\\x$digest", uc $digest, " \t$digest ";
	for my $wrong ($number, "$number, $timeline", "known_digest => '$digest'", "$number, $timeline, 'x'", "$number, $timeline, '${digest}00'")
	{
		my ($status, undef, $error) = try_psql($node, 'postgres', "SELECT session_audit.verify($wrong)", extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
		like($error, qr/ERROR:  22023/, "A10: verify($wrong) is refused");
	}

	# A failover that has not been.
	$before = "UPDATE session_audit.log SET timeline = 2 WHERE number >= 4; $rewrite";
	is(verdict($_, $before), 'changed|4', 'A10: rows of a timeline that the server has not come to are no lost ones') for '', $known;

	# What somebody does to the catalogs, so that nothing is found.
	my ($index) = in_log(q{SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'session_audit.log_default'::regclass AND indexrelid::regclass::text ~ '_number$'});
	my $forged = forge('number = number');
	my $ready = "UPDATE pg_index SET indisready = %s WHERE indexrelid = '$index'::regclass";
	is(verdict('', join '; ', sprintf($ready, 'false'), $forged, sprintf($ready, 'true')), 'inserted|', 'A10: a row that is in no index is found');
	is(verdict('', join '; ', $forged, 'ALTER TABLE session_audit.log_default ADD CONSTRAINT lie CHECK (number < 0) NOT VALID',
			q{UPDATE pg_constraint SET convalidated = true WHERE conname = 'lie'}, q{UPDATE pg_class SET relname = relname WHERE relname = 'log_default'}),
		'inserted|4', 'A10: so is one that a constraint says is not there');
	my ($status, undef, $error) = try_psql($node, 'postgres', "BEGIN; CREATE POLICY hide ON session_audit.log USING (login_user <> 'x'); UPDATE pg_class SET relrowsecurity = true WHERE oid = 'session_audit.log'::regclass; $forged; SET ROLE auditor; SELECT session_audit.verify()");
	like($error, qr/query would be affected by row-level security policy for table "log"/, 'A10: a policy hides none from those who read the log');

	is(verdict(), $fine, 'A10: nothing of that was kept');

	# What is written while it waits is not taken for what is missing.
	for my $begin ('', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1')
	{
		my ($holder, $waits) = map { open_quiet_session($node, database => 'postgres') } 1, 2;
		$holder->query('SELECT pg_advisory_lock(42)');
		$waits->query($_) for split /; /, $begin;
		$waits->send_query(q{WITH lock AS MATERIALIZED (SELECT pg_advisory_lock(42)::text AS got) SELECT concat_ws('|', problem, number) FROM lock, session_audit.verify(since => length(got) + 1)});
		ok(wait_for_event($node, $waits, 'advisory'), 'A10: it has begun');
		sessions(2);
		$holder->quit;
		my ($row) = grep { $_->{type} eq 'D' } $waits->messages;
		is($row->{values}[0], '', 'A10: rows that come meanwhile are no problem');
		$waits->quit;
	}
};

subtest 'A10: digests go to the server log' => sub {
	my $position = log_position($node);
	sessions(1);
	$node->restart;
	my ($line, @more) = lines_of($node, $position, 'digest');
	is(scalar(@more), 0, 'A10: one at a shutdown');
	is_deeply([ sort keys %$line ], [qw(at database_id digest event number system_identifier timeline)], 'A10: with what identifies the row');
	is(verdict("$line->{number}, $line->{timeline}, '$line->{digest}', server => '$line->{system_identifier}'"), $fine, 'A10: the row has this digest');

	sessions(2);
	is(verdict(), $fine, 'A10: a restart leaves no gap');
	my $writer = writer($node);
	admin($node, 'postgres', "SELECT pg_terminate_backend($writer)");
	poll_until(sub { my $other = writer($node); $other && $other ne $writer });
	sessions(2);
	is(verdict(), $fine, 'A10: nor does another writer');
	$node->stop('immediate');
	$node->start;
	wait_for_writer($node);
	sessions(2);
	is(verdict(), $fine, 'A10: nor does a crash');
	# A batch that was not committed has used no number.
	in_log(q{ALTER ROLE alice SET session_audit.timeout = '10ms'});
	my $root = open_session($node, 'root', database => 'postgres');
	$root->query('BEGIN; LOCK TABLE session_audit.log IN ACCESS EXCLUSIVE MODE');
	my $client = open_session($node, 'alice');
	$root->query('ROLLBACK');
	$client->quit;
	sessions(1);
	is(verdict(), $fine, 'A10: nor does a failure');
};

subtest 'A10: what the audit removes itself is told apart' => sub {
	# Rows of the time before last month, between those of today.
	$node->adjust_conf('postgresql.conf', 'session_triggers.fault_days', -70);
	$node->reload;
	wait_until($node, 'app', 'SHOW session_triggers.fault_days', -70);
	in_log(q{SELECT session_audit.add_month((now() - interval '70 days')::date)});
	sessions(2);
	$node->adjust_conf('postgresql.conf', 'session_triggers.fault_days', 0);
	$node->reload;
	wait_until($node, 'app', 'SHOW session_triggers.fault_days', 0);
	sessions(1);
	is(verdict(), $fine, 'A10: rows are in the order of their numbers, whatever their time');
	my ($first, $last, $digest) = split /\|/, in_log(q{SELECT min(number), max(number), (SELECT encode(digest, 'hex') FROM session_audit.log ORDER BY at < now() - interval '40 days' DESC, number DESC LIMIT 1) FROM session_audit.log WHERE at < now() - interval '40 days'});
	cmp_ok($last - $first, '>=', 3, 'there are rows to remove');
	is(verdict('', q{SELECT session_audit.drop_months(now(), 30)}), "\nunconfirmed|$first", 'A10: what was removed is not believed as long as the log does not say so');

	# The keeper removes them, and says so.
	in_log(q{ALTER SYSTEM SET session_audit.keep = 30});
	$node->reload;
	$node->restart;
	# Whoever reads the log meanwhile keeps it from that.
	wait_until($node, 'postgres', q{SELECT count(*) FROM session_audit.keeper WHERE last_pass_at > pg_postmaster_start_time()}, '1');
	wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM session_audit.log WHERE event = 'changed' AND context->>'change' = 'rows removed'});
	is(in_log(qq{SELECT context->>'first_number' = '$first', context->>'last_number' = '$last' FROM session_audit.log WHERE context->>'change' = 'rows removed'}),
		't|t', 'A10: the log says what was removed');
	is(verdict(), $fine, 'A10: and that is no problem');
	is(in_log("SELECT removed = $last - $first + 1 FROM session_audit.verify()"), 't', 'A10: it is counted');
	is(verdict("$last, 1, '$digest'"), $fine, 'A10: the digest of the last row that was removed is still known');
	is(verdict("$first, 1, '$digest'"), "removed|$first", 'A10: that of another one is not');
	is(verdict('', "DELETE FROM session_audit.log WHERE number = $last + 1"), "deleted|$first", 'A10: more must not be missing');
	is(verdict('', 'DELETE FROM session_audit.log WHERE number = 5; SELECT session_audit.note_removal(tableoid) FROM session_audit.log LIMIT 0'),
		'deleted|5', 'A10: elsewhere neither');
	is(verdict('', q{INSERT INTO session_audit.removed SELECT system_identifier, 5, 5, digest, now(), 'x' FROM session_audit.log WHERE number = 5; DELETE FROM session_audit.log WHERE number = 5}),
		'unconfirmed|5', 'A10: nor what somebody says was removed');
	is(verdict('', "UPDATE session_audit.removed SET last_digest = '\\x00'"), 'changed|' . ($last + 1), 'A10: nor may that be changed');
	is(verdict('', "UPDATE session_audit.removed SET removed_at = removed_at - interval '1 us'; DELETE FROM session_audit.log WHERE number = $last + 2"), 'deleted|' . ($last + 2), 'A10: what is wrong goes before what is not confirmed');
	in_log('ALTER SYSTEM RESET session_audit.keep');
	$node->reload;
};

subtest 'A10: a dump, and what goes on elsewhere' => sub {
	my $own = in_log('SELECT system_identifier FROM pg_control_system()');
	my $dump = $node->backup_dir . '/log.dump';
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
	my $other = new_node('evidence_other');
	$other->start;
	$other->safe_psql('postgres', 'CREATE DATABASE restored');
	$node->command_ok([ 'pg_restore', '-d', $other->connstr('restored'), $dump ], 'pg_restore');
	is($other->safe_psql('restored', "SELECT problem, number, last_number > 20 FROM session_audit.verify(server => '$own')"), '||t', 'A10: a restored log is whole');
	is($other->safe_psql('restored', q{SELECT problem, last_number FROM session_audit.verify()}), '|', 'A10: this server has written nothing to it');
	$other->stop;

	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('evidence_standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	sessions(1);
	$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
	is($standby->safe_psql('postgres', 'SELECT problem FROM session_audit.verify()'), '', 'A10: a standby can verify the log');
	my $last = q{SELECT format('%s, %s, ''%s''', last_number, last_timeline, last_digest) FROM session_audit.verify()};
	$standby->stop;
	sessions(2);
	my $lost = in_log($last);
	$node->stop;
	my $position = log_position($standby);
	$standby->start;
	# It may have got more than was waited for.
	my $kept = admin($standby, 'postgres', $last);
	$standby->promote;
	wait_for_writer($standby);
	$node = $standby;
	is(verdict($lost), 'lost|' . ((split /,/, $kept)[0] + 1), 'A10: rows that a failover has lost are told from those that were deleted');
	sessions(4);
	is(verdict(), $fine, 'A10: the new primary goes on where it was');
	is(in_log('SELECT max(timeline) FROM session_audit.log'), 2, 'A10: on its timeline');
	is(verdict($kept), $fine, 'A10: what it had is whole');
	my $line;
	poll_until(sub { ($line) = grep { $_->{timeline} == 2 } lines_of($node, $position, 'digest'); return $line; });
	is(in_log("SELECT '$line->{at}' - min(at) < interval '30 s' FROM session_audit.log WHERE timeline = 2"), 't', 'A10: a digest of the new timeline is in the server log at once');
	my $later = "$line->{number}, 2, '$line->{digest}'";
	is(verdict($later), $fine, 'A10: which the row has');
	# A failover that has been, but not as early.
	my $from = (split /,/, $kept)[0] - 3;
	my $rewritten = "UPDATE session_audit.log SET timeline = 2 WHERE number > $from; " . ($rewrite =~ s/\b3\b/$from/gr);
	is(verdict('', $rewritten), $fine, 'A10: who says that it was earlier, and computes all digests anew, is not seen');
	is(verdict($kept, $rewritten), 'lost|' . ($from + 1), 'A10: nor told from a failover that was, by a digest of the timeline before');
	is(verdict($later, $rewritten), "changed|$line->{number}", 'A10: but is by one of the later timeline');
	is(in_log("BEGIN ISOLATION LEVEL REPEATABLE READ; DELETE FROM session_audit.log WHERE timeline = 2; SELECT problem FROM session_audit.verify($lost); ROLLBACK"),
		'lost', 'A10: the lost rows are so also before the first row on the new timeline');
	$last = in_log('SELECT max(number) FROM session_audit.log');
	is(verdict('', "UPDATE session_audit.log SET timeline = 1 WHERE number = $last; UPDATE session_audit.log l SET digest = session_audit.row_digest((SELECT digest FROM session_audit.log WHERE number = $last - 1), l) WHERE number = $last"),
		"changed|$last", 'A10: it does not go back to the timeline before');
	is(verdict($lost), 'lost|' . ((split /,/, $kept)[0] + 1), 'A10: and the lost rows are still told from others of the same numbers');
};

log_is_clean($node);
$node->stop;

done_testing();
