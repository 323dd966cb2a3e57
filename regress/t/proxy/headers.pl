# Clients behind a proxy (section P): the PROXY header, which the tests send themselves.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use IO::Socket::IP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Socket qw(inet_pton AF_INET AF_INET6);
use Test::More;

my $node = new_node('proxied', conf => <<'EOC');
session_audit.database = 'postgres'
session_triggers.proxy_networks = '127.0.0.2, 127.0.1.0/24, ::1'
log_connections = on
log_line_prefix = '%p|%e|%h|%r|'
autovacuum = off
EOC
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', <<'EOC');
local all all trust
host all ident_only 192.0.2.0/24 ident
host all all 192.0.2.66/32 reject
host all all 192.0.2.0/24 trust
host all all 2001:db8::/32 trust
host all all 127.0.0.0/16 trust
EOC
$node->start;
create_app($node, 'CREATE ROLE alice LOGIN; CREATE ROLE ident_only LOGIN');
admin($node, 'app', 'CREATE EXTENSION session_triggers; GRANT USAGE ON SCHEMA session_triggers TO PUBLIC');
wait_for_writer($node);

my $IP4 = "PROXY TCP4 192.0.2.7 198.51.100.1 5678 5432\r\n";
my $SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";

# A header of version 2: its command, family, addresses and TLVs.
sub block { return $SIGNATURE . pack('CCn/a', @_); }

sub addresses4 { return inet_pton(AF_INET, $_[0]) . inet_pton(AF_INET, '198.51.100.1') . pack('nn', $_[1], 5432); }

sub addresses6 { return inet_pton(AF_INET6, $_[0]) . inet_pton(AF_INET6, '2001:db8::1') . pack('nn', $_[1], 5432); }

# The reflected checksum, bit by bit.
sub crc32c
{
	my $crc = 0xffffffff;
	for my $byte (unpack 'C*', $_[0])
	{
		$crc ^= $byte;
		$crc = $crc & 1 ? $crc >> 1 ^ 0x82f63b78 : $crc >> 1 for 1 .. 8;
	}
	return $crc ^ 0xffffffff;
}

sub with_checksum
{
	my ($change) = @_;
	my $zeros = block(0x21, 0x11, addresses4('192.0.2.7', 5678) . pack('Cn/a', 3, "\0" x 4));
	substr($zeros, -4) = pack 'N', crc32c($zeros) ^ $change;
	return $zeros;
}

# Connects as alice through the proxy at 127.0.0.2, unless told otherwise.
sub through
{
	my ($header, %params) = @_;
	return connect_raw($node, user => 'alice', database => 'app', tcp => '127.0.0.1', from => '127.0.0.2', header => $header, %params);
}

# What the server takes for the client's address, or 'closed', or the error.
sub address_through
{
	my ($header, %params) = @_;
	my $client = through($header, %params);
	my @messages = $client->messages;
	return 'closed' unless @messages;
	return $messages[-1]{C} if $messages[-1]{type} eq 'E';
	my $address = $client->query(q{SELECT concat_ws(' ', host(inet_client_addr()), inet_client_port(), host(session_triggers.proxy_addr()))});
	$client->quit;
	return $address;
}

# The log's lines about headers since a position.
sub complaints
{
	my ($position) = @_;
	return map { /connection from a proxy has no valid PROXY header/ ? 'refused' : /DETAIL:  (.*)/ ? $1 : () }
	  grep { /PROXY header/ && !/HINT/ } split /\n/, slurp_file($node->logfile, $position);
}

# Sets the list in a file, since what sets it over the socket may need a header for that.
sub set
{
	my ($networks) = @_;
	my $position = log_position($node);
	$node->append_conf('postgresql.auto.conf', "session_triggers.proxy_networks = '$networks'");
	$node->reload;
	$node->wait_for_log(qr/parameter "session_triggers\.proxy_networks" changed/, $position);
	return;
}

# Waits for a line of the log that a connection has left.
sub log_says
{
	my ($position, $pattern, $title) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($node->wait_for_log($pattern, $position), $title);
}

subtest 'P1: who must send a header' => sub {
	is(address_through($IP4), '192.0.2.7 5678 127.0.0.2', 'P1, P4: an address that is listed');
	is(address_through($IP4, from => '127.0.1.9'), '192.0.2.7 5678 127.0.1.9', 'P1: a network that is listed');
	is(address_through($IP4, tcp => '::1', from => '::1'), '192.0.2.7 5678 ::1', 'P1: IPv6') if IO::Socket::IP->new(PeerHost => '::1', PeerPort => $node->port);
	my $position = log_position($node);
	is(address_through($IP4, from => '127.0.0.1'), 'closed', 'P1: from elsewhere it is no startup packet');
	log_says($position, qr/invalid length of startup packet/, 'P1: as it was before');
	like(address_through('', from => '127.0.0.1'), qr/^127\.0\.0\.1 \d+ *$/, 'P1: and needs no header');
	$position = log_position($node);
	is(address_through(''), 'closed', 'P1: without a header nobody comes in from where one must be sent');
	log_says($position, qr/has no valid PROXY header/, 'P1: which is logged');
	is_deeply([ complaints($position) ], [ 'refused', 'The connection does not begin with a PROXY header.' ], 'P1: once');
	like(slurp_file($node->logfile, $position), qr/HINT:  .*"session_triggers\.proxy_networks"/, 'P1: with what to do');

	set('unix');
	like(address_through(''), qr/^127\.0\.0\.2 \d+ *$/, 'P1: a reload takes it off the list');
	my $client = connect_raw($node, user => 'alice', database => 'app', header => $IP4);
	$client->ready;
	is($client->query(q{SELECT host(inet_client_addr()) || ' ' || coalesce(host(session_triggers.proxy_addr()), 'none')}), '192.0.2.7 none', 'P1: a proxy on the socket');
	$client->quit;
};

set('127.0.0.2, 127.0.1.0/24, ::1');

subtest 'P1: values' => sub {
	for my $case (
		[ '10.0.0.5, 10.0.0.0/8 ,2001:db8::1,2001:db8::/32, unix', '' ],
		[ '10.0.0.1/33', '"10.0.0.1/33" at position 1: ' ],
		[ 'unix, 10.0.0.1/8', '"10.0.0.1/8" at position 7: ' ],
		[ 'unix,,', '"" at position 6: ' ],
		[ 'localhost', '"localhost" at position 1: ' ],
		[ '10.1', '"10.1" at position 1: ' ],
		[ 'fe80::1%eth0', '"fe80::1%eth0" at position 1: ' ])
	{
		my ($value, $detail) = @$case;
		my (undef, undef, $stderr) = try_psql($node, 'postgres', "ALTER SYSTEM SET session_triggers.proxy_networks = '$value'");
		like($stderr, $detail ? qr/invalid value for parameter .*\n.*DETAIL:  Item \Q$detail\E/ : qr/^$/, "P1: $value");
	}
	admin($node, 'postgres', q{ALTER SYSTEM SET session_triggers.proxy_networks = '127.0.0.2, 127.0.1.0/24, ::1'});
	my (undef, undef, $stderr) = try_psql($node, 'postgres', q{SET session_triggers.proxy_networks = ''});
	like($stderr, qr/cannot be changed now/, 'P1: no session sets it');
};

subtest 'P2: before all else, and not a byte more' => sub {
	# SSLRequest and GSSENCRequest: this server has neither.
	for my $request (80877103, 80877104)
	{
		my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $node->port, LocalHost => '127.0.0.2');
		$socket->syswrite($IP4 . pack('NN', 8, $request));
		my $answer;
		$socket->sysread($answer, 1);
		is($answer, 'N', "P2: $request is answered");
	}
	# In pieces, each of which the server has to wait for.
	my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $node->port, LocalHost => '127.0.0.2');
	for my $byte (split //, block(0x21, 0x11, addresses4('192.0.2.8', 1)))
	{
		$socket->syswrite($byte);
		select(undef, undef, undef, 0.002);
	}
	my $body = pack('N', 3 << 16) . "user\0alice\0database\0app\0\0";
	$socket->syswrite(pack('N', length($body) + 4) . $body);
	my $client = bless { socket => $socket, buffer => '' }, 'SessionTriggers::Client';
	$client->ready;
	is($client->query('SELECT host(inet_client_addr())'), '192.0.2.8', 'P2: in pieces');

	# A cancel request, from another client of the proxy.
	my $position = log_position($node);
	$client->send_query('SELECT pg_sleep(600)');
	ok(wait_for_event($node, $client, 'PgSleep'), 'P2: it runs');
	my $cancel = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $node->port, LocalHost => '127.0.0.2');
	$cancel->syswrite($IP4 . pack('NNNa*', 12 + length $client->{key}, 80877102, $client->pid, $client->{key}));
	my ($error) = grep { $_->{type} eq 'E' } $client->messages;
	is($error->{C}, '57014', 'P2: a cancel request');
	$client->quit;

	for my $case (
		[ 'PROXY TCP4 192.0.2.7 198.51.100.1 5678 ' . '5' x 100, 'does not end within 107 bytes' ],
		[ "PROXY TCP4 192.0.2.7 198.51.100.1 5678 65536\r\n", 'invalid port' ],
		[ "PROXY TCP4 192.0.2.07 198.51.100.1 5678 5432\r\n", 'invalid address' ],
		[ "PROXY TCP4 192.0.2.7 198.51.100.1 5678 5432\n", 'newline' ],
		[ block(0x31, 0x11, addresses4('192.0.2.7', 1)), 'version' ],
		[ block(0x21, 0x11, ''), 'too short' ],
		[ $SIGNATURE . pack('CCn', 0x21, 0x11, 0xffff), 'longer than 4096' ],
		[ block(0x21, 0x11, addresses4('192.0.2.7', 1) . "\4\377\377"), 'ends within' ])
	{
		my ($header, $detail) = @$case;
		$position = log_position($node);
		is(address_through($header), 'closed', "P2: $detail");
		log_says($position, qr/DETAIL:  [^\n]*$detail/, "P2: $detail is logged");
	}

	# What ends in between, and what says nothing.
	$position = log_position($node);
	for my $part ('', substr($IP4, 0, 20))
	{
		my $half = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $node->port, LocalHost => '127.0.0.2');
		$half->syswrite($part) if length $part;
		$half->shutdown(1);
		is($half->sysread(my $rest, 1), 0, 'P2: half a header ends the connection');
	}
	log_says($position, qr/ended within the PROXY header/, 'P2: which is logged');
	is_deeply([ complaints($position) ], [ 'refused', 'The connection has ended within the PROXY header.' ], 'P2: nothing at all is not');
};

subtest 'P2: a slow header' => sub {
	admin($node, 'postgres', 'ALTER SYSTEM SET authentication_timeout = 1');
	$node->reload;
	poll_until(sub { admin($node, 'postgres', 'SHOW authentication_timeout') eq '1s' });
	my $slow = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $node->port, LocalHost => '127.0.0.2');
	$slow->syswrite('PROXY TCP4');
	is($slow->sysread(my $rest, 1), 0, 'P2: it may take as long as a startup packet');
	admin($node, 'postgres', 'ALTER SYSTEM RESET authentication_timeout');
	$node->reload;
};

subtest 'P3: what a header may say' => sub {
	for my $case (
		[ "PROXY UNKNOWN\r\n", qr/^127\.0\.0\.2 \d+ *$/ ],
		[ "PROXY UNKNOWN 192.0.2.7 198.51.100.1 1 2\r\n", qr/^127\.0\.0\.2 \d+ *$/ ],
		[ block(0x20, 0x00, ''), qr/^127\.0\.0\.2 \d+ *$/ ],
		[ block(0x20, 0x11, addresses4('192.0.2.7', 1)), qr/^127\.0\.0\.2 \d+ *$/ ],
		[ block(0x21, 0x11, addresses4('192.0.2.7', 65535)), qr/^192\.0\.2\.7 65535 127\.0\.0\.2$/ ],
		[ block(0x21, 0x21, addresses6('2001:db8::7', 7)), qr/^2001:db8::7 7 127\.0\.0\.2$/ ],
		[ "PROXY TCP6 2001:db8::7 2001:db8::1 7 5432\r\n", qr/^2001:db8::7 7 127\.0\.0\.2$/ ],
		[ block(0x21, 0x21, addresses6('::ffff:192.0.2.7', 7)), qr/^192\.0\.2\.7 7 127\.0\.0\.2$/ ],
		[ block(0x21, 0x11, addresses4('192.0.2.7', 1) . pack('Cn/a Cn/a', 4, 'x' x 300, 0x20, '')), qr/^192\.0\.2\.7 1 127\.0\.0\.2$/ ],
		[ with_checksum(0), qr/^192\.0\.2\.7 5678 127\.0\.0\.2$/ ],
		[ with_checksum(1), qr/^closed$/ ],
		[ block(0x21, 0x31, "/tmp/socket\0" x 18), qr/^closed$/ ],
		[ block(0x21, 0x12, addresses4('192.0.2.7', 1)), qr/^closed$/ ])
	{
		my ($header, $expected) = @$case;
		like(address_through($header), $expected, 'P3: ' . join '', map { /[ -~]/ ? $_ : sprintf '\\x%02x', ord } split //, substr $header, 0, 60);
	}
	my $position = log_position($node);
	is(address_through($IP4, user => 'ident_only'), '28000', 'P3: ident is refused');
	log_says($position, qr/FATAL:  ident authentication is not possible/, 'P3: and says why');
};

subtest 'P4: the address is the client\'s everywhere' => sub {
	my $position = log_position($node);
	is(address_through("PROXY TCP4 192.0.2.66 198.51.100.1 1 2\r\n"), '28000', 'P4: pg_hba.conf decides by it');
	is(address_through("PROXY TCP4 203.0.113.1 198.51.100.1 1 2\r\n"), '28000', 'P4: and has a line for it, or not');
	log_says($position, qr/no pg_hba\.conf entry for host "203\.0\.113\.1"/, 'P4: the message has it');
	my $session = through($IP4);
	$session->ready;
	is(admin($node, 'postgres', q{SELECT host(client_addr) || ':' || client_port FROM pg_stat_activity WHERE pid = } . $session->pid), '192.0.2.7:5678', 'P4: pg_stat_activity');
	my $pid = $session->pid;
	like(slurp_file($node->logfile, $position), qr/^$pid\|[^|]*\|192\.0\.2\.7\|192\.0\.2\.7\(5678\)\|LOG:  connection forwarded: host=192\.0\.2\.7 port=5678 proxy=127\.0\.0\.2$/m, 'P4: the log');
	my $title = slurp_file("/proc/$pid/cmdline");
	like($title, qr/192\.0\.2\.7\(5678\)/, 'P4: the title of the process');
	$session->quit;
	wait_for_audit($node, is_of($session), 'logon|192.0.2.7|5678|127.0.0.2 logoff|192.0.2.7|5678|127.0.0.2', 'P4, A9: the audit', 'event, host(client_addr), client_port, host(proxy_addr)');
	# More names than there is room for, of one address, and then that of another proxy's client.
	is(address_through("PROXY TCP4 203.0.113.2 198.51.100.1 1 2\r\n", user => "stranger_$_"), '28000', 'P4: a stranger') for 1 .. 60;
	is(address_through("PROXY TCP4 203.0.113.2 198.51.100.1 1 2\r\n", user => 'stranger_0', from => '127.0.1.9'), '28000', 'P4: a stranger of another proxy');
	my $rows = q{SELECT count(*) FROM session_audit.log WHERE event = 'refused' AND client_addr = '203.0.113.1' AND proxy_addr = '127.0.0.2'};
	ok(poll_until(sub { admin($node, 'postgres', $rows) eq '1' }), 'P4, A8: a refused logon');
	ok(wait_until($node, 'postgres', q{SELECT sum(count) FILTER (WHERE login_user IS NULL) > 0 AND count(DISTINCT login_user) < 60 FROM session_audit.log WHERE event = 'refused' AND client_addr = '203.0.113.2' AND proxy_addr = '127.0.0.2'}, 't'), 'A8: some of many');
	ok(wait_until($node, 'postgres', q{SELECT host(proxy_addr) FROM session_audit.log WHERE event = 'refused' AND login_user = 'stranger_0'}, '127.0.1.9'), 'P4, A8: what comes through one proxy leaves room for others');
	is(address_through("PROXY TCP4 192.0.2.66 198.51.100.1 1 2\r\n", from => "127.0.1.$_"), '28000', 'P4: the same claim of another proxy') for 8, 9;
	ok(wait_until($node, 'postgres', q{SELECT string_agg(DISTINCT host(proxy_addr), ' ') FROM session_audit.log WHERE event = 'refused' AND client_addr = '192.0.2.66'}, '127.0.0.2 127.0.1.8 127.0.1.9'), 'P4, A8: is a row of its own');
	is(admin($node, 'postgres', q{SELECT count(*) > 0 FROM session_audit.log WHERE event = 'changed' AND context->>'setting' = 'session_triggers.proxy_networks'}), 't', 'P1, A11: a change of the list is recorded');
};

subtest 'P4: a session that is lost' => sub {
	my $session = through($IP4);
	$session->ready;
	$node->stop('immediate');
	$node->start;
	my $lost = q{SELECT concat_ws(' ', ended_by, host(client_addr), client_port, host(proxy_addr)) FROM session_audit.log WHERE event = 'lost' AND } . is_of($session);
	ok(wait_until($node, 'postgres', $lost, 'crash 192.0.2.7 5678 127.0.0.2'), 'P4, A7: is that of the client');
};

subtest 'P4: functions of triggers' => sub {
	admin($node, 'app', q{
		CREATE TABLE logons (ip text);
		CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
			BEGIN INSERT INTO logons VALUES (polar_client_ip || ' ' || host(session_triggers.proxy_addr())); END $$;
		CREATE EVENT TRIGGER note ON after_user_logon EXECUTE FUNCTION note()});
	address_through($IP4);
	is(admin($node, 'app', 'SELECT ip FROM logons'), '192.0.2.7 127.0.0.2', 'P4: polar_client_ip and proxy_addr()');
	admin($node, 'app', 'DROP EVENT TRIGGER note');
};

subtest 'P4: problems' => sub {
	my $problems = q{SELECT problem, detail FROM session_triggers.problems WHERE trigger IS NULL ORDER BY 1, 2};
	my $wide = sub { "proxy_network_wide|Whoever connects from $_[0] may claim any address, and these are more than the addresses of one site." };
	my @trusted = map { "proxy_trusted|Line $_ of pg_hba.conf lets in whom a proxy claims to come from there, without a password." } 4 .. 6;
	is(admin($node, 'app', $problems), join("\n", @trusted), 'P4: lines without a password');
	set("10.0.0.0/15,\t10.0.0.0/16\t,::ffff:0:0/96, 2001:db8::/47,2001:db8::/48 ");
	is(admin($node, 'app', $problems), join("\n", map({ $wide->($_) } '10.0.0.0/15', '2001:db8::/47', '::ffff:0:0/96'), @trusted), 'P4: wide networks');
	set(' ');
	is(admin($node, 'app', $problems), '', 'P5: nothing where there is no proxy');
	like(address_through(''), qr/^127\.0\.0\.2 \d+ *$/, 'P5: and no header is expected');
};

log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
