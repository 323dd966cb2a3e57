# What the TAP tests of session triggers share: clusters, sessions in them, waits,
# the rows and log lines that a session leaves, and a client that shows every
# message of the protocol.
#
# Most tests work in a database "app", with a role "alice", whose sessions are
# under test, and a superuser "root".
package SessionTriggers;

use strict;
use warnings FATAL => 'all';

use Carp;
use IPC::Run;
use JSON::PP ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use Exporter 'import';
our @EXPORT = qw(
  new_node admin create_app start_audit stop_audit try_psql start_smart_shutdown finish_shutdown
  connect_raw connect_as open_session open_quiet_session hold_lock
  poll_until wait_until wait_for_event wait_for_exit wait_until_ready run_clients
  take_rows session_rows
  is_of audit_rows wait_for_audit audit_lines lines_of writer wait_for_writer
  log_position log_lines log_text exit_status log_is_clean
  $WARNING);

# The text of the one WARNING that a failed logon sends to the client (rule F3).
our $WARNING =
  'event trigger occur error after user login. For more information, see log';

# The options of sessions that look on: they fire nothing, and are not recorded.
my $QUIET = '-c session_triggers.enabled=off -c session_audit.enabled=off -c session_faults.unseen=on';

### Clusters

# Creates a cluster that listens on 127.0.0.1 and, if there is one, on ::1 as
# well as on a socket. Each line of its log starts with "pid|SQLSTATE|".
# Parameters: conf, which is added to postgresql.conf; install_path; and those of
# PostgreSQL::Test::Cluster's init().
sub new_node
{
	my ($name, %params) = @_;
	my $conf = delete $params{conf} // '';
	my $install_path = delete $params{install_path};
	my $node = PostgreSQL::Test::Cluster->new($name, install_path => $install_path);

	$node->init(%params);
	$node->append_conf('postgresql.conf', <<"EOC");
listen_addresses = '127.0.0.1, ::1'
log_line_prefix = '%p|%e|'
log_statement = none
max_connections = 40
$conf
EOC
	return $node;
}

# Runs SQL in a session of the superuser that fires nothing and is not recorded, and
# returns what psql prints.
sub admin
{
	my ($node, $database, $sql) = @_;
	local $ENV{PGOPTIONS} = $QUIET;
	return $node->safe_psql($database, $sql);
}

# Runs SQL with psql, like the method psql() of the node, whose parameters it takes, where
# the server may refuse the session, or die meanwhile. Returns the exit status of psql,
# which is 2 if it has no session, what it prints, and its errors. The SQL is an argument
# of psql, not its input: if psql ends before it has read that, IPC::Run dies with "Broken
# pipe".
sub try_psql
{
	my ($node, $database, $sql, %params) = @_;
	my @more = @{ delete $params{extra_params} // [] };
	my ($stdout, $stderr);
	my $status = $node->psql($database, undef, %params, stdout => \$stdout, stderr => \$stderr,
		extra_params => [ '--command' => $sql, @more ]);
	return ($status, $stdout, $stderr);
}

# Creates the database "app", and runs SQL in it.
sub create_app
{
	my ($node, $sql) = @_;
	admin($node, 'postgres', 'CREATE DATABASE app');
	return admin($node, 'app', $sql);
}

# Turns the audit of the server's sessions on, in the database "postgres" or another one, and
# returns when it has its log.
sub start_audit
{
	my ($node, $database) = @_;
	$database //= 'postgres';
	admin($node, 'postgres', "ALTER SYSTEM SET session_audit.database = '$database'");
	$node->reload;
	# A session that is recorded has the writer started, once it has the new value.
	return poll_until(
		sub {
			$node->safe_psql('postgres', 'SELECT 1');
			return admin($node, $database, q{SELECT to_regclass('session_audit.log') IS NOT NULL AND EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'session audit writer' AND datname = current_database())}) eq 't';
		});
}

# Turns it off, and returns when nobody writes any more.
sub stop_audit
{
	my ($node) = @_;
	admin($node, 'postgres', 'ALTER SYSTEM RESET session_audit.database');
	$node->reload;
	return wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'session audit%'}, '0');
}

# Starts a smart shutdown, which waits until the clients have left, and returns
# once the postmaster has received the request. The result is for
# finish_shutdown().
sub start_smart_shutdown
{
	my ($node) = @_;
	my $position = log_position($node);
	my $output = '';
	my $pg_ctl = IPC::Run::start([ 'pg_ctl', '-D', $node->data_dir, '-m', 'smart', '-w', 'stop' ],
		'<', \undef, '>&', \$output);
	$node->wait_for_log(qr/received smart shutdown request/, $position);
	return $pg_ctl;
}

# Waits for the end of that shutdown, and returns whether the server is down. In
# any case it is down afterward, and can be started again.
sub finish_shutdown
{
	my ($node, $pg_ctl) = @_;
	my $is_down = $pg_ctl->finish;
	# The object does not know of a shutdown that it has not done itself. It
	# learns of it here, where it finds no server to stop.
	$node->stop('fast', fail_ok => 1);
	return $is_down;
}

### Sessions

# Connects to the database "app" as a role, and returns the client, which has yet
# to read the messages of the start. The parameters are those of connect_raw().
sub connect_as
{
	my ($node, $role, %params) = @_;
	return connect_raw($node, user => $role, database => 'app', %params);
}

# Does the same, and waits until the session is ready for a query.
sub open_session
{
	my $client = connect_as(@_);
	$client->ready;
	return $client;
}

# Opens a session of the superuser "root" that fires nothing and is not recorded, with such
# parameters of the connection.
sub open_quiet_session
{
	my ($node, %params) = @_;
	return open_session($node, 'root', options => $QUIET, %params);
}

# Opens such a session that holds an advisory lock, number 42 by default.
sub hold_lock
{
	my ($node, $key) = @_;
	my $holder = open_quiet_session($node);
	$holder->query('SELECT pg_advisory_lock(' . ($key // 42) . ')');
	return $holder;
}

### Waits
#
# A wait returns whether its condition was met in time. In void context, where
# nobody looks at the result, it dies if the condition was not met.

sub _waited
{
	my ($met, $what) = @_;
	croak "timed out waiting for $what" unless $met || defined wantarray;
	return $met;
}

# The time counts, not the attempts: on a slow machine these take long themselves.
sub _poll
{
	my ($condition) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	until ($condition->())
	{
		return 0 if time > $end;
		usleep(100_000);
	}
	return 1;
}

# Waits until a function returns true.
sub poll_until
{
	my ($condition) = @_;
	return _waited(_poll($condition), 'a condition');
}

# Waits until a query, in sessions that fire nothing, gives this result, which is
# "t" by default.
sub wait_until
{
	my ($node, $database, $sql, $expected) = @_;
	local $ENV{PGOPTIONS} = $QUIET;
	my $met = _poll(
		sub {
			my ($status, $result) = try_psql($node, $database, $sql);
			return $status == 0 && $result eq ($expected // 't');
		});
	return _waited($met, qq{"$sql"});
}

# The condition on pg_stat_activity for the session of a client, or for the
# sessions of a role, which is given by its name.
sub _is_session_of
{
	my ($who) = @_;
	return ref $who ? 'pid = ' . $who->pid : "usename = '$who'";
}

# Waits until one session of a client or role waits for an event, as
# pg_stat_activity.wait_event calls it.
sub wait_for_event
{
	my ($node, $who, $event) = @_;
	return wait_until($node, 'postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE wait_event = '$event' AND " . _is_session_of($who), '1');
}

# Waits until the session of a client, or all sessions of a role, have ended.
sub wait_for_exit
{
	my ($node, $who) = @_;
	return wait_until($node, 'postgres', 'SELECT count(*) FROM pg_stat_activity WHERE ' . _is_session_of($who), '0');
}

# Waits until a server that restarts by itself accepts connections.
sub wait_until_ready
{
	my ($node) = @_;
	return poll_until(sub { return system('pg_isready', '-q', '-h', $node->host, '-p', $node->port) == 0; });
}

### Load

# Runs a function in so many processes at the same time, each with random choices that
# follow from the seed, and calls $disturb until all have ended. Returns the lines that the
# function has returned in all of them.
sub run_clients
{
	my ($seed, $clients, $function, $disturb) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir;
	my %running;
	for my $number (1 .. $clients)
	{
		my $child = fork // die "could not fork: $!";
		if (!$child)
		{
			srand($seed + $number);
			my @lines = eval { $function->() };
			append_to_file("$dir/$number", join '', map { "$_\n" } $@ ? "died: $@" : @lines);
			POSIX::_exit(0);
		}
		$running{$child} = 1;
	}
	srand($seed);
	while (%running)
	{
		if (!eval { $disturb->(); 1 })
		{
			# They would go on, and whoever reads the output of the test would wait for them.
			my $error = $@;
			kill 'KILL', keys %running;
			waitpid $_, 0 for keys %running;
			die $error;
		}
		for my $child (keys %running)
		{
			delete $running{$child} if waitpid($child, POSIX::WNOHANG()) != 0;
		}
	}
	my @lines = map { split /\n/, slurp_file("$dir/$_") } 1 .. $clients;
	is(join("\n", grep { /^died/ } @lines), '', 'no client has died');
	return @lines;
}

### Rows

# Empties the table "fired" of the database "app", and returns these columns of
# its rows, by default the column "line", in the order of their "id".
sub take_rows
{
	my ($node, $columns) = @_;
	$columns //= 'line';
	return admin($node, 'app',
		"WITH taken AS (DELETE FROM fired RETURNING *) SELECT $columns FROM taken ORDER BY id");
}

# Returns these columns of the rows that a client's session wrote to the table
# "session_log" of the database "app", in the order of their "id".
sub session_rows
{
	my ($node, $client, $columns) = @_;
	return admin($node, 'app', "SELECT $columns FROM session_log WHERE pid = " . $client->pid . ' ORDER BY id');
}

### The session audit
#
# Its log is in the database "postgres".

# The condition on the rows of the log for those of a client's session, or of a process.
sub is_of
{
	my ($who) = @_;
	return q{split_part(session_id, '.', 2) = to_hex(} . (ref $who ? $who->pid : $who) . ')';
}

# The statement that shows rows of the log, in the order of their times.
sub _audit_sql
{
	my ($where, $columns) = @_;
	$columns //= 'event, ended_by';
	# What a session has changed is not what most tests are about (rule A11).
	$where = "($where) AND event <> 'changed'";
	return "SELECT string_agg(concat_ws('|', $columns), ' ' ORDER BY at, event DESC, session_id) FROM session_audit.log WHERE $where";
}

# Returns these columns, "event" and "ended_by" by default, of the rows that meet the
# condition, as one string.
sub audit_rows
{
	my ($node, $where, $columns) = @_;
	return admin($node, 'postgres', _audit_sql($where, $columns));
}

# Tests that the rows are these soon: those of ends are written when nobody waits for them.
sub wait_for_audit
{
	my ($node, $where, $expected, $title, $columns) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $met = wait_until($node, 'postgres', _audit_sql($where, $columns), $expected);
	ok($met, $title) or diag("expected: $expected\ngot: " . audit_rows($node, $where, $columns));
	return $met;
}

# Returns the lines that begin as records do, in the server log since that position, as hashes.
sub _json_lines
{
	my ($node, $position) = @_;
	return map { JSON::PP->new->utf8->decode($_) } slurp_file($node->logfile, $position) =~ /\|LOG:  (\{"at": .*\})$/mg;
}

# Returns those of them of this event: those that have the digest of a row, or a change.
sub lines_of
{
	my ($node, $position, $event) = @_;
	return grep { $_->{event} eq $event } _json_lines($node, $position);
}

# Returns the records of sessions in the server log since that position, as hashes, those of a
# client's session or process, or all. What is not UTF-8 has been replaced.
sub audit_lines
{
	my ($node, $position, $who) = @_;
	my $pid = ref $who ? $who->pid : $who;
	my @records = grep { $_->{event} !~ /^(?:changed|digest)$/ } _json_lines($node, $position);
	return grep { !defined $pid || ($_->{session_id} // '') =~ /\.\Q@{[sprintf '%x', $pid]}\E$/ } @records;
}

# Returns the process of the writer, or an empty string if there is none.
sub writer
{
	my ($node) = @_;
	return admin($node, 'postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'session audit writer'});
}

# Waits until there is a writer that is not in the middle of something, and returns its process.
sub wait_for_writer
{
	my ($node) = @_;
	wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'session audit writer' AND state = 'idle'}, '1');
	return writer($node);
}

### The server log

# Returns where the log ends now.
sub log_position
{
	my ($node) = @_;
	return -s $node->logfile;
}

# Returns the lines that the session of a client, or the process with a pid, wrote
# to the log since that position, each without the pid. A message of several lines
# counts as one line; messages at debug levels are left out.
sub log_lines
{
	my ($node, $position, $who) = @_;
	my $pid = ref $who ? $who->pid : $who;
	my $log = slurp_file($node->logfile, $position);
	my $wanted = 1;
	$log =~ s/\n\t/ /g;
	return grep {
		# Detail, hint, and context belong to the message before them.
		$wanted = !/\|DEBUG:/ unless /\|(?:DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT):/;
		$wanted;
	} map { s/^\Q$pid\E\|//r } grep { /^\Q$pid\E\|/ } split /\n/, $log;
}

# Returns the same lines as one string.
sub log_text { return join "\n", log_lines(@_); }

# Waits until the postmaster has logged how the process of a client's session
# ended, and returns its words, such as "exited with exit code 0". The postmaster
# logs them for every process at debug2 only.
sub exit_status
{
	my ($node, $position, $client) = @_;
	my $pid = $client->pid;
	my $report = qr/\(PID $pid\) (exited with exit code \d+|was terminated by signal \d+)/;
	$node->wait_for_log($report, $position);
	return (slurp_file($node->logfile, $position) =~ $report)[0];
}

# What the server says of something that was not released. Most comes from the
# resource owners, whose words are the second as of PostgreSQL 17.
my $unreleased = join '|', 'WARNING:  .*leak', 'resource was not closed', 'snapshots seem to remain',
  'snapshot \S+ still active', 'not closed at end-of-transaction';

# Tests that the whole log tells of no failed assertion, crash, PANIC, or panic
# in the core, and of nothing that was not released. A test that provokes one of
# these says which lines it expects. The log is that of a node, or a file.
sub log_is_clean
{
	my ($log, $title, %params) = @_;
	my @lines =
	  grep { /TRAP:|PANIC:|terminated by signal|panic in the session trigger core|panicked at|$unreleased/ }
	  split /\n/, slurp_file(ref $log ? $log->logfile : $log);
	@lines = grep { !/$params{expected}/ } @lines if $params{expected};
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(join("\n", @lines), '', $title);
}

### The client

# Connects, and returns a client that speaks the protocol itself; see its new()
# for the parameters.
sub connect_raw
{
	return SessionTriggers::Client->new(@_);
}

package SessionTriggers::Client;

use Carp;
use Errno;
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);

# Connects, and sends the startup packet. Parameters: tcp, an address to use in place
# of the Unix socket; from, the client's own address; header, what is sent before the
# packet; protocol, the number of its version; and those of the packet, such as user,
# database, and options.
sub new
{
	my ($class, $node, %params) = @_;
	my $address = delete $params{tcp};
	my $from = delete $params{from};
	my $header = delete $params{header} // '';
	my $protocol = delete $params{protocol} // 3 << 16;
	my $socket =
	  $address
	  ? IO::Socket::IP->new(
		PeerHost => $address,
		PeerPort => $node->port,
		defined $from ? (LocalHost => $from) : (),
		Type => SOCK_STREAM)
	  : IO::Socket::UNIX->new(
		Peer => $node->host . '/.s.PGSQL.' . $node->port,
		Type => SOCK_STREAM);
	croak "could not connect: $!" unless $socket;

	my $self = bless { socket => $socket, buffer => '' }, $class;
	my $body = pack('N', $protocol);
	$body .= "$_\0$params{$_}\0" for sort keys %params;
	$body .= "\0";
	$self->_send($header . pack('N', length($body) + 4) . $body);
	return $self;
}

# Returns the messages up to and including ReadyForQuery, or up to the end of the
# connection. Each is a hash with its type and the fields of that type.
sub messages
{
	my ($self) = @_;
	my @messages;
	while (my $message = $self->next_message)
	{
		push @messages, $message;
		last if $message->{type} eq 'Z';
	}
	return @messages;
}

# Returns the messages of the start of the session, and dies if it was refused.
sub ready
{
	my ($self) = @_;
	my @messages = $self->messages;
	croak 'the session was refused: ' . ($messages[-1]{M} // 'no message')
	  unless @messages && $messages[-1]{type} eq 'Z';
	return @messages;
}

sub pid { return $_[0]->{pid}; }

# Runs one command. Returns its messages in list context. Otherwise returns its first
# value, and dies if there is an error or if the session ends.
sub query
{
	my ($self, $sql) = @_;
	$self->send_query($sql);
	my @messages = $self->messages;
	return @messages if wantarray;
	my ($error) = grep { $_->{type} eq 'E' } @messages;
	croak "\"$sql\" failed: $error->{M}" if $error;
	croak "\"$sql\" ended the connection" unless @messages;
	my ($row) = grep { $_->{type} eq 'D' } @messages;
	return $row && $row->{values}[0];
}

# Runs one command that may fail, or end the session.
sub try_query
{
	my ($self, $sql) = @_;
	my @messages = $self->query($sql);
	return;
}

sub send_query
{
	my ($self, $sql) = @_;
	return $self->send_message('Q', "$sql\0");
}

# Sends a Terminate message.
sub send_terminate
{
	my ($self) = @_;
	return $self->send_message('X', '');
}

sub send_message
{
	my ($self, $type, $body) = @_;
	return $self->_send($type . pack('N', length($body) + 4) . $body);
}

# Sends a Terminate message, and waits until the server's process has exited. Returns
# the messages that it has sent in the meantime.
sub quit
{
	my ($self) = @_;
	$self->send_terminate;
	return $self->messages;
}

# Closes the connection without a Terminate message.
sub drop
{
	my ($self) = @_;
	$self->{socket}->close;
	return;
}

sub _send
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $sent = $self->{socket}->syswrite($bytes);
		# The server has ended the session, as the next read will show.
		return if !defined $sent && ($!{EPIPE} || $!{ECONNRESET});
		croak "could not send: $!" unless defined $sent;
		substr($bytes, 0, $sent) = '';
	}
	return;
}

# Returns the next bytes, so many of them, or undef if the connection ends before.
sub _take
{
	my ($self, $count) = @_;
	while (length $self->{buffer} < $count)
	{
		my $readable = 0;
		# A signal, such as that of the end of a child, can interrupt the wait.
		do
		{
			$! = 0;
			$readable = IO::Select->new($self->{socket})->can_read($PostgreSQL::Test::Utils::timeout_default);
		} until $readable || !$!{EINTR};
		croak 'the server sent nothing' unless $readable;
		# A reset ends the connection as well: the process had not read all its input.
		return
		  unless $self->{socket}
		  ->sysread($self->{buffer}, 8192, length $self->{buffer});
	}
	return substr($self->{buffer}, 0, $count, '');
}

# Returns the next message, or nothing at the end of the connection.
sub next_message
{
	my ($self) = @_;
	my $header = $self->_take(5) // return;
	my ($type, $length) = unpack('aN', $header);
	my $body = $self->_take($length - 4) // croak 'a message was cut off';
	my %message = (type => $type);

	if ($type eq 'S')
	{
		@message{qw(name value)} = split /\0/, $body, -1;
	}
	elsif ($type eq 'E' || $type eq 'N')
	{
		for my $field (split /\0/, $body)
		{
			$message{ substr($field, 0, 1) } = substr($field, 1);
		}
	}
	elsif ($type eq 'K')
	{
		@message{qw(pid key)} = @{$self}{qw(pid key)} = unpack('N a*', $body);
	}
	elsif ($type eq 'A')
	{
		@message{qw(channel payload)} = split /\0/, substr($body, 4), -1;
	}
	elsif ($type eq 'Z')
	{
		$message{status} = $body;
	}
	elsif ($type eq 'D')
	{
		my $fields = unpack('n', substr($body, 0, 2, ''));
		for (1 .. $fields)
		{
			my $size = unpack('l>', substr($body, 0, 4, ''));
			push @{ $message{values} },
			  $size < 0 ? undef : substr($body, 0, $size, '');
		}
	}
	return \%message;
}

1;
