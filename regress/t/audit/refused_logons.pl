# Refused logons (rule A8): for every reason, with what strangers send, in a storm, on a
# standby, at a shutdown, and where nobody writes.
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
EOC
$node->start;
admin($node, 'postgres', "CREATE DATABASE $_") for qw(app bare);
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
EOS

# Over TCP a password is asked for, but from 127.0.0.2 nobody is let in.
my $hba = $node->data_dir . '/pg_hba.conf';
my $lines = join '', grep { !/^host/ } split /^/, slurp_file($hba);
unlink $hba;
append_to_file($hba, $lines . <<'EOC');
host all all 127.0.0.1/32 password
host all all 127.0.0.2/32 reject
EOC
start_audit($node);

# Has a setting in postgresql.conf, and waits until new sessions have it.
sub configure
{
	my ($name, $value, $shown) = @_;
	$node->append_conf('postgresql.conf', "$name = $value");
	$node->reload;
	# In sessions that choose no setting themselves
	poll_until(
		sub {
			my $client = open_session($node, 'root', database => 'postgres');
			my $now = $client->query("SHOW $name");
			$client->quit;
			return $now eq ($shown // $value);
		});
	return;
}

# Sets the clock of the core to this many days after today, for the writer, too.
my $day = 0;
sub let_a_minute_pass
{
	$day++;
	configure('session_triggers.fault_days', $day);
	return;
}

# Runs SQL in the database of the log.
sub in_log { return admin($node, 'postgres', $_[0]); }

sub waiting { return in_log('SELECT refusals_waiting FROM session_audit.status()'); }
sub dropped { return in_log('SELECT refusals_dropped FROM session_audit.status()'); }

# Waits until what was refused is written.
sub wait_for_rows
{
	let_a_minute_pass();
	wait_until($node, 'postgres', 'SELECT refusals_waiting FROM session_audit.status()', '0');
	return;
}

# Returns these columns of the rows of refused logons, sorted, and deletes the rows.
sub take_refused
{
	my ($columns) = @_;
	wait_for_rows();
	my $rows = join "\n", sort split /\n/, in_log("SELECT $columns FROM session_audit.log WHERE event = 'refused'");
	forget();
	return $rows;
}

sub forget { return in_log(q{DELETE FROM session_audit.log WHERE event = 'refused'}); }

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

# Of the lines of a server's log that record refused logons: role, SQLSTATE and count.
sub counted_lines
{
	my ($server, $position) = @_;
	my @records = map { { count => 1, %{ decode_json($_) } } } slurp_file($server->logfile, $position) =~ /LOG:  (\{"at": .*"event": "refused".*\})/g;
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

subtest 'A8: every reason' => sub {
	my @expected;
	my $refused = sub {
		my ($sqlstate, $reason, $role, $error, $addr, $method) = @_;
		is($error, $sqlstate, "A8: $reason: refused");
		push @expected, join '|', 'refused', $role, $sqlstate, $addr, $method, 1;
	};
	$refused->('28P01', 'a wrong password', 'alice', over_tcp('alice', 'wrong'), '127.0.0.1', 'password');
	$refused->('28P01', 'an expired password', 'expired', over_tcp('expired', 'right'), '127.0.0.1', 'password');
	$refused->('28000', 'pg_hba.conf', 'alice', refused_with(connect_as($node, 'alice', tcp => '127.0.0.1', from => '127.0.0.2')), '127.0.0.2', 'reject');
	$refused->('28000', 'no such role', 'no_such_role', over_socket('no_such_role'), '', 'trust');
	$refused->('28P01', 'no such role, with a password', 'no_such_role', over_tcp('no_such_role', 'right'), '127.0.0.1', 'password');
	$refused->('28000', 'NOLOGIN', 'nologin', over_socket('nologin'), '', 'trust');
	$refused->('42501', 'no CONNECT right', 'stranger', over_socket('stranger'), '', 'trust');
	$refused->('3D000', 'no such database', 'alice', over_socket('alice', database => 'missing'), '', 'trust');
	$refused->('53300', 'too many connections of the role', 'bob', over_socket('bob'), '', 'trust');
	admin($node, 'postgres', 'ALTER DATABASE app CONNECTION LIMIT 0');
	$refused->('53300', 'too many connections to the database', 'alice', over_socket('alice'), '', 'trust');
	admin($node, 'postgres', 'ALTER DATABASE app CONNECTION LIMIT -1');
	$refused->('22023', 'a bad startup option', 'auditor', over_socket('auditor', options => '-c work_mem=x'), '', 'trust');
	# The server tells this to its log only.
	configure('authentication_timeout', '1s');
	is(over_tcp('root'), '', 'A8: no answer in time: refused');
	push @expected, 'refused|root|57014|127.0.0.1|password|1';
	configure('authentication_timeout', '1min');
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
	is(over_socket('alice'), '', 'A8: somebody is let in');

	is(take_refused(q{event, login_user, sqlstate, host(client_addr), auth_method, count}),
		join("\n", sort @expected), 'A8: each has its row');
};

subtest 'A8: the row' => sub {
	my $position = log_position($node);
	configure('log_line_prefix', "'%c|%r|%e|'", '%c|%r|%e|');
	my $from = in_log('SELECT clock_timestamp()');
	over_tcp('alice', 'wrong', application_name => 'a program') for 1 .. 7;
	my $upto = in_log('SELECT clock_timestamp()');
	my ($session, $port) = slurp_file($node->logfile, $position) =~ /^([\da-f.]+)\|127\.0\.0\.1\((\d+)\)\|28P01\|FATAL/m;
	is(take_refused("session_id, client_port, application_name, database, kind, encryption, instance_num, logon_at, ended_by, system_identity, cpu, cluster_name, count, at - interval '@{[$day]} days' BETWEEN '$from' AND '$upto', system_identifier = (SELECT system_identifier FROM pg_control_system())"),
		"$session|$port|a program|app|client||1|||||refused|7|t|t", 'A8, A9: of seven that are the same, the first');
	configure('log_line_prefix', "'%p|%e|'", '%p|%e|');
};

subtest 'A8: no refusal' => sub {
	over_socket('alice');
	# The client has not sent the password that it was asked for.
	my $client = connect_as($node, 'alice', tcp => '127.0.0.1');
	$client->next_message;
	$client->drop;
	is(system('pg_isready', '-q', '-h', $node->host, '-p', $node->port, '-U', 'no_such_role'), 0, 'A8: pg_isready');
	$client = open_session($node, 'alice');
	admin($node, 'postgres', 'SELECT pg_terminate_backend(' . $client->pid . ')');
	like(join('', map { $_->{C} // '' } $client->messages), qr/57P01/, 'A8: a session that is ended');
	my @rows = split /\n/, take_refused('login_user, sqlstate');
	# pg_isready asks as this role, and is sent away.
	is(join(' ', grep { !/^no_such_role\|/ } @rows), '', 'A8: these are none');

	# Rule A2: that triggers are off does not count here, but the audit's own setting does, which
	# for those who are not known yet is the server's.
	configure('session_triggers.enabled', 'off');
	is(over_socket('no_such_role'), '28000', 'A8: refused while the triggers are off');
	is(take_refused('login_user'), 'no_such_role', 'A2: and recorded');
	configure('session_triggers.enabled', 'on');
	configure('session_audit.enabled', 'off');
	is(over_socket('no_such_role'), '28000', 'A8: refused while the audit is off for all');
	is(take_refused('login_user'), '', 'A2: and not recorded');
	configure('session_audit.enabled', 'on');
	admin($node, 'postgres', 'ALTER ROLE stranger SET session_audit.enabled = off');
	is(over_socket('stranger'), '42501', 'A8: a role that is not audited is refused');
	# Its settings apply only after this.
	is(take_refused('login_user'), 'stranger', 'A8: and that is recorded');
	admin($node, 'postgres', 'ALTER ROLE stranger RESET ALL');
};

# How often a client tries is its own choice: libpq's default is sslmode=prefer.
subtest 'A8: with and without TLS' => sub {
	plan skip_all => 'this server has no TLS' unless check_pg_config('#define USE_OPENSSL 1');
	my $data = $node->data_dir;
	system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
		'-subj', '/CN=localhost', '-keyout', "$data/server.key", '-out', "$data/server.crt");
	chmod 0600, "$data/server.key";
	my $wrong_password = sub {
		my ($mode) = @_;
		local $ENV{PGPASSWORD} = 'wrong';
		my ($status) = try_psql($node, 'app', 'SELECT 1',
			connstr => 'host=127.0.0.1 port=' . $node->port . " user=alice dbname=app sslmode=$mode");
		is($status, 2, "A8: sslmode=$mode: a wrong password");
		return take_refused('sqlstate, encryption, count');
	};
	is($wrong_password->('prefer'), '28P01||1', 'A8: a server without TLS: sslmode=prefer counts once');
	configure('ssl', 'on');
	is($wrong_password->('disable'), '28P01||1', 'A8: without TLS: once');
	is($wrong_password->('require'), '28P01|TLSv1.3|1', 'A8: with TLS: once');
	is($wrong_password->('prefer'), '28P01|TLSv1.3|2', 'A8: sslmode=prefer: one row that counts two, with TLS and without');
	my $before = slurp_file($hba);
	unlink $hba;
	append_to_file($hba, $before =~ s/^host(?= .* password$)/hostssl/mr);
	$node->reload;
	# Until the reload, the password is asked for, and is wrong.
	ok(poll_until(sub { return over_tcp('alice', 'wrong') eq '28000'; }), 'A8: pg_hba.conf lets nobody in without TLS');
	take_refused('1');
	is($wrong_password->('prefer'), "28000||1\n28P01|TLSv1.3|1", 'A8: then the second attempt has a row of its own');
	unlink $hba;
	append_to_file($hba, $before);
	configure('ssl', 'off');
	ok(poll_until(sub { return over_tcp('alice', 'wrong') eq '28P01'; }), 'A8: and back');
	take_refused('1');
};

subtest 'A8: names of strangers' => sub {
	my $long = 'x' x 3000;
	my @names = ("tab\tname\n", "esc\e[31m", "\xc2\x9b2J", "\xe2\x80\xaereversed", "\xff\xfe", "zo\xc3\xab", $long, q{'; DROP TABLE session_audit.log; --}, '"$user"');
	is(over_socket($_), '28000', 'A8: refused') for @names;
	my @rows = split /\n/, take_refused('login_user, octet_length(login_user)');
	is_deeply([ sort @rows ], [ sort 'tab?name?|9', 'esc?[31m|8', '?2J|3', '?reversed|9', '??|2', "zo\xc3\xab|4", ('x' x 63) . '|63',
			q{'; DROP TABLE session_audit.log; --|35}, '"$user"|7' ], 'A8: as they were given, cut and sanitised');
	# So is what else they send: databases, and the program.
	is(over_socket('no_such_role', database => "a\e[0m", application_name => "b\nc\xe2\x80\xae"), '28000', 'A8: refused');
	# Versions before 16 put a question mark in the place of each byte that they do not take.
	my $program = int($node->pg_version) >= 16 ? q{b\x0ac\xe2\x80\xae} : q{b?c???};
	is(take_refused('database, application_name'), "a?[0m|$program", 'A8: the other texts, too');

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
	my $names = take_refused('DISTINCT login_user, database, client_addr');
	is($names, '||127.0.0.1', 'A8: packets that are none have no names, but an address');
	is(in_log('SELECT 1'), '1', 'and do no harm');
};

subtest 'A8: one log for all databases' => sub {
	over_socket('no_such_role', database => $_) for 'bare', 'missing', 'app', 'x' x 70, 'postgres', 'template0';
	try_psql($node, 'postgres', 'SELECT 1', replication => 'true', extra_params => [ '-U', 'no_such_role' ]);
	is(take_refused('database, kind, sqlstate'), join("\n", sort 'app|client|28000', 'bare|client|28000', 'missing|client|28000', 'postgres|client|28000', 'template0|client|28000', ('x' x 63) . '|client|28000', '|replication|28000'),
		'A8: whichever database, it is in the log, and so are replication connections');
	# Nobody can drop them with their database, nor rename it to get rid of them.
	admin($node, 'postgres', 'CREATE DATABASE brief OWNER alice');
	over_socket('no_such_role', database => 'brief');
	admin($node, 'postgres', 'DROP DATABASE brief');
	is(take_refused('database'), 'brief', 'A8: also if that is dropped before they are written');
	is(in_log(q{SELECT count(*) FROM pg_settings WHERE name = 'session_audit.refused_database'}), '0', 'S: there is no setting for it');
};

subtest 'A6, A8: what cannot be written' => sub {
	my $position = log_position($node);
	my $before = dropped();
	my $holder = open_session($node, 'root', database => 'postgres');
	$holder->query('BEGIN; LOCK TABLE session_audit.log IN ACCESS EXCLUSIVE MODE');
	over_socket('no_such_role') for 1 .. 2;
	let_a_minute_pass();
	ok($node->wait_for_log(qr/55P03\|ERROR:  canceling statement due to lock timeout/, $position), 'A6: the log is locked');
	over_socket('no_such_role');
	$holder->query('ROLLBACK');
	$holder->quit;
	# A failed writer tries again after a second or two.
	wait_until($node, 'postgres', 'SELECT failures FROM session_audit.status()', '0');
	my $rows = take_refused('sum(count)') || 0;
	my $in_lines = 0;
	$in_lines += $_ for counted_lines($node, $position) =~ /^no_such_role\|28000\|(\d+)$/mg;
	is($rows + $in_lines, 3, 'A8: each is in the log or a line of the server log');
	is(dropped(), $before, 'A8: nothing is lost');

	# One refusal that the log does not take does not keep the others from it.
	$position = log_position($node);
	in_log("CREATE UNIQUE INDEX ON $_ (login_user) WHERE login_user = 'odd'") for split /\n/, in_log(q{SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'session_audit.log'::regclass});
	in_log("INSERT INTO session_audit.log (at, event, login_user) VALUES (now() + interval '@{[$day + 1]} days', 'refused', 'odd')");
	over_socket($_) for 'odd', 'no_such_role';
	let_a_minute_pass();
	ok(wait_until($node, 'postgres', 'SELECT refusals_waiting FROM session_audit.status()', '0'), 'A6: neither waits for ever');
	my $odd = join ' ', counted_lines($node, $position) =~ /^(odd\|28000\|1)$/m;
	is($odd, 'odd|28000|1', 'A6: the one is a line');
	is(in_log(q{SELECT string_agg(login_user, ' ') FROM session_audit.log WHERE event = 'refused' AND count = 1}), 'no_such_role', 'A6: the other is in the log');
	forget();
};

subtest 'A8: shutdown' => sub {
	over_socket('no_such_role', application_name => 'last "words"') for 1 .. 2;
	is(waiting(), '1', 'A8: it waits to be written');
	$node->stop('fast');
	$node->start;
	is(in_log(q{SELECT login_user, database, sqlstate, application_name, count FROM session_audit.log WHERE event = 'refused'}),
		'no_such_role|app|28000|last "words"|2', 'A8: it is written before the shutdown is complete');
	forget();

	# Who comes while the server shuts down.
	my $open = open_session($node, 'alice');
	my $shutdown = start_smart_shutdown($node);
	is(over_socket('alice'), '57P03', 'A8: the server shuts down: refused') for 1 .. 2;
	$open->quit;
	ok(finish_shutdown($node, $shutdown), 'a smart shutdown completes');
	$node->start;
	is(in_log(q{SELECT login_user, database, sqlstate, count FROM session_audit.log WHERE event = 'refused'}), 'alice|app|57P03|2', 'A8: that is recorded, too');
	forget();
};

subtest 'A8: nobody writes' => sub {
	$node->append_conf('postgresql.conf', "max_worker_processes = 0\nsession_audit.timeout = '100ms'");
	$node->restart;
	my $position = log_position($node);
	is(over_socket('no_such_role'), '28000', 'A8: refused as ever') for 1 .. 3;
	is(over_socket('alice'), '', 'A8: and let in');
	is(waiting(), '1', 'A8: it waits');
	$node->stop('fast');
	is(counted_lines($node, $position), 'no_such_role|28000|3', 'A8: at a shutdown it is a line of the server log');
	$node->start;
	$position = log_position($node);
	is(over_socket('no_such_role'), '28000', 'A8: one more') for 1 .. 2;
	my $last = open_session($node, 'alice');
	$node->stop('fast');
	$last->messages;
	is(counted_lines($node, $position), 'no_such_role|28000|2', 'A8: also if it ends a session');
	$node->adjust_conf('postgresql.conf', 'max_worker_processes', '8');
	$node->adjust_conf('postgresql.conf', 'session_audit.timeout', undef);
	$node->start;
};

subtest 'A5, A8: a standby' => sub {
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	my $position = log_position($standby);
	is(refused_with(connect_as($standby, 'no_such_role')), '28000', 'A8: refused') for 1 .. 2;
	is(refused_with(connect_as($standby, 'no_such_role', database => 'bare')), '28000', 'A8: refused elsewhere');
	# There is no writer that would count them.
	ok( poll_until(sub { return counted_lines($standby, $position) eq join("\n", ('no_such_role|28000|1') x 3); }),
		'A5, A8: a line for each, at once')
	  || diag('the server log says: ' . counted_lines($standby, $position));
	$position = log_position($standby);
	is(refused_with(connect_as($standby, 'no_such_role')), '28000', 'A8: one more');
	$standby->stop;
	is(counted_lines($standby, $position), 'no_such_role|28000|1', 'A5, A8: at a shutdown it is not lost, either');
};

# A storm: wrong passwords from many clients, while others log on.
subtest 'A8: a storm' => sub {
	my ($clients, $attempts) = (20, 100);
	# On a slow machine it lasts for minutes, and some find too many connections, the others
	# among them.
	my ($minutes, $others);
	# What several processes do at the same time: the times that logons of others take.
	my $storm = sub {
		my @seconds;
		my $begin = time;
		$others = 0;
		run_clients(1, $clients,
			sub {
				for my $attempt (1 .. $attempts)
				{
					# Two names of each client's own, and one of all.
					my $role = $attempt % 3 ? "stranger_$$" . '_' . $attempt % 3 : 'alice';
					my $error = refused_with(connect_as($node, $role, tcp => '127.0.0.1'), 'wrong');
					die "not refused: $error" if $error ne '28P01' && $error ne '53300';
				}
				return;
			},
			sub {
				my $start = time;
				my @messages = connect_as($node, 'root')->quit;
				push @seconds, time - $start;
				$others += grep { $_->{type} eq 'E' } @messages;
			});
		$minutes = int((time - $begin) / 60);
		@seconds = sort { $a <=> $b } @seconds;
		return $seconds[ @seconds / 2 ];
	};
	$node->append_conf('postgresql.conf', 'max_connections = 60');
	$node->restart;
	configure('session_audit.enabled', 'off');
	my $without = $storm->();
	configure('session_audit.enabled', 'on');
	wait_for_rows();
	forget();
	my $before = dropped();
	my $with = $storm->();
	note "median of a logon in the storm: $without s without the audit, $with s with it";
	# One flush more, on a machine whose processors are all in use.
	cmp_ok($with, '<', 3 * $without + 0.05, 'A8: others are hardly slower');
	wait_for_rows();
	my ($rows, $count, $dropped) = split /\|/,
	  in_log(q{SELECT count(*), sum(l.count), (SELECT refusals_dropped FROM session_audit.status()) FROM session_audit.log l WHERE event = 'refused'});
	is($count + $dropped - $before, $clients * $attempts + $others, 'A8: the counts add up');
	cmp_ok($rows, '<=', 2 * (2 * $clients + 1) * (1 + $minutes), 'A8: the rows are bounded');
	note "$rows rows for $count refused logons, $dropped dropped";
	forget();
};

# One host cannot use all the room, and hides no attempt behind others.
subtest 'A8: too many names' => sub {
	wait_for_rows();
	forget();
	my $dropped = dropped();
	over_tcp("name$_", 'wrong') for 1 .. 100;
	over_tcp('name3', 'wrong');
	# Few of these are in the same bucket, whatever the secret of this server.
	is(join(' ', map { refused_with(connect_as($node, 'no_such_role', tcp => '127.0.0.1', from => "127.0.0.$_")) } 2 .. 21), join(' ', ('28000') x 20), 'A8: other addresses');
	is(waiting() <= 57 + 20, 1, 'A8: what waits is bounded');
	wait_for_rows();
	is(in_log(q{SELECT count(DISTINCT login_user), sum(count), max(count) FROM session_audit.log WHERE event = 'refused' AND client_addr = '127.0.0.1'}),
		'56|101|44', 'A8: there is room for 56 names of one host, and others are counted without theirs');
	is(in_log(q{SELECT sum(count), count(*) FILTER (WHERE login_user = 'no_such_role') > 10 FROM session_audit.log WHERE event = 'refused' AND client_addr <> '127.0.0.1'}),
		'20|t', 'A8: there is room for other hosts');
	is(dropped(), $dropped, 'A8: nothing is dropped');

	# Databases, real or not, are no way around that.
	forget();
	over_tcp("name$_", 'wrong', database => 'missing') for 1 .. 70;
	over_tcp('alice', 'wrong') for 1 .. 5;
	over_tcp('bob', 'wrong', database => 'bare');
	is(take_refused(q{sum(count) FILTER (WHERE database = 'missing'), sum(count) FILTER (WHERE database IS NULL AND sqlstate = '28P01' AND client_addr = '127.0.0.1')}),
		'56|20', 'A8: attempts cannot be hidden behind others');

	# Other errors, for which one need not know anything, hide no wrong password.
	for my $database ('app', 'missing')
	{
		my %errors;
		for (1 .. 30)
		{
			my $client = connect_as($node, "name$_", tcp => '127.0.0.1', database => $database);
			$client->next_message;
			$client->send_query('SELECT 1');
			$errors{ refused_with($client) }++;
		}
		is(join(' ', %errors), '08P01 30', 'A8: messages that are no password');
		for (1 .. 2)
		{
			is(over_tcp("name$_", undef, database => $database, replication => 'x'), '22023', 'A8: a bad parameter');
			is(refused_with(connect_raw($node, tcp => '127.0.0.1', database => $database)), '28000', 'A8: no role');
		}
	}
	my $client = connect_raw($node, tcp => '127.0.0.1', protocol => 99 << 16);
	is(refused_with($client), '0A000', 'A8: no protocol that is known');
	over_tcp('alice', 'wrong') for 1 .. 10;
	wait_for_rows();
	is(in_log(q{SELECT client_addr, sum(count) FROM session_audit.log WHERE event = 'refused' AND sqlstate = '28P01' GROUP BY 1}),
		'127.0.0.1|10', 'A8: a wrong password is seen as one, whatever else the client sends');
	forget();

	# More than there is room for at all, in some of the buckets.
	$dropped = dropped();
	over_tcp("name$_", 'wrong') for 1 .. 60;
	is(join(' ', map { refused_with(connect_as($node, 'no_such_role', tcp => '127.0.0.1', from => "127.0.1.$_")) } 1 .. 254), join(' ', ('28000') x 254), 'A8: many addresses');
	wait_for_rows();
	my ($count, $more) = split /\|/, in_log("SELECT sum(count), (SELECT refusals_dropped FROM session_audit.status()) - $dropped FROM session_audit.log WHERE event = 'refused'");
	is($count + $more, 314, 'A8: what has no place at all is counted');
	forget();
};

# A process that finds no place among the server's has none to wait in, and wakes nobody.
subtest 'A8: too many connections' => sub {
	$node->append_conf('postgresql.conf', "max_connections = 8\nsuperuser_reserved_connections = 0\nmax_wal_senders = 0");
	$node->restart;
	my @clients = map { open_session($node, 'alice') } 1 .. 8;
	is(over_socket('alice'), '53300', 'A8: too many connections to the server') for 1 .. 3;
	$_->quit for @clients;
	is(take_refused('login_user, sqlstate, count'), 'alice|53300|3', 'A8: that is recorded');
};

log_is_clean($node, 'F12: nothing is left behind');
done_testing();
