import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { button, currentPassword, dialog, expectAccount, newPassword, open, openDialog, openPage, press, section, signIn, title } from '../support/pages.ts';
import { expect, test, testSignedIn } from '../support/test.ts';

/** The rows of "Recent activity" on the overview. */
const recent = (page: Page) => section(page, 'Recent activity').getByRole('listitem');

/** The rows of the page "Activity". */
const activity = (page: Page) => section(page, 'Activity').getByRole('listitem');

const NEW_PASSWORD = 'cobalt-lantern-62-orchard';

test('recent events are listed, newest first', async ({ page, user, problems }) => {
  problems.expectStatus(401, '/api/user/login');
  await open(page, '/login');
  await signIn(page, { ...user, password: 'not-the-password' });
  await expect(page.getByRole('alert').filter({ hasText: 'Incorrect email or password.' })).toBeVisible();
  // A failed sign-in is recorded shortly after its response.
  await page.waitForTimeout(1000);
  await signIn(page, user);
  await expectAccount(page, user);
  await expect(recent(page)).toHaveCount(3);
  await expect(recent(page).nth(0)).toContainText('Signed in');
  await expect(recent(page).nth(0)).toContainText('Chrome on Linux');
  await expect(recent(page).nth(0)).toContainText('127.0.0.1');
  await expect(recent(page).nth(0)).toContainText('just now');
  await expect(recent(page).nth(0).locator('time')).toHaveAttribute('datetime', /^\d{4}-\d\d-\d\dT.*Z$/);
  await expect(recent(page).nth(1)).toContainText('Wrong password');
  await expect(recent(page).nth(2)).toContainText('Account created');
});

testSignedIn('a change appears immediately', async ({ page, user }) => {
  await open(page, '/account/security');
  await openDialog(page, 'Password', 'Change password');
  await currentPassword(page).fill(user.password);
  await newPassword(page).fill(NEW_PASSWORD);
  await press(page, 'Change password');
  await openPage(page, 'Activity');
  await expect(activity(page).first()).toContainText('Password changed');
  await openPage(page, 'Overview');
  await expect(recent(page).first()).toContainText('Password changed');
});

for (const colorScheme of ['light', 'dark'] as const) {
  testSignedIn.describe(`in ${colorScheme}`, () => {
    testSignedIn.use({ colorScheme, viewport: { width: 320, height: 640 } });
    testSignedIn('five events are on the overview, and fifty on their own page', async ({ page, user, server }) => {
      for (let count = 0; count < 60; count += 1) await server.login(user);
      await open(page, '/account');
      await expectAccount(page, user);
      await expect(recent(page)).toHaveCount(5);
      await page.getByRole('link', { name: 'View all activity' }).click();
      await expect(page).toHaveURL('/account/activity');
      await expect(title(page, 'Activity')).toBeFocused();
      await expect(activity(page)).toHaveCount(50);
      await expectAccessible(page);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      expect(wider).toBe(false);
    });
  });
}

testSignedIn('events are listed by day, with the exact time, and failures stand out', async ({ page, user }) => {
  const at = (days: number, hour: number) => {
    const time = new Date();
    time.setUTCDate(time.getUTCDate() - days);
    time.setUTCHours(hour, 5, 0, 0);
    return time.toISOString();
  };
  const event = (at: string, event: string, count = 1) =>
    ({ at, event, ip: '203.0.113.20', user_agent: '', device: 'Firefox on Windows', count });
  await page.route('**/api/user/activity', (route) => route.fulfill({
    json: [
      event(at(0, 0), 'signed_in'),
      event(at(1, 23), 'sign_in_failed', 3),
      event(at(1, 8), 'signed_out'),
      event('2026-03-02T09:05:00Z', 'registered'),
    ],
  }));
  await open(page, '/account/activity');
  await expectAccount(page, user, '/account/activity');
  const days = section(page, 'Activity').getByRole('heading', { level: 2 });
  await expect(days).toHaveText(['Today', 'Yesterday', '2 March 2026']);
  await expect(activity(page)).toHaveCount(4);
  await expect(activity(page).nth(1)).toContainText('Wrong password, 3 times');
  await expect(activity(page).nth(1)).toContainText('Firefox on Windows · 203.0.113.20 · 23:05'.replaceAll(' · ', ''));
  await expect(activity(page).last().locator('time')).toHaveAttribute('title', /2 March 2026.*09:05/);
  const color = (row: number) => activity(page).nth(row).locator('p').first()
    .evaluate((text) => getComputedStyle(text).color);
  expect(await color(1)).not.toBe(await color(2));
});

testSignedIn('"Wasn\'t you?" leads to a new password and signs out every other device', async ({ page, user, server, problems }) => {
  problems.allow(/status of 401/);
  const stranger = await server.login(user);
  await open(page, '/account/activity');
  await button(page, 'Wasn\'t you?').click();
  await expect(dialog(page).getByRole('heading')).toHaveText('Secure your account');
  await expect(dialog(page)).toContainText('Every other device will be signed out');
  await currentPassword(page).fill(user.password);
  await newPassword(page).fill(NEW_PASSWORD);
  await press(page, 'Change password');
  await expect(section(page, 'Activity').getByRole('status'))
    .toHaveText('Your password has been changed. Other devices are signed out.');
  await expect(server.sessions(stranger.token)).rejects.toThrow(/token_invalid/);
  await server.login({ ...user, password: NEW_PASSWORD });
});

testSignedIn('the account page works if the activity fails to load', async ({ page, user, problems }) => {
  problems.expect(/status of 500/);
  let isBroken = true;
  await page.route('**/api/user/activity', (route) => isBroken
    ? route.fulfill({ status: 500, json: { detail: 'Something went wrong on our side.', code: 'internal_error' } })
    : route.continue());
  await open(page, '/account');
  await expectAccount(page, user);
  const shown = section(page, 'Recent activity');
  await expect(shown.getByRole('alert')).toHaveText('Something went wrong on our side.');
  await expect(section(page, 'Devices').getByRole('listitem')).toHaveCount(1);
  isBroken = false;
  await shown.getByRole('button', { name: 'Try again' }).click();
  await expect(recent(page).first()).toContainText('Signed in');
  await expect(shown.getByRole('heading', { name: 'Recent activity' })).toBeFocused();
});
