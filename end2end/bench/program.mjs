// The release build as it is measured: started on a free port of 127.0.0.1, with data of its own.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const ROOT = path.resolve(import.meta.dirname, '../..');
const TARGET = path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target', 'release');
// As in the tests, the build of another folder can be measured.
export const PROGRAM = process.env.LATCHKEY_PROGRAM ?? path.join(TARGET, 'latchkey');
export const EXAMPLES = path.join(TARGET, 'examples');
const SITE = process.env.LATCHKEY_SITE ?? path.join(ROOT, 'target/site');

/** The cheapest password hash there is, where its cost is no subject. */
export const CHEAP_HASH = { LATCHKEY_ARGON2: 'm=8,t=1,p=1' };
export const PASSWORD = 'mauve-teapot-41-harbour';

export class Program {
  agent = agent;

  /** Another client of a program that runs, with its own connections. */
  static client(url, maxSockets) {
    const client = new Program();
    client.url = url;
    client.agent = new http.Agent({ keepAlive: true, maxSockets });
    return client;
  }

  /** Starts the program in a folder; `settings` may name a database. */
  static async start(folder, settings = {}) {
    const port = settings.port ?? (await freePort());
    const program = new Program();
    program.url = `http://127.0.0.1:${port}`;
    const begun = performance.now();
    const { port: _, ...variables } = settings;
    program.child = spawn(PROGRAM, [], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        PATH: process.env.PATH,
        LATCHKEY_LISTEN: `127.0.0.1:${port}`,
        LATCHKEY_DATA_DIR: path.join(folder, 'data'),
        LATCHKEY_SITE_ROOT: SITE,
        LATCHKEY_RATE_LIMITS: 'off',
        LATCHKEY_LOG: 'error',
        ...variables,
      },
    });
    program.child.once('exit', (code) => (program.exited = code ?? -1));
    while (!(await answers(`${program.url}/readyz`))) {
      if (program.exited !== undefined) throw new Error(`the program ended with ${program.exited}`);
      if (performance.now() - begun > 60_000) throw new Error('the program is not ready after 60 s');
      await pause(1);
    }
    program.readyAfter = performance.now() - begun;
    return program;
  }

  async stop() {
    if (this.exited !== undefined) return;
    const gone = new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGTERM');
    await gone;
  }

  /** Resident memory now, in MB. */
  memory() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return (Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024) / 1e6;
  }

  /** Processor time used up to now, in seconds. */
  processorTime() {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  async post(at, body, token) {
    const { status, text } = await this.request('POST', at, body, token);
    if (status >= 300) throw new Error(`${at}: ${status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  register(email) {
    return this.post('/api/user/create', { email, password: PASSWORD });
  }

  signIn(email) {
    return this.post('/api/user/login', { email, password: PASSWORD });
  }

  async viewStatus(token) {
    return (await this.request('GET', '/api/user/view', undefined, token)).status;
  }

  request(method, at, body, token) {
    const json = body === undefined ? undefined : JSON.stringify(body);
    const headers = {};
    if (json) headers['Content-Type'] = 'application/json';
    if (json) headers['Content-Length'] = Buffer.byteLength(json);
    if (token) headers.Authorization = `Bearer ${token}`;
    return new Promise((answered, failed) => {
      http
        .request(this.url + at, { method, agent: this.agent, headers }, (answer) => {
          let text = '';
          answer.on('data', (data) => (text += data));
          answer.on('end', () => answered({ status: answer.statusCode, text }));
          answer.on('error', failed);
        })
        .on('error', failed)
        .end(json);
    });
  }
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

function answers(url) {
  return new Promise((done) => {
    http
      .get(url, (answer) => {
        answer.resume();
        done(answer.statusCode === 200);
      })
      .on('error', () => done(false));
  });
}

export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => probe.once('listening', listening));
  const { port } = probe.address();
  await new Promise((closed) => probe.close(closed));
  return port;
}

/** Runs `work(number)` for each number below `count`, so many at a time. */
export async function each(count, atOnce, work) {
  let next = 0;
  const line = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, line));
}

export function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export const median = (numbers) => quantile(numbers, 0.5);
