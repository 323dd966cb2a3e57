# The lines of the session audit from one server to files on another by syslog-ng, with the
# configuration that docs/fleet.md prints (rule A13).
use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use Encode qw(encode_utf8);
use FindBin;
use lib "$FindBin::RealBin/..";
use IO::Socket::IP;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

# Unpacked, not installed: the package would take the place of rsyslog.
my $root = ($ENV{SESSTRIG_PEERS} // '') . '/syslogng';
my ($modules) = grep { -d } glob "$root/usr/lib/syslog-ng/[0-9]*";
plan skip_all => -e "$root.missing" ? slurp_file("$root.missing") : 'SESSTRIG_PEERS names no directory with syslog-ng' unless $modules;
my ($version) = $modules =~ m{([^/]+)$};
my $libraries = join ':', "$root/usr/lib/syslog-ng", glob "$root/{usr/,}lib/*-linux-gnu";

my $page = slurp_file("$FindBin::RealBin/../../../docs/fleet.md");
# Before PostgreSQL 16 that is a relative path, as is that of a cluster.
my $dir = abs_path(PostgreSQL::Test::Utils::tempdir);
mkdir "$dir/$_" for qw(records node center);

my $node = new_node('shipped', conf => <<'EOC');
session_audit.database = 'postgres'
session_audit.log_to_server = on
logging_collector = on
log_destination = 'jsonlog'
EOC
$node->start;
my $evil = "a'b\"c\\d\$e \${HOST} %s\n\t{}\xc3\xa9\xf0\x9f\x98\x80";
my $quoted = '"' . ($evil =~ s/"/""/gr) . '"';
create_app($node, "CREATE ROLE alice LOGIN; CREATE ROLE $quoted LOGIN");
wait_for_writer($node);

my $output = '';
my %running;

sub command
{
	my ($name, @more) = @_;
	return [ 'env', "LD_LIBRARY_PATH=$libraries", "$root/usr/sbin/syslog-ng", '--foreground', '--no-caps', '--module-path', $modules,
		'--cfgfile', "$dir/$name.conf", '--persist-file', "$dir/$name/persist", '--pidfile', "$dir/$name/pid", '--control', "$dir/$name/control", @more ];
}

# The block that the page prints of which this is the beginning, with addresses and paths of this test. Whatever is replaced
# must be in it.
sub configure
{
	my ($name, $start, %changes) = @_;
	my ($text) = $page =~ /^```\n(\Q$start\E.*?)^```/ms or die "docs/fleet.md does not print $start";
	for my $change (keys %changes)
	{
		$text =~ s/\Q$change\E/$changes{$change}/g or die "docs/fleet.md has no $change";
	}
	append_to_file("$dir/$name.conf", "\@version: $version\n$text");
	my $complaints = '';
	ok(IPC::Run::run(command($name, '--syntax-only'), '<', \undef, '>&', \$complaints), "syslog-ng accepts the configuration of the $name") or diag($complaints);
	return;
}

my $port = PostgreSQL::Test::Cluster::get_free_port();
configure('node', 'source session_audit_log', '/var/log/postgresql' => abs_path($node->data_dir) . '/log', 'center.example.org' => '127.0.0.1', 'port(2514)' => "port($port)", 'time-reopen(5)' => 'time-reopen(1)');
configure('center', 'source session_audit_net', '/var/log/session_audit' => "$dir/records", 'port(2514)' => "port($port)");

sub start
{
	my ($name) = @_;
	$running{$name} = IPC::Run::start(command($name), '<', \undef, '>&', \$output);
	return;
}

sub stop
{
	my ($name) = @_;
	$running{$name}->signal('TERM');
	$running{$name}->finish;
	delete $running{$name};
	return;
}

END
{
	my $status = $?;
	stop($_) for keys %running;
	$? = $status;
}

# The lines of the files on the center
sub lines { return map { split /\n/, slurp_file($_) } glob "$dir/records/*.json"; }

# The records of the server, as it has logged them
sub records
{
	return map { /^\{"at": "/ ? $_ : () } map { JSON::PP->new->utf8->decode($_)->{message} // '' } map { split /\n/, slurp_file($_) } glob $node->data_dir . '/log/*.json';
}

# Those of these lines that are about sessions: the test itself leaves others.
sub of_sessions
{
	my @sorted = sort grep { /"event": "log(?:on|off)"/ } @_;
	return @sorted;
}

# Waits until the files have all that the server has logged, and tests that they have nothing else,
# and nothing twice.
sub all_there
{
	my ($title) = @_;
	my @records = of_sessions(records());
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	poll_until(sub { return of_sessions(lines()) >= @records });
	return is(join("\n", of_sessions(lines())), join("\n", @records), $title);
}

sub one_session
{
	my ($role, %params) = @_;
	my $client = open_session($node, $role, %params);
	my $imitation = '{"at": "2026-01-01T00:00:00+00:00", "event": "logon"}';
	$client->query("DO \$\$ BEGIN RAISE LOG '%', '$imitation'; END \$\$");
	$client->quit;
	# Its line is there before its process ends.
	wait_for_exit($node, $client);
	return;
}

start($_) for qw(center node);
# The second message looks like a record to who does not look at where it begins.
one_session('alice', application_name => '{"at": "x"}');
one_session($evil, application_name => $evil, tcp => '127.0.0.1');
all_there('A13: the records of the server are on the center, and nothing else');
my ($name) = glob "$dir/records/*.json";
like($name, qr{/[^/]+\.\d{4}-\d\d-\d\d\.json$}, 'A13: in a file of the server and the day');
is((map { encode_utf8(JSON::PP->new->utf8->decode($_)->{login_user}) } grep { /"event": "logon"/ && /127\.0\.0\.1/ } lines())[0], $evil, 'A13: hostile names are whole');

# Who says to be another host chooses no other file.
my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port) or die "could not connect: $@";
print $socket map { "<134>2026-11-30T00:00:00+00:00 $_ session_audit: {\"at\": \"forged\", \"host\": \"$_\"}\n" } '../../forged', 'forged/a', 'fair';
close $socket or die "could not send: $!";
ok(poll_until(sub { return grep { /"fair"/ } lines() }), 'A13: a line of another server comes');
is(join(' ', grep { /forged/ } map { (split m{/})[-1] } glob "$dir/records/* $dir/*"), '', 'A13: but none of a server whose name is a path');
is(scalar(grep { /"host"/ } lines()), 1, 'A13: nowhere');

stop('center');
one_session('alice') for 1 .. 5;
start('center');
one_session('alice');
all_there('A13: what a center has missed comes later');
stop('node');
one_session('alice') for 1 .. 5;
start('node');
one_session('alice');
all_there('A13: what syslog-ng has missed on the server comes later');

stop($_) for keys %running;
$node->stop;
log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
