# A session through psycopg, which is libpq: see README.md.
import sys

import psycopg


def notice(diagnostic):
    print("notice", diagnostic.severity, diagnostic.sqlstate, diagnostic.message_primary)


try:
    connection = psycopg.connect(sys.argv[1], autocommit=True)
except psycopg.Error as error:
    print("error", error.sqlstate or "-", str(error).splitlines()[-1])
    sys.exit()
connection.add_notice_handler(notice)
for script in sys.argv[2:]:
    try:
        connection.execute(script)
        print("done")
    except psycopg.Error as error:
        print("refused", error.sqlstate, error.diag.message_primary)
print("select", connection.execute("SELECT 1").fetchone()[0])
print("prepared", connection.execute("SELECT %s::int + 1", [41], prepare=True).fetchone()[0])
print("tenant", connection.execute("SELECT current_setting('app.tenant', true)").fetchone()[0] or "-")
connection.close()
print("closed")
