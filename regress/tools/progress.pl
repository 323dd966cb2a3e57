# tools/lib/steps.sh and tests.sh: long commands show how far they are, and nothing that shows it
# outlives the script, in whatever way that ends.

use strict;
use warnings;
use Cwd 'abs_path';
use File::Basename 'dirname';
use File::Temp 'tempdir';
use IO::Pty;
use POSIX qw(mkfifo setsid WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);

my $lib = abs_path(dirname(__FILE__) . '/../../tools/lib');
my $dir = tempdir(CLEANUP => 1);
my $number = 0;

sub write_file
{
	my ($name, $text) = @_;
	open my $out, '>', $name or die "$name: $!";
	print $out $text;
	close $out or die "$name: $!";
}

sub read_file
{
	my ($name) = @_;
	open my $in, '<', $name or return '';
	local $/ = undef;
	return <$in> // '';
}

sub poll
{
	my ($condition) = @_;
	my $end = time + 60;
	until ($condition->())
	{
		return 0 if time > $end;
		sleep 0.05;
	}
	return 1;
}

# --- what a log says ----------------------------------------------------------------

sub progress
{
	my ($log) = @_;
	write_file("$dir/log", $log);
	return scalar `bash -c '. "\$1/steps.sh"; progress "\$2"' - $lib $dir/log`;
}

my $compiled = "gcc -O2 -c -o a.o /src/a.c\nmake[1]: Leaving directory '/obj'\ngcc -c b.c -o b_srv.o -MMD\n";
my $tap = "t/1.pl .. \nok 1 - a\n# ok 2\nnot ok 2 - b\n1..2\nDubious, test returned 1\nFailed 1/2 subtests \n"
  . "t/2.pl .. \nok 1 - c # SKIP no\n";

is(progress($compiled . "gcc a.o b_srv.o -o c\n"), '2 files, ', 'files that are compiled are counted');
is(progress("# in all: 1451 files\n$compiled"), '2 of 1451 files, ', 'of how many, if that is known');
is(progress("# in all: 1451 files\n"), '0 of 1451 files, ', 'also before the first one');
is(progress("# in all: 1 files\n$compiled"), '2 files, ', 'a number that turned out wrong is not shown');
is(progress("   Compiling a v1.0\n$compiled   Compiling b v1.0\n"), '2 files, 2 crates, ', 'and crates');
is(progress($compiled . $tap), '3 tests, 1 test files, ', 'tests, when what they need is compiled');
is(progress("# in all: 12 test files\n${tap}1..1\nok\nt/3.pl .. skipped: no\n"),
	'3 tests, 3 of 12 test files, ', 'files of tests that ended');
is(progress("# in all: 3 tests\n# using temp instance\nok 1     - boolean      20 ms\n"),
	'1 of 3 tests, ', 'tests of pg_regress');
is(progress("parallel group (2 tests):  char int4\n     char   ... ok   23 ms\n     int4   ... FAILED   1 ms\n"
		  . "test text   ... ok   5 ms\n"),
	'3 tests, ', 'and of the one before 16');
is(progress("running 3 tests\ntest a::b ... ok\ntest a::c ... FAILED\n\nrunning 1 test\n"),
	'2 of 4 tests, ', 'tests of cargo');
is(progress("checking for gcc... gcc\n"), '', 'a log of which nothing is known');

# --- what is shown --------------------------------------------------------------------

# A script that does what is given, each as often as it may write a line. `wait_for_go` is a long
# command, which has compiled one file of three; suites have run one test of two.
sub script
{
	my ($text) = @_;
	my $name = "$dir/" . ++$number;
	mkdir $name;
	mkfifo("$name/pipe", 0600) or die "$name/pipe: $!";
	write_file("$name/script", <<"END");
set -Eeuo pipefail
. "$lib/tests.sh"
name=$name
set_log_dir "\$name/log"
versions=(18) jobs=9 interval=1
# Also if this test is ended, which does not reach what it started. Without a process that sleeps:
# bash ignores an interrupt if that ends by itself in the same instant.
until_there() {
	until [[ -e \$name/\$1 ]] || ! kill -0 $$ 2>/dev/null; do read -rt 0.05 <>"\$name/pipe" || true; done
}
wait_for_go() {
	echo "# in all: 3 files"
	echo "gcc -c -o a.o a.c"
	until_there go
}
suite() {
	echo "# in all: 2 tests"
	echo "ok 1 - a"
	until_there go
	echo "ok 2 - b"
}
$text
END
	return $name;
}

# Starts it, with its output in a file or on a terminal.
sub start
{
	my ($name, $pty) = @_;
	my $slave = $pty && $pty->slave;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	# Whoever runs this may ignore them.
	$SIG{$_} = 'DEFAULT' for qw(INT TERM);
	if ($pty)
	{
		$pty->make_slave_controlling_terminal;
		close $pty;
		open STDIN, '<&', $slave or die $!;
		open STDOUT, '>&', $slave or die $!;
	}
	else
	{
		setsid;
		open STDIN, '<', '/dev/null' or die $!;
		open STDOUT, '>', "$name/out" or die $!;
	}
	open STDERR, '>&', *STDOUT or die $!;
	# By this its processes are found.
	$ENV{PROGRESS_TEST} = $name;
	exec 'bash', "$name/script" or die "bash: $!";
}

# What it has written so far.
sub output
{
	my ($name, $pty) = @_;
	if ($pty)
	{
		my $text = '';
		$pty->blocking(0);
		1 while sysread $pty, $text, 4096, length $text;
		open my $out, '>>', "$name/out" or die $!;
		print $out $text;
		close $out or die $!;
	}
	return read_file("$name/out");
}

sub shows
{
	my ($name, $pty, $pattern, $what) = @_;
	ok(poll(sub { output($name, $pty) =~ $pattern }), $what) or diag(output($name, $pty));
}

sub processes
{
	my ($name) = @_;
	return grep { read_file("/proc/$_/environ") =~ /(^|\0)PROGRESS_TEST=\Q$name\E\0/ }
	  map { m{^/proc/(\d+)} } glob '/proc/[0-9]*';
}

# It ends with an exit status, as a shell has it, and so do all its processes.
sub ends
{
	my ($name, $pid, $pty, $status, $what) = @_;
	my $ended = poll(sub { output($name, $pty); waitpid($pid, WNOHANG) > 0 });
	is($ended ? $? & 127 ? 128 + ($? & 127) : $? >> 8 : 'running', $status, "$what: exit status");
	ok(poll(sub { !processes($name) }), "$what: nothing outlives it")
	  or diag(map { read_file("/proc/$_/cmdline") =~ tr/\0/ /r . "\n" } processes($name));
	kill 'KILL', processes($name);
}

my $step = 'step one "building it" wait_for_go';
my $traps = "trap stop_tests EXIT\ntrap 'exit 130' INT\ntrap 'exit 143' TERM\n";
my $suites = "${traps}start_tests a suite\nstart_tests b suite\n";
my ($name, $pid, $pty);

$name = script("$step\nversions+=(17) major=18\nrun_tests alone suite");
$pid = start($name);
shows($name, undef, qr/^building it \.\.\. 1 of 3 files, \d+ s\n/, 'in a log: a line for a step');
write_file("$name/go", '');
ends($name, $pid, undef, 0, 'a step that ends');
like(output($name),
	qr/^(building it \.\.\. 1 of 3 files, \d+ s\n)+building it \.\.\. done \(\d+ s\)\n(18: alone .*\n)*18: alone \.\.\. ok \(2 tests, \d+ s\)\n$/,
	'in a log: lines are whole');

$name = script("${suites}$step\nfinish_tests 0\nprint_counts");
$pid = start($name);
shows($name, undef, qr/^building it/, 'suites run beside a step');
write_file("$name/go", '');
ends($name, $pid, undef, 0, 'suites beside a step');
like(output($name),
	qr/^(building it .* s\n)*building it \.\.\. done .*\n([ab] \.\.\. [12] of 2 tests, \d+ s\n)*([ab]) \.\.\. ok \(2 tests, .*\n(.*)([ab]) \.\.\. ok .*\n4 passed, 0 failed, 0 skipped\n$/s,
	'in a log: suites that run beside a step do not write into its line');

$name = script("${suites}finish_tests 0\nprint_counts");
$pid = start($name);
shows($name, undef, qr/^a \.\.\. 1 of 2 tests, \d+ s\nb \.\.\. 1 of 2 tests, \d+ s\n|^b \.\.\. 1 .*\na \.\.\. 1 .*\n/,
	'in a log: a line for each suite that is waited for');
write_file("$name/go", '');
ends($name, $pid, undef, 0, 'suites that end');
like(output($name), qr/^([ab] \.\.\. [12] of 2 tests, \d+ s\n|[ab] \.\.\. ok \(2 tests, \d+ s\)\n)+4 passed, 0 failed, 0 skipped\n$/,
	'in a log: their lines are whole, too');
my %seen;
is(join("\n", grep { $seen{$_}++ } split /\n/, output($name)), '', 'in a log: and written by this shell alone');

$pty = IO::Pty->new;
$name = script("${suites}$step\nfinish_tests 0\nprint_counts");
$pid = start($name, $pty);
shows($name, $pty, qr/^building it \.\.\. \e7\e\[\?7l1 of 3 files, \d+ s\e\[K\e\[\?7h\e8/, 'on a terminal: a step in place');
write_file("$name/go", '');
ends($name, $pid, $pty, 0, 'a step on a terminal');
like(output($name, $pty), qr/\e8\e\[Kdone \(\d+ s\)\r\n/, 'on a terminal: no line is left of that');

# --- how it ends ------------------------------------------------------------------------

$pty = IO::Pty->new;
$name = script("${suites}finish_tests 0");
$pid = start($name, $pty);
shows($name, $pty, qr/\e7\e\[\?7l([ab]) \.\.\. 1 of 2 tests, \d+ s; (?!\1)[ab] \.\.\. 1 of 2 tests, \d+ s\e\[K/,
	'on a terminal: suites that are waited for, in place');
print $pty "\003";
ends($name, $pid, $pty, 130, 'an interrupt while suites run');

$pty = IO::Pty->new;
$name = script("$suites$step");
$pid = start($name, $pty);
shows($name, $pty, qr/1 of 3 files/, 'a step on a terminal, beside suites');
print $pty "\003";
ends($name, $pid, $pty, 130, 'an interrupt in a step');

$pty = IO::Pty->new;
$name = script($step);
$pid = start($name, $pty);
shows($name, $pty, qr/1 of 3 files/, 'a step on a terminal, and no trap');
print $pty "\003";
ends($name, $pid, $pty, 130, 'an interrupt without a trap');

$name = script("${suites}finish_tests 0");
$pid = start($name);
shows($name, undef, qr/1 of 2 tests/, 'suites are waited for');
# As timeout(1) does it
kill 'TERM', -$pid;
ends($name, $pid, undef, 143, 'the end by a signal to its process group');

# The command of the step goes on.
$name = script($step);
$pid = start($name);
shows($name, undef, qr/1 of 3 files/, 'a step runs');
kill 'KILL', $pid;
ok(poll(sub { processes($name) == 1 }), 'the death of the script: the ticker ends');
write_file("$name/go", '');
ends($name, $pid, undef, 137, 'the death of the script');

$name = script('fail() { wait_for_go; return 3; }
step one "building it" fail');
$pid = start($name);
shows($name, undef, qr/1 of 3 files/, 'a step that will fail');
write_file("$name/go", '');
ends($name, $pid, undef, 1, 'a step that fails');
like(output($name), qr/\nbuilding it \.\.\. FAILED after \d+ s\n/, 'a step that fails: its line');

# A server that a step starts, and that stays.
$name = script('serve() { until_there stop & }
step one "starting it" serve');
$pid = start($name);
ok(poll(sub { output($name) =~ /done/ && processes($name) == 1 }), 'what a step starts stays, and keeps no ticker');
write_file("$name/stop", '');
ends($name, $pid, undef, 0, 'a step that leaves a process');

# What bash has not been asked for when it ends by a signal, it does not know any longer.
$name = script('die() { touch "$name/dead"; kill -KILL "$BASHPID"; }
tests_into() { die; }
start_tests a suite
until_there dead
(sleep 0.05)
finish_tests 0
print_counts');
$pid = start($name);
ends($name, $pid, undef, 0, 'a suite that is killed');
like(output($name), qr/^0 passed, 1 failed, 0 skipped$/m, 'a suite that is killed is a failed test');

done_testing();
