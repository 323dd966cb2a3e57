# A cluster of nodes, each run by a Patroni of its own, with one etcd, all on this machine. The
# configuration is that of docs/ha, with this machine's addresses and directories in place of the
# printed ones.
package PatroniCluster;

use strict;
use warnings FATAL => 'all';

use Carp;
use Cwd qw(abs_path);
use File::Path qw(remove_tree);
use File::Temp;
use FindBin;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers qw(poll_until);

my $docs = "$FindBin::RealBin/../../../docs/ha";

# What has to end with the test, in this process and not in those that it forks
my ($owner, @clusters) = ($$);

# Creates the cluster; nothing runs yet. Parameters: hba, lines that come first in pg_hba.conf;
# change, a function that gets the text of the configuration and returns another.
sub new
{
	my ($class, $count, %params) = @_;
	# Before PostgreSQL 16 that is a relative path.
	my $dir = abs_path(PostgreSQL::Test::Utils::tempdir());
	my $self = bless { %params, dir => $dir, etcd_port => _free_port() }, $class;
	push @clusters, $self;
	for my $number (1 .. $count)
	{
		my $node = PatroniNode->new(
			cluster => $self,
			number => $number,
			dir => "$dir/node$number",
			sockets => PostgreSQL::Test::Utils::tempdir_short(),
			port => _free_port(),
			rest_port => _free_port());
		push @{ $self->{nodes} }, $node;
	}
	return $self;
}

sub _free_port { return PostgreSQL::Test::Cluster::get_free_port(); }

sub nodes { return @{ $_[0]{nodes} }; }

sub node { return $_[0]{nodes}[ $_[1] - 1 ]; }

# Starts etcd and all nodes, and waits until the cluster is complete.
sub start
{
	my ($self) = @_;
	my $url = "http://127.0.0.1:$self->{etcd_port}";
	my $peer = 'http://127.0.0.1:' . _free_port();
	# etcd waits for the disk at each write, and on a busy one for longer than Patroni waits for etcd.
	$self->{memory} = File::Temp::tempdir(DIR => '/dev/shm') if -w '/dev/shm';
	$self->{etcd} = _spawn(
		"$self->{dir}/etcd.log",
		'etcd', '--name', 'etcd1', '--data-dir', ($self->{memory} // $self->{dir}) . '/etcd',
		'--listen-client-urls' => $url, '--advertise-client-urls' => $url,
		'--listen-peer-urls' => $peer, '--initial-advertise-peer-urls' => $peer,
		'--initial-cluster' => "etcd1=$peer");
	poll_until(sub { HTTP::Tiny->new->get("$url/health")->{success} }) or die "etcd did not start, see $self->{dir}/etcd.log";
	# The one that comes first makes the cluster.
	$self->node(1)->start;
	$self->wait_for_members(1);
	$_->start for grep { $_ != $self->node(1) } $self->nodes;
	$self->wait_for_members(scalar $self->nodes);
	return;
}

# Starts a program that writes to a file, and returns its process.
sub _spawn
{
	my ($log, @command) = @_;
	my $pid = fork // die "could not fork: $!";
	return $pid if $pid;
	open STDIN, '<', '/dev/null' or POSIX::_exit(1);
	open STDOUT, '>>', $log or POSIX::_exit(1);
	open STDERR, '>&', \*STDOUT or POSIX::_exit(1);
	# A signal to the test is not for it: the test ends it.
	POSIX::setsid();
	{ no warnings 'exec'; exec @command; }
	print STDERR "could not run $command[0]: $!\n";
	POSIX::_exit(1);
}

# The members as Patroni sees them: hashes with name, role, state and so on.
sub members
{
	my ($self) = @_;
	for my $node ($self->nodes)
	{
		my $answer = $node->ask('GET', 'cluster') // next;
		return @{ $answer->{members} };
	}
	return;
}

# The node that is the leader for Patroni, if there is one
sub leader
{
	my ($self) = @_;
	my ($leader) = grep { $_->{role} eq 'leader' && $_->{state} eq 'running' } $self->members;
	return $leader && (grep { $_->name eq $leader->{name} } $self->nodes)[0];
}

# The node that the leader waits for when it commits, if there is one
sub sync_standby
{
	my ($self) = @_;
	my ($member) = grep { $_->{role} eq 'sync_standby' } $self->members;
	return $member && (grep { $_->name eq $member->{name} } $self->nodes)[0];
}

# Waits until so many nodes run, all on one timeline, with a leader, and, if there is more than
# one and the mode is synchronous, a standby that the leader waits for.
sub wait_for_members
{
	my ($self, $count) = @_;
	my @members;
	poll_until(
		sub {
			@members = $self->members;
			my %roles;
			$roles{ $_->{role} }++ for @members;
			my %timelines = map { ($_->{timeline} // 0) => 1 } @members;
			return
				 @members == $count
			  && !(grep { $_->{state} !~ /^(?:running|streaming)$/ || ($_->{role} ne 'leader' && $_->{lag} ne '0') } @members)
			  && ($roles{leader} // 0) == 1
			  && keys %timelines == 1
			  && ($count == 1 || $roles{sync_standby} || $self->{asynchronous});
		}) or croak "the cluster is not complete: " . JSON::PP->new->canonical->encode(\@members) . "; see $self->{dir}";
	return;
}

END
{
	# The exit status is the test's.
	local ($?, $!);
	local @SIG{qw(INT TERM)} = ('IGNORE') x 2;
	if ($$ == $owner)
	{
		for my $cluster (@clusters)
		{
			eval { $_->stop_at_once } for $cluster->nodes;
			if ($cluster->{etcd})
			{
				kill 'KILL', $cluster->{etcd};
				waitpid $cluster->{etcd}, 0;
			}
			# Also if the test has failed, after which other temporary files are kept
			remove_tree($cluster->{memory}) if $cluster->{memory};
			# Who has to find out why keeps them.
			$cluster->keep_logs;
		}
	}
}

# Copies what everybody logged to where the test's own log is.
sub keep_logs
{
	my ($self) = @_;
	my $to = $ENV{TESTLOGDIR} // return;
	my $test = $FindBin::Script =~ s/\.pl$//r;
	system 'sh', '-c', 'mkdir -p "$2" && cp "$1"/etcd.log "$2"/ && for n in "$1"/node*; do for f in patroni.log patroni.yml postgresql.log; do [ ! -e "$n/$f" ] || cp "$n/$f" "$2/${n##*/}-$f"; done; done',
	  'sh', $self->{dir}, "$to/${test}_cluster";
	return;
}

# One node; connect_raw() takes it for a server.
package PatroniNode;

use strict;
use warnings FATAL => 'all';

use Carp;
use JSON::PP;
use PostgreSQL::Test::Utils;
use SessionTriggers qw(poll_until);
use Time::Local qw(timegm);

sub new
{
	my ($class, %self) = @_;
	mkdir $self{dir} or die "could not create $self{dir}: $!";
	my $self = bless \%self, $class;
	$self->_configure;
	return $self;
}

sub name { return "node$_[0]{number}"; }
sub number { return $_[0]{number}; }
sub port { return $_[0]{port}; }
sub host { return '127.0.0.1'; }
sub data_dir { return "$_[0]{dir}/data"; }
sub logfile { return "$_[0]{dir}/postgresql.log"; }
sub patroni_log { return "$_[0]{dir}/patroni.log"; }
sub config { return "$_[0]{dir}/patroni.yml"; }

# Writes the configuration. Whatever is replaced must be in the printed one.
sub _configure
{
	my ($self) = @_;
	my $cluster = $self->{cluster};
	my $bin = (run_command([ 'pg_config', '--bindir' ]))[0];
	my $text = slurp_file("$docs/patroni.yml");
	my @changes = (
		[ 'name: node1' => 'name: ' . $self->name ],
		[ '10.0.0.1:8008' => "127.0.0.1:$self->{rest_port}" ],
		[ '10.0.0.1:5432' => "127.0.0.1:$self->{port}" ],
		[ '10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379' => "127.0.0.1:$cluster->{etcd_port}" ],
		[ 'session_triggers.instance_num: 1' => "session_triggers.instance_num: $self->{number}" ],
		[ '/etc/patroni/setup.sql' => "$docs/setup.sql" ],
		[ '/var/lib/postgresql/data' => $self->data_dir ],
		[ '/var/lib/postgresql/.pgpass.patroni' => "$self->{dir}/pgpass" ],
		[ '/usr/local/pgsql/bin' => $bin ],
		[ '/var/run/postgresql' => $self->{sockets} ],
		[ '/var/log/postgresql' => $self->{dir} ],
		[ '  pg_hba:' => join "\n    - ", '  pg_hba:', @{ $cluster->{hba} // [] } ]);
	for my $change (@changes)
	{
		my ($printed, $here) = @$change;
		$text =~ s/\Q$printed\E/$here/g or croak qq{docs/ha/patroni.yml has no "$printed"};
	}
	$text = $cluster->{change}->($text) if $cluster->{change};
	append_to_file($self->config, $text);
	chmod 0600, $self->config;
	return;
}

# Starts Patroni, which starts the server when it sees fit.
sub start
{
	my ($self) = @_;
	local $ENV{TZ} = 'UTC';
	delete local @ENV{qw(PGAPPNAME PGHOST PGPORT)};
	$self->{patroni} = PatroniCluster::_spawn($self->patroni_log, 'patroni', $self->config);
	return;
}

# The answer of Patroni's REST interface, or undef
sub ask
{
	my ($self, $method, $path) = @_;
	my $answer = HTTP::Tiny->new(timeout => 5)->request($method, "http://127.0.0.1:$self->{rest_port}/$path");
	return eval { decode_json($answer->{content}) };
}

# What psql prints, in a session of Patroni's role, which fires nothing
sub admin
{
	my ($self, $database, $sql) = @_;
	my ($output, $error) = $self->try_admin($database, $sql);
	croak "psql failed on @{[$self->name]}: $error" if $error =~ /^(?:psql: )?(?:ERROR|error|FATAL)/m;
	return $output;
}

# Returns that and the errors. The SQL is an argument, as in SessionTriggers::try_psql().
sub try_admin
{
	my ($self, $database, $sql) = @_;
	local $ENV{PGPASSWORD} = 'choose-one';
	my ($output, $error) = ('', '');
	IPC::Run::run(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', "host=127.0.0.1 port=$self->{port} user=patroni dbname=$database", '-c', $sql ],
		'<', \undef, '>', \$output, '2>', \$error);
	chomp $output;
	return ($output, $error);
}

# Waits until a query gives this result; meanwhile the server may be down.
sub wait_until
{
	my ($self, $database, $sql, $expected) = @_;
	my ($output, $error);
	my $met = poll_until(sub { ($output, $error) = $self->try_admin($database, $sql); return $output eq $expected && $error eq ''; });
	croak qq{timed out waiting for "$sql", which gives "$output" $error} unless $met || defined wantarray;
	return $met;
}

# All processes of the server, the postmaster first
sub processes
{
	my ($self) = @_;
	my $data_dir = $self->data_dir;
	return unless -e "$data_dir/postmaster.pid";
	my ($postmaster) = split /\n/, slurp_file("$data_dir/postmaster.pid");
	# The file of a server that was killed may name somebody else's process.
	return unless (readlink "/proc/$postmaster/cwd" // '') eq $data_dir;
	return ($postmaster, split ' ', `ps -o pid= --ppid $postmaster`);
}

# Kills Patroni, with what it has started, and the server at once, as if the machine had lost
# its power.
sub kill_all
{
	my ($self) = @_;
	my @processes = eval { $self->processes };
	my $patroni = delete $self->{patroni};
	kill '-KILL', $patroni if $patroni;
	kill 'KILL', @processes;
	waitpid $patroni, 0 if $patroni;
	return;
}

# Runs patronictl as docs/ha.md prints it, and returns what it says.
sub patronictl
{
	my ($self, @arguments) = @_;
	my $output = '';
	local $ENV{LC_ALL} = 'C.UTF-8';
	IPC::Run::run([ 'patronictl', '-c', $self->config, @arguments ], '<', \undef, '>&', \$output)
	  or croak "patronictl @arguments failed: $output";
	return $output;
}

# Kills Patroni, and shuts the server down in mode "immediate", so that it leaves nothing behind in
# shared memory.
sub stop_at_once
{
	my ($self) = @_;
	my ($postmaster) = eval { $self->processes };
	my $patroni = delete $self->{patroni};
	kill '-KILL', $patroni if $patroni;
	waitpid $patroni, 0 if $patroni;
	return unless $postmaster;
	kill 'QUIT', $postmaster;
	# It removes its file last.
	my $file = $self->data_dir . '/postmaster.pid';
	poll_until(sub { return !-e $file || !kill 0, $postmaster; });
	return;
}

# When Patroni first logged something of this kind after a time, in seconds, or undef
sub logged_at
{
	my ($self, $since, $pattern) = @_;
	for my $line (split /\n/, slurp_file($self->patroni_log))
	{
		next unless $line =~ /$pattern/ && $line =~ /^(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+),(\d+) /;
		my $at = timegm($6, $5, $4, $3, $2 - 1, $1) + $7 / 1000;
		return $at if $at >= $since;
	}
	return;
}

1;
