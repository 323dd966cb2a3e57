# Sessions that try what logon triggers set, through a driver for Python: see README.md.
import asyncio
import sys
from datetime import date, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

DATE = date(2026, 2, 3)
TIMESTAMP = datetime(2026, 2, 3, 4, 5, 6, 789000)
TIMESTAMPTZ = TIMESTAMP.replace(tzinfo=timezone.utc)
INTERVAL = timedelta(days=1, hours=2, minutes=3, seconds=4)


# Each driver has the methods that main() calls. In a statement, the sign $ is the parameter.
class Psycopg:
    def __init__(self, url):
        import psycopg

        self.errors = psycopg.Error
        self.connection = psycopg.connect(url, autocommit=True)

    def notices(self):
        return []

    def value(self, sql, *parameters):
        return self.connection.execute(sql.replace("$", "%s"), parameters).fetchone()[0]

    def prepared(self, number):
        return self.connection.execute("SELECT %s::int + 1", [number], prepare=True).fetchone()[0]

    def write(self):
        with self.connection.transaction():
            return self.connection.execute("INSERT INTO public.written VALUES (1)").rowcount

    # Its pool, which is a package of its own, resets nothing.
    reset = None

    def discard(self):
        self.connection.execute("DISCARD ALL")

    def close(self):
        self.connection.close()

    @staticmethod
    def sqlstate(error):
        return error.sqlstate


class Psycopg2:
    def __init__(self, url):
        import psycopg2

        self.errors = psycopg2.Error
        self.binary = psycopg2.Binary
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def notices(self):
        return [line.rstrip() for line in self.connection.notices]

    def value(self, sql, *parameters):
        parameters = [self.binary(p) if isinstance(p, bytes) else p for p in parameters]
        self.cursor.execute(sql.replace("$", "%s"), parameters)
        return self.cursor.fetchone()[0]

    # The driver has no prepared statements of its own.
    def prepared(self, number):
        return self.value("SELECT $::int + 1", number)

    def write(self):
        self.connection.autocommit = False
        try:
            with self.connection:
                self.cursor.execute("INSERT INTO public.written VALUES (1)")
            return self.cursor.rowcount
        finally:
            self.connection.autocommit = True

    def reset(self):
        self.connection.reset()
        # It has the value of a new connection now.
        self.connection.autocommit = True

    def discard(self):
        self.cursor.execute("DISCARD ALL")

    def close(self):
        self.connection.close()

    @staticmethod
    def sqlstate(error):
        return error.pgcode


class Asyncpg:
    def __init__(self, url):
        import asyncpg

        self.errors = asyncpg.PostgresError
        self.loop = asyncio.new_event_loop()
        self.connection = self.run(asyncpg.connect(url))
        self.statement = None

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def notices(self):
        return []

    def value(self, sql, *parameters):
        return self.run(self.connection.fetchval(sql.replace("$", "$1"), *parameters))

    def prepared(self, number):
        self.statement = self.statement or self.run(self.connection.prepare("SELECT $1::int + 1"))
        return self.run(self.statement.fetchval(number))

    async def insert(self):
        async with self.connection.transaction():
            return (await self.connection.execute("INSERT INTO public.written VALUES (1)")).split()[2]

    def write(self):
        return self.run(self.insert())

    def reset(self):
        self.run(self.connection.reset())

    def discard(self):
        self.run(self.connection.execute("DISCARD ALL"))
        # Forgets what it has prepared itself.
        self.run(self.connection.reload_schema_state())

    def close(self):
        self.run(self.connection.close())

    @staticmethod
    def sqlstate(error):
        return error.sqlstate


class Pg8000:
    def __init__(self, url):
        import pg8000.native

        self.errors = pg8000.native.DatabaseError
        url = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.connection = pg8000.native.Connection(
            host=url.hostname, port=url.port, database=url.path[1:], **query
        )
        self.statement = None

    def notices(self):
        return [f"{n[b'S'].decode()}:  {n[b'M'].decode()}" for n in self.connection.notices]

    def value(self, sql, *parameters):
        sql = sql.replace("::", "\\:\\:").replace("$", ":p").replace("\\:\\:", "::")
        return self.connection.run(sql, **({"p": parameters[0]} if parameters else {}))[0][0]

    def prepared(self, number):
        self.statement = self.statement or self.connection.prepare("SELECT CAST(:p AS int) + 1")
        return self.statement.run(p=number)[0][0]

    def write(self):
        self.connection.run("START TRANSACTION")
        try:
            self.connection.run("INSERT INTO public.written VALUES (1)")
            return self.connection.row_count
        finally:
            self.connection.run("ROLLBACK")

    reset = None

    def discard(self):
        self.connection.run("DISCARD ALL")

    def close(self):
        self.connection.close()

    @staticmethod
    def sqlstate(error):
        return error.args[0].get("C")


def text(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, datetime):
        if value.tzinfo:
            value = value.astimezone(timezone.utc)
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + ("Z" if value.tzinfo else "")
    if isinstance(value, timedelta):
        return f"{value.days} {timedelta(seconds=value.seconds)}"
    if isinstance(value, list):
        return "|".join(str(element) for element in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "done" if value is None else str(value)


def session(driver, url):
    try:
        it = driver(url)
    except Exception as error:
        print("connect", type(error).__name__, str(error).splitlines()[-1])
        return

    def show(name, function, *parameters):
        try:
            value = text(function(*parameters))
        except it.errors as error:
            value = it.sqlstate(error) or f"{type(error).__name__} {str(error).splitlines()[0]}"
        except Exception as error:
            value = f"{type(error).__name__} {str(error).splitlines()[0]}"
        print(name, value)

    for notice in it.notices():
        print("notice", notice)
    show("finds", it.value, "SELECT public.found()")
    show("prepared", it.prepared, 41)
    for name, value, sent, read in (
        ("date", DATE, "to_char($::date, 'YYYY-MM-DD')", "date '2026-02-03'"),
        (
            "timestamp",
            TIMESTAMP,
            "to_char($::timestamp, 'YYYY-MM-DD HH24:MI:SS.MS')",
            "timestamp '2026-02-03 04:05:06.789'",
        ),
        (
            "timestamptz",
            TIMESTAMPTZ,
            "to_char($::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MSZ')",
            "timestamptz '2026-02-03 04:05:06.789+00'",
        ),
        ("interval", INTERVAL, "to_char($::interval, 'FMDD FMHH24:MI:SS')", "interval '1 day 02:03:04'"),
        ("bytea", b"\x00\xff\\'", "encode($::bytea, 'hex')", "decode('00ff5c27', 'hex')"),
        ("array", ["a,b", "\\"], "array_to_string($::text[], '|')", "ARRAY['a,b', chr(92)]"),
        ("text", "\u00fc\\'", "encode(convert_to($::text, 'UTF8'), 'hex')", "chr(252) || chr(92) || chr(39)"),
        ("float", 0.1 + 0.2, "$::float8 = 0.1::float8 + 0.2::float8", "0.1::float8 + 0.2::float8"),
    ):
        show(f"{name} sent", it.value, f"SELECT {sent}", value)
        show(f"{name} read", it.value, f"SELECT {read}")
    show("error", it.value, "SELECT 1 / 0")
    show("write", it.write)
    if it.reset:
        show("reset", it.reset)
        show("reset finds", it.value, "SELECT public.found()")
    show("discard", it.discard)
    show("discard finds", it.value, "SELECT public.found()")
    show("discard prepared", it.prepared, 41)
    show("close", it.close)


drivers = {"psycopg": Psycopg, "psycopg2": Psycopg2, "asyncpg": Asyncpg, "pg8000": Pg8000}
for target in sys.argv[2:]:
    session(drivers[sys.argv[1]], target)
    print("end")
