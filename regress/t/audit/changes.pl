# What weakens the session audit (rule A11): it leaves a line of the server log, and a row where
# the log takes one, that say who did it, and from where.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('changes', allows_streaming => 1, conf => 'autovacuum = off');
$node->start;
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN;
CREATE ROLE maker LOGIN CREATEROLE CREATEDB;
CREATE ROLE root LOGIN SUPERUSER;
CREATE ROLE other;
CREATE ROLE "PUBLIC, alice";
CREATE FUNCTION noop() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER greet ON after_user_logon EXECUTE FUNCTION noop();
CREATE EVENT TRIGGER part ON before_user_logoff EXECUTE FUNCTION noop();
CREATE EVENT TRIGGER other ON ddl_command_end EXECUTE FUNCTION noop();
CREATE FUNCTION slow() RETURNS int LANGUAGE sql SET session_triggers.enabled = off AS 'SELECT 1';
EOS
start_audit($node);

sub in_log { return admin($node, 'postgres', $_[0]); }

# What the changed rows say whose numbers are higher than that.
sub changes_since
{
	my ($number) = @_;
	wait_until($node, 'postgres', q{SELECT pending = 0 FROM session_audit.state()});
	return in_log(
		"SELECT string_agg(concat_ws(' ', nullif(count, 1) || ' x', context->>'change', context->>'object', context->>'setting', context->>'privileges', 'to ' || (context->>'grantees'), context->>'old' || ' >', context->>'new'), '; ' ORDER BY number)"
		  . " FROM session_audit.log WHERE event = 'changed' AND number > $number");
}

sub last_number { return in_log('SELECT max(number) FROM session_audit.log'); }

# Does something as root in a database. Tests what the rows say of it, and the lines.
sub is_told
{
	my ($sql, $expected, %params) = @_;
	my ($number, $position) = (last_number(), log_position($node));
	my $session = open_session($node, $params{role} // 'root', database => $params{database} // 'app');
	$session->try_query($_) for ref $sql ? @$sql : $sql;
	my $title = 'A11: ' . (ref $sql ? $sql->[-1] : $sql);
	my @lines = lines_of($node, $position, 'changed');
	is(scalar(@lines), scalar(split /; /, $expected), "$title: lines");
	is(changes_since($number), $expected, $title);
	$session->quit;
	return @lines;
}

subtest 'A11: settings' => sub {
	my ($line) = is_told('SET session_triggers.enabled = off', 'SET session_triggers.enabled on > off');
	is_deeply([ @$line{qw(login_user database kind)} ], [qw(root app client)], 'A11: the line says who did it');
	is(in_log(q{SELECT login_user, database, kind, login_user_id = 'root'::regrole, session_id IS NOT NULL, logon_at < at FROM session_audit.log WHERE event = 'changed'}),
		'root|app|client|t|t|t', 'A11: so does the row');
	is_told(q{SELECT set_config('session_audit.required', 'on', false)}, 'SET session_audit.required off > on');
	is_told(q{SET LOCAL session_audit.timeout = 1}, 'SET session_audit.timeout 5000 > 1');
	is_told('SELECT slow()', 'SET session_triggers.enabled on > off');
	is_told('SET session_triggers.enabled = on', '');
	# A parallel worker takes over what its session has set.
	my $parallel = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
	is_told([ 'SET session_triggers.enabled = off', "SET $parallel = on",
			q{DO $$ BEGIN SET session_audit.required = on; PERFORM count(*) FROM pg_class; SET session_audit.context = 'parallel'; END $$} ],
		'SET session_triggers.enabled on > off; SET session_audit.required off > on; SET session_audit.context  > parallel');
	is_told('SET work_mem = 1000', '');
	is_told(['BEGIN', 'SET session_audit.log_to_server = on', 'ROLLBACK'], 'SET session_audit.log_to_server off > on');
	is_told('ALTER ROLE alice SET session_audit.enabled = off', 'ALTER ROLE role alice session_audit.enabled off');
	is_told('ALTER ROLE alice IN DATABASE app SET session_audit.context TO "a, b"', 'ALTER ROLE role alice in database app session_audit.context a, b');
	is_told('ALTER ROLE alice RESET session_audit.enabled', 'ALTER ROLE role alice session_audit.enabled');
	is_told(q{DO $$ BEGIN ALTER DATABASE app SET Session_Triggers.Enabled = off; END $$}, 'ALTER DATABASE database app session_triggers.enabled off');
	is_told('ALTER DATABASE app RESET ALL', 'ALTER DATABASE database app all');
	is_told('ALTER ROLE ALL SET session_audit.enabled = on', 'ALTER ROLE all roles session_audit.enabled on');
	is_told('ALTER ROLE ALL RESET ALL', 'ALTER ROLE all roles all');
	is_told('ALTER ROLE alice SET work_mem = 1000', '');
	is_told('ALTER SYSTEM SET session_audit.keep = 99', 'ALTER SYSTEM session_audit.keep 99');
	is_told('ALTER SYSTEM SET work_mem = 1000', '');
	is_told('ALTER SYSTEM RESET session_audit.keep', 'ALTER SYSTEM session_audit.keep');
	is_told($_, '', role => 'alice') for 'SET session_triggers.enabled = off', 'ALTER ROLE alice SET session_audit.enabled = off',
	  'ALTER SYSTEM SET session_audit.keep = 1', 'ALTER ROLE alice RESET ALL', 'DROP EVENT TRIGGER greet',
	  'ALTER ROLE alice RESET session_audit.enabled';
	is_told('TRUNCATE session_audit.log', '', role => 'alice', database => 'postgres');

	my $number = last_number();
	open_session($node, 'root', options => '-c session_triggers.enabled=off -c work_mem=1000')->quit;
	is(changes_since($number), 'connection option session_triggers.enabled on > off', 'A11: what a client sets when it connects');
};

subtest 'A11: what is done again and again' => sub {
	my ($number, $position) = (last_number(), log_position($node));
	my $session = open_session($node, 'root');
	$session->query(q{DO $$ BEGIN FOR i IN 1 .. 1000 LOOP PERFORM slow(); SET session_audit.required = on; SET session_audit.required = off; END LOOP; END $$});
	$session->query('SET session_audit.log_to_server = on');
	my $told = 'SET session_triggers.enabled on > off; SET session_audit.required off > on; SET session_audit.required on > off; SET session_audit.log_to_server off > on';
	is(changes_since($number), $told, 'A11: each is a row');
	is(scalar(lines_of($node, $position, 'changed')), 4, 'A11: and a line');
	$session->quit;
	wait_for_exit($node, $session);
	my $counted = $told =~ s/SET/999 x SET/gr =~ s/; [^;]*$//r;
	is(changes_since($number), "$told; $counted", 'A11: at its end, the session tells how often it was done');
	is(scalar(lines_of($node, $position, 'changed')), 7, 'A11: in lines, too');
	is(in_log("SELECT max(number) FILTER (WHERE event = 'changed') < max(number) FROM session_audit.log WHERE " . is_of($session)), 't', 'A11: before its end');

	# What is different is told, but not as fast.
	($number, my $dropped) = (last_number(), in_log('SELECT dropped FROM session_audit.state()'));
	$session = open_session($node, 'root');
	my $since = time;
	$session->query(q{DO $$ BEGIN FOR i IN 1 .. 46 LOOP PERFORM set_config('session_audit.timeout', i::text, false); END LOOP; END $$});
	cmp_ok(time - $since, '>=', 2, 'A11: 46 changes take time');
	wait_until($node, 'postgres', q{SELECT pending = 0 FROM session_audit.state()});
	is(in_log("SELECT count(*) FROM session_audit.log WHERE event = 'changed' AND number > $number"), 46, 'A11: all of them are rows');
	is(in_log('SELECT dropped FROM session_audit.state()'), $dropped, 'A11: none is dropped');
	$session->send_query(q{DO $$ BEGIN FOR i IN 100 .. 10000 LOOP PERFORM set_config('session_audit.timeout', i::text, false); END LOOP; END $$});
	wait_for_event($node, $session, 'Extension');
	in_log('SELECT pg_cancel_backend(' . $session->pid . ')');
	my ($error) = grep { $_->{type} eq 'E' } $session->messages;
	is($error->{C}, '57014', 'A11: who waits can be told to stop');
	$session->quit;
};

subtest 'A6, A11: who changes much takes no room from others' => sub {
	my $position = log_position($node);
	my $limit = open_session($node, 'root', options => '-c session_audit.timeout=500');
	my @sessions = map { open_session($node, 'root') } 1 .. 5;
	my $victim = open_session($node, 'alice');
	my $dropped = in_log('SELECT dropped FROM session_audit.state()');
	my $writer = wait_for_writer($node);
	kill STOP => $writer;
	$_->send_query(q{DO $$ BEGIN FOR i IN 1 .. 16 LOOP PERFORM set_config('session_audit.timeout', i::text, false); END LOOP; END $$}) for @sessions;
	$_->messages for @sessions;
	is(in_log('SELECT pending FROM session_audit.state()'), 64, 'A6: their records have so many places');
	is(in_log('SELECT dropped FROM session_audit.state()') - $dropped, 16, 'A6: the others are lines');
	is(scalar(lines_of($node, $position, 'changed')), 81, 'A11: as all of them are');
	$victim->quit;
	wait_for_exit($node, $victim);
	is(in_log('SELECT pending FROM session_audit.state()'), 65, 'A6: there is room for the end of a session');
	kill CONT => $writer;
	wait_for_audit($node, is_of($victim), 'logon logoff|client', 'A6: which is written');
	$_->quit for @sessions, $limit;
};

subtest 'A11: a server that logs no messages' => sub {
	is_told([ q{SET log_min_messages = 'panic'}, 'SET session_triggers.enabled = off' ], 'SET session_triggers.enabled on > off');
	is_told([ q{ALTER SYSTEM SET log_min_messages = 'fatal'}, 'SELECT pg_reload_conf()', 'SET session_triggers.enabled = off' ], 'SET session_triggers.enabled on > off');
	is_told([ q{ALTER SYSTEM RESET log_min_messages}, 'SELECT pg_reload_conf()' ], '');
};

subtest 'A11: a reload' => sub {
	my ($number, $position) = (last_number(), log_position($node));
	$node->append_conf('postgresql.conf', "session_audit.keep = 77\nsession_audit.timeout = 7s\nwork_mem = 1000");
	$node->reload;
	wait_until($node, 'postgres', "SELECT count(*) = 2 FROM session_audit.log WHERE event = 'changed' AND number > $number");
	is(changes_since($number), 'reload session_audit.timeout 5000 > 7000; reload session_audit.keep 0 > 77', 'A11: what the file changes');
	is(in_log("SELECT count(*) FILTER (WHERE kind IS NULL AND session_id IS NULL) FROM session_audit.log WHERE event = 'changed' AND number > $number"), 2, 'A11: that nobody in particular did');
	is(scalar(lines_of($node, $position, 'changed')), 2, 'A11: lines');
	$number = last_number();
	open_session($node, 'root')->query('ALTER SYSTEM RESET session_audit.database');
	stop_audit($node);
	is(in_log("SELECT string_agg(context->>'setting' || ' ' || (context->>'change'), '; ' ORDER BY number) FROM session_audit.log WHERE event = 'changed' AND number > $number"),
		'session_audit.database ALTER SYSTEM; session_audit.database reload', 'A11: the last row of an audit is that it has ended');
	start_audit($node);
};

subtest 'A11: objects' => sub {
	is_told('ALTER EVENT TRIGGER greet DISABLE', 'ALTER EVENT TRIGGER event trigger greet');
	is_told('ALTER EVENT TRIGGER greet ENABLE ALWAYS', 'ALTER EVENT TRIGGER event trigger greet');
	is_told('DROP EVENT TRIGGER part', 'DROP EVENT TRIGGER event trigger part');
	is_told($_, '') for 'ALTER EVENT TRIGGER other DISABLE', 'DROP EVENT TRIGGER other';
	is_told('DROP FUNCTION noop() CASCADE', 'DROP FUNCTION event trigger greet');
	is_told('CREATE TABLE t (i int); ALTER TABLE t ADD j int; TRUNCATE t; DROP TABLE t', '');

	my @in_log = (database => 'postgres');
	my ($month) = split /\n/, in_log(q{SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'session_audit.log'::regclass ORDER BY 1});
	is_told("ALTER TABLE $month OWNER TO other", "ALTER TABLE table $month", @in_log);
	is_told("ALTER TABLE $month OWNER TO root", "ALTER TABLE table $month", @in_log);
	my @others = grep { $_ ne 'session_audit.log_default' } split /\n/, in_log(q{SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'session_audit.log'::regclass ORDER BY 1 DESC});
	my $next = $others[0];
	is_told("TRUNCATE $next", "TRUNCATE TABLE table $next", @in_log);
	is_told("ALTER TABLE session_audit.log DETACH PARTITION $next", "ALTER TABLE table $next", @in_log);
	is_told("DROP TABLE $next", "DROP TABLE table $next", @in_log);
	is_told('ALTER FUNCTION session_audit.status() OWNER TO other', 'ALTER FUNCTION function session_audit.status()', @in_log);
	is_told('ALTER FUNCTION session_audit.status() OWNER TO root', 'ALTER FUNCTION function session_audit.status()', @in_log);
	is_told('GRANT SELECT ON session_audit.log TO other', 'GRANT table session_audit.log SELECT to other', @in_log);
	is_told('REVOKE ALL ON ALL TABLES IN SCHEMA session_audit FROM other', 'REVOKE schema session_audit ALL to other', @in_log);
	is_told('GRANT EXECUTE ON FUNCTION session_audit.drop_months, pg_catalog.now TO PUBLIC', 'GRANT function session_audit.drop_months(timestamp with time zone,integer) EXECUTE to PUBLIC', @in_log);
	is_told([ 'REVOKE EXECUTE ON FUNCTION session_audit.drop_months FROM PUBLIC', 'GRANT SET ON PARAMETER session_audit.enabled, work_mem TO other', 'REVOKE ALL ON DATABASE postgres FROM other' ],
		'REVOKE function session_audit.drop_months(timestamp with time zone,integer) EXECUTE to PUBLIC; GRANT session_audit.enabled SET to other; REVOKE database postgres ALL to other', @in_log);
	is_told([ 'GRANT SELECT (at, "number"), UPDATE (at), TRIGGER ON session_audit.log_default TO other, CURRENT_USER, "PUBLIC, alice" WITH GRANT OPTION',
			'REVOKE GRANT OPTION FOR ALL (at) ON session_audit.log_default FROM SESSION_USER' ],
		'GRANT table session_audit.log_default SELECT (at, number), UPDATE (at), TRIGGER WITH GRANT OPTION to other, root, "PUBLIC, alice"; REVOKE table session_audit.log_default GRANT OPTION FOR ALL (at) to root', @in_log);
	# What is too long is cut, and keeps nothing else out.
	my $many = join ', ', map { 'at' } 1 .. 40;
	is_told("GRANT SELECT ($many) ON session_audit.log TO alice", 'GRANT table session_audit.log SELECT (at' . ', at' x 24 . ', a to alice', @in_log);
	is_told('GRANT SELECT ON session_audit.log TO other', '', @in_log, role => 'alice');
	is_told('GRANT USAGE ON SCHEMA session_audit TO other', '', @in_log, role => 'alice');

	is_told('CREATE OR REPLACE FUNCTION session_audit.is_removed(server bigint, first bigint, last bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$',
		'CREATE FUNCTION function session_audit.is_removed(bigint,bigint,bigint)', @in_log);
	is_told('CREATE OR REPLACE VIEW session_audit.last_logons AS TABLE session_audit.last_logons', 'CREATE VIEW view session_audit.last_logons', @in_log);
	is_told('ALTER TABLE session_audit.removed ADD COLUMN more int, ADD COLUMN much int', 'ALTER TABLE table session_audit.removed', @in_log);
	is_told('ALTER TABLE session_audit.log ADD COLUMN more int', 'ALTER TABLE table session_audit.log', @in_log);
	is_told('ALTER TABLE session_audit.log RENAME COLUMN more TO much', 'ALTER TABLE table session_audit.log', @in_log);
	is_told('ALTER TABLE session_audit.log DROP COLUMN much', 'ALTER TABLE table session_audit.log', @in_log);
	is_told('CREATE INDEX mine ON session_audit.log (login_user)', '', @in_log);
	is_told('DROP INDEX session_audit.mine', 'DROP INDEX index session_audit.mine', @in_log);
	is_told('ALTER SEQUENCE session_audit.server RESTART', 'ALTER SEQUENCE sequence session_audit.server', @in_log);

	# What belongs to the log does so in another schema, and in another extension.
	my $bounds = q{FOR VALUES FROM ('2001-01-01') TO ('2001-02-01')};
	is_told([ 'CREATE TABLE public.far (LIKE session_audit.log)', "ALTER TABLE session_audit.log ATTACH PARTITION public.far $bounds" ], 'ALTER TABLE table far', @in_log);
	is_told([ 'CREATE INDEX near ON public.far (login_user)', 'DROP INDEX public.near' ], 'DROP INDEX index near', @in_log);
	is_told('TRUNCATE public.far', 'TRUNCATE TABLE table far', @in_log);
	is_told([ 'ALTER EXTENSION plpgsql ADD TABLE public.far', 'CREATE EXTENSION tcn', 'ALTER EXTENSION plpgsql DROP TABLE public.far', 'ALTER EXTENSION tcn ADD TABLE public.far', 'DROP EXTENSION tcn' ],
		'DROP EXTENSION table far', @in_log);
	is_told("CREATE TABLE public.far PARTITION OF session_audit.log $bounds", 'CREATE TABLE table far', @in_log);
	is_told([ 'CREATE SCHEMA aside', 'ALTER TABLE public.far SET SCHEMA aside', 'DROP SCHEMA aside CASCADE' ],
		'ALTER TABLE table far; DROP SCHEMA table aside.far', @in_log);
	is_told([ "CREATE TABLE public.far PARTITION OF session_audit.log $bounds", 'ALTER TABLE public.far OWNER TO other', 'DROP OWNED BY other' ],
		'CREATE TABLE table far; ALTER TABLE table far; DROP OWNED table far', @in_log);

	# What a statement executes on its way hides neither the statement nor itself.
	is_told([ <<'EOS', 'CREATE EVENT TRIGGER aside ON ddl_command_start EXECUTE FUNCTION public.aside()', "CREATE TABLE public.far PARTITION OF session_audit.log $bounds", 'DROP TABLE public.far' ],
CREATE FUNCTION public.aside() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_tag = 'DROP TABLE' THEN
        DROP SCHEMA IF EXISTS session_audit_2;
    ELSIF tg_tag = 'CREATE FUNCTION' THEN
        TRUNCATE session_audit.removed;
        ALTER ROLE alice RESET session_audit.required;
        ALTER EVENT TRIGGER told DISABLE;
    END IF;
END
$$
EOS
		'CREATE TABLE table far; DROP TABLE table far', @in_log);
	is_told([ 'CREATE EVENT TRIGGER told ON before_user_logoff EXECUTE FUNCTION public.aside()', 'CREATE EXTENSION tcn' ],
		'TRUNCATE TABLE table session_audit.removed; ALTER ROLE role alice session_audit.required; ALTER EVENT TRIGGER event trigger told', @in_log);
	is_told('DROP EXTENSION tcn', '', @in_log);
	is_told('DROP FUNCTION public.aside() CASCADE', 'DROP FUNCTION event trigger told', @in_log);
	# Meanwhile, nothing is written. Back is the same.
	is_told([ 'ALTER DATABASE postgres OWNER TO other', 'ALTER DATABASE postgres OWNER TO root' ],
		'ALTER DATABASE database postgres');

	# The log is gone, and made anew, with a row that says so.
	my $position = log_position($node);
	my $session = open_session($node, 'root', @in_log);
	$session->query('DROP EXTENSION session_audit CASCADE');
	wait_until($node, 'postgres', q{SELECT to_regclass('session_audit.log') IS NOT NULL});
	my @lines = lines_of($node, $position, 'changed');
	is_deeply([ map { "$_->{context}{change} $_->{context}{object}" } @lines ], ['DROP EXTENSION extension session_audit'], 'A11: one line tells that all of it was dropped');
	wait_until($node, 'postgres', q{SELECT count(*) = 1 FROM session_audit.log WHERE event = 'changed'});
	is(changes_since(0), 'DROP EXTENSION extension session_audit', 'A11: and the first rows of the new log');
	$session->quit;
};

log_is_clean($node, 'the log has no failed assertion and no leak');
$node->stop;

done_testing();
