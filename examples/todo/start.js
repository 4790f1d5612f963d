// Starts the example on loopback until Ctrl-C: Latchkey, the app and its two backends, each a process of its
// own. `make example` builds what is missing first. Accounts and emails are in a temporary folder, which is
// deleted at the end. PORT is the first of four ports.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const ROOT = path.resolve(import.meta.dirname, '../..');
const TARGET = path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target');
// As scripts/example builds it.
const PROFILE = process.env.CI ? 'release' : 'debug';
const PROGRAM = process.env.LATCHKEY_PROGRAM ?? path.join(TARGET, 'release/latchkey');
const SITE = process.env.LATCHKEY_SITE ?? path.join(ROOT, 'target/site');

const PORTS = [0, 1, 2, 3].map((number) => Number(process.env.PORT ?? 4000) + number);
const [APP, HOME, WORK, LATCHKEY] = PORTS.map((port) => `http://127.0.0.1:${port}`);

const children = [];
let ending;

/** Starts a process. When one ends, all do. */
function start(command, args, env) {
  const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'inherit', 'inherit'] });
  children.push(child);
  child.once('error', (error) => end(error.message));
  child.once('exit', () => end(`${path.basename(args[0] ?? command)} has ended.`));
}

/** Stops all processes, deletes the data, and exits. */
function end(failure) {
  ending ??= (async () => {
    if (failure) console.error(failure);
    await Promise.all(children.map(stop));
    await rm(folder, { recursive: true, force: true });
    process.exit(failure ? 1 : 0);
  })();
}

async function stop(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await once(child, 'exit');
  clearTimeout(force);
}

/** Waits until a server responds, whatever it says. */
async function responds(url) {
  for (const ends = Date.now() + 30_000; ; await pause(20)) {
    try {
      return await fetch(url);
    } catch {
      if (Date.now() > ends) return end(`${url} does not respond.`);
    }
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

for (const port of PORTS) {
  if (await isFree(port)) continue;
  console.error(`Port ${port} is in use. For others: PORT=5000 make example`);
  process.exit(1);
}
const folder = await mkdtemp(path.join(tmpdir(), 'latchkey-todo-'));
process.on('SIGINT', () => end());
process.on('SIGTERM', () => end());
process.on('uncaughtException', ({ message }) => end(message));

/** What is not named here has its default. */
const settings = {
  LATCHKEY_LISTEN: new URL(LATCHKEY).host,
  LATCHKEY_DATA_DIR: path.join(folder, 'data'),
  LATCHKEY_SITE_ROOT: SITE,
  LATCHKEY_LOG: 'warn',
  // The backends verify tokens by themselves.
  LATCHKEY_TOKEN_ALG: 'EdDSA',
  // The app's scripts may sign users up and in.
  LATCHKEY_CORS_ORIGINS: APP,
  // Where Latchkey's own pages lead home.
  LATCHKEY_HOME_URL: APP,
};
start(PROGRAM, [], settings);
await responds(`${LATCHKEY}/readyz`);

// Each backend has a service key of its own, with which it follows revocations.
for (const [name, url, command, ...args] of [
  ['Home, in Node.js', HOME, process.execPath, path.join(import.meta.dirname, 'node-backend.js')],
  ['Work, in Rust', WORK, path.join(TARGET, PROFILE, 'examples/todo')],
]) {
  const create = ['key', 'create', '--name', name, '--scope', 'tokens:verify'];
  const key = execFileSync(PROGRAM, create, { cwd: folder, env: settings }).toString().trim();
  start(command, args, { PORT: new URL(url).port, LATCHKEY_URL: LATCHKEY, LATCHKEY_KEY: key, APP_ORIGIN: APP });
}
start(process.execPath, [path.join(import.meta.dirname, 'web-server.js')], {
  PORT: new URL(APP).port, LATCHKEY_URL: LATCHKEY, HOME_URL: HOME, WORK_URL: WORK,
});
for (const url of [HOME, WORK, APP]) await responds(url);

console.log(`
  The app                    ${APP}
  Home, a backend in Node.js ${HOME}
  Work, a backend in Rust    ${WORK}
  Latchkey                   ${LATCHKEY}  (the account: ${LATCHKEY}/account)

Emails are files in ${folder}/data/outbox. Ctrl-C stops everything and deletes the data.
`);
