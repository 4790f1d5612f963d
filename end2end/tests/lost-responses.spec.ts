import type { Page } from '@playwright/test';
import { announced, beginSetUp, button, code, currentPassword, dialog, expectAccount, expectTwoFactor, fill, finishRecoveryCodes, newPassword, open, openDialog, openPage, press, qrCode, section, signIn, storedSession, title } from '../support/pages.ts';
import { Authenticator, scan } from '../support/authenticator.ts';
import { expect, newUser, test, testSignedIn, testVerified, testWithSecondFactor } from '../support/test.ts';

const NEW_PASSWORD = 'cobalt-lantern-62-orchard';

/** Loses the responses of an endpoint: the server handles the request, and the browser gets none. */
async function lose(page: Page, path: string, times = 1): Promise<void> {
  await page.route(`**${path}`, async (route) => {
    await route.fetch();
    await route.abort();
  }, { times });
}

testSignedIn.describe('a lost response', () => {
  testSignedIn('to a change of the password: this browser stays signed in', async ({ page, server, user, problems }) => {
    problems.expect(/net::ERR_FAILED.*password\/change/);
    problems.allow(/status of 401.*(login\/refresh|user\/view|activity|sessions)/);
    await open(page, '/account');
    await lose(page, '/api/user/password/change');
    await change(page, user.password);
    await expect(dialog(page)).toHaveCount(0);
    await openPage(page, 'Activity');
    await expect(page.getByText('Password changed')).toBeVisible();
    await server.login({ ...user, password: NEW_PASSWORD });
    await page.reload();
    await expectAccount(page, user, '/account/activity');
  });

  testSignedIn('to a change of the password that did not happen: the page says so, and trying again works', async ({ page, server, user, problems }) => {
    problems.expect(/net::ERR_FAILED.*password\/change/);
    await open(page, '/account');
    await page.route('**/api/user/password/change', (route) => route.abort(), { times: 1 });
    await change(page, user.password);
    await expect(announced(page).filter({ hasText: 'Your password hasn\'t changed' })).toBeVisible();
    await expect(newPassword(page)).toHaveValue(NEW_PASSWORD);
    await server.login(user);
    await press(page, 'Change password');
    await expect(dialog(page)).toHaveCount(0);
    await server.login({ ...user, password: NEW_PASSWORD });
  });

  testSignedIn('and an unreachable server: the page says that it isn\'t clear, and finds out later', async ({ page, user, problems }) => {
    problems.expect(/net::ERR_FAILED.*password\/change/);
    problems.expect(/net::ERR_FAILED.*login\/refresh/);
    problems.allow(/status of 401.*(login\/refresh|user\/view|activity|sessions)/);
    await open(page, '/account');
    await lose(page, '/api/user/password/change');
    await page.route('**/api/user/login/refresh', (route) => route.abort());
    await change(page, user.password);
    await expect(announced(page).filter({ hasText: 'it isn\'t clear whether your password has changed' })).toBeVisible();
    await page.unroute('**/api/user/login/refresh');
    await press(page, 'Change password');
    await expect(dialog(page)).toHaveCount(0);
    await openPage(page, 'Activity');
    await expect(page.getByText('Password changed')).toBeVisible();
  });

  testSignedIn('to deleting the account: the page says that it is deleted', async ({ page, server, user, problems }) => {
    problems.expect(/net::ERR_FAILED.*user\/delete/);
    problems.allow(/status of 401/);
    await open(page, '/account');
    await lose(page, '/api/user/delete');
    await openDialog(page, 'Delete account', 'Delete account');
    await currentPassword(page).fill(user.password);
    await press(page, 'Delete account');
    await expect(page).toHaveURL('/');
    await expect(announced(page).filter({ hasText: 'Your account has been deleted.' })).toBeVisible();
    await expect(server.login(user)).rejects.toThrow(/invalid_credentials/);
  });

  testSignedIn('to deleting the account that did not happen: the page says so', async ({ page, server, user, problems }) => {
    problems.expect(/net::ERR_FAILED.*user\/delete/);
    await open(page, '/account');
    await page.route('**/api/user/delete', (route) => route.abort(), { times: 1 });
    await openDialog(page, 'Delete account', 'Delete account');
    await currentPassword(page).fill(user.password);
    await press(page, 'Delete account');
    await expect(announced(page).filter({ hasText: 'Your account was not deleted' })).toBeVisible();
    await server.login(user);
  });

  testSignedIn('to a renewal: it is repeated within the server\'s grace, and everyone stays signed in', async ({ page, user, problems }) => {
    problems.allow(/net::ERR_(FAILED|ABORTED).*login\/refresh/);
    const times: number[] = [];
    await page.route('**/api/user/login/refresh', async (route) => {
      times.push(Date.now());
      // The first two responses never come.
      if (times.length <= 2) await route.fetch();
      else await route.continue();
    });
    await page.addInitScript(() => {
      const session = JSON.parse(localStorage.getItem('latchkey.session') ?? 'null');
      if (session && !sessionStorage.getItem('aged')) {
        sessionStorage.setItem('aged', 'true');
        localStorage.setItem('latchkey.session', JSON.stringify({ ...session, expires_at: Date.now() - 1000 }));
      }
    });
    await page.goto('/account');
    // The page does not wait for ever.
    await expect(announced(page).filter({ hasText: 'can\'t be reached' }).first()).toBeVisible({ timeout: 30_000 });
    await expectAccount(page, user).catch(async () => {
      await button(page, 'Try again').click();
      await expectAccount(page, user);
    });
    expect(times.length).toBeGreaterThanOrEqual(3);
    expect(times[2] - times[0]).toBeLessThan(28_000);
  });
});

test('a lost response to a registration: pressing again signs in', async ({ page, problems }) => {
  problems.expect(/net::ERR_FAILED.*user\/create/);
  problems.expectStatus(400, '/api/user/create');
  const user = newUser();
  await open(page, '/register');
  await lose(page, '/api/user/create');
  await fill(page, user);
  await button(page, 'Create account').click();
  await expect(announced(page).filter({ hasText: 'can\'t be reached' }).first()).toBeVisible();
  await button(page, 'Create account').click();
  await expectAccount(page, user);
});

testVerified('a lost response when the second factor is turned on: asks for a code, and says that no codes were saved', async ({ page, user, problems }) => {
  problems.expect(/net::ERR_FAILED.*totp\/confirm/);
  problems.allow(/status of 403.*user\/view/);
  await open(page, '/account');
  await beginSetUp(page, user);
  const app = new Authenticator(await scan(qrCode(page)));
  await lose(page, '/api/totp/confirm');
  await code(page).fill(app.code());
  await expectTwoFactor(page, '/account/security');
  await expect(page.getByText('your recovery codes were not saved')).toBeVisible();
  await code(page).fill(app.code());
  await expectAccount(page, user, '/account/security');
  await expect(section(page, 'Two-factor authentication')).toContainText('You haven\'t saved your recovery codes.');
  await openDialog(page, 'Two-factor authentication', 'New recovery codes');
  await currentPassword(page).fill(user.password);
  await press(page, 'Create new codes');
  await expect(dialog(page).getByRole('listitem')).toHaveCount(10);
  await finishRecoveryCodes(page);
  await expect(section(page, 'Two-factor authentication')).not.toContainText('You haven\'t saved');
  await page.reload();
  await expectAccount(page, user, '/account/security');
  await expect(section(page, 'Two-factor authentication')).not.toContainText('You haven\'t saved');
});

testVerified('a second factor that was not turned on is not said to be', async ({ page, user, problems }) => {
  problems.expect(/net::ERR_FAILED.*totp\/confirm/);
  await open(page, '/account');
  await beginSetUp(page, user);
  const app = new Authenticator(await scan(qrCode(page)));
  await page.route('**/api/totp/confirm', (route) => route.abort(), { times: 1 });
  await code(page).fill(app.code());
  await expect(announced(page).filter({ hasText: 'Two-factor authentication is not on yet' })).toBeVisible();
  await press(page, 'Cancel');
  await expect(section(page, 'Two-factor authentication')).not.toContainText('You haven\'t saved');
});

testWithSecondFactor('a lost response to new recovery codes: says that the earlier ones may not work, and offers new ones', async ({ page, user, problems }) => {
  problems.expect(/net::ERR_FAILED.*recovery\/create/);
  await open(page, '/account');
  await lose(page, '/api/recovery/create');
  await openDialog(page, 'Two-factor authentication', 'New recovery codes');
  await currentPassword(page).fill(user.password);
  await press(page, 'Create new codes');
  await expect(announced(page).filter({ hasText: 'Your earlier codes may not work any more' })).toBeVisible();
  await press(page, 'Cancel');
  await expect(section(page, 'Two-factor authentication')).toContainText('You haven\'t saved your recovery codes.');
});

testWithSecondFactor('a wrong password for new recovery codes does not say that codes are unsaved', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/recovery/create');
  await open(page, '/account');
  await openDialog(page, 'Two-factor authentication', 'New recovery codes');
  await currentPassword(page).fill('not-the-password');
  await press(page, 'Create new codes');
  await expect(currentPassword(page)).toHaveAttribute('aria-invalid', 'true');
  await press(page, 'Cancel');
  await expect(section(page, 'Two-factor authentication')).not.toContainText('You haven\'t saved');
});

testWithSecondFactor('a lost response when the second factor is turned off: this browser stays signed in', async ({ page, user, problems }) => {
  problems.expect(/net::ERR_FAILED.*totp\/delete/);
  problems.allow(/status of 401/);
  await open(page, '/account');
  await lose(page, '/api/totp/delete');
  await openDialog(page, 'Two-factor authentication', 'Turn off');
  await currentPassword(page).fill(user.password);
  await press(page, 'Turn off');
  await expect(section(page, 'Two-factor authentication').getByRole('button', { name: 'Turn on' })).toBeVisible();
  expect(await storedSession(page)).not.toBeNull();
});

testWithSecondFactor('reloading while recovery codes are shown asks, and the section says that none were saved', async ({ page, user }) => {
  await open(page, '/account');
  await openDialog(page, 'Two-factor authentication', 'New recovery codes');
  await currentPassword(page).fill(user.password);
  await press(page, 'Create new codes');
  await expect(dialog(page).getByRole('listitem')).toHaveCount(10);
  const asked: string[] = [];
  page.once('dialog', (question) => {
    asked.push(question.type());
    void question.dismiss();
  });
  await page.evaluate(() => setTimeout(() => location.reload()));
  await expect.poll(() => asked).toEqual(['beforeunload']);
  await expect(dialog(page).getByRole('listitem')).toHaveCount(10);
  page.once('dialog', (question) => void question.accept());
  await page.reload();
  await expectAccount(page, user, '/account/security');
  await expect(section(page, 'Two-factor authentication')).toContainText('You haven\'t saved your recovery codes.');
});

test('a lost response to a sign-in does no harm', async ({ page, user, problems }) => {
  problems.expect(/net::ERR_FAILED.*user\/login\)/);
  await open(page, '/login');
  await lose(page, '/api/user/login');
  await signIn(page, user);
  await expect(announced(page).filter({ hasText: 'can\'t be reached' }).first()).toBeVisible();
  await button(page, 'Sign in').click();
  await expectAccount(page, user);
  await expect(title(page, user.email)).toBeVisible();
});

async function change(page: Page, current: string): Promise<void> {
  await openDialog(page, 'Password', 'Change password');
  await currentPassword(page).fill(current);
  await newPassword(page).fill(NEW_PASSWORD);
  await press(page, 'Change password');
}
