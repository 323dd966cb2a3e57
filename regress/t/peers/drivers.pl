# Drivers in several languages, each with a client of its own under regress/peers:
# rules E3, F3, F5, logon_warning, and logon_failure; D9, whether it sends a trigger in
# Oracle's form as it is, and which settings it needs.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/..";
use Peers;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

# Each driver: the directory that it comes from, the command of its client, what to
# add to the URL, what it prints of a warning before ReadyForQuery, what libpq itself
# prints of it, whether the driver tells the SQLSTATE of a refused connection, whether
# it splits what it is given at semicolons, and what it prints if it refuses to connect
# because a trigger has changed a setting in the sessions of a role.
my @drivers = (
	{
		name => 'psycopg',
		peer => 'python',
		command => [ "$peers/python/bin/python", "$clients/psycopg-client.py" ],
		warning => '',
		sqlstate => 0
	},
	{
		name => 'psycopg2',
		peer => 'python',
		command => [ "$peers/python/bin/python", "$clients/psycopg2-client.py" ],
		warning => '',
		stderr => "WARNING:  $WARNING\n",
		sqlstate => 0
	},
	{
		name => 'asyncpg',
		peer => 'python',
		command => [ "$peers/python/bin/python", "$clients/asyncpg-client.py" ],
		warning => '',
		sqlstate => 1
	},
	{
		name => 'pg8000',
		peer => 'python',
		command => [ "$peers/python/bin/python", "$clients/pg8000-client.py" ],
		warning => "notice WARNING 01000 $WARNING\n",
		sqlstate => 1
	},
	{
		name => 'tokio-postgres',
		peer => 'rust',
		command => ["$peers/rust/debug/tokio-postgres-client"],
		warning => "notice WARNING 01000 $WARNING\n",
		sqlstate => 1
	},
	{
		name => 'pgjdbc',
		peer => 'java',
		command => [
			'java', '-cp', "$peers/java/classes:$peers/java/usr/share/java/postgresql.jar", 'PgjdbcClient'
		],
		warning => "notice WARNING 01000 $WARNING\n",
		sqlstate => 1,
		splits => 1,
		refuses => {
			german => qr/\Aerror 08006 The server's DateStyle parameter was changed to German, DMY\./,
			latin => qr/\Aerror 08006 The server's client_encoding parameter was changed to LATIN1\./
		}
	},
	{
		name => 'node-postgres',
		peer => 'node',
		command => [ 'node', "$clients/node-postgres-client.js" ],
		warning => "notice WARNING 01000 $WARNING\n",
		sqlstate => 1
	});

# The same driver with a setting that makes it send what it is given as it is
my ($pgjdbc) = grep { $_->{name} eq 'pgjdbc' } @drivers;
push @drivers, { %$pgjdbc, name => 'pgjdbc, preferQueryMode=simple', url => '&preferQueryMode=simple', splits => 0 };

my $node = new_node('drivers');
$node->start;
create_app($node, $FAIL . <<'SQL');
CREATE ROLE alice LOGIN;
CREATE ROLE quiet LOGIN;
CREATE ROLE german LOGIN;
CREATE ROLE latin LOGIN;
CREATE ROLE iso LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
ALTER ROLE quiet SET session_triggers.logon_warning = off;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.fired (line) VALUES (concat_ws(' ', tg_event, polar_login_user, polar_client_ip));
    PERFORM set_config('app.tenant', 'blue', false);
END
$$;
CREATE EVENT TRIGGER a_log ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER b_fail ON after_user_logon EXECUTE FUNCTION fail();
CREATE EVENT TRIGGER c_log ON before_user_logoff EXECUTE FUNCTION log_session();
CREATE TRIGGER german AFTER LOGON ON german.SCHEMA BEGIN SET DateStyle = 'German'; END;
CREATE TRIGGER latin AFTER LOGON ON latin.SCHEMA BEGIN SET client_encoding = 'LATIN1'; END;
CREATE TRIGGER iso AFTER LOGON ON iso.SCHEMA BEGIN SET DateStyle = 'ISO, DMY'; END;
SQL

# Runs a client as a user, with scripts, and waits for its session to end. Returns what
# the client wrote to standard output and then to standard error, and what the triggers did.
sub run_client
{
	my ($driver, $user, @scripts) = @_;
	my $url = 'postgresql://127.0.0.1:' . $node->port . "/app?user=$user" . ($driver->{url} // '');
	my ($out, $err) = run_driver(@{ $driver->{command} }, $url, @scripts);
	wait_for_exit($node, $user)
	  or die "$driver->{name} left its session behind";
	return ($out . $err, take_rows($node));
}

my $works = "select 1\nprepared 42\n";

# A trigger as Oracle's scripts have it, and the same in a statement that every driver
# sends as it is, as docs/oracle.md has it.
my $oracle = <<'SQL';
CREATE OR REPLACE TRIGGER sent AFTER LOGON ON DATABASE
DECLARE
    v_user VARCHAR2(30) := ora_login_user;
BEGIN
    INSERT INTO public.fired (line) VALUES ('sent');
    v_user := UPPER(v_user);
END;
SQL
my ($wrapped) = slurp_file("$FindBin::RealBin/../../../docs/oracle.md") =~ /```sql\n(DO .*?)```/s;

for my $driver (@drivers)
{
	my $name = $driver->{name};
	my $missing = missing($driver->{peer});
	my ($out, $fired);
  SKIP:
	{
		skip "$name: $missing", 1 if $missing;

		admin($node, 'app', 'ALTER EVENT TRIGGER b_fail DISABLE');
		($out, $fired) = run_client($driver, 'alice');
		is($out, "${works}tenant blue\nclosed\n", "F5: $name: the client has the setting of a trigger");
		is( $fired,
			"after_user_logon alice 127.0.0.1\nbefore_user_logoff alice 127.0.0.1",
			"E3: $name: connecting and closing fire one logon and one logoff");

		($out, $fired) = run_client($driver, 'root', $oracle);
		is($out, ($driver->{splits} ? 'refused 42601 unfinished routine body' : 'done') . "\n${works}tenant blue\nclosed\n",
			"D9: $name: whether it can create a trigger in Oracle's form");
		unlike($fired, qr/^sent/m, "D9: $name: no statement of the block has been run");
		($out, $fired) = run_client($driver, 'alice');
		is($fired =~ /^sent$/m ? 1 : 0, $driver->{splits} ? 0 : 1, "D9: $name: that trigger fires, or there is none");
		($out) = run_client($driver, 'root', "DROP TRIGGER IF EXISTS sent", $wrapped =~ s/logon_trigger/sent/r);
		is($out, "done\ndone\n${works}tenant blue\nclosed\n", "D9: $name: a statement with the trigger as a string is sent as it is");
		is(admin($node, 'app', q{SELECT count(*) FROM pg_event_trigger WHERE evtname = 'sent'}), '1', "D9: $name: it makes the trigger");
		admin($node, 'app', 'DROP TRIGGER sent');

		($out) = run_client($driver, 'iso');
		is($out, "${works}tenant blue\nclosed\n", "D9: $name: it connects if a trigger sets the order of day and month");
		for my $role (qw(german latin))
		{
			($out) = run_client($driver, $role);
			like($out, $driver->{refuses}{$role} // qr/\A${works}tenant blue\nclosed\n\z/,
				"D9: $name: whether it connects if a trigger sets what the role $role has");
		}

		admin($node, 'app', 'ALTER EVENT TRIGGER b_fail ENABLE');
		($out, $fired) = run_client($driver, 'alice');
		my $stderr = $driver->{stderr} // '';
		my $does = $driver->{warning} ? 'hands on' : $stderr ? 'prints' : 'drops';
		is($out, "$driver->{warning}${works}tenant -\nclosed\n$stderr",
			"F3: $name: the driver $does the warning before ReadyForQuery, and runs queries");
		is($fired, 'before_user_logoff alice 127.0.0.1', "F3: $name: after a failed logon one logoff fires");

		($out, $fired) = run_client($driver, 'quiet');
		is($out, "${works}tenant -\nclosed\n", "logon_warning = off: $name: the client gets no warning");
		is($fired, 'before_user_logoff quiet 127.0.0.1', "logon_warning = off: $name: one logoff fires");

		admin($node, 'app', q{ALTER DATABASE app SET session_triggers.logon_failure = 'reject'});
		($out, $fired) = run_client($driver, 'alice');
		my $sqlstate = $driver->{sqlstate} ? 'P0042' : '-';
		like($out, qr/\Aerror $sqlstate [^\n]*no entry for alice\n\z/,
			"logon_failure = reject: $name: the connection fails with the trigger's error");
		is($fired, '', "logon_failure = reject: $name: no logoff fires");
		admin($node, 'app', 'ALTER DATABASE app RESET session_triggers.logon_failure');
	}
}

$node->stop;
log_is_clean($node, 'F12: the log has no failed assertion and no leak');
done_testing();
