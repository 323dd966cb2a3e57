# A new session of a database whose triggers are known does not read them, and does not look for
# any where there is none (rule C4). Whatever changes, the next session goes by it (rule E9).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node(
	'known',
	allows_streaming => 1,
	conf => "max_prepared_transactions = 2\nsession_triggers.logon_timeout = 500ms");
$node->start;
create_app(
	$node, q{
	CREATE ROLE root SUPERUSER LOGIN;
	CREATE FUNCTION mark() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_stat_clear_snapshot(); PERFORM set_config('test.fired', 'yes', false); END $$;
	CREATE EVENT TRIGGER other ON ddl_command_end EXECUTE FUNCTION mark();
	CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_stat_clear_snapshot(); PERFORM set_config('test.fired', concat(current_setting('test.fired', true),
			(regexp_match(query, '"(.*)"'))[1], ' '), false)
			FROM pg_stat_activity WHERE pid = pg_backend_pid(); END $$;
});
admin($node, 'postgres', 'CREATE DATABASE empty');
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;

my $create = 'CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION mark()';
my $drop = 'DROP EVENT TRIGGER t';

# What a new session has fired.
sub fires
{
	my ($server, $database) = @_;
	my $client = open_session($server, 'root', database => $database // 'app');
	my $fired = $client->query(q{SELECT coalesce(current_setting('test.fired', true), 'no')});
	$client->quit;
	return $fired;
}

# Whether a new session reads the triggers: then it waits in vain for the lock, and is warned.
sub looks
{
	my ($database) = @_;
	my $holder = open_quiet_session($node, database => $database);
	$holder->query('BEGIN; LOCK pg_event_trigger');
	my $client = connect_as($node, 'root', database => $database);
	my @warnings = grep { $_->{type} eq 'N' } $client->ready;
	$_->quit for ($holder, $client);
	return scalar @warnings;
}

for my $database ('app', 'empty')
{
	is(fires($node, $database), 'no', "$database has no trigger on the two events");
	is(looks($database), 0, "C4: the next session of $database does not look");
}
admin($node, 'app', "$create; $drop");
is(looks('empty'), 1, 'E9: after a change, in whichever database, a session looks again');
is(fires($node, 'empty'), 'no', 'there is still none');
is(looks('empty'), 0, 'C4: the next session does not look');

# What adds a trigger, after a session has found none, and what takes it away again.
my $copy = q{INSERT INTO pg_event_trigger SELECT (json_populate_record(x,
	'{"oid": 99999, "evtname": "t", "evtevent": "after_user_logon"}')).* FROM pg_event_trigger AS x};
for my $change (
	[ 'a committed statement', $create, $drop ],
	[
		'a change of its event',
		q{UPDATE pg_event_trigger SET evtevent = 'after_user_logon'},
		q{UPDATE pg_event_trigger SET evtevent = 'ddl_command_end'}
	],
	[ 'a row', $copy, 'DELETE FROM pg_event_trigger WHERE oid = 99999' ],
	[ 'a prepared one', "BEGIN; $create; PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'", $drop ])
{
	my ($what, $sql, $back) = @$change;
	is(fires($_), 'no', "nothing fires before $what") for ($node, $standby);
	admin($node, 'app', "SET allow_system_table_mods = on; $sql");
	is(fires($node), 'yes', "E9: it does after $what");
	$node->wait_for_catchup($standby);
	is(fires($standby), 'yes', "E9: on a standby, too, after $what");
	admin($node, 'app', "SET allow_system_table_mods = on; $back");
	$node->wait_for_catchup($standby);
}

# Sessions that find none while a transaction is open that adds one
my $creator = open_quiet_session($node);
$creator->query("BEGIN; $create");
is(fires($node), 'no', 'a trigger does not fire before it is committed') for 1 .. 2;
$creator->query('COMMIT');
is(fires($node), 'yes', 'E9: sessions that saw no trigger meanwhile hide it from nobody');
$creator->query("BEGIN; $drop");
is(fires($node), 'yes', 'a trigger fires until it has been dropped');
$creator->query('ROLLBACK');
is(fires($node), 'yes', 'E9: so it does if the DROP is rolled back');

# A database that is made of another one
is(fires($node, 'empty'), 'no', 'a database has no trigger');
admin($node, 'postgres', 'DROP DATABASE empty');
$creator->quit;
admin($node, 'postgres', 'CREATE DATABASE empty TEMPLATE app');
is(fires($node, 'empty'), 'yes', 'E9: its successor has that of its template');

# Triggers that are known: those that fire, in their order, are those in the catalog at each time.
admin($node, 'app', $drop);
my $long = 'long_' x 12 . 'abc';
my @names = map { sprintf 't%02d', $_ } 1 .. 16;
my $note = sub { join ';', map { "CREATE EVENT TRIGGER $_ ON after_user_logon EXECUTE FUNCTION note()" } @_ };
for my $step (
	[ 'one trigger', $note->('b'), 'b' ],
	[ 'one with a name of 63 bytes', $note->($long), "b $long" ],
	[ 'another order', "ALTER EVENT TRIGGER $long RENAME TO a", 'a b' ],
	[ 'a trigger that is disabled', 'ALTER EVENT TRIGGER a DISABLE', 'b' ],
	[ 'one for replicas', 'ALTER EVENT TRIGGER b ENABLE REPLICA', 'no' ],
	[ 'one for all sessions', 'ALTER EVENT TRIGGER a ENABLE ALWAYS', 'a' ],
	[ 'one on the other event', 'CREATE EVENT TRIGGER c ON before_user_logoff EXECUTE FUNCTION note()', 'a' ],
	[
		'what replaces one',
		'BEGIN; DROP EVENT TRIGGER a;' . $note->('a') . '; ALTER EVENT TRIGGER b ENABLE; COMMIT',
		'a b'
	],
	[ 'a function that is replaced', 'ALTER FUNCTION note() RENAME TO renamed', 'a b' ],
	[ 'a table that is rewritten', 'VACUUM FULL pg_event_trigger', 'a b' ])
{
	my ($what, $sql, $fired) = @$step;
	admin($node, 'app', $sql);
	$node->wait_for_catchup($standby);
	for my $server ($node, $standby)
	{
		is(fires($server) =~ s/ $//r, $fired, "E9, F1: $what: " . $server->name . ", session $_") for 1 .. 2;
	}
}
is(looks('app'), 0, 'C4: the next session does not read the triggers');
admin($node, 'app', 'CREATE ROLE owner SUPERUSER; ALTER EVENT TRIGGER a OWNER TO owner');
is(fires($node), 'a b ', 'E9: so it is with a trigger of another superuser') for 1 .. 2;
is(looks('app'), 1, 'C4: which each session reads');
admin($node, 'app', 'ALTER ROLE owner NOSUPERUSER');
is(fires($node), 'b ', 'E9: and which does not fire when its owner is none any more');
admin($node, 'app', 'DROP EVENT TRIGGER a; DROP EVENT TRIGGER b; DROP EVENT TRIGGER c');
is(fires($node), 'no', 'E9: nothing fires when all are dropped') for 1 .. 2;
admin($node, 'app', $note->(@names) =~ s/note/renamed/gr);
is(fires($node), join('', map { "$_ " } @names), 'F1: sixteen triggers') for 1 .. 2;
is(looks('app'), 0, 'C4: which the next session does not read');
admin($node, 'app', $note->('t17') =~ s/note/renamed/r);
is(fires($node), join('', map { "$_ " } @names, 't17'), 'F1: seventeen triggers') for 1 .. 2;
is(looks('app'), 1, 'C4: which each session reads');

$_->stop for ($standby, $node);
done_testing();
