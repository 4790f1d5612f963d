import { setTimeout as pause } from 'node:timers/promises';
import type { Page } from '@playwright/test';
import { expectAccount, open, storedSession } from '../support/pages.ts';
import { Server } from '../support/server.ts';
import { expect, newUser, stored, test, testSignedIn } from '../support/test.ts';

const REFRESH = '/api/user/login/refresh';

test('five tabs that open with an expired token renew it once', async ({ anotherBrowser }) => {
  const user = newUser();
  const server = await Server.launch({ LATCHKEY_ACCESS_TTL: '1s' });
  try {
    await server.register(user);
    const storageState = stored(server, await server.login(user));
    await server.stop();
    await server.start({ LATCHKEY_ACCESS_TTL: '15m' });
    const { token, expires_at } = JSON.parse(storageState.origins[0].localStorage[0].value);
    await expect.poll(() => Date.now()).toBeGreaterThan(expires_at + 1000);
    await expect(server.sessions(token)).rejects.toThrow(/token_expired/);

    const context = await anotherBrowser({ baseURL: server.url, storageState });
    let refreshes = 0;
    // A slow response, so that all five tabs need a token before the first has one.
    await context.route(`**${REFRESH}`, async (route) => {
      refreshes += 1;
      await pause(1000);
      await route.continue();
    });
    const tabs = await Promise.all([1, 2, 3, 4, 5].map(() => context.newPage()));
    await Promise.all(tabs.map((tab) => tab.goto('/account')));
    await Promise.all(tabs.map((tab) => expectAccount(tab, user)));
    expect(refreshes).toBe(1);
    const sessions = await Promise.all(tabs.map(storedSession));
    expect(new Set(sessions.map((session) => session!.token)).size).toBe(1);
    expect(sessions[0]!.token).not.toBe(token);
  } finally {
    await server.discard();
  }
});

testSignedIn('five open tabs whose token expires at the same time renew it once', async ({ context, user }) => {
  let refreshes = 0;
  await context.route(`**${REFRESH}`, async (route) => {
    refreshes += 1;
    await pause(1000);
    await route.continue();
  });
  await context.clock.install();
  const tabs = await Promise.all([1, 2, 3, 4, 5].map(() => context.newPage()));
  for (const tab of tabs) {
    await open(tab, '/account');
    await expectAccount(tab, user);
  }
  const before = (await storedSession(tabs[0]))!;
  await context.clock.fastForward('16:00');
  const token = async (tab: Page) => (await storedSession(tab))!.token;
  await expect.poll(() => token(tabs[0])).not.toBe(before.token);
  const renewed = await token(tabs[0]);
  await Promise.all(tabs.map((tab) => tab.reload()));
  await Promise.all(tabs.map((tab) => expectAccount(tab, user)));
  expect(await Promise.all(tabs.map(token))).toEqual(tabs.map(() => renewed));
  expect(refreshes).toBe(1);
});
