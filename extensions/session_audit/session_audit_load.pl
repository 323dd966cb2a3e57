#!/usr/bin/perl
# Loads what is new in the files of session_audit_center.conf into a database that
# session_audit_center.sql has been run in.  For cron: each run goes on where the last one that
# went well has ended.
#
#   session_audit_load.pl DIRECTORY CONNECTION_STRING
#
# The names of the files begin with those of the servers.  What is loaded twice is there once.
use strict;
use warnings;
use Fcntl ':flock';

my ($directory, $connection) = @ARGV;
die "usage: $0 DIRECTORY CONNECTION_STRING\n" unless defined $connection;
open my $lock, '<', $directory or die "$directory: $!\n";
exit unless flock $lock, LOCK_EX | LOCK_NB;

for my $file (glob "$directory/*.json")
{
	my ($server) = $file =~ m{([^/]+)\.\d{4}-\d\d-\d\d\.json$} or next;
	my $offset = 0;
	if (open my $state, '<', "$file.loaded")
	{
		$offset = <$state> // 0;
	}
	open my $in, '<', $file or die "$file: $!\n";
	seek $in, $offset, 0;
	while (1)
	{
		my ($rows, $count) = ('', 0);
		while ($count < 10_000 && defined(my $line = <$in>))
		{
			# It is being written.
			last unless $line =~ /\n$/;
			$offset += length $line;
			# A backslash is special to COPY, and a tab would begin another column.
			$rows .= "$server\t" . ($line =~ s/\\/\\\\/gr =~ s/\t/ /gr);
			$count++;
		}
		last unless $count;
		local $SIG{PIPE} = 'IGNORE';
		open my $psql, '|-', 'psql', '--no-psqlrc', '--no-password', '--quiet', '--dbname', $connection,
		  '--command', 'COPY session_audit_center.incoming FROM STDIN'
		  or die "psql: $!\n";
		print $psql $rows;
		close $psql or die "psql has not loaded $file\n";
		open my $state, '>', "$file.loaded.new" or die "$file.loaded.new: $!\n";
		print $state "$offset\n";
		close $state or die "$file.loaded.new: $!\n";
		rename "$file.loaded.new", "$file.loaded" or die "$file.loaded: $!\n";
	}
}
