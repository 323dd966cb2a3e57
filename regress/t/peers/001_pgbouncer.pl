# PgBouncer: its connections to the server are the sessions, and a logon trigger
# that fails does not fail its clients (rule F3).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
plan skip_all => 'there is no pgbouncer' if !$pgbouncer;

my $node = new_node('pooled');
$node->start;
admin($node, 'postgres', 'CREATE DATABASE app');
admin($node, 'app', <<'EOF');
CREATE ROLE alice LOGIN;
CREATE TABLE session_log (pid int, event text);
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        INSERT INTO public.session_log VALUES (pg_backend_pid(), tg_event);
        PERFORM set_config('test.setting', 'set', false);
    END IF;
END
$$;
CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        RAISE EXCEPTION 'no pools' USING ERRCODE = 'P0042';
    END IF;
END
$$;
EOF

my $dir = PostgreSQL::Test::Utils::tempdir_short;
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $log = "$dir/log";

sub start_pooler
{
	my ($mode) = @_;
	unlink $log;
	append_to_file($log, '');
	open my $file, '>', "$dir/pgbouncer.ini" or die "could not write the configuration: $!";
	print $file <<"EOF";
[databases]
app = host=127.0.0.1 port=@{[$node->port]} dbname=app user=alice
[pgbouncer]
listen_addr =
unix_socket_dir = $dir
listen_port = $port
auth_type = any
pool_mode = $mode
default_pool_size = 1
server_login_retry = 1
admin_users = pgbouncer
logfile = $log
pidfile = $dir/pid
EOF
	close $file;
	system_or_bail($pgbouncer, '-q', '-d', "$dir/pgbouncer.ini");
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if -e "$dir/.s.PGSQL.$port";
		select(undef, undef, undef, 0.1);
	}
	die 'pgbouncer does not start';
}

sub pid { return (slurp_file("$dir/pid") =~ /(\d+)/)[0]; }

sub stop_pooler
{
	return if !-e "$dir/pid";
	my $pid = pid();
	kill INT => $pid;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if !kill 0 => $pid;
		select(undef, undef, undef, 0.1);
	}
	return;
}
END { stop_pooler() if $dir; }

# A client of the pool's; gives what psql prints.
sub through_pool
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-d', "host=$dir port=$port user=alice dbname=app", '-c', $sql ],
		'>', \$out, '2>', \$err);
	chomp($out, $err);
	return ($out, $err);
}

sub rows
{
	return admin($node, 'app', 'SELECT event, count(*) FROM session_log GROUP BY event ORDER BY event');
}

sub set_logon
{
	my ($function) = @_;
	admin($node, 'app', <<"EOF");
DROP EVENT TRIGGER IF EXISTS logon;
DROP EVENT TRIGGER IF EXISTS logoff;
TRUNCATE session_log;
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION $function();
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION log_session();
EOF
	return;
}

for my $mode (qw(session transaction))
{
	set_logon('log_session');
	start_pooler($mode);
	my @pids = map { (through_pool('SELECT pg_backend_pid()'))[0] } 1 .. 3;
	is_deeply([ @pids[ 1, 2 ] ], [ @pids[ 0, 0 ] ], "$mode: the clients share a connection");
	is(rows(), 'after_user_logon|1', "E3: $mode: logon fires once per connection to the server");
	is((through_pool(q{SELECT current_setting('test.setting')}))[0],
		# DISCARD ALL between two clients
		$mode eq 'session' ? '' : 'set', "F5: $mode: what the trigger set, for a later client");
	stop_pooler();
	ok(wait_until($node, 'app', 'SELECT count(*) FROM session_log', '2'), "E3: $mode: logoff fires when the pooler disconnects");
	is(rows(), "after_user_logon|1\nbefore_user_logoff|1", "E3: $mode: once each");

	set_logon('fail');
	start_pooler($mode);
	for my $client (1 .. 3)
	{
		is_deeply([ through_pool('SELECT 42') ], [ '42', '' ], "F3: $mode: client $client is served though logon failed");
	}
	unlike(slurp_file($log), qr/ERROR|FATAL|failed/i, "F3: $mode: the pooler has no complaint");
	stop_pooler();
	ok(wait_until($node, 'app', 'SELECT count(*) FROM session_log', '1'), "$mode: logoff fires all the same");

	admin($node, 'postgres', q{ALTER ROLE alice SET session_triggers.logon_failure = 'reject'});
	start_pooler($mode);
	my ($out, $err) = through_pool('SELECT 42');
	is($out, '', "S: $mode: with reject no client is served");
	like($err, qr/no pools/, "S: $mode: it is told the trigger's message");
	stop_pooler();
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_triggers.logon_failure');
}

$node->stop;
done_testing();
