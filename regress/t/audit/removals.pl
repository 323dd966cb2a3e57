# What is removed from the log on purpose, and what verify() says of it (rules A7, A10, A14): by whom,
# whose rows they are, and what is known when.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('removals', conf => <<'EOC');
autovacuum = off
session_triggers.fault_days = 0
EOC
$node->start;
create_app($node, 'CREATE ROLE alice LOGIN; CREATE ROLE root LOGIN SUPERUSER');
start_audit($node);

sub in_log { return admin($node, 'postgres', $_[0]); }

# A session of alice's on another day, which is written at the end.
sub session_on
{
	my ($day) = @_;
	$node->adjust_conf('postgresql.conf', 'session_triggers.fault_days', $day);
	$node->reload;
	wait_until($node, 'app', 'SHOW session_triggers.fault_days', $day);
	open_session($node, 'alice')->quit;
	return wait_until($node, 'postgres', q{SELECT pending = 0 FROM session_audit.state()});
}

# What verify() says: the problem, and the number of the row.
sub verdict
{
	my ($arguments, $before) = @_;
	my $sql = sprintf 'SELECT problem, number FROM session_audit.verify(%s)', $arguments // '';
	return in_log(defined $before ? "BEGIN; $before; $sql; ROLLBACK" : $sql);
}

my $fine = '|';

# Has the keeper make a pass, as it does when the server starts. Whoever reads the log meanwhile keeps
# it from dropping a month.
sub have_keeper_come
{
	$node->restart;
	return wait_until($node, 'postgres', q{SELECT count(*) FROM session_audit.keeper WHERE last_pass_at > pg_postmaster_start_time()}, '1');
}

# How many rows of the log tell that something was removed, and of which server.
my $told = q{SELECT count(*), min(context->>'system_identifier') FROM session_audit.log WHERE event = 'changed' AND context->>'change' = 'rows removed'};
my $own = in_log('SELECT system_identifier FROM pg_control_system()');

# Rows of another server, as a subscription or pg_restore brings them: 1 to 20 of a month that is old.
sub add_other_rows
{
	in_log(q{SELECT session_audit.add_month((now() - interval '100 days')::date)});
	return in_log(<<'EOS');
DO $$
DECLARE
    l session_audit.log;
BEGIN
    FOR i IN 1..30 LOOP
        l.number := i;
        l.timeline := 1;
        l.at := now() - CASE WHEN i <= 20 THEN interval '100 days' ELSE interval '1 second' END;
        l.event := 'logon';
        l.system_identifier := 4711;
        l.digest := session_audit.row_digest(l.digest, l);
        INSERT INTO session_audit.log SELECT l.*;
    END LOOP;
END
$$
EOS
}

subtest 'A10, A14: rows of another server' => sub {
	add_other_rows();
	is(verdict('server => 4711'), $fine, 'A14: rows of another server can be verified');
	is(verdict('server => 4711', 'SELECT session_audit.drop_months(now(), 30)'), "\nunconfirmed|1", 'A10: what was just removed is not called deleted');
	in_log('ALTER SYSTEM SET session_audit.keep = 30');
	have_keeper_come();
	is(in_log('SELECT min(number) FROM session_audit.log WHERE system_identifier = 4711'), 21, 'A7: the keeper has dropped the month');
	ok(wait_until($node, 'postgres', $told, '1|4711'), 'A10: a row of the log says whose rows were removed');
	is(verdict('server => 4711'), $fine, 'A10, A14: that is no problem');
	is(in_log('SELECT removed, detail FROM session_audit.verify(server => 4711)'),
		"20|that rows were removed is in rows of server $own: verify these, too", 'A10: verify() says who has removed them');
	is(verdict(), $fine, 'A10: and these are whole');
	my %others = (
		'number = -1' => 'a row that is in no chain',
		'system_identifier = 4712' => 'a row of a third server',
		"context = jsonb_set(context, '{system_identifier}', '\"$own\"')" => 'a row about another server');
	is(verdict('server => 4711', "UPDATE session_audit.log SET $_ WHERE context->>'change' = 'rows removed'"),
		'unconfirmed|1', "A10: $others{$_} tells of nothing") for sort keys %others;
	in_log('ALTER SYSTEM RESET session_audit.keep');
	$node->reload;
};

subtest 'A7, A10: a month is archived' => sub {
	my $month = in_log(q{SELECT session_audit.add_month((now() - interval '70 days')::date)});
	session_on(-70);
	session_on(0);
	is(verdict(), $fine, 'A10: nothing is missing');
	my ($first, $last) = split /\|/, in_log("SELECT min(number), max(number) FROM $month");
	my $detach = "ALTER TABLE session_audit.log DETACH PARTITION $month";
	my $archive = "SELECT session_audit.note_removal('$month'); $detach";
	is(verdict('', $detach), "deleted|$first", 'A10: what is detached without a note is missing');
	is(verdict('', $archive), "\nunconfirmed|$first", 'A10: with one, it is not called deleted in the same transaction');
	my $known = in_log("SELECT format('%s, %s, ''%s''', number, timeline, encode(digest, 'hex')) FROM session_audit.log WHERE number = $first");
	# The keeper comes at once, but not as long as nobody can have it started.
	my $writer = wait_for_writer($node);
	kill STOP => $writer;
	in_log("BEGIN; $archive; COMMIT");
	is(verdict(), "unconfirmed|$first", 'A10: nor before the keeper has come');
	is(verdict($known), "unconfirmed|$first", 'A10: nor is that taken as settled if a digest of these rows is known');
	like(in_log("SELECT detail FROM session_audit.verify($known)"), qr/may also have been deleted; the row of the digest was removed, too, and its digest is not known\z/,
		'A10: verify() says that this cannot be compared');
	kill CONT => $writer;
	ok(wait_until($node, 'postgres', $told, '2|4711'), 'A10: the keeper, which comes soon, has it written');
	is(verdict(), $fine, 'A10: and that is no problem');
	is(verdict($known), "removed|$first", 'A10: but for a digest that cannot be compared');
	my ($error) = grep { $_->{type} eq 'E' } open_session($node, 'alice', database => 'postgres')->query('SELECT session_audit.want_keeper()');
	is($error->{C}, '42501', 'A9: not everybody may have it come');
	is(in_log(q{SELECT coalesce(detail, 'none') FROM session_audit.verify()}), 'none', 'A10: the rows that tell of it have been verified');
	is(in_log("BEGIN; UPDATE session_audit.log SET number = $first - 1 WHERE context->>'first_number' = '$first'; SELECT session_audit.told_by(system_identifier, removed_at, removed_from) FROM session_audit.removed WHERE first_number = $first; ROLLBACK"),
		'', 'A10: only a row that was written later tells of it');
};

subtest 'A10: an old snapshot' => sub {
	my %removes = (2001 => 'DROP TABLE %s', 2002 => 'TRUNCATE %s', 2003 => 'ALTER TABLE session_audit.log DETACH PARTITION %s');
	my %expected = ('REPEATABLE READ' => '40001', 'READ COMMITTED' => 'none');
	for my $year (sort keys %removes)
	{
		my $month = in_log("SELECT session_audit.add_month('$year-01-01')");
		my %readers = map { $_ => open_quiet_session($node, database => 'postgres') } keys %expected;
		for my $level (keys %readers)
		{
			$readers{$level}->query($_) for "BEGIN ISOLATION LEVEL $level", 'SELECT 1';
		}
		my $sql = sprintf $removes{$year}, $month;
		in_log($sql);
		for my $level (sort keys %readers)
		{
			my ($error) = grep { $_->{type} eq 'E' } $readers{$level}->query('SELECT session_audit.verify()');
			is($error ? $error->{C} : 'none', $expected{$level}, "A10: $level, $sql");
			$readers{$level}->quit;
		}
	}
};

subtest 'A7, A10: ranges that overlap' => sub {
	my $removed = q{INSERT INTO session_audit.removed (system_identifier, first_number, last_number) VALUES (1, 1, 10), (1, 2, 11), (1, 12, 12), (1, 30, 20), (1, NULL, 15)};
	my %ranges = ('1, 12' => 't', '5, 5' => 't', '11, 12' => 't', '1, 15' => 'f', '0, 1' => 'f', '13, 13' => 'f', '20, 30' => 'f', '9223372036854775807, 9223372036854775807' => 'f');
	is(in_log("BEGIN; $removed; SELECT session_audit.is_removed(1, $_); ROLLBACK"), $ranges{$_}, "A10: $_") for sort keys %ranges;
};

subtest 'A7: strings of the old kind' => sub {
	is(in_log("SET standard_conforming_strings = off; SET escape_string_warning = off; SELECT count(*) FILTER (WHERE upper IS NULL), count(*) > 1 FROM session_audit.months() WHERE partition <> 'session_audit.log_default'::regclass"),
		'0|t', 'A7: the ends of months are known');
	my $known = in_log(q{SELECT format('%s, %s, ''%s''', last_number, last_timeline, last_digest) FROM session_audit.verify()});
	is(in_log("SET standard_conforming_strings = off; SET escape_string_warning = off; SELECT problem FROM session_audit.verify($known)"), '', 'A10: the rows can be verified');
};

log_is_clean($node);
$node->stop;

done_testing();
