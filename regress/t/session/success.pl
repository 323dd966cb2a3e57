# What a successful firing leaves in the session, and what other sessions see of
# one while it runs: rules F5, F8, and F11.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('success');
$node->start;
create_app($node, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE bob;
CREATE ROLE root LOGIN SUPERUSER;
GRANT bob TO alice;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text);
GRANT INSERT, SELECT ON fired TO PUBLIC;
CREATE FUNCTION prepare() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    SET work_mem = '4321kB';
    SET LOCAL maintenance_work_mem = '5432kB';
    SET application_name = 'named by a trigger';
    SET DateStyle = 'German, DMY';
    PERFORM set_config('test.stays', 'there', false);
    PERFORM set_config('test.goes', 'there', true);
    CREATE TEMP TABLE note (line text);
    INSERT INTO note VALUES ('kept');
    EXECUTE 'PREPARE answer AS SELECT 42';
    RAISE NOTICE 'hello %', polar_login_user USING DETAIL = 'a detail', ERRCODE = 'P0001';
    RAISE WARNING 'take care';
    IF polar_login_user = 'root' THEN
        SET SESSION AUTHORIZATION bob;
    ELSE
        SET ROLE bob;
    END IF;
END
$$;
CREATE FUNCTION catch() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.fired (line) VALUES ('before ' || tg_event);
    BEGIN
        INSERT INTO public.fired (line) VALUES ('lost ' || tg_event);
        PERFORM 1 / 0;
    EXCEPTION WHEN division_by_zero THEN
        INSERT INTO public.fired (line) VALUES ('caught ' || tg_event);
    END;
END
$$;
-- waits until the lock is released
CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        PERFORM pg_advisory_xact_lock(42);
        INSERT INTO public.fired (line) VALUES ('waited ' || tg_event);
    END IF;
END
$$;
CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION prepare();
EOF

### F5
my $client = connect_as($node, 'alice', application_name => 'client');
my @messages = $client->ready;
my %last = map { $_->{name} => $_->{value} } grep { $_->{type} eq 'S' } @messages;
is($last{application_name}, 'named by a trigger',
	'F5: the client is told application_name before ReadyForQuery');
is($last{DateStyle}, 'German, DMY', 'F5: the client is told DateStyle before ReadyForQuery');
is_deeply(
	[ map { "$_->{V} $_->{C} $_->{M} " . ($_->{D} // '') } grep { $_->{type} eq 'N' } @messages ],
	[ 'NOTICE P0001 hello alice a detail', 'WARNING 01000 take care ' ],
	'F5: notices reach the client');
is("$messages[-1]{type}$messages[-1]{status}", 'ZI', 'F5: the session is idle');
is( $client->query(
		q{SELECT concat_ws(',', session_user, current_user, current_setting('role'), current_setting('work_mem'),
			current_setting('DateStyle'), current_setting('test.stays'))}),
	'alice,bob,bob,4321kB,German, DMY,there',
	'F5: the effects of SET, SET ROLE, and set_config() stay');
is( $client->query(
		q{SELECT concat_ws(',', current_setting('maintenance_work_mem') <> '5432kB',
			coalesce(current_setting('test.goes', true), ''))}),
	't,',
	'F5: the effect of SET LOCAL ends with the firing\'s transaction');
$client->query('RESET ROLE');
is($client->query('SELECT current_user'), 'alice', 'F5: RESET ROLE resets to the role that logged on');
is($client->query('SELECT line FROM note'), 'kept', 'F5: temporary tables stay');
is($client->query('EXECUTE answer'), '42', 'F5: prepared statements stay');
$client->quit;

$client = connect_as($node, 'root');
@messages = $client->ready;
%last = map { $_->{name} => $_->{value} } grep { $_->{type} eq 'S' } @messages;
is("$last{session_authorization} $last{is_superuser}",
	'bob off', 'F5: the client is told session_authorization and is_superuser');
is($client->query("SELECT session_user || ' ' || current_user"),
	'bob bob', 'F5: the effect of SET SESSION AUTHORIZATION stays');
$client->quit;

### F8
admin($node, 'app', <<'EOF');
DROP EVENT TRIGGER t;
CREATE EVENT TRIGGER t1 ON after_user_logon EXECUTE FUNCTION catch();
CREATE EVENT TRIGGER t2 ON before_user_logoff EXECUTE FUNCTION catch();
EOF
my $position = log_position($node);
$client = connect_as($node, 'alice');
@messages = $client->ready;
is(scalar(grep { $_->{type} =~ /[NE]/ } @messages), 0, 'F8: an error that is caught does not fail the logon');
$client->quit;
is( take_rows($node),
	join("\n", map { ("before $_", "caught $_") } qw(after_user_logon before_user_logoff)),
	'F8: EXCEPTION blocks catch errors in both events');
is_deeply([ log_lines($node, $position, $client) ], [], 'F8: an error that is caught is not logged');
admin($node, 'app', 'DROP EVENT TRIGGER t1; DROP EVENT TRIGGER t2');

### F11
my $holder = open_session($node, 'root');

# Returns what others see of alice's session.
sub activity
{
	return admin($node, 'app', q{
		SELECT state, query, state_change >= backend_start, xact_start IS NOT NULL
		FROM pg_stat_activity WHERE usename = 'alice'});
}

admin($node, 'app', 'CREATE EVENT TRIGGER slow_logon ON after_user_logon EXECUTE FUNCTION wait()');
$holder->query('SELECT pg_advisory_lock(42)');
$client = connect_as($node, 'alice');
ok(wait_for_event($node, 'alice', 'advisory'), 'a logon trigger waits for a lock');
is(activity(), 'active|event trigger "slow_logon" on event after_user_logon|t|t',
	'F11: pg_stat_activity shows a logon firing');
$holder->query('SELECT pg_advisory_unlock(42)');
$client->ready;
is($client->query('SELECT line FROM fired'), 'waited after_user_logon',
	'the logon trigger goes on once it has the lock');
ok( wait_until($node, 'app',
		q{SELECT state = 'idle' AND xact_start IS NULL AND backend_xmin IS NULL
		FROM pg_stat_activity WHERE usename = 'alice'}),
	'F11: pg_stat_activity shows an idle session after the firing');

admin($node, 'app', <<'EOF');
DROP EVENT TRIGGER slow_logon;
CREATE EVENT TRIGGER slow_logoff ON before_user_logoff EXECUTE FUNCTION wait();
EOF
$holder->query('SELECT pg_advisory_lock(42)');
$client->query('SELECT 1');
$client->send_terminate;
ok(wait_for_event($node, 'alice', 'advisory'), 'a logoff trigger waits for a lock');
is(activity(), 'active|event trigger "slow_logoff" on event before_user_logoff|t|t',
	'F11: pg_stat_activity shows a logoff firing');
$holder->query('SELECT pg_advisory_unlock(42)');
is_deeply([ $client->messages ], [], 'the session ends once the trigger has the lock');
is(take_rows($node), "waited after_user_logon\nwaited before_user_logoff",
	'both triggers have run to their end');
$holder->quit;

$node->stop;
done_testing();
