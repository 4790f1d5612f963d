import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { announced, button, code, currentPassword, dialog, email, expectAccount, expectTwoFactor, open, openDialog, press, section, signIn, signOut, storedSession, title } from '../support/pages.ts';
import { expect, newUser, test as base, testVerified as baseVerified, testWithSecondFactor } from '../support/test.ts';
import { VirtualAuthenticator } from '../support/virtual-authenticator.ts';
import type { User } from '../support/server.ts';

// Replaced by the server's own port: browsers accept passkeys for this name.
const settings = { LATCHKEY_PUBLIC_URL: 'http://localhost:0' };
base.use({ settings });
baseVerified.use({ settings });

const rows = (page: Page) => section(page, 'Passkeys').getByRole('listitem');

async function addPasskey(page: Page, user: User): Promise<void> {
  await openDialog(page, 'Passkeys', 'Add a passkey');
  await currentPassword(page).fill(user.password);
  await press(page, 'Continue');
  await expect(announced(page).filter({ hasText: 'Passkey added:' }).first()).toBeVisible();
  await expect(dialog(page)).toHaveCount(0);
}

/** The claims of the stored access token. */
async function claims(page: Page): Promise<{ amr: string[] }> {
  const { token } = (await storedSession(page))!;
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
}

baseVerified('a passkey is added, renamed, used and removed', async ({ page, user, mailbox }) => {
  const authenticator = await VirtualAuthenticator.add(page);
  await open(page, '/account/security');
  await expect(rows(page)).toHaveCount(0);
  await addPasskey(page, user);
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText('Never used');
  await expectAccessible(page);
  await mailbox.take(user.email, 'A passkey was added to your account');
  expect(await authenticator.credentials()).toMatchObject([{ rpId: 'localhost', isResidentCredential: true }]);

  await rows(page).getByRole('button', { name: /^Rename/ }).click();
  await expectAccessible(page);
  await dialog(page).getByLabel('Name').fill('Work laptop');
  await press(page, 'Save');
  await expect(rows(page)).toContainText('Work laptop');

  await signOut(page);
  await open(page, '/login');
  await button(page, 'Sign in with a passkey').click();
  await expectAccount(page, user);
  expect((await claims(page)).amr).toContain('user');
  await open(page, '/account/security');
  await expect(rows(page)).not.toContainText('Never used');

  await rows(page).getByRole('button', { name: /^Remove/ }).click();
  await expectAccessible(page);
  await currentPassword(page).fill(user.password);
  await press(page, 'Remove');
  await expect(rows(page)).toHaveCount(0);
  await mailbox.take(user.email, 'A passkey was removed from your account');
});

baseVerified('a removed passkey no longer signs in', async ({ page, user, problems }) => {
  problems.expectStatus(401, '/api/passkey/login');
  await VirtualAuthenticator.add(page);
  await open(page, '/account/security');
  await addPasskey(page, user);
  await rows(page).getByRole('button', { name: /^Remove/ }).click();
  await currentPassword(page).fill(user.password);
  await press(page, 'Remove');
  await expect(rows(page)).toHaveCount(0);
  await signOut(page);
  await open(page, '/login');
  await button(page, 'Sign in with a passkey').click();
  await expect(announced(page).filter({ hasText: 'This passkey could not be verified.' }).first()).toBeVisible();
  await expect(page).toHaveURL('/login');
});

baseVerified('the device says that it has a passkey already', async ({ page, user }) => {
  await VirtualAuthenticator.add(page);
  await open(page, '/account/security');
  await addPasskey(page, user);
  await openDialog(page, 'Passkeys', 'Add a passkey');
  await currentPassword(page).fill(user.password);
  await press(page, 'Continue');
  await expect(dialog(page)).toContainText('This device already has a passkey for your account.');
  await expect(rows(page)).toHaveCount(1);
});

baseVerified('a copy of a passkey is refused', async ({ page, user, problems }) => {
  problems.expectStatus(401, '/api/passkey/login');
  const authenticator = await VirtualAuthenticator.add(page);
  await open(page, '/account/security');
  await addPasskey(page, user);
  for (let round = 0; round < 2; round += 1) {
    await signOut(page);
    await open(page, '/login');
    await button(page, 'Sign in with a passkey').click();
    await expectAccount(page, user);
  }
  await signOut(page);
  await authenticator.rewind();
  await open(page, '/login');
  await button(page, 'Sign in with a passkey').click();
  await expect(announced(page).filter({ hasText: 'This passkey could not be verified.' }).first()).toBeVisible();
});

baseVerified('the field for the email address suggests passkeys', async ({ page, user }) => {
  await VirtualAuthenticator.add(page, { suggests: true });
  await open(page, '/account/security');
  await addPasskey(page, user);
  await page.evaluate(() => localStorage.clear());
  await page.goto('/login?next=/account/devices');
  await expect(email(page)).toHaveAttribute('autocomplete', 'username webauthn');
  await expectAccount(page, user, '/account/devices');
});

baseVerified('a wrong password is said at its field, and adds nothing', async ({ page, user, problems }) => {
  problems.expectStatus(400, '/api/passkey/create');
  const authenticator = await VirtualAuthenticator.add(page);
  await open(page, '/account/security');
  await openDialog(page, 'Passkeys', 'Add a passkey');
  await currentPassword(page).fill('not-the-password');
  await press(page, 'Continue');
  await expect(currentPassword(page)).toHaveAttribute('aria-invalid', 'true');
  expect(await authenticator.credentials()).toEqual([]);
  await expect(dialog(page)).toBeVisible();
  await currentPassword(page).fill(user.password);
  await press(page, 'Continue');
  await expect(rows(page)).toHaveCount(1);
});

baseVerified('a passkey completes both factors, and a pending second factor', async ({ page, user, server }) => {
  await VirtualAuthenticator.add(page);
  await open(page, '/account/security');
  await addPasskey(page, user);
  await server.turnOnSecondFactor(user);
  await page.evaluate(() => localStorage.clear());
  await open(page, '/login');
  await button(page, 'Sign in with a passkey').click();
  await expectAccount(page, user);

  await page.evaluate(() => localStorage.clear());
  await open(page, '/login');
  await signIn(page, user);
  await expectTwoFactor(page);
  await expect(code(page)).toBeVisible();
  await expectAccessible(page);
  await button(page, 'Use a passkey').click();
  await expectAccount(page, user);
});

baseVerified('two accounts on one device keep apart', async ({ page, user, server, mailbox }) => {
  await VirtualAuthenticator.add(page);
  await open(page, '/account/security');
  await addPasskey(page, user);
  const other = { ...user, email: `other.${user.email}` };
  await server.register(other);
  await server.verify(other, mailbox);
  await signOut(page);
  await open(page, '/login?next=/account/security');
  await signIn(page, other);
  await expectAccount(page, other, '/account/security');
  await expect(rows(page)).toHaveCount(0);
  await addPasskey(page, other);
  await expect(rows(page)).toHaveCount(1);
});

base('an authenticator that does not verify its user adds nothing', async ({ page, user, server, mailbox }) => {
  await server.verify(user, mailbox);
  await VirtualAuthenticator.add(page, { isUserVerified: false });
  await open(page, '/login?next=/account/security');
  await signIn(page, user);
  await expectAccount(page, user, '/account/security');
  await openDialog(page, 'Passkeys', 'Add a passkey');
  await currentPassword(page).fill(user.password);
  await press(page, 'Continue');
  await expect(dialog(page)).toContainText('No passkey was added. Try again.');
  await expect(rows(page)).toHaveCount(0);
});

base('who cancels is told so, and can sign in another way', async ({ page, user }) => {
  await open(page, '/login');
  // Without an authenticator, Chromium refuses at once.
  await page.evaluate(() => {
    navigator.credentials.get = () => Promise.reject(new DOMException('cancelled', 'NotAllowedError'));
  });
  await button(page, 'Sign in with a passkey').click();
  await expect(announced(page).filter({ hasText: 'No passkey was used.' }).first()).toBeVisible();
  await expectAccessible(page);
  await signIn(page, user);
  await expectAccount(page, user);
});

base('a browser without passkeys does not offer them', async ({ page }) => {
  await page.addInitScript(() => Reflect.deleteProperty(window, 'PublicKeyCredential'));
  await open(page, '/login');
  await expect(button(page, 'Sign in')).toBeEnabled();
  await expect(button(page, 'Sign in with a passkey')).toBeHidden();
  await expect(title(page, 'Sign in')).toBeVisible();
});

const withSecondFactor = testWithSecondFactor;
withSecondFactor.use({ settings });

withSecondFactor('a passkey and recovery codes replace the password', async ({ page, user, secondFactor, mailbox }) => {
  await VirtualAuthenticator.add(page);
  await open(page, '/account/security');
  await expect(section(page, 'Password').getByRole('button', { name: 'Remove password' })).toHaveCount(0);
  await addPasskey(page, user);
  await mailbox.take(user.email, 'A passkey was added to your account');
  await openDialog(page, 'Password', 'Remove password');
  await expectAccessible(page);
  await currentPassword(page).fill(user.password);
  await press(page, 'Remove password');
  await expect(announced(page).filter({ hasText: 'Your password has been removed.' }).first()).toBeVisible();
  await expect(section(page, 'Password')).toContainText('Your account has no password');
  await expect(dialog(page)).toHaveCount(0);
  await expectAccessible(page);
  await mailbox.take(user.email, 'Your password was removed');
  expect(secondFactor.recoveryCodes.length).toBeGreaterThan(0);

  // No dialog asks for a password any more, and a recent sign-in confirms changes.
  await openDialog(page, 'Two-factor authentication', 'New recovery codes');
  await expect(currentPassword(page)).toHaveCount(0);
  await press(page, 'Cancel');

  await signOut(page);
  await open(page, '/login');
  await button(page, 'Sign in with a passkey').click();
  await expectAccount(page, user);
  await open(page, '/account/security');
  await openDialog(page, 'Password', 'Set a password');
  await expect(currentPassword(page)).toHaveCount(0);
  await dialog(page).getByLabel('New password').fill(newUser().password);
  await press(page, 'Set a password');
  await expect(announced(page).filter({ hasText: 'Your account has a password now.' }).first()).toBeVisible();
  await expect(section(page, 'Password').getByRole('button', { name: 'Change password' })).toBeVisible();
});

withSecondFactor('without a password, a passkey confirms changes later', async ({ page, user, server, problems }) => {
  problems.expectStatus(403, '/api/recovery/create');
  await VirtualAuthenticator.add(page);
  await open(page, '/account/security');
  await addPasskey(page, user);
  await openDialog(page, 'Password', 'Remove password');
  await currentPassword(page).fill(user.password);
  await press(page, 'Remove password');
  await expect(section(page, 'Password')).toContainText('Your account has no password');
  let isOld = true;
  await page.route('/api/recovery/create', (route) => isOld
    ? route.fulfill({ status: 403, json: { detail: 'Confirm that it\'s you first.', code: 'reauthentication_required' } })
    : route.continue());
  await openDialog(page, 'Two-factor authentication', 'New recovery codes');
  await press(page, 'Create new codes');
  const confirm = button(page, 'Confirm with a passkey');
  await expect(confirm).toBeVisible();
  await expectAccessible(page);
  isOld = false;
  await confirm.click();
  await expect(dialog(page).getByRole('listitem')).toHaveCount(10);
  expect((await claims(page)).amr).toContain('user');
  expect((await server.sessions((await storedSession(page))!.token)).length).toBe(1);
});
