# Which processes fire nothing, and what fires on a standby: rules E7 and E8.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node(
	'primary',
	allows_streaming => 'logical',
	conf => "autovacuum_naptime = 1s\nsession_triggers.instance_num = 1");
$node->start;
create_app($node, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE sender LOGIN SUPERUSER REPLICATION;
CREATE EXTENSION sesstrig_faults;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, event text, login_user text, backend_type text);
GRANT INSERT, SELECT ON fired TO PUBLIC;
CREATE TABLE big AS SELECT generate_series(1, 1000) AS i;
GRANT SELECT ON big TO PUBLIC;
CREATE TABLE ran (what text);
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- a row is written in a process that pg_stat_activity does not list, too
    INSERT INTO public.fired (event, login_user, backend_type) VALUES
    (tg_event, polar_login_user, (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()));
END
$$;
CREATE FUNCTION log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.ran
    VALUES (concat_ws(' ', polar_login_user, polar_database_name, polar_client_ip, polar_instance_num));
END
$$;
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION log_session();
EOF

# Tests that a session has fired both events, and that nothing else has. This shows
# that the triggers work in between the tests of processes that fire nothing.
sub is_fired
{
	my ($what, $user) = @_;
	is( take_rows($node, 'event, login_user, backend_type'),
		"after_user_logon|$user|client backend\nbefore_user_logoff|$user|client backend",
		"E7: $what");
	return;
}

my $client = open_session($node, 'alice');
$client->quit;
is_fired('an ordinary session fires both events', 'alice');

# Walsenders
$client = connect_raw($node, user => 'sender', replication => 'true');
$client->ready;
my @messages = $client->query('IDENTIFY_SYSTEM');
is(scalar(grep { $_->{type} eq 'D' } @messages), 1, 'a physical walsender runs a command');
is_deeply([ $client->quit ], [], 'a physical walsender ends');
is(take_rows($node, 'event, login_user, backend_type'), '', 'E7: a physical walsender fires nothing');

$client = open_session($node, 'sender', replication => 'database');
@messages = $client->query('IDENTIFY_SYSTEM');
is((grep { $_->{type} eq 'D' } @messages)[0]{values}[3], 'app', 'a logical walsender is connected to a database');
is($client->query('SELECT count(*) FROM big'), '1000', 'a logical walsender runs queries');
is_deeply([ $client->quit ], [], 'a logical walsender ends');
is(take_rows($node, 'event, login_user, backend_type'), '', 'E7: a logical walsender fires nothing');

$node->backup('backup');
ok( wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'}, '0'),
	'the walsenders of pg_basebackup have ended');
is(take_rows($node, 'event, login_user, backend_type'), '', 'E7: pg_basebackup fires nothing');

# Background workers
admin($node, 'app', q{SELECT faults_run_worker('app', 'INSERT INTO ran VALUES (1)')});
is(admin($node, 'app', 'DELETE FROM ran RETURNING what'), '1', 'a background worker runs its command');
is(take_rows($node, 'event, login_user, backend_type'), '', 'E7: a background worker fires nothing');

admin($node, 'app', 'CREATE EVENT TRIGGER ddl ON ddl_command_end EXECUTE FUNCTION log_ddl()');
admin($node, 'app', q{SELECT faults_run_worker('app', 'CREATE TABLE made ()')});
is(admin($node, 'app', 'DELETE FROM ran RETURNING what'), '1',
	'V1: in a background worker all variables but polar_instance_num are null');
admin($node, 'app', 'DROP EVENT TRIGGER ddl');

# Parallel workers
$client = open_session($node, 'alice');
$client->query(q{SELECT set_config(name, 'on', false) FROM pg_settings
	WHERE name IN ('debug_parallel_query', 'force_parallel_mode')});
my $plan = join "\n", map { $_->{values}[0] } grep { $_->{type} eq 'D' }
  $client->query('EXPLAIN (ANALYZE, COSTS OFF) SELECT count(*) FROM big');
like($plan, qr/Workers Launched: 1/, 'a parallel worker is launched');
$client->quit;
is_fired('a parallel worker fires nothing of its own', 'alice');

# Autovacuum
admin($node, 'app', <<'EOF');
CREATE TABLE busy (i int) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
INSERT INTO busy SELECT generate_series(1, 1000);
DELETE FROM busy;
EOF
ok( wait_until($node, 'app', q{SELECT autovacuum_count > 0 FROM pg_stat_user_tables WHERE relname = 'busy'}),
	'autovacuum has vacuumed a table');
is(take_rows($node, 'event, login_user, backend_type'), '', 'E7: autovacuum fires nothing');

# Single-user mode
$node->stop;
my ($in, $out, $err) = ("INSERT INTO ran VALUES ('single')\n", '', '');
ok( IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'app' ],
		'<', \$in, '>', \$out, '2>', \$err),
	'single-user mode exits with success');
$node->start;
is(admin($node, 'app', 'DELETE FROM ran RETURNING what'), 'single', 'single-user mode has run its command');
is(take_rows($node, 'event, login_user, backend_type'), '', 'E7: single-user mode fires nothing');

### E8: standbys
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'session_triggers.instance_num = 2');
$standby->start;

# Waits until the standby has replayed everything on the primary.
sub catch_up
{
	my $lsn = admin($node, 'postgres', 'SELECT pg_current_wal_insert_lsn()');
	ok(wait_until($standby, 'postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'"),
		'the standby has caught up');
	return;
}

# Opens a session of alice's on the standby. Returns the client, and the texts of
# the errors and notices of the start.
sub standby_messages
{
	my (%params) = @_;
	my $connection = connect_as($standby, 'alice', %params);
	my @all = $connection->ready;
	return ($connection, map { $_->{M} } grep { $_->{type} =~ /[NE]/ } @all);
}

my $position = log_position($standby);
($client, @messages) = standby_messages();
is_deeply(\@messages, [$WARNING], 'E8, F3: a logon trigger that writes fails on a standby');
is($client->query('SELECT count(*) FROM big'), '1000', 'E8: after a failed logon trigger the session reads');
is($client->query('SHOW transaction_read_only'), 'on', 'E8: the transactions of the session are read-only');
is_deeply([ $client->quit ], [], 'E8: the client gets no message at logoff');
my @errors = grep { /^25006\|ERROR:  cannot execute INSERT in a read-only transaction/ }
  log_lines($standby, $position, $client);
is(scalar(@errors), 2, 'E8: both events fire, in a read-only transaction');

# Triggers that are created or dropped on the primary while a session is open
($client) = standby_messages();
admin($node, 'app', <<'EOF');
CREATE FUNCTION tell() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE LOG '% % % %', tg_event, polar_login_user, polar_instance_num, pg_is_in_recovery();
    RAISE NOTICE '% % % %', tg_event, polar_login_user, polar_instance_num, (SELECT count(*) FROM public.big);
END
$$;
DROP EVENT TRIGGER logon;
DROP EVENT TRIGGER logoff;
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION tell();
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION tell();
EOF
catch_up();
$position = log_position($standby);
is_deeply([ $client->quit ], [], 'E8: a session that is older than the change ends');
is( join("\n", grep { /LOG:  / } log_lines($standby, $position, $client)),
	'00000|LOG:  before_user_logoff alice 2 t',
	'E8, E9: a session of the standby fires a trigger that the primary has created since');
($client, @messages) = standby_messages(tcp => '127.0.0.1');
is_deeply(\@messages, ['after_user_logon alice 2 1000'], 'E8: a logon trigger that only reads succeeds');
$client->quit;

($client) = standby_messages();
admin($node, 'app', 'DROP EVENT TRIGGER logon; DROP EVENT TRIGGER logoff');
catch_up();
$position = log_position($standby);
is_deeply([ $client->quit ], [], 'E8: a session that is older than the change ends');
is(log_text($standby, $position, $client),
	'', 'E8, E9: a session of the standby does not fire a trigger that the primary has dropped since');
($client, @messages) = standby_messages();
is_deeply(\@messages, [], 'E8: a new session of the standby does not fire the dropped trigger either');
is($client->query('SELECT 1'), '1', 'E8: the new session runs queries');
$client->quit;

### A standby of the standby, restarts, and promotion
admin($node, 'app', <<'EOF');
CREATE FUNCTION log_or_tell() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE LOG '% of % on a standby', tg_event, polar_login_user;
    ELSIF polar_login_user = 'alice' THEN
        INSERT INTO public.ran VALUES (tg_event);
    END IF;
END
$$;
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION log_or_tell();
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION log_or_tell();
EOF
catch_up();
$standby->backup('cascade');
my $cascade = PostgreSQL::Test::Cluster->new('cascade');
$cascade->init_from_backup($standby, 'cascade', has_streaming => 1);
$cascade->start;

# Tests that a session on a standby fires both events, which write to the log.
sub is_told
{
	my ($server, $what) = @_;
	my $position = log_position($server);
	my $client = connect_as($server, 'alice');
	is_deeply([ grep { $_->{type} =~ /[NE]/ } $client->ready ], [],
		"E8: $what: the client gets no error and no notice");
	is($client->query('SELECT pg_is_in_recovery()'), 't', "E8: $what: the server is in recovery");
	$client->quit;
	is( join("\n", grep { /LOG:  \w+_user/ } log_lines($server, $position, $client)),
		"00000|LOG:  after_user_logon of alice on a standby\n00000|LOG:  before_user_logoff of alice on a standby",
		"E8: $what: both events fire");
	return;
}
is_told($standby, 'standby');
is_told($cascade, 'standby of a standby');
$node->stop;
is_told($standby, 'standby whose primary is down');
$standby->restart;
is_told($cascade, 'standby whose upstream has restarted');
$cascade->restart;
is_told($cascade, 'restarted standby of a standby');

# A session that is older than the promotion fires logoff as on any primary.
my ($old) = standby_messages();
$standby->promote;
ok(wait_until($standby, 'postgres', 'SELECT pg_is_in_recovery()', 'f'), 'the standby is promoted');
($client, @messages) = standby_messages();
is_deeply(\@messages, [], 'E8: promoted: the client of a new session gets no error and no notice');
$_->quit for $client, $old;
is(admin($standby, 'app', 'SELECT what, count(*) FROM ran GROUP BY what ORDER BY what'),
	"after_user_logon|1\nbefore_user_logoff|2",
	'E8: promoted: both events write, also in a session that is older than the promotion');
my $lsn = admin($standby, 'postgres', 'SELECT pg_current_wal_insert_lsn()');
ok(wait_until($cascade, 'postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'"),
	'the standby of the promoted server has caught up');
is_told($cascade, 'standby of the promoted server');
is(admin($cascade, 'app', 'SELECT count(*) FROM ran'), '3', 'E8: the standby of the promoted server has the rows');

$cascade->stop;
$standby->stop;
log_is_clean($_, 'F12: the log has no failed assertion and no leak') for $node, $standby, $cascade;
done_testing();
