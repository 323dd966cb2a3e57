# Rule A13: the records that a server logs, as ECS and OCSF, by the jq filters and the rsyslog templates
# that are installed as examples. Both have to say the same, with what these schemas require.
use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use FindBin;
use lib "$FindBin::RealBin/..";
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $rsyslogd = (grep { -x } '/usr/sbin/rsyslogd', '/sbin/rsyslogd')[0];
plan skip_all => 'jq is not installed' unless grep { -x "$_/jq" } split /:/, $ENV{PATH};
plan skip_all => 'rsyslogd is not installed' unless $rsyslogd;

my $files = "$FindBin::RealBin/../../../extensions/session_audit";
# Before PostgreSQL 16 that is a relative path, as is that of a cluster.
my $dir = abs_path(PostgreSQL::Test::Utils::tempdir);
my $encoder = JSON::PP->new->canonical->ascii;

### What the server logs

my $node = new_node('logged', allows_streaming => 1, conf => <<'EOC');
session_audit.database = 'postgres'
session_audit.log_to_server = on
logging_collector = on
log_destination = 'jsonlog'
log_filename = 'all.log'
EOC
$node->start;
my $log = "$dir/all.json";

my $evil = "a'b\"c\\d\$e %s\n\t\x01{}\xc3\xa9\xf0\x9f\x98\x80/";
my $read = "a'b\"c\\d\$e %s\n\t\x01{}\x{e9}\x{1f600}/";
my $quoted = '"' . ($evil =~ s/"/""/gr) . '"';
create_app($node, "CREATE ROLE alice LOGIN; CREATE ROLE root LOGIN SUPERUSER; CREATE ROLE $quoted LOGIN");
admin($node, 'postgres', "CREATE DATABASE $quoted");
wait_for_writer($node);

# What a server has logged, and the records in that, as they are there
sub logged { return slurp_file($_[0]->data_dir . '/log/all.json'); }
sub records { return grep { /^\{"at": "/ } map { JSON::PP->new->utf8->decode($_)->{message} // '' } split /\n/, $_[0]; }

my $tcp = connect_raw($node, user => $evil, database => $evil, application_name => $evil, tcp => '127.0.0.1');
$tcp->ready;
# What a session writes itself is none.
my $imitation = '{"at": "2026-01-01T00:00:00+00:00", "event": "logon", "login_user": "mallory"}';
$tcp->query("DO \$\$ BEGIN RAISE LOG '%', '$imitation'; END \$\$");
$tcp->quit;
my $socket = open_session($node, 'alice');
admin($node, 'postgres', 'SELECT pg_terminate_backend(' . $socket->pid . ')');
wait_for_exit($node, $socket);

# Those who are refused by a standby leave lines there.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
unlink $standby->data_dir . '/log/all.json';
$standby->start;
connect_raw($standby, user => 'al"ice', database => 'app', tcp => '127.0.0.1')->messages for 1 .. 3;
connect_as($standby, 'alice', database => 'nowhere')->messages;
$standby->stop;
like(logged($standby), qr/\\"event\\": \\"refused\\", .*\\"sqlstate\\": \\"28000\\"/, 'A8: a server logs who was refused');
$node->stop;

# What has features that this server does not use
my @more = (
	'{"at": "2026-11-24T13:32:49+00:00", "event": "logoff", "session_id": "6b059201.4761", "login_user": "al\"ice", "login_user_id": 16384, "database": "app", "database_id": 5, "kind": "replication", "auth_method": "cert", "system_identity": "CN=\"x\\\\\u0007,\u00e9", "client_addr": "2001:db8::1", "client_port": 5432, "proxy_addr": "192.0.2.7", "encryption": "TLSv1.3", "logon_at": "2026-11-23T13:32:49.9+00:00", "ended_by": "client_lost", "sqlstate": "08006", "cpu": 0.000010, "wal_bytes": 4503599627370496, "context": {"app.user": "o\'x", "tenant": "7"}, "number": 4711, "timeline": 2}',
	'{"at": "2026-11-24T13:32:49.5+00:00", "event": "lost", "session_id": "6b059201.4760", "login_user": "carol", "login_user_id": 16385, "kind": "client", "auth_method": "trust", "logon_at": "2026-11-24T13:32:48.123456+00:00", "ended_by": "crash"}',
	'{"at": "2026-11-24T13:32:49.080+00:00", "event": "logon", "session_id": "6b059201.4762", "login_user": "bob", "login_user_id": 4294967295, "auth_method": "gss", "system_identity": "bob@EXAMPLE.ORG", "client_addr": "192.0.2.1", "encryption": "GSS", "logon_at": "2026-11-24T13:32:49.080+00:00", "sqlstate": "P0001"}',
	'{"at": "2026-11-24T13:32:50.999999+00:00", "event": "refused", "client_addr": "192.0.2.1", "sqlstate": "28P01", "auth_method": "radius", "count": 5000, "context": {"last_at": "2026-11-24T13:33:40.000001+00:00"}}',
	'{"at": "2026-11-24T13:32:51+00:00", "event": "refused", "session_id": "6b059201.4763", "sqlstate": "57014", "auth_method": "oauth"}',
	'{"at": "2026-11-24T13:32:51+00:00", "event": "digest", "number": 5, "timeline": 1, "digest": "00ff"}',
	'{"at": "2026-11-24T13:32:51.5+00:00", "event": "changed", "session_id": "6b059201.4763", "login_user": "root", "login_user_id": 10, "context": {"setting": "session_audit.enabled"}}');
append_to_file($log, join '', logged($node), logged($standby), map { $encoder->encode({ message => $_ }) . "\n" } @more, "x $more[0]");

### The two ways to map it

sub jq
{
	my ($format, $input) = @_;
	my ($output, $errors) = ('', '');
	IPC::Run::run([ 'jq', '-c', '--arg', 'server', 'node1', '-f', "$files/session_audit_$format.jq", $input ], '<', \undef, '>', \$output, '2>', \$errors);
	is($errors, '', "jq has no complaint about session_audit_$format.jq");
	return map { JSON::PP->new->utf8->decode($_) } split /\n/, $output;
}

my @records = map { JSON::PP->new->decode($_) } records(slurp_file($log));
is(scalar(grep { ($_->{login_user} // '') eq 'mallory' } @records), 0, 'A13: what a session writes is no record');
my %mapped = map { $_ => [ jq($_, $log) ] } qw(ecs ocsf);
append_to_file("$dir/records.json", join '', map { "$_\n" } records(slurp_file($log)));
is($encoder->encode([ jq($_, "$dir/records.json") ]), $encoder->encode($mapped{$_}), "A13: jq: $_ of records alone is the same as of the log") for qw(ecs ocsf);

mkdir "$dir/work";
append_to_file("$dir/rsyslog.conf", <<"EOC");
global(workDirectory="$dir/work" maxMessageSize="64k")
module(load="imfile")
include(file="$files/session_audit_formats.conf")
input(type="imfile" file="$log" tag="log" ruleset="all")
ruleset(name="all") {
    if parse_json(\$msg, "\\\$!log") != 0 then stop
    if not (\$!log!message startswith '{"at": "') then stop
    if parse_json(\$!log!message, "\\\$!record") != 0 then stop
    set \$!server = "node1";
    call session_audit_ecs
    action(type="omfile" file="$dir/ecs" template="session_audit_ecs")
    call session_audit_ocsf
    action(type="omfile" file="$dir/ocsf" template="session_audit_ocsf")
}
EOC
my $complaints = '';
ok(IPC::Run::run([ $rsyslogd, '-N1', '-f', "$dir/rsyslog.conf" ], '<', \undef, '>&', \$complaints), 'rsyslogd accepts the templates')
  or diag($complaints);
my $daemon = IPC::Run::start([ $rsyslogd, '-n', '-f', "$dir/rsyslog.conf", '-i', "$dir/pid" ], '<', \undef, '>&', \$complaints);
ok(poll_until(sub { return !grep { !-e "$dir/$_" || (() = slurp_file("$dir/$_") =~ /\n/g) < @records } qw(ecs ocsf) }), 'rsyslogd has written all');
$daemon->signal('TERM');
$daemon->finish;
for my $format (qw(ecs ocsf))
{
	my @lines = map { JSON::PP->new->utf8->decode($_) } split /\n/, slurp_file("$dir/$format");
	is(scalar @lines, scalar @records, "A13: rsyslog: $format has an event for each record, and no more");
	is($encoder->encode($lines[$_]), $encoder->encode($mapped{$format}[$_]), "A13: rsyslog and jq map a record to the same $format: $records[$_]{event}") for 0 .. $#records;
}

### What the schemas require

my $string = qr/^".+"$/s;
my $integer = qr/^\d+$/;
my $boolean = qr/^(?:true|false)$/;
my $time = qr/^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00"$/;
my $strings = qr/^\["(?:[^"\\]|\\.)+"(?:,"(?:[^"\\]|\\.)+")*\]$/;
my $ip = qr/^"(?:\d+(?:\.\d+){3}|[0-9a-f:]*:[0-9a-f:.]*)"$/;

# The fields of an event with their values in JSON, those of objects by path; what is below
# one of these is left out.
sub fields
{
	my ($event, $but, $prefix) = @_;
	my %found;
	for my $name (keys %$event)
	{
		my $path = ($prefix // '') . $name;
		next if $path eq $but;
		if (ref $event->{$name} eq 'HASH')
		{
			%found = (%found, fields($event->{$name}, $but, "$path."));
		}
		else
		{
			$found{$path} = JSON::PP->new->allow_nonref->encode($event->{$name});
		}
	}
	return %found;
}

# Tests that an event has the required ones of these fields, and others only of their type.
sub conforms
{
	my ($title, $event, $but, $required, $types) = @_;
	my %fields = fields($event, $but);
	my @wrong = grep { !defined $fields{$_} } @$required;
	push @wrong, grep { !$types->{$_} || $fields{$_} !~ $types->{$_} } keys %fields;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(join(', ', map { "$_ = " . ($fields{$_} // 'missing') } sort @wrong), '', $title);
}

my %ecs = (
	'@timestamp' => $time, 'ecs.version' => qr/^"\d+\.\d+\.\d+"$/, 'event.kind' => qr/^"event"$/,
	'event.category' => $strings, 'event.type' => $strings, 'event.outcome' => qr/^"(?:success|failure|unknown)"$/,
	'event.module' => $string, 'event.dataset' => $string, 'event.action' => $string, 'event.code' => $string,
	'event.reason' => $string, 'event.sequence' => $integer, 'event.start' => $time, 'event.end' => $time,
	'event.duration' => $integer, 'host.name' => $string, 'service.type' => $string, 'user.name' => $string,
	'user.id' => $string, 'source.ip' => $ip, 'source.port' => $integer, 'source.user.name' => $string,
	'tls.version' => qr/^"1\.\d"$/, 'tls.version_protocol' => qr/^"tls"$/, 'tls.established' => $boolean,
	'related.user' => $strings, 'related.ip' => $strings);
# The types of events that each category has
my %types_of = (authentication => 'start end info', session => 'start end info', configuration => 'access change creation deletion info');

my %ocsf = (
	class_uid => qr/^(?:0|3002)$/, category_uid => qr/^[03]$/, activity_id => qr/^(?:1|2|99)$/, activity_name => $string,
	type_uid => $integer, time => qr/^\d{13}$/, start_time => qr/^\d{13}$/, end_time => qr/^\d{13}$/, count => $integer,
	severity_id => qr/^[1-6]$/, status_id => qr/^[0-2]$/, status => qr/^"(?:Unknown|Success|Failure)"$/, status_code => $string,
	status_detail => $string, auth_protocol => $string, auth_protocol_id => qr/^(?:\d|10|99)$/, is_remote => $boolean,
	'metadata.version' => qr/^"1\.1\.0"$/, 'metadata.product.name' => $string, 'metadata.product.vendor_name' => $string,
	'metadata.product.feature.name' => $string, 'metadata.log_name' => $string, 'metadata.event_code' => $string,
	'metadata.original_time' => $string, 'metadata.sequence' => $integer, 'user.name' => $string, 'user.uid' => $string,
	'user.type_id' => $integer, 'service.name' => $string, 'dst_endpoint.hostname' => $string, 'src_endpoint.ip' => $ip,
	'src_endpoint.port' => $integer, 'session.uid' => $string, 'session.created_time' => qr/^\d{13}$/);
my @base = qw(class_uid category_uid activity_id type_uid time severity_id metadata.version metadata.product.name metadata.product.vendor_name);

# What each kind of record becomes
my %expected = (
	logon => [ '["authentication","session"] ["start"] success', '3002 1 1' ],
	logoff => [ '["authentication","session"] ["end"] success', '3002 2 1' ],
	lost => [ '["authentication","session"] ["end"] unknown', '3002 2 0' ],
	refused => [ '["authentication"] ["start"] failure', '3002 1 2' ],
	changed => [ '["configuration"] ["change"] success', '0 99 ' ],
	digest => [ ' ["info"] ', '0 99 ' ]);
my %seen;
for my $number (0 .. $#records)
{
	my $record = $records[$number];
	my ($ecs, $ocsf) = map { $mapped{$_}[$number] } qw(ecs ocsf);
	my $event = $record->{event};
	next if $seen{ join ' ', $event, sort keys %$record }++;
	$seen{$event} = 1;
	conforms("A13: ECS of $event", $ecs, 'session_audit', [ '@timestamp', 'ecs.version', 'event.kind', 'event.type', defined $record->{login_user} ? 'user.name' : () ], \%ecs);
	is(join(' ', map { !defined $_ ? '' : ref ? JSON::PP->new->encode($_) : $_ } @{ $ecs->{event} }{qw(category type outcome)}), $expected{$event}[0], "A13: ECS: how $event is classified");
	for my $category (@{ $ecs->{event}{category} // [] })
	{
		is(join(' ', grep { my $type = $_; !grep { $_ eq $type } split / /, $types_of{$category} } @{ $ecs->{event}{type} }), '', "A13: ECS: a type of $category");
	}
	conforms("A13: OCSF of $event", $ocsf, 'unmapped', [ @base, $ocsf->{class_uid} ? qw(user.name service.name is_remote status_id) : () ], \%ocsf);
	is(join(' ', map { $_ // '' } @{$ocsf}{qw(class_uid activity_id status_id)}), $expected{$event}[1], "A13: OCSF: how $event is classified");
	is($ocsf->{type_uid}, $ocsf->{class_uid} * 100 + $ocsf->{activity_id}, 'A13: OCSF: the type follows');
	is($ocsf->{metadata}{original_time}, $record->{at}, 'A13: OCSF: the time as it was');
	is($ocsf->{is_remote} ? 1 : 0, defined $record->{client_addr} ? 1 : 0, 'A13: OCSF: remote or not') if $ocsf->{class_uid};
	# The end of a session tells OCSF when it began in milliseconds.
	for my $mapped ($ecs, { %$ocsf, logon_at => $record->{logon_at} })
	{
		my $text = $encoder->encode($mapped);
		my @missing = grep { index($text, JSON::PP->new->canonical->ascii->allow_nonref->encode($record->{$_}) =~ s/^"|"$//gr) < 0 } keys %$record;
		is("@missing", '', "A13: nothing of a $event gets lost");
	}
}
is(join(' ', grep { !$seen{$_} } sort keys %expected), '', 'there was each kind of record');

# Single values
my ($of_evil) = grep { ($records[$_]{database} // '') eq $read && $records[$_]{event} eq 'logoff' } 0 .. $#records;
is($mapped{ecs}[$of_evil]{user}{name}, $read, 'A13: ECS: a hostile name is whole');
is($mapped{ecs}[$of_evil]{related}{user}[0], $read, 'A13: ECS: also in a list');
is($mapped{ocsf}[$of_evil]{user}{name}, $read, 'A13: OCSF: a hostile name is whole');
is($mapped{ocsf}[$of_evil]{unmapped}{database}, $read, 'A13: OCSF: that of the database, too');
my %by_user = map { ($records[$_]{login_user} // $records[$_]{sqlstate} // '') . " $records[$_]{event}" => $_ } 0 .. $#records;
my ($ecs, $ocsf) = map { $mapped{$_}[ $by_user{'al"ice logoff'} ] } qw(ecs ocsf);
is($ecs->{event}{duration}, 86399_100_000_000, 'A13: ECS: the duration is in nanoseconds');
is($ecs->{event}{reason}, 'client_lost', 'A13: ECS: how a session ended');
is_deeply($ecs->{related}, { user => [ 'al"ice', "CN=\"x\\\x07,\x{e9}" ], ip => [ '2001:db8::1', '192.0.2.7' ] }, 'A13: ECS: whom and what it is about');
is("$ecs->{tls}{version} $ecs->{event}{sequence}", '1.3 4711', 'A13: ECS: TLS, and the number');
is_deeply($ecs->{session_audit}{context}, { 'app.user' => "o'x", tenant => '7' }, 'A13: ECS: the context');
is_deeply($ocsf->{unmapped}{context}, { 'app.user' => "o'x", tenant => '7' }, 'A13: OCSF: the context');
is("$ocsf->{time} $ocsf->{session}{created_time}", '1795527169000 1795440769900', 'A13: OCSF: times are in milliseconds');
is("$ocsf->{auth_protocol_id} $ocsf->{auth_protocol} $ocsf->{status_detail} $ocsf->{status_code}", '99 cert client_lost 08006', 'A13: OCSF: how a session ended');
$ocsf = $mapped{ocsf}[ $by_user{'bob logon'} ];
is("$ocsf->{auth_protocol_id} $ocsf->{auth_protocol} $ocsf->{time} $ocsf->{user}{uid}", '2 Kerberos 1795527169080 4294967295', 'A13: OCSF: Kerberos');
$ocsf = $mapped{ocsf}[ $by_user{'28P01 refused'} ];
is("$ocsf->{auth_protocol_id} $ocsf->{count} $ocsf->{time} $ocsf->{start_time} $ocsf->{end_time} $ocsf->{user}{name} $ocsf->{user}{type_id}",
	'10 5000 1795527170999 1795527170999 1795527220000 unknown 0', 'A8, A13: OCSF: refusals of nobody known');
is($mapped{ecs}[ $by_user{'28P01 refused'} ]{event}{end}, '2026-11-24T13:33:40.000001+00:00', 'A8, A13: ECS: the time of the last one');

log_is_clean($_, 'the log has no failed assertion and no leak') for $node, $standby;
done_testing();
