import path from 'node:path';
import type { Page } from '@playwright/test';
import { announced, button, devices, expectAccount, expectLogin, open, signIn } from '../support/pages.ts';
import type { Session } from '../support/server.ts';
import { expect, stored, test } from '../support/test.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FOLDER = path.join(ROOT, 'target/screenshots');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const USER = { email: 'ada@example.org', password: 'mauve-teapot-41-harbour' };
const DEVICES = {
  iPhone: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  Windows: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0',
  Linux: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
};

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1280, 360]) {
    test(`pages at ${width} px in ${colorScheme}`, async ({ anotherBrowser, server, user, problems }) => {
      test.setTimeout(90_000);
      problems.allow(/status of 4\d\d|ERR_FAILED|request failed: csp/);
      const look = { colorScheme, viewport: { width, height: 800 }, userAgent: DEVICES.Linux };
      const shoot = (page: Page, name: string, fullPage = true) =>
        page.screenshot({ path: path.join(FOLDER, `${name}-${width}-${colorScheme}.png`), fullPage });

      const page = await (await anotherBrowser(look)).newPage();
      await open(page, '/');
      await shoot(page, 'home');
      await open(page, '/register');
      await shoot(page, 'register');
      await button(page, 'Create account').click();
      await expect(page.getByText('This field is required.').first()).toBeVisible();
      await shoot(page, 'register-messages');
      await open(page, '/login');
      await shoot(page, 'login');
      await signIn(page, { ...user, password: 'not-the-password' });
      await expect(announced(page).filter({ hasText: 'not right' }).first()).toBeVisible();
      await shoot(page, 'login-refused');
      await page.route('**/api/**', (route) => route.abort());
      await button(page, 'Sign in').click();
      await expect(announced(page).filter({ hasText: 'reached' }).first()).toBeVisible();
      await shoot(page, 'login-unreachable');
      await page.unroute('**/api/**');
      await open(page, '/no-such-page');
      await shoot(page, 'not-found');

      for (const userAgent of [DEVICES.iPhone, DEVICES.Windows]) await server.login(user, userAgent);
      const pair = await server.login(user, DEVICES.Linux);
      const context = await anotherBrowser({ ...look, storageState: stored(server, pair) });
      const account = await context.newPage();
      await open(account, '/account');
      await expectAccount(account, user);
      await expect(devices(account)).toHaveCount(3);
      await shoot(account, 'account');
      await button(account, 'Delete account').click();
      await expect(account.getByLabel('Current password')).toBeVisible();
      await shoot(account, 'account-delete', false);
      await fetch(`${server.url}/api/user/logout/all`, { method: 'POST', headers: { Authorization: `Bearer ${pair.token}` } });
      await account.goto('/account');
      await expectLogin(account, '/account');
      await expect(announced(account).filter({ hasText: 'ended' }).first()).toBeVisible();
      await shoot(account, 'login-session-ended');

      const plain = await (await anotherBrowser({ ...look, javaScriptEnabled: false })).newPage();
      for (const name of ['', 'login', 'account']) {
        await plain.goto(`/${name}`);
        await shoot(plain, `no-script-${name || 'home'}`);
      }
    });
  }
}

test('the picture of the README', async ({ anotherBrowser, server }) => {
  await server.register(USER);
  for (const userAgent of [DEVICES.iPhone, DEVICES.Windows]) await server.login(USER, userAgent);
  const storageState = stored(server, await server.login(USER, DEVICES.Linux));
  const context = await anotherBrowser({
    storageState,
    userAgent: DEVICES.Linux,
    viewport: { width: 900, height: 760 },
    deviceScaleFactor: 1.5,
  });
  const page = await context.newPage();
  // All three signed in a moment ago and from here; a real account has some history.
  await page.route('**/api/user/sessions', async (route) => {
    const response = await route.fetch();
    const sessions = (await response.json()) as Session[];
    const history = [
      { ip: '203.0.113.20', created: 3 * HOUR, used: 0 },
      { ip: '203.0.113.20', created: 9 * DAY, used: 26 * HOUR },
      { ip: '2001:db8:4a:1::7e', created: 34 * DAY, used: 40 * 60_000 },
    ];
    const ago = (time: number) => new Date(Date.now() - time).toISOString();
    const aged = sessions.map((session, at) => {
      const { ip, created, used } = history[at];
      return { ...session, ip, created_at: ago(created), last_used_at: ago(used) };
    });
    await route.fulfill({ response, json: aged });
  });
  await open(page, '/account');
  await expectAccount(page, USER);
  await expect(devices(page)).toHaveCount(3);
  await page.screenshot({ path: path.join(ROOT, 'docs/account.png'), fullPage: true });
});
