# A session through asyncpg: see README.md.
import asyncio
import sys

import asyncpg


def notice(_connection, message):
    print("notice", message.severity, message.sqlstate, message.message)


async def main():
    try:
        connection = await asyncpg.connect(sys.argv[1])
    except asyncpg.PostgresError as error:
        print("error", error.sqlstate, error)
        return
    connection.add_log_listener(notice)
    for script in sys.argv[2:]:
        try:
            await connection.execute(script)
            print("done")
        except asyncpg.PostgresError as error:
            print("refused", error.sqlstate, error)
    print("select", await connection.fetchval("SELECT 1"))
    statement = await connection.prepare("SELECT $1::int + 1")
    print("prepared", await statement.fetchval(41))
    print("tenant", await connection.fetchval("SELECT current_setting('app.tenant', true)") or "-")
    await connection.close()
    print("closed")


asyncio.run(main())
