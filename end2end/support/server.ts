import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Authenticator } from './authenticator.ts';
import { link, type Mailbox } from './email.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Another program and site can be tested, such as those of a development build. */
const PROGRAM = process.env.LATCHKEY_PROGRAM
  ?? path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target', 'release/latchkey');
const SITE = process.env.LATCHKEY_SITE ?? path.join(ROOT, 'target/site');

/** Environment variables of the program. */
export type Settings = Record<string, string>;

export type User = { email: string; password: string };
export type Pair = { token: string; refresh_token: string; token_type: string; expires_in: number };
export type Session = {
  id: string;
  created_at: string;
  last_used_at: string;
  ip: string;
  user_agent: string;
  device: string;
  current: boolean;
};

/** A user's second factor, and the tokens of the session that turned it on. */
export type SecondFactor = { app: Authenticator; recoveryCodes: string[]; pair: Pair };

/** The release build, with its own port and data folder. */
export class Server {
  readonly url: string;
  /** The program's output, for the report of a failed test. */
  log = '';
  #child?: ChildProcess;

  private constructor(
    private readonly folder: string,
    private readonly port: number,
    private settings: Settings,
  ) {
    // Browsers accept passkeys for a host name only.
    const isNamed = settings.LATCHKEY_PUBLIC_URL?.startsWith('http://localhost:');
    this.url = `http://${isNamed ? 'localhost' : '127.0.0.1'}:${port}`;
    if (isNamed) this.settings = { ...settings, LATCHKEY_PUBLIC_URL: this.url };
  }

  static async launch(settings: Settings = {}): Promise<Server> {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run "make build" first`);
    const folder = await mkdtemp(path.join(tmpdir(), 'latchkey-end2end-'));
    const server = new Server(folder, await freePort(), settings);
    await server.start();
    return server;
  }

  /** Starts the program, if necessary again, with the same port and data and with changed settings. */
  async start(changed: Settings = {}): Promise<void> {
    this.settings = { ...this.settings, ...changed };
    const child = this.#spawn([]);
    child.stdout.on('data', (text) => (this.log += text));
    child.stderr.on('data', (text) => (this.log += text));
    this.#child = child;
    const deadline = Date.now() + 10_000;
    while (!(await ready(this.url))) {
      if (child.exitCode !== null) throw new Error(`latchkey exited at start:\n${this.log}`);
      if (Date.now() > deadline) throw new Error(`latchkey is not ready after 10 s:\n${this.log}`);
      await pause(20);
    }
  }

  #spawn(args: string[]) {
    return spawn(PROGRAM, args, {
      // A folder without an .env file.
      cwd: this.folder,
      env: {
        PATH: process.env.PATH,
        LATCHKEY_LISTEN: `127.0.0.1:${this.port}`,
        LATCHKEY_DATA_DIR: path.join(this.folder, 'data'),
        LATCHKEY_SITE_ROOT: SITE,
        // The cheapest hash, because these tests don't measure it.
        LATCHKEY_ARGON2: 'm=8,t=1,p=1',
        LATCHKEY_RATE_LIMITS: 'off',
        ...this.settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Runs a command of the program beside the server, such as `user grant-admin`. */
  async command(...args: string[]): Promise<void> {
    const child = this.#spawn(args);
    let output = '';
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`latchkey ${args.join(' ')} exited with ${code}:\n${output}`);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(force);
  }

  /** Stops the program and removes its data. */
  async discard(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  async register(user: User): Promise<void> {
    await this.post('/api/user/create', user);
  }

  async login(user: User, userAgent = 'Latchkey end-to-end tests'): Promise<Pair> {
    return this.post('/api/user/login', user, { 'User-Agent': userAgent });
  }

  async sessions(token: string): Promise<Session[]> {
    const response = await fetch(`${this.url}/api/user/sessions`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    if (!response.ok) throw new Error(`sessions: ${response.status} ${await response.text()}`);
    return response.json() as Promise<Session[]>;
  }

  /** Verifies a user's email address with the emailed link. */
  async verify(user: User, mailbox: Mailbox): Promise<void> {
    const url = new URL(link(await mailbox.take(user.email, 'Confirm your email address')));
    const token = new URLSearchParams(url.hash.slice(1)).get('token');
    await this.post('/api/user/activation', { token, password: user.password });
  }

  /** Turns on a user's second factor. */
  async turnOnSecondFactor(user: User): Promise<SecondFactor> {
    const authorization = { Authorization: `Bearer ${(await this.login(user)).token}` };
    const setup = await this.post<{ otpauth_url: string }>(
      '/api/totp/create', { current_password: user.password }, authorization,
    );
    const app = new Authenticator(setup.otpauth_url);
    const { recovery_codes: recoveryCodes, ...pair } = await this.post<Pair & { recovery_codes: string[] }>(
      '/api/totp/confirm', { code: app.code() }, authorization,
    );
    return { app, recoveryCodes, pair };
  }

  /** Sends a request with an access token. */
  async request<T>(method: string, at: string, token: string, body?: object): Promise<T> {
    const response = await fetch(this.url + at, {
      method,
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: body && JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${at}: ${response.status} ${await response.text()}`);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  async post<T>(at: string, body: object, headers: Record<string, string> = {}): Promise<T> {
    const response = await fetch(this.url + at, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${at}: ${response.status} ${await response.text()}`);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }
}

async function ready(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false;
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
