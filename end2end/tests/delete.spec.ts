import { announced, button, devices, expectAccount, expectFieldError, open, signIn, signOut, storedSession } from '../support/pages.ts';
import { expect, test, testSignedIn } from '../support/test.ts';

testSignedIn('deleting an account requires the correct password', async ({ page, server, user, problems }) => {
  problems.expectStatus(400, '/api/user/delete');
  await open(page, '/account/delete');
  await expectAccount(page, user, '/account/delete');
  await button(page, 'Delete account').click();
  const current = page.getByLabel('Current password');
  await expect(current).toBeFocused();
  await expect(current).toHaveAttribute('autocomplete', 'current-password');
  const confirm = page.getByRole('button', { name: /delete/i }).last();

  await confirm.click();
  await expectFieldError(current, 'This field is required.');
  await current.fill('not-the-password');
  await confirm.click();
  await expectFieldError(current, /password/i);
  await expect(current).toHaveValue('not-the-password');

  await current.fill(user.password);
  await confirm.click();
  await expect(page).toHaveURL('/');
  expect(await storedSession(page)).toBeNull();
  await expect(server.login(user)).rejects.toThrow(/invalid_credentials/);
});

testSignedIn('all tabs say that the account has been deleted', async ({ page, context, user }) => {
  const other = await context.newPage();
  await open(other, '/account');
  await open(page, '/account/delete');
  await button(page, 'Delete account').click();
  await page.getByLabel('Current password').fill(user.password);
  await page.getByRole('button', { name: /delete/i }).last().click();
  for (const tab of [page, other]) {
    await expect(tab).toHaveURL('/');
    await expect(announced(tab).filter({ hasText: 'Your account has been deleted.' })).toBeVisible();
    // A screen reader reads it with the heading, which has the focus.
    await expect(tab.getByRole('heading', { level: 1 })).toBeFocused();
    await expect(tab.getByRole('heading', { level: 1 })).toHaveAccessibleDescription('Your account has been deleted.');
  }
});

testSignedIn('deleting can be cancelled', async ({ page, user, server }) => {
  await open(page, '/account/delete');
  await button(page, 'Delete account').click();
  await expect(page.getByLabel('Current password')).toBeVisible();
  await button(page, 'Cancel').click();
  await expect(page.getByLabel('Current password')).toBeHidden();
  await expect(button(page, 'Delete account')).toBeFocused();
  await expectAccount(page, user, '/account/delete');
  await server.login(user);
});

test('a deleted email address can register again', async ({ page, server, user }) => {
  const { token } = await server.login(user);
  await fetch(`${server.url}/api/user/delete`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ current_password: user.password }),
  });
  await open(page, '/register');
  await page.getByLabel('Email', { exact: true }).fill(user.email);
  await page.getByLabel('Password', { exact: true }).fill(user.password);
  await button(page, 'Create account').click();
  await expectAccount(page, user);
  await expect(devices(page)).toHaveCount(1);
  await signOut(page);
  // Wait for the response: leaving the page would cancel the request.
  await expect(page).toHaveURL('/login');
  await signIn(page, user);
  await expectAccount(page, user);
});
