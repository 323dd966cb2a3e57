# Debian's credcheck, which bans a role after failed logons, and pgaudit in one server with the
# session audit: what is recorded of whom credcheck does not let in (rules A8, C2). The server
# with the extensions is made by ./build.sh check.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $install = $ENV{SESSTRIG_EXTENSIONS_INSTALL};
plan skip_all => 'SESSTRIG_EXTENSIONS_INSTALL names no server with the extensions' unless $install;
plan skip_all => 'credcheck is not among its extensions' unless $ENV{SESSTRIG_EXTENSIONS} =~ /credcheck/;

# That server brings its own libraries.
$ENV{LD_LIBRARY_PATH} = "$install/lib";
my $node = new_node('credcheck', install_path => $install, conf => <<'EOC');
shared_preload_libraries = 'pgaudit, credcheck'
pgaudit.log = 'role'
credcheck.max_auth_failure = 3
EOC
$node->start;
my $start = log_position($node);
create_app($node, <<'EOS');
CREATE EXTENSION credcheck;
CREATE ROLE alice LOGIN PASSWORD 'right';
CREATE ROLE bob LOGIN PASSWORD 'right';
CREATE ROLE root LOGIN SUPERUSER PASSWORD 'right';
EOS
like(slurp_file($node->logfile, $start), qr/LOG:  AUDIT: SESSION,\d+,\d+,ROLE,CREATE ROLE,,,CREATE ROLE alice LOGIN PASSWORD <REDACTED>/,
	'C2: pgaudit records commands on roles, without passwords');
# The role that initdb has made: credcheck.reset_superuser counts for this one only.
my $first = admin($node, 'app', q{ALTER ROLE CURRENT_USER PASSWORD 'right'; SELECT current_user});
my $hba = $node->data_dir . '/pg_hba.conf';
my $lines = join '', grep { !/^host/ } split /^/, slurp_file($hba);
unlink $hba;
append_to_file($hba, "${lines}host all all 127.0.0.1/32 password\n");
start_audit($node);

# Reads the messages of a start, with a password if the server asks for it, and returns the
# SQLSTATE of the refusal, or "in".
sub outcome
{
	my ($client, $password) = @_;
	my $sqlstate = 'in';
	while (my $message = $client->next_message)
	{
		$client->send_message('p', "$password\0") if $message->{type} eq 'R' && defined $password;
		undef $password;
		$sqlstate = $message->{C} if $message->{type} eq 'E';
		last if $message->{type} eq 'Z';
	}
	$client->quit if $sqlstate eq 'in';
	return $sqlstate;
}

# The same for a role and each of these passwords, one after the other
sub outcomes
{
	my ($role, @passwords) = @_;
	return join ' ', map { outcome(connect_as($node, $role, tcp => '127.0.0.1'), $_) } @passwords;
}

# Returns the rows of refusals and logons with a password, once all have been written, and
# deletes them.
sub take_recorded
{
	# What waits for the end of its minute is written at a shutdown; the bans end there, too.
	$node->restart;
	# A row is of one minute.
	my $rows = admin($node, 'postgres', q{SELECT string_agg(concat_ws('|', event, login_user, sqlstate, auth_method, count), ' '
			ORDER BY login_user, event, sqlstate, auth_method)
		FROM (SELECT event, login_user, sqlstate, auth_method, sum(count) AS count FROM session_audit.log
			WHERE event = 'refused' OR event = 'logon' AND auth_method = 'password' GROUP BY 1, 2, 3, 4) AS recorded});
	admin($node, 'postgres', 'DELETE FROM session_audit.log');
	return $rows;
}

is(outcomes('alice', qw(wrong wrong wrong wrong right)),
	'28P01 28P01 XX000 XX000 XX000', 'C2: credcheck refuses from the third wrong password on, also the right one');
is(outcome(connect_as($node, 'alice')), 'XX000', 'C2: and where no password is asked for');
is(outcomes('stranger', ('wrong') x 4), join(' ', ('28P01') x 4), 'C2: a role that does not exist is not banned');
is(take_recorded(),
	'refused|alice|28P01|password|2 refused|alice|XX000|password|3 refused|alice|XX000|trust|1 refused|stranger|28P01|password|4',
	'A8: each is recorded with its SQLSTATE, so from the third on wrong passwords are no 28P01');

is(outcomes('bob', qw(wrong wrong right wrong wrong right)),
	'28P01 28P01 in 28P01 28P01 in', 'C2: a logon before the third failure resets the number');
is(outcomes('bob', qw(wrong wrong wrong)), '28P01 28P01 XX000', 'C2: three in a row ban');
is(admin($node, 'app', q{SELECT failure_count FROM pg_banned_role WHERE roleid = 'bob'::regrole}), '3', 'C2: which the view shows');
is(admin($node, 'app', q{SELECT pg_banned_role_reset('bob')}), '1', 'C2: a superuser lifts the ban');
is(outcomes('bob', qw(right)), 'in', 'C2: then bob is let in');
is(take_recorded(),
	'logon|bob|password|3 refused|bob|28P01|password|6 refused|bob|XX000|password|1',
	'A8: all that is recorded');

# Whoever reaches the port can do this to a superuser.
is(outcomes($_, qw(wrong wrong wrong right)), '28P01 28P01 XX000 XX000', "C2: the superuser $_ is banned as well") for $first, 'root';
$node->append_conf('postgresql.conf', 'credcheck.reset_superuser = on');
$node->reload;
ok(poll_until(sub { return outcomes($first, 'right') eq 'in'; }), 'C2: credcheck.reset_superuser lets in the one that initdb has made');
is(outcomes('root', 'right'), 'XX000', 'C2: and no other');
like(take_recorded(), qr/\Alogon\|$first\|password\|1 refused\|$first\|28P01\|password\|2 refused\|$first\|XX000\|password\|\d+ refused\|root\|28P01\|password\|2 refused\|root\|XX000\|password\|3\z/,
	'A8: superusers that are refused are recorded');

SKIP:
{
	skip 'this server has no TLS', 4 unless check_pg_config('#define USE_OPENSSL 1');
	my $data = $node->data_dir;
	system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
		'-subj', '/CN=localhost', '-keyout', "$data/server.key", '-out', "$data/server.crt");
	chmod 0600, "$data/server.key";
	$node->append_conf('postgresql.conf', 'ssl = on');
	$node->restart;
	local $ENV{PGPASSWORD} = 'wrong';
	for my $mode (qw(require prefer))
	{
		my ($status) = try_psql($node, 'app', 'SELECT 1',
			connstr => 'host=127.0.0.1 port=' . $node->port . " user=alice dbname=app sslmode=$mode");
		is($status, 2, "C2: sslmode=$mode: a wrong password");
	}
	is(admin($node, 'app', 'SELECT failure_count FROM pg_banned_role'), '3', 'C2: with sslmode=prefer, credcheck counts it twice');
	is(take_recorded(), 'refused|alice|28P01|password|2 refused|alice|XX000|password|1', 'A8: and so does the audit');
}

log_is_clean($node, 'C2: the log is clean');
$node->stop;

done_testing();
