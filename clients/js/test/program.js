// A real Latchkey, whose program LATCHKEY_PROGRAM names.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from './latchkey.js';

const { LATCHKEY_PROGRAM: program, LATCHKEY_SITE: site } = process.env;

/** The options of tests that need the program. */
export const needsProgram = { skip: program ? false : 'LATCHKEY_PROGRAM is not set' };
export const credentials = { email: 'ada@example.com', password: 'tall-violet-anchor-92' };

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export class Program {
  /** Starts the program with these settings. */
  static async start(settings = {}) {
    const started = new Program();
    started.folder = await mkdtemp(path.join(tmpdir(), 'latchkey-'));
    started.url = `http://127.0.0.1:${await freePort()}`;
    started.env = {
      ...process.env, LATCHKEY_LISTEN: started.url.slice('http://'.length), LATCHKEY_DATA_DIR: path.join(started.folder, 'data'),
      LATCHKEY_SITE_ROOT: site, LATCHKEY_ARGON2: 'm=64,t=1,p=1', LATCHKEY_LOG: 'warn', ...settings,
    };
    started.process = spawn(program, { env: started.env, stdio: ['ignore', 'ignore', 'inherit'] });
    try {
      await until('it is ready', () => fetch(`${started.url}/readyz`).then(({ ok }) => ok, () => false));
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  /** Creates a service key. */
  createKey(...scopes) {
    const create = ['key', 'create', '--name', 'a test', '--scope', ...scopes];
    return execFileSync(program, create, { env: this.env }).toString().trim();
  }

  async stop() {
    this.process.kill('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }
}
