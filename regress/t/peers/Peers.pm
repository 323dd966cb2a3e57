# What the tests with peers share: PgBouncer, pgpool-II and Odyssey, each with connections to the
# database "app", HAProxy, and the clients of drivers under regress/peers. SESSTRIG_PEERS names the directory that
# has what these need; without it, a test that uses this module is skipped.
package Peers;

use strict;
use warnings FATAL => 'all';

use File::Basename 'dirname';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

use Exporter 'import';
our @EXPORT = qw($peers $clients $FAIL missing run_driver);

our $peers = $ENV{SESSTRIG_PEERS};
plan skip_all => 'SESSTRIG_PEERS names no directory with PgBouncer, pgpool-II and the drivers' unless $peers;
our $clients = dirname(__FILE__) . '/../../peers';

# Node.js looks for the driver here.
$ENV{NODE_PATH} = "$peers/node/node_modules";

# A trigger function that fails
our $FAIL = <<'SQL';
CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no entry for %', polar_login_user USING ERRCODE = 'P0042';
END
$$;
SQL

# Why there is no such peer, or nothing if there is one
sub missing
{
	my ($peer) = @_;
	return -e "$peers/$peer.missing" && slurp_file("$peers/$peer.missing") =~ s/\s+/ /gr;
}

# Runs a command that uses a driver, and returns what it wrote to standard output and to standard
# error.
sub run_driver
{
	my @command = @_;
	my ($out, $err) = ('', '');
	# Drivers use their own libraries.
	delete local $ENV{LD_LIBRARY_PATH};
	IPC::Run::run(\@command, '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return ($out, $err);
}

# The processes that a failed test leaves
my @running;

# Starts the program of a peer, and waits until the function returns true.
sub run_program
{
	my ($peer, $command, $ready) = @_;
	local $ENV{LD_LIBRARY_PATH} = join ':', glob "$peers/$peer/usr/lib/*-linux-gnu";
	my $output = '';
	my $process = IPC::Run::start($command, '<', \'', '>&', \$output);
	push @running, $process;
	poll_until($ready) or die "$peer did not start: $output";
	return $process;
}

END
{
	$_->kill_kill for grep { $_->pumpable } @running;
}

# A client of a pool
sub connect_to
{
	my ($pool, $user, $database, %params) = @_;
	return connect_raw($pool, tcp => '127.0.0.1', user => $user, database => $database, %params);
}

# A running PgBouncer
package PgBouncer;

use strict;
use warnings FATAL => 'all';

# Parameters: pool_size, by default 1, and PgBouncer's own settings.
sub start
{
	my ($class, $server, %settings) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $self = bless {
		port => PostgreSQL::Test::Cluster::get_free_port(),
		log => "$dir/log"
	}, $class;
	my $size = delete $settings{pool_size} // 1;
	%settings = (
		listen_addr => '127.0.0.1',
		listen_port => $self->{port},
		unix_socket_dir => '',
		auth_type => 'trust',
		auth_file => "$dir/users",
		admin_users => 'admin',
		logfile => $self->{log},
		# The pool waits this long after a rejection; the default is 15 s.
		server_login_retry => 1,
		%settings);
	PostgreSQL::Test::Utils::append_to_file("$dir/users", qq{"alice" ""\n"admin" ""\n});
	PostgreSQL::Test::Utils::append_to_file("$dir/ini",
		"[databases]\napp = host=127.0.0.1 port=" . $server->port . " pool_size=$size\n[pgbouncer]\n"
		  . join('', map { "$_ = $settings{$_}\n" } sort keys %settings));
	$self->{process} = Peers::run_program(
		'pgbouncer',
		[ "$Peers::peers/pgbouncer/usr/sbin/pgbouncer", '-q', "$dir/ini" ],
		sub { return -e $self->{log} && PostgreSQL::Test::Utils::slurp_file($self->{log}) =~ / process up: /; });
	return $self;
}

# What connect_raw() asks of a server.
sub port { return $_[0]{port}; }

sub client { return Peers::connect_to(@_); }

# Returns a client of its console.
sub console
{
	my ($self) = @_;
	my $console = $self->client('admin', 'pgbouncer');
	$console->ready;
	return $console;
}

# Stops it from its console, or, if there is none, by a signal.
sub stop
{
	my ($self, $console) = @_;
	$console ? $console->send_query('SHUTDOWN') : $self->{process}->signal('TERM');
	$self->{process}->finish;
	return;
}

# Waits until that many clients wait for the server.
sub wait_for_waiting
{
	my ($self, $admin, $count) = @_;
	return SessionTriggers::poll_until(
		sub {
			my @messages = $admin->query('SHOW POOLS');
			# database, user, cl_active, cl_waiting
			return grep { $_->{type} eq 'D' && $_->{values}[0] eq 'app' && $_->{values}[3] == $count } @messages;
		});
}

# A running pgpool-II that has one process, and so one connection to the server
package Pgpool;

use strict;
use warnings FATAL => 'all';

sub start
{
	my ($class, $server, %settings) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $self = bless {
		port => PostgreSQL::Test::Cluster::get_free_port(),
	}, $class;
	%settings = (
		listen_addresses => q{'127.0.0.1'},
		port => $self->{port},
		socket_dir => "'$dir'",
		pcp_listen_addresses => q{''},
		pcp_socket_dir => "'$dir'",
		pcp_port => PostgreSQL::Test::Cluster::get_free_port(),
		pid_file_name => "'$dir/pid'",
		logdir => "'$dir'",
		backend_clustering_mode => q{'raw'},
		backend_hostname0 => q{'127.0.0.1'},
		backend_port0 => $server->port,
		num_init_children => 1,
		max_pool => 1,
		%settings);
	PostgreSQL::Test::Utils::append_to_file("$dir/conf", join('', map { "$_ = $settings{$_}\n" } sort keys %settings));
	PostgreSQL::Test::Utils::append_to_file("$dir/$_", '') for qw(hba pcp);
	$self->{process} = Peers::run_program(
		'pgpool',
		[ "$Peers::peers/pgpool/usr/sbin/pgpool", '-n', '-f', "$dir/conf", '-a', "$dir/hba", '-F', "$dir/pcp" ],
		sub { return IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $self->{port}) ? 1 : 0; });
	return $self;
}

# What connect_raw() asks of a server.
sub port { return $_[0]{port}; }

sub client { return Peers::connect_to(@_); }

sub stop
{
	my ($self) = @_;
	$self->{process}->signal('INT');
	$self->{process}->finish;
	return;
}

# A running Odyssey that has one connection to the server
package Odyssey;

use strict;
use warnings FATAL => 'all';

# Starts it with what is to be added to the section of the user alice.
sub start
{
	my ($class, $server, $settings) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $self = bless { port => PostgreSQL::Test::Cluster::get_free_port() }, $class;
	PostgreSQL::Test::Utils::append_to_file("$dir/conf", <<CONF);
daemonize no
log_to_stdout yes
log_format "%l (%c) %m\\n"
workers 1
listen { host "127.0.0.1" port $self->{port} }
storage "server" { type "remote" host "[127.0.0.1]:${\ $server->port }" }
database "app" {
	user "alice" {
		authentication "none"
		storage "server"
		pool "session"
		pool_size 1
		$settings
	}
}
CONF
	$self->{process} = Peers::run_program(
		'odyssey',
		[ "$Peers::peers/odyssey/usr/bin/odyssey", "$dir/conf" ],
		sub { return IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $self->{port}) ? 1 : 0; });
	return $self;
}

# What connect_raw() asks of a server.
sub port { return $_[0]{port}; }

sub client { return Peers::connect_to(@_); }

sub stop
{
	my ($self) = @_;
	$self->{process}->signal('TERM');
	$self->{process}->finish;
	return;
}

# A running HAProxy
package HAProxy;

use strict;
use warnings FATAL => 'all';

# Starts it with these sections, each of which is a proxy to a server; the text %d in it becomes
# its port.
sub start
{
	my ($class, %sections) = @_;
	# The name of a socket cannot be long.
	my $dir = PostgreSQL::Test::Utils::tempdir_short();
	my $self = bless { stats => "$dir/stats" }, $class;
	my $config = "global\n  stats socket $dir/stats\ndefaults\n  mode tcp\n  timeout connect 10s\n  timeout client 5m\n  timeout server 5m\n";
	for my $name (sort keys %sections)
	{
		$self->{ports}{$name} = PostgreSQL::Test::Cluster::get_free_port();
		$config .= sprintf "listen $name\n$sections{$name}\n", $self->{ports}{$name};
	}
	PostgreSQL::Test::Utils::append_to_file("$dir/cfg", $config);
	$self->{process} = Peers::run_program(
		'haproxy',
		[ "$Peers::peers/haproxy/usr/sbin/haproxy", '-db', '-f', "$dir/cfg" ],
		sub { return IO::Socket::UNIX->new(Peer => "$dir/stats") ? 1 : 0; });
	return $self;
}

sub port_of { return $_[0]{ports}{ $_[1] }; }

# What it says of a section's server: UP, DOWN, or that it does not check.
sub status
{
	my ($self, $name) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $self->{stats}) or die "no answer of HAProxy: $!";
	$socket->print("show stat\n");
	my @lines = map { [ split /,/, $_, -1 ] } $socket->getlines;
	my ($column) = grep { $lines[0][$_] eq 'status' } 0 .. $#{ $lines[0] };
	my ($server) = grep { $_->[0] eq $name && $_->[1] eq 'server' } @lines;
	return $server->[$column];
}

sub stop
{
	my ($self) = @_;
	$self->{process}->signal('TERM');
	$self->{process}->finish;
	return;
}

1;
