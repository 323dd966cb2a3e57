# Logon triggers that are broken in many ways, with both values of logon_failure:
# rules F3 and S, and how a superuser gets in.
use strict;
use warnings FATAL => 'all';

use File::Copy;
use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('broken', conf => 'max_connections = 12');
$node->start;
my $library = PostgreSQL::Test::Utils::tempdir_short . '/gone';
copy($node->config_data('--pkglibdir') . '/tcn.so', "$library.so")
  or die "could not copy the library: $!";
create_app($node, <<"EOS");
CREATE ROLE alice LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE EXTENSION dblink;
CREATE EXTENSION sesstrig_faults;
CREATE TABLE fired (event text);
SET check_function_bodies = off;
CREATE FUNCTION syntax_error() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN SELEC 1; END';
CREATE FUNCTION end_missing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL;';
CREATE FUNCTION missing_table() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO absent VALUES (1); END';
CREATE FUNCTION no_right() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO fired VALUES (1); PERFORM 1/0; END';
CREATE FUNCTION dropped() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION missing_library() RETURNS event_trigger LANGUAGE C AS '$library', 'triggered_change_notification';
CREATE FUNCTION stack() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM deeper(); END';
CREATE FUNCTION deeper() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM deeper(); END';
CREATE FUNCTION recursive() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS \$\$
BEGIN
    PERFORM FROM dblink('host=@{[$node->host]} port=@{[$node->port]} dbname=app user=' || polar_login_user,
        'SELECT 1') AS x (i int);
END
\$\$;
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS \$\$
BEGIN
    INSERT INTO fired VALUES (tg_event);
END
\$\$;
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION log_session();
EOS
unlink "$library.so";

my @broken = (
	# function, and the SQLSTATE and the message of its failure
	[ syntax_error => '42601', qr/^syntax error at or near "SELEC"/ ],
	[ end_missing => '42601', qr/^(syntax error at end of input|unexpected end of function definition)/ ],
	[ missing_table => '42P01', qr/^relation "absent" does not exist/ ],
	[ no_right => { alice => '42501', root => '22012' }, qr/^(permission denied for table fired|division by zero)$/ ],
	[ dropped => 'XX000', qr/^cache lookup failed for function \d+$/ ],
	[ missing_library => '58P01', qr/^could not (access|load).*gone/ ],
	[ stack => '54001', qr/^stack depth limit exceeded$/ ],
	[ faults_memory => '53200', qr/^out of memory$/ ],
	[ faults_panic => 'XX000', qr/fault requested by a trigger/ ]);

for (@broken)
{
	my ($function, $code, $message) = @$_;
	admin($node, 'app', "CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION $function()");
	if ($function eq 'dropped')
	{
		local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off -c allow_system_table_mods=on';
		$node->safe_psql('app', q{DELETE FROM pg_proc WHERE proname = 'dropped'});
	}
	for my $policy (qw(continue reject))
	{
		admin($node, 'app', "ALTER DATABASE app SET session_triggers.logon_failure = $policy");
		for my $user (qw(alice root))
		{
			my $what = "$function, $policy, $user";
			my $expected = ref $code ? $code->{$user} : $code;
			my $position = log_position($node);
			my $client = connect_as($node, $user);
			my @told = grep { $_->{type} =~ /[EN]/ } $client->messages;
			is(scalar @told, 1, "$what: the client gets one message");
			if ($policy eq 'reject' && $user eq 'alice')
			{
				is("$told[0]{V} $told[0]{C}", "FATAL $expected", "S: $what: the session is refused");
				like($told[0]{M}, $message, "S: $what: the client gets the message of the failure");
			}
			else
			{
				is("$told[0]{V} $told[0]{C} $told[0]{M}", "WARNING 01000 $WARNING",
					"F3, S: $what: the client gets the warning");
				is(scalar $client->query('SELECT 1'), '1', "F3: $what: the session runs queries");
				$client->quit;
			}
			ok(wait_for_exit($node, $client), "$what: the session ends");
			my @errors = grep { /\|ERROR:/ } log_lines($node, $position, $client);
			is(scalar @errors, 1, "$what: the log has one error");
			like($errors[0] // '', qr/^$expected\|/, "$what: the log has the SQLSTATE");
			like($errors[0] =~ s/^.*?ERROR:  //r, $message, "F3: $what: the log has the message");
			like(log_text($node, $position, $client),
				qr/CONTEXT: .*event trigger "logon" on event after_user_logon/, "F3: $what: the log has the context");
		}
	}
	is(admin($node, 'app', 'WITH gone AS (DELETE FROM fired RETURNING *) SELECT count(*) FROM gone'),
		'3', "$function: logoff has fired for every session that was let in");

	# The documented way to get in and drop the trigger
	my $root = connect_as($node, 'root', options => '-c session_triggers.enabled=off');
	is_deeply([ grep { $_->{type} =~ /[EN]/ } $root->ready ], [], "S: $function: a superuser gets in with PGOPTIONS");
	is_deeply([ map { $_->{M} } grep { $_->{type} eq 'E' } $root->query('DROP EVENT TRIGGER logon') ],
		[], "$function: that superuser can drop the trigger");
	$root->quit;
}

### A trigger that connects to its own database, and so fires again
for my $policy (qw(continue reject))
{
	admin($node, 'app', "ALTER DATABASE app SET session_triggers.logon_failure = $policy");
	admin($node, 'app', 'CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION recursive()');
	my $position = log_position($node);
	my $client = connect_as($node, 'alice');
	my @messages = $client->messages;
	if ($policy eq 'continue')
	{
		is($messages[-1]{type}, 'Z', 'a recursive connection, continue: the session is let in');
		is(scalar $client->query('SELECT 1'), '1', 'a recursive connection, continue: the session runs queries');
		$client->quit;
	}
	else
	{
		is("$messages[-1]{V} $messages[-1]{C}", 'FATAL 08001',
			'S: a recursive connection, reject: the session is refused');
	}
	ok(wait_for_exit($node, 'alice'), "a recursive connection, $policy: all sessions of the recursion end");
	my $log = slurp_file($node->logfile, $position);
	like($log, qr/FATAL:  (sorry, too many clients already|remaining connection slots are reserved)/,
		"a recursive connection, $policy: the log has the error that ends the recursion");
	like($log, qr/\|08001\|ERROR:  could not establish connection/,
		"a recursive connection, $policy: the log has the failure of the trigger");
	admin($node, 'app', 'DROP EVENT TRIGGER logon');
}

### A trigger that goes while its function runs, or before that
admin($node, 'app', <<'EOS');
ALTER DATABASE app SET session_triggers.logon_failure = reject;
CREATE FUNCTION wait_and_fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(42);
    RAISE EXCEPTION 'it has run';
END
$$;
CREATE EVENT TRIGGER other ON after_user_logon EXECUTE FUNCTION log_session();
EOS
for my $change (
	'DROP EVENT TRIGGER logon',
	'ALTER EVENT TRIGGER logon DISABLE',
	'DROP EVENT TRIGGER logon; CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION log_session()',
	undef)
{
	admin($node, 'app', 'DROP EVENT TRIGGER IF EXISTS logon; CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION wait_and_fail(); TRUNCATE fired');
	my $holder = hold_lock($node);
	my $position = log_position($node);
	my $client = connect_as($node, 'alice');
	wait_for_event($node, 'alice', 'advisory');
	admin($node, 'app', $change) if $change;
	$holder->quit;
	my @told = grep { $_->{type} =~ /[EN]/ } $client->messages;
	is(scalar @told, $change ? 0 : 1, 'E9, S: ' . ($change // 'no change') . ': who logs on is ' . ($change ? 'let in' : 'refused'));
	is(scalar(grep { /it has run/ } log_lines($node, $position, $client)), $change ? 0 : 2, 'E9: and what has failed for nothing is not reported');
	is(admin($node, 'app', q{SELECT count(*) FROM fired WHERE event = 'after_user_logon'}),
		!$change ? 0 : $change =~ /CREATE/ ? 2 : 1, 'E9: the triggers that are there have run once');
	$client->quit;
	wait_for_exit($node, 'alice');
}
admin($node, 'app', 'DROP EVENT TRIGGER logon');
# Functions, and roles as their owners, that come and go while sessions begin
{
	my ($clients, $sessions) = (4, 200);
	my $number = 0;
	my @refused = run_clients(1, $clients,
		sub {
			return map { $_->{M} } grep { $_->{type} =~ /[EN]/ } map { my $client = connect_as($node, 'alice'); my @told = $client->messages; $client->quit; @told } 1 .. $sessions;
		},
		sub {
			$number++;
			admin($node, 'app', <<"EOS");
DROP EVENT TRIGGER IF EXISTS logon;
DROP FUNCTION IF EXISTS brief();
DROP ROLE IF EXISTS brief;
CREATE ROLE brief SUPERUSER;
SET ROLE brief;
CREATE FUNCTION brief() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION brief();
EOS
		});
	is(join("\n", @refused), '', 'E9, S: nobody is refused, or warned, because a trigger is gone');
	cmp_ok($number, '>', 5, "it came and went $number times");
	admin($node, 'app', 'DROP EVENT TRIGGER logon; DROP FUNCTION brief(); DROP EVENT TRIGGER other');
}

log_is_clean($node, 'no server process has crashed', expected => qr/panic in the session trigger core/);
$node->stop;
done_testing();
