import type { CDPSession, Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { announced, button, code, currentPassword, dialog, email, expectAccount, expectTwoFactor, open, openDialog, press, section, signIn, signOut, storedSession, title } from '../support/pages.ts';
import { expect, test as base, testVerified as baseVerified } from '../support/test.ts';
import type { User } from '../support/server.ts';

// Replaced by the server's own port: browsers accept passkeys for this name.
const settings = { LATCHKEY_PUBLIC_URL: 'http://localhost:0' };
base.use({ settings });
baseVerified.use({ settings });

/** Chromium's own authenticator, which needs nobody to touch it. */
class Authenticator {
  private constructor(private readonly session: CDPSession, private readonly id: string) {}

  /**
   * Adds one. It touches itself, and so also picks the passkey that a field suggests, as soon as the page asks:
   * only a test of that lets the browser suggest any.
   */
  static async add(
    page: Page, options: { isUserVerified?: boolean; suggests?: boolean } = {},
  ): Promise<Authenticator> {
    if (!options.suggests) {
      await page.addInitScript(() => {
        PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false);
      });
    }
    const session = await page.context().newCDPSession(page);
    await session.send('WebAuthn.enable');
    const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: options.isUserVerified ?? true,
        automaticPresenceSimulation: true,
      },
    });
    return new Authenticator(session, authenticatorId);
  }

  async credentials() {
    return (await this.session.send('WebAuthn.getCredentials', { authenticatorId: this.id })).credentials;
  }

  /** Takes its only passkey back to an earlier count, as a copy of it has. */
  async rewind(): Promise<void> {
    const [credential] = await this.credentials();
    await this.session.send('WebAuthn.removeCredential', { authenticatorId: this.id, credentialId: credential.credentialId });
    await this.session.send('WebAuthn.addCredential', { authenticatorId: this.id, credential: { ...credential, signCount: 1 } });
  }
}

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
  const authenticator = await Authenticator.add(page);
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
  await Authenticator.add(page);
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
  await Authenticator.add(page);
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
  const authenticator = await Authenticator.add(page);
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
  await Authenticator.add(page, { suggests: true });
  await open(page, '/account/security');
  await addPasskey(page, user);
  await page.evaluate(() => localStorage.clear());
  await page.goto('/login?next=/account/devices');
  await expect(email(page)).toHaveAttribute('autocomplete', 'username webauthn');
  await expectAccount(page, user, '/account/devices');
});

baseVerified('a wrong password is said at its field, and adds nothing', async ({ page, user, problems }) => {
  problems.expectStatus(400, '/api/passkey/create');
  const authenticator = await Authenticator.add(page);
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
  await Authenticator.add(page);
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
  await Authenticator.add(page);
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
  await Authenticator.add(page, { isUserVerified: false });
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
