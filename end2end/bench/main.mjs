// Measures the release build on this machine, over loopback: `scripts/bench` builds what it takes and
// runs this. Prints what it finds as it goes, then a table in Markdown; writes the table and a chart to
// docs/. A figure that stands for speed is a ratio to a floor measured in the same run, in turns.
//
// SECONDS_EACH=10 measures longer; USERS=100000 MOST_USERS=100000 has less to fill in; ONLY=sign measures
// the parts whose names begin so, and writes nothing. PostgreSQL takes part where PGHOST says that there is
// a server.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { execFileSync } from 'node:child_process';
import { responseTimes, whileGuessing, whileHeld } from './attackers.mjs';
import { notifications, sizeOfRows, writes } from './capacity.mjs';
import { hashesPerSecond, introspectionScript, seed, signInScript, startFloor, tokensScript, wrk } from './load.mjs';
import { drainOutbox } from './mail.mjs';
import { operations } from './operations.mjs';
import { measurePages } from './pages.mjs';
import { passkeySignIns } from './passkeys.mjs';
import { CHEAP_HASH, PROGRAM, Program, each, freePort, median, quantile } from './program.mjs';
import { Report, ms, seconds, whole } from './report.mjs';
import { manyReaders, revocationTimes, verifying } from './services.mjs';
import { tokensOfAll } from './tokens.mjs';

const SECONDS = Number(process.env.SECONDS_EACH ?? 4);
const USERS = Number(process.env.USERS ?? 1_000_000);
const MOST_USERS = Number(process.env.MOST_USERS ?? 5 * USERS);
const FEW_USERS = 10_000;
const MEMORY_USERS = 50_000;
const ROUNDS = 3;
const VIEW = '/api/user/view';
const EMAIL = 'user-0@bench.example';
const OTHER_EMAIL = 'user-1@bench.example';
const MASTER_SECRET = 'the master secret of this benchmark';

const report = new Report();
const work = await mkdtemp(path.join(tmpdir(), 'latchkey-bench-'));
const databases = ['SQLite', ...(process.env.PGHOST ? ['PostgreSQL'] : [])];

try {
  await part('start, memory and page weight', startAndPages);
  await part('pages on a phone', pages);
  for (const database of databases) await part(`views, ${database}`, () => views(database, 'HS256', 0.7));
  for (const database of databases) await part(`views with EdDSA, ${database}`, () => views(database, 'EdDSA', 0.8));
  await part('introspection', introspections);
  await part('sign-ins', signIns);
  for (const database of databases) await part(`passkeys, ${database}`, async () => passkeySignIns(report, await place(database), database));
  await part('refreshes', refreshes);
  await part('views in a flood of sign-ins', flood);
  for (const database of databases) await part(`response times, ${database}`, () => existence(database));
  await part('guessing on SQLite', guessing);
  await part('held connections', heldConnections);
  for (const database of databases) await part(`sign-out on 3 servers, ${database}`, () => signOut(database));
  for (const database of databases) await part(`revocations, ${database}`, async () => revocationTimes(report, await place(database), database));
  await part('verifying elsewhere', async () => verifying(report, await place('SQLite'), SECONDS));
  await part('readers', async () => manyReaders(report, await place('SQLite'), SECONDS));
  for (const database of databases) await part(`growth, ${database}`, () => growth(database));
  if (databases.includes('PostgreSQL')) await part('memory of users', memoryOfUsers);
  await part('operations', async () => {
    const postgres = databases.includes('PostgreSQL') ? await place('PostgreSQL', CHEAP_HASH) : undefined;
    await operations(report, await place('SQLite', CHEAP_HASH), postgres, USERS, SECONDS);
  });
  for (const database of databases) await part(`size, ${database}`, async () => sizeOfRows(report, await place(database), database));
  if (databases.includes('PostgreSQL')) {
    await part('writes', async () => writes(report, await place('PostgreSQL')));
    await part('notifications', async () => notifications(report, await place('PostgreSQL'), SECONDS));
  }
  await part('outbox', outbox);
} finally {
  await rm(work, { recursive: true, force: true });
}

const machine = `${cpus().length} cores (${cpus()[0].model.trim()}), everything on one machine`;
const table = report.markdown(machine);
console.log(`\n${table}`);
if (process.env.ONLY) process.exit();
const docs = path.resolve(import.meta.dirname, '../../docs');
await mkdir(docs, { recursive: true });
await writeFile(path.join(docs, 'bench.md'), `# Measured\n\n\`make bench\` wrote this.\n\n![](bench.svg)\n\n${table}`);
await writeFile(path.join(docs, 'bench.svg'), report.svg());
process.exit(process.exitCode ?? 0);

/** One part of the measurements; when it fails, the others go on. */
async function part(name, measure) {
  if (!name.startsWith(process.env.ONLY ?? '')) return;
  console.error(`bench: ${name}`);
  try {
    await measure();
  } catch (error) {
    console.error(error);
    report.add(name, 'FAILED', '', 0);
    process.exitCode = 1;
  }
}

/** A folder and the settings for a new database. */
async function place(database, settings = {}) {
  const folder = await mkdtemp(path.join(work, 'place-'));
  if (database === 'SQLite') {
    const url = `sqlite://${path.join(folder, 'data', 'latchkey.db')}`;
    return { folder, url, settings };
  }
  const name = `latchkey_bench_${path.basename(folder).replaceAll(/\W/g, '').toLowerCase()}`;
  execFileSync('psql', ['-q', '-d', 'postgres', '-c', `CREATE DATABASE ${name}`]);
  const { PGHOST, PGPORT = '5432', PGUSER, PGPASSWORD } = process.env;
  const url = `postgres://${PGUSER}:${PGPASSWORD}@${PGHOST}:${PGPORT}/${name}`;
  return { folder, url, settings: { DATABASE_URL: url, ...settings } };
}

async function withProgram({ folder, settings }, measure) {
  const program = await Program.start(folder, settings);
  try {
    return await measure(program);
  } finally {
    await program.stop();
  }
}

async function startAndPages() {
  const here = await place('SQLite');
  await withProgram(here, (program) => program.register(EMAIL));
  const starts = [];
  for (let round = 0; round < 5; round += 1) {
    starts.push(await withProgram(here, async (program) => program.readyAfter));
  }
  const start = median(starts);
  report.add('start to ready, existing database', ms(start), '100 ms', 100 / start);
  await withProgram(here, async (program) => {
    await pause(1000);
    const memory = program.memory();
    report.add('memory, idle at start', `${memory.toFixed(1)} MB`, '40 MB', 40 / memory);
    const visit = await firstVisit(program, '/login');
    report.add('first visit to /login, Brotli', `${whole(visit.total)} bytes (${visit.parts})`, '180,000', 180_000 / visit.total);
    await program.signIn(EMAIL);
    await pause(10_000);
    const afterSignIn = program.memory();
    report.add('memory, ten seconds after a sign-in', `${afterSignIn.toFixed(1)} MB`, '60 MB', 60 / afterSignIn);
  });
}

/** The bytes of a page, each file that it names, and each script that its scripts import. */
async function firstVisit(program, at) {
  const sizes = new Map();
  const size = async (file) => {
    const answer = execFileSync('curl', ['-sSf', '-H', 'Accept-Encoding: br', '-o', '/dev/null', '-w', '%{size_download}', program.url + file]);
    sizes.set(file, Number(answer));
  };
  const text = async (file) => (await program.request('GET', file)).text;
  await size(at);
  const page = await text(at);
  const named = new Set(page.match(/(?<=["'(])\/[\w./-]+\.(?:js|wasm|css|svg|png|ico|woff2|webmanifest|json)/g));
  for (const file of [...named].filter((name) => name.endsWith('.js'))) {
    for (const [, name] of (await text(file)).matchAll(/from ?"\.\/([\w.-]+\.js)"/g)) named.add(`/pkg/${name}`);
  }
  for (const file of named) await size(file);
  const kinds = new Map();
  for (const [file, bytes] of sizes) {
    const kind = path.extname(file).slice(1) || 'page';
    kinds.set(kind, (kinds.get(kind) ?? 0) + bytes);
  }
  const parts = [...kinds].map(([kind, bytes]) => `${kind} ${whole(bytes)}`).join(', ');
  return { total: [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0), parts };
}

/** Pages over Chrome's "Slow 4G", with a processor four times slower than this machine's. */
async function pages() {
  await withProgram(await place('SQLite', CHEAP_HASH), async (program) => {
    for (const { work, ms: time, goal } of await measurePages(program)) {
      report.add(`${work}, Slow 4G, 4× CPU, cold`, seconds(time), seconds(goal), goal / time);
    }
  });
}

async function views(database, algorithm, wanted) {
  const settings = { ...CHEAP_HASH, LATCHKEY_TOKEN_ALG: algorithm };
  await withProgram(await place(database, settings), async (program) => {
    await program.register(EMAIL);
    const { token } = await program.signIn(EMAIL);
    const floor = await startFloor(algorithm);
    const ratios = [];
    const rates = [];
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const bare = await wrk(floor.url, { connections: 64, seconds: SECONDS, token: floor.token });
        const view = await wrk(program.url + VIEW, { connections: 64, seconds: SECONDS, token });
        ratios.push(view.perSecond / bare.perSecond);
        rates.push(view.perSecond);
      }
    } finally {
      floor.stop();
    }
    const ratio = median(ratios);
    report.add(
      `GET ${VIEW}, 64 connections, ${database}`,
      `${whole(median(rates))}/s, ${ratio.toFixed(2)} of a bare axum handler that checks ${algorithm} with jsonwebtoken`,
      `${wanted}`,
      ratio / wanted,
    );
  });
}

async function introspections() {
  const here = await place('SQLite', CHEAP_HASH);
  await withProgram(here, async (program) => {
    await program.register(EMAIL);
    const { token } = await program.signIn(EMAIL);
    const env = { PATH: process.env.PATH, LATCHKEY_DATA_DIR: path.join(here.folder, 'data') };
    const create = ['key', 'create', '--name', 'bench', '--scope', 'tokens:verify'];
    const key = execFileSync(PROGRAM, create, { cwd: here.folder, env }).toString().trim();
    const answer = await program.post('/api/token/introspect', { token }, key);
    if (!answer.active) throw new Error('the token is not active');
    const script = await introspectionScript(here.folder, token);
    const rates = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const url = `${program.url}/api/token/introspect`;
      rates.push((await wrk(url, { connections: 64, seconds: SECONDS, token: key, script })).perSecond);
    }
    const rate = median(rates);
    report.add('POST /api/token/introspect, one key, SQLite', `${whole(rate)}/s`, '20,000/s', rate / 20_000);
  });
}

async function signIns() {
  const here = await place('SQLite');
  await withProgram(here, async (program) => {
    await program.register(EMAIL);
    const script = await signInScript(here.folder, EMAIL);
    const ratios = [];
    const rates = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const hashes = await hashesPerSecond(SECONDS);
      const signIn = await wrk(`${program.url}/api/user/login`, { connections: 16, seconds: SECONDS, script });
      ratios.push(signIn.perSecond / hashes);
      rates.push(signIn.perSecond);
    }
    const ratio = median(ratios);
    report.add(
      'POST /api/user/login, 16 connections',
      `${median(rates).toFixed(1)}/s, ${ratio.toFixed(2)} of Argon2id alone on all cores`,
      '0.95',
      ratio / 0.95,
    );
  });
}

async function refreshes() {
  for (const database of databases) {
    await withProgram(await place(database, CHEAP_HASH), async (program) => {
      await program.register(EMAIL);
      const ends = Date.now() + SECONDS * 1000;
      let count = 0;
      const lines = Array.from({ length: 16 }, async () => {
        let pair = await program.signIn(EMAIL);
        while (Date.now() < ends) {
          pair = await program.post('/api/user/login/refresh', { refresh_token: pair.refresh_token });
          count += 1;
        }
      });
      await Promise.all(lines);
      report.add(`POST /api/user/login/refresh, 16 devices, ${database}`, `${whole(count / SECONDS)}/s`);
    });
  }
}

async function flood() {
  const here = await place('SQLite');
  await withProgram(here, async (program) => {
    // So many sign-ins of one user would end the session whose token is viewed.
    await program.register(EMAIL);
    await program.register(OTHER_EMAIL);
    const { token } = await program.signIn(OTHER_EMAIL);
    const script = await signInScript(here.folder, EMAIL);
    const seconds = Math.max(SECONDS, 8);
    const signIns = wrk(`${program.url}/api/user/login`, { connections: 256, seconds: seconds + 2, script, tooMuch: true });
    const viewed = pause(1000).then(() => wrk(program.url + VIEW, { connections: 4, seconds, token }));
    let memory = 0;
    const watch = setInterval(() => (memory = Math.max(memory, program.memory())), 100);
    const [signedIn, { p50, p99, perSecond }] = await Promise.all([signIns, viewed]).finally(() => clearInterval(watch));
    report.add(
      'view while 256 connections sign in without pause',
      `p99 ${ms(p99)}, p50 ${ms(p50)} at ${whole(perSecond)}/s beside ${whole(signedIn.perSecond)} sign-ins/s; ${signedIn.bad} told to come later`,
      '10 ms',
      10 / p99,
    );
    report.add('memory in that flood', `${memory.toFixed(0)} MB`, '128 MB', 128 / memory);
  });
}

/** Whether response times tell if an account exists, also after the cost of hashes was raised. */
async function existence(database) {
  for (const before of [{}, { LATCHKEY_ARGON2: 'm=1024,t=1,p=1' }]) {
    const { folder, settings } = await place(database);
    const results = await responseTimes(folder, settings, before);
    const differences = results.map((one) => Math.abs(one.with / one.without - 1));
    const each = results.map((one) => `${one.name} ${ms(one.with)}, ${ms(one.without)}`).join('; ');
    const raised = before.LATCHKEY_ARGON2 ? ', hash cost raised' : '';
    report.add(
      `median response with an account, without; 1 client, then 4; ${database}${raised}`,
      each,
      'within 5 %',
      0.05 / Math.max(...differences, 0.001),
    );
  }
}

async function guessing() {
  const { folder } = await place('SQLite');
  const { refresh, signOut, failed, guesses } = await whileGuessing(folder, Math.max(3 * SECONDS, 12));
  report.add(
    'refresh and sign-out while 200 clients send wrong passwords, SQLite',
    `p99 ${ms(refresh)} and ${ms(signOut)}, ${failed} failed beside ${whole(guesses)} guesses`,
    '50 ms, none fails',
    failed > 0 ? 0 : 50 / Math.max(refresh, signOut),
  );
}

async function heldConnections() {
  const { folder } = await place('SQLite');
  const { open, worst } = await whileHeld(folder);
  report.add('slowest response while another address holds all connections it gets', `${ms(worst)}, ${whole(open)} held`, '100 ms', 100 / worst);
}

async function signOut(database) {
  const here = await place(database, CHEAP_HASH);
  // One address for all, as behind one proxy: it stands in the tokens.
  const settings = { ...here.settings, LATCHKEY_PUBLIC_URL: `http://127.0.0.1:${await freePort()}` };
  const servers = [];
  try {
    for (let number = 0; number < 3; number += 1) servers.push(await Program.start(here.folder, settings));
    await servers[0].register(EMAIL);
    const times = [];
    for (let round = 0; round < 200; round += 1) {
      const { token } = await servers[0].signIn(EMAIL);
      for (const server of servers) {
        for (let look = 0; look < 2; look += 1) {
          if ((await server.viewStatus(token)) !== 200) throw new Error('a valid token was rejected');
        }
      }
      await servers[0].post('/api/user/logout/all', undefined, token);
      const answered = performance.now();
      await Promise.all(
        servers.slice(1).map(async (server) => {
          while ((await server.viewStatus(token)) !== 401) {
            if (performance.now() - answered > 10_000) throw new Error('still signed in after 10 s');
          }
        }),
      );
      times.push(performance.now() - answered);
    }
    const worst = Math.max(...times);
    report.add(
      `sign-out everywhere until 2 other servers refuse, 200 times, ${database}`,
      `worst ${ms(worst)}, p99 ${ms(quantile(times, 0.99))}, p50 ${ms(median(times))}`,
      '100 ms',
      100 / worst,
    );
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** The same work in a small and in a large database, in turns. */
async function growth(database) {
  const sizes = [FEW_USERS, USERS, ...(database === 'PostgreSQL' ? [MOST_USERS] : [])];
  const stages = [];
  try {
    for (const users of sizes) stages.push(await stageOf(database, users));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const { program, tokens, view } of stages) {
        view.push((await wrk(program.url + VIEW, { connections: 64, seconds: SECONDS, script: tokens })).perSecond);
      }
      for (const { program, script, signIn } of stages) {
        signIn.push((await wrk(`${program.url}/api/user/login`, { connections: 16, seconds: SECONDS, script })).perSecond);
      }
    }
  } finally {
    for (const { program } of stages) await program.stop();
  }
  const [few, ...more] = stages;
  for (const many of more) {
    const against = `with ${whole(many.users)} users against ${whole(few.users)}, ${database}`;
    const ratio = (work) => median(many[work].map((rate, round) => rate / few[work][round]));
    const figure = (work) => `${ratio(work).toFixed(2)} (${whole(median(many[work]))}/s of ${whole(median(few[work]))}/s)`;
    report.add(`view ${against}`, figure('view'), '0.9', ratio('view') / 0.9);
    report.add(`sign-in at the cheapest hash ${against}`, figure('signIn'));
  }
}

/** A program whose database has so many users, a thousand of whom, spread over them all, are signed in. */
async function stageOf(database, users) {
  const here = await place(database, CHEAP_HASH);
  await withProgram(here, (program) => program.register(EMAIL));
  await seed(here.url, users);
  const program = await Program.start(here.folder, here.settings);
  const tokens = [];
  await each(1000, 16, async (number) => {
    // All but the first, who signs in so often that older sessions end.
    const user = 1 + Math.floor((number * (users - 2)) / 999);
    tokens.push((await program.signIn(`user-${user}@bench.example`)).token);
  });
  return {
    users,
    program,
    tokens: await tokensScript(here.folder, tokens),
    script: await signInScript(here.folder, EMAIL),
    view: [],
    signIn: [],
  };
}

/** The memory that each cached user takes. */
async function memoryOfUsers() {
  const here = await place('PostgreSQL', { ...CHEAP_HASH, LATCHKEY_SECRET: MASTER_SECRET });
  await withProgram(here, (program) => program.register(EMAIL));
  await seed(here.url, MEMORY_USERS + 1000);
  await withProgram(here, async (program) => {
    const tokens = tokensOfAll(here.url, MASTER_SECRET, program.url);
    const view = async (number) => {
      const status = await program.viewStatus(tokens[number]);
      if (status !== 200) throw new Error(`a token that was made here got status ${status}`);
    };
    // The first ones make it allocate all the memory that requests need.
    await each(20_000, 32, (number) => view(number % 1000));
    const before = program.memory();
    await each(MEMORY_USERS, 32, (number) => view(1000 + number));
    const bytes = ((program.memory() - before) * 1e6) / MEMORY_USERS;
    report.add(`memory for each of ${whole(MEMORY_USERS)} cached users`, `${whole(bytes)} bytes`, '200', 200 / bytes);
  });
}

async function outbox() {
  const { perSecond, connections, waiting } = await drainOutbox(work, 10_000);
  report.add('outbox, 10,000 emails to a local mail server, 1 % of the recipients hang', `${whole(perSecond)}/s over ${connections} connections`, '200/s', perSecond / 200);
  report.add('processor time while the mail server is unavailable', `${(waiting * 100).toFixed(1)} % of a core`);
}
