import path from 'node:path';
import type { Page } from '@playwright/test';
import { Authenticator, scan } from '../support/authenticator.ts';
import { link } from '../support/email.ts';
import { announced, beginSetUp, button, code, currentPassword, devices, dialog, email, expectAccount, expectLogin, expectTwoFactor, finishRecoveryCodes, newPassword, open, openDialog, openPage, press, qrCode, recoveryCode, section, shownRecoveryCodes, signIn, title } from '../support/pages.ts';
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

const LINKS = [
  { name: 'activate', purpose: 'activation', label: 'Confirm email address', done: 'Your email address is confirmed' },
  { name: 'email', purpose: 'email_change', label: 'Confirm new address', done: 'Your email address has been changed' },
  { name: 'email/undo', purpose: 'undo', label: 'Take the change back', done: 'Your email address is yours again' },
];

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1280, 360]) {
    const options = { colorScheme, viewport: { width, height: 800 }, userAgent: DEVICES.Linux };
    const shoot = (page: Page, name: string, fullPage = true) =>
      page.screenshot({ path: path.join(FOLDER, `${name}-${width}-${colorScheme}.png`), fullPage });

    test(`pages at ${width} px in ${colorScheme}`, async ({ anotherBrowser, server, user, problems }) => {
      test.setTimeout(90_000);
      problems.allow(/status of 4\d\d|ERR_FAILED|request failed: csp/);
      const page = await (await anotherBrowser(options)).newPage();
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
      await expect(announced(page).filter({ hasText: 'Incorrect email or password.' }).first()).toBeVisible();
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
      const context = await anotherBrowser({ ...options, storageState: stored(server, pair) });
      const account = await context.newPage();
      await open(account, '/account');
      await expectAccount(account, user);
      await expect(devices(account)).toHaveCount(3);
      await shoot(account, 'account');
      await button(account, 'Account menu').click();
      await shoot(account, 'account-menu', false);
      await account.keyboard.press('Escape');
      for (const name of ['Profile', 'Security', 'Devices', 'Activity', 'Delete account']) {
        await openPage(account, name);
        await shoot(account, `account-${name.split(' ')[0].toLowerCase()}-page`);
      }
      await button(account, 'Delete account').click();
      await expect(account.getByLabel('Current password')).toBeVisible();
      await shoot(account, 'account-delete', false);
      await fetch(`${server.url}/api/user/logout/all`, { method: 'POST', headers: { Authorization: `Bearer ${pair.token}` } });
      await account.goto('/account');
      await expectLogin(account, '/account');
      await expect(announced(account).filter({ hasText: 'ended' }).first()).toBeVisible();
      await shoot(account, 'login-session-ended');

      const plain = await (await anotherBrowser({ ...options, javaScriptEnabled: false })).newPage();
      for (const name of ['', 'login', 'account']) {
        await plain.goto(`/${name}`);
        await shoot(plain, `no-script-${name || 'home'}`);
      }
    });

    test(`emailed links at ${width} px in ${colorScheme}`, async ({ anotherBrowser, server, user, mailbox, problems }) => {
      test.setTimeout(90_000);
      problems.allow(/status of 4\d\d|ERR_FAILED/);
      const page = await (await anotherBrowser(options)).newPage();
      await open(page, '/forgot');
      await shoot(page, 'forgot');
      await button(page, 'Send link').click();
      await expect(page.getByText('This field is required.').first()).toBeVisible();
      await shoot(page, 'forgot-messages');
      await email(page).fill(user.email);
      await button(page, 'Send link').click();
      await expect(title(page, 'Check your email')).toBeVisible();
      await shoot(page, 'forgot-sent');
      const reset = link(await mailbox.take(user.email, 'Choose a new password'));
      await open(page, '/reset#token=');
      await expect(title(page, 'This link arrived incomplete')).toBeVisible();
      await shoot(page, 'reset-incomplete');
      await open(page, reset);
      await shoot(page, 'reset');
      await button(page, 'Set password').click();
      await expect(page.getByText('This field is required.').first()).toBeVisible();
      await shoot(page, 'reset-messages');
      await newPassword(page).fill(user.password);
      await button(page, 'Set password').click();
      await expect(title(page, 'Your password has been changed')).toBeVisible();
      await shoot(page, 'reset-done');

      for (const { name, purpose, label, done } of LINKS) {
        const shot = name.replace('/', '-');
        await page.goto('/robots.txt');
        await open(page, `/${name}#token=garbage`);
        await expect(title(page, 'This link no longer works')).toBeVisible();
        await shoot(page, `${shot}-invalid`);
        await page.goto(`/${name}#token=`);
        await expect(title(page, 'This link arrived incomplete')).toBeVisible();
        await shoot(page, `${shot}-incomplete`);
        await page.route('**/api/**', (route) => route.abort());
        await page.goto(`/${name}#token=some`);
        await expect(button(page, 'Try again')).toBeVisible();
        await shoot(page, `${shot}-unreachable`);
        await page.unroute('**/api/**');
        await page.route('**/api/**', (route) => route.fulfill({ status: 204 }));
        const link = { purpose, email: USER.email, new_email: name === 'activate' ? null : 'ada.lovelace@example.com', created_at: '2026-11-26T21:00:00Z', device: 'Firefox on Linux', used: false };
        await page.route('**/api/user/link', (route) => route.fulfill({ json: link }));
        await button(page, 'Try again').click();
        await expect(button(page, label)).toBeVisible();
        await shoot(page, shot);
        await button(page, label).click();
        await expect(title(page, done)).toBeVisible();
        await shoot(page, `${shot}-done`);
        await page.unroute('**/api/**');
        await page.unroute('**/api/user/link');
      }
      await server.login(user);
    });

    test(`the account's dialogs at ${width} px in ${colorScheme}`, async ({ anotherBrowser, server, user, mailbox, problems }) => {
      test.setTimeout(90_000);
      await server.verify(user, mailbox);
      problems.allow(/status of 4\d\d|ERR_FAILED/);
      const storageState = stored(server, await server.login(user, DEVICES.Linux));
      const page = await (await anotherBrowser({ ...options, storageState })).newPage();
      await open(page, '/account');
      await expectAccount(page, user);
      await button(page, 'Sign out everywhere').click();
      await expect(dialog(page)).toBeVisible();
      await shoot(page, 'account-sign-out-everywhere', false);
      await press(page, 'Cancel');
      for (const [name, label, shot] of [['Email', 'Change email', 'email'], ['Password', 'Change password', 'password']]) {
        await openDialog(page, name, label);
        await shoot(page, `account-${shot}`, false);
        await press(page, label);
        await expect(currentPassword(page)).toHaveAttribute('aria-invalid', 'true');
        await shoot(page, `account-${shot}-messages`, false);
        await press(page, 'Cancel');
      }
      await openDialog(page, 'Two-factor authentication', 'Turn on');
      await shoot(page, 'account-turn-on', false);
      await press(page, 'Cancel');
      await beginSetUp(page, user);
      await shoot(page, 'account-set-up', false);
      const app = new Authenticator(await scan(qrCode(page)));
      await code(page).fill(app.wrongCode());
      await expect(code(page)).toHaveAttribute('aria-invalid', 'true');
      await shoot(page, 'account-set-up-messages', false);
      await code(page).fill(app.code());
      const [recovery] = await shownRecoveryCodes(page);
      await shoot(page, 'account-recovery-codes', false);
      await page.emulateMedia({ media: 'print' });
      await shoot(page, 'account-recovery-codes-print');
      await page.emulateMedia({ media: 'screen' });
      await finishRecoveryCodes(page);
      await shoot(page, 'account-two-factor-on');
      await openDialog(page, 'Two-factor authentication', 'Turn off');
      await shoot(page, 'account-turn-off', false);
      await press(page, 'Cancel');

      const other = await (await anotherBrowser(options)).newPage();
      await open(other, '/login');
      await signIn(other, user);
      await expectTwoFactor(other);
      await shoot(other, 'two-factor');
      await code(other).fill(app.wrongCode());
      await expect(code(other)).toHaveAttribute('aria-invalid', 'true');
      await shoot(other, 'two-factor-wrong');
      await button(other, 'Use a recovery code').click();
      await expect(recoveryCode(other)).toBeVisible();
      await shoot(other, 'two-factor-recovery');
      await recoveryCode(other).fill(recovery);
      await button(other, 'Verify').click();
      await expectAccount(other, user);

      await openDialog(page, 'Two-factor authentication', 'Turn off');
      await currentPassword(page).fill(user.password);
      await press(page, 'Turn off');
      await expect(section(page, 'Two-factor authentication').getByRole('status')).not.toBeEmpty();
      await shoot(page, 'account-two-factor-off');
    });
  }
}

test('the screenshot of the README', async ({ anotherBrowser, server }) => {
  await server.register(USER);
  for (const userAgent of [DEVICES.iPhone, DEVICES.Windows]) await server.login(USER, userAgent);
  const storageState = stored(server, await server.login(USER, DEVICES.Linux));
  const context = await anotherBrowser({
    storageState,
    userAgent: DEVICES.Linux,
    viewport: { width: 1100, height: 760 },
    deviceScaleFactor: 1.5,
  });
  const page = await context.newPage();
  // All three devices have just signed in from this host. Make it look like a real account.
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
