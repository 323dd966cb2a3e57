// Sessions that try what logon triggers set, through node-postgres: see README.md.
const { Client } = require('pg');

const two = (number) => String(number).padStart(2, '0');
const clock = (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${at.getMilliseconds()}`;
const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;

// How this driver has a value of each type: a date and a timestamp are local times.
const local = new Date(2026, 1, 3, 4, 5, 6, 789);
const texts = {
  date: (value) => day(value) + (value.getHours() ? ' ' + clock(value) : ''),
  timestamp: (value) => day(value) + ' ' + clock(value),
  timestamptz: (value) => value.toISOString().replace('T', ' '),
  interval: (value) => `${value.days || 0} ${value.hours || 0}:${two(value.minutes || 0)}:${two(value.seconds || 0)}`,
  bytea: (value) => value.toString('hex'),
  array: (value) => value.join('|'),
};

const types = [
  ['date', new Date(2026, 1, 3), "to_char($1::date, 'YYYY-MM-DD')", "date '2026-02-03'"],
  ['timestamp', local, "to_char($1::timestamp, 'YYYY-MM-DD HH24:MI:SS.MS')", "timestamp '2026-02-03 04:05:06.789'"],
  ['timestamptz', new Date('2026-02-03T04:05:06.789Z'), "to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MSZ')", "timestamptz '2026-02-03 04:05:06.789+00'"],
  ['interval', '1 day 02:03:04', "to_char($1::interval, 'FMDD FMHH24:MI:SS')", "interval '1 day 02:03:04'"],
  ['bytea', Buffer.from([0, 255, 92, 39]), "encode($1::bytea, 'hex')", "decode('00ff5c27', 'hex')"],
  ['array', ['a,b', '\\'], "array_to_string($1::text[], '|')", "ARRAY['a,b', chr(92)]"],
  ['text', "\u00fc\\'", "encode(convert_to($1::text, 'UTF8'), 'hex')", 'chr(252) || chr(92) || chr(39)'],
  ['float', 0.1 + 0.2, '$1::float8 = 0.1::float8 + 0.2::float8', '0.1::float8 + 0.2::float8'],
];

async function session(url) {
  const client = new Client(url);
  client.on('notice', (notice) => console.log(`notice ${notice.severity}:  ${notice.message}`));
  try {
    await client.connect();
  } catch (error) {
    console.log('connect', error.code || error.name, error.message);
    return;
  }
  const show = async (name, get) => {
    try {
      console.log(name, await get());
    } catch (error) {
      console.log(name, error.code || `${error.name} ${error.message}`);
    }
  };
  const value = async (text, ...values) => Object.values((await client.query(text, values)).rows[0])[0];
  const found = () => value('SELECT public.found()');
  const prepared = () => client.query({ name: 'p', text: 'SELECT $1::int + 1 AS n', values: [41] }).then((result) => result.rows[0].n);

  await show('finds', found);
  await show('prepared', prepared);
  for (const [name, parameter, sent, read] of types) {
    await show(`${name} sent`, () => value(`SELECT ${sent}`, parameter));
    await show(`${name} read`, async () => {
      const got = await value(`SELECT ${read}`);
      return typeof got === 'object' && got !== null ? texts[name](got) : got;
    });
  }
  await show('error', () => value('SELECT 1 / 0'));
  await show('write', async () => {
    await client.query('BEGIN');
    try {
      return (await client.query('INSERT INTO public.written VALUES (1)')).rowCount;
    } finally {
      await client.query('ROLLBACK');
    }
  });
  await show('discard', () => client.query('DISCARD ALL').then(() => 'done'));
  await show('discard finds', found);
  await show('discard prepared', prepared);
  await show('close', () => client.end().then(() => 'done'));
}

async function main() {
  for (const url of process.argv.slice(2)) {
    await session(url);
    console.log('end');
  }
}

main();
