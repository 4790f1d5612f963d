import { test as base, expect, type BrowserContext, type BrowserContextOptions } from '@playwright/test';
import { Mailbox } from './email.ts';
import { Problems } from './problems.ts';
import { Server, type Pair, type SecondFactor, type Settings, type User } from './server.ts';

type TestFixtures = {
  /** The problems in the browser: verified after each test. */
  problems: Problems;
  /** An existing account. */
  user: User;
  /** The second factor of `user`. It is turned on only for tests that use this fixture. */
  secondFactor: SecondFactor;
  /** Creates another browser context, with its own storage. */
  anotherBrowser: (options?: BrowserContextOptions) => Promise<BrowserContext>;
};

type WorkerFixtures = {
  /** The program's settings in this file: `test.use({ settings: … })`. */
  settings: Settings;
  /** The mail server to which the program sends emails. */
  mailbox: Mailbox;
  /** The program: one for each combination of file and settings. */
  server: Server;
};

let users = 0;

/** Returns an account that does not exist yet. */
export function newUser(): User {
  users += 1;
  return {
    email: `ada.${Date.now().toString(36)}${process.pid}${users}@example.org`,
    password: 'mauve-teapot-41-harbour',
  };
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  settings: [{}, { option: true, scope: 'worker' }],

  mailbox: [
    async ({}, use) => {
      const mailbox = await Mailbox.open();
      await use(mailbox);
      await mailbox.close();
    },
    { scope: 'worker' },
  ],

  server: [
    async ({ settings, mailbox }, use) => {
      const server = await Server.launch({ LATCHKEY_SMTP_URL: mailbox.url, ...settings });
      await use(server);
      await server.discard();
    },
    { scope: 'worker' },
  ],

  baseURL: async ({ server }, use) => use(server.url),

  problems: [
    async ({ server }, use, info) => {
      const problems = new Problems();
      const logged = server.log.length;
      await use(problems);
      if (info.status === info.expectedStatus) problems.verify();
      else await info.attach('server log', { body: server.log.slice(logged) });
    },
    { auto: true },
  ],

  context: async ({ context, problems }, use) => {
    problems.watch(context);
    await use(context);
  },

  anotherBrowser: async ({ browser, baseURL, problems }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (options) => {
      const context = await browser.newContext({ baseURL, ...options });
      contexts.push(problems.watch(context));
      return context;
    });
    await Promise.all(contexts.map((context) => context.close()));
  },

  user: async ({ server }, use) => {
    const user = newUser();
    await server.register(user);
    await use(user);
  },

  secondFactor: async ({ server, user, mailbox }, use) => {
    await server.verify(user, mailbox);
    await use(await server.turnOnSecondFactor(user));
  },
});

/** `test` in a browser in which `user` is signed in. */
export const testSignedIn = test.extend({
  storageState: async ({ server, user }, use) => {
    await use(stored(server, await server.login(user)));
  },
});

/** `test` in a browser in which `user` is signed in, with a verified email address. */
export const testVerified = testSignedIn.extend({
  user: async ({ server, mailbox, user }, use) => {
    await server.verify(user, mailbox);
    await use(user);
  },
});

/** `test` in a browser in which `user` is signed in, and an administrator. */
export const testAdmin = testVerified.extend({
  user: async ({ server, user }, use) => {
    await server.command('user', 'grant-admin', '--email', user.email);
    await use(user);
  },
});

/** `test` in a browser in which `user` is signed in with the second factor. */
export const testWithSecondFactor = test.extend({
  storageState: async ({ server, secondFactor }, use) => {
    await use(stored(server, secondFactor.pair));
  },
});

/** Returns the storage of a browser with this session. */
export function stored(server: Server, pair: Pair) {
  const value = {
    token: pair.token,
    refresh_token: pair.refresh_token,
    expires_at: Date.now() + pair.expires_in * 1000,
  };
  return {
    cookies: [],
    origins: [
      {
        origin: server.url,
        localStorage: [{ name: 'latchkey.session', value: JSON.stringify(value) }],
      },
    ],
  };
}

export { expect };
