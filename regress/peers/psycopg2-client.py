# A session through psycopg2, which is libpq: see README.md.
import sys

import psycopg2

try:
    connection = psycopg2.connect(sys.argv[1])
except psycopg2.Error as error:
    print("error", error.pgcode or "-", str(error).splitlines()[-1])
    sys.exit()
connection.autocommit = True
for notice in connection.notices:
    print("notice", notice.rstrip())
cursor = connection.cursor()
for script in sys.argv[2:]:
    try:
        cursor.execute(script)
        print("done")
    except psycopg2.Error as error:
        print("refused", error.pgcode, error.diag.message_primary)
cursor.execute("SELECT 1")
print("select", cursor.fetchone()[0])
# The driver has no prepared statements of its own.
cursor.execute("PREPARE p(int) AS SELECT $1 + 1")
cursor.execute("EXECUTE p(%s)", [41])
print("prepared", cursor.fetchone()[0])
cursor.execute("SELECT current_setting('app.tenant', true)")
print("tenant", cursor.fetchone()[0] or "-")
connection.close()
print("closed")
