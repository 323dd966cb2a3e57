# The session audit's lines of the server log: with session_audit.log_to_server, and on a hot
# standby, where nothing can be written (rule A5).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes;

my $node = new_node('primary', allows_streaming => 1, conf => <<'EOC');
session_audit.database = 'postgres'
autovacuum = off
EOC
$node->start;
# A hostile name, and what a client of JSON reads: the last two characters take two
# and four bytes.
my $evil = "a'b\"c\\d\$e %s\n\t{}\xc3\xa9\xf0\x9f\x98\x80";
my $read = "a'b\"c\\d\$e %s\n\t{}\x{e9}\x{1f600}";

# Quotes a name.
sub quoted { return '"' . ($_[0] =~ s/"/""/gr) . '"'; }

create_app($node, 'CREATE ROLE alice LOGIN; CREATE ROLE root LOGIN SUPERUSER; CREATE ROLE ' . quoted($evil) . ' LOGIN');
admin($node, 'postgres', 'CREATE DATABASE ' . quoted($evil));
wait_for_writer($node);

sub one_session
{
	my ($server, $role, @more) = @_;
	my $client = open_session($server, $role, @more);
	$client->quit;
	wait_for_exit($server, $client);
	return $client;
}

# The events of a session's lines.
sub events
{
	my ($server, $position, $client) = @_;
	return join ' ', map { join '|', $_->{event}, $_->{ended_by} // () } audit_lines($server, $position, $client);
}

subtest 'A5: log_to_server' => sub {
	my $position = log_position($node);
	my $client = one_session($node, 'alice');
	is(events($node, $position, $client), '', 'A5: by default the log of a primary has no line');
	# One for the database, so that the standby has it as well.
	admin($node, 'postgres', 'ALTER DATABASE ' . quoted($evil) . ' SET session_audit.log_to_server = on');
	$client = connect_raw($node, user => $evil, database => $evil, application_name => $evil, tcp => '127.0.0.1');
	$client->ready;
	is(events($node, $position, $client), 'logon', 'A5: the line is there before the client may send a query');
	is(audit_rows($node, is_of($client)), 'logon', 'A3: so is the row');
	my $application = $client->query('SHOW application_name');
	my $port = $client->{socket}->sockport;
	$client->quit;
	wait_for_audit($node, is_of($client), 'logon logoff|client', 'A4: both ends are rows');
	my @lines = audit_lines($node, $position, $client);
	is(join(' ', map { $_->{event} } @lines), 'logon logoff', 'A5: one line for each event');
	for (@lines)
	{
		is_deeply([ @{$_}{qw(login_user database)} ], [ $read, $read ], 'A5: hostile names are shown whole');
		is($_->{application_name}, $application, 'A5: so is the name of the application');
		is(JSON::PP->new->encode([ $_->{client_port} ]), "[$port]", 'A5: numbers are numbers');
		is($_->{client_addr}, '127.0.0.1', 'A5: the address');
		is($_->{kind}, 'client', 'A5: the kind of connection');
	}
	my @columns = qw(at event session_id login_user login_user_id database database_id kind auth_method client_addr client_port application_name instance_num logon_at);
	my @usage = qw(cpu blocks_hit blocks_read blocks_written temp_blocks wal_bytes);
	is_deeply([ sort keys %{ $lines[0] } ], [ sort @columns ], 'A5: a logon has these values');
	is_deeply([ sort keys %{ $lines[1] } ], [ sort @columns, @usage, 'ended_by' ], 'A5: a logoff has these');
	is( admin($node, 'postgres', q{SELECT string_agg(concat_ws('|', event, session_id, to_json(at), to_json(logon_at)), E'\n' ORDER BY at) FROM session_audit.log WHERE } . is_of($client)),
		join("\n", map { qq{$_->{event}|$_->{session_id}|"$_->{at}"|"$_->{logon_at}"} } @lines),
		'A5: they are the same as those of the rows');
	admin($node, 'postgres', 'ALTER ROLE alice SET session_audit.log_to_server = on');
	$position = log_position($node);
	$client = open_session($node, 'alice');
	admin($node, 'postgres', 'SELECT pg_terminate_backend(' . $client->pid . ')');
	wait_for_exit($node, $client);
	is(events($node, $position, $client), 'logon logoff|terminated', 'A5: for a role');
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_audit.log_to_server');
};

subtest 'A5, A6: where both apply there is one line' => sub {
	admin($node, 'postgres', q{ALTER ROLE alice SET session_audit.log_to_server = on});
	my $position = log_position($node);
	my $root = open_session($node, 'root', database => 'postgres', options => '-c session_audit.enabled=off');
	$root->query('BEGIN; LOCK TABLE session_audit.log');
	my $client = one_session($node, 'alice');
	is(events($node, $position, $client), 'logon logoff|client', 'A5, A6: of each record');
	$root->query('ROLLBACK');
	wait_for_audit($node, is_of($client), 'logon logoff|client', 'A6: and one row, later');
	is(events($node, $position, $client), 'logon logoff|client', 'A5: still');
	$root->quit;
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_audit.log_to_server');
};

subtest 'A5: log_to_server without a log' => sub {
	my $other = new_node('lines', conf => 'session_audit.log_to_server = on', allows_streaming => 1);
	$other->start;
	create_app($other, 'CREATE ROLE alice LOGIN; CREATE ROLE root LOGIN SUPERUSER');
	my $position = log_position($other);
	my $client = one_session($other, 'alice');
	is(events($other, $position, $client), 'logon logoff|client', 'A5: session_audit.database need not be set');
	my $walsender = connect_raw($other, user => 'root', replication => 'true');
	$walsender->ready;
	$walsender->quit;
	ok(poll_until(sub { return events($other, $position, $walsender) eq 'logon logoff|client' }), 'A2: a replication connection')
	  or diag(events($other, $position, $walsender));
	admin($other, 'postgres', 'ALTER ROLE alice SET session_audit.enabled = off');
	$client = one_session($other, 'alice');
	is(events($other, $position, $client), '', 'A2: session_audit.enabled counts there, too');
	$client = open_session($other, 'root');
	$walsender = connect_raw($other, user => 'root', replication => 'true');
	$walsender->ready;
	poll_until(sub { return events($other, $position, $walsender) eq 'logon' });
	$other->stop('fast');
	is(events($other, $position, $client), 'logon logoff|shutdown', 'A4: at a shutdown');
	is(events($other, $position, $walsender), 'logon logoff|shutdown', 'A4: a replication connection as well');
	is(admin_of_stopped($other), '', 'A1: there is no writer');
};

# What the log of a server says of workers of the session audit.
sub admin_of_stopped
{
	my ($server) = @_;
	return join "\n", grep { /session audit (?:writer|keeper)/ } split /\n/, slurp_file($server->logfile);
}

subtest 'A5, E8: a hot standby' => sub {
	$node->backup('backup');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'backup', has_streaming => 1);
	$standby->append_conf('postgresql.conf', "synchronous_standby_names = 'missing'");
	$standby->start;
	$node->wait_for_catchup($standby);
	is(writer($standby), '', 'A5: a standby has no writer');
	my $position = log_position($standby);
	my $start = Time::HiRes::time();
	my $client = connect_raw($standby, user => $evil, database => $evil, application_name => $evil);
	is_deeply([ map { $_->{M} } grep { $_->{type} =~ /[NE]/ } $client->ready ], [], 'A5: nothing fails on a standby');
	cmp_ok(Time::HiRes::time() - $start, '<', 2, 'A5: nobody waits');
	is(events($standby, $position, $client), 'logon', 'A5: the line is there before the client may send a query');
	$client->quit;
	wait_for_exit($standby, $client);
	my @lines = audit_lines($standby, $position, $client);
	is(join(' ', map { $_->{event} } @lines), 'logon logoff', 'A5: one line for each event');
	is($lines[$_]->{login_user}, $read, 'A5: hostile names are shown whole') for 0 .. 1;
	is($lines[1]->{logon_at} lt $lines[1]->{at}, 1, 'A5: the time of the logon is in the line of the logoff');

	# What the primary's own synchronous_commit asks of a standby, a logon waits for.
	$standby->append_conf('postgresql.conf', q{recovery_min_apply_delay = '700ms'});
	$standby->reload;
	admin($node, 'postgres', 'ALTER ROLE alice SET synchronous_commit = off');
	$node->wait_for_catchup($standby);
	$node->append_conf('postgresql.conf', "synchronous_standby_names = '*'\nsynchronous_commit = remote_apply");
	$node->reload;
	wait_until($node, 'postgres', q{SELECT sync_state FROM pg_stat_replication}, 'sync');
	wait_until($node, 'postgres', q{SHOW synchronous_commit}, 'remote_apply');
	# The writer has to read the file, too.
	my $synced;
	poll_until(sub { $start = Time::HiRes::time(); $synced = open_session($node, 'alice'); return 1 if Time::HiRes::time() - $start > 0.6; $synced->quit; return 0; });
	is(audit_rows($standby, is_of($synced)), 'logon', 'A3: the row has reached the standby before the client may send a query');
	$synced->quit;
	$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\nsynchronous_commit = on");
	$node->reload;
	wait_until($node, 'postgres', q{SHOW synchronous_standby_names}, '');
	admin($node, 'postgres', 'ALTER ROLE alice RESET synchronous_commit');
	$standby->append_conf('postgresql.conf', 'recovery_min_apply_delay = 0');
	$standby->reload;

	admin($node, 'postgres', 'ALTER ROLE alice SET session_audit.required = on');
	$node->wait_for_catchup($standby);
	my @clients = map { open_session($standby, 'alice') } 1 .. 2;
	admin($standby, 'app', 'SELECT pg_terminate_backend(' . $clients[0]->pid . ')');
	ok(wait_for_exit($standby, $clients[0]), 'the session ends');
	my $walsender = connect_raw($standby, user => 'root', replication => 'true');
	$walsender->ready;
	ok(poll_until(sub { return events($standby, $position, $walsender) eq 'logon' }), 'A2: a replication connection of a standby');
	# Of the standby's own sessions the primary knows nothing.
	is(audit_rows($node, is_of($_) . ' AND client_port IS NULL AND login_user = \'' . ($_ == $client ? 'x' : 'alice') . q{' AND at > now() - interval '5 seconds'}), '', 'A5: there are no rows') for @clients;

	# Sessions that were open when it became a primary leave an end only.
	$standby->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$standby->reload;
	admin($node, 'postgres', 'ALTER ROLE alice RESET session_audit.required');
	$node->wait_for_catchup($standby);
	$standby->promote;
	my $after = open_session($standby, 'alice');
	ok(poll_until(sub { my $new = open_session($standby, 'alice'); my $rows = audit_rows($standby, is_of($new)); $new->quit; return $rows =~ /^logon/; }),
		'A1: after its promotion it writes rows');
	$clients[1]->quit;
	wait_for_audit($standby, is_of($clients[1]) . q{ AND login_user = 'alice'}, 'logoff|client', 'A4: a session that began before leaves an end only');
	$_->quit for $after, $walsender;
	$standby->stop;
	is(events($standby, $position, $clients[0]), 'logon logoff|terminated', 'A5, X: an end by the server on a standby');
	log_is_clean($standby, 'the log of the standby has no failed assertion and no leak');

	# And one that ends as a standby.
	$standby = PostgreSQL::Test::Cluster->new('standby2');
	$standby->init_from_backup($node, 'backup', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	$position = log_position($standby);
	$client = open_session($standby, 'alice');
	$walsender = connect_raw($standby, user => 'root', replication => 'true');
	$walsender->ready;
	poll_until(sub { return events($standby, $position, $walsender) eq 'logon' });
	$standby->stop('fast');
	is(events($standby, $position, $client), 'logon logoff|shutdown', 'A5, X: a shutdown of a standby');
	is(events($standby, $position, $walsender), 'logon logoff|shutdown', 'A4: a replication connection of a standby');
	log_is_clean($standby, 'the log of the standby has no failed assertion and no leak');
};

# In each format of the log.
subtest 'A13: no statement writes what could be taken for a record' => sub {
	my $log = new_node('imitations', conf => <<'EOC');
session_audit.database = 'postgres'
logging_collector = on
log_destination = 'stderr,csvlog,jsonlog'
log_filename = 'all.log'
EOC
	$log->start;
	admin($log, 'postgres', 'CREATE ROLE root LOGIN SUPERUSER; CREATE ROLE alice LOGIN');
	my $file = $log->data_dir . '/log/all';
	my $imitation = '{"at": "2026-01-01T00:00:00+00:00", "event": "logon", "login_user": "root"}';
	my $client = connect_raw($log, user => 'alice', database => 'postgres');
	$client->ready;
	$client->query('SET client_min_messages = log');
	my @told;
	for my $text ($imitation, "x\n$imitation", "\n$imitation")
	{
		push @told, map { $_->{M} } grep { $_->{type} eq 'N' } $client->query("DO \$\$ BEGIN RAISE LOG '%', '$text'; END \$\$");
		$client->try_query("DO \$\$ BEGIN RAISE EXCEPTION '%', '$text'; END \$\$");
	}
	is_deeply(\@told, [ $imitation, "x\n$imitation", "\n$imitation" ], 'A13: the client gets what was raised');
	$client->quit;
	$client = connect_raw($log, user => 'root', database => 'postgres', options => '-c session_audit.log_to_server=on');
	$client->ready;
	$client->quit;
	poll_until(sub { slurp_file("$file.json") =~ /\\"event\\": \\"logoff\\"/ });
	poll_until(sub { slurp_file("$file.$_") =~ /""?event""?: ""?logoff""?/ }) for qw(log csv);
	my @messages = map { decode_json($_)->{message} // '' } split /\n/, slurp_file("$file.json");
	is(scalar(grep { $_ eq "message: $imitation" } @messages), 2, 'A13: jsonlog: an imitation is marked');
	is(join(' ', map { decode_json($_)->{event} } grep { /^\{"at": "/ } @messages), 'logon changed logoff', 'A13: jsonlog: and a record is not');
	# The message is the 14th of the columns, of which none before it has quotes within.
	my @csv = slurp_file("$file.csv") =~ /^(?:(?:"[^"\n]*"|[^,"\n]*),){13}"(\{(?:[^"]|"")*)"/mg;
	is(join(' ', map { /""event"": ""(\w+)""/ } @csv), 'logon changed logoff', 'A13: csvlog: the same');
	my @lines = slurp_file("$file.log") =~ /^\d+\|\w+\|LOG:  (\{"at".*)$/mg;
	is(join(' ', map { decode_json($_)->{event} } @lines), 'logon changed logoff', 'A13: stderr: the same');
	unlike(slurp_file("$file.log"), qr/^\Q$imitation\E/m, 'A13: stderr: what is not the start of a message is indented');
	$log->stop;
};

# What docs/compliance.md says to set for scanners.
subtest 'A13: names in the prefix, and SQLSTATEs' => sub {
	my $log = new_node('scanned', conf => <<'EOC');
session_audit.database = 'postgres'
logging_collector = on
log_destination = 'jsonlog,stderr'
log_filename = 'all.log'
log_error_verbosity = verbose
log_connections = on
log_disconnections = on
log_line_prefix = '%m [%p]: [%l-1] db=%d,user=%u,app=%a,client=%h %r %c %s '
EOC
	$log->start;
	admin($log, 'postgres', 'CREATE ROLE root LOGIN SUPERUSER');
	my $file = $log->data_dir . '/log/all';
	my $imitation = 'LOG:  00000: {"at": "2026-01-01"}';
	# It has no password, and is asked for none, but there is no such role.
	my $client = connect_raw($log, user => "x\n$imitation", database => 'postgres');
	is(join(' ', map { $_->{C} } grep { $_->{type} eq 'E' } $client->messages), '28000', 'A13: a stranger is refused');
	$client = connect_raw($log, user => 'root', database => 'postgres', options => '-c session_audit.log_to_server=on');
	$client->ready;
	$client->quit;
	poll_until(sub { slurp_file("$file.$_") =~ /\\?"event\\?": \\?"logoff\\?"/ }) for qw(json log);
	my @messages = map { decode_json($_)->{message} // '' } split /\n/, slurp_file("$file.json");
	is(join(' ', map { decode_json($_)->{event} } grep { /^\{"at": "/ } @messages), 'logon changed logoff', 'A13: jsonlog: the records alone');
	my @lines = slurp_file("$file.log") =~ / LOG:  00000: (\{"at": "[^"]*", "event".*)$/mg;
	is(join(' ', map { decode_json($_)->{event} } @lines), 'logon changed logoff', 'A13: stderr: a record follows its SQLSTATE');
	# The reason not to read records from there with such a prefix.
	like(slurp_file("$file.log"), qr/^\Q$imitation\E/m, 'A13: stderr: with %u in the prefix, a stranger has written the beginning of a line');
	$log->stop;
};

$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
