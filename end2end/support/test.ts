import { test as base, expect, type BrowserContext, type BrowserContextOptions } from '@playwright/test';
import { Mailbox } from './mail.ts';
import { Problems } from './problems.ts';
import { Server, type Pair, type SecondFactor, type Settings, type User } from './server.ts';

type TestFixtures = {
  /** What goes wrong in the browser: verified after each test. */
  problems: Problems;
  /** An account that exists. */
  user: User;
  /** The second factor of `user`: on, for whoever asks for it. */
  secondFactor: SecondFactor;
  /** One more browser, with storage of its own. */
  anotherBrowser: (options?: BrowserContextOptions) => Promise<BrowserContext>;
};

type WorkerFixtures = {
  /** The program's settings in this file: `test.use({ settings: … })`. */
  settings: Settings;
  /** Where the program's mails arrive. */
  mailbox: Mailbox;
  /** The program, one for each file and its settings. */
  server: Server;
};

let users = 0;

/** An account that does not exist yet. */
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

  secondFactor: async ({ server, user }, use) => use(await server.turnOnSecondFactor(user)),
});

/** The same, in a browser that is signed in as `user` before its first page opens. */
export const testSignedIn = test.extend({
  storageState: async ({ server, user }, use) => {
    await use(stored(server, await server.login(user)));
  },
});

/** The same with the second factor on, and passed. */
export const testWithSecondFactor = test.extend({
  storageState: async ({ server, secondFactor }, use) => {
    await use(stored(server, secondFactor.pair));
  },
});

/** A browser's storage with this session in it. */
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
