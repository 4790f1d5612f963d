// What users and their requests cost in PostgreSQL and in SQLite: the figures that docs/capacity.md
// calculates with.
import { execFile, execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { seed } from './load.mjs';
import { CHEAP_HASH, PASSWORD, Program } from './program.mjs';
import { whole } from './report.mjs';

const run = promisify(execFile);

const USERS = 100_000;
const FEW_USERS = 10_000;
const REQUESTS = 1000;
const EMAIL = 'user-0@bench.example';

/** The bytes of a user and of a session, with their indexes, in a database with many of both. */
export async function sizeOfRows(report, here, database) {
  const program = await Program.start(here.folder, { ...here.settings, ...CHEAP_HASH });
  await program.register(EMAIL);
  await program.stop();
  await seed(here.url, USERS);
  const size = database === 'PostgreSQL' ? sizeInPostgres(here.url) : sizeInSqlite(here.url);
  for (const table of ['users', 'sessions']) {
    report.add(`a row of \`${table}\` with its indexes, ${database}`, `${whole(size(table) / USERS)} bytes`);
  }
}

function sizeInPostgres(url) {
  execFileSync('psql', [url, '-qc', 'VACUUM FULL users, sessions']);
  return (table) => Number(psql(url, `SELECT pg_total_relation_size('${table}')`));
}

function sizeInSqlite(url) {
  const sql = (table) =>
    `SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name = '${table}')`;
  return (table) => Number(execFileSync('sqlite3', [url.replace('sqlite://', ''), sql(table)]));
}

/** The bytes that each kind of request writes to the log, which goes to disk and to standbys. */
export async function writes(report, here) {
  const settings = { ...here.settings, ...CHEAP_HASH };
  const first = await Program.start(here.folder, settings);
  await first.register(EMAIL);
  await first.stop();
  await seed(here.url, FEW_USERS);
  const program = await Program.start(here.folder, settings);
  try {
    let { token, refresh_token: refresh } = await program.signIn(EMAIL);
    const measure = async (name, request) => {
      // What the requests before have left to be written.
      await request();
      const before = position(here.url);
      for (let number = 0; number < REQUESTS; number += 1) await request();
      const bytes = Number(psql(here.url, `SELECT pg_current_wal_insert_lsn() - '${before}'::pg_lsn`)) / REQUESTS;
      report.add(`written to PostgreSQL's log for each ${name}`, `${whole(bytes)} bytes`);
    };
    await measure('view', () => program.viewStatus(token));
    await measure('refresh', async () => {
      ({ token, refresh_token: refresh } = await program.post('/api/user/login/refresh', { refresh_token: refresh }));
    });
    let user = 0;
    await measure('sign-in', () => program.signIn(`user-${++user}@bench.example`));
    const register = () => program.post('/api/user/create', { email: `new-${++user}@bench.example`, password: PASSWORD });
    await measure('registration', register);
  } finally {
    await program.stop();
  }
}

function position(url) {
  // A checkpoint first would add whole pages to what follows.
  return psql(url, 'SELECT pg_current_wal_insert_lsn()');
}

/** How many transactions that notify PostgreSQL commits, against those that don't. */
export async function notifications(report, here, seconds) {
  psql(here.url, 'CREATE TABLE written (at timestamptz)');
  const rate = async (name, sql) => {
    const script = path.join(here.folder, `${name}.sql`);
    await writeFile(script, `BEGIN;\nINSERT INTO written VALUES (now());\n${sql}COMMIT;\n`);
    const options = ['-n', '-c', '16', '-j', '1', '-T', String(seconds), '-f', script];
    const { stdout } = await run(pgbench(), [...options, here.url]);
    return Number(/tps = ([\d.]+)/.exec(stdout)[1]);
  };
  const silent = await rate('silent', '');
  const notifying = await rate('notifying', "NOTIFY latchkey_bench, '00000000-0000-4000-8000-000000000000';\n");
  const figure = `${whole(notifying)}/s, ${(notifying / silent).toFixed(2)} of those that don't`;
  report.add('transactions that notify, 16 connections, PostgreSQL', figure);
}

function pgbench() {
  const folder = execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim();
  return path.join(folder, 'pgbench');
}

function psql(url, sql) {
  return execFileSync('psql', [url, '-Atqc', sql], { encoding: 'utf8' }).trim();
}
