import type { Page } from '@playwright/test';
import { link } from '../support/email.ts';
import { announced, currentPassword, devices, dialog, expectAccount, expectEnded, expectFieldError, newPassword, open, openDialog, openPage, press, section, signIn, storedSession, title } from '../support/pages.ts';
import { Server } from '../support/server.ts';
import { expect, newUser, stored, test, testSignedIn, testVerified } from '../support/test.ts';

const NEW_PASSWORD = 'cobalt-lantern-62-orchard';

testVerified('a new password signs out every other device, and keeps this one', async ({ page, anotherBrowser, server, user, mailbox, problems }) => {
  problems.expect(/status of 401/);
  const phone = await (await anotherBrowser({ storageState: { cookies: [], origins: [] } })).newPage();
  await open(phone, '/login');
  await signIn(phone, user);
  await expectAccount(phone, user);
  await open(page, '/account');
  await expect(devices(page)).toHaveCount(2);
  const before = (await storedSession(page))!;

  await openDialog(page, 'Password', 'Change password');
  await currentPassword(page).fill(user.password);
  await newPassword(page).fill(NEW_PASSWORD);
  await newPassword(page).press('Enter');
  await expect(dialog(page)).toHaveCount(0);
  const notice = section(page, 'Password').getByRole('status');
  await expect(notice).toHaveText('Your password has been changed. Other devices are signed out.');
  await expect(section(page, 'Password').getByRole('button', { name: 'Change password' })).toBeFocused();
  await openPage(page, 'Devices');
  await expect(devices(page)).toHaveCount(1);
  await expect(devices(page)).toContainText('This device');
  const after = (await storedSession(page))!;
  expect(Object.keys(after).sort()).toEqual(['expires_at', 'refresh_token', 'token']);
  expect(after.token).not.toBe(before.token);
  await expect(server.sessions(before.token)).rejects.toThrow(/token_invalid/);
  await page.reload();
  await expectAccount(page, user, '/account/devices');

  await phone.reload();
  await expectEnded(phone);
  await expect(server.login(user)).rejects.toThrow(/invalid_credentials/);
  await signIn(phone, { ...user, password: NEW_PASSWORD });
  await expectAccount(phone, user);
  await mailbox.take(user.email, 'Your password was changed');
});

testSignedIn('invalid input is reported at its field, and no input is lost', async ({ page, user, problems }) => {
  problems.expectStatus(400, '/api/user/password/change');
  await open(page, '/account');
  await openDialog(page, 'Password', 'Change password');
  await expect(currentPassword(page)).toHaveAttribute('autocomplete', 'current-password');
  await expect(newPassword(page)).toHaveAttribute('autocomplete', 'new-password');
  await press(page, 'Change password');
  await expectFieldError(currentPassword(page), 'This field is required.');
  await expectFieldError(newPassword(page), /This field is required\./);
  await expect(currentPassword(page)).toBeFocused();

  await currentPassword(page).fill(user.password);
  for (const [refused, message] of [['k7-Pq', /too short/], ['password123', /too common/], [user.email, /email/i]] as const) {
    await newPassword(page).fill(refused);
    await press(page, 'Change password');
    await expectFieldError(newPassword(page), message);
    await expect(newPassword(page)).toBeFocused();
    await expect(newPassword(page)).toHaveValue(refused);
    await expect(currentPassword(page)).toHaveValue(user.password);
  }

  await currentPassword(page).fill('not-the-password');
  await newPassword(page).fill(NEW_PASSWORD);
  await press(page, 'Change password');
  await expectFieldError(currentPassword(page), /password/i);
  await expect(currentPassword(page)).toBeFocused();
  await expect(newPassword(page)).toHaveValue(NEW_PASSWORD);
  await currentPassword(page).fill(user.password);
  await press(page, 'Change password');
  await expect(dialog(page)).toHaveCount(0);
});

testSignedIn('the dialog stays open while the request runs', async ({ page, user }) => {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/api/user/password/change', async (route) => {
    await released;
    await route.continue();
  });
  await open(page, '/account');
  await openDialog(page, 'Password', 'Change password');
  await currentPassword(page).fill(user.password);
  await newPassword(page).fill(NEW_PASSWORD);
  await press(page, 'Change password');
  await press(page, 'Cancel');
  for (const _ of [1, 2, 3]) await page.keyboard.press('Escape');
  await expect(dialog(page)).toBeVisible();
  await expect(dialog(page).getByRole('button', { name: 'Changing password…' })).toBeVisible();
  release();
  await expect(dialog(page)).toHaveCount(0);
  await expect(section(page, 'Password').getByRole('status')).toContainText('Your password has been changed.');
});

testSignedIn('another open tab uses the new tokens', async ({ page, context, user }) => {
  const tab = await context.newPage();
  await open(page, '/account');
  await open(tab, '/account');
  await expectAccount(tab, user);
  await change(page, user.password);
  await openDialog(tab, 'Password', 'Change password');
  await currentPassword(tab).fill(NEW_PASSWORD);
  await newPassword(tab).fill('saffron-ladder-17-meadow');
  await press(tab, 'Change password');
  await expect(section(tab, 'Password').getByRole('status')).toContainText('Your password has been changed.');
  await page.reload();
  await expectAccount(page, user, '/account/security');
});

testSignedIn('a new password invalidates the links that were emailed before', async ({ page, server, user, mailbox, problems }) => {
  await server.post('/api/user/password/reset', { email: user.email });
  const url = link(await mailbox.take(user.email, 'Choose a new password'));
  await open(page, '/account');
  await change(page, user.password);
  problems.expectStatus(400, '/api/user/link');
  await open(page, url);
  await expect(title(page, 'This link no longer works')).toBeVisible();
  await expect(newPassword(page)).toHaveCount(0);
  await server.login({ ...user, password: NEW_PASSWORD });
});

test('an unreachable server is reported, no input is lost, and trying again works', async ({ anotherBrowser, mailbox, problems }) => {
  problems.expectUnreachable('/api/user/password/change');
  // The app asks what has become of the request.
  problems.expectUnreachable('/api/user/login/refresh');
  const own = await Server.launch({ LATCHKEY_SMTP_URL: mailbox.url });
  try {
    const user = newUser();
    await own.register(user);
    const storageState = stored(own, await own.login(user));
    const page = await (await anotherBrowser({ baseURL: own.url, storageState })).newPage();
    await open(page, '/account');
    await openDialog(page, 'Password', 'Change password');
    await currentPassword(page).fill(user.password);
    await newPassword(page).fill(NEW_PASSWORD);
    await own.stop();
    await press(page, 'Change password');
    await expect(announced(page).filter({ hasText: /can.t be reached/ }).first()).toBeVisible();
    await expect(currentPassword(page)).toHaveValue(user.password);
    await expect(newPassword(page)).toHaveValue(NEW_PASSWORD);
    await own.start();
    await press(page, 'Change password');
    await expect(dialog(page)).toHaveCount(0);
    await own.login({ ...user, password: NEW_PASSWORD });
  } finally {
    await own.discard();
  }
});

async function change(page: Page, current: string): Promise<void> {
  await openDialog(page, 'Password', 'Change password');
  await currentPassword(page).fill(current);
  await newPassword(page).fill(NEW_PASSWORD);
  await press(page, 'Change password');
  await expect(section(page, 'Password').getByRole('status')).toContainText('Your password has been changed.');
}
