# Every statement of upstream's own tests parses, or fails to parse, as it does on a
# stock server: rule D2. Nothing is executed: in a failed transaction a server parses
# each statement, and then refuses it.
use strict;
use warnings FATAL => 'all';

use File::Basename 'dirname';
use File::Find 'find';
use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $stock = $ENV{SESSTRIG_STOCK_BINDIR};
my $source = $ENV{SESSTRIG_SOURCE_DIR};
plan skip_all => 'no stock server, or no source' unless $stock && $source;

# Returns the statements of a file, without comments. What psql alone understands, and
# the data of COPY, make statements that fail to parse, on either server.
sub statements
{
	my ($path) = @_;
	my $text = slurp_file($path);
	my ($statement, @statements) = ('');
	$text =~ s/^\\.*$//mg;
	while ($text =~ /\G(--[^\n]*|\/\*.*?\*\/|'(?:[^']|'')*'|"[^"]*"|(\$[A-Za-z_]*\$).*?\g2|;|.)/gs)
	{
		my $token = $1;
		next if $token =~ /^--|^\/\*/;
		if ($token ne ';')
		{
			$statement .= $token;
			next;
		}
		# A statement that ends the transaction would let the next one be executed.
		push @statements, "$statement;" unless $statement =~ /^\s*(?:$|commit|rollback|end|abort)/i;
		$statement = '';
	}
	return @statements;
}

my %files;
find({ wanted => sub { $files{$File::Find::name} = 1 if /\.sql$/ }, no_chdir => 1 },
	grep { -d } map { "$source/$_" } qw(src/test src/pl contrib));
# Those of this project's extensions have Oracle's statements.
my @statements = map { statements($_) } grep { !m{/contrib/session_} } sort keys %files;
my @nodes = (new_node('ours'), new_node('stock', install_path => dirname($stock)));
my @clients;
for my $node (@nodes)
{
	$node->start;
	my $client = connect_raw($node, user => (getpwuid($<))[0], database => 'postgres');
	$client->ready;
	$client->query('BEGIN');
	$client->try_query('SELECT 1/0');
	push @clients, $client;
}

my ($parsed, @differences) = (0);
while (my @batch = splice @statements, 0, 100)
{
	my @answers;
	# Both servers work on a batch at the same time.
	for my $client (@clients)
	{
		$client->send_query($_) for @batch;
	}
	for my $client (@clients)
	{
		push @answers, [
			map {
				my @messages = $client->messages;
				join ' ', map { "$_->{C} $_->{M} " . ($_->{P} // '') } grep { $_->{type} eq 'E' } @messages
			} @batch
		];
	}
	for my $index (0 .. $#batch)
	{
		my ($ours, $theirs) = map { $_->[$index] } @answers;
		$parsed++ if $theirs =~ /^25P02/;
		push @differences, "$batch[$index]: $ours, not $theirs" if $ours ne $theirs;
	}
}
is(join("\n", @differences), '', 'D2: every statement parses as on a stock server');
cmp_ok($parsed, '>', 30_000, 'D2: most of them do parse');
log_is_clean($nodes[0], 'no server process has crashed');

done_testing();
