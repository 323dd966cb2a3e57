// A pool of node-postgres that resets by DISCARD ALL: see README.md.
const { Pool } = require('pg');

async function main() {
  const pool = new Pool({ connectionString: process.argv[2], max: 1 });
  // The pool itself resets nothing. A connection that cannot be reset is closed.
  const release = (client) => client.query('DISCARD ALL').then(() => client.release(), () => client.release(true));

  for (let number = 1; number <= 3; number++) {
    const client = await pool.connect();
    const value = async (query) => Object.values((await client.query(query)).rows[0])[0] || '-';
    const token = await value("SELECT current_setting('app.token', true)");
    console.log('client', number, token, await value("SELECT to_regclass('pg_temp.mine')::text"));
    await client.query("SET app.token = 'stolen'; CREATE TEMP TABLE mine ()");
    await release(client);
  }
  await pool.end();
  console.log('closed');
}

main();
