# Settings that only superusers set: rules K1, K2, K3 in every way in which a setting can be set,
# what A11 and the view of problems say of it, and S for the list itself.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $node = new_node('protected', conf => <<'EOC');
autovacuum = off
max_prepared_transactions = 2
wal_level = replica
max_wal_senders = 2
session_triggers.protected_settings = 'app.tenant, App.Login'
EOC
my $hba = $node->data_dir . '/pg_hba.conf';
my $rules = slurp_file($hba);
unlink $hba;
append_to_file($hba, "local all slow password\n$rules");
$node->start;
my $major = int($node->pg_version);
create_app($node, <<'EOS');
CREATE ROLE alice LOGIN CREATEROLE;
CREATE ROLE bob LOGIN;
CREATE ROLE staff;
GRANT staff TO alice;
CREATE ROLE granted LOGIN;
GRANT SET ON PARAMETER app.tenant TO granted;
CREATE ROLE owner LOGIN;
CREATE ROLE slow LOGIN PASSWORD 'secret';
CREATE ROLE replicator LOGIN REPLICATION;
CREATE ROLE root LOGIN SUPERUSER;
CREATE DATABASE owned OWNER alice;
GRANT CREATE ON SCHEMA public TO granted;
CREATE EXTENSION session_triggers;
CREATE TABLE tenants (role text PRIMARY KEY, tenant text NOT NULL);
INSERT INTO tenants VALUES ('alice', 'one'), ('bob', 'two'), ('granted', 'three');
CREATE FUNCTION set_tenant() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('app.tenant', coalesce((SELECT tenant FROM public.tenants WHERE role = polar_login_user), ''), false);
END
$$;
CREATE EVENT TRIGGER set_tenant ON after_user_logon EXECUTE FUNCTION set_tenant();
-- What a superuser has written for others to call
CREATE FUNCTION switch(tenant text, for_transaction bool) RETURNS text LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS 'SELECT set_config(''app.tenant'', tenant, for_transaction)';
CREATE FUNCTION within(tenant text) RETURNS text LANGUAGE sql SECURITY DEFINER
SET app.tenant = 'within' AS 'SELECT current_setting(''app.tenant'')';
CREATE FUNCTION invoker() RETURNS text LANGUAGE sql
SET app.tenant = 'within' AS 'SELECT current_setting(''app.tenant'')';
EOS

my $root = open_quiet_session($node);

# Sets the list, and waits until new sessions have it, and these clients' sessions.
sub protect
{
	my ($list, @clients) = @_;
	my $position = log_position($node);
	$node->append_conf('postgresql.conf', "session_triggers.protected_settings = '$list'");
	$node->reload;
	$node->wait_for_log(qr/parameter "session_triggers\.protected_settings" changed/, $position);
	for my $client (@clients)
	{
		poll_until(sub { $client->query('SHOW session_triggers.protected_settings') eq $list });
	}
	return;
}

# The SQLSTATE of a statement, or its first value, if it has none.
sub outcome
{
	my ($client, $sql) = @_;
	my @messages = $client->query($sql);
	my ($error) = grep { $_->{type} eq 'E' } @messages;
	return $error->{C} if $error;
	my ($row) = grep { $_->{type} eq 'D' } @messages;
	return $row ? $row->{values}[0] : 'done';
}

sub tenant { return outcome($_[0], q{SELECT current_setting('app.tenant')}); }

# How a session begins that asks for something in its startup packet: its tenant, or the SQLSTATE.
sub begin
{
	my ($role, %params) = @_;
	my $client = connect_as($node, $role, %params);
	my @messages = $client->messages;
	return $messages[-1]{C} unless $messages[-1]{type} eq 'Z';
	my $tenant = tenant($client);
	$client->quit;
	return $tenant;
}

my $FUNCTION = q{CREATE OR REPLACE FUNCTION pg_temp.mine() RETURNS text LANGUAGE sql %s AS 'SELECT current_setting(''app.tenant'')'};

# Every statement by which a role sets, or resets, a setting of its session
my @session_statements = (
	q{SET app.tenant = 'two'},
	q{SET SESSION app.tenant TO two},
	q{SET "APP"."Tenant" = 'two'},
	q{SET app.tenant = DEFAULT},
	q{SET app.tenant FROM CURRENT},
	q{SET LOCAL app.tenant = 'two'},
	q{RESET app.tenant},
	q{SELECT set_config('app.tenant', 'two', false)},
	q{SELECT set_config('app.tenant', 'two', true)},
	q{SELECT set_config('APP.TENANT', NULL, false)},
	q{UPDATE pg_settings SET setting = 'two' WHERE name = 'app.tenant'},
	q{DO $$ BEGIN PERFORM set_config('app.tenant', 'two', false); END $$},
	q{DO $$ BEGIN SET LOCAL app.tenant = 'two'; END $$},
	q{BEGIN; SET LOCAL ROLE staff; SET app.tenant = 'two'; COMMIT},
	sprintf($FUNCTION, q{SET app.tenant = 'two'}),
	sprintf($FUNCTION, q{SET app.tenant FROM CURRENT}),
	sprintf($FUNCTION, '') . q{; ALTER FUNCTION pg_temp.mine() SET app.tenant = 'two'},
	sprintf($FUNCTION, '') . q{; ALTER FUNCTION pg_temp.mine() RESET app.tenant},
	q{SELECT invoker()});

# Every statement by which a role says what a setting is in sessions to come
my @stored_statements = (
	q{ALTER ROLE alice SET app.tenant = 'two'},
	q{ALTER ROLE CURRENT_USER SET "App".tenant = 'two'},
	q{ALTER ROLE alice IN DATABASE owned SET app.tenant = 'two'},
	q{ALTER DATABASE owned SET app.tenant = 'two'},
	q{ALTER ROLE ALL SET app.tenant = 'two'},
	q{ALTER SYSTEM SET app.tenant = 'two'});

subtest 'K1: everybody reads, and nobody sets' => sub {
	my $alice = open_session($node, 'alice');
	is(tenant($alice), 'one', 'K1: a trigger of a superuser has set it');
	is(outcome($alice, 'SHOW app.login'), '', 'K1: what nothing has set is empty, and no error');
	is(outcome($alice, q{SELECT concat_ws(' ', name, context, setting, source) FROM pg_settings WHERE name = 'app.tenant'}), 'app.tenant superuser one session', 'K1: pg_settings shows it');
	for my $statement (@session_statements, @stored_statements)
	{
		is(outcome($alice, $statement), '42501', "K1: $statement");
		$alice->try_query('ROLLBACK');
		is(tenant($alice), 'one', 'K1: which has changed nothing');
	}
	$alice->query('RESET ALL');
	is(tenant($alice), 'one', 'K1: RESET ALL leaves it');
	is(outcome($alice, 'GRANT SET ON PARAMETER app.tenant TO alice'), '42501', 'K1: nobody grants it to himself');
	is(outcome($alice, q{SET app.login = 'bob'}), '42501', 'K1: names are the same in upper and lower case');
	is(outcome($alice, q{SET app.tenants = 'bob'}), 'done', 'K1: other names are free');
	$alice->quit;
};

subtest 'K1: what a client asks for when it connects' => sub {
	for my $role (qw(alice bob))
	{
		is(begin($role, options => '-c app.tenant=x'), '42501', "K1: $role: -c in the options");
		is(begin($role, options => '--app.tenant=x'), '42501', "K1: $role: -- in the options");
		is(begin($role, 'app.tenant' => 'x'), '42501', "K1: $role: a parameter of its own");
		is(begin($role, 'APP.tenant' => ''), '42501', "K1: $role: an empty one");
	}
	is(begin('root', options => '-c app.tenant=x -c session_triggers.enabled=off'), 'x', 'K1: a superuser may');
	is(begin('granted', options => '-c app.tenant=x'), 'three', 'K1: so may a role with GRANT SET, and the trigger comes after it');
};

subtest 'K1: connections for replication' => sub {
	is(begin('replicator', replication => 'database', options => '-c app.tenant=x'), '42501', 'K1: what they ask for');
	my $replicator = open_session($node, 'replicator', replication => 'database');
	is(outcome($replicator, q{SET app.tenant = 'x'}), '42501', 'K1: what they set');
	is(tenant($replicator), '', 'K1, E7: no trigger fires for them');
	$replicator->quit;
};

subtest 'K1: a role with GRANT SET ON PARAMETER' => sub {
	my $granted = open_session($node, 'granted');
	is(tenant($granted), 'three', 'K1: has what the trigger has set');
	is(outcome($granted, q{SET app.tenant = 'x'}), 'done', 'K1: and can set something else');
	is(tenant($granted), 'x', 'K1: and has it then');
	is(outcome($granted, q{SELECT set_config('app.tenant', 'y', false)}), 'y', 'K1: set_config()');
	is(outcome($granted, 'RESET app.tenant; SHOW app.tenant'), '', 'K1: RESET');
	is(outcome($granted, sprintf($FUNCTION, q{SET app.tenant = 'z'}) . '; SELECT pg_temp.mine()'), 'z', 'K1: a function of its own');
	is(outcome($granted, q{SET app.login = 'x'}), '42501', 'K1: only that one');
	is(outcome($granted, q{ALTER ROLE granted SET app.tenant = 'stored'}), 'done', 'K1: ALTER ROLE');
	$granted->quit;
	is(begin('granted'), 'three', 'K1: which the trigger replaces');
	$root->query('ALTER ROLE granted RESET ALL');
	$root->query('REVOKE SET ON PARAMETER app.tenant FROM granted');
	is(outcome(my $late = open_session($node, 'granted'), q{SET app.tenant = 'x'}), '42501', 'K1: nor after REVOKE');
	$late->quit;
	$root->query('GRANT SET ON PARAMETER app.tenant TO granted');

	# A delegated trigger of such a role
	$root->query(q{ALTER SYSTEM SET session_triggers.creator_role = 'granted'});
	$node->reload;
	ok(wait_until($node, 'postgres', 'SHOW session_triggers.creator_role', 'granted'), 'N1: there is a creator role');
	my $creator = open_session($node, 'granted');
	$creator->query(q{CREATE FUNCTION delegated() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
		AS $$ BEGIN PERFORM set_config('app.tenant', 'delegated', false); END $$});
	$creator->query('CREATE EVENT TRIGGER delegated ON after_user_logon EXECUTE FUNCTION delegated()');
	$creator->quit;
	is(begin('granted'), 'delegated', 'K1, N1: can set it');
	$root->query('DROP EVENT TRIGGER delegated');
	$root->query('ALTER SYSTEM RESET session_triggers.creator_role');
	$node->reload;
};

subtest 'K1: functions with the rights of a superuser' => sub {
	my $alice = open_session($node, 'alice');
	is(outcome($alice, q{SELECT switch('other', false)}), 'other', 'K1: one sets it');
	is(tenant($alice), 'other', 'K1: which stays');
	$alice->query('BEGIN');
	$alice->query(q{SELECT switch('inner', true)});
	is(tenant($alice), 'inner', 'K1: or for a transaction');
	$alice->query('COMMIT');
	is(tenant($alice), 'other', 'K1: which ends');
	is(outcome($alice, q{SELECT within('x')}), 'within', 'K1: or for a function');
	is(tenant($alice), 'other', 'K1: which ends, too');
	$alice->query('BEGIN');
	$alice->query(q{SELECT switch('undone', false)});
	$alice->query('SAVEPOINT s');
	$alice->query(q{SELECT switch('undone too', false)});
	$alice->query('ROLLBACK TO s');
	is(tenant($alice), 'undone', 'K1: a rollback restores the value before');
	$alice->query('ROLLBACK');
	is(tenant($alice), 'other', 'K1: in both forms');
	$alice->quit;
};

subtest 'K1: what superusers store' => sub {
	$root->query(q{ALTER ROLE owner SET app.tenant = 'of role'});
	is(begin('owner'), '', 'K1: a trigger comes after it');
	$root->query('ALTER EVENT TRIGGER set_tenant DISABLE');
	is(begin('owner'), 'of role', 'K1: ALTER ROLE of a superuser counts');
	my $owner = open_session($node, 'owner');
	is(outcome($owner, 'ALTER ROLE owner RESET app.tenant'), '42501', 'K1: and the role cannot take it away');
	$owner->query('ALTER ROLE owner RESET ALL');
	$owner->query('RESET ALL');
	$owner->quit;
	is(begin('owner'), 'of role', 'K1: nor by RESET ALL');
	$node->append_conf('postgresql.conf', "app.tenant = 'of server'");
	$node->reload;
	ok(poll_until(sub { begin('bob') eq 'of server' }), 'K1: postgresql.conf counts');
	is(begin('owner'), 'of role', 'K1: where nothing else is set');
	$node->append_conf('postgresql.conf', "app.tenant = ''");
	$node->reload;
	ok(poll_until(sub { begin('bob') eq '' }), 'K1: and is empty again');
	$root->query('ALTER ROLE owner RESET app.tenant');
	$root->query('ALTER EVENT TRIGGER set_tenant ENABLE');
};

subtest 'K3: SET ROLE and SET SESSION AUTHORIZATION' => sub {
	my $session = open_session($node, 'root');
	$session->query(q{SET app.tenant = 'of root'});
	$session->query('SET SESSION AUTHORIZATION alice');
	is(tenant($session), 'of root', 'K3: SET SESSION AUTHORIZATION changes nothing');
	is(outcome($session, q{SET app.tenant = 'two'}), '42501', 'K1: but the role is none that may set it');
	is(outcome($session, 'RESET app.tenant'), '42501', 'K1: nor reset');
	$session->query('SET ROLE staff');
	is(tenant($session), 'of root', 'K3: SET ROLE changes nothing');
	$session->query('RESET ROLE');
	$session->query('RESET SESSION AUTHORIZATION');
	is(tenant($session), 'of root', 'K3: nor does the way back');
	$session->query('RESET ALL');
	is(tenant($session), 'of root', 'K1: RESET ALL of a superuser leaves it, too');
	$session->query('RESET app.tenant');
	is(tenant($session), '', 'K1: RESET does not');
	$session->quit;
};

# Says what the setting is, and in which process. With the setting that has the planner use
# parallel workers wherever it can, that is one of them.
my $WORKERS = ($major >= 16 ? 'debug_parallel_query' : 'force_parallel_mode') . ' = on';
admin($node, 'app', q{CREATE FUNCTION here(name text) RETURNS text LANGUAGE plpgsql PARALLEL SAFE
	AS $$ BEGIN RETURN current_setting(name) || ' ' || pg_backend_pid(); END $$});

subtest 'K3: parallel workers' => sub {
	for my $case ([ 'alice', 'one' ], [ 'granted', 'three' ], [ 'granted', 'own', q{SET app.tenant = 'own'} ])
	{
		my ($role, $tenant, @statements) = @$case;
		my $session = open_session($node, $role);
		$session->query($_) for @statements, "SET $WORKERS";
		my $found = $session->query(q{SELECT here('app.tenant')});
		like($found, qr/^$tenant \d+$/, "K3: $role: a worker has the value");
		isnt($found, "$tenant " . $session->pid, 'K3: it is another process');
		$session->quit;
	}
};

subtest 'K1: transactions that are prepared' => sub {
	my $alice = open_session($node, 'alice');
	$alice->query('BEGIN');
	$alice->query(q{SELECT switch('prepared', false)});
	$alice->query(q{PREPARE TRANSACTION 'p'});
	is(tenant($alice), 'prepared', 'K1: as in any other transaction');
	my $bob = open_session($node, 'bob');
	$root->query(q{COMMIT PREPARED 'p'});
	is(tenant($bob), 'two', 'K1: and it is nothing to others');
	$_->quit for $alice, $bob;
};

subtest 'K2: DISCARD ALL' => sub {
	my $alice = open_session($node, 'alice');
	$alice->query(q{SELECT switch('of the client before', false)});
	$alice->query('DISCARD ALL');
	is(tenant($alice), '', 'K2: the next client has nothing of the one before');
	$alice->quit;

	$root->query(q{ALTER ROLE bob SET session_triggers.fire_on_discard = on});
	my $bob = open_session($node, 'bob');
	$bob->query(q{SELECT switch('of the client before', false)});
	$bob->query('DISCARD ALL');
	is(tenant($bob), 'two', 'K2, R1: or what its own logon sets');
	$root->query(q{UPDATE tenants SET tenant = '' WHERE role = 'bob'});
	$root->query('ALTER EVENT TRIGGER set_tenant DISABLE');
	$bob->query(q{SELECT switch('of the client before', false)});
	$bob->query('DISCARD ALL');
	is(tenant($bob), '', 'K2, R1: nothing, where no trigger fires');
	$bob->query(q{SELECT switch('of the client before', false)});
	is(outcome($bob, 'BEGIN; DISCARD ALL'), '25001', 'K2: where DISCARD ALL is refused');
	$bob->try_query('ROLLBACK');
	is(tenant($bob), 'of the client before', 'K2: nothing is discarded');
	$root->query('ALTER EVENT TRIGGER set_tenant ENABLE');
	$root->query(q{UPDATE tenants SET tenant = 'two' WHERE role = 'bob'});
	$bob->quit;

	# What a new session would have without a trigger
	$root->query(q{ALTER ROLE bob SET app.tenant = 'stored'});
	$bob = open_session($node, 'bob');
	$root->query('ALTER EVENT TRIGGER set_tenant DISABLE');
	$bob->query('DISCARD ALL');
	is(tenant($bob), 'stored', 'K2: what is stored for the role is there again');
	$root->query('ALTER EVENT TRIGGER set_tenant ENABLE');
	$root->query('ALTER ROLE bob RESET ALL');
	$bob->quit;
};

subtest 'K1: what a session had before a setting was protected' => sub {
	$root->query('ALTER EVENT TRIGGER set_tenant DISABLE');
	protect('');
	# What is sent in the startup packet; statements; what is left, and what after a rollback
	my %forged = (
		'by SET' => [ {}, [q{SET app.tenant = 'f'}], '', '' ],
		'by the client' => [ { options => '-c app.tenant=f' }, [], '', '' ],
		'by both' => [ { 'app.tenant' => 'f' }, [q{SET app.tenant = 'f2'}], '', '' ],
		'by the client, and set to nothing' => [ { options => '-c app.tenant=f' }, [q{SET app.tenant = ''}], '', '' ],
		'in a transaction' => [ {}, [ 'BEGIN', q{SET app.tenant = 'f'} ], '', '' ],
		'before a transaction' => [ {}, [ q{SET app.tenant = 'f'}, 'BEGIN', q{SELECT switch('kept', true)} ], 'kept', '' ],
		'for a transaction' => [ {}, [ 'BEGIN', q{SET LOCAL app.tenant = 'f'} ], '', '' ],
		'in and for a transaction' => [ {}, [ 'BEGIN', q{SET app.tenant = 'f'}, q{SET LOCAL app.tenant = 'f2'} ], '', '' ],
		'behind what was set for it' => [ {}, [ 'BEGIN', q{SET app.tenant = 'f'}, q{SELECT switch('kept', true)} ], 'kept', '' ],
		'in a savepoint' => [ { 'app.tenant' => 'f' }, [ 'BEGIN', q{SET app.tenant = 'f2'}, 'SAVEPOINT s', q{SET app.tenant = 'f3'} ], '', '' ],
		'before a superuser set it' => [ { 'app.tenant' => 'f' }, [q{SELECT switch('kept', false)}], 'kept', 'kept' ],
		'in front of what a superuser set' => [ {}, [ q{SELECT switch('kept', false)}, 'BEGIN', q{SET app.tenant = 'f'} ], '', 'kept' ]);
	my %client;
	for my $how (sort keys %forged)
	{
		my ($params, $statements) = @{ $forged{$how} };
		$client{$how} = open_session($node, 'alice', %$params);
		isnt(outcome($client{$how}, $_), '42501', "K1: $how: $_ is allowed before") for @$statements;
	}
	my $old = open_session($node, 'alice');
	my $granted = open_session($node, 'granted', 'app.tenant' => 'f');
	protect('app.tenant,app.login', $old, $granted, values %client);
	for my $how (sort keys %forged)
	{
		my ($left, $after) = @{ $forged{$how} }[ 2, 3 ];
		my $client = $client{$how};
		is(tenant($client), $left, "K1: $how: nothing of it is left");
		is(outcome($client, q{SELECT coalesce(reset_val, '') FROM pg_settings WHERE name = 'app.tenant'}), '', 'K1: not where RESET would find it');
		for my $end ($how =~ /savepoint/ ? 'ROLLBACK TO s' : (), 'ROLLBACK')
		{
			$client->try_query($end);
			is(tenant($client), $after, "K1: $how: nor does $end bring it back");
		}
		is(outcome($client, q{SET app.tenant = 'x'}), '42501', 'K1: and it is not set again');
		$client->query('DISCARD ALL');
		is(tenant($client), '', 'K1: nor does DISCARD ALL bring it back');
		$client->quit;
	}
	is(tenant($granted), '', 'K1: what a role with GRANT SET has set');
	is(outcome($granted, q{SET app.tenant = 'x'}), 'done', 'K1: which it can set again');
	$granted->quit;
	is(outcome($old, q{SET app.tenant = 'x'}), '42501', 'K1: a session that had nothing');
	is(tenant($old), '', 'K1: has nothing');

	# A client that gives its password after the reload, of which its process knows nothing before
	protect('');
	my $slow = connect_as($node, 'slow', 'app.tenant' => 'f');
	is($slow->next_message->{type}, 'R', 'the server asks for a password');
	protect('app.tenant');
	$slow->send_message('p', "secret\0");
	$slow->ready;
	is(tenant($slow), '', 'K1: a client that connects slowly');
	is(outcome($slow, q{SET app.tenant = 'x'}), '42501', 'K1: sets nothing either');
	$slow->quit;

	# The same with the end of the transaction that has set it
	protect('');
	for my $end ('COMMIT', 'ROLLBACK')
	{
		my $alice = open_session($node, 'alice', 'app.tenant' => 'forged');
		$alice->query('BEGIN');
		$alice->query(q{SET app.tenant = 'f2'});
		$alice->query(q{SET LOCAL app.tenant = 'f3'});
		protect('app.tenant', $alice);
		is(tenant($alice), '', "K1: before $end");
		$alice->query($end);
		is(tenant($alice), '', "K1: after $end");
		$alice->quit;
		protect('');
	}

	is($old->query('SHOW session_triggers.protected_settings'), '', 'K1: the list is empty');
	is(outcome($old, q{SET app.tenant = 'x'}), '42501', 'K1: a removal is nothing to a session that is there');
	$old->query('DISCARD ALL');
	is(outcome($old, q{SET app.tenant = 'x'}), '42501', 'K1: not after DISCARD ALL either');
	$old->quit;
	my $new = open_session($node, 'alice');
	is(outcome($new, q{SET app.tenant = 'x'; SHOW app.tenant}), 'x', 'K1: a new session sets what is not listed');
	$new->quit;
	protect('app.tenant, app.login');
	$root->query('ALTER EVENT TRIGGER set_tenant ENABLE');
};

subtest 'K3: a reload between a session and its parallel workers' => sub {
	my $holder = hold_lock($node);
	my $alice = open_session($node, 'alice', 'app.other' => 'forged');
	$alice->query("SET $WORKERS");
	# Both statements are one message, so the session does not see the new list before the second.
	$alice->send_query(q{SELECT pg_advisory_xact_lock(42); SELECT here('app.other')});
	wait_for_event($node, $alice, 'advisory');
	protect('app.tenant, app.login, app.other');
	$holder->quit;
	my @found = map { $_->{M} // $_->{values}[0] } grep { $_->{type} =~ /[DE]/ } $alice->messages;
	like($found[-1], qr/^forged \d+$/, 'K3: the worker is as its leader');
	isnt($found[-1], 'forged ' . $alice->pid, 'K3: it is another process');
	is(outcome($alice, 'SHOW app.other'), '', 'K1: whose next command is protected');
	# And the other way round
	$holder = hold_lock($node);
	$alice->send_query(q{SELECT pg_advisory_xact_lock(42); SELECT here('app.tenant')});
	wait_for_event($node, $alice, 'advisory');
	protect('app.login');
	$holder->quit;
	@found = map { $_->{M} // $_->{values}[0] } grep { $_->{type} =~ /[DE]/ } $alice->messages;
	like($found[-1], qr/^one \d+$/, 'K3: also where the list is shorter');
	protect('app.tenant, app.login', $alice);
	is(tenant($alice), 'one', 'K1: a setting that is listed again is as it was');
	$alice->quit;
};

subtest 'K1: settings that an extension defines' => sub {
	protect('app.tenant, app.login, PLpgSQL.Print_Strict_Params, plpgsql.extra_errors, plpgsql.unknown');
	# PL/pgSQL is loaded when a session first needs it.
	for my $load ('', 'DO $$ BEGIN NULL; END $$')
	{
		$root->query('ALTER EVENT TRIGGER set_tenant DISABLE');
		my $fresh = open_session($node, 'alice');
		$fresh->query($load) if $load;
		my $when = $load ? 'when its library is there' : 'before';
		is(outcome($fresh, 'SET plpgsql.print_strict_params = on'), '42501', "K1: $when");
		is(outcome($fresh, q{SET plpgsql.extra_errors = 'all'}), '42501', "K1: $when, a text");
		is(outcome($fresh, 'SET plpgsql.check_asserts = off'), 'done', "K1: $when, what is not listed");
		is(outcome($fresh, 'RESET ALL; SHOW plpgsql.print_strict_params'), $load ? 'off' : '', "K1: $when, it can be read");
		like(outcome($fresh, 'SET plpgsql.unknown = 1'), $load ? qr/^42602$/ : qr/^42501$/, "K1: $when, what it does not define");
		$fresh->query('DISCARD ALL');
		$fresh->quit;
		$root->query('ALTER EVENT TRIGGER set_tenant ENABLE');
	}
	my $alice = open_session($node, 'alice');
	is(tenant($alice), 'one', 'K1: a trigger in such a language fires');
	$alice->quit;
	$root->query(q{ALTER ROLE bob SET plpgsql.print_strict_params = on});
	$root->query(q{ALTER ROLE bob SET plpgsql.extra_errors = 'all'});
	my $bob = open_session($node, 'bob');
	is(outcome($bob, q{SELECT concat_ws(' ', current_setting('plpgsql.print_strict_params'), current_setting('plpgsql.extra_errors'), current_setting('app.tenant'))}),
		'on all two', 'K1, F7: what a superuser has stored counts, and hinders no firing');
	is(outcome($bob, 'RESET plpgsql.print_strict_params'), '42501', 'K1: and is not reset');
	$bob->query('RESET ALL');
	$bob->query('DISCARD ALL');
	is(outcome($bob, 'SHOW plpgsql.print_strict_params'), 'on', 'K1: in any way');
	$bob->quit;
	$root->query('ALTER ROLE bob RESET ALL');
	# A session that has loaded it
	protect('app.tenant, app.login');
	my $loaded = open_session($node, 'alice');
	is(outcome($loaded, 'SET plpgsql.print_strict_params = on'), 'done', 'K1: a setting that is not listed any more');
	protect('app.tenant, app.login, plpgsql.print_strict_params', $loaded);
	is(outcome($loaded, 'SET plpgsql.print_strict_params = on'), '42501', 'K1: or that is listed now');
	$loaded->quit;
	protect('app.tenant, app.login');
};

subtest 'K1: the list' => sub {
	for my $case (
		[ 'app.tenant,', 'Item "" at position 12: an item is missing.' ],
		[ 'app.tenant, work_mem', 'Item "work_mem" at position 13: only a setting with a dot in its name can be protected.' ],
		[ 'Session_Triggers.enabled', 'Item "Session_Triggers.enabled" at position 1: a setting of session triggers or of the session audit cannot be listed.' ],
		[ 'app.tenant,app..user', 'Item "app..user" at position 12: this is not the name of a setting.' ],
		[ join(',', ('a.b') x 65), 'Item "a.b" at position 257: at most 64 settings can be protected.' ])
	{
		my ($list, $detail) = @$case;
		my ($error) = grep { $_->{type} eq 'E' } $root->query("ALTER SYSTEM SET session_triggers.protected_settings = '$list'");
		is("$error->{C} $error->{D}", "22023 $detail", "K1: $detail");
	}
	is(outcome($root, q{SET session_triggers.protected_settings = ''}), '55P02', 'S: only the configuration file has it');
	is(begin('root', options => '-c session_triggers.protected_settings='), '55P02', 'S: not a client');
	is(outcome($root, q{ALTER ROLE alice SET session_triggers.protected_settings = ''}), '55P02', 'S: not a role');
	my $many = join ',', map { "many.n$_" } 1 .. 64;
	protect($many);
	my $alice = open_session($node, 'alice');
	is(outcome($alice, 'SET many.n64 = 1'), '42501', 'K1: all of the list count');
	protect('app.tenant, app.login', $alice);
	is(outcome($alice, "SET $_ = 1"), '42501', "K1: $_, of this list or the one before") for 'many.n1', 'many.n64', 'app.tenant';
	$alice->quit;
};

subtest 'K1: policies that read what anybody sets' => sub {
	admin($node, 'app', <<'EOS');
CREATE TABLE documents (id int, tenant text);
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY protected ON documents USING (tenant = current_setting('app.tenant'));
CREATE POLICY "Open" ON documents USING (tenant = current_setting('App.Other', true)) WITH CHECK (tenant = current_setting('app.another'));
CREATE POLICY twice ON documents USING (tenant = current_setting('app.other', true) OR current_setting('app.other', true) = 'it''s all');
CREATE POLICY builtin ON documents USING (tenant = current_setting('application_name'));
EOS
	my $problems = q{SELECT detail FROM session_triggers.problems WHERE problem = 'policy_setting_open' ORDER BY 1};
	my $detail = sub { return qq{Policy $_[0] on table public.documents reads $_[1], which any role can set: add it to session_triggers.protected_settings.} };
	is(admin($node, 'app', $problems), join("\n", $detail->('"Open"', 'app.another'), $detail->('"Open"', 'app.other'), $detail->('twice', 'app.other')), 'K1: problems lists them');
	protect('app.tenant, app.login, app.other, app.another');
	is(admin($node, 'app', $problems), '', 'K1: and no more, if the setting is protected');
	protect('app.tenant, app.login');
	admin($node, 'app', 'DROP TABLE documents');
};

subtest 'K1: pg_dump' => sub {
	$root->query(q{ALTER ROLE bob SET app.tenant = 'dumped'});
	my ($out) = run_command([ 'pg_dumpall', '--globals-only', '--dbname' => $node->connstr('postgres') . ' user=root' ]);
	like($out, qr/^ALTER ROLE bob SET "?app\.tenant"? TO 'dumped';$/m, 'K1: what is stored for roles is dumped');
	like($out, qr/^GRANT SET ON PARAMETER "?app\.tenant"? TO granted;$/m, 'K1: and who may set it');
	$root->query('ALTER ROLE bob RESET ALL');
	($out) = run_command([ 'pg_dump', '--dbname' => $node->connstr('app') . ' user=root' ]);
	like($out, qr/SET "?app\.tenant"? TO 'within'/, 'K1: and the clauses of functions');
};

subtest 'A11: the audit' => sub {
	start_audit($node);
	protect('app.tenant');
	ok(wait_until($node, 'postgres', q{SELECT string_agg(concat_ws(' ', context->>'change', context->>'old', '>', context->>'new'), ';') FROM session_audit.log WHERE event = 'changed' AND context->>'setting' = 'session_triggers.protected_settings'},
			'reload app.tenant, app.login > app.tenant'), 'A11: a change of the list is recorded');
	stop_audit($node);
};

$root->quit;
log_is_clean($node, 'the log has no failed assertion and no leak');
done_testing();
