# Rule T3: prometheus-postgres-exporter shows the statistics, and how the session audit is (A1), with
# the queries of docs/monitoring, and promtool accepts the alerts there and finds that they fire.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use HTTP::Tiny;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $monitoring = "$FindBin::RealBin/../../../docs/monitoring";

command_ok([ 'promtool', 'check', 'rules', "$monitoring/alerts.yaml" ], 'T3: promtool accepts the alerts');
command_ok([ 'promtool', 'test', 'rules', "$FindBin::RealBin/alerts_test.yaml" ], 'T3: and each fires when it should');

my $node = new_node('monitored');
$node->start;
create_app($node, <<'EOS');
CREATE EXTENSION session_triggers;
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE exporter LOGIN IN ROLE pg_monitor;
ALTER ROLE exporter SET session_triggers.enabled = off;
ALTER ROLE exporter SET session_audit.enabled = off;
ALTER ROLE bob SET session_triggers.logon_failure = reject;
CREATE FUNCTION good() RETURNS event_trigger LANGUAGE plpgsql
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$BEGIN PERFORM pg_sleep(0.01); END$$;
CREATE FUNCTION bad() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'a secret' USING ERRCODE = 'AB123';
END
$$;
CREATE EVENT TRIGGER good ON after_user_logon EXECUTE FUNCTION good();
CREATE EVENT TRIGGER worse ON after_user_logon EXECUTE FUNCTION bad();
CREATE EVENT TRIGGER "it's ""off""" ON before_user_logoff EXECUTE FUNCTION good();
EOS
admin($node, 'postgres', "ALTER SYSTEM SET session_audit.database = 'app'");
$node->reload;
# The next session has the writer started, and waits for it.
ok(wait_until($node, 'app', q{SELECT to_regprocedure('session_audit.status()') IS NOT NULL}), 'A1: there is an audit');
admin($node, 'app', 'SELECT session_triggers.stat_reset()');
open_session($node, 'alice')->quit for 1 .. 3;
connect_as($node, 'bob')->messages;

my $port = PostgreSQL::Test::Cluster::get_free_port();
local $ENV{DATA_SOURCE_NAME} = 'user=exporter dbname=app sslmode=disable host=' . $node->host . ' port=' . $node->port;
my $output = '';
my $exporter = IPC::Run::start(
	[
		'prometheus-postgres-exporter', "--web.listen-address=127.0.0.1:$port",
		"--extend.query-path=$monitoring/queries.yaml", '--disable-default-metrics', '--disable-settings-metrics'
	],
	'<', \undef, '>&', \$output);
my $metrics = '';
poll_until(
	sub {
		$exporter->pump_nb;
		my $answer = HTTP::Tiny->new->get("http://127.0.0.1:$port/metrics");
		$metrics = $answer->{content} if $answer->{success};
		return $metrics =~ /^session_triggers_/m;
	}) or diag($output);
$exporter->kill_kill;

# The value of a metric with these labels, beside which there is one for the server.
sub value
{
	my ($metric, @labels) = @_;
	my ($line) = grep {
		my $line = $_;
		$line =~ /^\Q$metric\E[{ ]/ && !grep { index($line, $_) < 0 } @labels;
	} split /\n/, $metrics;
	return $line && (split / /, $line)[-1];
}

my @good = ('database="app"', 'trigger="good"', 'event="after_user_logon"');
my @worse = ('database="app"', 'trigger="worse"', 'event="after_user_logon"');
is(value('session_triggers_fired_total', @good), 4, 'T3: how often a trigger has run');
is(value('session_triggers_failed_total', @good), 0, 'T3: never in vain');
cmp_ok(value('session_triggers_seconds_total', @good), '>', 0.04, 'T3: for how many seconds');
cmp_ok(value('session_triggers_max_seconds', @good), '>', 0.01, 'T3: and at most');
is(value('session_triggers_failed_total', @worse), 4, 'T3: how often another one failed');
is(value('session_triggers_timed_out_total', @worse), 0, 'T3: not because of its time limit');
cmp_ok(abs(time - value('session_triggers_last_failure_timestamp_seconds', @worse)), '<', 600, 'T3: and when');
is(value('session_triggers_fired_total', 'trigger="it\'s \\"off\\""', 'event="before_user_logoff"'), 3, 'T3: any name will do');
is(join(' ', map { value("session_triggers_server_${_}_total") } qw(warned rejected failed_logoffs missed_logoffs gave_way uncounted)),
	'3 1 0 0 0 0', 'T3: what became of sessions');
# Those of this test are among them.
cmp_ok(value('session_triggers_server_let_in_total'), '>=', 3, 'T3: and of how many');
is(value('session_triggers_problem_rows', 'database="app"', 'trigger="worse"', 'problem="caller_rights"'), 1, 'T3: what is wrong');
is(value('session_triggers_problem_rows', 'trigger=""', 'problem="turned_off"'), 1, 'T3: and for whom nothing fires');
is(value('session_triggers_problem_rows', 'trigger=""', 'problem="audit_off"'), 1, 'T3, A2: and who is not recorded');
is(join(' ', map { value("session_audit_$_") } qw(writer_up failures dropped_total refusals_dropped_total)), '1 0 0 0', 'T3, A1: how the writer of the audit is');
cmp_ok(value('session_audit_size_bytes'), '>', 0, 'T3, A1: and its log');
unlike($metrics, qr/secret/, 'T1, T3: no text of an error');

log_is_clean($node, 'F12: nothing is left behind');
done_testing();
