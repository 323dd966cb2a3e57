# When the two events fire, and what their functions see: rules E1, E2, E3, E9,
# V1, and V2.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('events', conf => 'session_triggers.instance_num = 7');
$node->start;
admin($node, 'postgres', $_) for 'CREATE DATABASE app',
  "ALTER DATABASE app SET test.database = 'set'";
admin($node, 'app', <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
GRANT bob TO alice;
ALTER ROLE alice SET test.role = 'set';
ALTER ROLE alice SET session_preload_libraries = 'sesstrig_faults';
CREATE TABLE session_log (
    id int GENERATED ALWAYS AS IDENTITY, pid int,
    event text, tag text, login_user text, database_name text, client_ip text, instance_num int, what text
);
-- what: which settings and temporary tables of the session are visible
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.session_log (pid, event, tag, login_user, database_name, client_ip, instance_num, what)
    VALUES (pg_backend_pid(), tg_event, tg_tag, polar_login_user, polar_database_name,
        polar_client_ip, polar_instance_num,
        concat_ws(' ', 'role=' || current_setting('test.role', true),
            'database=' || current_setting('test.database', true),
            'options=' || current_setting('test.options', true),
            'preloaded=' || current_setting('sesstrig_faults.loaded', true),
            'session=' || current_setting('test.session', true),
            'temp=' || to_regclass('pg_temp.mark')));
    RAISE NOTICE '% of %', tg_event, tg_tag;
END
$$;
EOF

# A session that started before the first trigger of its database was created
my $old = open_session($node, 'bob');

admin($node, 'app', <<'EOF');
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION log_session();
EOF

$old->quit;
is(session_rows($node, $old, 'event'), 'before_user_logoff',
	'E9: a session older than the first trigger fires logoff');

# Sessions that change the triggers themselves
admin($node, 'app', 'ALTER EVENT TRIGGER logon DISABLE');
$old = open_session($node, 'root');
$old->query('DROP EVENT TRIGGER logoff');
$old->quit;
is(session_rows($node, $old, 'event'), '', 'E9: a session that dropped the logoff trigger does not fire it');
$old = open_session($node, 'root');
$old->query('CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION log_session()');
$old->quit;
is(session_rows($node, $old, 'event'), 'before_user_logoff', 'E9: a session that created the logoff trigger fires it');
$old = open_session($node, 'root');
$old->query('BEGIN');
$old->query('DROP EVENT TRIGGER logoff');
$old->quit;
is(session_rows($node, $old, 'event'), 'before_user_logoff',
	'E9, F6: a DROP that was not committed has no effect on logoff');
admin($node, 'app', 'ALTER EVENT TRIGGER logon ENABLE');

# Rows of pg_event_trigger that fill several blocks, most of them of another event
admin($node, 'app', $_) for 'CREATE FUNCTION nothing() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$',
  q{CREATE FUNCTION log_late() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN INSERT INTO public.session_log (pid, event) VALUES (pg_backend_pid(), 'late ' || tg_event); END $$},
  q{DO $$ BEGIN FOR i IN 1..200 LOOP
		EXECUTE format('CREATE EVENT TRIGGER other_%s ON table_rewrite EXECUTE FUNCTION nothing()', i);
	END LOOP; END $$},
  'CREATE EVENT TRIGGER late ON after_user_logon EXECUTE FUNCTION log_late()';
cmp_ok(admin($node, 'app', q{SELECT pg_relation_size('pg_event_trigger') / current_setting('block_size')::int}),
	'>', 2, 'pg_event_trigger has several blocks');
my $other = open_session($node, 'root');
$other->query($_) for 'BEGIN', 'CREATE EVENT TRIGGER uncommitted ON after_user_logon EXECUTE FUNCTION log_late()';
$old = open_session($node, 'alice');
is(session_rows($node, $old, 'event'), "late after_user_logon\nafter_user_logon",
	'E9: both committed triggers fire, wherever their rows are');
$old->quit;
$other->query($_) for 'ROLLBACK', 'BEGIN', 'DROP EVENT TRIGGER late';
$old = open_session($node, 'alice');
is(session_rows($node, $old, 'event'), "late after_user_logon\nafter_user_logon",
	'E9: a DROP that has not been committed has no effect on logon');
$old->quit;
$other->query('COMMIT');
$old = open_session($node, 'alice');
is(session_rows($node, $old, 'event'), 'after_user_logon', 'E9: a dropped trigger does not fire');
$old->quit;
$other->quit;
admin($node, 'app', 'DROP FUNCTION nothing(), log_late() CASCADE');

# A TCP connection that is ended by Terminate
my $all = 'event, tag, login_user, database_name, client_ip, instance_num';
my $client = connect_as($node, 'alice', tcp => '127.0.0.1', options => '-c test.options=set');
my @messages = $client->ready;
is(session_rows($node, $client, $all),
	'after_user_logon|LOGON|alice|app|127.0.0.1|7',
	'E1, E2, E3, V1: logon over TCP fired, and committed, before ReadyForQuery');
is(session_rows($node, $client, 'what'), 'role=set database=set options=set preloaded=on',
	'E3: settings of the role, the database, and the connection request, and preloaded libraries, are there at logon');
like(join('', map { $_->{type} } @messages),
	qr/^R[SK]+N[S]*Z$/,
	'E3: the messages at the start of a session are in the right order');
is($client->query('SELECT 1'), '1', 'the session runs queries');
$client->query('DISCARD ALL');
is_deeply([ $client->quit ], [], 'logoff sends nothing to the client');
is(session_rows($node, $client, $all),
	"after_user_logon|LOGON|alice|app|127.0.0.1|7\n"
	  . 'before_user_logoff|LOGOFF|alice|app|127.0.0.1|7',
	'E1, E2, E3, V1: each event fired once, logoff on Terminate');

# A connection over a Unix socket that the client closes
$client = open_session($node, 'alice');
$client->query("SET test.session = 'kept'");
$client->query('CREATE TEMP TABLE mark ()');
$client->drop;
ok( wait_until(
		$node, 'app',
		"SELECT count(*) = 2 FROM session_log WHERE pid = " . $client->pid),
	'E3: a closed connection fires logoff');
is(session_rows($node, $client, "event, login_user, database_name, client_ip IS NULL, instance_num"),
	"after_user_logon|alice|app|t|7\nbefore_user_logoff|alice|app|t|7",
	'V1: polar_client_ip is null over a Unix socket');
like(
	session_rows($node, $client, 'what'),
	qr/session=kept temp=(pg_temp\w*\.)?mark$/,
	'E3: settings and temporary tables of the session are still there at logoff');

# Closes a connection while its session waits for the lock, releases the lock, and
# returns the events that the session fired. Over a Unix socket, and after a reset,
# the server notices the loss when it sends the result; otherwise when it reads.
sub drop_while_waiting
{
	my ($connection, $holder) = @_;
	ok(wait_for_event($node, 'alice', 'advisory'), 'the session waits for the lock');
	my $pid = admin($node, 'app', q{SELECT pid FROM pg_stat_activity WHERE usename = 'alice'});
	$connection->drop;
	$holder->quit;
	ok(wait_for_exit($node, 'alice'), 'the session ends');
	return admin($node, 'app', "SELECT event FROM session_log WHERE pid = $pid ORDER BY id");
}

for my $tcp (0, 1)
{
	my @where = $tcp ? (tcp => '127.0.0.1') : ();
	my $over = $tcp ? 'TCP' : 'a Unix socket';
	my $lock = hold_lock($node);
	$client = open_session($node, 'alice', @where);
	$client->send_query('SELECT pg_advisory_lock(42)');
	is(drop_while_waiting($client, $lock), "after_user_logon\nbefore_user_logoff",
		"E3, X: a client that went away during a query fires logoff, over $over");
}

admin($node, 'app', <<'EOF');
CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(42);
END
$$;
CREATE EVENT TRIGGER wait ON after_user_logon EXECUTE FUNCTION wait();
EOF
for my $unread (0, 1)
{
	my $lock = hold_lock($node);
	$client = connect_as($node, 'alice', tcp => '127.0.0.1');
	# If the other trigger's notice is unread, closing resets the connection.
	my $message = $client->next_message;
	$message = $client->next_message until $unread || $message->{type} eq 'N';
	is(drop_while_waiting($client, $lock), "after_user_logon\nbefore_user_logoff",
		'E3, X: a client that ' . ($unread ? 'reset the connection' : 'went away') . ' during logon fires logoff');
}
admin($node, 'app', 'DROP EVENT TRIGGER wait');

# A connection over IPv6
SKIP:
{
	skip 'there is no ::1 here', 1
	  unless slurp_file($node->logfile) =~ /listening on IPv6 address "::1"/;
	$client = open_session($node, 'alice', tcp => '::1');
	$client->quit;
	is(session_rows($node, $client, 'client_ip'), "::1\n::1", 'V1: polar_client_ip can be an IPv6 address');
}

# Order after upstream's login event
SKIP:
{
	skip 'the login event came with 17', 2 if $node->pg_version < 17;

	admin($node, 'app', <<'EOF');
CREATE FUNCTION log_login() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.session_log (pid, event, login_user) VALUES (pg_backend_pid(), tg_event, polar_login_user);
    RAISE NOTICE '% of %', tg_event, tg_tag;
END
$$;
CREATE EVENT TRIGGER zz_login ON login EXECUTE FUNCTION log_login();
EOF
	$client = connect_as($node, 'alice');
	@messages = $client->ready;
	is(session_rows($node, $client, 'event, login_user'),
		"login|alice\nafter_user_logon|alice",
		'E3: logon fires after upstream\'s login event');
	is_deeply(
		[ map { $_->{M} } grep { $_->{type} eq 'N' } @messages ],
		[ 'login of LOGIN', 'after_user_logon of LOGON' ],
		'E3: both events fire before ReadyForQuery');
	$client->quit;
	admin($node, 'app', 'DROP EVENT TRIGGER zz_login');
}

# SET ROLE and SET SESSION AUTHORIZATION do not change who logged on.
$client = open_session($node, 'alice');
$client->query('SET ROLE bob');
is($client->query('SELECT current_user'), 'bob', 'SET ROLE changes the current user');
$client->quit;
is(session_rows($node, $client, 'event, login_user'),
	"after_user_logon|alice\nbefore_user_logoff|alice",
	'V2: SET ROLE does not change polar_login_user');

$client = open_session($node, 'root');
$client->query('SET SESSION AUTHORIZATION bob');
is($client->query('SELECT session_user'), 'bob', 'SET SESSION AUTHORIZATION changes the session user');
$client->quit;
is(session_rows($node, $client, 'event, login_user'),
	"after_user_logon|root\nbefore_user_logoff|root",
	'V2: SET SESSION AUTHORIZATION does not change polar_login_user');

# Neither does a reload change the instance number of a session.
$client = open_session($node, 'alice');
$node->append_conf('postgresql.conf', 'session_triggers.instance_num = 8');
$node->reload;
ok(poll_until(sub { return $client->query('SHOW session_triggers.instance_num') eq '8'; }),
	'the reload reaches the session');
$client->quit;
is(session_rows($node, $client, 'event, instance_num'),
	"after_user_logon|7\nbefore_user_logoff|7",
	'V2: a reload does not change polar_instance_num');
$client = open_session($node, 'alice');
$client->quit;
is(session_rows($node, $client, 'event, instance_num'),
	"after_user_logon|8\nbefore_user_logoff|8",
	'V2: a new session has the new polar_instance_num');

# Each event fires once per session, and not for a connection that is refused.
is( admin(
		$node, 'app',
		'SELECT count(*) FROM (SELECT FROM session_log GROUP BY pid, event HAVING count(*) > 1) AS twice'),
	'0',
	'E3: no session fired an event twice');
my $before = admin($node, 'app', 'SELECT count(*) FROM session_log');
my $unknown = connect_as($node, 'no_such_role');
is(($unknown->messages)[-1]{C}, '28000', 'a role that does not exist is refused');
admin($node, 'app', 'ALTER ROLE bob CONNECTION LIMIT 0');
my $limited = connect_as($node, 'bob');
is(($limited->messages)[-1]{C}, '53300', 'a role at its connection limit is refused');
# Their sockets are closed, so their processes have exited.
is(admin($node, 'app', 'SELECT count(*) FROM session_log'),
	$before, 'X: a refused connection fires nothing');

$node->stop;
done_testing();
