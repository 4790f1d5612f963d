// What administrators and operators do where there are many users: lists, searches, a change of many at once, a
// backup while the server runs, and a copy to the other database.
import { execFile, execFileSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { seed, wrk } from './load.mjs';
import { PROGRAM, Program, quantile } from './program.mjs';
import { ms, seconds, whole } from './report.mjs';

const run = promisify(execFile);
const EMAIL = 'user-0@bench.example';
const USERS = '/api/admin/users';
const ROUNDS = 20;
const AT_ONCE = 1000;

/** Fills an SQLite database with so many users, and measures there and on PostgreSQL, where there is one. */
export async function operations(report, sqlite, postgres, users, secondsEach) {
  let program = await Program.start(sqlite.folder, sqlite.settings);
  await program.register(EMAIL);
  await program.stop();
  await seed(sqlite.url, users);
  command(sqlite, 'user', 'grant-admin', '--email', EMAIL);
  program = await Program.start(sqlite.folder, sqlite.settings);
  try {
    await administration(report, program, users, 'SQLite');
    await backup(report, program, sqlite, users, secondsEach);
  } finally {
    await program.stop();
  }
  if (!postgres) return;
  const begun = performance.now();
  await run(PROGRAM, ['copy', '--from', sqlite.url, '--to', postgres.url], environment(sqlite));
  const took = performance.now() - begun;
  report.add(`copying ${whole(users)} users with their sessions to PostgreSQL`, seconds(took), '5 min', 300_000 / took);
  // The master secret belongs to the data.
  const settings = { ...postgres.settings, LATCHKEY_DATA_DIR: path.join(sqlite.folder, 'data') };
  program = await Program.start(postgres.folder, settings);
  try {
    await administration(report, program, users, 'PostgreSQL');
  } finally {
    await program.stop();
  }
}

/** Asks for users in every way that the page for them offers. */
async function administration(report, program, users, database) {
  const { token } = await program.signIn(EMAIL);
  const get = async (query) => {
    const { status, text } = await program.request('GET', `${USERS}?${query}`, undefined, token);
    if (status !== 200) throw new Error(`${query}: ${status} ${text}`);
    return JSON.parse(text);
  };
  const some = await get('limit=200');
  const queries = {
    list: ['limit=50', `limit=50&cursor=${encodeURIComponent(some.next_cursor)}`, 'limit=50&order=email'],
    filter: ['is_active=false', 'is_admin=true', 'role=editor', 'email_verified=true', 'otp_enabled=true'],
    search: ['search=user-99999', 'search=9999%40bench', 'search=nobody-at-all', `search=${some.users[100].id}`, 'search=ben'],
  };
  for (const [name, all] of Object.entries(queries)) {
    const slowest = { p95: 0 };
    for (const query of all) {
      const times = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const begun = performance.now();
        await get(query);
        times.push(performance.now() - begun);
      }
      const p95 = quantile(times, 0.95);
      if (p95 > slowest.p95) Object.assign(slowest, { p95, query });
    }
    const work = `${name} of ${whole(users)} users, p95 of the slowest kind (${slowest.query.slice(0, 24)}), ${database}`;
    report.add(work, ms(slowest.p95), '50 ms', 50 / slowest.p95);
  }
  const ids = [];
  for (let cursor = ''; ids.length < AT_ONCE; ) {
    const page = await get(`limit=200${cursor}`);
    ids.push(...page.users.filter((user) => user.email !== EMAIL).map((user) => user.id));
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
  const begun = performance.now();
  await program.post(`${USERS}/bulk`, { ids: ids.slice(0, AT_ONCE), action: 'deactivate' }, token);
  const took = performance.now() - begun;
  report.add(`deactivating ${whole(AT_ONCE)} users in one transaction, ${database}`, seconds(took), '2 s', 2000 / took);
}

/** Makes a backup while somebody views their account all the time. */
async function backup(report, program, here, users, secondsEach) {
  const { token } = await program.signIn('user-1@bench.example');
  const view = (duration) =>
    wrk(`${program.url}/api/user/view`, { connections: 8, seconds: duration, token });
  const alone = await view(secondsEach);
  const begun = performance.now();
  let took;
  const copying = run(PROGRAM, ['backup', path.join(here.folder, 'backup.tar')], environment(here)).then(() => {
    took = performance.now() - begun;
  });
  const beside = await view(secondsEach);
  await copying;
  report.add(`backup of ${whole(users)} users while the server runs`, seconds(took), '60 s', 60_000 / took);
  const figure = `${ms(beside.p99)}; ${ms(alone.p99)}`;
  report.add('view p99 beside the backup; without', figure, 'at most doubled', (2 * alone.p99) / beside.p99);
}

function environment({ folder, settings }) {
  const env = { PATH: process.env.PATH, LATCHKEY_DATA_DIR: path.join(folder, 'data'), ...settings };
  return { cwd: folder, env, maxBuffer: 2 ** 26 };
}

function command(here, ...words) {
  execFileSync(PROGRAM, words, { ...environment(here), stdio: ['ignore', 'ignore', 'inherit'] });
}
