# What orafce and plpgsql_check, as Debian built them for its own server, make of the
# triggers in OracleLogons.pm: rules C2, D5 and D9, and what docs/oracle.md says of
# both. The server with the extensions is made by ./build.sh check.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use OracleLogons;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $install = $ENV{SESSTRIG_EXTENSIONS_INSTALL};
plan skip_all => 'SESSTRIG_EXTENSIONS_INSTALL names no server with the extensions' unless $install;
plan skip_all => 'orafce is not among its extensions' unless $ENV{SESSTRIG_EXTENSIONS} =~ /orafce/;

# That server brings its own libraries.
$ENV{LD_LIBRARY_PATH} = "$install/lib";
my ($node, $root) = new_oracle_node('oracle', install_path => $install);
my $major = $root->query('SHOW server_version_num') =~ s/\d{4}$//r;
$root->query('CREATE EXTENSION orafce');
$root->query('CREATE EXTENSION plpgsql_check');

# Returns what plpgsql_check finds in the function of a trigger: its errors. It is not
# asked to look for what is merely strange.
sub errors_found
{
	my ($function) = @_;
	return grep { /^error:/ } map { $_->{values}[0] } grep { $_->{type} eq 'D' } $root->query("SELECT * FROM plpgsql_check_function('$function()')");
}

# Does the outcome of a case's text meet what is expected in Oracle?
sub is_as_in_oracle
{
	my ($case, $outcome) = @_;
	return 0 unless defined $case->{outcome};
	return ref $case->{outcome} ? $outcome =~ $case->{outcome} : $outcome eq $case->{outcome};
}

### orafce
for my $path ('"$user", public', '"$user", public, oracle', '"$user", public, oracle, pg_catalog')
{
	my $is_found = $path =~ /oracle/;
	my $is_first = $path =~ /oracle, pg_catalog/;
	$root->query("SET search_path = $path");
	for my $case (@CASES)
	{
		my $name = $case->{name} // $case->{row};
		my $runs = $case->{as} =~ /^(?:runs|translated)$/ && !$case->{buffered} || $is_found && $case->{as} eq 'orafce' || $is_first && $case->{first};
		my ($outcome) = outcome_of($node, $root, $case, $case->{oracle});
		is(is_as_in_oracle($case, $outcome) ? 'runs' : 'does not', $runs ? 'runs' : 'does not', "D9: with $path, as it is ($case->{as}): $name")
		  or diag($outcome);
		clean_up($root);
	}
}

# What else the page says of orafce.
$root->query('SET search_path = "$user", public, oracle');
for my $call ([ 'INSERT INTO fired (line) VALUES (oracle.sysdate())', qr/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/ ],
	[ "PERFORM dbms_output.put_line('text'); INSERT INTO fired (line) VALUES ('called')", qr/^called$/ ])
{
	my ($outcome) = outcome_of($node, $root, {}, "CREATE TRIGGER logon_trigger AFTER LOGON ON DATABASE BEGIN $call->[0]; END;");
	like($outcome, $call->[1], "D9: $call->[0]");
	clean_up($root);
}

### plpgsql_check
$root->query('SET search_path = "$user", public');
for my $case (grep { $_->{as} ne 'create' } @CASES)
{
	my $name = $case->{name} // $case->{row};
	my $function = $case->{oracle} =~ /TRIGGER (\S+)/ && $1;
	my ($message) = ($case->{error} // '') =~ /^\w+ (.*)/;
	$root->query($case->{oracle});
	my @errors = errors_found($function);
	if (($case->{error} // '') =~ /^42501 /)
	{
		is("@errors", '', "D9: plpgsql_check does not know what rights $name will have");
	}
	elsif ($message)
	{
		like("@errors", qr/\Q$message\E/, "D9: plpgsql_check finds what is wrong with $name");
	}
	else
	{
		is("@errors", '', "V1, D9: plpgsql_check finds nothing wrong with $name");
	}
	clean_up($root);
}
for my $case (grep { $_->{write} && $major >= ($_->{since} // 0) } @CASES)
{
	my $function = $case->{write} =~ /(?:TRIGGER|FUNCTION) (\S+)/ && $1;
	$root->query($case->{write});
	is(join(' ', errors_found($function)), '', 'V1, D9: nor with what is written for ' . ($case->{name} // $case->{row}));
	clean_up($root);
}

# The names of the page's example, the condition's among them.
my $misspelt = 'CREATE TRIGGER logon_trigger AFTER LOGON ON alice.SCHEMA WHEN (%s(ora_login_user) = polar_login_user) BEGIN INSERT INTO fired (line) VALUES (concat(%s(polar_client_ip), ora_sysevent)); END;';
for my $case ([ qw(lower lower) ], [ qw(lower lowre) ], [ qw(lowre lower) ])
{
	$root->query(sprintf $misspelt, @$case);
	my @errors = errors_found('logon_trigger');
	is(scalar @errors, "@$case" =~ /lowre/ ? 1 : 0, "D9: whether there is an error in @$case");
	like($errors[0], qr/^error:42883:1:.*function lowre\(text\) does not exist/, 'D9: it is the misspelt function') if @errors;
	clean_up($root);
}
$root->query('CREATE PROCEDURE reads_name() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO fired (line) VALUES (ora_login_user); END $$');
like(join(' ', errors_found('reads_name')), qr/column "ora_login_user" does not exist/, 'D8: plpgsql_check does not know the names in a procedure');

$root->quit;
log_is_clean($node, 'no server process has crashed');
done_testing();
