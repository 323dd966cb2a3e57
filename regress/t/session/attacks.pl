# What a role without privileges can try in order to become another role or to
# stay unrecorded: rules D1, D2, D5, D6, F7, F9, F10, G, and X. Each subtest is an
# attack that once succeeded. A change that resolves a name, holds a lock, or
# handles a signal adds a subtest of its own.
use strict;
use warnings FATAL => 'all';

use FindBin;
use IO::Socket::UNIX;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('attacked', conf => <<'EOF');
max_locks_per_transaction = 10
max_prepared_transactions = 2
EOF
$node->start;
my $major = int($node->pg_version);
create_app($node, <<'EOF');
CREATE ROLE mallory LOGIN;
CREATE ROLE alice LOGIN;
CREATE ROLE canceler LOGIN IN ROLE pg_signal_backend;
CREATE ROLE root LOGIN SUPERUSER;
CREATE SCHEMA audit;
CREATE TABLE audit.log (at timestamptz DEFAULT clock_timestamp(), pid int DEFAULT pg_backend_pid(), event text, login_user text);
CREATE FUNCTION audit.record() RETURNS event_trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO audit.log (event, login_user) VALUES (tg_event, polar_login_user);
END
$$;
EOF

# Replaces all triggers. The last one of each event records it, if there is any.
sub set_triggers
{
	my (%functions) = @_;
	my $sql = "TRUNCATE audit.log;\n";
	for my $event (qw(after_user_logon before_user_logoff))
	{
		$sql .= "DROP EVENT TRIGGER IF EXISTS a_$event; DROP EVENT TRIGGER IF EXISTS z_$event;\n";
		$sql .= "CREATE EVENT TRIGGER a_$event ON $event EXECUTE FUNCTION $functions{$event}();\n"
		  if $functions{$event};
		$sql .= "CREATE EVENT TRIGGER z_$event ON $event EXECUTE FUNCTION audit.record();\n"
		  if %functions;
	}
	admin($node, 'app', $sql);
	return;
}

# Runs a command, and returns its first value, or its error.
sub value
{
	my ($client, $sql) = @_;
	my $value = eval { scalar $client->query($sql) };
	return $@ ? $@ =~ s/ at \S+ line \d+\.?\n//r : $value;
}

# Waits for the end of a session, and tests that its rows are these events.
sub is_recorded
{
	my ($client, $events, $name) = @_;
	wait_for_exit($node, $client);
	return is(admin($node, 'app', "SELECT string_agg(event, ' ' ORDER BY at) FROM audit.log WHERE pid = " . $client->pid),
		$events, $name);
}

my $both = 'after_user_logon before_user_logoff';

# Returns how many of the roles have become superusers.
sub superusers
{
	return admin($node, 'app', q{SELECT count(*) FROM pg_roles WHERE rolname IN ('mallory', 'alice') AND rolsuper});
}

# The body of mallory's own functions.
my $evil = "BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN true; END";

# Sends one cancel request with a session's key, over a plain connection. Over an
# encrypted one it would have the same effect.
sub send_cancel
{
	my ($client) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port)
	  or die "could not connect: $!";
	my $request = pack('NNN', 12 + length $client->{key}, 80877102, $client->pid) . $client->{key};
	syswrite($socket, $request) == length $request or die "could not send a cancel request: $!";
	# The server closes the connection once it has sent the signal.
	sysread $socket, my $rest, 1;
	return;
}

subtest 'D5: a temporary type VARCHAR2 is not found' => sub {
	admin($node, 'app', <<'EOF');
CREATE FUNCTION audit.types() RETURNS event_trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v VARCHAR2 := polar_login_user;
    w VARCHAR2(64);
    x VARCHAR2(64 CHAR) := 'x';
    y VARCHAR2[];
    z v%TYPE;
BEGIN
    w := tg_event::varchar2;
    y := ARRAY[v, w]::varchar2[];
    z := CAST(x AS varchar2(3 byte));
    PERFORM 'varchar2'::regtype, varchar2 'a', w::pg_catalog.varchar2;
    EXECUTE 'SELECT $1::varchar2' INTO v USING w;
    IF pg_typeof(v) <> 'varchar'::regtype OR pg_typeof(y) <> 'varchar[]'::regtype
        OR pg_typeof(varchar2 'a') <> 'varchar'::regtype OR 'varchar2'::regtype <> 'varchar'::regtype THEN
        RAISE 'VARCHAR2 is % %', pg_typeof(v), pg_typeof(y);
    END IF;
END
$$;
EOF
	my $admin = open_quiet_session($node);
	$admin->query(<<'EOF');
CREATE FUNCTION public.oracle_form(a varchar2 DEFAULT 'x'::varchar2) RETURN varchar2
SET search_path = pg_catalog, pg_temp IS
    v VARCHAR2(10) := a;
BEGIN
    RETURN v || 'y'::varchar2;
END;
EOF
	$admin->quit;
	set_triggers(before_user_logoff => 'audit.types');
	my %shadow = (
		domain => "CREATE FUNCTION pg_temp.evil(text) RETURNS bool LANGUAGE plpgsql AS \$\$$evil\$\$;"
		  . ' CREATE DOMAIN pg_temp.varchar2 AS text CHECK (pg_temp.evil(value))',
		array => "CREATE FUNCTION pg_temp.evil(text) RETURNS bool LANGUAGE plpgsql AS \$\$$evil\$\$;"
		  . ' CREATE DOMAIN pg_temp._varchar2 AS text[] CHECK (pg_temp.evil(value::text))',
		enum => q{CREATE TYPE pg_temp.varchar2 AS ENUM ('x')},
		table => 'CREATE TEMP TABLE varchar2 (a int)',
		units => 'CREATE DOMAIN pg_temp.byte AS int; CREATE DOMAIN pg_temp.char AS int; CREATE DOMAIN pg_temp.varchar AS int');
	for my $what (sort keys %shadow)
	{
		my $client = open_session($node, 'mallory');
		$client->query($_) for split /;\s+(?=CREATE)/, $shadow{$what};
		$client->query('SET search_path = pg_temp, public, pg_catalog');
		is(value($client, 'SELECT public.oracle_form()'), 'xy',
			"a routine in Oracle's form works with a temporary $what");
		is(value($client, q{SELECT pg_typeof('a'::varchar2)}), 'character varying',
			"a cast in the session is to VARCHAR, with a temporary $what");
		$client->quit;
		is_recorded($client, $both, "the session with a temporary $what is recorded");
	}
	is(superusers(), '0', 'no role has become a superuser');
};

subtest 'D5: pg_catalog.varchar2 is varchar' => sub {
	set_triggers();
	my $client = open_session($node, 'mallory');
	for my $type ('pg_catalog.varchar2', 'pg_catalog.varchar2(3)', 'pg_catalog.varchar2[]')
	{
		my $array = $type =~ /\[\]/;
		is(value($client, 'SELECT pg_typeof(' . ($array ? "'{a}'" : "'a'") . "::$type)"),
			$array ? 'character varying[]' : 'character varying', "$type is the built-in type");
	}
	$client->quit;
};

subtest "D2: VARCHAR2 in a function's notation is a function" => sub {
	my $client = open_session($node, 'root');
	$client->query(q{CREATE FUNCTION public.varchar2(int) RETURNS text LANGUAGE sql AS $$SELECT 'function'$$});
	is(value($client, 'SELECT varchar2(5::smallint)'), 'function', 'a function of that name is called');
	$client->query('DROP FUNCTION public.varchar2(int)');
	$client->quit;
};

subtest "D1: the caller's path does not decide what runs with the owner's rights" => sub {
	set_triggers();
	admin($node, 'app', 'GRANT CREATE ON SCHEMA public TO mallory; CREATE SCHEMA lib');
	my $admin = open_session($node, 'root');
	my $body = "n int;\nBEGIN\n  SELECT count(*) INTO n FROM pg_roles WHERE lower(rolname) = p;\n  RETURN n;\nEND;";
	$admin->query("CREATE FUNCTION public.n_members(p text) RETURN int IS $body");
	$admin->query('SET search_path = lib, pg_catalog');
	$admin->query("CREATE FUNCTION public.n_members_lib(p text) RETURN int AUTHID DEFINER IS $body");
	$admin->query('CREATE TABLE lib.t AS SELECT 42 AS a');
	$admin->query('CREATE FUNCTION public.author(p int) RETURN int IS BEGIN RETURN (SELECT a FROM t); END;');
	$admin->quit;

	my $client = open_session($node, 'mallory');
	for my $schema ('public', 'pg_temp')
	{
		$client->query("CREATE FUNCTION $schema.lower(name) RETURNS text LANGUAGE plpgsql AS "
			  . "\$\$BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN \$1; END\$\$");
		for my $path ("$schema, pg_catalog", "pg_catalog, $schema", $schema)
		{
			$client->query("SET search_path = $path");
			for my $routine (qw(n_members n_members_lib))
			{
				is(value($client, "SELECT public.$routine('root')"), '1',
					"$routine() gives its own result with search_path $path");
			}
		}
	}
	$client->query('CREATE TEMP TABLE t AS SELECT 43 AS a');
	is(value($client, 'SELECT public.author(1)'), '42', "a name in the routine means what it meant to its author");
	$client->query('DROP FUNCTION public.lower(name)');
	$client->quit;
	is(superusers(), '0', 'no role has become a superuser');
	admin($node, 'app', 'REVOKE CREATE ON SCHEMA public FROM mallory');
};

# In each case another role creates a function or a table where a routine of root's
# could find it, before or after the routine is created.
subtest 'D1: no other role can put an object into the path of a routine' => sub {
	my $plant = q{CREATE FUNCTION %s.lower(name) RETURNS text LANGUAGE plpgsql AS }
	  . q{$$BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN $1; END$$};
	my $count = q{CREATE FUNCTION %s RETURN int IS n int; BEGIN SELECT count(*) INTO n FROM pg_roles }
	  . q{WHERE lower(rolname) = 'root'; RETURN n; END;};
	admin($node, 'app', 'ALTER ROLE mallory CREATEDB; GRANT CREATE ON DATABASE app TO mallory, alice');
	my $root = open_quiet_session($node);

	# The privilege is granted after the routine is created.
	$root->query(sprintf $count, 'public.granted_later');
	$root->query('GRANT CREATE ON SCHEMA public TO mallory');
	my $client = open_session($node, 'mallory');
	$client->query(sprintf $plant, 'public');
	is(value($client, 'SELECT public.granted_later()'), '1',
		'a routine does not find the function of a role that has got the privilege later');
	# A table in a schema that is not searched any more is not looked for among the
	# temporary ones either.
	$root->query('CREATE TABLE public.hits (who text)');
	$root->query('CREATE FUNCTION public.hit RETURN int IS BEGIN INSERT INTO hits VALUES (session_user); RETURN 1; END;');
	$client->query(q{CREATE FUNCTION pg_temp.tg() RETURNS trigger LANGUAGE plpgsql AS }
		  . q{$$BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN NEW; END$$});
	$client->query('CREATE TEMP TABLE hits (who text)');
	$client->query('CREATE TRIGGER t BEFORE INSERT ON hits FOR EACH ROW EXECUTE FUNCTION pg_temp.tg()');
	like(value($client, 'SELECT public.hit()'), qr/relation "hits" does not exist/,
		'a routine does not find a temporary table in place of one that is not searched');
	$client->query('DROP FUNCTION public.lower(name)');
	$root->query('REVOKE CREATE ON SCHEMA public FROM mallory');
	is(value($client, 'SELECT public.hit()'), '1',
		'a schema is searched again once no other role can create objects in it');

	# A schema is dropped, and created again by another role.
	$root->query('CREATE SCHEMA gone; SET search_path = gone, public');
	$root->query(sprintf $count, 'public.recreated');
	$root->query('DROP SCHEMA gone; RESET search_path');
	$client->query('CREATE SCHEMA gone');
	$client->query('GRANT USAGE ON SCHEMA gone TO PUBLIC');
	$client->query(sprintf $plant, 'gone');
	is(value($client, 'SELECT public.recreated()'), '1',
		'a routine does not search a schema that another role has created again');

	# The routine gets another owner.
	my $alice = open_session($node, 'alice');
	$alice->query('CREATE SCHEMA alice; GRANT USAGE ON SCHEMA alice TO PUBLIC');
	$alice->query('SET search_path = alice');
	$alice->query(sprintf $count, 'alice.given');
	$root->query('ALTER FUNCTION alice.given() OWNER TO root');
	$alice->query((sprintf $plant, 'alice') =~ s/mallory/alice/r);
	is(value($alice, 'SELECT alice.given()'), '1', 'a routine of a new owner does not search the schema of the old one');
	$alice->quit;
	$client->quit;

	# The database gets another owner, and with it the schema public, also in a copy.
	$root->query('CREATE DATABASE source');
	my $source = open_session($node, 'root', database => 'source');
	$source->query('CREATE TABLE public.t (a text)');
	$source->query(q{CREATE FUNCTION public.sample RETURN event_trigger IS v text; BEGIN v := polar_database_name || ' #' || polar_instance_num; END;});
	$source->query('CREATE EVENT TRIGGER sample AFTER LOGON ON DATABASE EXECUTE FUNCTION public.sample()');
	$source->quit;
	wait_until($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'source'}, '0');
	$root->query('CREATE DATABASE copy TEMPLATE source OWNER mallory');
	for my $database ('copy', 'source')
	{
		$root->query('ALTER DATABASE source OWNER TO mallory') if $database eq 'source';
		$client = open_session($node, 'mallory', database => $database);
		$client->query(q{CREATE FUNCTION public.ev(text, int) RETURNS text LANGUAGE plpgsql AS }
			  . q{$$BEGIN IF current_user = 'root' THEN EXECUTE 'ALTER ROLE mallory SUPERUSER'; END IF; RETURN $1; END$$});
		$client->query('CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = int, FUNCTION = public.ev)');
		$client->quit;
		$client = connect_as($node, 'mallory', database => $database);
		is(scalar(grep { ($_->{M} // '') eq $WARNING } $client->ready), 0, "the trigger in the database $database does not fail");
		$client->quit;
	}
	is(superusers(), '0', 'no role has become a superuser');
	$root->query('DROP SCHEMA gone, alice CASCADE; DROP FUNCTION public.hit(); DROP TABLE public.hits; ALTER ROLE mallory NOCREATEDB');
	$root->query('REVOKE CREATE ON DATABASE app FROM mallory, alice');
	$root->quit;
};

subtest 'D5, D2: VARCHAR2 is not a name by which varchar can be altered' => sub {
	my $root = open_quiet_session($node);
	my $before = value($root, q{SELECT t::text || obj_description(t.oid, 'pg_type') FROM pg_type t WHERE oid = 'varchar'::regtype});
	for my $sql (
		'ALTER TYPE varchar2 RENAME TO varchar3',
		'ALTER TYPE varchar2 SET SCHEMA public',
		'ALTER TYPE varchar2 OWNER TO mallory',
		'ALTER TYPE varchar2 SET (STORAGE = plain)',
		'ALTER TYPE pg_catalog.varchar2 OWNER TO mallory',
		'REVOKE USAGE ON TYPE varchar2 FROM PUBLIC',
		"COMMENT ON TYPE varchar2 IS 'x'",
		'DROP TYPE varchar2')
	{
		like(value($root, $sql), qr/type "(pg_catalog\.)?varchar2" does not exist/, "$sql does not find varchar");
	}
	is(value($root, q{SELECT t::text || obj_description(t.oid, 'pg_type') FROM pg_type t WHERE oid = 'varchar'::regtype}), $before,
		'varchar has not changed');
	# An I/O function creates a shell type.
	$root->query('CREATE SCHEMA types; SET search_path = types');
	$root->query(q{CREATE FUNCTION varchar2in(cstring, oid, int) RETURNS varchar2 AS 'varcharin' LANGUAGE internal IMMUTABLE STRICT});
	$root->query(q{CREATE FUNCTION varchar2out(varchar2) RETURNS cstring AS 'varcharout' LANGUAGE internal IMMUTABLE STRICT});
	$root->query('CREATE TYPE varchar2 (INPUT = varchar2in, OUTPUT = varchar2out, LIKE = varchar)');
	is(value($root, q{SELECT pg_typeof('a'::varchar2)}), 'varchar2', 'a type of that name can be created with I/O functions');
	is(value($root, "COMMENT ON TYPE varchar2 IS 'x'"), undef, 'that type can be commented on by that name');
	$root->query('DROP SCHEMA types CASCADE');
	$root->quit;
};

subtest 'F9: a logon does not cancel its own record' => sub {
	# The notices flush the cancel key to the client, and the trigger takes some
	# time, so that cancels arrive while it runs and just after it has ended.
	admin($node, 'app', <<'EOF');
CREATE FUNCTION audit.talk() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 20 LOOP
        RAISE NOTICE 'welcome %', repeat('x', 1000);
        PERFORM pg_sleep(0.002);
    END LOOP;
END
$$;
EOF
	set_triggers(after_user_logon => 'audit.talk', before_user_logoff => 'audit.talk');
	my ($sent, $errors, $hits) = (0, 0, 0);
	my @clients;
	for my $try (1 .. 6)
	{
		my $client = connect_as($node, 'mallory');
		my ($message, $seen);
		while ($message = $client->next_message)
		{
			$errors++ if $message->{type} eq 'E' || ($message->{M} // '') eq $WARNING;
			last if $message->{type} eq 'Z';
			next if !$client->{key};
			send_cancel($client);
			$sent++;
		}
		$hits++ if ($client->query('SELECT 1') // '') ne '1';
		push @clients, $client;
	}
	cmp_ok($sent, '>=', 6 * 10, 'many cancels are sent during the logons');
	is($errors, 0, 'no firing fails');
	is($hits, 0, 'no cancel of the logon hits the first query');
	for my $client (@clients)
	{
		$client->send_terminate;
		for (1 .. 20)
		{
			send_cancel($client);
		}
		is_recorded($client, $both, 'a session that cancels its logon and its logoff is recorded');
	}
};

subtest 'F9: a cancel from before a firing does not hit it' => sub {
	set_triggers(after_user_logon => 'audit.record');
	my $client = open_session($node, 'mallory');
	$client->query('SELECT 1');
	# A cancel between two commands has no effect, and must not have one later.
	for (1 .. 10)
	{
		send_cancel($client);
	}
	$client->quit;
	is_recorded($client, 'after_user_logon after_user_logon before_user_logoff', 'the session is recorded');
};

subtest 'F9: a cancel still cancels a query' => sub {
	set_triggers(after_user_logon => 'audit.record');
	my $client = open_session($node, 'mallory');
	$client->send_query('SELECT pg_sleep(3600)');
	ok(wait_for_event($node, $client, 'PgSleep'), 'the first query runs');
	send_cancel($client);
	is_deeply([ map { $_->{C} } grep { $_->{type} eq 'E' } $client->messages ], ['57014'],
		'a cancel request cancels the first query');
	$client->query('SET statement_timeout = 50');
	$client->send_query('SELECT pg_sleep(3600)');
	is_deeply([ map { $_->{C} } grep { $_->{type} eq 'E' } $client->messages ], ['57014'],
		'statement_timeout cancels a query');
	$client->quit;
};

subtest 'F9: a role with pg_signal_backend does not cancel the record of others' => sub {
	set_triggers(after_user_logon => 'audit.talk', before_user_logoff => 'audit.talk');
	my $canceler = open_session($node, 'canceler', options => '-c application_name=canceler');
	$canceler->send_query(<<'EOF');
DO $$
BEGIN
    LOOP
        -- without this, the list of sessions would stay the same
        PERFORM pg_stat_clear_snapshot();
        PERFORM pg_cancel_backend(pid) FROM pg_stat_get_activity(NULL) WHERE pid <> pg_backend_pid()
            AND usesysid = (SELECT oid FROM pg_roles WHERE rolname = 'alice');
    END LOOP;
END
$$
EOF
	my @clients;
	for my $try (1 .. 5)
	{
		# Before the firing, a cancel request refuses the session, as it does upstream.
		my ($client, @messages);
		for (1 .. 100)
		{
			$client = connect_as($node, 'alice');
			@messages = $client->messages;
			last if @messages && $messages[-1]{type} eq 'Z';
		}
		is(scalar(grep { $_->{type} eq 'E' || ($_->{M} // '') eq $WARNING } @messages), 0,
			'the canceler does not fail a firing');
		is_deeply([ map { $_->{C} } grep { $_->{type} eq 'E' } $client->query('SELECT pg_sleep(3600)') ],
			['57014'], 'the canceler does cancel a query');
		$client->quit;
		push @clients, $client;
	}
	is_recorded($_, $both, 'the session is recorded') for @clients;
	$canceler->drop;
	admin($node, 'app', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'canceler'});
};

subtest 'F9: a lock_timeout of the function takes effect in a firing' => sub {
	admin($node, 'app', <<'EOF');
CREATE FUNCTION audit.try_lock() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
BEGIN
    LOCK TABLE audit.log;
EXCEPTION WHEN lock_not_available THEN
    INSERT INTO audit.log (event, login_user) VALUES ('locked', polar_login_user);
END
$$;
EOF
	set_triggers(after_user_logon => 'audit.try_lock');
	my $holder = open_quiet_session($node);
	$holder->query('BEGIN; LOCK TABLE audit.log IN ROW EXCLUSIVE MODE');
	my $client = open_session($node, 'mallory');
	$client->quit;
	$holder->query('COMMIT');
	$holder->quit;
	is_recorded($client, "locked $both", 'the wait for the lock ends, and the session is recorded');
};

# F10: functions that hang
my %hanging = (
	plpgsql => 'LANGUAGE plpgsql AS $$BEGIN LOOP PERFORM 1; END LOOP; END$$',
	sleep => 'LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(3600); END$$',
	lock => 'LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock(42); END$$',
	commit => 'LANGUAGE plpgsql AS $$BEGIN INSERT INTO audit.slow VALUES (1); END$$');
# Not every major has event trigger functions in these languages, so one in
# PL/pgSQL calls functions in them.
my %loops = (
	plperl => q{while (1) { spi_exec_query('SELECT 1'); }},
	plpython3u => q{while True: plpy.execute('SELECT 1')});
for my $language (sort keys %loops)
{
	admin($node, 'app', "CREATE EXTENSION $language;"
		  . "CREATE FUNCTION audit.loop_$language() RETURNS void LANGUAGE $language AS \$\$$loops{$language}\$\$");
	$hanging{$language} = "LANGUAGE plpgsql AS \$\$BEGIN PERFORM audit.loop_$language(); END\$\$";
}

subtest 'F10: a trigger that hangs runs into its time limit, in spite of cancels' => sub {
	admin($node, 'app', <<'EOF');
CREATE TABLE audit.slow (a int);
CREATE FUNCTION audit.hang_at_commit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3600); END';
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON audit.slow DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION audit.hang_at_commit();
ALTER ROLE alice SET session_triggers.logon_timeout = '200ms';
ALTER ROLE alice SET session_triggers.logoff_timeout = '200ms';
EOF
	my $holder = hold_lock($node);
	for my $event (qw(after_user_logon before_user_logoff))
	{
		for my $how (sort keys %hanging)
		{
			admin($node, 'app', "CREATE OR REPLACE FUNCTION audit.hang() RETURNS event_trigger SECURITY DEFINER $hanging{$how}");
			set_triggers($event => 'audit.hang');
			my $position = log_position($node);
			my $client = open_session($node, 'alice');
			is(value($client, 'SELECT 1'), '1', "$event: $how: the session runs queries");
			$client->send_terminate;
			send_cancel($client) for 1 .. 5;
			is_recorded($client, $event eq 'after_user_logon' ? 'before_user_logoff' : 'after_user_logon',
				"$event: $how: the other event is recorded");
			my $setting = $event eq 'after_user_logon' ? 'logon_timeout' : 'logoff_timeout';
			my @errors = grep { /\|ERROR:/ } log_lines($node, $position, $client);
			is(scalar(@errors), 1, "$event: $how: the log has one error");
			like($errors[0] // '', qr/^57014\|ERROR:  canceling event triggers due to session_triggers\.$setting/,
				"$event: $how: the error names the setting");
		}
	}
	$holder->quit;
};

subtest 'G1: what a session holds does not take its logoff row away' => sub {
	set_triggers(before_user_logoff => 'audit.record');
	my $grab = 'SELECT count(pg_advisory_lock_shared(i)) FROM generate_series(1, 200000) i';
	my $recorded = 'after_user_logon before_user_logoff before_user_logoff';
	my $client = open_session($node, 'mallory');
	is_deeply([ map { $_->{C} } grep { $_->{type} eq 'E' } $client->query($grab) ], ['53200'], 'the lock table is full');
	$client->quit;
	is_recorded($client, $recorded, 'a session with advisory locks is recorded');

	# The next session is let in, since the locks have been released.
	$client = open_session($node, 'mallory', options => '-c session_triggers.logon_warning=on');
	$client->query('BEGIN');
	$client->query('DECLARE c CURSOR WITH HOLD FOR SELECT repeat(md5(i::text), 100) FROM generate_series(1, 20000) i');
	$client->query('COMMIT');
	$client->query('CREATE TEMP TABLE t AS SELECT i FROM generate_series(1, 1000) i');
	$client->query('PREPARE p AS SELECT * FROM t');
	$client->query("SELECT set_config('mallory.huge', repeat('x', 100000000), false)");
	$client->query('LISTEN nobody');
	like(value($client, $grab), qr/out of shared memory/, 'the lock table is full of locks of the session');
	$client->query('BEGIN');
	like(value($client, 'SELECT pg_advisory_xact_lock(i) FROM generate_series(1, 200000) i'),
		qr/out of shared memory/, 'the lock table has no room for locks of a transaction');
	$client->quit;
	is_recorded($client, $recorded, 'a session with locks, a cursor, temporary files, memory, and a failed transaction is recorded');

	admin($node, 'app', q{ALTER ROLE alice SET session_triggers.logoff_on = 'exit'});
	admin($node, 'app', 'ALTER ROLE alice RESET session_triggers.logoff_timeout');
	$client = open_session($node, 'alice');
	like(value($client, $grab), qr/out of shared memory/, 'the lock table is full again');
	value($client, 'SELECT pg_terminate_backend(pg_backend_pid())');
	is_recorded($client, $recorded, 'a session with advisory locks that terminates itself is recorded');
	admin($node, 'app', 'ALTER ROLE alice RESET session_triggers.logoff_on');
};

subtest 'G1: temp_file_limit does not take a logoff row away' => sub {
	admin($node, 'app', <<'EOF');
CREATE FUNCTION audit.spill() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET work_mem = '64kB' AS $$
BEGIN
    PERFORM count(DISTINCT md5(i::text)) FROM generate_series(1, 20000) i;
END
$$;
ALTER ROLE mallory SET temp_file_limit = '4MB';
EOF
	set_triggers(before_user_logoff => 'audit.spill');
	my $client = open_session($node, 'mallory');
	$client->query('BEGIN');
	$client->query('DECLARE c CURSOR WITH HOLD FOR SELECT repeat(md5(i::text), 10) FROM generate_series(1, 10000) i');
	$client->query("SET work_mem = '64kB'");
	$client->query('COMMIT');
	$client->quit;
	is_recorded($client, $both, 'the files of a held cursor do not count');
	admin($node, 'app', 'ALTER ROLE mallory RESET temp_file_limit');
};

subtest 'F7: temp_buffers, which may not be changed any more, does not fail the firing' => sub {
	admin($node, 'app', <<'EOF');
CREATE FUNCTION audit.buffers() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE LOG 'temp_buffers is %', current_setting('temp_buffers');
    CREATE TEMP TABLE IF NOT EXISTS of_trigger (a int);
END
$$;
EOF
	set_triggers(before_user_logoff => 'audit.buffers');
	my $position = log_position($node);
	my $client = open_session($node, 'mallory', options => '-c temp_buffers=4GB');
	$client->quit;
	is_recorded($client, $both, 'a session that sets temp_buffers before its first use is recorded');
	like(log_text($node, $position, $client), qr/temp_buffers is 8MB/, 'temp_buffers has its default in the firing');
	$position = log_position($node);
	$client = open_session($node, 'mallory', options => '-c temp_buffers=200');
	$client->query('CREATE TEMP TABLE used AS SELECT 1 AS a');
	$client->quit;
	is_recorded($client, $both, 'a session that has used temp_buffers, so that it cannot change, is recorded');
	like(log_text($node, $position, $client), qr/temp_buffers is 1600kB/, 'temp_buffers keeps its value in the firing');
};

subtest 'F7: texts that the client cannot read do not fail the firing' => sub {
	# A text of over 256 MB does not fit one buffer that allows for the largest
	# growth of a conversion. One client gets such a text.
	admin($node, 'app', <<'EOF');
CREATE FUNCTION audit.foreign_words() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 0 .. 9 LOOP
        RAISE NOTICE '% % %', repeat('x', 8185 + i), chr(252), repeat('y', 20000 * i);
        RAISE NOTICE '% % %', repeat(chr(252), 4090 + i), chr(8364), 'z';
    END LOOP;
    RAISE NOTICE '%', repeat('x', CASE current_setting('client_encoding') WHEN 'LATIN1' THEN 257 ELSE 1 END * 1024 * 1024);
END
$$;
EOF
	set_triggers(after_user_logon => 'audit.foreign_words');
	# On a slow machine the long text takes longer than the default limit.
	admin($node, 'app', 'ALTER ROLE mallory SET session_triggers.logon_timeout = 0');
	for my $encoding (qw(LATIN1 SJIS UTF8))
	{
		my $client = connect_as($node, 'mallory', client_encoding => $encoding);
		my @notices = map { $_->{M} } grep { $_->{type} eq 'N' } $client->ready;
		is(scalar(@notices), 21, "$encoding: all notices arrive");
		is(scalar(grep { $_ eq $WARNING } @notices), 0, "$encoding: the firing succeeds");
		is(length $notices[-1], 257 << 20, "$encoding: a text of any length arrives") if $encoding eq 'LATIN1';
		is($notices[0], ('x' x 8185) . " \xfc ",
			"$encoding: a text that it can represent is converted") if $encoding eq 'LATIN1';
		like($notices[1], qr/^\?+ \?+ z$/,
			"$encoding: a text that it cannot represent is sent in ASCII") if $encoding eq 'LATIN1';
		$client->quit;
		is_recorded($client, "$both", "$encoding: the session is recorded");
	}
	admin($node, 'app', 'ALTER ROLE mallory RESET session_triggers.logon_timeout');
};

subtest 'F9, X: signals that arrive together do not keep a session from being recorded' => sub {
	set_triggers(before_user_logoff => 'audit.record');
	admin($node, 'app', q{ALTER ROLE alice SET session_triggers.logoff_on = 'exit'});
	my $recorded = 'after_user_logon before_user_logoff before_user_logoff';
	my @clients = map { connect_as($node, 'alice') } 1 .. 20;
	$_->ready for @clients;
	my $pids = join ', ', map { $_->pid } @clients;
	# Each session is idle, that is, reading a command.
	admin($node, 'app', "SELECT pg_terminate_backend(pid), pg_cancel_backend(pid), pg_terminate_backend(pid) FROM unnest(ARRAY[$pids]) pid, generate_series(1, 20)");
	wait_for_exit($node, 'alice');
	is_recorded($_, $recorded, 'a session that is terminated again and again is recorded') for @clients;
	admin($node, 'app', 'ALTER ROLE alice RESET session_triggers.logoff_on');
};

# Returns the processor time, in nanoseconds, that a session's process has used,
# which does not depend on what else the machine does. Linux has accounted for all
# of it when the process sleeps.
sub processor_time
{
	my ($client) = @_;
	my $proc = '/proc/' . $client->pid;
	poll_until(sub { return slurp_file("$proc/stat") =~ /^\d+ \(.*\) S /; });
	return (split / /, slurp_file("$proc/schedstat"))[0];
}

# Returns how much longer the parsing of a text takes if it is four times as long:
# 4 times is linear, and 16 is quadratic. The shortest of three runs counts.
sub growth
{
	my ($client, $sql, $size) = @_;
	my @times;
	for my $factor (1, 4)
	{
		my $text = $sql->($size * $factor);
		my $best;
		for (1 .. 3)
		{
			my $start = processor_time($client);
			$client->try_query($text);
			my $used = processor_time($client) - $start;
			$best = $used if !defined $best || $used < $best;
		}
		push @times, $best;
	}
	note sprintf('%.1f ms, %.1f ms', map { $_ / 1e6 } @times);
	return $times[1] / $times[0];
}

# These texts are too long for the log.
admin($node, 'app', 'ALTER ROLE mallory SET log_min_error_statement = panic');

subtest 'D6: parsing takes time in proportion to the text' => sub {
	set_triggers();
	my $client = open_session($node, 'mallory');
	# An error at the end keeps the statements from being executed.
	my %texts = (
		'many RETURNs' => [ sub { return 'CREATE FUNCTION f()RETURN 1;' x $_[0] . 'nonsense' }, 16_000 ],
		'many RETURNs with a long rest' => [ sub { return 'CREATE FUNCTION f()RETURN a;' x $_[0] . 'nonsense' }, 16_000 ],
		"an error's position" => [
			sub {
				return 'CREATE FUNCTION pg_temp.f ' . ' ' x (2 * $_[0]) . 'RETURN int IS' . ' ' x $_[0] . 'BEGIN xx yy; END;';
			},
			100_000
		],
		"an error's position with repetitions" => [
			sub {
				return 'CREATE FUNCTION pg_temp.f RETURN int IS' . ' ab' x $_[0] . ' int; BEGIN xx yy; END;' . ' ab' x $_[0];
			},
			50_000
		],
		'a long body' => [ sub { return 'CREATE FUNCTION f RETURN int IS BEGIN' . ' x;' x $_[0] . 'nonsense' }, 100_000 ],
		'many bodies' => [ sub { return 'CREATE FUNCTION f RETURN int IS BEGIN RETURN 1; END;' x $_[0] . 'nonsense' }, 16_000 ],
		'a header that never decides' => [ sub { return 'CREATE FUNCTION f() RETURN a' . '(' x $_[0] }, 1_000_000 ],
		'comments and strings' => [ sub { return 'CREATE FUNCTION f() RETURN a' . ' /* /* */ */ -- x' x $_[0] }, 400_000 ],
	);
	for my $what (sort keys %texts)
	{
		my $growth = growth($client, @{ $texts{$what} });
		cmp_ok($growth, '<', 9, sprintf('%s: four times the text takes %.1f times as long', $what, $growth));
	}
	$client->quit;
};

subtest 'D6: parsing can be interrupted' => sub {
	my $client = open_session($node, 'mallory', options => '-c statement_timeout=100');
	my %texts = (
		'a long body' => 'CREATE FUNCTION f RETURN int IS BEGIN' . ' x;' x 8_000_000,
		'a long header' => 'CREATE FUNCTION f() RETURN a' . ' b' x 16_000_000,
		'many headers' => 'CREATE FUNCTION f()RETURN a;' x 400_000 . 'nonsense',);
	for my $what (sort keys %texts)
	{
		is_deeply([ map { $_->{C} } grep { $_->{type} eq 'E' } $client->query($texts{$what}) ], ['57014'], $what);
	}
	$client->quit;
};

is(superusers(), '0', 'no role has become a superuser');
log_is_clean($node, 'no server process has crashed');
$node->stop;

done_testing();
