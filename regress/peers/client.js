// node-postgres: client.js HOST PORT USER DATABASE
'use strict';
const { Client } = require('pg');

async function main() {
  const [host, port, user, database] = process.argv.slice(2);
  const client = new Client({ host, port: Number(port), user, database });
  const notices = [];
  client.on('notice', (notice) => notices.push(notice.message));
  try {
    await client.connect();
  } catch (error) {
    console.log(`error: ${error.code} ${error.message}`);
    return;
  }
  for (const notice of notices) console.log(`notice: ${notice}`);
  const answer = await client.query({ name: 'add', text: 'SELECT $1::int + 1 AS x', values: [41] });
  const setting = await client.query("SELECT current_setting('test.setting', true) AS x");
  console.log(`select: ${answer.rows[0].x}`);
  console.log(`setting: ${setting.rows[0].x}`);
  await client.end();
}

main();
