import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { button, email, fill, password } from '../support/pages.ts';
import type { User } from '../support/server.ts';
import { expect, newUser, test as base } from '../support/test.ts';

/** The example that `make example` starts, with ports of its own. */
class Example {
  app = '';
  backends: string[] = [];
  latchkey = '';
  folder = '';
  output = '';
  #child?: ChildProcess;

  async start(): Promise<void> {
    const script = path.resolve(import.meta.dirname, '../../examples/todo/start.js');
    const port = await freePorts(4);
    const child = spawn(process.execPath, [script], { env: { ...process.env, PORT: String(port) } });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (this.output += text));
    while (!this.output.includes('Ctrl-C')) {
      if (child.exitCode !== null) throw new Error(`the example has not started:\n${this.output}`);
      await pause(20);
    }
    const [app, node, rust, latchkey] = [0, 1, 2, 3].map((number) => `http://127.0.0.1:${port + number}`);
    [this.app, this.backends, this.latchkey] = [app, [node, rust], latchkey];
    this.folder = /Emails are files in (\S+)\/data\/outbox/.exec(this.output)![1];
  }

  /** Presses Ctrl-C, and returns the exit code. */
  async stop(): Promise<number> {
    const child = this.#child!;
    if (child.exitCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGINT');
      await exited;
    }
    return child.exitCode!;
  }
}

/** Returns the first of `count` ports in a row that are free, below those that systems give to others. */
async function freePorts(count: number): Promise<number> {
  const isFree = (port: number) => new Promise<boolean>((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const ports = Array.from({ length: count }, (_, number) => first + number);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return first;
  }
}

const test = base.extend<object, { example: Example }>({
  example: [
    async ({}, use) => {
      const example = new Example();
      try {
        await example.start();
        await use(example);
      } finally {
        await example.stop();
      }
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ example }, use) => use(example.app),
});

const list = (page: Page, name: string) =>
  page.locator('section').filter({ has: page.getByRole('heading', { name, exact: true }) });

const add = async (page: Page, name: string, text: string) => {
  await list(page, name).getByLabel(`Add to ${name}`).fill(text);
  await list(page, name).getByRole('button', { name: 'Add', exact: true }).click();
};

const todo = (page: Page, name: string, text: string) => list(page, name).getByRole('checkbox', { name: text, exact: true });

async function register(page: Page, user: User): Promise<void> {
  await page.goto('/');
  await button(page, 'Create an account').click();
  await fill(page, user);
  await button(page, 'Create account').click();
  await expect(page.getByRole('banner')).toContainText(user.email);
}

const stored = (page: Page) => page.evaluate(() => JSON.parse(localStorage.getItem('todo.session') ?? 'null'));

/** Makes the token due for renewal, as it is a few minutes before it expires. */
const makeDue = (page: Page) => page.evaluate(() => {
  const session = JSON.parse(localStorage.getItem('todo.session')!);
  localStorage.setItem('todo.session', JSON.stringify({ ...session, renew_at: 0 }));
});

test('both backends refuse a token as soon as its user has signed out everywhere', async ({ page, example, anotherBrowser, problems }) => {
  const user = newUser();
  await register(page, user);
  const markup = '<img src=x onerror=alert(1)>';
  await add(page, 'Home', markup);
  await add(page, 'Work', 'Write a letter');
  await todo(page, 'Work', 'Write a letter').check();
  await expect(page.locator('[aria-busy]')).toHaveCount(0);
  await page.reload();
  await expect(todo(page, 'Home', markup)).not.toBeChecked();
  await expect(todo(page, 'Work', 'Write a letter')).toBeChecked();
  const { token } = await stored(page);

  const other = await (await anotherBrowser()).newPage();
  await other.goto('/');
  await fill(other, user);
  await button(other, 'Sign in').click();
  await expect(todo(other, 'Work', 'Write a letter')).toBeChecked();
  await other.getByRole('button', { name: `Delete ${markup}` }).click();
  await expect(list(other, 'Home')).toContainText('Nothing to do.');
  await button(other, 'Sign out everywhere').click();
  await expect(other.getByRole('status')).toHaveText('You are signed out on all devices.');

  // It has been a few milliseconds.
  const ask = (backend: string) => fetch(`${backend}/todos`, { headers: { Authorization: `Bearer ${token}` } });
  for (const backend of example.backends) {
    await expect.poll(async () => (await ask(backend)).status, { timeout: 2000 }).toBe(401);
    expect(await (await ask(backend)).json()).toEqual({ detail: 'The token is not valid.', code: 'token_invalid' });
  }
  problems.expectStatus(401, '/todos');
  problems.expectStatus(401, '/api/user/login/refresh');
  await add(page, 'Work', 'Too late');
  await expect(page.getByRole('status')).toHaveText('Your session has ended. Sign in again.');
  await expect(email(page)).toBeVisible();
  expect(await stored(page)).toBeNull();
});

test('one tab renews the token for all, and all follow when one signs out', async ({ page, context }) => {
  await register(page, newUser());
  const other = await context.newPage();
  await other.goto('/');
  await expect(list(other, 'Home')).toContainText('Nothing to do.');
  const before = await stored(page);
  let renewals = 0;
  context.on('request', (request) => request.url().endsWith('/login/refresh') && (renewals += 1));
  await makeDue(page);
  await Promise.all([page, other].map(async (tab) => {
    // Both lists are loaded, as when a connection is back.
    await tab.evaluate(() => dispatchEvent(new Event('online')));
    for (const name of ['Home', 'Work']) await add(tab, name, 'Something');
    for (const name of ['Home', 'Work']) await expect(todo(tab, name, 'Something').first()).toBeVisible();
  }));
  for (const tab of [page, other]) {
    await tab.reload();
    await expect(todo(tab, 'Home', 'Something')).toHaveCount(2);
    await expect(todo(tab, 'Work', 'Something')).toHaveCount(2);
  }
  expect(renewals).toBe(1);
  expect((await stored(page)).token).not.toBe(before.token);
  await button(other, 'Sign out').click();
  for (const tab of [page, other]) await expect(email(tab)).toBeVisible();
});

test('the page says what is wrong, and loses nothing', async ({ page, context, problems }) => {
  const user = newUser();
  await page.goto('/');
  problems.expectStatus(401, '/api/user/login');
  await fill(page, user);
  await button(page, 'Sign in').click();
  await expect(page.getByRole('alert').filter({ hasText: 'Incorrect email or password.' })).toBeVisible();
  problems.expectStatus(400, '/api/user/create');
  await button(page, 'Create an account').click();
  await password(page).fill('short');
  await button(page, 'Create account').click();
  await expect(password(page)).toHaveAccessibleDescription(/too short/);
  await expectAccessible(page);
  await password(page).fill(user.password);
  await button(page, 'Create account').click();
  await add(page, 'Home', 'Read a book');
  await expect(todo(page, 'Home', 'Read a book')).toBeVisible();

  problems.expect(/net::ERR_INTERNET_DISCONNECTED/);
  await context.setOffline(true);
  await makeDue(page);
  await add(page, 'Home', 'Written offline');
  await expect(list(page, 'Home').getByRole('alert')).toHaveText('You are offline.');
  await context.setOffline(false);
  await expect(list(page, 'Home').getByRole('alert')).toBeEmpty();
  await list(page, 'Home').getByRole('button', { name: 'Add', exact: true }).click();
  await expect(todo(page, 'Home', 'Written offline')).toBeVisible();

  problems.expectStatus(429, '/todos');
  await page.route('**/todos', (route) => route.fulfill({
    status: 429, headers: { 'Retry-After': '7', 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Retry-After' },
  }));
  await add(page, 'Work', 'Once more');
  await expect(list(page, 'Work').getByRole('alert')).toHaveText('Too many attempts. Try again in 7 seconds.');

  await page.setViewportSize({ width: 360, height: 740 });
  const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
  expect(await page.evaluate(overflow)).toBe(0);
  await expectAccessible(page);
});

test('Ctrl-C stops everything and deletes the data', async ({ example, problems }) => {
  problems.allow(/./);
  expect(existsSync(example.folder)).toBe(true);
  expect(await example.stop()).toBe(0);
  expect(existsSync(example.folder)).toBe(false);
  for (const url of [example.app, ...example.backends, example.latchkey]) {
    await expect(fetch(url)).rejects.toThrow(/fetch failed/);
  }
});
