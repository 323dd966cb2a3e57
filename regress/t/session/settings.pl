# The settings, and what other servers make of triggers and settings: section S,
# rules E5 and C1.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('settings');
$node->start;
admin($node, 'postgres', $_) for 'CREATE DATABASE app', 'CREATE DATABASE restored';
admin($node, 'app', <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE root LOGIN SUPERUSER;
CREATE TABLE fired (event text, instance_num int);
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.fired VALUES (tg_event, polar_instance_num);
END
$$;
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION log_session();
EOF

### Types and defaults
is( admin($node, 'postgres', q{
		SELECT name, vartype, boot_val, context, min_val, max_val, enumvals
		FROM pg_settings WHERE name IN (
			'session_triggers.enabled', 'session_triggers.instance_num',
			'session_triggers.logon_failure', 'session_triggers.logon_warning')
		ORDER BY name}),
	join("\n",
		'session_triggers.enabled|bool|on|superuser|||',
		'session_triggers.instance_num|integer|1|sighup|1|2147483647|',
		'session_triggers.logon_failure|enum|continue|superuser|||{continue,reject}',
		'session_triggers.logon_warning|bool|on|user|||'),
	'S: types, defaults, ranges, and contexts are as specified');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM pg_settings WHERE name LIKE 'session\_triggers.%'
		AND (source <> 'default' OR setting <> boot_val OR pending_restart)}),
	'0',
	'S: every setting has its default where nothing is set');
my $conf = slurp_file($node->data_dir . '/postgresql.conf');
ok($conf =~ /^#session_triggers\.\Q$_\E = /m, "S: postgresql.conf describes $_")
  for qw(enabled instance_num logon_failure logon_warning);

### Who may set what, and to which values
my %client = map {
	my $client = connect_raw($node, user => $_, database => 'postgres');
	$client->ready;
	($_ => $client)
} qw(alice root);

# Runs a command, and returns SQLSTATE, message, detail, and hint of its error, or
# nothing if it succeeds.
sub refusal
{
	my ($user, $sql) = @_;
	my ($error) = grep { $_->{type} eq 'E' } $client{$user}->query($sql);
	return $error ? join(' ', $error->{C}, $error->{M}, grep { defined } @{$error}{qw(D H)}) : '';
}

my @table = (
	[ 'root', 'SET session_triggers.enabled = off', '' ],
	[ 'root', q{SET session_triggers.logon_failure = 'reject'}, '' ],
	[ 'root', 'SET session_triggers.logon_warning = off', '' ],
	[ 'alice', 'SET session_triggers.logon_warning = off', '' ],
	[ 'alice', 'ALTER ROLE alice SET session_triggers.logon_warning = off', '' ],
	[
		'alice',
		'SET session_triggers.enabled = off',
		'42501 permission denied to set parameter "session_triggers.enabled"'
	],
	[
		'alice',
		q{SET session_triggers.logon_failure = 'continue'},
		'42501 permission denied to set parameter "session_triggers.logon_failure"'
	],
	[
		'alice',
		'ALTER ROLE alice SET session_triggers.enabled = off',
		'42501 permission denied to set parameter "session_triggers.enabled"'
	],
	[
		'root',
		'SET session_triggers.instance_num = 2',
		'55P02 parameter "session_triggers.instance_num" cannot be changed now'
	],
	[
		'root',
		'ALTER ROLE alice SET session_triggers.instance_num = 2',
		'55P02 parameter "session_triggers.instance_num" cannot be changed now'
	],
	[
		'root',
		q{SET session_triggers.enabled = 'perhaps'},
		'22023 parameter "session_triggers.enabled" requires a Boolean value'
	],
	[
		'root',
		q{SET session_triggers.logon_failure = 'panic'},
		'22023 invalid value for parameter "session_triggers.logon_failure": "panic" Available values: continue, reject.'
	],
	[
		'root',
		'ALTER SYSTEM SET session_triggers.instance_num = 0',
		'22023 0 is outside the valid range for parameter "session_triggers.instance_num" (1 .. 2147483647)'
	],
	[
		'root',
		q{ALTER SYSTEM SET session_triggers.instance_num = '2147483648'},
		'22023 invalid value for parameter "session_triggers.instance_num": "2147483648" Value exceeds integer range.'
	],
	[
		'root',
		'SET session_triggers.nothing = 1',
		'42602 invalid configuration parameter name "session_triggers.nothing" "session_triggers" is a reserved prefix.'
	],
	[
		'alice',
		'SET session_triggers.nothing = 1',
		'42602 invalid configuration parameter name "session_triggers.nothing" "session_triggers" is a reserved prefix.'
	]);
is(refusal($_->[0], $_->[1]), $_->[2], "S: $_->[0]: $_->[1]") for @table;
is($client{root}->query('SHOW session_triggers.logon_failure'), 'reject', 'S: SET has changed logon_failure');

# The same in the connection request
my @messages = connect_raw(
	$node,
	user => 'root',
	database => 'postgres',
	options => '-c session_triggers.instance_num=2')->messages;
is("$messages[-1]{V} $messages[-1]{C}", 'FATAL 55P02', 'S: instance_num is refused in the connection request');
@messages = connect_raw(
	$node,
	user => 'alice',
	database => 'postgres',
	options => '-c session_triggers.logon_failure=continue')->messages;
is("$messages[-1]{V} $messages[-1]{C}", 'FATAL 42501',
	'S: logon_failure is refused in the connection request of a role that is not a superuser');

# A superuser can grant a role the right to set session_triggers.enabled.
admin($node, 'app', 'GRANT SET ON PARAMETER session_triggers.enabled TO alice');
my $client = open_session($node, 'alice', options => '-c session_triggers.enabled=off');
$client->quit;
is(admin($node, 'app', 'SELECT count(*) FROM fired'), '0',
	'S: enabled = off keeps logon from firing, for a role with GRANT SET, too');

$_->quit for values %client;

### The configuration file
sub instance_num_is
{
	my ($value) = @_;
	return wait_until($node, 'postgres', 'SHOW session_triggers.instance_num', $value);
}

admin($node, 'postgres', 'ALTER SYSTEM SET session_triggers.instance_num = 12');
is(admin($node, 'postgres', 'SHOW session_triggers.instance_num'), '1',
	'S: instance_num does not change before a reload');
$node->reload;
ok(instance_num_is('12'), 'S: a reload changes instance_num');
$client = open_session($node, 'alice');
$client->quit;
is(admin($node, 'app', 'DELETE FROM fired RETURNING *'), 'after_user_logon|12',
	'S, V1: functions see the new instance_num');
is(admin($node, 'postgres', q{SELECT pending_restart FROM pg_settings WHERE name = 'session_triggers.instance_num'}),
	'f', 'S: instance_num needs no restart');

my @wrong = (
	# line, what the log says, and the value that stays
	[ 'instance_num = many', qr/invalid value for parameter "session_triggers.instance_num": "many"/, '13' ],
	[ 'instance_num = 0', qr/0 is outside the valid range for parameter "session_triggers.instance_num"/, '13' ],
	[ 'enabled = perhaps', qr/parameter "session_triggers.enabled" requires a Boolean value/, 'on' ],
	[ 'logon_failure = panic', qr/invalid value for parameter "session_triggers.logon_failure": "panic"/, 'continue' ],
	[ 'nothing = 1', qr/invalid configuration parameter name "session_triggers.nothing"/, '' ]);
admin($node, 'postgres', 'ALTER SYSTEM RESET ALL');
$node->append_conf('postgresql.conf', 'session_triggers.instance_num = 13');
$node->reload;
ok(instance_num_is('13'), 'S: instance_num can be set in postgresql.conf');
for my $case (@wrong)
{
	my ($line, $message, $value) = @$case;
	my ($name) = split / /, $line;
	my $file = $node->data_dir . '/postgresql.conf';
	my $good = slurp_file($file);

	my $position = log_position($node);
	$node->append_conf('postgresql.conf', "session_triggers.$line");
	$node->reload;
	ok($node->wait_for_log($message, $position), "S: $line is refused in postgresql.conf");
	# In a session without options, which would set session_triggers.enabled.
	is($node->safe_psql('postgres', "SELECT current_setting('session_triggers.$name', true)"),
		$value, "S: $line leaves the old value in effect");
	if ($line eq 'instance_num = 0')
	{
		$node->stop;
		$position = log_position($node);
		ok(!$node->start(fail_ok => 1), "S: the server does not start with $line");
		like(slurp_file($node->logfile, $position), $message, "S: $line is what keeps the server from starting");
	}
	open my $handle, '>', $file or die "could not write $file: $!";
	print $handle $good;
	close $handle;
	$node->start if $line eq 'instance_num = 0';
}
$node->restart;
is(admin($node, 'postgres', 'SHOW session_triggers.instance_num'), '13',
	'S: the server starts again without the wrong settings');

### E5: pg_dump
admin($node, 'app', <<'EOF');
CREATE FUNCTION other() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER "Logon always" ON after_user_logon EXECUTE FUNCTION other();
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE PROCEDURE log_session();
CREATE EVENT TRIGGER logoff_replica ON before_user_logoff EXECUTE FUNCTION other();
CREATE EVENT TRIGGER logoff_off ON before_user_logoff EXECUTE FUNCTION other();
ALTER EVENT TRIGGER "Logon always" ENABLE ALWAYS;
ALTER EVENT TRIGGER logoff_replica ENABLE REPLICA;
ALTER EVENT TRIGGER logoff_off DISABLE;
ALTER EVENT TRIGGER logoff OWNER TO root;
COMMENT ON EVENT TRIGGER logoff IS 'says goodbye';
EOF
my $catalog = q{SELECT evtname, evtevent, evtowner::regrole, evtfoid::regprocedure, evtenabled, evttags IS NULL,
	obj_description(oid, 'pg_event_trigger') FROM pg_event_trigger ORDER BY 1};
my $dump = $node->basedir . '/app.sql';
{
	local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off';
	$node->command_ok([ 'pg_dump', '--file' => $dump, 'app' ], 'E5: pg_dump succeeds');
	$node->command_ok(
		[ 'psql', '--no-psqlrc', '--quiet', '--set' => 'ON_ERROR_STOP=1', '--file' => $dump, 'restored' ],
		'E5: the output of pg_dump can be loaded');
}
is(admin($node, 'app', "SELECT count(*) FROM ($catalog) AS t"), '5', 'E5: there are five triggers to dump');
is(admin($node, 'restored', $catalog), admin($node, 'app', $catalog), 'E5: the restored triggers are the same');
admin($node, 'restored', 'TRUNCATE fired');
$client = connect_raw($node, user => 'alice', database => 'restored');
$client->ready;
$client->quit;
is(admin($node, 'restored', 'SELECT event FROM fired'), "after_user_logon\nbefore_user_logoff",
	'E5: the restored triggers fire');
$node->stop;

### C1: a data directory moves from the stock server to this one, and back
SKIP:
{
	my $stock = $ENV{SESSTRIG_STOCK_BINDIR};
	skip 'SESSTRIG_STOCK_BINDIR does not name the programs of a stock server', 1 unless $stock;
	my ($ours) = run_command([ 'pg_config', '--bindir' ]);
	my $moving = PostgreSQL::Test::Cluster->new('moving', install_path => dirname($stock));
	my @messages;

	$moving->init;
	$moving->append_conf('postgresql.conf', <<'EOF');
log_line_prefix = '%p|%e|'
session_triggers.instance_num = 5
session_triggers.logon_failure = 'reject'
# A worker that is running at the shutdown would log a FATAL of its own.
autovacuum = off
EOF

	# Runs a function while the server of that installation is up.
	my $run = sub {
		my ($bindir, $sub) = @_;
		my ($libdir) = run_command([ "$bindir/pg_config", '--libdir' ]);
		local $ENV{LD_LIBRARY_PATH} = $libdir;
		local $ENV{PATH} = "$bindir:$ENV{PATH}";
		my @ctl = ('pg_ctl', '--pgdata' => $moving->data_dir, '--log' => $moving->logfile, '--wait');
		system_or_bail(@ctl, 'start');
		my $done = eval { $sub->(); 1 };
		my $error = $@;
		# psql does not wait for its session to end, but a smart shutdown does.
		system_or_bail(@ctl, '--mode' => $done ? 'smart' : 'fast', 'stop');
		die $error unless $done;
		return;
	};
	# Runs SQL, tests that it gives no error, and returns what psql prints.
	my $sql = sub {
		my ($database, $command, %environment) = @_;
		local @ENV{ keys %environment } = values %environment;
		my ($result, $errors) = run_command(
			[
				'psql', '--no-psqlrc', '--tuples-only', '--no-align', '--quiet',
				'--set' => 'ON_ERROR_STOP=1', '--command' => $command,
				'--dbname' => $moving->connstr($database)
			]);
		is($errors, '', "C1: $command: psql prints no error");
		return $result;
	};
	my %off = (PGOPTIONS => '-c session_triggers.enabled=off');
	my $one_session = sub {
		my $session = connect_as($moving, 'alice');
		@messages = $session->ready;
		$session->quit;
		return;
	};
	my $fired = 'SELECT event, instance_num FROM fired ORDER BY id';

	# What docs/settings.md says of settings that the stock server has kept: the warnings, and
	# the query that finds them. How many that finds, and its statements.
	my $page = slurp_file("$FindBin::RealBin/../../../docs/settings.md");
	my ($warnings) = $page =~ /^```\n(WARNING: .*?)^```/ms;
	my ($find) = $page =~ /^```sql\n(SELECT setting,.*?)^```/ms;
	my ($find_in_functions) = $page =~ /^```sql\n(SELECT oid::regprocedure.*?)^```/ms;
	my $resets = sub { return map { s/.*\|//r } split /\n/, $sql->('postgres', $find, %off); };
	my $kept = sub { return scalar(my @all = $resets->()); };
	my $keeper = sub {
		my $session = connect_as($moving, 'keeper', @_);
		my @start = $session->messages;
		$session->quit;
		my %words = (S => '', D => 'DETAIL:  ', H => 'HINT:  ');
		return join '', map {
			my $message = $_;
			"$message->{S}:  $message->{M}\n", map { defined $message->{$_} ? "$words{$_}$message->{$_}\n" : () } qw(D H);
		} grep { $_->{type} =~ /[NE]/ } @start;
	};

	$run->(
		$stock,
		sub {
			is($sql->('postgres', 'SHOW session_triggers.instance_num'),
				'5', 'C1: the stock server accepts our settings as custom ones');
			$sql->('postgres', 'CREATE ROLE alice LOGIN');
			$sql->('postgres', 'CREATE DATABASE app');
			$sql->('app',
				'CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, event text, instance_num int)');

			# What makes no sense here is kept as well.
			$sql->('postgres', 'CREATE ROLE keeper LOGIN');
			$sql->('postgres', "ALTER ROLE keeper SET session_triggers.$_")
			  for 'anything = 1', "logon_failure = 'maybe'", "enabled = 'maybe'", "creator_role = 'x'", 'stat_max = 5';
			$sql->('app', q{CREATE FUNCTION kept() RETURNS int LANGUAGE sql SET session_triggers.anything = 1 AS 'SELECT 1'});

			# The statements that the page's query has are right for each kind of entry.
			$sql->('postgres', $_) for 'ALTER DATABASE app SET session_audit.a = 1', 'ALTER ROLE alice IN DATABASE app SET session_audit.b = 1',
			  'ALTER ROLE ALL SET "Session_Audit.c" = 1';
			is($kept->(), 8, 'C1: what the stock server has kept is found');
			$sql->('postgres', $_) for grep { /session_audit/i } $resets->();
			is($kept->(), 5, 'C1: and can be reset there');
		});
	$run->(
		$ours,
		sub {
			$sql->('app', 'CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS '
					. q{'BEGIN INSERT INTO public.fired (event, instance_num) VALUES (tg_event, polar_instance_num); END'},
				%off);
			$sql->('app', "CREATE EVENT TRIGGER $_ ON $_ EXECUTE FUNCTION log_session()", %off)
			  for qw(after_user_logon before_user_logoff);
			$one_session->();
			is($sql->('app', $fired, %off), "after_user_logon|5\nbefore_user_logoff|5",
				'C1: the triggers fire on our server');
			is($keeper->(database => 'postgres'), $warnings, 'C1: what has been kept and makes no sense warns, as the page says');
			like($keeper->(database => 'postgres', options => '-c session_triggers.anything=1'),
				qr/FATAL:  invalid configuration parameter name "session_triggers.anything"/,
				'C1: a client that sends such a setting is refused');
			my @errors = map {
				my ($result, $error) = run_command([ 'psql', '-X', '-c', $_, '-d', $moving->connstr('app') . ' options=-csession_triggers.enabled=off' ]);
				$error =~ s/\n.*//sr;
			} 'SELECT kept()', 'ALTER ROLE keeper SET session_triggers.anything = 1', $resets->();
			my $unknown = 'ERROR:  invalid configuration parameter name "session_triggers.anything"';
			is_deeply(
				\@errors,
				[
					$unknown, $unknown, '', '', '',
					'ERROR:  parameter "session_triggers.creator_role" cannot be changed now',
					'ERROR:  parameter "session_triggers.stat_max" cannot be changed without restarting the server'
				],
				'C1: a function with such a setting fails, and which of them can be reset here');
			is($sql->('app', $find_in_functions, %off), 'kept()|{session_triggers.anything=1}', 'C1: such functions are found');
			$sql->('app', 'ALTER ROUTINE kept RESET session_triggers.anything', %off);
			is($sql->('app', 'SELECT kept()', %off), '1', 'C1: and mended');
		});

	# In the configuration file such a setting keeps our server from starting.
	$moving->append_conf('postgresql.conf', 'session_triggers.anything = 1');
	$run->($stock, sub { is($sql->('postgres', 'SHOW session_triggers.anything'), '1', 'C1: the stock server takes it'); });
	command_fails([ 'pg_ctl', '--pgdata' => $moving->data_dir, '--log' => $moving->logfile, '--wait', 'start' ],
		'C1: an unknown setting in the configuration file keeps our server from starting');
	$moving->adjust_conf('postgresql.conf', 'session_triggers.anything', undef);
	$run->(
		$stock,
		sub {
			$one_session->();
			is(scalar(grep { $_->{type} =~ /[NE]/ } @messages),
				0, 'C1: the stock server starts a session without a message');
			is($sql->('app', $fired), "after_user_logon|5\nbefore_user_logoff|5",
				'C1: the triggers do not fire on the stock server');
			is($sql->('app', 'SELECT count(*) FROM pg_event_trigger'), '2',
				'C1: the stock server has the triggers in its catalog');
			is($kept->(), 2, 'C1: what could not be reset on our server is still there');
			$sql->('postgres', $_) for $resets->();
			$sql->('app', 'ALTER EVENT TRIGGER after_user_logon DISABLE');
			$sql->('app', 'CREATE TABLE made_there (i int)');
		});
	$run->(
		$ours,
		sub {
			$one_session->();
			is( $sql->('app', $fired, %off),
				"after_user_logon|5\nbefore_user_logoff|5\nbefore_user_logoff|5",
				'C1: back on our server, the triggers that are enabled fire');
			is($sql->('app', 'SELECT count(*) FROM made_there', %off), '0',
				'C1: a table from the stock server is there');
			is($keeper->(database => 'postgres'), '', 'C1: nobody is warned any more');
		});
	unlike(
		slurp_file($moving->logfile) =~ s/.*(?:invalid configuration parameter name|cannot be changed|contains errors).*//gr,
		qr/TRAP:|PANIC:|ERROR:|FATAL:/, 'C1: neither server has logged another error');
}

done_testing();
