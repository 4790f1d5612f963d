import { devices as playwrightDevices } from '@playwright/test';
import { button, devices, dialog, expectAccount, expectEnded, open, press, signIn, signOutEverywhere, title } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0';

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
  await expect(devices(phone).first(), 'this device is first').toContainText('This device');
  await expect(devices(phone).first()).toContainText('Active now');

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

test('a device that signs in shows when the page comes to the front', async ({ page, server, user }) => {
  await expect(devices(page)).toHaveCount(1);
  await server.login(user, FIREFOX);
  const show = () => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })));
  // Not at once: coming and going sends no request each time.
  await show();
  await page.clock.install();
  await page.clock.fastForward('00:15');
  await show();
  await expect(devices(page)).toHaveCount(2);
  await expect(devices(page).last()).toContainText('Firefox on Windows');
});

test('all other devices are signed out at once, after a question', async ({ page, server, user }) => {
  const others = [await server.login(user, FIREFOX), await server.login(user)];
  await open(page, '/account/devices');
  await expect(devices(page)).toHaveCount(3);
  await button(page, 'Sign out all others').click();
  await expect(dialog(page)).toContainText('This signs out 2 other devices. This one stays signed in.');
  await press(page, 'Cancel');
  await expect(button(page, 'Sign out all others')).toBeFocused();
  await expect(devices(page)).toHaveCount(3);
  await button(page, 'Sign out all others').click();
  await press(page, 'Sign out others');
  await expect(devices(page)).toHaveCount(1);
  await expect(page.getByRole('status').filter({ hasText: '2 other devices are signed out.' })).toBeVisible();
  await expect(title(page, 'Devices')).toBeFocused();
  await expect(button(page, 'Sign out all others')).toHaveCount(0);
  for (const { token } of others) await expect(server.sessions(token)).rejects.toThrow(/token_invalid/);
});

test('signing out all others says how far it came', async ({ page, server, user, problems }) => {
  problems.expect(/net::ERR_FAILED.*sessions\/revoke/);
  for (const userAgent of [FIREFOX, 'curl/8.0']) await server.login(user, userAgent);
  await open(page, '/account/devices');
  let count = 0;
  await page.route('**/api/user/sessions/revoke', (route) => {
    count += 1;
    return count === 2 ? route.abort() : route.continue();
  });
  await button(page, 'Sign out all others').click();
  await press(page, 'Sign out others');
  await expect(dialog(page).getByRole('alert')).toContainText('1 of 2 devices were signed out. ');
  await press(page, 'Sign out others');
  await expect(dialog(page)).toHaveCount(0);
  await expect(devices(page)).toHaveCount(1);
});

test('the overview shows five devices, their own page ten, and all on demand', async ({ page, server, user }) => {
  for (let count = 0; count < 11; count += 1) await server.login(user);
  await page.reload();
  await expect(devices(page)).toHaveCount(5);
  await page.getByRole('link', { name: 'View all 12 devices' }).click();
  await expect(page).toHaveURL('/account/devices');
  await expect(devices(page)).toHaveCount(10);
  await button(page, 'Show more').click();
  await expect(devices(page)).toHaveCount(12);
  await expect(button(page, 'Show less')).toBeFocused();
  await button(page, 'Show less').click();
  await expect(devices(page)).toHaveCount(10);
});
