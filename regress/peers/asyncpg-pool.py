# A pool of asyncpg that resets by DISCARD ALL: see README.md.
import asyncio
import sys

import asyncpg


class Connection(asyncpg.Connection):
    def get_reset_query(self):
        return "DISCARD ALL"


async def main():
    # The statements that the driver prepares do not survive the reset.
    pool = await asyncpg.create_pool(
        sys.argv[1], min_size=1, max_size=1, statement_cache_size=0, connection_class=Connection
    )
    for number in range(1, 4):
        async with pool.acquire() as connection:
            token = await connection.fetchval("SELECT current_setting('app.token', true)")
            left = await connection.fetchval("SELECT to_regclass('pg_temp.mine')::text")
            print("client", number, token or "-", left or "-")
            await connection.execute("SET app.token = 'stolen'; CREATE TEMP TABLE mine ()")
    await pool.close()
    print("closed")


asyncio.run(main())
