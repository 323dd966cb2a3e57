# A session through pg8000: see README.md.
import sys
from urllib.parse import parse_qs, urlsplit

import pg8000.native

url = urlsplit(sys.argv[1])
try:
    connection = pg8000.native.Connection(
        parse_qs(url.query)["user"][0], host=url.hostname, port=url.port, database=url.path[1:]
    )
except pg8000.native.DatabaseError as error:
    print("error", error.args[0]["C"], error.args[0]["M"])
    sys.exit()
for notice in connection.notices:
    print("notice", *(notice[field].decode() for field in (b"S", b"C", b"M")))
for script in sys.argv[2:]:
    try:
        connection.run(script)
        print("done")
    except pg8000.native.DatabaseError as error:
        print("refused", error.args[0]["C"], error.args[0]["M"])
print("select", connection.run("SELECT 1")[0][0])
print("prepared", connection.prepare("SELECT CAST(:n AS int) + 1").run(n=41)[0][0])
print("tenant", connection.run("SELECT current_setting('app.tenant', true)")[0][0] or "-")
connection.close()
print("closed")
