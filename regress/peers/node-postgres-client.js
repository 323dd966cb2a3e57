// A session through node-postgres: see README.md.
const { Client } = require('pg');

async function main() {
  const client = new Client(process.argv[2]);
  client.on('notice', (notice) => {
    console.log('notice', notice.severity, notice.code, notice.message);
  });
  try {
    await client.connect();
  } catch (error) {
    console.log('error', error.code, error.message);
    return;
  }
  for (const script of process.argv.slice(3)) {
    try {
      await client.query(script);
      console.log('done');
    } catch (error) {
      console.log('refused', error.code, error.message);
    }
  }
  const value = async (query) => Object.values((await client.query(query)).rows[0])[0];
  console.log('select', await value('SELECT 1'));
  console.log('prepared', await value({ name: 'p', text: 'SELECT $1::int + 1', values: [41] }));
  console.log('tenant', (await value("SELECT current_setting('app.tenant', true)")) || '-');
  await client.end();
  console.log('closed');
}

main();
