# Triggers as users of Oracle write them, and what docs/oracle.md says of them: rule
# D9, with D1 and D8 where the page is about rights and procedures. The triggers are
# in OracleLogons.pm; each row of the page's tables has a test, and each test a row.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use OracleLogons;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my ($node, $root) = new_oracle_node('logons');
my $major = $root->query('SHOW server_version_num') =~ s/\d{4}$//r;

# What the second column of the page says of triggers of each kind.
my %words = (
	runs => qr/^runs$/,
	translated => qr/^translated$/,
	differs => qr/^(?:runs|translated), but /,
	orafce => qr/^with orafce$/,
	create => qr/^refused by `CREATE TRIGGER`$/,
	logon => qr/^fails at logon$/);

# Compares an outcome with a text or a pattern.
sub outcome_is
{
	my ($outcome, $expected, $title) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ref $expected ? like($outcome, $expected, $title) : is($outcome, $expected, $title);
}

# Runs statements in the superuser's session, and returns its errors: SQLSTATE and
# message.
sub errors
{
	my ($sql) = @_;
	return map { "$_->{C} $_->{M}" } grep { $_->{type} eq 'E' } $root->query($sql);
}

# Runs statements that are to succeed.
sub run
{
	my ($sql) = @_;
	is_deeply([ errors($sql) ], [], 'done: ' . substr($sql =~ s/\s+/ /gr, 0, 60));
	return;
}

# Tests that a statement is refused with this error.
sub refused
{
	my ($sql, $error, $title) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply([ errors($sql) ], [$error], $title);
}

# Returns what comes of a session of a role: see outcome_of().
sub session
{
	my ($role, $ask) = @_;
	my ($outcome) = outcome_of($node, $root, { connect => { user => $role }, ask => $ask }, 'SELECT');
	$root->query('DELETE FROM fired');
	return $outcome;
}

sub insert { return "INSERT INTO fired (line) VALUES ($_[0]);"; }

### The triggers
for my $case (@CASES)
{
	my $name = $case->{name} // $case->{row};
	my %as_it_is = (
		runs => $case->{outcome},
		translated => $case->{outcome},
		differs => $case->{differs},
		create => 'create: ' . ($case->{error} // ''),
		logoff => 'logoff: ' . ($case->{error} // ''));
	my ($outcome) = outcome_of($node, $root, $case, $case->{oracle});
	outcome_is($outcome, $as_it_is{ $case->{as} } // "refused: $case->{error}", "D9: as it is ($case->{as}): $name");
	clean_up($root);

	next if !$case->{write} || $major < ($case->{since} // 0);
	($outcome, my $log) = outcome_of($node, $root, $case, $case->{write});
	outcome_is($outcome, $case->{outcome}, "D9: written for us: $name");
	like($log, $case->{log}, "D9: the log shows it: $name") if $case->{log};
	clean_up($root);
}
is(scalar(grep { $_->{name} && $_->{as} =~ /^(?:runs|translated)$/ } @CASES),
	scalar(grep { $_->{name} } @CASES) - 3, 'D10: all whole triggers but three run as they are written');

### The table of what they contain
my @rows = table_rows('What a logon trigger reads and sets');
my %case_of = map { $_->{row} => $_ } grep { $_->{row} } @CASES;
is_deeply([ map { $_->[0] } @rows ], [ map { $_->{row} // () } @CASES ],
	'D9: each row of docs/oracle.md has a test, and each test a row, in the same order');
for my $row (@rows)
{
	my ($oracle, $as, $write) = @$row;
	my $case = $case_of{$oracle} or next;
	like($as, $words{ $case->{as} }, "D9: the page says what becomes of $oracle");
	is_deeply([ fragments_missing($oracle, $case->{oracle}) ], [], "D9: what was run as it is has $oracle");
	is_deeply([ fragments_missing($write, $case->{write} // $case->{oracle}) ], [], "D9: what was written for it has $write");
}

### The table of statements: a test for each row
my $function = 'CREATE FUNCTION logon_function RETURN event_trigger IS BEGIN ' . insert('tg_event') . ' END;';
my @statements = (
	'`CREATE EVENT TRIGGER t ON after_user_logon …`, `… ON before_user_logoff …` (PolarDB)' => sub {
		run("$function CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION logon_function(); CREATE EVENT TRIGGER u ON before_user_logoff EXECUTE FUNCTION logon_function()");
		is(session('alice'), "after_user_logon\nbefore_user_logoff", 'E4: it fires');
	},
	'`CREATE EVENT TRIGGER t AFTER LOGON ON DATABASE …`, `… BEFORE LOGOFF ON DATABASE …` (PolarDB for Oracle)' => sub {
		run("$function CREATE EVENT TRIGGER t AFTER LOGON ON DATABASE EXECUTE FUNCTION logon_function(); CREATE EVENT TRIGGER u BEFORE LOGOFF ON DATABASE EXECUTE FUNCTION logon_function()");
		is(session('alice'), "after_user_logon\nbefore_user_logoff", 'E4: it fires');
		is($root->query("SELECT string_agg(evtevent, ' ' ORDER BY evtname) FROM pg_event_trigger"), 'after_user_logon before_user_logoff', 'E5: the catalog has these names');
	},
	'`CREATE OR REPLACE TRIGGER t AFTER LOGON ON DATABASE DECLARE … BEGIN … END t;`, `… BEFORE LOGOFF …` (Oracle)' => sub {
		run("CREATE OR REPLACE TRIGGER t AFTER LOGON ON DATABASE DECLARE v int := 1; BEGIN " . insert('v') . " END t;") for 1 .. 2;
		run("CREATE TRIGGER u BEFORE LOGOFF ON DATABASE BEGIN " . insert(2) . " END;");
		is(session('alice'), "1\n2", 'D9: it fires');
	},
	'`… ON SCHEMA`, `… ON hr.SCHEMA`' => sub {
		run("CREATE TRIGGER t AFTER LOGON ON SCHEMA BEGIN " . insert("'schema'") . " END; CREATE TRIGGER u AFTER LOGON ON hr.SCHEMA BEGIN " . insert("'hr'") . " END;");
		is_deeply([ map { session($_) } qw(root hr alice) ], [ 'schema', 'hr', '' ], 'D9: it runs for these roles');
	},
	'`… WHEN (…)`' => sub {
		run("CREATE TRIGGER t AFTER LOGON ON DATABASE WHEN (ora_login_user LIKE 'h%' AND ora_sysevent = 'LOGON') BEGIN " . insert(1) . " END;");
		is_deeply([ map { session($_) } qw(hr alice) ], [ '1', '' ], 'D9: it runs if the condition is true');
	},
	'`EDITIONABLE`, `NONEDITIONABLE`' => sub {
		run("CREATE OR REPLACE $_ TRIGGER t AFTER LOGON ON DATABASE BEGIN " . insert(1) . ' END;') for qw(EDITIONABLE NONEDITIONABLE);
		is(session('alice'), '1', 'D9: it fires');
	},
	'`DROP TRIGGER t`, `ALTER TRIGGER t DISABLE`, `… ENABLE`, `… RENAME TO u`' => sub {
		run("$function CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION logon_function(); ALTER TRIGGER t DISABLE");
		is(session('alice'), '', 'D9: it is disabled, although another statement has made it');
		run('ALTER TRIGGER t ENABLE; ALTER TRIGGER t RENAME TO u');
		is(session('alice'), 'after_user_logon', 'D9: it is enabled');
		run('DROP TRIGGER u; CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION logon_function()');
		refused($_, '42809 event trigger "t" is not for a session event', "D9: not for other event triggers: $_")
		  for 'DROP TRIGGER t', 'ALTER TRIGGER t DISABLE', 'ALTER TRIGGER t ENABLE', 'ALTER TRIGGER t RENAME TO u';
		run('ALTER EVENT TRIGGER t DISABLE; DROP EVENT TRIGGER t');
	},
	'`ALTER TRIGGER t COMPILE`' => sub { refused('ALTER TRIGGER t COMPILE', '42601 syntax error at or near "COMPILE"', 'D9: it is refused'); },
	'`hr.logon_trigger` as a trigger\'s name' => sub {
		run('CREATE TRIGGER hr.logon_trigger AFTER LOGON ON DATABASE BEGIN NULL; END;');
		is($root->query("SELECT evtfoid::regprocedure FROM pg_event_trigger"), 'hr.logon_trigger()', 'D9: it is the schema of the function');
		refused('CREATE TRIGGER public.logon_trigger AFTER LOGON ON DATABASE BEGIN NULL; END;',
			'42710 event trigger "logon_trigger" already exists', 'D9: there is one trigger of that name');
		run('ALTER TRIGGER hr.logon_trigger DISABLE; DROP TRIGGER hr.logon_trigger');
		refused("CREATE EVENT TRIGGER hr.logon_trigger AFTER LOGON ON DATABASE EXECUTE FUNCTION f()",
			'42601 event trigger name cannot be qualified', 'D9: an event trigger has none');
	},
	'`… ON DATABASE ENABLE`' => sub {
		run('CREATE TRIGGER t AFTER LOGON ON DATABASE ENABLE WHEN (true) BEGIN ' . insert(1) . ' END;');
		is(session('alice'), '1', 'D11: it means nothing');
	},
	'`… AFTER LOGON OR STARTUP …`' => sub {
		refused('CREATE TRIGGER t AFTER LOGON OR STARTUP ON DATABASE BEGIN NULL; END;', '0A000 triggers for several events are not supported', 'D11: it is refused');
	},
	'`… ON DATABASE FOLLOWS u`, `… PRECEDES u`' => sub {
		refused("CREATE TRIGGER t AFTER LOGON ON DATABASE $_ u BEGIN NULL; END;", "0A000 CREATE TRIGGER ... $_ is not supported", "D11: $_ is refused")
		  for qw(FOLLOWS PRECEDES);
		run("CREATE TRIGGER $_ AFTER LOGON ON DATABASE BEGIN " . insert("'$_'") . ' END;') for qw(u t);
		is(session('alice'), "t\nu", 'F1: triggers fire in the order of their names');
	},
	'`… ON DATABASE DISABLE`' => sub {
		my ($error) = grep { $_->{type} eq 'E' } $root->query('CREATE TRIGGER t AFTER LOGON ON DATABASE DISABLE BEGIN NULL; END;');
		is("$error->{M}: $error->{H}", 'CREATE TRIGGER ... DISABLE is not supported: Use ALTER TRIGGER ... DISABLE after CREATE TRIGGER.', 'D11: it is refused');
		run('CREATE TRIGGER t AFTER LOGON ON DATABASE BEGIN ' . insert(1) . ' END; ALTER TRIGGER t DISABLE');
		is(session('alice'), '', 'D9: another statement does it');
	},
	'`… ON PLUGGABLE DATABASE`' => sub {
		refused('CREATE TRIGGER t AFTER LOGON ON PLUGGABLE DATABASE BEGIN NULL; END;', '42601 syntax error at or near "DATABASE"', 'D9: it is refused');
	},
	'`AFTER STARTUP`, `BEFORE SHUTDOWN`, `AFTER SERVERERROR`, `AFTER CREATE`, `BEFORE DROP` and the other events of Oracle\'s' => sub {
		for my $event ('AFTER STARTUP', 'BEFORE SHUTDOWN', 'AFTER SERVERERROR', 'AFTER CREATE', 'BEFORE DROP')
		{
			my ($error) = grep { $_->{type} eq 'E' } $root->query("CREATE TRIGGER t $event ON DATABASE BEGIN NULL; END;");
			is("$error->{C} $error->{M}", "0A000 triggers $event are not supported", "D9: $event is refused");
			like($error->{H} // '', qr/There is no such event; |Use CREATE EVENT TRIGGER /, "D9: $event gets a hint");
		}
	},
	'`CREATE OR REPLACE EVENT TRIGGER`' => sub {
		refused('CREATE OR REPLACE EVENT TRIGGER t AFTER LOGON ON DATABASE EXECUTE FUNCTION f()', '42601 event triggers cannot be replaced', 'D9: it is refused');
		run("$function CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION logon_function(); " . $function =~ s/CREATE/CREATE OR REPLACE/r =~ s/tg_event/'replaced'/r);
		is(session('alice'), 'replaced', 'E9: the trigger stays');
	},
	'`EXECUTE PROCEDURE p()` with a procedure' => sub {
		run('CREATE EVENT TRIGGER t AFTER LOGON ON DATABASE EXECUTE PROCEDURE log_it()');
		is(session('alice'), 'logged', 'D8: it fires');
	},
	'`CREATE FUNCTION f RETURN event_trigger IS … BEGIN … END;`' => sub {
		run('CREATE FUNCTION logon_function RETURN event_trigger IS v text := current_user; BEGIN ' . insert('v') . ' END; CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION logon_function()');
		is(session('alice'), 'root', 'D1: it has its owner\'s rights');
	},
	'`AUTHID DEFINER`, `AUTHID CURRENT_USER`, `DETERMINISTIC`' => sub {
		for my $option ([ 'AUTHID DEFINER', 'true v' ], [ 'AUTHID CURRENT_USER', 'false v' ], [ 'DETERMINISTIC', 'true i' ])
		{
			run("CREATE OR REPLACE FUNCTION logon_function RETURN event_trigger $option->[0] IS BEGIN NULL; END;");
			is($root->query("SELECT concat_ws(' ', prosecdef::text, provolatile) FROM pg_proc WHERE proname = 'logon_function'"), $option->[1], "D1: $option->[0]");
		}
	},
	'`VARCHAR2(n)`, `VARCHAR2(n BYTE)`, `VARCHAR2(n CHAR)`' => sub {
		for my $unit ('', ' BYTE', ' CHAR')
		{
			run("CREATE TEMP TABLE t (a VARCHAR2(2$unit))");
			is($root->query("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'pg_temp.t'::regclass AND attnum = 1"), 'character varying(2)', "D5: (2$unit)");
			run("DROP TABLE t");
		}
		run('CREATE DOMAIN varchar2 AS int');
		is($root->query("SELECT pg_typeof(1::VARCHAR2) || ' ' || pg_typeof('1'::pg_catalog.varchar2)"), 'varchar2 character varying', 'D5: another type of that name comes first');
		run('DROP DOMAIN varchar2');
	},
	'`polar_login_user`, `polar_database_name`, `polar_client_ip`, `polar_instance_num`' => sub {
		run('CREATE FUNCTION logon_function() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN '
			  . insert("concat_ws(' ', polar_login_user, polar_database_name, coalesce(polar_client_ip, 'none'), polar_instance_num)") . ' END $$; CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION logon_function()');
		is(session('alice'), 'alice app none 1', 'V1: in any function that returns event_trigger');
	},
	'`/` on a line of its own after a routine or a trigger (SQL*Plus)' => sub {
		local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off';
		my ($status, $out, $err) = $node->psql('app',
			"$function\n/\nCREATE TRIGGER t AFTER LOGON ON DATABASE\nDECLARE\n  v int;\nBEGIN\n  " . insert("'psql'") . "\nEND;\n/\nSELECT 'done'");
		is("$out $err", 'done ', 'D4: psql takes it');
		is(session('alice'), 'psql', 'D4: and sends what is before it');
	});
my %test_of = @statements;
is_deeply([ map { $_->[0] } table_rows('What maps to what') ], [ grep { !ref } @statements ],
	'D9: each row on statements has a test, and each test a row, in the same order');
while (my ($row, $test) = splice @statements, 0, 2)
{
	subtest "D9: $row" => $test;
	clean_up($root);
}

### What the sections of the page say
subtest 'D1: what lasts, and whose rights' => sub {
	run('CREATE TRIGGER t AFTER LOGON ON DATABASE BEGIN SET LOCAL search_path = hr; ' . insert("current_setting('search_path')") =~ s/fired/public.fired/r . ' END;');
	is(session('alice', 'SHOW search_path'), "asked: \"\$user\", public\nhr", 'D1: only what SET LOCAL sets is taken back');
	run("CREATE OR REPLACE TRIGGER t AFTER LOGON ON DATABASE BEGIN PERFORM set_config('search_path', 'hr', false); END;");
	is(session('alice', 'SHOW search_path'), 'asked: hr', 'D1: set_config() lasts, in spite of the clause');
	for my $set ([ 'SET ROLE clerk', 'role' ], [ 'SET SESSION AUTHORIZATION bob', 'session_authorization' ])
	{
		run("CREATE OR REPLACE TRIGGER t AFTER LOGON ON DATABASE BEGIN $set->[0]; END;");
		is(session('alice'), "refused: 42501 cannot set parameter \"$set->[1]\" within security-definer function", "D1: $set->[0] is refused");
	}
	run('DROP TRIGGER t');

	# The page's own example.
	my ($example) = page() =~ /```sql\n(CREATE FUNCTION set_role .*?)```/s;
	run($example);
	for my $application ([ payroll => 'clerk' ], [ other => 'alice' ])
	{
		my $client = open_session($node, 'alice', application_name => $application->[0]);
		is(scalar $client->query('SELECT current_user'), $application->[1], "D1: the example sets the role, or does not: $application->[0]");
		$client->quit;
	}
	run('DROP TRIGGER set_role; DROP FUNCTION set_role()');
	run("CREATE TRIGGER t AFTER LOGON ON DATABASE BEGIN PERFORM set_config('app.tenant', 'blue', false); END;");
	is(session('alice', "SELECT set_config('app.tenant', 'red', false)"), 'asked: red', 'the user can change a setting of a name with a dot');
	clean_up($root);
};

subtest 'D9: which session a row belongs to' => sub {
	my ($example) = page() =~ /```sql\n(CREATE TABLE session_times .*?)```/s;
	run($example);
	start_audit($node);
	my $client = open_session($node, 'alice');
	my $id = $root->query('SELECT session_id FROM session_times');
	is($id, audit_rows($node, q{event = 'logon' AND login_user = 'alice'}, 'session_id'),
		'D9: the session has the identifier that the audit has');
	# A session that has had the same process
	my $pid = $client->pid;
	run("INSERT INTO session_times VALUES ('12345678.' || to_hex($pid), 'another', LOCALTIMESTAMP - interval '1 day')");
	$client->quit;
	is($root->query("SELECT string_agg(who || ' ' || (logoff_at IS NOT NULL), ', ' ORDER BY who) FROM session_times"),
		'alice true, another false', 'D9: its end is recorded in its own row alone');
	my ($number) = page() =~ /As a number, .*? this is\n`(.*?)`/s;
	is( $root->query("SELECT count(DISTINCT $number) || ' ' || min($number) % 10000000 FROM pg_stat_activity WHERE pid = pg_backend_pid()"),
		'1 ' . $root->pid, 'D9: as a number, it ends with that of the process');
	stop_audit($node);
	run('DROP TABLE session_times');
	clean_up($root);
};

subtest 'D9: what CREATE TRIGGER makes' => sub {
	run('CREATE TRIGGER t AFTER LOGON ON hr.SCHEMA BEGIN ' . insert("'hr'") . ' END;');
	like($root->query("SELECT prosrc FROM pg_proc WHERE proname = 't'"), qr{^/\* CREATE TRIGGER \*/ }, 'D9: the source starts with the comment');
	run('ALTER ROLE hr RENAME TO people');
	is(session('people'), '', 'D9: the role is compared by its name');
	run('CREATE OR REPLACE TRIGGER t AFTER LOGON ON people.SCHEMA BEGIN ' . insert("'people'") . ' END;');
	is(session('people'), 'people', 'D9: the trigger has to be created again');
	run('ALTER ROLE people RENAME TO hr');
	for my $drop ('DROP FUNCTION t()', 'DROP FUNCTION t() CASCADE')
	{
		refused($drop, '2BP01 cannot drop function t() because event trigger t requires it', "D9: $drop");
	}

	# A dump in the custom format, restored over itself.
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
	local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off';
	my $pg_restore = "$ENV{SESSTRIG_STOCK_BINDIR}/pg_restore";
	command_ok([ "$ENV{SESSTRIG_STOCK_BINDIR}/pg_dump", '-Fc', '-d', $node->connstr('app'), '-f', $dump ], 'E5: pg_dump dumps it');
	my ($out, $err) = run_command([ $pg_restore, '--clean', '-d', $node->connstr('app'), $dump ]);
	is_deeply([ $err =~ /ERROR:  (.*)/g ], ['function public.t() does not exist'], 'D9: pg_restore --clean misses the function, which went with its trigger');
	($out, $err) = run_command([ $pg_restore, '--clean', '--if-exists', '-d', $node->connstr('app'), $dump ]);
	is($err, '', 'D9: with --if-exists it has nothing to report');
	run('ALTER ROLE hr RENAME TO people');
	is(session('people'), 'people', 'D9: the trigger is there again');
	run('ALTER ROLE people RENAME TO hr; DROP TRIGGER t');
	is($root->query("SELECT count(*) FROM pg_proc WHERE proname = 't'"), '0', 'D9: and its function goes with it');

	run('CREATE PROCEDURE t IS BEGIN NULL; END; CREATE TRIGGER t AFTER LOGON ON DATABASE BEGIN NULL; END;');
	is($root->query('SELECT evtfoid::regprocedure FROM pg_event_trigger'), 't_1()', 'D9: the function is named otherwise if the name is taken');
	run('DROP TRIGGER t; DROP PROCEDURE t');
	my $client = open_session($node, 'alice');
	my ($error) = grep { $_->{type} eq 'E' } $client->query('CREATE TRIGGER t AFTER LOGON ON DATABASE BEGIN NULL; END;');
	is($error->{C}, '42501', 'D9: only superusers create them');
	$client->quit;
};

subtest 'D8: functions and procedures' => sub {
	run('CREATE PROCEDURE hr.p() LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE FUNCTION public.p() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$');
	for my $word (qw(FUNCTION PROCEDURE))
	{
		for my $path ([qw(hr public)], [qw(public hr)])
		{
			run('SET search_path = ' . join(', ', @$path) . "; CREATE EVENT TRIGGER t ON after_user_logon EXECUTE $word p()");
			is($root->query('SELECT pronamespace::regnamespace FROM pg_event_trigger JOIN pg_proc p ON p.oid = evtfoid'),
				$path->[0], "D8: EXECUTE $word takes what comes first in the search_path: @$path");
			run('DROP EVENT TRIGGER t');
		}
	}
	refused('CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE PROCEDURE hr.p()', '42883 function hr.p() does not exist', 'D8: other events accept no procedure');
	run('DROP PROCEDURE hr.p(); DROP FUNCTION public.p(); RESET search_path');

	run('CREATE PROCEDURE log_session IS BEGIN ' . insert("current_user || ' ' || session_user") . ' END; CREATE EVENT TRIGGER t ON after_user_logon EXECUTE PROCEDURE log_session(); GRANT EXECUTE ON FUNCTION note_logon TO PUBLIC');
	my $client = open_session($node, 'alice');
	$client->query('CALL log_session()');
	is($root->query("SELECT string_agg(line, ', ') FROM fired"), 'root alice, root alice', 'D8: anybody can call a procedure with its owner\'s rights');
	$root->query('DELETE FROM fired');
	my ($revoke) = page() =~ /```sql\n(REVOKE .*?)```/s;
	run($revoke);
	my ($error) = grep { $_->{type} eq 'E' } $client->query('CALL log_session()');
	is($error->{M}, 'permission denied for procedure log_session', 'D8: the right can be taken away');
	$client->quit;
	is(session('alice'), 'root alice', 'D8: and the trigger still runs it');
	run("$function GRANT EXECUTE ON FUNCTION logon_function TO alice");
	$client = open_session($node, 'alice');
	($error) = grep { $_->{type} eq 'E' } $client->query('SELECT logon_function()');
	is("$error->{C} $error->{M}", '0A000 trigger functions can only be called as triggers', 'D8: nobody can call a trigger function');
	$client->quit;
	run('DROP PROCEDURE log_session CASCADE');

	my %body_in = (sql => 'SELECT 1', plpython3u => 'pass', plperl => 'return;');
	for my $language (sort keys %body_in)
	{
	  SKIP: {
			skip "$language is not there", 1
			  unless $language eq 'sql' || $root->query("SELECT count(*) FROM pg_available_extensions WHERE name = '$language'");
			run("CREATE EXTENSION $language") unless $language eq 'sql';
			run("CREATE PROCEDURE p() LANGUAGE $language AS '$body_in{$language}'");
			is_deeply(
				[ errors('CREATE EVENT TRIGGER t ON after_user_logon EXECUTE PROCEDURE p()') ],
				$language eq 'plperl' ? [] : ['42809 procedure p cannot be run by an event trigger'],
				"D8: whether a procedure in $language can be run");
			run('DROP PROCEDURE p() CASCADE' . ($language eq 'sql' ? '' : "; DROP EXTENSION $language"));
		}
	}
	clean_up($root);
};

subtest 'D4, D9: a client that splits at semicolons' => sub {
	local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off';
	my $script = PostgreSQL::Test::Utils::tempdir() . '/script.sql';
	append_to_file($script, "CREATE TRIGGER t AFTER LOGON ON DATABASE BEGIN\n  " . insert("'first'") . "\n  " . insert("'second'") . "\nEND;\n");
	my @psql = ("$ENV{SESSTRIG_STOCK_BINDIR}/psql", '-Xq', '-d', $node->connstr('app'), '-f', $script);
	my ($out, $err) = run_command(\@psql);
	like($err, qr/ERROR:  unfinished routine body/, 'D9: an unpatched psql sends a trigger in pieces');
	is($root->query("SELECT string_agg(line, ' ') FROM fired"), 'second', 'D9: and runs what follows the first statement');
	clean_up($root);
	run_command([ @psql, '-v', 'ON_ERROR_STOP=1' ]);
	is($root->query('SELECT count(*) FROM fired'), '0', 'D9: with ON_ERROR_STOP it does not');
};

$root->quit;
log_is_clean($node, 'no server process has crashed');
done_testing();
