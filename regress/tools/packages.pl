# tools/lib/packages.sh: a verb asks at its start for the packages of all that it runs, so
# that --install-deps leaves nothing to be found missing by a nested call.

use strict;
use warnings;
use Cwd 'abs_path';
use File::Basename qw(basename dirname);
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');

sub text
{
	my ($name) = @_;
	open my $in, '<', "$top/$name" or die "$name: $!";
	local $/ = undef;
	return <$in>;
}

# What a script runs: without comments and tables, and with continued lines joined.
sub code
{
	my $text = text(@_);
	$text =~ s/\\\n\s*/ /g;
	$text =~ s/^\s*#.*$//mg;
	$text =~ s/^\w+='\n.*?^'//msg;
	return $text;
}

# What the table says: its groups, and which of them have a command.
my ($table) = text('tools/lib/packages.sh') =~ /^packages='\n(.*?)^'/ms;
my (%groups, %having);
for (split /\n/, $table)
{
	my ($group, undef, $probe) = split;
	$groups{$group} = 1;
	$having{$1}{$group} = 1 if $probe =~ /^cmd:(.*)/;
}

# The scripts that a script sources, and those that it runs with what they require of their
# callers. build.sh becomes the script of its verb.
sub sources
{
	my ($code) = @_;
	my %found;
	$found{"tools/lib/$1"} = 1 while $code =~ m{/(?:lib/)?([a-z]+\.sh)"}g;
	$found{'packaging/docker/engine.sh'} = 1 if $code =~ m{/packaging/docker/engine\.sh"};
	return grep { -e "$top/$_" } keys %found;
}

sub runs
{
	my ($code) = @_;
	my %found;
	$found{$1} = 1
	  while $code =~ m{\$top/(tools/[a-z]+|regress/(?:deb|image)/test)"}g;
	$found{-e "$top/tools/$1" ? "tools/$1" : "build.sh $1"} = 1
	  while $code =~ m{\$top/build\.sh" ([a-z]+)}g;
	return keys %found;
}

# A script with all that it sources.
sub whole
{
	my ($name, $seen) = @_;
	return '' if $seen->{$name}++;
	my $code = code($name);
	return join "\n", $code, map { whole($_, $seen) } sources($code);
}

# The groups that a script asks for itself.
sub asked
{
	my ($name) = @_;
	my @suites = $name eq 'tools/check' ? text('regress/suites') =~ /^([a-z]+) /mg : ();
	return ('fetch') if $name =~ /^build\.sh (fetch|patch)$/;
	return ('fetch', 'build') if $name =~ /^build\.sh (build|install)$/;
	my %found = map { $_ => 1 } grep { $groups{$_} } @suites;
	for (grep { /\b(require_packages|missing_packages)\b|\bgroups\+?=\(/ } split /\n/, code($name))
	{
		exists $groups{$_} and $found{$_} = 1 for /[a-z]+/g;
	}
	return keys %found;
}

# The commands of the table that a text runs.
sub commands
{
	my ($text) = @_;
	my $before = qr/^|[|(;&!]|\b(?:then|do|exec|else)\b|\b(?:sudo|logged|step) .*/m;
	return grep { $text =~ /(?:$before)\s*(?<![\w-])\Q$_\E[ \n]/ } sort keys %having;
}

# The groups that the scripts ask for which a script runs, and those that these run.
sub asked_below
{
	my ($name, $seen) = @_;
	return () if $name =~ /^build\.sh / || $seen->{$name}++;
	return map { (asked($_), asked_below($_, $seen)) } runs(whole($name, {}));
}

# What a script needs: its commands, and those of the scripts that it runs, by the script.
sub needs
{
	my ($name, $seen) = @_;
	return () if $name =~ /^build\.sh / || $seen->{$name}++;
	my $code = whole($name, {});
	my %found = map { $_ => $name } commands($code);
	return (map({ needs($_, $seen) } runs($code)), %found);
}

# Where a script makes do without a command.
my %optional = ('tools/image' => 'git');

for my $name (map { 'tools/' . basename $_ } grep { -f } glob "$top/tools/*")
{
	my %asked = map { $_ => 1 } asked($name);
	# What asks for nothing is run by what does.
	next unless %asked;
	my %missing = map { $_ => 1 } grep { !$asked{$_} } asked_below($name, {});
	is(join(' ', sort keys %missing), '', "$name asks for the packages of all that it calls");
	my %needs = needs($name, {});
	delete $needs{ $optional{$name} // '' };
	for my $command (keys %needs)
	{
		delete $needs{$command} if grep { $asked{$_} } keys %{ $having{$command} };
	}
	is(join(', ', map { "$_ of $needs{$_}" } sort keys %needs), '', "$name asks for those of all commands that it runs");
}

done_testing();
