# Refused logons (rule A7): for every reason, with what strangers send, in a storm, on a
# standby, and in databases without the session audit.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use IO::Socket::IP;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('refused', allows_streaming => 1, conf => <<'EOC');
autovacuum = off
restart_after_crash = on
session_triggers.fault_days = 0
session_audit.refused_database = ''
EOC
$node->start;
my $major = int($node->pg_version);
admin($node, 'postgres', "CREATE DATABASE $_") for qw(app bare fallback);
admin($node, 'app', <<'EOS');
SET password_encryption = md5;
CREATE ROLE alice LOGIN PASSWORD 'right';
CREATE ROLE bob LOGIN PASSWORD 'right' CONNECTION LIMIT 0;
CREATE ROLE nologin PASSWORD 'right' NOLOGIN;
CREATE ROLE expired LOGIN PASSWORD 'right' VALID UNTIL '2001-01-01';
CREATE ROLE stranger LOGIN;
CREATE ROLE auditor LOGIN IN ROLE pg_monitor;
CREATE ROLE root LOGIN SUPERUSER;
REVOKE CONNECT ON DATABASE app FROM PUBLIC;
GRANT CONNECT ON DATABASE app TO alice, bob, nologin, expired, auditor;
CREATE EXTENSION session_audit;
EOS

# Over TCP a password is asked for, but from 127.0.0.2 nobody is let in.
my $hba = $node->data_dir . '/pg_hba.conf';
my $lines = join '', grep { !/^host/ } split /^/, slurp_file($hba);
unlink $hba;
append_to_file($hba, $lines . <<'EOC');
host all all 127.0.0.1/32 password
host all all 127.0.0.2/32 reject
EOC
$node->reload;

# Sets the clock of the core to this many days after today, for the launcher, too.
my $day = 0;
sub let_a_minute_pass
{
	$day++;
	$node->adjust_conf('postgresql.conf', 'session_triggers.fault_days', $day);
	$node->reload;
	wait_until($node, 'postgres', 'SHOW session_triggers.fault_days', $day);
	return;
}

# Waits until what was refused is written.
sub wait_for_rows
{
	let_a_minute_pass();
	wait_until($node, 'app', 'SELECT session_audit.refusals_waiting()', '0');
	wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'session audit %'}, '0');
	return;
}

# Returns these columns of the rows of refused logons in a database, sorted, and deletes
# the rows.
sub take_refused
{
	my ($columns, $database) = @_;
	$database //= 'app';
	wait_for_rows();
	my $rows = join "\n", sort split /\n/, admin($node, $database, "SELECT $columns FROM session_audit.log WHERE event = 'refused'");
	admin($node, $database, q{DELETE FROM session_audit.log WHERE event = 'refused'});
	return $rows;
}

# Connects, sends a password if there is one and the server asks for it, and returns the
# SQLSTATE of the error, or an empty string.
sub refused_with
{
	my ($client, $password) = @_;
	while (my $message = $client->next_message)
	{
		$client->send_message('p', "$password\0") if $message->{type} eq 'R' && defined $password;
		undef $password;
		if ($message->{type} eq 'E')
		{
			# The process notes the refusal once it has told the client, and then exits.
			1 while $client->next_message;
			return $message->{C};
		}
		last if $message->{type} eq 'Z';
	}
	return '';
}

# Of the lines of the server log that record refused logons: role, SQLSTATE and count.
sub counted_lines
{
	my ($position) = @_;
	my @records = map { decode_json($_) } slurp_file($node->logfile, $position) =~ /LOG:  (\{.*"refused".*\})/g;
	return join "\n", map { join '|', @{$_}{qw(login_user sqlstate count)} } @records;
}

sub over_tcp
{
	my ($role, $password, %params) = @_;
	return refused_with(connect_as($node, $role, tcp => '127.0.0.1', %params), $password);
}

sub over_socket
{
	my ($role, %params) = @_;
	return refused_with(connect_as($node, $role, %params));
}

subtest 'A7: every reason' => sub {
	my @expected;
	my $refused = sub {
		my ($sqlstate, $reason, $role, $error, $addr, $method) = @_;
		is($error, $sqlstate, "A7: $reason: refused");
		push @expected, join '|', 'refused', $role, $sqlstate, $addr, $method, 1;
	};
	$refused->('28P01', 'a wrong password', 'alice', over_tcp('alice', 'wrong'), '127.0.0.1', 'password');
	$refused->('28P01', 'an empty password', 'expired', over_tcp('expired', 'right'), '127.0.0.1', 'password');
	$refused->('28000', 'pg_hba.conf', 'alice', refused_with(connect_as($node, 'alice', tcp => '127.0.0.1', from => '127.0.0.2')), '127.0.0.2', 'reject');
	$refused->('28000', 'no such role', 'no_such_role', over_socket('no_such_role'), '', 'trust');
	$refused->('28P01', 'no such role, with a password', 'no_such_role', over_tcp('no_such_role', 'right'), '127.0.0.1', 'password');
	$refused->('28000', 'NOLOGIN', 'nologin', over_socket('nologin'), '', 'trust');
	$refused->('42501', 'no CONNECT right', 'stranger', over_socket('stranger'), '', 'trust');
	$refused->('53300', 'too many connections of the role', 'bob', over_socket('bob'), '', 'trust');
	admin($node, 'postgres', 'ALTER DATABASE app CONNECTION LIMIT 0');
	$refused->('53300', 'too many connections to the database', 'alice', over_socket('alice'), '', 'trust');
	admin($node, 'postgres', 'ALTER DATABASE app CONNECTION LIMIT -1');
	$refused->('22023', 'a bad startup option', 'auditor', over_socket('auditor', options => '-c work_mem=x'), '', 'trust');
	# The server tells this to its log only.
	$node->append_conf('postgresql.conf', 'authentication_timeout = 1s');
	$node->reload;
	is(over_tcp('root'), '', 'A7: no answer in time: refused');
	push @expected, 'refused|root|57014|127.0.0.1|password|1';
	$node->append_conf('postgresql.conf', 'authentication_timeout = 60s');
	$node->reload;
	admin($node, 'app', <<'EOS');
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
	IF current_user = 'auditor' THEN RAISE EXCEPTION 'not you' USING ERRCODE = 'AB123'; END IF;
END$$;
CREATE EVENT TRIGGER zz_refuse ON after_user_logon EXECUTE FUNCTION refuse();
ALTER DATABASE app SET session_triggers.logon_failure = reject;
EOS
	$refused->('AB123', 'a trigger', 'auditor', over_socket('auditor', application_name => 'x'), '', 'trust');
	# Rule R2: the next client of a pooled connection, of whom the role is the first one's.
	admin($node, 'app', <<'EOS');
CREATE OR REPLACE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
	IF tg_tag = 'DISCARD ALL' THEN RAISE EXCEPTION 'not you, either' USING ERRCODE = 'AB124'; END IF;
END$$;
ALTER DATABASE app SET session_triggers.fire_on_discard = on;
EOS
	my $pooled = open_session($node, 'auditor');
	$refused->('AB124', 'a trigger, by DISCARD ALL', 'auditor', (map { $_->{C} // () } grep { $_->{type} eq 'E' } $pooled->query('DISCARD ALL'))[0], '', 'trust');
	admin($node, 'app', 'DROP EVENT TRIGGER zz_refuse; ALTER DATABASE app RESET session_triggers.logon_failure; ALTER DATABASE app RESET session_triggers.fire_on_discard');
	is(over_socket('alice'), '', 'A7: somebody is let in');

	is(take_refused(q{event, login_user, sqlstate, host(client_addr), auth_method, count}),
		join("\n", sort @expected), 'A7: each has its row');
};

subtest 'A7: the row' => sub {
	my $position = log_position($node);
	$node->append_conf('postgresql.conf', "log_line_prefix = '%c|%r|%e|'");
	$node->reload;
	wait_until($node, 'postgres', 'SHOW log_line_prefix', '%c|%r|%e|');
	my $from = admin($node, 'postgres', 'SELECT clock_timestamp()');
	over_tcp('alice', 'wrong', application_name => 'a program') for 1 .. 7;
	my $upto = admin($node, 'postgres', 'SELECT clock_timestamp()');
	my ($session, $port) = slurp_file($node->logfile, $position) =~ /^([\da-f.]+)\|127\.0\.0\.1\((\d+)\)\|28P01\|FATAL/m;
	is(take_refused("session_id, client_port, application_name, database, encryption, instance_num, logon_at, ended_by, system_identity, cpu, count, at - interval '@{[$day]} days' BETWEEN '$from' AND '$upto'"),
		"$session|$port|a program|app||1|||||7|t", 'A7: of seven that are the same, the first');
	$node->append_conf('postgresql.conf', "log_line_prefix = '%p|%e|'");
	$node->reload;
};

subtest 'A7: no refusal' => sub {
	over_socket('alice');
	# The client has not sent the password that it was asked for.
	my $client = connect_as($node, 'alice', tcp => '127.0.0.1');
	$client->next_message;
	$client->drop;
	is(system('pg_isready', '-q', '-h', $node->host, '-p', $node->port, '-U', 'no_such_role'), 0, 'A7: pg_isready');
	$client = open_session($node, 'alice');
	admin($node, 'postgres', 'SELECT pg_terminate_backend(' . $client->pid . ')');
	like(join('', map { $_->{C} // '' } $client->messages), qr/57P01/, 'A7: a session that is ended');
	$node->append_conf('postgresql.conf', 'session_triggers.enabled = off');
	$node->reload;
	wait_until($node, 'postgres', 'SHOW session_triggers.enabled', 'off');
	is(over_socket('no_such_role'), '28000', 'A7: nobody is recorded while the triggers are off');
	$node->append_conf('postgresql.conf', 'session_triggers.enabled = on');
	$node->reload;
	is(take_refused('login_user'), '', 'A7: these are none');
};

subtest 'A7: names of strangers' => sub {
	my $long = 'x' x 3000;
	my @names = ("tab\tname\n", "esc\e[31m", "\xc2\x9b2J", "\xe2\x80\xaereversed", "\xff\xfe", "zo\xc3\xab", $long, q{'; DROP TABLE session_audit.log; --}, '"$user"');
	is(over_socket($_), '28000', 'A7: refused') for @names;
	my @rows = split /\n/, take_refused('login_user, octet_length(login_user)');
	is_deeply([ sort @rows ], [ sort 'tab?name?|9', 'esc?[31m|8', '?2J|3', '?reversed|9', '??|2', "zo\xc3\xab|4", ('x' x 63) . '|63',
			q{'; DROP TABLE session_audit.log; --|35}, '"$user"|7' ], 'A7: as they were given, cut and sanitised');

	# Packets that are none.
	my $raw = sub {
		my ($bytes) = @_;
		my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $node->port);
		local $SIG{PIPE} = 'IGNORE';
		$socket->syswrite($bytes);
		$socket->shutdown(1);
		1 while $socket->sysread(my $ignored, 8192);
		$socket->close;
	};
	$raw->(pack('N', 10_000_000) . 'x' x 10_000_000);
	$raw->(pack('NN', 9, 3 << 16) . "\0");
	$raw->(pack('NN', 8, 3 << 16));
	$raw->(pack('NN', 9000, 3 << 16) . "user\0" . 'y' x 8985 . "\0\0");
	$raw->(pack('NN', 50, 99 << 16) . 'z' x 42);
	$raw->("\xff" x 100);
	# These end before their process is one of the server's, and can start no worker.
	let_a_minute_pass();
	connect_as($node, 'alice')->quit;
	is(take_refused('login_user'), '', 'A7: who has not said to which database is in none');
};

subtest 'A7: databases without the audit' => sub {
	admin($node, 'fallback', 'CREATE EXTENSION session_audit');
	over_socket('no_such_role', database => $_) for 'bare', 'missing', '', 'x' x 70;
	is(take_refused('database'), '', 'A7: nowhere, if there is no database for them');
	is(admin($node, 'fallback', q{SELECT count(*) FROM session_audit.log WHERE event = 'refused'}), '0', 'A7: not in any that has an audit');
	is(admin($node, 'app', 'SELECT queue_length, dropped FROM session_audit.status()'), '0|0', 'A7: and are not waited for');

	$node->append_conf('postgresql.conf', q{session_audit.refused_database = 'fallback'});
	$node->reload;
	over_socket('no_such_role', database => $_) for 'bare', 'missing', 'app', 'x' x 70;
	over_socket('stranger', database => 'app');
	try_psql($node, 'postgres', 'SELECT 1', replication => 'true', extra_params => [ '-U', 'no_such_role' ]);
	is(take_refused('database, sqlstate'), "app|28000\napp|42501", 'A7: those of a database with an audit go there');
	is(admin($node, 'fallback', q{SELECT database, sqlstate FROM session_audit.log WHERE event = 'refused' ORDER BY 1}),
		"bare|28000\nmissing|28000\n" . ('x' x 63) . "|28000\n|28000", 'A7: session_audit.refused_database takes the others');
	admin($node, 'fallback', q{DELETE FROM session_audit.log});

	for my $name ('missing', 'bare')
	{
		my $position = log_position($node);
		my $dropped = admin($node, 'app', 'SELECT dropped FROM session_audit.status()');
		$node->append_conf('postgresql.conf', "session_audit.refused_database = '$name'");
		$node->reload;
		wait_until($node, 'postgres', 'SHOW session_audit.refused_database', $name);
		over_socket('no_such_role', database => 'bare') for 1 .. 3;
		over_socket('alice');
		wait_for_rows();
		is(admin($node, 'app', 'SELECT dropped FROM session_audit.status()'), $dropped + 3, "A7: a database $name drops them, counted");
		like(slurp_file($node->logfile, $position), qr/refused logons were not recorded: database "$name", which session_audit.refused_database names, has no session audit/, 'A7: and the log says so');
	}
	$node->append_conf('postgresql.conf', q{session_audit.refused_database = ''});
	$node->reload;
	$node->psql('app', q{SET session_audit.refused_database = 'x'}, stderr => \my $error);
	like($error, qr/parameter "session_audit.refused_database" cannot be changed now/, 'S: it is a setting of the server');
};

subtest 'A7: what fails is written later' => sub {
	# Not that of a pass of the keeper, which a logon before may have started.
	my $failure = qr/55P03\|ERROR:  canceling statement due to lock timeout\n\d+\|55P03\|CONTEXT:  session audit of refused logons$/m;
	my $no_keeper = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session audit keeper'};
	my $holder = open_quiet_session($node);
	$holder->query('BEGIN; LOCK TABLE session_audit.log IN ACCESS EXCLUSIVE MODE');
	over_socket('no_such_role');
	my $position = log_position($node);
	let_a_minute_pass();
	ok($node->wait_for_log($failure, $position), 'A7: the log is locked');
	wait_until($node, 'postgres', $no_keeper, '0');
	over_socket('no_such_role');
	$holder->query('ROLLBACK');
	$holder->quit;
	is(take_refused('login_user, count'), 'no_such_role|2', 'A7: nothing is lost');

	# Whoever owns a database can have it fail for ever.
	for my $fallback ('', 'fallback')
	{
		$node->append_conf('postgresql.conf', "session_audit.refused_database = '$fallback'");
		$node->reload;
		wait_until($node, 'postgres', 'SHOW session_audit.refused_database', $fallback);
		my $dropped = admin($node, 'app', 'SELECT dropped FROM session_audit.status()');
		$holder = open_quiet_session($node);
		$holder->query('BEGIN; LOCK TABLE session_audit.log IN ACCESS EXCLUSIVE MODE');
		over_socket('no_such_role') for 1 .. 2;
		for my $try (1 .. 3)
		{
			$position = log_position($node);
			let_a_minute_pass();
			over_socket('no_such_role', database => 'missing');
			ok($node->wait_for_log($failure, $position), "A7: fallback '$fallback', try $try");
			wait_until($node, 'postgres', $no_keeper, '0');
		}
		$holder->query('ROLLBACK');
		$holder->quit;
		is(take_refused('login_user, count'), '', 'A7: after three tries it is given up');
		is(admin($node, 'app', 'SELECT dropped FROM session_audit.status()') - $dropped, $fallback ? 0 : 2, 'A7: what is not recorded is counted');
		is(admin($node, 'fallback', q{SELECT sum(count) FROM session_audit.log WHERE event = 'refused' AND database = 'app'}), $fallback ? '2' : '', 'A7: or recorded elsewhere');
	}
	admin($node, 'fallback', q{DELETE FROM session_audit.log});
	$node->append_conf('postgresql.conf', q{session_audit.refused_database = ''});
	$node->reload;
	wait_until($node, 'postgres', 'SHOW session_audit.refused_database', '');

	# The database is in nobody's way, and may go while something waits for it.
	admin($node, 'postgres', 'CREATE DATABASE brief TEMPLATE app');
	over_socket('no_such_role', database => 'brief');
	admin($node, 'postgres', 'DROP DATABASE brief');
	over_socket('no_such_role');
	is(take_refused('login_user, database'), 'no_such_role|app', 'A7: a database that is dropped');
	is(admin($node, 'app', 'SELECT queue_length FROM session_audit.status()'), '0', 'A7: leaves nothing behind');
};

subtest 'A7: no worker is free' => sub {
	$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
	$node->restart;
	my $position = log_position($node);
	is(over_socket('no_such_role'), '28000', 'A7: refused as ever') for 1 .. 3;
	is(over_socket('alice'), '', 'A7: and let in');
	my @said = slurp_file($node->logfile, $position) =~ /no background worker is free/g;
	is(scalar @said, 1, 'A7: the log says once why it is not recorded');
	is(admin($node, 'app', 'SELECT queue_length FROM session_audit.status()'), '1', 'A7: it waits');
	let_a_minute_pass();
	connect_as($node, 'alice')->quit;
	$node->wait_for_log(qr/LOG:  \{.*"refused"/, $position);
	is(counted_lines($position), 'no_such_role|28000|3', 'A7: when it is due, whoever finds that out writes it to the server log');
	is(admin($node, 'app', 'SELECT queue_length FROM session_audit.status()'), '0', 'A7: and nothing waits');
	is(over_socket('no_such_role'), '28000', 'A7: one more') for 1 .. 2;
	$position = log_position($node);
	my $last = open_session($node, 'alice');
	$node->stop('fast');
	is(counted_lines($position), 'no_such_role|28000|2', 'A7: so does who is there at a shutdown');
	$last->messages;
	$node->start;
	$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
	$node->restart;
};

subtest 'A7: shutdown' => sub {
	over_socket('no_such_role', application_name => 'last "words"') for 1 .. 2;
	wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session audit launcher'}, '1');
	my $position = log_position($node);
	$node->stop('fast');
	my ($line) = slurp_file($node->logfile, $position) =~ /LOG:  (\{.*"refused".*\})/;
	my $record = decode_json($line // '{}');
	is_deeply([ @{$record}{qw(event login_user database sqlstate count)} ], [ 'refused', 'no_such_role', 'app', '28000', 2 ],
		'A7: what cannot be written any more is in the server log');
	$node->start;
};

subtest 'A4, A7: a standby' => sub {
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	my $position = log_position($standby);
	is(refused_with(connect_as($standby, 'no_such_role')), '28000', 'A7: refused') for 1 .. 2;
	is(refused_with(connect_as($standby, 'no_such_role', database => 'bare')), '28000', 'A7: refused elsewhere');
	$standby->append_conf('postgresql.conf', 'session_triggers.fault_days = 500');
	$standby->reload;
	$standby->wait_for_log(qr/LOG:  \{.*"refused"/, $position);
	my @lines = map { decode_json($_) } slurp_file($standby->logfile, $position) =~ /LOG:  (\{.*"refused".*\})/g;
	is_deeply([ map { [ @{$_}{qw(login_user database sqlstate count)} ] } @lines ], [ [ 'no_such_role', 'app', '28000', 2 ] ],
		'A4, A7: one line in the log, for what has an audit');

	# A process that finds no place among the server's can start no worker, and on a standby
	# there is no keeper whose launcher would do it.
	wait_until($standby, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'session audit %'}, '0');
	$position = log_position($standby);
	my @clients = map { open_session($standby, 'root') } 1 .. 40;
	is(refused_with(connect_as($standby, 'alice')), '53300', 'A7: too many connections');
	$_->quit for @clients;
	$standby->append_conf('postgresql.conf', 'session_triggers.fault_days = 501');
	$standby->reload;
	wait_until($standby, 'postgres', 'SHOW session_triggers.fault_days', '501');
	connect_as($standby, 'alice')->quit;
	ok($standby->wait_for_log(qr/LOG:  \{.*"refused".*"sqlstate": "53300"/, $position), 'A7: the next logon has it written');
	$standby->stop;
};

# A storm: wrong passwords from many clients, while others log on.
subtest 'A7: a storm' => sub {
	my ($clients, $attempts) = (20, 250);
	# On a slow machine it lasts for minutes, and some find too many connections, the others
	# among them.
	my ($minutes, $others);
	# What several processes do at the same time: the times that logons of others take.
	my $storm = sub {
		my ($database) = @_;
		my @seconds;
		my $begin = time;
		$others = 0;
		run_clients(1, $clients,
			sub {
				for my $attempt (1 .. $attempts)
				{
					# Two names of each client's own, and one of all.
					my $role = $attempt % 3 ? "stranger_$$" . '_' . $attempt % 3 : 'alice';
					my $error = refused_with(connect_raw($node, tcp => '127.0.0.1', user => $role, database => $database), 'wrong');
					die "not refused: $error" if $error ne '28P01' && $error ne '53300';
				}
				return;
			},
			sub {
				my $start = time;
				my @messages = connect_raw($node, user => 'root', database => $database)->quit;
				push @seconds, time - $start;
				$others += grep { $_->{type} eq 'E' } @messages;
			});
		$minutes = int((time - $begin) / 60);
		@seconds = sort { $a <=> $b } @seconds;
		return $seconds[ @seconds / 2 ];
	};
	$node->append_conf('postgresql.conf', 'max_connections = 60');
	$node->restart;
	my $without = $storm->('bare');
	wait_for_rows();
	# Of those, there are too many different ones to wait for a database that has an audit.
	my $before = admin($node, 'app', 'SELECT dropped FROM session_audit.status()');
	my $with = $storm->('app');
	note "median of a logon in the storm: $without s without the audit, $with s with it";
	cmp_ok($with, '<', 2 * $without + 0.01, 'A7: others are not slower');
	my ($rows, $count, $dropped) = split /\|/, do {
		wait_for_rows();
		admin($node, 'app', q{SELECT count(*), sum(l.count), (SELECT dropped FROM session_audit.status()) FROM session_audit.log l WHERE event = 'refused'});
	};
	is($count + $dropped - $before, $clients * $attempts + $others, 'A7: the counts add up');
	cmp_ok($rows, '<=', 2 * (2 * $clients + 1) * (1 + $minutes), 'A7: the rows are bounded');
	note "$rows rows for $count refused logons, $dropped dropped";
};

# The owner of a database can choose this setting, which is overridden by the built-in one.
subtest 'A7: a standby that is away' => sub {
	my $superuser = admin($node, 'postgres', 'SELECT quote_ident(current_user)');
	admin($node, 'postgres', "ALTER ROLE $superuser SET session_triggers.enabled = off");
	admin($node, 'postgres', 'ALTER DATABASE app SET synchronous_commit = off');
	$node->append_conf('postgresql.conf', "synchronous_commit = local\nsynchronous_standby_names = 'nobody'");
	$node->reload;
	my $client = open_quiet_session($node);
	$client->query('SET synchronous_commit = on');
	$client->send_query('CREATE TABLE of_nobody ()');
	wait_until($node, 'postgres', 'SELECT wait_event FROM pg_stat_activity WHERE pid = ' . $client->pid, 'SyncRep');
	take_refused('login_user');
	over_socket('no_such_role');
	is(take_refused('login_user'), 'no_such_role', 'A7: who writes refused logons does not wait for it');
	admin($node, 'postgres', 'SELECT pg_cancel_backend(' . $client->pid . ')');
	$client->quit;
	$node->append_conf('postgresql.conf', q{synchronous_standby_names = ''});
	$node->reload;
	admin($node, 'postgres', "ALTER ROLE $superuser RESET session_triggers.enabled");
	admin($node, 'postgres', 'ALTER DATABASE app RESET synchronous_commit');
};

# One host cannot use all the room, and hides no attempt behind others.
subtest 'A7: too many names' => sub {
	wait_for_rows();
	admin($node, 'app', q{DELETE FROM session_audit.log});
	my $dropped = admin($node, 'app', 'SELECT dropped FROM session_audit.status()');
	over_tcp("name$_", 'wrong') for 1 .. 100;
	over_tcp('name3', 'wrong');
	# Few of these are in the same set, whatever the secret of this server.
	is(refused_with(connect_as($node, 'no_such_role', tcp => '127.0.0.1', from => "127.0.0.$_")), '28000', "A7: 127.0.0.$_") for 2 .. 21;
	wait_for_rows();
	is(admin($node, 'app', q{SELECT count(DISTINCT login_user), sum(count), max(count) FROM session_audit.log WHERE event = 'refused' AND client_addr = '127.0.0.1'}),
		'56|101|44', 'A7: there is room for 56 names of one host, and others are counted without theirs');
	is(admin($node, 'app', q{SELECT sum(count), count(*) FILTER (WHERE login_user = 'no_such_role') > 10 FROM session_audit.log WHERE event = 'refused' AND client_addr <> '127.0.0.1'}),
		'20|t', 'A7: there is room for other hosts');
	is(admin($node, 'app', 'SELECT dropped FROM session_audit.status()'), $dropped, 'A7: nothing is dropped');
	# With databases that do not exist, the same; and they take nothing from those that do.
	admin($node, 'app', q{DELETE FROM session_audit.log});
	over_tcp("name$_", 'wrong', database => 'missing') for 1 .. 70;
	over_tcp('alice', 'wrong') for 1 .. 5;
	over_tcp('bob', 'wrong', database => 'bare');
	my $position = log_position($node);
	wait_for_rows();
	is(take_refused('login_user, database, sqlstate, count'), '|app|28P01|5', 'A7: attempts cannot be hidden behind a database without an audit');
	is(admin($node, 'app', 'SELECT dropped FROM session_audit.status()') - $dropped, 15, 'A7: those that can be of any database are counted');
	like(slurp_file($node->logfile, $position), qr/refused logons were not recorded: there were too many different ones, and session_audit.refused_database is not set/, 'A7: and the log says so');
	$dropped += 15;
	# Other errors, for which one need not know anything, hide no wrong password.
	for my $database ('app', 'missing')
	{
		for (1 .. 30)
		{
			my $client = connect_as($node, "name$_", tcp => '127.0.0.1', database => $database);
			$client->next_message;
			$client->send_query('SELECT 1');
			is(refused_with($client), '08P01', 'A7: a message that is no password');
		}
		for (1 .. 2)
		{
			is(over_tcp("name$_", undef, database => $database, replication => 'x'), '22023', 'A7: a bad parameter');
			is(refused_with(connect_raw($node, tcp => '127.0.0.1', database => $database)), '28000', 'A7: no role');
		}
	}
	my $client = connect_raw($node, tcp => '127.0.0.1', protocol => 99 << 16);
	is(refused_with($client), '0A000', 'A7: no protocol that is known');
	over_tcp('alice', 'wrong') for 1 .. 10;
	wait_for_rows();
	is(admin($node, 'app', q{SELECT database, client_addr, count FROM session_audit.log WHERE event = 'refused' AND sqlstate = '28P01'}),
		'app|127.0.0.1|10', 'A7: a wrong password is seen as one, whatever else the client sends');
	$dropped = admin($node, 'app', 'SELECT dropped FROM session_audit.status()');
	admin($node, 'app', q{DELETE FROM session_audit.log});
	# More than there is room for at all, in some of the sets.
	over_tcp("name$_", 'wrong') for 1 .. 60;
	is(refused_with(connect_as($node, 'no_such_role', tcp => '127.0.0.1', from => "127.0.1.$_")), '28000', "A7: 127.0.1.$_") for 1 .. 254;
	wait_for_rows();
	my ($count, $more) = split /\|/, admin($node, 'app',
		"SELECT sum(count), (SELECT dropped FROM session_audit.status()) - $dropped FROM session_audit.log WHERE event = 'refused'");
	is($count + $more, 314, 'A7: what has no place at all is counted');
};

# A process that finds no place among the server's can start no worker.
subtest 'A7: too many connections' => sub {
	admin($node, 'app', q{DELETE FROM session_audit.log});
	$node->append_conf('postgresql.conf', "max_connections = 8\nsuperuser_reserved_connections = 0\nmax_wal_senders = 0\nautovacuum = off");
	$node->restart;
	my @clients = map { open_session($node, 'alice') } 1 .. 8;
	is(over_socket('alice'), '53300', 'A7: too many connections to the server') for 1 .. 3;
	$_->quit for @clients;
	is(admin($node, 'app', 'SELECT queue_length FROM session_audit.status()'), '1', 'A7: it waits');
	let_a_minute_pass();
	connect_as($node, 'alice')->quit;
	is(take_refused('login_user, sqlstate, count'), 'alice|53300|3', 'A7: the next logon has it written');
};

# Whoever has no audit is not told what it lacks.
subtest 'A7: nobody has used the audit' => sub {
	admin($node, $_, 'DROP EXTENSION session_audit') for qw(app fallback);
	admin($node, 'bare', 'CREATE EXTENSION session_audit');
	$node->restart;
	my $position = log_position($node);
	over_socket("name$_") for 1 .. 60;
	let_a_minute_pass();
	ok(wait_until($node, 'bare', 'SELECT session_audit.refusals_waiting()', '0'), 'A7: they are not waited for');
	is(admin($node, 'bare', 'SELECT session_audit.refusals_dropped()'), '4', 'A7: what can be of any database is counted');
	unlike(slurp_file($node->logfile, $position), qr/refused logons were not recorded/, 'A7: and the log does not complain');
};

log_is_clean($node, 'F12: nothing is left behind');
done_testing();
