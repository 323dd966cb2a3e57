# What logon triggers set, and what the pages have people set, with every driver: each runs a
# session with each recipe, through clients under regress/peers, and finds what the trigger has
# set (F5), or not; sends and reads values of each type; and resets the session, with what its
# pool would send and by DISCARD ALL (R1). Recipes that a page has as a block of SQL are run from
# there. docs/clients.md and docs/oracle.md say what differs.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/..";
use Peers;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

# The first block of SQL on a page that matches
sub block
{
	my ($page, $pattern) = @_;
	my ($block) = grep { /$pattern/ } slurp_file("$FindBin::RealBin/../../../docs/$page.md") =~ /^```sql\n(.*?)^```$/msg;
	return $block // die "docs/$page.md has no block with $pattern";
}

### The recipes
#
# Each has a role of its name, whose sessions it concerns. Those that have a body are a trigger in
# the database "app", the others a script in a database of their name. "finds" tells a session
# whether the recipe has worked. "stays" is set if a reset does not undo that, and "again" if
# DISCARD ALL does it anew. With "primary", the drivers that can look for a server that takes
# writes do so.

my $port;
my $delegation = join '', map { block('delegation', $_) } qr/^CREATE ROLE platform/, qr/^GRANT app_user TO alice;/;
my @recipes = (
	# From the pages' blocks
	{
		name => 'operations',
		script => block('operations', qr/^CREATE SCHEMA audit/),
		finds => q{EXISTS (SELECT FROM audit.session_log WHERE pid = pg_backend_pid() AND who = session_user)},
		stays => 1
	},
	{
		name => 'last_logon',
		database => 'postgres',
		script => block('audit', qr/my_last_logon/),
		notice => 'last logon: AT, from WHERE; refused since then: 0',
		finds => 'true',
		stays => 1
	},
	{
		name => 'last_logon_elsewhere',
		script => sub { return block('audit', qr/CREATE EXTENSION dblink/) =~ s/port '5432'/port '$port'/r },
		notice => 'last logon: AT, from WHERE; refused since then: 0',
		finds => 'true',
		stays => 1
	},
	{
		name => 'token',
		script => block('clients', qr/^CREATE SEQUENCE tokens/),
		finds => q{current_setting('app.token', true) ~ '\d'}
	},
	{
		name => 'token_anew',
		script => block('clients', qr/^CREATE SEQUENCE tokens/) . block('clients', qr/fire_on_discard/) =~ s/\bapp\b/token_anew/r,
		finds => q{current_setting('app.token', true) ~ '\d'},
		again => 1
	},
	{
		name => 'app_user',
		script => "CREATE ROLE alice CREATEROLE; $delegation CREATE SCHEMA app AUTHORIZATION alice; SET SESSION AUTHORIZATION alice; "
		  . block('delegation', qr/^CREATE FUNCTION app\.greet/),
		finds => q{current_setting('app.tenant', true) = session_user}
	},
	{
		name => 'times',
		script => block('oracle', qr/^CREATE TABLE session_times/),
		finds => 'EXISTS (SELECT FROM public.session_times WHERE who = session_user AND logoff_at IS NULL)',
		stays => 1
	},
	{
		name => 'wrapped',
		script => block('oracle', qr/^DO /),
		finds => q{current_setting('app.client_ip', true) = '127.0.0.1'}
	},
	# What the trigger finds as the program's name is what the driver sends when it connects.
	{
		name => 'set_role',
		script => 'CREATE ROLE clerk; GRANT clerk TO set_role;' . block('oracle', qr/^CREATE FUNCTION set_role/),
		finds => q{current_setting('role') = 'clerk'}
	},
	{
		name => 'tenant',
		script => q{CREATE EXTENSION oracle_session; CREATE TABLE tenants (name text, tenant text); CREATE TABLE orders (tenant text); }
		  . q{INSERT INTO tenants VALUES ('tenant', 'blue');} . block('oracle', qr/^CREATE TRIGGER tenant_of_user/),
		finds => q{current_setting('app.tenant', true) = 'blue'}
	},
	# What docs/oracle.md has in its tables
	{ name => 'plain', body => 'NULL', finds => 'true', stays => 1 },
	{ name => 'iso', body => q{SET DateStyle = 'ISO, DMY'}, finds => q{current_setting('DateStyle') = 'ISO, DMY'} },
	{ name => 'timezone', body => q{SET TimeZone = 'Asia/Tokyo'}, finds => q{current_setting('TimeZone') = 'Asia/Tokyo'} },
	{ name => 'search_path', body => 'SET search_path = hr', finds => q{current_setting('search_path') = 'hr'} },
	{ name => 'log_statement', body => q{SET log_statement = 'all'}, finds => q{current_setting('log_statement') = 'all'} },
	{
		name => 'module',
		body => q{PERFORM set_config('application_name', 'module', false)},
		finds => q{current_setting('application_name') = 'module'}
	},
	{ name => 'notice', body => q{RAISE NOTICE '%', 'hello'}, notice => 'hello', finds => 'true', stays => 1 },
	{
		name => 'oracle_module',
		body => q{CALL dbms_application_info.set_module('module', 'start')},
		finds => q{current_setting('application_name') = 'module'}
	},
	{
		name => 'oracle_format',
		body => q{EXECUTE oracle_session.statement('ALTER SESSION SET NLS_DATE_FORMAT = ''DD.MM.YYYY''')},
		finds => q{current_setting('DateStyle') = 'ISO, DMY'}
	},
	{
		name => 'oracle_zone',
		body => q{EXECUTE oracle_session.statement('ALTER SESSION SET TIME_ZONE = ''+09:00''')},
		finds => q{current_setting('TimeZone') = '<+09>-09'}
	},
	{
		name => 'oracle_isolation',
		body => q{EXECUTE oracle_session.statement('ALTER SESSION SET ISOLATION_LEVEL = SERIALIZABLE')},
		finds => q{current_setting('default_transaction_isolation') = 'serializable'}
	},
	# orafce's type in place of the standard's
	{
		name => 'orafce_path',
		body => block('oracle', qr/^SET search_path = .*oracle, pg_catalog;\n\z/) =~ s/;\n\z//r,
		finds => q{current_setting('search_path') ~ 'oracle, pg_catalog'}
	},
	# What else people set
	{ name => 'german', body => q{SET DateStyle = 'German'}, finds => q{current_setting('DateStyle') ~ '^German'} },
	{ name => 'sql', body => q{SET DateStyle = 'SQL, DMY'}, finds => q{current_setting('DateStyle') ~ '^SQL'} },
	{ name => 'latin', body => q{SET client_encoding = 'LATIN1'}, finds => q{current_setting('client_encoding') = 'LATIN1'} },
	{ name => 'offset_zone', body => q{SET TimeZone = '+05:30'}, finds => q{current_setting('TimeZone') = '+05:30'} },
	{ name => 'iso_interval', body => q{SET IntervalStyle = 'iso_8601'}, finds => q{current_setting('IntervalStyle') = 'iso_8601'} },
	{ name => 'sql_interval', body => q{SET IntervalStyle = 'sql_standard'}, finds => q{current_setting('IntervalStyle') = 'sql_standard'} },
	{ name => 'verbose_interval', body => q{SET IntervalStyle = 'postgres_verbose'}, finds => q{current_setting('IntervalStyle') = 'postgres_verbose'} },
	{ name => 'escape', body => q{SET bytea_output = 'escape'}, finds => q{current_setting('bytea_output') = 'escape'} },
	{ name => 'backslashes', body => 'SET standard_conforming_strings = off', finds => q{current_setting('standard_conforming_strings') = 'off'} },
	{ name => 'digits', body => 'SET extra_float_digits = 0', finds => q{current_setting('extra_float_digits') = '0'} },
	{ name => 'timeouts', body => q{SET statement_timeout = '1min'; SET idle_session_timeout = '1h'}, finds => q{current_setting('statement_timeout') = '1min'} },
	{ name => 'read_only', body => 'SET default_transaction_read_only = on', differs => { write => '25006' }, finds => q{current_setting('default_transaction_read_only') = 'on'} },
	{ name => 'read_only_primary', body => 'SET default_transaction_read_only = on', finds => q{current_setting('default_transaction_read_only') = 'on'}, primary => 1 },
	# The same without a trigger
	{ name => 'altered_style', set => q{DateStyle = 'German'}, finds => q{current_setting('DateStyle') ~ '^German'}, stays => 1 },
	{ name => 'altered_encoding', set => q{client_encoding = 'LATIN1'}, finds => q{current_setting('client_encoding') = 'LATIN1'}, stays => 1 });


### The drivers
#
# "differs" has the lines in which a driver's sessions with a recipe differ from what the others
# print, and "connect" if there is no session; "always" has those in which all of its sessions do.
# "notices" is where notices of the start go, if anywhere. "resets" is set if the driver has a reset
# of its own, "forgets" if it does not know that its prepared statements are gone after DISCARD ALL,
# and "unnamed" if the server learns the program's name only after the logon. It lacks some types.
# "primary", in the URL, has it look for a server that takes writes.

# What each prints of its values
my @values = (
	[ date => '2026-02-03' ],
	[ timestamp => '2026-02-03 04:05:06.789' ],
	[ timestamptz => '2026-02-03 04:05:06.789Z' ],
	[ interval => '1 2:03:04' ],
	[ bytea => '00ff5c27' ],
	[ array => 'a,b|\\' ],
	[ text => "\xc3\xbc\\'", 'c3bc5c27' ],
	[ float => '0.30000000000000004', 'true' ]);

# What several of them print
my $time_of_day = { 'date read' => '2026-02-03 00:00:00.000' };
my $fewer_digits = { 'float read' => '0.3' };
my $no_times = { map { $_ => 'null' } 'date read', 'timestamp read', 'timestamptz read' };
my $pg8000_german = {
	'date read' => '03.02.2026',
	'timestamp read' => '2026-03-02 04:05:06.789',
	'timestamptz read' => '2026-03-02 04:05:06.789Z'
};

my @drivers = (
	{
		name => 'psycopg',
		peer => 'python',
		command => [ "$peers/python/bin/python", "$clients/recipes.py", 'psycopg' ],
		primary => 'target_session_attrs=read-write',
		prints => { map { $_->[0] => "unknown PostgreSQL timezone: '$_->[1]'; will use UTC\n" } [ oracle_zone => '<+09>-09' ], [ offset_zone => '+05:30' ] },
		differs => {
			german => { 'timestamptz read' => "NotImplementedError can't parse timestamptz with DateStyle 'German, DMY': '03.02.2026 04:05:06.789 UTC'" },
			sql => { 'timestamptz read' => "NotImplementedError can't parse timestamptz with DateStyle 'SQL, DMY': '03/02/2026 04:05:06.789 UTC'" },
			altered_style => { 'timestamptz read' => "NotImplementedError can't parse timestamptz with DateStyle 'German, DMY': '03.02.2026 04:05:06.789 UTC'" },
			iso_interval => { 'interval read' => "NotImplementedError can't parse interval with IntervalStyle 'iso_8601': 'P1DT2H3M4S'" },
			sql_interval => { 'interval read' => "NotImplementedError can't parse interval with IntervalStyle 'sql_standard': '1 2:03:04'" },
			verbose_interval => { 'interval read' => "NotImplementedError can't parse interval with IntervalStyle 'postgres_verbose': '@ 1 day 2 hours 3 mins 4 secs'" },
			orafce_path => $time_of_day,
			digits => $fewer_digits,
			read_only_primary => { connect => 'OperationalError connection failed: connection to server at "127.0.0.1", port PORT failed: session is read-only' }
		}
	},
	{
		name => 'psycopg2',
		peer => 'python',
		command => [ "$peers/python/bin/python", "$clients/recipes.py", 'psycopg2' ],
		primary => 'target_session_attrs=read-write',
		notices => 'stderr',
		resets => 1,
		# It sets the style itself when it connects, and when it resets the session, which it does by
		# DISCARD ALL.
		differs => {
			token_anew => { 'reset finds' => 'as set' },
			german => { finds => 'not as set' },
			sql => { finds => 'not as set' },
			altered_style => { finds => 'not as set', 'reset finds' => 'not as set' },
			iso_interval => { 'interval read' => 'NotSupportedError iso_8601 intervalstyle currently not supported' },
			# Wrong values, without an error
			sql_interval => { 'interval read' => '0 12:03:04' },
			verbose_interval => { 'interval read' => '1 0:00:00' },
			orafce_path => $time_of_day,
			digits => $fewer_digits,
			read_only_primary => { connect => 'OperationalError connection to server at "127.0.0.1", port PORT failed: session is read-only' }
		}
	},
	{
		name => 'asyncpg',
		peer => 'python',
		command => [ "$peers/python/bin/python", "$clients/recipes.py", 'asyncpg' ],
		primary => 'target_session_attrs=read-write',
		resets => 1,
		forgets => 1,
		# All values are binary. RESET ALL does not reset the role.
		differs => {
			set_role => { 'reset finds' => 'as set' },
			orafce_path => $time_of_day,
			altered_encoding => { map { $_ => 'not as set' } 'finds', 'reset finds', 'discard finds' },
			read_only_primary => { connect => "TargetServerAttributeNotMatched None of the hosts match the target attribute requirement <SessionAttribute.read_write: 'read-write'>" }
		}
	},
	{
		name => 'pg8000',
		peer => 'python',
		command => [ "$peers/python/bin/python", "$clients/recipes.py", 'pg8000' ],
		notices => 'stdout',
		forgets => 1,
		differs => {
			# Wrong values, without an error
			german => $pg8000_german,
			altered_style => $pg8000_german,
			sql => { %$pg8000_german, 'date read' => '03/02/2026' },
			# It gives up in the middle of an answer, and from then on takes each answer for that of
			# the next query.
			escape => {
				'bytea read' => 'ValueError non-hexadecimal number found in fromhex() arg at position 2',
				'array sent' => 'IndexError list index out of range',
				'array read' => "AttributeError 'NoneType' object has no attribute 'append'",
				'text sent' => 'a,b|\\',
				'text read' => 'IndexError list index out of range',
				'float sent' => "AttributeError 'NoneType' object has no attribute 'append'",
				'float read' => "TypeError 'NoneType' object is not subscriptable",
				error => "\xc3\xbc\\'",
				write => '22012',
				'discard finds' => "TypeError 'NoneType' object is not subscriptable",
				'discard prepared' => 'IndexError list index out of range'
			},
			orafce_path => $time_of_day,
			digits => $fewer_digits
		}
	},
	{
		name => 'tokio-postgres',
		peer => 'rust',
		command => ["$peers/rust/debug/recipes"],
		primary => 'target_session_attrs=read-write',
		notices => 'stdout',
		forgets => 1,
		lacks => [ 'date', 'interval' ],
		# All values are binary.
		differs => {
			latin => { 'text sent' => 'c383c2bc5c27', 'text read' => 'error deserializing column 0: invalid utf-8 sequence of 1 bytes from index 0' },
			altered_encoding => { finds => 'not as set', 'discard finds' => 'not as set' },
			read_only_primary => { connect => 'error connecting to server: database does not allow writes' }
		}
	},
	{
		name => 'node-postgres',
		peer => 'node',
		command => [ 'node', "$clients/node-postgres-recipes.js" ],
		notices => 'stdout',
		forgets => 1,
		differs => {
			german => $no_times,
			sql => $no_times,
			altered_style => $no_times,
			latin => { 'text sent' => 'c383c2bc5c27', 'text read' => "\xef\xbf\xbd\\'" },
			altered_encoding => { finds => 'not as set', 'discard finds' => 'not as set' },
			# Wrong values, without an error
			iso_interval => { 'interval read' => '0 0:00:00' },
			sql_interval => { 'interval read' => '0 0:00:00' },
			verbose_interval => { 'interval read' => '0 0:00:00' },
			digits => $fewer_digits
		}
	},
	{
		name => 'pgjdbc',
		peer => 'java',
		command => [ 'java', '-cp', "$peers/java/classes:$peers/java/usr/share/java/postgresql.jar", 'PgjdbcRecipes' ],
		program => 'ApplicationName',
		unnamed => 1,
		primary => 'targetServerType=primary',
		notices => 'stdout',
		# It tells the server its name, and extra_float_digits, after the logon, and the others when it
		# connects.
		differs => {
			set_role => { finds => 'not as set' },
			module => { finds => 'not as set' },
			oracle_module => { finds => 'not as set' },
			digits => { finds => 'not as set' },
			german => { connect => "08006 The server's DateStyle parameter was changed to German, DMY. The JDBC driver requires DateStyle to begin with ISO for correct operation." },
			sql => { connect => "08006 The server's DateStyle parameter was changed to SQL, DMY. The JDBC driver requires DateStyle to begin with ISO for correct operation." },
			latin => { connect => "08006 The server's client_encoding parameter was changed to LATIN1. The JDBC driver requires client_encoding to be UTF8 for correct operation." },
			altered_style => { finds => 'not as set', 'discard finds' => 'not as set' },
			altered_encoding => { finds => 'not as set', 'discard finds' => 'not as set' },
			# A wrong value, without an error
			sql_interval => { 'interval read' => '0 0:00:00' },
			read_only_primary => { connect => '08001 Could not find a server with specified targetServerType: primary' }
		}
	});

# The same driver with other settings of its own
my ($pgjdbc) = grep { $_->{name} eq 'pgjdbc' } @drivers;
my %differs = %{ $pgjdbc->{differs} };
push @drivers,
  # It writes parameters into the query, as if backslashes were ordinary in any case, and fails with
  # those of type bytea.
  {
	%$pgjdbc,
	name => 'pgjdbc, preferQueryMode=simple',
	url => '&preferQueryMode=simple',
	always => { 'bytea sent' => '42601' },
	differs => { %differs, backslashes => { 'array sent' => '22P02', 'text sent' => '42601' } }
  },
  # It tells its name when it connects.
  {
	%$pgjdbc,
	name => 'pgjdbc, assumeMinServerVersion=9.0',
	url => '&assumeMinServerVersion=9.0',
	unnamed => 0,
	differs => { %differs, set_role => {}, module => {}, oracle_module => {}, digits => $fewer_digits }
  };

# What a driver prints for a session with a recipe.
sub expected
{
	my ($driver, $recipe) = @_;
	my %differs = (%{ $driver->{always} // {} }, %{ $recipe->{differs} // {} }, %{ $driver->{differs}{ $recipe->{name} } // {} });
	return "connect $differs{connect}\n" if $differs{connect};
	my ($is, $is_not) = ('as set', 'not as set');
	my $reset = $recipe->{stays} ? $is : $is_not;
	my @lines = ([ finds => $is ], [ prepared => 42 ]);
	for my $value (@values)
	{
		my ($name, $read, $sent) = @$value;
		push @lines, [ "$name sent" => $sent // $read ], [ "$name read" => $read ]
		  unless grep { $_ eq $name } @{ $driver->{lacks} // [] };
	}
	push @lines, [ error => '22012' ], [ write => 1 ];
	push @lines, [ reset => 'done' ], [ 'reset finds' => $reset ] if $driver->{resets};
	push @lines, [ discard => 'done' ], [ 'discard finds' => $recipe->{again} ? $is : $reset ];
	push @lines, [ 'discard prepared' => $driver->{forgets} ? '26000' : 42 ], [ close => 'done' ];
	return join '', ($recipe->{notice} && ($driver->{notices} // '') eq 'stdout' ? "notice NOTICE:  $recipe->{notice}\n" : ()),
	  map { "$_->[0] " . ($differs{ $_->[0] } // $_->[1]) . "\n" } @lines;
}

# What it prints to standard error for all of them
sub expected_errors
{
	my ($driver) = @_;
	return join '', map { $_->{notice} && ($driver->{notices} // '') eq 'stderr' ? "NOTICE:  $_->{notice}\n" : $driver->{prints}{ $_->{name} } // '' } @recipes;
}

### The sessions

my $node = new_node('recipes', conf => 'session_triggers.creator_role = platform');
$node->start;
$port = $node->port;

my $setup = <<'SQL' . join '', map { "INSERT INTO public.finds VALUES ('$_->{name}', \$finds\$$_->{finds}\$finds\$);\n" } @recipes;
CREATE TABLE public.finds (role text, expression text);
CREATE TABLE public.written (i int);
GRANT INSERT ON public.written TO PUBLIC;
CREATE FUNCTION public.found() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    is_set bool;
BEGIN
    EXECUTE 'SELECT ' || (SELECT expression FROM public.finds WHERE role = session_user) INTO is_set;
    RETURN CASE WHEN is_set THEN 'as set' ELSE 'not as set' END;
END
$$;
SQL
admin($node, $_, $setup) for 'template1', 'postgres';
create_app($node, q{CREATE EXTENSION oracle_session; CREATE SCHEMA hr; CREATE SCHEMA oracle; GRANT USAGE ON SCHEMA hr, oracle TO PUBLIC; CREATE DOMAIN oracle.date AS timestamp(0)});
start_audit($node);
admin($node, 'postgres', block('audit', qr/^CREATE ROLE teller/));
for my $recipe (@recipes)
{
	my $name = $recipe->{name};
	my $script = $recipe->{script};
	admin($node, 'app', "CREATE ROLE $name LOGIN");
	admin($node, 'app', "ALTER ROLE $name SET $recipe->{set}") if $recipe->{set};
	admin($node, 'app', "CREATE TRIGGER $name AFTER LOGON ON $name.SCHEMA BEGIN $recipe->{body}; END;") if $recipe->{body};
	next unless $script;
	$recipe->{database} //= $name;
	admin($node, 'postgres', "CREATE DATABASE $name") unless $recipe->{database} eq 'postgres';
	admin($node, $recipe->{database}, ref $script ? $script->() : $script);
}

# What a client prints has local times.
$ENV{TZ} = 'Europe/Berlin';
for my $driver (@drivers)
{
	my $missing = missing($driver->{peer});
	my @tried = grep { !$_->{primary} || $driver->{primary} } @recipes;
  SKIP:
	{
		skip "$driver->{name}: $missing", 1 if $missing;

		my @urls = map {
			join '', "postgresql://127.0.0.1:$port/", $_->{database} // 'app', "?user=$_->{name}&",
			  $driver->{program} // 'application_name', '=payroll', $driver->{url} // '', $_->{primary} ? "&$driver->{primary}" : ()
		} @tried;
		my ($out, $err) = map { s/last logon: .*?, from .*?;/last logon: AT, from WHERE;/gr =~ s/port \d+/port PORT/gr } run_driver(@{ $driver->{command} }, @urls);
		my @sessions = split /^end\n/m, $out;
		is(scalar @sessions, scalar @tried, "$driver->{name}: a session for each recipe");
		for my $recipe (@tried)
		{
			is(shift @sessions, expected($driver, $recipe), "F5, R1: $driver->{name}: $recipe->{name}");
		}
		is(admin($node, 'postgres', q{SELECT application_name FROM session_audit.log WHERE event = 'logon' AND login_user = 'plain' ORDER BY at DESC LIMIT 1}),
			$driver->{unnamed} ? '' : 'payroll', "A1: $driver->{name}: the program's name in the audit's row of the logon");
		is($err, expected_errors($driver), "F5: $driver->{name}: what it prints to standard error");
	}
}

$node->stop;
log_is_clean($node, 'F12: the log has no failed assertion and no leak');
done_testing();
