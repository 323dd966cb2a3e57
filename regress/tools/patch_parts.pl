# tools/lib/patch-parts: what majors have in common, and that a hunk has one place.

use strict;
use warnings;
use Cwd 'abs_path';
use File::Basename 'dirname';
use File::Temp 'tempdir';
use Test::More;

my $program = abs_path(dirname(__FILE__) . '/../../tools/lib/patch-parts');
my $dir = tempdir(CLEANUP => 1);
my $header = "From: a\nSubject: b\n\nText.\n---\n";
my $file = "diff --git a/f b/f\n--- a/f\n+++ b/f\n";

sub write_file
{
	my ($name, $text) = @_;
	mkdir dirname("$dir/$name");
	open my $out, '>', "$dir/$name" or die "$name: $!";
	print $out $text;
	close $out or die "$name: $!";
}

sub read_file
{
	my ($name) = @_;
	return undef unless -e "$dir/$name";
	open my $in, '<', "$dir/$name" or die "$name: $!";
	local $/ = undef;
	return <$in>;
}

# A hunk that adds $text between two lines, at line $line.
sub hunk
{
	my ($line, $text) = @_;
	return "\@\@ -$line,2 +$line,3 \@\@ f()\n before $text\n+$text\n after $text\n";
}

sub export
{
	my ($major, @hunks) = @_;
	write_file("full/x.patch", $header . $file . join '', @hunks);
	write_file("full/series", "x.patch\n");
	system($^X, $program, 'split', "$dir/patches", $major, "$dir/full") == 0
	  or die "split failed";
}

mkdir "$dir/patches";
foreach my $major (17, 18)
{
	mkdir "$dir/patches/$major";
	write_file("patches/$major/series", '');
}

export(18, hunk(10, 'one'), hunk(20, 'two'));
is(read_file('patches/common/x.patch'), $header . $file . hunk(10, 'one') . hunk(20, 'two'),
	'what one major has is common to all that have the patch');
is(read_file('patches/18/series'), "x.patch\n", 'the series follows the export');

export(17, hunk(11, 'one'), hunk(21, 'three'));
is(read_file('patches/common/x.patch'), $header . $file . hunk(11, 'one'),
	'a hunk is common whatever its line number');
is(read_file('patches/17/x.patch'), $file . hunk(21, 'three'), 'a hunk of one major is its own');
is(read_file('patches/18/x.patch'), $file . hunk(20, 'two'), 'a hunk is no longer common');

export(18, hunk(12, 'one'), hunk(22, 'two'));
is(read_file('patches/18/x.patch'), $file . hunk(20, 'two'),
	'nothing is written where only line numbers change');

export(18, hunk(12, 'one'), hunk(22, 'three'));
is(read_file('patches/common/x.patch'), $header . $file . hunk(12, 'one') . hunk(22, 'three'),
	'a hunk becomes common with the last major that gets it');
is(read_file('patches/17/x.patch'), undef, 'a part with no hunk goes');

sub fits
{
	my ($text) = @_;
	write_file('tree/f', $text);
	return system("$^X $program check $dir/tree $dir/patches/common/x.patch 2>/dev/null") == 0;
}

my $place = "before one\nafter one\n";
my $rest = "x\nbefore three\nafter three\n";
ok(fits($place . $rest), 'hunks that fit in one place each');
ok(!fits($place . $place . $rest), 'a hunk that fits in two places is refused');
ok(!fits($rest), 'a hunk that fits nowhere is refused');
ok(!fits("before one\nx\nafter one\n" . $rest), 'context with a line in between is none');

done_testing();
