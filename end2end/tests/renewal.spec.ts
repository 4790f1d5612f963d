import { setTimeout as pause } from 'node:timers/promises';
import { expectAccount, open, signIn, signOutEverywhere, storedSession } from '../support/pages.ts';
import { expect, stored, test } from '../support/test.ts';

// Short, but long enough that the whole seconds of a JWT's times don't matter.
test.use({ settings: { LATCHKEY_ACCESS_TTL: '5s' } });

test('an expired token is renewed in the background', async ({ page, user, server, problems }) => {
  // The reload may cancel a renewal.
  problems.allow(/net::ERR_ABORTED.*login\/refresh/);
  await open(page, '/login');
  await signIn(page, user);
  await expectAccount(page, user);
  const first = (await storedSession(page))!;

  await expect.poll(() => Date.now() - first.expires_at, { timeout: 10_000 }).toBeGreaterThan(1000);
  await expect(server.sessions(first.token)).rejects.toThrow(/token_expired/);

  await page.reload();
  await expectAccount(page, user);
  const next = (await storedSession(page))!;
  expect(next.token).not.toBe(first.token);
  expect(next.refresh_token).not.toBe(first.refresh_token);
  expect(next.expires_at).toBeGreaterThan(first.expires_at);
});

test('an expired token is renewed in a browser without locks', async ({ anotherBrowser, user, server }) => {
  const storageState = stored(server, await server.login(user));
  const { token, expires_at } = JSON.parse(storageState.origins[0].localStorage[0].value);
  await expect.poll(() => Date.now() - expires_at, { timeout: 10_000 }).toBeGreaterThan(1000);

  const context = await anotherBrowser({ storageState });
  // Browsers offer locks in secure contexts only.
  await context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }));
  // A slow response, so that all of the page's requests need a token before the first has one.
  await context.route('**/api/user/login/refresh', async (route) => {
    await pause(500);
    await route.continue();
  });
  const page = await context.newPage();
  await page.goto('/account');
  await expectAccount(page, user);
  expect((await storedSession(page))!.token).not.toBe(token);
});

test('an action on an open page works after the token has expired', async ({ page, user }) => {
  await open(page, '/login');
  await signIn(page, user);
  await expectAccount(page, user);
  const first = (await storedSession(page))!;
  await expect.poll(() => Date.now() - first.expires_at, { timeout: 10_000 }).toBeGreaterThan(500);
  const gone = page.waitForResponse((response) => response.url().endsWith('/api/user/logout/all'));
  await signOutEverywhere(page);
  expect((await gone).status()).toBe(204);
});

test('several tabs never renew with the same refresh token', async ({ context, user }) => {
  const used: string[] = [];
  context.on('request', (request) => {
    if (request.url().endsWith('/api/user/login/refresh')) used.push(request.postDataJSON().refresh_token);
  });
  const tabs = await Promise.all([1, 2, 3].map(() => context.newPage()));
  await open(tabs[0], '/login');
  await signIn(tabs[0], user);
  await expectAccount(tabs[0], user);
  await Promise.all(tabs.slice(1).map((tab) => open(tab, '/account')));

  // Real time must pass: several tokens expire while all tabs are open.
  await pause(9000);
  for (const tab of tabs) await expectAccount(tab, user);
  expect(used.length).toBeGreaterThan(0);
  expect(new Set(used).size, 'each refresh token is used once').toBe(used.length);
});
