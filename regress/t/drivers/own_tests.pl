# The drivers' own tests, against a stock server and against ours with both events firing in
# every database and the session audit on: rule C3, each test has the same result. "exceptions"
# lists those that need not. E3 and A4, what the sessions of these tests leave behind.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../peers", "$FindBin::RealBin/..";
use File::Basename 'dirname';
use IPC::Run;
use Peers;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

plan skip_all => 'SESSTRIG_STOCK_BINDIR and SESSTRIG_FIRING_BINDIR name no stock server, and none whose initdb makes triggers'
  unless $ENV{SESSTRIG_STOCK_BINDIR} && $ENV{SESSTRIG_FIRING_BINDIR};

my $archives = "$peers/python_tests/archives";

# The command that runs tests of an archive.
sub pytest
{
	return ("$peers/python_tests/bin/python", '-B', '-m', 'pytest', '-p', 'results', '-p', 'no:cacheprovider', '--tb=short', @_);
}

# Each driver: what its tests come from, where they are, the command that runs them and what is
# in its environment; what comes first in pg_hba.conf, and what a superuser makes for them; and the
# least number of sessions that they open. $PORT and $BINDIR are those of the server. Without SQL,
# they start servers of their own.
my @drivers = (
	{
		name => 'psycopg2',
		peer => 'python_tests',
		directory => "$archives/psycopg2",
		# Functions test_suite say what a file has.
		command => [ pytest('tests', '-k', 'not test_suite') ],
		# Empty: the tests of replication connect as the others do.
		environment => { PGUSER => 'postgres', PSYCOPG2_TEST_REPL_DSN => '' },
		sql => "CREATE DATABASE psycopg2_test;\n\\c psycopg2_test\nCREATE EXTENSION hstore;",
		sessions => 1000
	},
	{
		name => 'asyncpg',
		peer => 'python_tests',
		directory => "$archives/asyncpg",
		command => [ pytest('tests') ],
		environment => { PGINSTALLATION => '$BINDIR' },
		sessions => 1000
	},
	{
		name => 'pg8000',
		peer => 'python_tests',
		directory => "$archives/pg8000",
		# auth wants a server for each way to send a password, and the others test nothing here.
		command => [ pytest('test', '--ignore-glob=*/auth/*', '--ignore-glob=*/test_benchmarks.py', '--ignore-glob=*/test_readme.py') ],
		environment => { PGPASSWORD => 'unused' },
		sql => 'CREATE EXTENSION hstore;',
		sessions => 500
	},
	{
		name => 'SQLAlchemy',
		peer => 'python_tests',
		directory => "$archives/sqlalchemy",
		# Of thousands of tests for each type of ranges, those for one type; and those that need a server.
		command => [
			pytest('test/dialect/postgresql', 'test/dialect/test_suite.py', '--maxfail=100000',
				'-k', '(not RangeRoundTrip or Int4Range) and not Compil', '--dburi', 'postgresql+psycopg2://postgres@127.0.0.1:$PORT/test')
		],
		sql => "CREATE DATABASE test;\n\\c test\nCREATE EXTENSION btree_gist;\nCREATE EXTENSION citext;\nCREATE EXTENSION hstore;\n"
		  . "CREATE SCHEMA test_schema;\nCREATE SCHEMA test_schema_2;",
		sessions => 100
	},
	{
		name => 'tokio-postgres',
		peer => 'rust_tests',
		directory => "$peers/rust_tests",
		command => ["$peers/rust_tests/tests"],
		environment => { SESSTRIG_PORT => '$PORT' },
		hba => "host all pass_user all password\nhost all md5_user all md5\nhost all scram_user all scram-sha-256\n",
		sql => <<'SQL',
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE ROLE pass_user LOGIN PASSWORD 'password';
CREATE ROLE scram_user LOGIN PASSWORD 'password';
SET password_encryption = 'md5';
CREATE ROLE md5_user LOGIN PASSWORD 'password';
SQL
		sessions => 100
	});

my $conf = "session_audit.database = 'postgres'\n";

# What may differ: the reasons, by driver and test
my %exceptions;
for (split /\n/, slurp_file("$FindBin::RealBin/exceptions"))
{
	next if /^(#|$)/;
	my ($name, $test, $reason) = split / *\| */;
	die "exceptions: $_" unless defined $reason;
	$exceptions{$name}{$test} = $reason;
}

# Starts what a driver's tests need, and then the tests, on the server of this kind.
sub start_tests
{
	my ($driver, $kind) = @_;
	my $bindir = $ENV{ $kind eq 'ours' ? 'SESSTRIG_FIRING_BINDIR' : 'SESSTRIG_STOCK_BINDIR' };
	my $files = "$PostgreSQL::Test::Utils::log_path/$driver->{name}-$kind";
	my $run = { map { $_ => "$files.$_" } qw(firings results output log) };
	local $ENV{SESSTRIG_FIRINGS} = $run->{firings};
	my $port = '';
	if ($driver->{sql})
	{
		my $node = $run->{node} = new_node(
			"$driver->{name}-$kind",
			install_path => dirname($bindir),
			allows_streaming => 'logical',
			extra => [ '--encoding=UTF8', '--locale=C' ],
			conf => "max_prepared_transactions = 10\n" . ($kind eq 'ours' ? $conf : ''));
		my $hba = $node->data_dir . '/pg_hba.conf';
		my $trust = slurp_file($hba);
		unlink $hba;
		append_to_file($hba, ($driver->{hba} // '') . $trust);
		$node->start;
		$port = $node->port;
		$run->{log} = $node->logfile;
		$node->safe_psql('postgres', <<'SQL' . $driver->{sql});
DO $$ BEGIN CREATE ROLE postgres SUPERUSER LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
SQL
	}
	# Nothing else that is in the environment is for them.
	local %ENV = map { $_ => $ENV{$_} } grep { !/^(PG|LD_LIBRARY_PATH$)/ } keys %ENV;
	my %environment = (
		PGHOST => '127.0.0.1',
		PGPORT => '$PORT',
		PYTHONPATH => $FindBin::RealBin,
		SESSTRIG_RESULTS => $run->{results},
		# For servers that the tests start
		SESSTRIG_CONF => $conf . "logging_collector = on\nlog_directory = '$PostgreSQL::Test::Utils::log_path'\n"
		  . "log_filename = '$driver->{name}-$kind.log'\n",
		%{ $driver->{environment} // {} });
	delete @environment{qw(PGHOST PGPORT)} unless $port;
	for my $name (keys %environment)
	{
		$ENV{$name} = $environment{$name} =~ s/\$PORT/$port/r =~ s/\$BINDIR/$bindir/r;
	}
	my @command = map { s/\$PORT/$port/r } @{ $driver->{command} };
	$run->{process} = IPC::Run::start(\@command, '<', \'', '>&', $run->{output},
		init => sub { chdir $driver->{directory} or die "$driver->{directory}: $!"; },
		IPC::Run::timeout(1800));
	return $run;
}

# Waits for the end of tests. Returns the result of each by its name: its outcome, or several, those
# of its parts and what went wrong before or after it.
sub finish_tests
{
	my ($run) = @_;
	# That a test fails is not an error here.
	$run->{process}->finish;
	# Cargo's tests print their results.
	my @results = -e $run->{results}
	  ? map { reverse split /\t/ } split /\n/, slurp_file($run->{results})
	  : slurp_file($run->{output}) =~ /^test (\S+) \.\.\. (\w+)/mg;
	my %results;
	while (my ($test, $result) = splice @results, 0, 2)
	{
		$results{$test}{$result} = 1;
	}
	return { map { $_ => join ', ', sort keys %{ $results{$_} } } keys %results };
}

# Tests that a driver's tests have the same results on both servers.
sub compare
{
	my ($driver, $stock, $ours) = @_;
	my %excepted = %{ $exceptions{ $driver->{name} } // {} };
	my %counts;
	for my $test (sort keys %{ { %$stock, %$ours } })
	{
		my ($on_stock, $on_ours) = map { $_->{$test} // 'not run' } $stock, $ours;
		my $reason = delete $excepted{$test} // '';
		if ($on_stock ne $on_ours && $reason)
		{
		  SKIP: { skip "$driver->{name}: $test: $reason", 1; }
		}
		elsif ($on_stock ne $on_ours)
		{
			is($on_ours, $on_stock, "C3: $driver->{name}: $test has the same result");
		}
		else
		{
			ok(0, "C3: $driver->{name}: $test should have another result: $reason") if $reason && $reason !~ /^flaky/;
			$counts{$on_ours}++;
		}
	}
	ok(0, "C3: $driver->{name}: there is no test $_") for sort keys %excepted;
	ok($counts{passed} || $counts{ok}, "C3: $driver->{name}: the same on both servers: " . join ', ', map { "$counts{$_} $_" } sort keys %counts);
	return;
}

# Tests what the sessions of a driver's tests have left on our server.
sub look_behind
{
	my ($driver, $run) = @_;
	my ($name, $node) = ($driver->{name}, $run->{node});
	my $fired = -e $run->{firings} ? slurp_file($run->{firings}) : '';
	for my $event (qw(after_user_logon before_user_logoff))
	{
		my $count = () = $fired =~ /^$event$/mg;
		cmp_ok($count, '>=', $driver->{sessions}, "E3: $name: $event fired");
	}
	# The context of an error names the trigger.
	my $severity = '';
	my @failed = grep {
		$severity = $1 if /\b(LOG|WARNING|ERROR|FATAL|PANIC): /;
		$severity eq 'ERROR' && /event trigger "session_log_\w+" on event/
	} grep { !/^\t/ } split /\n/, slurp_file($run->{log});
	is(join("\n", @failed), '', "C3: $name: no firing failed");
	return unless $node;
	ok( wait_until($node, 'postgres', <<'SQL', '0'), "A4: $name: each session has one logon and one end in the log");
SELECT count(*) FROM (
    SELECT FROM session_audit.log WHERE event IN ('logon', 'logoff', 'lost') GROUP BY session_id
    HAVING count(*) FILTER (WHERE event = 'logon') <> 1 OR count(*) <> 2
)
SQL
	my $logons = admin($node, 'postgres', q{SELECT count(*) FROM session_audit.log WHERE event = 'logon'});
	cmp_ok($logons, '>=', $driver->{sessions}, "A1: $name: sessions are in the log");
	return;
}

for my $driver (@drivers)
{
	my $name = $driver->{name};
	my $missing = missing($driver->{peer});
  SKIP:
	{
		skip "$name: $missing", 1 if $missing;

		# At the same time, so that both have to do with a machine that is as busy.
		my ($stock, $ours) = map { start_tests($driver, $_) } qw(stock ours);
		compare($driver, map { finish_tests($_) } $stock, $ours);
		look_behind($driver, $ours);
		$_->{node}->stop for grep { $_->{node} } $stock, $ours;
		log_is_clean($ours->{log}, "F12: $name: the log has no failed assertion and no leak");
	}
}

done_testing();
