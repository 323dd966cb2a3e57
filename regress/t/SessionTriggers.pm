# What the tests of session triggers share: a cluster that tells what a session
# does, connections that fire nothing, and a client that shows every message.
package SessionTriggers;

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

use Exporter 'import';
our @EXPORT = qw(new_node admin wait_until wait_until_ready log_position log_lines connect_raw $WARNING);

# Rule F3
our $WARNING =
  'event trigger occur error after user login. For more information, see log';

# A cluster that listens on 127.0.0.1 and, if there is one, ::1 as well as on a
# socket. Each line of its log says pid|SQLSTATE| first. Parameters: conf, for
# postgresql.conf; install_path; and those of PostgreSQL::Test::Cluster's init.
sub new_node
{
	my ($name, %params) = @_;
	my $conf = delete $params{conf} // '';
	my $install_path = delete $params{install_path};
	my $node = PostgreSQL::Test::Cluster->new($name, install_path => $install_path);

	$node->init(%params);
	$node->append_conf('postgresql.conf', <<"EOF");
listen_addresses = '127.0.0.1, ::1'
log_line_prefix = '%p|%e|'
log_statement = none
max_connections = 40
$conf
EOF
	return $node;
}

# Runs SQL in a session of the superuser's that fires nothing.
sub admin
{
	my ($node, $database, $sql) = @_;
	local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off';
	return $node->safe_psql($database, $sql);
}

# Waits until a query, in sessions that fire nothing, gives this result.
sub wait_until
{
	my ($node, $database, $sql, $expected) = @_;
	local $ENV{PGOPTIONS} = '-c session_triggers.enabled=off';
	return $node->poll_query_until($database, $sql, $expected);
}

# Waits until a server that restarts by itself takes connections.
sub wait_until_ready
{
	my ($node) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if system('pg_isready', '-q', '-h', $node->host, '-p', $node->port) == 0;
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

# Where the log ends now.
sub log_position
{
	my ($node) = @_;
	return -s $node->logfile;
}

# The lines that a process wrote to the log since that position, each without
# its pid, and without debugging messages; lines of a message that has several
# come as one.
sub log_lines
{
	my ($node, $position, $pid) = @_;
	my $log = slurp_file($node->logfile, $position);
	my $wanted = 1;
	$log =~ s/\n\t/ /g;
	return grep {
		# Detail, hint and context belong to the message before them.
		$wanted = !/\|DEBUG:/ unless /\|(?:DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT):/;
		$wanted;
	} map { s/^\Q$pid\E\|//r } grep { /^\Q$pid\E\|/ } split /\n/, $log;
}

sub connect_raw
{
	return SessionTriggers::Client->new(@_);
}

# A client that speaks the protocol itself.
package SessionTriggers::Client;

use Carp;
use Errno;
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);

# Sends the startup packet. Parameters: tcp => address (default: the socket),
# and user, database, options, application_name, replication.
sub new
{
	my ($class, $node, %params) = @_;
	my $address = delete $params{tcp};
	my $socket =
	  $address
	  ? IO::Socket::IP->new(
		PeerHost => $address,
		PeerPort => $node->port,
		Type => SOCK_STREAM)
	  : IO::Socket::UNIX->new(
		Peer => $node->host . '/.s.PGSQL.' . $node->port,
		Type => SOCK_STREAM);
	croak "could not connect: $!" unless $socket;

	my $self = bless { socket => $socket, buffer => '' }, $class;
	my $body = pack('N', 3 << 16);
	$body .= "$_\0$params{$_}\0" for sort keys %params;
	$body .= "\0";
	$self->_send(pack('N', length($body) + 4) . $body);
	return $self;
}

# The messages up to and with ReadyForQuery, or to the end of the connection:
# { type => ..., and what the type has }.
sub messages
{
	my ($self) = @_;
	my @messages;
	while (my $message = $self->next_message)
	{
		$self->{pid} = $message->{pid} if $message->{type} eq 'K';
		push @messages, $message;
		last if $message->{type} eq 'Z';
	}
	return @messages;
}

# The start of the session, as messages() gives it; dies if it was refused.
sub ready
{
	my ($self) = @_;
	my @messages = $self->messages;
	croak 'the session was refused: ' . ($messages[-1]{M} // 'no message')
	  unless @messages && $messages[-1]{type} eq 'Z';
	return @messages;
}

sub pid { return $_[0]->{pid}; }

# Runs one command. Gives its messages or, for a scalar, its first value; then
# an error is fatal.
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

sub send_query
{
	my ($self, $sql) = @_;
	return $self->send_message('Q', "$sql\0");
}

# Sends Terminate.
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

# Sends Terminate and waits until the server's process is gone. Gives what it
# sent in the meantime.
sub quit
{
	my ($self) = @_;
	$self->send_terminate;
	return $self->messages;
}

# Closes the connection without a word.
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
		# The server has ended the session: the next read tells.
		return if !defined $sent && ($!{EPIPE} || $!{ECONNRESET});
		croak "could not send: $!" unless defined $sent;
		substr($bytes, 0, $sent) = '';
	}
	return;
}

# Takes a number of bytes; undef if the connection ends before.
sub _take
{
	my ($self, $count) = @_;
	while (length $self->{buffer} < $count)
	{
		my $readable = 0;
		# A signal, such as a child's end, is no reason to give up.
		do
		{
			$! = 0;
			$readable = IO::Select->new($self->{socket})->can_read($PostgreSQL::Test::Utils::timeout_default);
		} until $readable || !$!{EINTR};
		croak 'the server sent nothing' unless $readable;
		# A reset is an end as well: the process left with input unread.
		return
		  unless $self->{socket}
		  ->sysread($self->{buffer}, 8192, length $self->{buffer});
	}
	return substr($self->{buffer}, 0, $count, '');
}

# The next message, or nothing at the end of the connection.
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
		@message{qw(pid key)} = unpack('N a*', $body);
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
