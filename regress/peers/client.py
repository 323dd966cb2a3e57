"""The Python drivers: client.py DRIVER HOST PORT USER DATABASE."""

import asyncio
import sys


def show(notices, answer, setting):
    for notice in notices:
        print(f"notice: {notice}")
    print(f"select: {answer}")
    print(f"setting: {setting}")


def refused(code, message):
    print(f"error: {code} {message}")


def run_psycopg(host, port, user, database):
    import psycopg

    try:
        connection = psycopg.connect(host=host, port=port, user=user, dbname=database)
    except psycopg.OperationalError as error:
        # libpq has no SQLSTATE for a connection that failed.
        refused("-----", str(error).split("FATAL:  ")[-1])
        return
    answer = connection.execute("SELECT %s::int + 1", (41,), prepare=True).fetchone()[0]
    setting = connection.execute("SELECT current_setting('test.setting', true)").fetchone()[0]
    connection.close()
    show([], answer, setting)


def run_pg8000(host, port, user, database):
    import pg8000.native

    try:
        connection = pg8000.native.Connection(user, host=host, port=port, database=database)
    except pg8000.native.DatabaseError as error:
        refused(error.args[0]["C"], error.args[0]["M"])
        return
    notices = [notice[b"M"].decode() for notice in connection.notices]
    statement = connection.prepare("SELECT CAST(:n AS int) + 1")
    answer = statement.run(n=41)[0][0]
    statement.close()
    setting = connection.run("SELECT current_setting('test.setting', true)")[0][0]
    connection.close()
    show(notices, answer, setting)


async def run_asyncpg(host, port, user, database):
    import asyncpg

    notices = []
    try:
        connection = await asyncpg.connect(host=host, port=port, user=user, database=database, ssl=False)
    except asyncpg.PostgresError as error:
        refused(error.sqlstate, error.message)
        return
    # There is no way to listen before.
    connection.add_log_listener(lambda _, message: notices.append(message.message))
    statement = await connection.prepare("SELECT $1::int + 1")
    answer = await statement.fetchval(41)
    setting = await connection.fetchval("SELECT current_setting('test.setting', true)")
    await connection.close()
    show(notices, answer, setting)


def main():
    driver, host, port, user, database = sys.argv[1:]
    result = globals()[f"run_{driver}"](host, int(port), user, database)
    if result is not None:
        asyncio.run(result)


main()
