# The writer of the session audit after a restart (rules A10 and A11): which number comes next,
# and what was changed meanwhile.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('numbers', conf => "autovacuum = off\n");
$node->start;
create_app($node, 'CREATE ROLE alice LOGIN');
admin($node, 'postgres', 'CREATE DATABASE other');
start_audit($node);

sub in_log { return admin($node, 'postgres', $_[0]); }

sub last_number { return in_log('SELECT max(number) FROM session_audit.log WHERE system_identifier <> 4711'); }

# A session of alice's, which is written at the end.
sub one_session
{
	open_session($node, 'alice')->quit;
	return wait_until($node, 'postgres', q{SELECT pending = 0 FROM session_audit.state()});
}

# Has another writer in place of this one. Statements are run together with its end.
sub restart_writer
{
	my ($before, $after) = @_;
	my $pid = wait_for_writer($node);
	in_log(($before // '') . "SELECT pg_terminate_backend($pid); " . ($after // ''));
	ok(poll_until(sub { my $new = wait_for_writer($node); $new ne '' && $new ne $pid }), 'there is another writer');
	return;
}

# The session that follows has the next two numbers.
sub goes_on
{
	my ($title) = @_;
	my $last = last_number();
	restart_writer();
	one_session();
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(last_number(), $last + 2, "A10: $title");
	return is(in_log('SELECT problem FROM session_audit.verify()'), '', 'A10: and verify() finds nothing');
}

my $month = in_log(q{SELECT 'session_audit.log_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')});
one_session() for 1 .. 3;
goes_on('numbers go on after a restart of the writer');

in_log("CREATE INDEX descending ON $month (system_identifier, number DESC)");
goes_on('also with an index that has them in another order');
in_log('DROP INDEX session_audit.descending');

# Rows of another server alone are in the months that follow.
in_log(q{SELECT session_audit.add_month((now() + interval '2 months')::date)});
in_log(q{INSERT INTO session_audit.log (number, at, event, system_identifier)
	SELECT i, date_trunc('month', now()) + i * interval '1 month' + interval '10 days', 'logon', 4711 FROM generate_series(1, 2) AS i});
goes_on('also if the last months are those of another server');
in_log('DELETE FROM session_audit.log WHERE system_identifier = 4711');

# The log of another database has numbers of its own.
in_log(q{ALTER SYSTEM SET session_audit.database = 'other'});
$node->reload;
ok(wait_until($node, 'other', q{SELECT to_regclass('session_audit.log') IS NOT NULL}), 'A2: there is another log');
is(in_log('SELECT number IS NULL, (SELECT problem FROM session_audit.verify()) FROM session_audit.state()'), 't|', 'A10: the writer has written nothing here');
in_log(q{ALTER SYSTEM SET session_audit.database = 'postgres'});
$node->reload;
ok(poll_until(sub { in_log('SELECT number IS NOT NULL FROM session_audit.state()') eq 't' }), 'A2: the first one goes on');
is(in_log('SELECT problem FROM session_audit.verify()'), '', 'A10: with its own numbers');

# What the file has changed while no writer looks.
$node->append_conf('postgresql.conf', 'session_audit.timeout = 7s');
restart_writer('', 'SELECT pg_reload_conf()');
ok(wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM session_audit.log WHERE context->>'setting' = 'session_audit.timeout' AND context->>'new' = '7000'}),
	'A11: a reload is told by the next writer');

# Rows that are deleted while there is no writer.
my $last = last_number();
my $position = log_position($node);
restart_writer("BEGIN; DELETE FROM session_audit.log WHERE number > $last - 3; ", 'COMMIT');
one_session();
is(in_log('SELECT problem, number FROM session_audit.verify()'), 'deleted|' . ($last - 2), 'A10: the end of the log that somebody deletes is missed');
is(in_log(q{SELECT context->>'first_number', context->>'last_number' FROM session_audit.log WHERE context->>'change' = 'rows missing'}), $last - 2 . "|$last", 'A11: and the log says so');
is(scalar(grep { $_->{context}{change} eq 'rows missing' } lines_of($node, $position, 'changed')), 1, 'A11: so does the server log');

log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
