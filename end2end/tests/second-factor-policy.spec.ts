import { expectAccessible } from '../support/accessibility.ts';
import { Authenticator, scan } from '../support/authenticator.ts';
import { announced, beginSetUp, button, code, currentPassword, expectAccount, expectTwoFactor, finishRecoveryCodes, open, openDialog, openPage, press, qrCode, section, shownRecoveryCodes, signIn, signOut } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';
import { VirtualAuthenticator } from '../support/virtual-authenticator.ts';

const REQUIRED = 'Your account must have two-factor authentication';

test.use({ settings: { LATCHKEY_REQUIRE_SECOND_FACTOR: 'all', LATCHKEY_PUBLIC_URL: 'http://localhost:0' } });

test.beforeEach(async ({ page, user, server, mailbox, problems }) => {
  problems.allow(/status of 403/);
  // The sign-in page is left while it asks what passkeys could be suggested.
  problems.allow(/net::ERR_ABORTED.*passkey\/login\/begin/);
  await server.verify(user, mailbox);
  await open(page, '/login');
});

test('the next sign-in leads to setting up the second factor', async ({ page, user }) => {
  await signIn(page, user);
  await expectAccount(page, user, '/account/security');
  await expect(page.getByRole('heading', { name: REQUIRED })).toBeVisible();
  await expect(section(page, 'Password')).toHaveCount(0);
  await expectAccessible(page);

  // Every page leads back here.
  await page.goto('/account/devices');
  await expectAccount(page, user, '/account/security');
  await beginSetUp(page, user);
  const app = new Authenticator(await scan(qrCode(page)));
  await code(page).fill(app.code());
  await shownRecoveryCodes(page);
  await finishRecoveryCodes(page);
  await button(page, 'Continue').click();
  await expect(page.getByRole('heading', { name: REQUIRED })).toHaveCount(0);
  await expect(section(page, 'Password')).toBeVisible();

  await openPage(page, 'Overview');
  await expectAccount(page, user);
  await signOut(page);
  await open(page, '/login');
  await signIn(page, user);
  await expectTwoFactor(page);
});

test('a passkey will do, too', async ({ page, user }) => {
  await VirtualAuthenticator.add(page);
  await page.reload();
  await signIn(page, user);
  await expectAccount(page, user, '/account/security');
  await expect(button(page, 'Continue with a passkey')).toHaveCount(0);
  await openDialog(page, 'Passkeys', 'Add a passkey');
  await currentPassword(page).fill(user.password);
  await press(page, 'Continue');
  await expect(announced(page).filter({ hasText: 'Passkey added:' }).first()).toBeVisible();
  await button(page, 'Continue with a passkey').click();
  await expect(section(page, 'Password')).toBeVisible();
  await expect(page.getByRole('heading', { name: REQUIRED })).toHaveCount(0);

  // The password alone does not get far any more, and sets up nothing else.
  await signOut(page);
  await open(page, '/login');
  await signIn(page, user);
  await expect(button(page, 'Continue with a passkey')).toBeVisible();
  await expect(button(page, 'Turn on')).toHaveCount(0);
  await expectAccessible(page);
  await button(page, 'Continue with a passkey').click();
  await expect(section(page, 'Password')).toBeVisible();
});

test('who does not want to can sign out', async ({ page, user }) => {
  await signIn(page, user);
  await expect(page.getByRole('heading', { name: REQUIRED })).toBeVisible();
  await signOut(page);
});
