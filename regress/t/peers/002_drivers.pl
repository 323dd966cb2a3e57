# Drivers in their own languages: what they make of logon triggers, and of the
# WARNING before ReadyForQuery (rule F3). Each directory under
# SESSTRIG_PEERS is a driver: `run` is its program, or `skip` says why there is none.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('drivers');
$node->start;
admin($node, 'postgres', 'CREATE DATABASE app');
admin($node, 'app', <<'EOF');
CREATE ROLE alice LOGIN;
CREATE TABLE session_log (event text);
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        INSERT INTO public.session_log VALUES (tg_event);
        PERFORM set_config('test.setting', 'set', false);
    END IF;
END
$$;
CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF polar_login_user = 'alice' THEN
        RAISE EXCEPTION 'not today' USING ERRCODE = 'P0042';
    END IF;
END
$$;
EOF

# What the driver does with the WARNING, as measured; docs/clients.md has it, too.
my %hands_out = (asyncpg => 0, jdbc => 1, node => 1, pg8000 => 1, psycopg => 0, tokio => 1);

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

sub run_client
{
	my ($driver) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ "$ENV{SESSTRIG_PEERS}/$driver/run", '127.0.0.1', $node->port, 'alice', 'app' ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	note $err if $err;
	chomp $out;
	return $out;
}

# All rows, once alice's sessions have ended.
sub rows
{
	wait_until($node, 'app', q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'alice'}, '0');
	return admin($node, 'app', q{SELECT string_agg(event, ' ' ORDER BY event) FROM session_log});
}

for my $driver (sort keys %hands_out)
{
  SKIP:
	{
		my $skip = "$ENV{SESSTRIG_PEERS}/$driver/skip";
		skip $driver . ': ' . slurp_file($skip) =~ s/\s+$//r, 1 if -e $skip;

		set_logon('log_session');
		is(run_client($driver), "select: 42\nsetting: set", "F5: $driver: what a logon trigger set is there");
		is(rows(), 'after_user_logon before_user_logoff', "E3: $driver: one row each");

		set_logon('fail');
		my $notice = $hands_out{$driver} ? "notice: $WARNING\n" : '';
		is(run_client($driver) =~ s/setting: (None|null|)$/setting: /r,
			"${notice}select: 42\nsetting: ", "F3: $driver: a failed logon trigger");
		is(rows(), 'before_user_logoff', "F3: $driver: logoff fires");

		admin($node, 'app', 'ALTER ROLE alice SET session_triggers.logon_warning = off; TRUNCATE session_log');
		is(run_client($driver) =~ s/setting: (None|null|)$/setting: /r,
			"select: 42\nsetting: ", "S: $driver: and without its warning");
		is(rows(), 'before_user_logoff', "S: $driver: logoff fires");
		admin($node, 'app', 'ALTER ROLE alice RESET session_triggers.logon_warning; TRUNCATE session_log');

		admin($node, 'app', q{ALTER ROLE alice SET session_triggers.logon_failure = 'reject'});
		like(run_client($driver), qr/^error: (P0042|-----) .*not today$/, "S: $driver: reject is an error of the connection");
		is(rows(), '', "S: $driver: logoff does not fire");
		admin($node, 'app', 'ALTER ROLE alice RESET session_triggers.logon_failure');
	}
}

unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no assertion failed');
$node->stop;
done_testing();
