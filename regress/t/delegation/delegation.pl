# Triggers whose owners are not superusers: rules N1 to N4. Who may create, own and change
# them, in whose sessions they fire, and what their failure means. What such a trigger could
# gain for its owner is in escalation.pl.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use POSIX ();
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('delegation', conf => <<'EOC');
autovacuum = off
log_min_messages = debug1
session_triggers.creator_role = platform
EOC
$node->start;
my $major = int($node->pg_version);
create_app($node, <<'EOS');
CREATE ROLE platform;
CREATE ROLE alice LOGIN IN ROLE platform;
CREATE ROLE bob LOGIN;          -- whom alice can become
CREATE ROLE carol LOGIN;        -- whom she cannot
CREATE ROLE dave LOGIN;         -- whose rights she inherits only, where that can be told apart
CREATE ROLE erin LOGIN IN ROLE platform;
CREATE ROLE root LOGIN SUPERUSER;
CREATE ROLE master LOGIN SUPERUSER;
GRANT bob TO alice;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, line text, xid xid8 DEFAULT pg_current_xact_id());
GRANT INSERT ON fired TO PUBLIC;
GRANT CREATE ON SCHEMA public TO alice, erin;
CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.fired (line) VALUES (concat_ws(' ', 'first', tg_event, tg_tag, polar_login_user));
END
$$;
EOS
admin($node, 'app', $major >= 16 ? 'GRANT dave TO alice WITH INHERIT TRUE, SET FALSE' : 'SELECT');

# The session in which a role does what it does besides logging on
my %hand;

sub as
{
	my ($role, @statements) = @_;
	$hand{$role} //= open_session($node, $role);
	$hand{$role}->query($_) for @statements;
	return;
}

# The SQLSTATE and message of the error of a role's statement, or "done"
sub attempt
{
	my ($role, $sql) = @_;
	$hand{$role} //= open_session($node, $role);
	my @messages = $hand{$role}->query($sql);
	my ($error) = grep { $_->{type} eq 'E' } @messages;
	return $error ? "$error->{C} $error->{M}" : 'done';
}

# The warnings of a role's statement
sub warnings_of
{
	my ($role, $sql) = @_;
	$hand{$role} //= open_session($node, $role);
	return join ' ', map { $_->{M} } grep { $_->{type} eq 'N' } $hand{$role}->query($sql);
}

# The messages that a session of a role gets at its start, and the rows that it leaves
sub session_of
{
	my ($role, %params) = @_;
	take_rows($node);
	my $client = connect_as($node, $role, %params);
	my @messages = $client->messages;
	if (@messages && $messages[-1]{type} eq 'Z')
	{
		$client->quit;
		wait_for_exit($node, $client);
	}
	return (\@messages, take_rows($node));
}

sub rows_of { return (session_of(@_))[1]; }

# What a role's session leaves if alice's trigger fires in it: two rows
sub fires
{
	my ($role, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return like(rows_of($role), qr/^second after_user_logon LOGON $role as \w+\nsecond before_user_logoff LOGOFF $role as \w+$/, $name);
}

sub is_skipped
{
	my ($role, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(rows_of($role), '', $name);
}

# Changes the setting, and waits until new sessions and these have read it.
sub reload
{
	my ($value, @clients) = @_;
	admin($node, 'postgres', "ALTER SYSTEM SET session_triggers.creator_role = '$value'");
	admin($node, 'postgres', 'SELECT pg_reload_conf()');
	wait_until($node, 'postgres', "SELECT current_setting('session_triggers.creator_role') = '$value'");
	for my $client (@clients, values %hand)
	{
		poll_until(sub { return $client->query('SHOW session_triggers.creator_role') eq $value; });
	}
	return;
}

# What the view says of alice's triggers, as far as it concerns delegation
sub problems
{
	return admin($node, 'app',
		"SELECT string_agg(DISTINCT problem, ' ') FROM session_triggers.problems WHERE trigger LIKE 'a\\_on%' AND problem ~ 'creator|differs|not_superuser'");
}

admin($node, 'app', 'CREATE EXTENSION session_triggers');

my $note = <<'EOF';
CREATE FUNCTION %s() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.fired (line) VALUES (concat_ws(' ', 'second', tg_event, tg_tag, polar_login_user, 'as', current_user));
END
$$
EOF

sub create_triggers
{
	my ($role, $function) = @_;
	as($role,
		"CREATE EVENT TRIGGER a_on ON after_user_logon EXECUTE FUNCTION $function()",
		"CREATE EVENT TRIGGER a_on_off ON before_user_logoff EXECUTE FUNCTION $function()");
	return;
}

sub drop_triggers
{
	my ($role) = @_;
	as($role, 'DROP EVENT TRIGGER a_on', 'DROP EVENT TRIGGER a_on_off');
	return;
}

# --- N1 ---------------------------------------------------------------------------

subtest 'N1: who may create what' => sub {
	as('alice', sprintf $note, 'alice_note');
	my $create = 'CREATE EVENT TRIGGER a_on ON %s EXECUTE FUNCTION %s()';
	my $denied = '42501 permission denied to create event trigger "a_on"';
	is(attempt('bob', sprintf $create, 'after_user_logon', 'alice_note'), $denied, 'not a role that is no member');
	is(attempt('alice', sprintf $create, $_, 'alice_note'), $denied, "not on $_")
	  for 'ddl_command_start', 'ddl_command_end', 'sql_drop', 'table_rewrite', 'login', 'no_such_event';
	is(attempt('alice', sprintf $create, 'after_user_logon', 'note'),
		'42501 must be owner of function note', "not with another role's function");
	is(attempt('erin', sprintf $create, 'after_user_logon', 'alice_note'),
		'42501 must be owner of function alice_note', 'not with that of another member');
	as('alice', 'CREATE PROCEDURE alice_does() LANGUAGE plpgsql AS $$BEGIN END$$');
	is(attempt('erin', sprintf $create, 'after_user_logon', 'alice_does'),
		'42501 must be owner of function alice_does', 'nor with a procedure');
	is( attempt('alice', "CREATE EVENT TRIGGER a_on ON after_user_logon WHEN TAG IN ('LOGON') EXECUTE FUNCTION alice_note()"),
		'0A000 tag filtering is not supported for after_user_logon event triggers',
		'tags are refused as ever');
	is(attempt('alice', sprintf $create, 'after_user_logon', 'no_such_function'),
		'42883 function no_such_function() does not exist', 'and so is a function that does not exist');
	for my $event (qw(after_user_logon before_user_logoff))
	{
		is(attempt('alice', sprintf $create, $event, 'alice_note'), 'done', "a member may, on $event");
		is(attempt('alice', 'DROP EVENT TRIGGER a_on'), 'done', 'and drop it');
	}
	is(attempt('alice', sprintf $create, 'after_user_logon', 'alice_does'), 'done', 'also with a procedure');
	is(attempt('alice', 'DROP EVENT TRIGGER a_on'), 'done', 'and drop it');

	# A role that cannot log on, but whose members create triggers as that role
	admin($node, 'app', 'CREATE ROLE team IN ROLE platform; GRANT team TO bob; GRANT CREATE ON SCHEMA public TO team');
	as('bob', 'SET ROLE team', sprintf($note, 'team_note'));
	is(attempt('bob', sprintf $create, 'after_user_logon', 'team_note'), 'done', 'a group may');
	as('bob', 'RESET ROLE');
	is(attempt('bob', 'DROP EVENT TRIGGER a_on'), 'done', 'and a member of the group may drop the trigger');
	is(attempt('bob', sprintf $create, 'after_user_logon', 'team_note'),
		'42501 must be owner of function team_note', 'but not create one of his own with its function');
	as('bob', 'DROP FUNCTION team_note()');
	admin($node, 'app', 'DROP OWNED BY team; DROP ROLE team');
};

subtest 'N1: who may change one' => sub {
	create_triggers('alice', 'alice_note');
	for my $action ('DISABLE', 'ENABLE REPLICA', 'ENABLE ALWAYS', 'ENABLE', 'RENAME TO a_on_2')
	{
		for my $role (qw(erin bob carol))
		{
			is(attempt($role, "ALTER EVENT TRIGGER a_on $action"),
				'42501 must be owner of event trigger a_on', "$role may not $action");
		}
		is(attempt('alice', "ALTER EVENT TRIGGER a_on $action"), 'done', "its owner may $action");
	}
	is(attempt('alice', 'ALTER EVENT TRIGGER a_on_2 RENAME TO a_on'), 'done', 'and back');
	is(attempt('erin', q{COMMENT ON EVENT TRIGGER a_on IS 'x'}),
		'42501 must be owner of event trigger a_on', 'nor comment on it');
	is(attempt('alice', q{COMMENT ON EVENT TRIGGER a_on IS 'x'}), 'done', 'but its owner may');
	is(attempt('erin', 'DROP EVENT TRIGGER a_on'), '42501 must be owner of event trigger a_on', 'nor drop it');
	is(attempt('erin', 'DROP FUNCTION alice_note()'), '42501 must be owner of function alice_note', 'nor its function');
	admin($node, 'app',
		'CREATE EVENT TRIGGER roots ON after_user_logon EXECUTE FUNCTION note(); ALTER EVENT TRIGGER roots DISABLE');
	for my $sql (
		'ALTER EVENT TRIGGER roots ENABLE',
		'DROP EVENT TRIGGER roots',
		'ALTER EVENT TRIGGER roots RENAME TO mine',
		'ALTER EVENT TRIGGER roots OWNER TO alice',
		q{COMMENT ON EVENT TRIGGER roots IS 'x'})
	{
		is(attempt('alice', $sql), '42501 must be owner of event trigger roots', "a member may not $sql");
	}
	admin($node, 'app', 'DROP EVENT TRIGGER roots');
	drop_triggers('alice');
};

subtest "N1: Oracle's statement" => sub {
	my $sql =
	  q{CREATE %s TRIGGER a_on AFTER LOGON ON DATABASE BEGIN INSERT INTO public.fired (line) VALUES ('oracle ' || ora_login_user); END;};
	is(attempt('carol', sprintf $sql, ''), '42501 permission denied to create event trigger "a_on"', 'not by others');
	is(attempt('alice', sprintf $sql, ''), 'done', 'by a member');
	is(rows_of('bob'), 'oracle bob', 'the trigger fires');
	is_skipped('carol', 'but not for others');
	is(attempt('erin', sprintf $sql, 'OR REPLACE'),
		'42501 must be owner of event trigger a_on', 'another member may not replace it');
	is(attempt('alice', sprintf($sql, 'OR REPLACE') =~ s/oracle/again/r), 'done', 'its owner may');
	is(rows_of('bob'), 'again bob', 'the new one fires');
	is(attempt('erin', 'ALTER TRIGGER a_on DISABLE'),
		'42501 must be owner of event trigger a_on', 'another member may not disable it');
	is(attempt('alice', 'ALTER TRIGGER a_on DISABLE'), 'done', 'its owner may');
	is(attempt('erin', 'DROP TRIGGER a_on'), '42501 must be owner of event trigger a_on', 'another member may not drop it');
	admin($node, 'app',
		'CREATE EVENT TRIGGER roots ON before_user_logoff EXECUTE FUNCTION note(); ALTER EVENT TRIGGER roots DISABLE');
	is(attempt('alice', sprintf($sql, 'OR REPLACE') =~ s/a_on/roots/r),
		'42501 must be owner of event trigger roots', "nor may a member replace a superuser's");
	admin($node, 'app', 'DROP EVENT TRIGGER roots');
	is(attempt('alice', 'DROP TRIGGER a_on'), 'done', 'its owner may drop it');
	is(admin($node, 'app', q{SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%again%'}), '0', 'and its function with it');
};

# --- N2 ---------------------------------------------------------------------------

subtest 'N2: in whose sessions one fires' => sub {
	create_triggers('alice', 'alice_note');
	fires('alice', "in its owner's");
	fires('bob', 'in those of a role that its owner can become');
	is_skipped('carol', 'not in those of another role');
	is_skipped('root', "not in a superuser's");
	is_skipped('dave', 'not in those of a role whose rights its owner only inherits') if $major >= 16;
	admin($node, 'app', 'GRANT root TO alice');
	is_skipped('root', "not in a superuser's, even if its owner can become it");
	admin($node, 'app', 'REVOKE root FROM alice');
	is_skipped('erin', 'not in those of another member of the creator role');
	admin($node, 'app', 'GRANT alice TO carol');
	is_skipped('carol', 'not in those of a role that can become its owner');
	admin($node, 'app', 'REVOKE alice FROM carol');
	my $position = log_position($node);
	is_skipped('carol', 'still not');
	like(
		slurp_file($node->logfile, $position),
		qr/DEBUG:  event trigger "a_on" does not fire. Its owner cannot become the role that logged on\./,
		'the log says why');

	# Indirectly
	admin($node, 'app', 'CREATE ROLE staff; GRANT staff TO alice; GRANT carol TO staff');
	fires('carol', 'in those of a role that its owner can become in two steps');
	admin($node, 'app', 'REVOKE carol FROM staff; DROP ROLE staff');
	is_skipped('carol', 'not any more');
};

# What the page says is to be granted is what is granted here, to a tenant.
subtest 'N2: roles that the owner has created' => sub {
	my @grants = map { s/\balice\b/tenant/gr } slurp_file("$FindBin::RealBin/../../../docs/delegation.md") =~ /```sql\n(.*?)```/gs;
	my ($member) = grep { /^GRANT platform/m } @grants;
	my ($self_grant) = grep { /createrole_self_grant/ } @grants;
	my ($grant) = grep { /^GRANT app_user/ && /WITH SET TRUE/ == ($major >= 16) } @grants;
	admin($node, 'app', 'CREATE ROLE tenant LOGIN; GRANT CREATE ON SCHEMA public TO tenant;' . ($member =~ s/^CREATE ROLE.*\n//r));
	admin($node, 'app', 'ALTER ROLE tenant CREATEROLE');
	as('tenant', 'CREATE ROLE app_user LOGIN', sprintf($note, 'tenant_note'));
	as('tenant', 'CREATE EVENT TRIGGER a_tenant ON after_user_logon EXECUTE FUNCTION tenant_note()',
		'CREATE EVENT TRIGGER a_tenant_off ON before_user_logoff EXECUTE FUNCTION tenant_note()');
	my $problems = sub {
		return admin($node, 'app',
			q{SELECT string_agg(DISTINCT problem || ': ' || detail, E'\n') FROM session_triggers.problems WHERE trigger LIKE 'a\_tenant%' AND problem ~ 'applies|left_out'});
	};
	fires('tenant', "it fires in its owner's");
	is_skipped('app_user', 'not in those of a role that its owner has created');
	like($problems->(), qr/^administered_roles_left_out: It does not fire for roles that its owner administers, .* such as \w+\.$/, 'the view says so');
	admin($node, 'app', 'ALTER ROLE tenant NOLOGIN');
	like($problems->(), qr/^applies_to_no_role: It fires in no session: .* The owner administers \d+ of these roles, such as \w+\.$/, 'also if the owner cannot log on');
	admin($node, 'app', 'ALTER ROLE tenant LOGIN');

	if ($major >= 16)
	{
		# The role has been granted by this superuser already, without SET.
		like(warnings_of('root', 'GRANT app_user TO tenant'), qr/has already been granted/, 'a grant of a superuser without SET does nothing');
		is_skipped('app_user', 'so it still does not fire');
	}
	is(attempt('tenant', $grant), 'done', 'the owner grants it');
	fires('app_user', 'then it fires');
	is($problems->(), '', 'the view has nothing to say');
	if ($major >= 16)
	{
		as('tenant', 'CREATE ROLE app_user_2 LOGIN');
		is_skipped('app_user_2', 'the next one is another such role');
		like($problems->(), qr/^administered_roles_left_out: .* 1 of them, such as app_user_2\.$/, 'of which the view tells, too');
		is(warnings_of('root', $grant =~ s/app_user/app_user_2/r), '', 'a superuser grants it with SET');
		fires('app_user_2', 'then it fires, too');
		admin($node, 'app', $self_grant);
		(delete $hand{tenant})->quit;
		as('tenant', 'CREATE ROLE app_user_3 LOGIN');
		fires('app_user_3', 'with createrole_self_grant it fires at once');
		is($problems->(), '', 'the view has nothing to say');
	}
	as('tenant', 'DROP EVENT TRIGGER a_tenant', 'DROP EVENT TRIGGER a_tenant_off', 'DROP FUNCTION tenant_note()');
};

subtest 'N2: what counts is what is so at the time' => sub {
	my $client = open_session($node, 'bob');
	is(take_rows($node), 'second after_user_logon LOGON bob as bob', 'a session begins');
	admin($node, 'app', 'REVOKE bob FROM alice');
	$client->quit;
	wait_for_exit($node, $client);
	is(take_rows($node), '', 'at its end the owner cannot become the role any more');
	$client = open_session($node, 'bob');
	admin($node, 'app', 'GRANT bob TO alice');
	$client->quit;
	wait_for_exit($node, $client);
	is(take_rows($node), 'second before_user_logoff LOGOFF bob as bob', 'at the end of the next it can');

	my %change = (
		'the owner leaves the creator role' =>
		  [ 'REVOKE platform FROM alice', 'GRANT platform TO alice', 'owner_not_creator' ],
		'the function gets another owner' => [
			'ALTER FUNCTION alice_note() OWNER TO erin', 'ALTER FUNCTION alice_note() OWNER TO alice',
			'function_owner_differs' ],
		'the creator role gets another name' =>
		  [ 'ALTER ROLE platform RENAME TO other', 'ALTER ROLE other RENAME TO platform', 'no_creator_role' ],
		'the role becomes a superuser' => [ 'ALTER ROLE bob SUPERUSER', 'ALTER ROLE bob NOSUPERUSER', '' ]);
	for my $what (sort keys %change)
	{
		my ($do, $undo, $problem) = @{ $change{$what} };
		$client = open_session($node, 'bob');
		take_rows($node);
		admin($node, 'app', $do);
		$client->quit;
		wait_for_exit($node, $client);
		is(take_rows($node), '', "$what: it does not fire at the end of a running session");
		is_skipped('bob', "$what: it does not fire in a new one");
		is(problems(), $problem, "$what: the view says so");
		admin($node, 'app', $undo);
		fires('bob', "it is undone after: $what");
	}

	# On old majors, whoever was a superuser at their logon can become one again.
	admin($node, 'app', 'ALTER ROLE bob SUPERUSER');
	$client = open_session($node, 'bob');
	admin($node, 'app', 'ALTER ROLE bob NOSUPERUSER');
	$client->quit;
	wait_for_exit($node, $client);
	is(take_rows($node), '', 'it does not fire for a role that was a superuser at its logon');
};

subtest 'N1: the setting changes, or its role' => sub {
	my $client = open_session($node, 'bob');
	take_rows($node);
	reload('', $client);
	$client->quit;
	wait_for_exit($node, $client);
	is(take_rows($node), '', 'with an empty setting it does not fire');
	is_skipped('bob', 'nor in new sessions');
	is(problems(), 'no_creator_role', 'the view says so');
	my $another = 'CREATE EVENT TRIGGER a2 ON after_user_logon EXECUTE FUNCTION alice_note()';
	my $denied = '42501 permission denied to create event trigger "a2"';
	is(attempt('alice', $another), $denied, 'and no more can be created');
	is(attempt('alice', "ALTER EVENT TRIGGER a_on $_"), 'done', "the owner may still $_ it") for qw(DISABLE ENABLE);
	$client = open_session($node, 'bob');
	reload('platform', $client);
	$client->quit;
	wait_for_exit($node, $client);
	is(take_rows($node), 'second before_user_logoff LOGOFF bob as bob', 'a session learns of a role that is set');

	reload('no_such_role');
	is_skipped('bob', 'a role that does not exist has no members');
	is(attempt('alice', $another), $denied, 'so nobody may create one');
	reload('platform');
	fires('bob', 'as before');

	admin($node, 'app', 'DROP ROLE platform');
	is_skipped('bob', 'the role is dropped');
	admin($node, 'app', 'CREATE ROLE platform');
	is_skipped('bob', 'a new role of that name has no members');
	is(problems(), 'owner_not_creator', 'the view says so');
	is(attempt('alice', $another), $denied, 'so nobody may create one');
	admin($node, 'app', 'GRANT platform TO alice, erin');
	fires('bob', 'until they are made members');

	reload('pg_database_owner');
	is_skipped('bob', "the database's owner is another");
	admin($node, 'app', 'ALTER DATABASE app OWNER TO alice');
	fires('bob', 'pg_database_owner stands for the owner of the database');
	$client = open_session($node, 'bob');
	take_rows($node);
	admin($node, 'app', 'ALTER DATABASE app OWNER TO ' . getpwuid($<));
	$client->quit;
	wait_for_exit($node, $client);
	is(take_rows($node), '', 'the database gets another owner while a session runs');
	is_skipped('bob', 'nor does it fire in new ones');
	reload('platform');
};

subtest 'N4: to whom one may be given' => sub {
	my $not_able = $major >= 16 ? '42501 must be able to SET ROLE "%s"' : '42501 must be member of role "%s"';
	for my $role (qw(root erin carol))
	{
		is(attempt('alice', "ALTER EVENT TRIGGER a_on OWNER TO $role"),
			sprintf($not_able, $role), "its owner may not give it to $role");
		my $reassign = attempt('alice', "REASSIGN OWNED BY alice TO $role");
		like($reassign, qr/^42501 /, "nor everything: $reassign");
	}
	is(attempt('alice', 'ALTER EVENT TRIGGER a_on OWNER TO bob'),
		'42501 permission denied to change owner of event trigger "a_on"',
		'nor to a role that is not a member of the creator role');
	if ($major >= 16)
	{
		admin($node, 'app', 'GRANT root TO alice WITH INHERIT TRUE, SET FALSE');
		is(attempt('alice', 'ALTER EVENT TRIGGER a_on OWNER TO root'),
			sprintf($not_able, 'root'), "inheriting a superuser's rights is not enough");
		is(attempt('alice', 'REASSIGN OWNED BY alice TO root'), sprintf($not_able, 'root'), 'nor is it for REASSIGN OWNED');
		is(admin($node, 'app', "SELECT count(*) FROM pg_event_trigger WHERE evtowner = 'alice'::regrole"),
			'2', 'she still owns both');
		admin($node, 'app', 'REVOKE root FROM alice');
	}
	admin($node, 'app', 'GRANT erin TO alice');
	is(attempt('alice', 'ALTER EVENT TRIGGER a_on OWNER TO erin'), 'done', 'to a member whom the owner can become');
	is(problems(), 'function_owner_differs', 'then the function must follow');
	is(attempt('erin', 'ALTER EVENT TRIGGER a_on OWNER TO alice'),
		sprintf($not_able, 'alice'), 'but that one may not give it back');
	is(attempt('alice', 'ALTER EVENT TRIGGER a_on OWNER TO alice'), 'done', 'she takes it back');
	admin($node, 'app', 'REVOKE erin FROM alice');
	fires('bob', 'as before');

	my $denied = '42501 permission denied to change owner of event trigger "a_on"';
	is(attempt('root', 'ALTER EVENT TRIGGER a_on OWNER TO carol'), $denied, 'nor may a superuser give it to others');
	as('root', 'CREATE EVENT TRIGGER a_root ON before_user_logoff EXECUTE FUNCTION note()');
	is(attempt('root', 'ALTER EVENT TRIGGER a_root OWNER TO carol'),
		$denied =~ s/a_on/a_root/r, 'nor one of their own, which would not fire any more');
	as('root', 'DROP EVENT TRIGGER a_root');

	# From a role to a superuser
	is(warnings_of('root', 'ALTER EVENT TRIGGER a_on OWNER TO root'),
		'event trigger "a_on" has been disabled', 'a trigger that becomes that of a superuser is disabled');
	is(rows_of('carol'), '', 'so that it does not fire for all');
	is(warnings_of('root', 'ALTER EVENT TRIGGER a_on OWNER TO master'),
		'', 'from one superuser to another, nothing more is said');
	as('root', 'ALTER EVENT TRIGGER a_on OWNER TO alice', 'ALTER EVENT TRIGGER a_on ENABLE');
	like(
		warnings_of('root', 'REASSIGN OWNED BY alice TO root'),
		qr/^event trigger "a_on\w*" has been disabled event trigger "a_on\w*" has been disabled$/,
		'REASSIGN OWNED is the same');
	is(rows_of('carol'), '', 'so that they do not fire for all');
	is( admin($node, 'app',
			q{SELECT string_agg(evtowner::regrole || ' ' || evtenabled::text, ', ') FROM pg_event_trigger WHERE evtname LIKE 'a\_%'}),
		'root D, root D', 'they are disabled');
	for my $trigger (qw(a_on a_on_off))
	{
		as('root', "ALTER EVENT TRIGGER $trigger OWNER TO alice", "ALTER EVENT TRIGGER $trigger ENABLE");
	}
	as('root', 'ALTER FUNCTION alice_note() OWNER TO alice', 'ALTER PROCEDURE alice_does() OWNER TO alice');
	fires('bob', 'as before');

	# Other events are as ever.
	as('root', q{CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'},
		'CREATE EVENT TRIGGER ddl ON ddl_command_end EXECUTE FUNCTION ddl()');
	is(attempt('root', 'ALTER EVENT TRIGGER ddl OWNER TO alice'),
		'42501 permission denied to change owner of event trigger "ddl"', 'a trigger on another event needs a superuser');
	as('root', 'DROP EVENT TRIGGER ddl');

	# The owner becomes a superuser: somebody has trusted that role with everything.
	admin($node, 'app', 'ALTER ROLE alice SUPERUSER');
	fires('carol', 'the trigger of a role that has become a superuser fires for all');
	my $client = open_session($node, 'carol');
	take_rows($node);
	admin($node, 'app', 'ALTER ROLE alice NOSUPERUSER');
	$client->quit;
	wait_for_exit($node, $client);
	is(take_rows($node), '', 'and no more when it is none, also in a running session');
	is_skipped('carol', 'nor in a new one');

	like(attempt('root', 'DROP ROLE alice'), qr/^2BP01 /, 'a role that owns triggers cannot be dropped');
	as('root', 'BEGIN', 'DROP OWNED BY alice');
	is($hand{root}->query(q{SELECT count(*) FROM pg_event_trigger WHERE evtname LIKE 'a\_%'}), '0', 'DROP OWNED drops them');
	as('root', 'ROLLBACK');
	fires('bob', 'as before');
};

subtest 'try() runs only what would fire here' => sub {
	is(attempt('alice', q{SELECT session_triggers.try('a_on')}), 'done', 'the owner can try a trigger');
	is(attempt('root', q{SELECT session_triggers.try('a_on')}),
		'55000 event trigger "a_on" does not fire in this session', 'a superuser cannot');
};

# Somewhere between too little memory for the error and enough for a copy of it, an error
# occurs while the error is taken care of.
subtest 'F13: try() survives an error that is too large to be copied' => sub {
	as('alice', <<'EOS', 'CREATE EVENT TRIGGER huge ON after_user_logon EXECUTE FUNCTION huge()', 'ALTER EVENT TRIGGER huge DISABLE');
CREATE FUNCTION huge() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    large text := repeat('x', 3 * 1000 * 1000);
BEGIN
    RAISE EXCEPTION USING MESSAGE = large, DETAIL = large, HINT = large, COLUMN = large, TABLE = large;
END
$$
EOS
	my %seen;
	for my $megabytes (map { 3 * $_ } 4 .. 26)
	{
		my $client = open_session($node, 'alice');
		$client->query("SELECT session_triggers.try('huge')") if $megabytes == 12;
		my ($pages) = slurp_file('/proc/' . $client->pid . '/statm') =~ /^(\d+)/;
		my $limit = $pages * POSIX::sysconf(POSIX::_SC_PAGESIZE()) + $megabytes * 1000 * 1000;
		system_or_bail('prlimit', '--pid', $client->pid, "--as=$limit:");
		my @messages = $client->query("SELECT sqlstate FROM session_triggers.try('huge')");
		my ($found) = map { $_->{type} eq 'D' ? $_->{values}[0] : $_->{type} eq 'E' ? $_->{C} : () } @messages;
		$seen{ $found // 'nothing' }++;
		my @told = eval { $client->query(q{DO $$ BEGIN RAISE NOTICE 'still here'; END $$}) };
		is(join(' ', map { $_->{M} } grep { $_->{type} eq 'N' } @told), 'still here', "F13: $megabytes MB more than the session has: it goes on");
		$client->quit;
	}
	note join ', ', map { "$_: $seen{$_}" } sort keys %seen;
	cmp_ok($seen{53200} // 0, '>', 1, 'F13: some had too little memory');
	cmp_ok($seen{P0001} // 0, '>', 1, 'F13: others had enough');
	as('alice', 'DROP EVENT TRIGGER huge', 'DROP FUNCTION huge()');
};

# --- N3 ---------------------------------------------------------------------------

# Besides alice's, those of a superuser, whose names come after hers
as('root',
	'CREATE EVENT TRIGGER z_on ON after_user_logon EXECUTE FUNCTION note()',
	'CREATE EVENT TRIGGER z_on_off ON before_user_logoff EXECUTE FUNCTION note()');

# A role's function does this, after it has left a row.
sub does
{
	my ($role, $body) = @_;
	my $word = $role eq 'alice' ? 'second' : 'first';
	as($role, <<"EOS");
CREATE OR REPLACE FUNCTION ${role}_note() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS \$\$
BEGIN
    INSERT INTO public.fired (line) VALUES (concat_ws(' ', '$word', tg_event, tg_tag, polar_login_user));
    $body
END
\$\$
EOS
	return;
}

# Triggers of a superuser's function root_note(), after the other ones of superusers
sub set_roots
{
	my ($body) = @_;
	does('root', $body);
	as('root',
		'CREATE EVENT TRIGGER zz ON after_user_logon EXECUTE FUNCTION root_note()',
		'CREATE EVENT TRIGGER zz_off ON before_user_logoff EXECUTE FUNCTION root_note()');
	return;
}

sub drop_roots
{
	as('root', 'DROP EVENT TRIGGER zz', 'DROP EVENT TRIGGER zz_off');
	return;
}

# Sets options of the database, which all its new sessions have; an undefined one is reset.
sub set_options
{
	my (%options) = @_;
	admin($node, 'postgres',
		'ALTER DATABASE app ' . (defined $options{$_} ? "SET session_triggers.$_ = '$options{$_}'" : "RESET session_triggers.$_"))
	  for sort keys %options;
	return;
}

# The notices and errors among messages
sub messages_in
{
	my ($messages) = @_;
	return join '|', map { "$_->{S} $_->{C} $_->{M}" } grep { $_->{type} =~ /[NE]/ } @$messages;
}

# The rows that superusers' and delegated triggers leave at these events
sub lines
{
	my ($tag, @parts) = @_;
	return join "\n", map {
		my ($which, $event) = split / /;
		"$which " . ($event eq 'on' ? 'after_user_logon' : 'before_user_logoff') . ' '
		  . ($tag || ($event eq 'on' ? 'LOGON' : 'LOGOFF')) . ' bob'
	} @parts;
}

subtest 'N3: first the triggers of superusers, and then the others' => sub {
	does('alice', '');
	take_rows($node);
	my $client = open_session($node, 'bob');
	$client->quit;
	wait_for_exit($node, $client);
	is(admin($node, 'app', 'SELECT count(DISTINCT xid) FROM fired'), '4', 'each in a transaction of its own');
	is(take_rows($node), lines('', 'first on', 'second on', 'first off', 'second off'), 'in this order');
	is(admin($node, 'app', q{SELECT string_agg(trigger, ' ' ORDER BY event, position) FROM session_triggers.triggers}),
		'z_on a_on z_on_off a_on_off', 'which the view has, too');
};

subtest 'N3: a failure' => sub {
	does('alice', q{RAISE EXCEPTION 'alice fails for %', polar_login_user USING ERRCODE = 'P0042';});
	admin($node, 'app', 'SELECT session_triggers.stat_reset()');
	for my $policy (qw(continue reject))
	{
		set_options(logon_failure => $policy);
		my $position = log_position($node);
		my ($messages, $rows) = session_of('bob');
		is($rows, lines('', 'first on', 'first off'), "$policy: it undoes nothing of the superusers'");
		is(messages_in($messages), "WARNING 01000 $WARNING", "$policy: the client is warned, once, and let in");
		my $log = slurp_file($node->logfile, $position);
		for my $event ('"a_on" on event after_user_logon', '"a_on_off" on event before_user_logoff')
		{
			like($log, qr/P0042\|ERROR:  alice fails for bob\n(?:[^\n]*\n){0,3}?[^\n]*event trigger $event of role "alice"\n/,
				"$policy: the log has the owner of $event");
		}
		($messages) = session_of('bob', options => '-c session_triggers.logon_warning=off');
		is(messages_in($messages), '', "$policy: no warning if that is turned off");
	}
	is( admin($node, 'app',
			q{SELECT string_agg(trigger || ' ' || fired || ' ' || failed, ', ' ORDER BY trigger) FROM session_triggers.stat WHERE fired > 0}),
		'a_on 4 4, a_on_off 4 4, z_on 4 0, z_on_off 4 0', 'each trigger is counted');
	is(admin($node, 'app', q{SELECT warned || ' ' || rejected || ' ' || failed_logoffs FROM session_triggers.stat_server}),
		'4 0 4', 'so are the sessions');
	set_options(logon_failure => undef);
};

subtest 'N3: a failure of the first' => sub {
	set_roots(q{RAISE EXCEPTION 'root fails' USING ERRCODE = 'P0043';});
	does('alice', '');
	admin($node, 'app', 'SELECT session_triggers.stat_reset()');
	my ($messages, $rows) = session_of('bob');
	is($rows, lines('', 'second on', 'second off'), 'the second fires nevertheless');
	is(messages_in($messages), "WARNING 01000 $WARNING", 'there is one warning');
	does('alice', q{RAISE EXCEPTION 'alice fails';});
	($messages, $rows) = session_of('bob');
	is($rows, '', 'both fail');
	is(messages_in($messages), "WARNING 01000 $WARNING", 'there still is one warning');
	is(admin($node, 'app', q{SELECT warned || ' ' || rejected || ' ' || failed_logoffs FROM session_triggers.stat_server}),
		'2 0 2', 'each session is counted once');
	set_options(logon_failure => 'reject');
	does('alice', '');
	($messages, $rows) = session_of('bob');
	is(messages_in($messages), 'FATAL P0043 root fails', 'the session is rejected');
	is($rows, '', 'and the second does not fire');
	set_options(logon_failure => undef);
	drop_roots();
};

subtest 'N3: deferred work' => sub {
	as('alice', 'CREATE TABLE alice_once (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)', 'GRANT ALL ON alice_once TO PUBLIC');
	does('alice', 'INSERT INTO public.alice_once VALUES (1), (1);');
	my $position = log_position($node);
	is(rows_of('bob'), lines('', 'first on', 'first off'), 'a constraint that fails at the commit fails the second alone');
	like(
		slurp_file($node->logfile, $position),
		qr/23505\|ERROR:.*CONTEXT:  .*commit of delegated event triggers on event after_user_logon/s,
		'the log says where');
};

subtest 'N3 and F10: each has a time limit' => sub {
	set_roots(q{IF tg_tag = 'LOGON' THEN PERFORM pg_sleep(3); END IF;});
	does('alice', q{IF tg_tag = 'LOGON' THEN PERFORM pg_sleep(3); END IF;});
	set_options(logon_timeout => '5s');
	is( rows_of('bob'),
		lines('', 'first on', 'first on', 'second on', 'first off', 'first off', 'second off'),
		'the second is not charged for what the first has taken');
	drop_roots();
	set_options(logon_timeout => '300ms', logoff_timeout => '300ms');
	does('alice', 'PERFORM pg_sleep(60);');
	my $position = log_position($node);
	my ($messages, $rows) = session_of('bob');
	is(messages_in($messages), "WARNING 01000 $WARNING", 'one that takes too long fails');
	is($rows, lines('', 'first on', 'first off'), 'alone');
	my $log = slurp_file($node->logfile, $position);
	like($log, qr/57014\|ERROR:  canceling event triggers due to session_triggers.${_}_timeout\n/, "at $_") for qw(logon logoff);
	set_options(logon_timeout => undef, logoff_timeout => undef);
};

subtest 'N3, F9 and F11: cancels, and what is shown' => sub {
	does('alice', q{IF tg_tag = 'LOGON' THEN PERFORM pg_advisory_xact_lock(42); END IF;});
	my $holder = hold_lock($node);
	my $client = connect_as($node, 'bob');
	my $waits = q{FROM pg_stat_activity WHERE datname = 'app' AND wait_event = 'advisory'};
	wait_until($node, 'postgres', "SELECT count(*) = 1 $waits");
	is(admin($node, 'postgres', "SELECT state || ' ' || query $waits"),
		'active event trigger "a_on" on event after_user_logon of role "alice"', 'the activity is shown');
	is(admin($node, 'postgres', "SELECT pg_cancel_backend(pid) $waits"), 't', 'a cancel is sent');
	wait_until($node, 'postgres', "SELECT count(*) = 1 $waits");
	$holder->quit;
	my @messages = $client->ready;
	is(messages_in(\@messages), '', 'it does nothing');
	is($client->query('SELECT 1'), '1', 'also to what comes after it');
	$client->quit;
	wait_for_exit($node, $client);
	is(take_rows($node), lines('', 'first on', 'second on', 'first off', 'second off'), 'the rows are there');
};

subtest 'N3 and F7: settings' => sub {
	my $show = q{INSERT INTO public.fired (line) VALUES (concat_ws(' ', 'sees', current_setting('DateStyle'),
		current_setting('work_mem'), current_setting('statement_timeout'), current_setting('transaction_read_only')));};
	does('alice', <<"EOS");
$show
    IF tg_tag = 'LOGON' THEN
        SET DateStyle = 'German, DMY';
        SET default_transaction_read_only = on;
        SET statement_timeout = 1234;
        PERFORM set_config('app.alice', 'was here', false);
        CREATE TEMP TABLE alices ();
    END IF;
EOS
	set_roots("$show IF tg_tag = 'LOGON' THEN SET work_mem = '77MB'; END IF;");
	take_rows($node);
	my $client = open_session($node, 'bob', options => '-c default_transaction_read_only=on -c statement_timeout=1h');
	is( $client->query(
			q{SELECT concat_ws(' ', current_setting('work_mem'), current_setting('DateStyle'),
			current_setting('app.alice'), to_regclass('alices'), current_setting('statement_timeout'))}),
		'77MB German, DMY was here alices 1234ms',
		'what both have set stays');
	$client->quit;
	wait_for_exit($node, $client);
	is( take_rows($node),
		join("\n",
			lines('', 'first on', 'first on'),
			'sees ISO, MDY 4MB 0 off',
			lines('', 'second on'),
			'sees ISO, MDY 4MB 0 off',
			lines('', 'first off', 'first off'),
			'sees ISO, MDY 4MB 0 off',
			lines('', 'second off'),
			'sees ISO, MDY 4MB 0 off'),
		'but neither sees what the other has set');
	drop_roots();
};

# --- the other ends of a session ----------------------------------------------------

subtest 'N3 and X: which ends fire them' => sub {
	does('alice', '');
	for my $mode (qw(client exit))
	{
		set_options(logoff_on => $mode);
		my $client = open_session($node, 'bob');
		take_rows($node);
		admin($node, 'postgres', 'SELECT pg_terminate_backend(' . $client->pid . ')');
		wait_for_exit($node, $client);
		is(take_rows($node), $mode eq 'exit' ? lines('', 'first off', 'second off') : '', "$mode: pg_terminate_backend()");
		$client = open_session($node, 'bob');
		take_rows($node);
		$client->drop;
		wait_for_exit($node, $client);
		is(take_rows($node), lines('', 'first off', 'second off'), "$mode: the client is gone");
	}
};

# The session ends itself, at one event.
sub ends_at
{
	my ($event) = @_;
	does('alice', "IF tg_event = '$event' THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(0.1); END IF;");
	return;
}

subtest 'N3: a delegated trigger that ends the session' => sub {
	# Below, the end of all sessions of bob is waited for.
	(delete $hand{bob})->quit;
	start_audit($node);
	# Ends are written soon after the sessions have ended.
	my $empty = sub {
		wait_until($node, 'postgres', 'SELECT pending FROM session_audit.state()', '0');
		return admin($node, 'postgres', 'DELETE FROM session_audit.log');
	};
	my $bob = q{login_user = 'bob'};
	ends_at('after_user_logon');
	for my $mode (qw(client exit))
	{
		set_options(logoff_on => $mode);
		$empty->();
		my ($messages) = session_of('bob');
		like(messages_in($messages), qr/^FATAL 57P01/, "$mode: it can end it");
		wait_for_exit($node, 'bob');
		wait_for_audit($node, $bob, 'logon logoff|terminated|57P01', "$mode: the audit has both rows, and no other",
			'event, ended_by, sqlstate');
	}
	take_rows($node);
	connect_as($node, 'bob')->messages;
	wait_for_exit($node, 'bob');
	is(take_rows($node), lines('', 'first on', 'first off', 'second off'), 'the other triggers fire as at any end');

	# One that does not heed its time limit is ended by the server.
	$empty->();
	set_options(logon_timeout => '100ms');
	does('alice',
		q{WHILE tg_event = 'after_user_logon' LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP;}
	);
	my ($messages) = session_of('bob');
	like(messages_in($messages), qr/^FATAL 57P01/, 'the time limit ends it');
	wait_for_exit($node, 'bob');
	wait_for_audit($node, $bob, 'logon logoff|57P01', 'the audit has both rows', 'event, sqlstate');
	set_options(logon_timeout => undef);

	# At logoff it comes too late.
	ends_at('before_user_logoff');
	for my $mode (qw(client exit))
	{
		set_options(logoff_on => $mode);
		$empty->();
		session_of('bob');
		wait_for_audit($node, $bob, 'logon logoff|client', "$mode: it cannot take the logoff away");
	}
	set_options(logoff_on => undef);
	stop_audit($node);
};

subtest 'N3 and R: DISCARD ALL' => sub {
	set_options(fire_on_discard => 'on', logon_failure => 'reject', logoff_on => 'exit');
	does('alice', q{PERFORM set_config('app.alice', tg_event, false);});
	my $client = open_session($node, 'bob');
	take_rows($node);
	my @messages = $client->query('DISCARD ALL');
	is( take_rows($node),
		lines('DISCARD ALL', 'first off', 'second off', 'first on', 'second on'),
		'both fire before and after it');
	is($client->query(q{SELECT current_setting('app.alice')}), 'after_user_logon', 'what it has set is there');
	does('alice', q{RAISE EXCEPTION 'no';});
	@messages = $client->query('DISCARD ALL');
	is(messages_in(\@messages), "WARNING 01000 $WARNING", 'a failure warns');
	is(join(' ', map { $_->{type} } grep { $_->{type} ne 'S' } @messages), 'N C Z', 'and the command is complete');
	is(take_rows($node), lines('DISCARD ALL', 'first off', 'first on'), 'what the first have done is kept');
	ends_at('after_user_logon');
	@messages = $client->query('DISCARD ALL');
	like(messages_in(\@messages), qr/^FATAL 57P01/, 'it can end the session');
	wait_for_exit($node, $client);
	is( take_rows($node),
		lines('DISCARD ALL', 'first off', 'second off', 'first on') . "\n" . lines('', 'first off', 'second off'),
		'whose logoff then fires');
	set_options(fire_on_discard => undef, logon_failure => undef, logoff_on => undef);
	does('alice', '');
};

# --- N4: dumps --------------------------------------------------------------------

subtest 'N4: a dump by its owner' => sub {
	my $dump = $node->basedir . '/alice.sql';
	admin($node, 'postgres', 'CREATE DATABASE hers OWNER alice');
	admin($node, 'postgres', 'CREATE DATABASE again OWNER alice');
	my $hers = open_session($node, 'alice', database => 'hers');
	$hers->query($_)
	  for 'CREATE SCHEMA lib',
	  'CREATE FUNCTION lib.f() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE $a$restored$a$; END$$',
	  'CREATE EVENT TRIGGER t ON after_user_logon EXECUTE FUNCTION lib.f()',
	  'ALTER EVENT TRIGGER t ENABLE ALWAYS',
	  q{COMMENT ON EVENT TRIGGER t IS 'hers'},
	  'CREATE TRIGGER lib.o BEFORE LOGOFF ON DATABASE BEGIN NULL; END;';
	$hers->quit;
	my $state =
	  q{SELECT string_agg(concat_ws(' ', evtname, evtevent, evtowner::regrole, evtfoid::regproc, evtenabled, obj_description(oid)), ', ' ORDER BY evtname) FROM pg_event_trigger};
	my $expected = admin($node, 'hers', $state);
	is($expected, 'o before_user_logoff alice lib.o O, t after_user_logon alice lib.f A hers', 'two triggers');
	$node->command_ok([ 'pg_dump', '-U', 'alice', '-f', $dump, 'hers' ], 'pg_dump by the owner');
	$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'alice', '-d', 'again', '-f', $dump ],
		'and its restore by the owner');
	is(admin($node, 'again', $state), $expected, 'the triggers are the same');
	admin($node, 'postgres', 'DROP DATABASE again');

	admin($node, 'postgres', 'CREATE DATABASE again');
	$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.custom", 'hers' ], 'pg_dump by a superuser');
	$node->command_ok([ 'pg_restore', '-e', '-d', 'again', "$dump.custom" ], 'and its restore by a superuser');
	is(admin($node, 'again', $state), $expected, 'the triggers are the same');
	admin($node, 'postgres', 'DROP DATABASE again');

	# Where the setting is missing, the triggers have their owner all the same.
	reload('');
	admin($node, 'postgres', 'CREATE DATABASE again');
	$node->command_ok([ 'pg_restore', '-e', '-d', 'again', "$dump.custom" ], 'a restore on a server without the setting');
	is(admin($node, 'again', $state), $expected, 'the triggers are the same');
	for my $setting ('', 'platform')
	{
		reload($setting);
		my $client = connect_as($node, 'alice', database => 'again');
		is(messages_in([ $client->ready ]), $setting && 'NOTICE 00000 restored', "creator_role = '$setting': whether they fire");
		$client->quit;
		wait_for_exit($node, $client);
	}
};

$_->quit for values %hand;
log_is_clean($node, 'nothing leaked');
$node->stop;
done_testing();
