# What a failed firing does to the client, the log, the session, and the
# statistics: rules F2, F3, F4, F6, and logon_failure.
use strict;
use warnings FATAL => 'all';

use File::Spec;
use FindBin;
use lib "$FindBin::RealBin/..";
use File::Copy;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

# The postmaster logs at debug2 how each of its processes ended.
my $node = new_node('failure', conf => 'log_min_messages = debug2');
$node->start;
create_app($node, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE bob;
CREATE ROLE root LOGIN SUPERUSER;
GRANT bob TO alice;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, pid int DEFAULT pg_backend_pid(), line text);
GRANT INSERT, SELECT ON fired TO PUBLIC;
GRANT CREATE ON SCHEMA public TO PUBLIC;
CREATE FUNCTION leave_traces() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.fired (line) VALUES ('traces ' || tg_event);
    SET work_mem = '4321kB';
    SET application_name = 'changed by a trigger';
    PERFORM set_config('test.trace', 'there', false);
    CREATE TEMP TABLE trace ();
    NOTIFY channel, 'trace';
    SET ROLE bob;
END
$$;
CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'secret of %', polar_login_user
        USING ERRCODE = 'P0042', DETAIL = 'secret detail', HINT = 'secret hint';
END
$$;
CREATE FUNCTION after() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('public.after_calls');
    INSERT INTO public.fired (line) VALUES ('after ' || tg_event);
END
$$;
-- shows calls of after() even if they are rolled back
CREATE SEQUENCE after_calls;
GRANT USAGE ON SEQUENCE after_calls TO PUBLIC;
EOF

sub set_triggers
{
	my ($event, @functions) = @_;
	my $n = 0;
	admin($node, 'app', q{DO $$
		DECLARE name name; BEGIN
			FOR name IN SELECT evtname FROM pg_event_trigger LOOP
				EXECUTE format('DROP EVENT TRIGGER %I', name);
			END LOOP;
		END $$});
	admin($node, 'app', q{SELECT setval('after_calls', 1, false)});
	for my $function (@functions)
	{
		$n++;
		admin($node, 'app', "CREATE EVENT TRIGGER t$n ON $event EXECUTE FUNCTION $function()");
	}
	return;
}

# Tests that after(), the function of the last trigger, has not been called.
sub is_after_not_called
{
	my ($title) = @_;
	is(admin($node, 'app', 'SELECT is_called FROM after_calls'), 'f', $title);
	return;
}

# Tests that a client got the messages of a failed logon, as F3 has them.
sub is_failed_logon
{
	my ($what, @messages) = @_;
	my @notices = grep { $_->{type} eq 'N' } @messages;
	is(scalar(@notices), 1, "F3: $what: the client gets one notice");
	is("$notices[0]{S} $notices[0]{V} $notices[0]{C} $notices[0]{M}",
		"WARNING WARNING 01000 $WARNING", "F3: $what: the notice is the warning");
	is(join(' ', sort grep { $_ ne 'type' } keys %{ $notices[0] }),
		'C F L M R S V', "F3: $what: the warning has no detail, hint, or context");
	is(scalar(grep { $_->{type} eq 'E' } @messages), 0, "F3: $what: there is no ErrorResponse");
	is("$messages[-1]{type}$messages[-1]{status}",
		'ZI', "F3: $what: the session is idle");
	unlike(join("\0", map { %$_ } @messages),
		qr/secret/, "F3: $what: no message has a word of the error");
	return;
}

# Opens a session, and returns the client and the messages of the start.
sub connect_ready
{
	my $client = connect_as($node, @_);
	return ($client, $client->ready);
}

# Tests that the process of a session ended as usual.
sub is_normal_end
{
	my ($what, $position, $client) = @_;
	is(exit_status($node, $position, $client), 'exited with exit code 0', "F4: $what: the process exits with 0");
	return;
}

my $ends = q{SELECT sessions_abandoned, sessions_fatal, sessions_killed
	FROM pg_stat_database WHERE datname = 'app'};

### F2, F3: a failed logon
set_triggers('after_user_logon', qw(leave_traces fail after));
my $listener = open_quiet_session($node);
$listener->query('LISTEN channel');

my $position = log_position($node);
my ($client, @messages) = connect_ready('alice', application_name => 'client');
is_failed_logon('RAISE', @messages);
is($client->query('SELECT count(*) FROM fired'), '0', 'F2: rows are rolled back');
is_after_not_called('F2: triggers after the failed one do not run');
is( $client->query(
		q{SELECT concat_ws(',', current_user, current_setting('work_mem') <> '4321kB',
			current_setting('application_name'),
			coalesce(current_setting('test.trace', true), ''),
			to_regclass('pg_temp.trace') IS NULL)}),
	'alice,t,client,,t',
	'F2: settings, the role, and temporary tables are rolled back');
is_deeply(
	[ grep { $_->{type} eq 'S' && $_->{value} eq 'changed by a trigger' } @messages ],
	[], 'F2: the client is not told of settings that are rolled back');

my ($error, @more) = log_lines($node, $position, $client);
like($error, qr/^P0042\|ERROR:  secret of alice$/, 'F3: the log has severity, SQLSTATE, and message');
my $lines = join "\n", @more;
like($lines, qr/^P0042\|DETAIL:  secret detail$/m, 'F3: the log has the detail');
like($lines, qr/^P0042\|HINT:  secret hint$/m, 'F3: the log has the hint');
like(
	$lines,
	qr/^P0042\|CONTEXT:  PL\/pgSQL function .*fail\(\) line 3 at RAISE event trigger "t2" on event after_user_logon$/m,
	'F3: the log has the context, which names trigger and event');
is(scalar(@more), 3, 'F3: the log has nothing else');

# Notifications arrive in order, so that of the failed logon would come first.
admin($node, 'app', "NOTIFY channel, 'mark'");
my @notified;
push @notified, map { $_->{payload} } grep { $_->{type} eq 'A' } $listener->query('SELECT 1')
  until grep { $_ eq 'mark' } @notified;
is_deeply(\@notified, ['mark'], 'F2: NOTIFY is rolled back');
$listener->quit;

$client->query('BEGIN');
$client->query(q{INSERT INTO fired (line) VALUES ('mine')});
$client->query('ROLLBACK');
is_deeply([ $client->quit ], [], 'F3: the session ends like any other');
is_normal_end('after a failed logon', $position, $client);

# logon_warning, client_min_messages
($client, @messages) = connect_ready('alice', options => '-c client_min_messages=error');
is_failed_logon('client_min_messages = error', @messages);
is($client->query('SHOW client_min_messages'), 'error', 'F3: client_min_messages is what the client asked for');
$client->quit;
($client, @messages) = connect_ready('alice', options => '-c session_triggers.logon_warning=off');
is(scalar(grep { $_->{type} =~ /[NE]/ } @messages), 0, 'S: logon_warning = off: the client gets no message');
is($client->query('SELECT count(*) FROM fired'), '0', 'S: logon_warning = off: the logon failed');
$client->quit;

# The error stays hidden even if the client asks for every message.
($client, @messages) = connect_ready('root', options => '-c client_min_messages=debug5');
is(scalar(grep { $_->{type} eq 'E' || $_->{V} && $_->{V} eq 'ERROR' } @messages),
	0, 'F3: client_min_messages = debug5: the client gets no error');
is(scalar(grep { ($_->{M} // '') eq $WARNING } @messages),
	1, 'F3: client_min_messages = debug5: the client gets one warning');
unlike(join("\0", map { %$_ } @messages),
	qr/secret/, 'F3: client_min_messages = debug5: no message has a word of the error');
$client->quit;

# How to connect without firing
($client, @messages) = connect_ready('root', options => '-c session_triggers.enabled=off');
is(scalar(grep { $_->{type} =~ /[NE]/ } @messages),
	0, 'S: a superuser can turn the triggers off in the connection request');
$client->quit;
$position = log_position($node);
@messages = connect_as($node, 'alice', options => '-c session_triggers.enabled=off')->messages;
is_deeply(
	[ @{ $messages[-1] }{qw(type V C M)} ],
	[ 'E', 'FATAL', '42501', 'permission denied to set parameter "session_triggers.enabled"' ],
	'S: a role that is not a superuser is refused if it tries');
unlike(slurp_file($node->logfile, $position),
	qr/secret/, 'S: no trigger runs for such a role');

### F3: other errors
set_triggers('after_user_logon', 'fail');
admin($node, 'app', <<'EOF');
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
GRANT INSERT ON child TO PUBLIC;
CREATE FUNCTION defer() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.child VALUES (1);
    INSERT INTO public.fired (line) VALUES ('deferred');
END
$$;
SET check_function_bodies = off;
CREATE FUNCTION unparsable() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN no such statement; END';
CREATE FUNCTION no_table() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO nowhere VALUES (1); END';
EOF
my ($pkglibdir) = run_command([ 'pg_config', '--pkglibdir' ]);
# On 15 the directory of the tests is a relative one.
my $library = File::Spec->rel2abs($node->basedir . '/gone.so');
copy("$pkglibdir/sesstrig_faults.so", $library) or die "could not copy the library: $!";
chmod 0755, $library;
admin($node, 'app',
	"CREATE FUNCTION gone() RETURNS event_trigger LANGUAGE C AS '$library', 'faults_error'");
unlink $library;

my @failures = (
	[ 'defer', '23503', 'violates foreign key', 'commit of event triggers on event ' ],
	[ 'unparsable', '42601', 'syntax error', 'event trigger "t1" on event ' ],
	[ 'no_table', '42P01', 'relation "nowhere" does not exist', 'event trigger "t1" on event ' ],
	[ 'gone', '58P01', 'could not access file', 'event trigger "t1" on event ' ]);
for my $failure (@failures)
{
	my ($function, $sqlstate, $message, $context) = @$failure;

	set_triggers('after_user_logon', $function);
	$position = log_position($node);
	($client, @messages) = connect_ready('alice');
	is_failed_logon("$function()", @messages);
	is($client->query('SELECT count(*) FROM fired'), '0', "F2: $function(): the logon is rolled back");
	$client->quit;
	$lines = log_text($node, $position, $client);
	like($lines, qr/^\Q$sqlstate\E\|ERROR:  .*\Q$message\E/m, "F3: $function(): the error is in the log");
	like($lines, qr/^\Q$sqlstate\E\|CONTEXT:  .*\Q$context\Eafter_user_logon$/m,
		"F3: $function(): the context is in the log");

	set_triggers('before_user_logoff', $function);
	$position = log_position($node);
	($client) = connect_ready('alice');
	is_deeply([ $client->quit ], [], "F4: $function(): the client gets no message at logoff");
	$lines = log_text($node, $position, $client);
	like($lines, qr/^\Q$sqlstate\E\|ERROR:  .*\Q$message\E/m, "F4: $function(): the error is in the log");
	like($lines, qr/^\Q$sqlstate\E\|CONTEXT:  .*\Q$context\Ebefore_user_logoff$/m,
		"F4: $function(): the context is in the log");
	is_normal_end("$function()", $position, $client);
	is(admin($node, 'app', 'SELECT count(*) FROM fired'), '0', "F2: $function(): the logoff is rolled back");
}

### F4, F2: a failed logoff
set_triggers('before_user_logoff', qw(leave_traces fail after));
my $ends_before = admin($node, 'postgres', $ends);
$position = log_position($node);
($client, @messages) = connect_ready('alice');
is(scalar(grep { $_->{type} =~ /[NE]/ } @messages), 0, 'F4: the client gets no message at logon');
is_deeply([ $client->quit ], [], 'F4: the client gets no message at logoff');
is(admin($node, 'app', 'SELECT count(*) FROM fired'), '0', 'F2: a failed logoff is rolled back');
is_after_not_called('F2: triggers after the failed one do not run at logoff');
is_deeply(
	[ log_lines($node, $position, $client) ],
	[
		'P0042|ERROR:  secret of alice',
		'P0042|DETAIL:  secret detail',
		'P0042|HINT:  secret hint',
		'P0042|CONTEXT:  PL/pgSQL function fail() line 3 at RAISE event trigger "t2" on event before_user_logoff'
	],
	'F4: the log has the whole error and nothing else')
  or diag log_text($node, $position, $client);
is_normal_end('Terminate', $position, $client);
is(admin($node, 'postgres', $ends), $ends_before,
	'F4: pg_stat_database counts a normal end of the session');

# Upstream counts a session whose client just goes away as abandoned, and so do we.
($client) = connect_ready('alice');
$client->drop;
is_normal_end('end of file', $position, $client);
my $expected = join '|',
  (split(/\|/, $ends_before))[0] + 1, (split(/\|/, $ends_before))[ 1, 2 ];
is(admin($node, 'postgres', $ends), $expected,
	'F4: pg_stat_database counts a client that went away as abandoned');

### F6: an open or failed transaction at logoff
set_triggers('before_user_logoff', 'after');
for my $way (qw(quit drop))
{
	for my $failed (0, 1)
	{
		my $what = ($failed ? 'a failed' : 'an open') . " transaction, $way";

		($client) = connect_ready('alice');
		$client->query('BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE');
		$client->query(q{INSERT INTO fired (line) VALUES ('mine')});
		$client->query('SAVEPOINT s');
		$client->query(q{DECLARE c CURSOR FOR SELECT * FROM fired});
		$client->query('FETCH c');
		$client->try_query('SELECT 1/0') if $failed;
		$position = log_position($node);
		$client->$way;
		is_normal_end($what, $position, $client);
		is(take_rows($node), 'after before_user_logoff',
			"F6: $what: the transaction is rolled back, and then the trigger runs");
		# Upstream logs one of these ends itself.
		is_deeply(
			[ grep { !/^08006\|LOG:  unexpected EOF/ } log_lines($node, $position, $client) ],
			[], "F6: $what: the log has nothing else");
	}
}
($client) = connect_ready('alice');
$client->query('BEGIN READ ONLY');
$client->quit;
is(take_rows($node),
	'after before_user_logoff', 'F6: an open read-only transaction does not make the trigger fail');

# An implicit transaction: Parse, Bind, and Execute without Sync
($client) = connect_ready('alice');
$client->send_message('P', "\0INSERT INTO fired (line) VALUES ('mine')\0" . pack('n', 0));
$client->send_message('B', "\0\0" . pack('nnn', 0, 0, 0));
$client->send_message('E', "\0" . pack('N', 0));
$client->quit;
is(take_rows($node),
	'after before_user_logoff', 'F6: an implicit transaction is rolled back, and then the trigger runs');

### logon_failure
set_triggers('after_user_logon', qw(leave_traces fail after));
admin($node, 'app', 'CREATE EVENT TRIGGER off ON before_user_logoff EXECUTE FUNCTION after()');
admin($node, 'app', q{ALTER DATABASE app SET session_triggers.logon_failure = 'reject'});
$position = log_position($node);
my $rejected = connect_as($node, 'alice');
@messages = $rejected->messages;
is_deeply([ map { $_->{type} } grep { $_->{type} !~ /[RSK]/ } @messages ],
	['E'], 'S: reject: the client gets one error and nothing else');
is_deeply(
	[ @{ $messages[-1] }{qw(S V C M)} ],
	[ 'FATAL', 'FATAL', 'P0042', 'secret of alice' ],
	'S: reject: the error has the SQLSTATE and the message of the trigger\'s error');
is(join(' ', sort grep { $_ ne 'type' } keys %{ $messages[-1] }),
	'C F L M R S V', 'S: reject: the error has no detail, hint, or context');
$lines = log_text($node, $position, $rejected);
like($lines, qr/^P0042\|ERROR:  secret of alice$/m, 'S: reject: the error is in the log');
like($lines, qr/^P0042\|DETAIL:  secret detail$/m, 'S: reject: its detail is in the log');
like($lines, qr/^P0042\|HINT:  secret hint$/m, 'S: reject: its hint is in the log');
like($lines, qr/^P0042\|CONTEXT:  .* event trigger "t2" on event after_user_logon$/m,
	'S: reject: its context is in the log');
like($lines, qr/^P0042\|FATAL:  secret of alice$/m, 'S: reject: the end of the session is in the log');
is(admin($node, 'app', 'SELECT count(*) FROM fired'),
	'0', 'S: reject: all is rolled back, and logoff does not fire');
is_after_not_called('S: reject: neither triggers after the failed one nor those of logoff run');

# A superuser's session shows that the logoff trigger would have fired.
($client, @messages) = connect_ready('root');
is_failed_logon('reject, superuser', @messages);
$client->quit;
is(take_rows($node),
	'after before_user_logoff', 'S: reject: a superuser is let in');

# What counts is the role that logs on, whatever role the session starts with.
admin($node, 'app', <<'EOF');
CREATE ROLE lowered LOGIN SUPERUSER;
ALTER ROLE lowered SET role = bob;
CREATE ROLE raised LOGIN IN ROLE root, bob;
EOF
@messages = connect_as($node, 'lowered')->messages;
is($messages[-1]{C} // $messages[-1]{type},
	'Z', 'S: reject: a superuser whose session starts with another role is let in');
@messages = connect_as($node, 'raised', options => '-c role=root')->messages;
is($messages[-1]{C} // $messages[-1]{type},
	'P0042', 'S: reject: a role whose session starts with a superuser as its role is rejected');
admin($node, 'app', 'TRUNCATE fired');

# Rejection for one role alone
admin($node, 'app', $_)
  for 'ALTER DATABASE app RESET session_triggers.logon_failure',
  q{ALTER ROLE alice SET session_triggers.logon_failure = 'reject'};
@messages = connect_as($node, 'alice')->messages;
is($messages[-1]{C}, 'P0042', 'S: logon_failure can be set for one role');
admin($node, 'app', 'ALTER ROLE alice RESET ALL');
($client, @messages) = connect_ready('alice');
is_failed_logon('continue again', @messages);
$client->quit;

# libpq regards a failed logon as a successful connection.
my ($status, $stdout, $stderr) = $node->psql('app', 'SELECT 1', connstr => $node->connstr('app') . ' user=alice');
is($status, 0, 'F3: libpq connects');
is($stdout, '1', 'F3: libpq runs a query');
is($stderr, "WARNING:  $WARNING", 'F3: libpq prints the warning alone');

log_is_clean($node, 'F12: the log has no failed assertion and no leak');
$node->stop;
done_testing();
