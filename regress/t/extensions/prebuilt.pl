# Extensions that Debian built for its own server work in ours, also in a firing:
# rule C2. The server with the extensions is made by ./build.sh check.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/..";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SessionTriggers;
use Test::More;

my $install = $ENV{SESSTRIG_EXTENSIONS_INSTALL};
plan skip_all => 'SESSTRIG_EXTENSIONS_INSTALL names no server with the extensions' unless $install;
plan skip_all => 'orafce is not among its extensions' unless $ENV{SESSTRIG_EXTENSIONS} =~ /orafce/;

# That server brings its own libraries.
$ENV{LD_LIBRARY_PATH} = "$install/lib";
my $node = new_node(
	'prebuilt',
	install_path => $install,
	conf => "shared_preload_libraries = 'pgaudit'\npgaudit.log = 'all'\npgaudit.log_catalog = off");
$node->start;

my $start = log_position($node);
create_app($node, <<'EOF');
CREATE ROLE alice LOGIN;
CREATE EXTENSION pgaudit;
CREATE EXTENSION orafce;
CREATE TABLE fired (id int GENERATED ALWAYS AS IDENTITY, event text, name oracle.varchar2(64));
GRANT INSERT ON fired TO alice;
CREATE FUNCTION log_session() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.fired (event, name) VALUES (tg_event, oracle.nvl(NULL::text, polar_login_user));
END
$$;
CREATE EVENT TRIGGER logon ON after_user_logon EXECUTE FUNCTION log_session();
CREATE EVENT TRIGGER logoff ON before_user_logoff EXECUTE FUNCTION log_session();
EOF
like(
	slurp_file($node->logfile, $start),
	qr/LOG:  AUDIT: SESSION,\d+,\d+,DDL,CREATE TABLE,TABLE,public\.fired,/,
	'C2: pgaudit, which has event triggers itself, records commands');

$start = log_position($node);
my $client = connect_as($node, 'alice');
is(scalar(grep { $_->{type} =~ /[NE]/ } $client->ready), 0, 'C2: the client gets no error and no notice');
is(scalar $client->query(q{SELECT oracle.substr('hello', 2, 2)}), 'el', 'C2: a function of orafce gives its result');
$client->query('SET search_path = oracle, public, pg_catalog');
is(scalar $client->query(q{SELECT pg_typeof('x'::varchar2(3))}), 'varchar2',
	"D5: orafce's own type VARCHAR2 comes first");
$client->quit;

is( admin($node, 'app', 'SELECT event, name FROM fired ORDER BY id'),
	"after_user_logon|alice\nbefore_user_logoff|alice",
	'C2: a function that uses orafce fires at logon and logoff');
is( scalar(grep { /LOG:  AUDIT: SESSION,\d+,\d+,WRITE,INSERT,.*INTO public\.fired/ } log_lines($node, $start, $client)),
	2, 'C2: pgaudit records what the trigger writes');
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:|ERROR:|WARNING:/, 'C2: the log has no error and no warning');
$node->stop;

done_testing();
