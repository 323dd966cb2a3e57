# pg_upgrade and pg_dumpall bring session triggers and the session audit from an older
# major to this one: rules C1, E5, A9 and N4. Nothing fires in the meantime.
use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $old_ours = $ENV{SESSTRIG_OLD_BINDIR};
my $old_stock = $ENV{SESSTRIG_OLD_STOCK_BINDIR};
plan skip_all => 'SESSTRIG_OLD_BINDIR and SESSTRIG_OLD_STOCK_BINDIR name no older servers'
  unless $old_ours && $old_stock;

# Each server finds its libraries where it is installed.
delete $ENV{LD_LIBRARY_PATH};
my ($new_bindir) = run_command([ 'pg_config', '--bindir' ]);

# pg_upgrade requires the same encoding, locale, and checksums.
my @initdb = ('--no-locale', '--encoding' => 'UTF8', '--data-checksums');

my $conf = "session_triggers.creator_role = 'creators'";

my $fired = q{SELECT event, login_user FROM fired WHERE login_user = 'alice' ORDER BY id};
my $delegated = 'SELECT count(*) FROM carol.logons';
my $triggers = <<'EOF';
SELECT evtname, evtevent, evtenabled, evtfoid::regproc, obj_description(oid, 'pg_event_trigger'),
    nullif(evtowner, 10)::regrole
FROM pg_event_trigger ORDER BY evtname
EOF

# The rows of alice's sessions in the audit, and the tables that hold them.
my $audit = <<'EOF';
SELECT string_agg(event, ' ' ORDER BY at), count(DISTINCT tableoid), bool_or(tableoid = 'session_audit.log_default'::regclass)
FROM session_audit.log WHERE login_user = 'alice'
EOF

# Creates a cluster of the older major that has session triggers.
sub old_node
{
	my ($name) = @_;
	my $old = new_node($name, install_path => dirname($old_ours), extra => \@initdb, conf => $conf);
	$old->start;
	create_app($old, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, event text, login_user text);
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.fired (event, login_user) VALUES (tg_event, polar_login_user);
END
$$;
CREATE EVENT TRIGGER on_logon ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER on_logoff ON before_user_logoff EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER not_now ON after_user_logon EXECUTE FUNCTION log_session();
ALTER EVENT TRIGGER not_now DISABLE;
CREATE PROCEDURE nothing() LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER procedure ON before_user_logoff EXECUTE PROCEDURE nothing();
CREATE TRIGGER oracle AFTER LOGON ON alice.SCHEMA WHEN (true) BEGIN NULL; END;
ALTER EVENT TRIGGER on_logoff ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER on_logon IS 'keeps the book';
CREATE ROLE creators;
CREATE ROLE carol LOGIN IN ROLE creators;
CREATE SCHEMA AUTHORIZATION carol;
SET ROLE carol;
CREATE TABLE carol.logons (login_user text);
CREATE FUNCTION carol.log_logon() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO carol.logons VALUES (polar_login_user);
END
$$;
CREATE EVENT TRIGGER delegated ON after_user_logon EXECUTE FUNCTION carol.log_logon();
EOF
	start_audit($old);
	one_session($old, $_) for qw(alice carol);
	is( admin($old, 'app', $fired),
		"after_user_logon|alice\nbefore_user_logoff|alice",
		"$name: the triggers fire on the older major");
	is(admin($old, 'app', $delegated), '1', "$name: so does one of a role that is no superuser (N3)");
	wait_until($old, 'postgres', $audit, 'logon logoff|1|f');
	stop_audit($old);
	return $old;
}

# Runs a session of a role's.
sub one_session
{
	my ($node, $role) = @_;
	open_session($node, $role)->quit;
	return;
}

# Tests that a new cluster has the triggers, and that they fire.
sub is_here
{
	my ($node, $expected, $what) = @_;
	is(admin($node, 'app', $triggers), $expected, "$what: all triggers are there");
	is(admin($node, 'app', $fired), "after_user_logon|alice\nbefore_user_logoff|alice",
		"$what: nothing has fired in the meantime");
	is(admin($node, 'postgres', $audit), 'logon logoff|1|f', "$what: the rows of the audit are there, in the month's partition (A9)");
	start_audit($node);
	one_session($node, $_) for qw(alice carol);
	is(admin($node, 'app', $fired), join("\n", ("after_user_logon|alice\nbefore_user_logoff|alice") x 2),
		"$what: the triggers fire");
	is(admin($node, 'app', $delegated), '2', "$what: so does one of a role that is no superuser, for this role (N3)");
	ok(wait_until($node, 'postgres', $audit, 'logon logoff logon logoff|1|f'), "$what: the audit goes on (A1)");
	ok( wait_until($node, 'postgres', 'SELECT concat_ws(chr(124), partitions, last_pass_at IS NOT NULL, last_error) FROM session_audit.status()', '3|t'),
		"$what: so does its keeper (A7)");
	admin($node, 'app', 'DROP TRIGGER oracle');
	is(admin($node, 'app', "SELECT count(*) FROM pg_proc WHERE proname = 'oracle'"), '0',
		"$what: the function of a trigger in Oracle's form still belongs to it (D9)");
	return;
}

for my $kind ([ 'patched', $old_ours ], [ 'stock', $old_stock ])
{
	my ($name, $old_bindir) = @$kind;
	my $old = old_node("old_$name");
	my $expected = admin($old, 'app', $triggers);
	my $new = new_node("from_$name", extra => \@initdb, conf => $conf);
	my $work = PostgreSQL::Test::Utils::tempdir;

	$old->stop;
	chdir $work or die "could not enter $work: $!";
	command_ok(
		[
			'pg_upgrade', '--no-sync',
			'--old-datadir' => $old->data_dir,
			'--new-datadir' => $new->data_dir,
			'--old-bindir' => $old_bindir,
			'--new-bindir' => $new_bindir,
			'--socketdir' => $new->host,
			'--old-port' => $old->port,
			'--new-port' => $new->port
		],
		"C1: pg_upgrade from the $name server succeeds");
	chdir '/' or die $!;
	$new->start;
	is_here($new, $expected, "C1: from the $name server");
	$new->stop;
}

my $old = old_node('dumped');
my $expected = admin($old, 'app', $triggers);
my $new = new_node('restored', extra => \@initdb, conf => $conf);
my $dump = PostgreSQL::Test::Utils::tempdir . '/dump.sql';
my ($output, $errors);

$new->start;
{
	# pg_dumpall and psql open sessions, too.
	local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off';
	command_ok(
		[ 'pg_dumpall', '--no-sync', '--file' => $dump, '--dbname' => $old->connstr('postgres') ],
		'E5: pg_dumpall succeeds');
	($output, $errors) = run_command(
		[ 'psql', '--no-psqlrc', '--quiet', '--file' => $dump, '--dbname' => $new->connstr('postgres') ]);
}
# The new cluster has the bootstrap superuser already.
unlike($errors =~ s/^.*role "[^"]+" already exists$//mr, qr/ERROR/,
	'E5: the script of pg_dumpall runs on the newer major');
is_here($new, $expected, 'E5: restored');

done_testing();
