# The writer of the session audit, which records the sessions of the whole server in one log
# (rules A1 to A6).
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib "$FindBin::RealBin/..";
use SessionTriggers;

my $node = new_node('main');
$node->start;
create_app($node, "CREATE ROLE alice LOGIN; CREATE ROLE root SUPERUSER LOGIN");

# What the log says, in the order of its times.
sub rows_sql
{
	my ($where, $columns) = @_;
	$columns //= "concat_ws('|', event, login_user, database, ended_by)";
	return "SELECT string_agg($columns, ', ' ORDER BY at, event DESC) FROM session_audit.log WHERE $where";
}

sub rows { return admin($node, 'postgres', rows_sql(@_)); }

# Waits until the log says this.
sub wait_for_rows
{
	my ($where, $expected, $name) = @_;
	ok(wait_until($node, 'postgres', rows_sql($where), $expected), $name)
	  or diag('the log says: ' . rows($where));
	return;
}

# Rule A1: one setting, and a reload.
admin($node, 'postgres', "ALTER SYSTEM SET session_audit.database = 'postgres'");
$node->reload;
# The first session that comes has it started, and waits for it.
$node->safe_psql('app', 'SELECT 1', extra_params => [ '-U', 'alice' ]);
wait_for_rows("login_user = 'alice' AND event = 'logon'",
	'logon|alice|app', 'A1: the writer starts, makes the extension, and records a session of another database');

admin($node, 'postgres', 'TRUNCATE session_audit.log');
my $client = open_session($node, 'alice', application_name => 'one');
is(rows("login_user = 'alice'",
		"concat_ws('|', event, database, application_name, login_user_id::regrole, database_id IS NOT NULL, kind)"),
	'logon|app|one|alice|t|client', 'A3: the row is there before the client may send a query');
$client->quit;
wait_for_rows("login_user = 'alice'", 'logon|alice|app, logoff|alice|app|client',
	'A4: and that of its end soon afterward');

$node->stop;
log_is_clean($node) if 0;
done_testing();
