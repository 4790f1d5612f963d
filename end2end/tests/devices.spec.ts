import { devices as playwrightDevices } from '@playwright/test';
import { devices, expectAccount, expectEnded, open, signIn, signOutEverywhere } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

/** Signs in in a desktop browser. */
test.beforeEach(async ({ page, user }) => {
  await open(page, '/login');
  await signIn(page, user);
  await expectAccount(page, user);
});

test('every signed-in browser is listed, and this one is marked', async ({ page, anotherBrowser, user }) => {
  const phone = await (await anotherBrowser(playwrightDevices['Pixel 7'])).newPage();
  await open(phone, '/login');
  await signIn(phone, user);
  await expectAccount(phone, user);
  await expect(devices(phone)).toHaveCount(2);
  await expect(devices(phone).filter({ hasText: 'This device' })).toHaveCount(1);
  await expect(devices(phone).filter({ hasText: 'This device' })).toContainText('Android');

  await page.reload();
  await expect(devices(page)).toHaveCount(2);
  await expect(devices(page).filter({ hasText: 'This device' })).toHaveCount(1);
  await expect(devices(page).filter({ hasText: 'This device' })).toContainText('Linux');
  for (const device of await devices(page).all()) {
    await expect(device).toContainText('Chrome');
    await expect(device).toContainText('127.0.0.1');
    await expect(device.locator('time').first()).toHaveAttribute('datetime', /^\d{4}-\d\d-\d\dT.*Z$/);
  }
});

test('a device that was signed out says so, and returns to the account after signing in', async ({ page, anotherBrowser, user, problems }) => {
  problems.expect(/status of 401/);
  const phone = await (await anotherBrowser(playwrightDevices['Pixel 7'])).newPage();
  await open(phone, '/login');
  await signIn(phone, user);
  await expectAccount(phone, user);

  await page.reload();
  const other = devices(page).filter({ hasText: 'Android' });
  await other.getByRole('button', { name: /^Sign out/ }).click();
  await expect(devices(page)).toHaveCount(1);
  await expect(devices(page)).toContainText('This device');
  await expectAccount(page, user);

  await phone.reload();
  await expectEnded(phone);
  await signIn(phone, user);
  await expectAccount(phone, user);
});

test('this device has no "Sign out" of its own in the list', async ({ page }) => {
  await expect(devices(page)).toHaveCount(1);
  await expect(devices(page).getByRole('button')).toHaveCount(0);
});

test('an action after the session has ended leads to the sign-in page', async ({ page, server, user, problems }) => {
  problems.expect(/status of 401/);
  const { token } = await server.login(user);
  await page.reload();
  await expect(devices(page)).toHaveCount(2);
  await fetch(`${server.url}/api/user/logout/all`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
  const other = devices(page).filter({ hasNotText: 'This device' });
  await other.getByRole('button', { name: /^Sign out/ }).click();
  await expectEnded(page);
});

test('signing out everywhere ends every session', async ({ page, anotherBrowser, user, problems }) => {
  problems.expect(/status of 401/);
  const phone = await (await anotherBrowser(playwrightDevices['Pixel 7'])).newPage();
  await open(phone, '/login');
  await signIn(phone, user);
  await expectAccount(phone, user);

  await signOutEverywhere(page);
  await expect(page).not.toHaveURL('/account');
  await phone.reload();
  await expectEnded(phone);
});
