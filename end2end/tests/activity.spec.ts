import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { expectAccount, open, openDialog, currentPassword, newPassword, press, section, signIn } from '../support/pages.ts';
import { expect, test, testSignedIn } from '../support/test.ts';

/** The visible rows of "Recent activity" on the account page. */
const activity = (page: Page) => section(page, 'Recent activity').getByRole('listitem');

test('recent events are listed, newest first', async ({ page, user, problems }) => {
  problems.expectStatus(401, '/api/user/login');
  await open(page, '/login');
  await signIn(page, { ...user, password: 'not-the-password' });
  await expect(page.getByRole('alert').filter({ hasText: 'Incorrect email or password.' })).toBeVisible();
  // A failed sign-in is recorded shortly after its response.
  await page.waitForTimeout(1000);
  await signIn(page, user);
  await expectAccount(page, user);
  await expect(activity(page)).toHaveCount(3);
  await expect(activity(page).nth(0)).toContainText('Signed in');
  await expect(activity(page).nth(0)).toContainText('Chrome on Linux');
  await expect(activity(page).nth(0)).toContainText('127.0.0.1');
  await expect(activity(page).nth(0)).toContainText('just now');
  await expect(activity(page).nth(0).locator('time')).toHaveAttribute('datetime', /^\d{4}-\d\d-\d\dT.*Z$/);
  await expect(activity(page).nth(1)).toContainText('Wrong password');
  await expect(activity(page).nth(2)).toContainText('Account created');
});

testSignedIn('a change appears immediately', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  await openDialog(page, 'Password', 'Change password');
  await currentPassword(page).fill(user.password);
  await newPassword(page).fill('cobalt-lantern-62-orchard');
  await press(page, 'Change password');
  await expect(activity(page).first()).toContainText('Password changed');
});

for (const colorScheme of ['light', 'dark'] as const) {
  testSignedIn.describe(`in ${colorScheme}`, () => {
    testSignedIn.use({ colorScheme, viewport: { width: 320, height: 640 } });
    testSignedIn('ten events are shown at first, and fifty on demand', async ({ page, user, server }) => {
      for (let count = 0; count < 60; count += 1) await server.login(user);
      await open(page, '/account');
      await expectAccount(page, user);
      await expect(activity(page)).toHaveCount(10);
      const more = section(page, 'Recent activity').getByRole('button');
      await expect(more).toHaveText('Show more');
      await more.focus();
      await page.keyboard.press('Enter');
      await expect(activity(page)).toHaveCount(50);
      await expect(more).toBeFocused();
      await expectAccessible(page);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      expect(wider).toBe(false);
      await more.click();
      await expect(activity(page)).toHaveCount(10);
    });
  });
}

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
  await expect(activity(page).first()).toContainText('Signed in');
  await expect(shown.getByRole('heading', { name: 'Recent activity' })).toBeFocused();
});
