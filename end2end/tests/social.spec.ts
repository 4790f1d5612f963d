import { expectAccessible } from '../support/accessibility.ts';
import { announced, code, currentPassword, expectAccount, expectTwoFactor, open, openPage, press, section, signIn, signOut, title } from '../support/pages.ts';
import { OpenIdProvider, signInAtProvider } from '../support/provider.ts';
import { Server } from '../support/server.ts';
import { expect, newUser, test as base } from '../support/test.ts';

const test = base.extend<object, { provider: OpenIdProvider }>({
  provider: [
    async ({}, use) => {
      const provider = await OpenIdProvider.open();
      await use(provider);
      await provider.close();
    },
    { scope: 'worker' },
  ],
  server: [
    async ({ mailbox, provider }, use) => {
      const server = await Server.launch({ LATCHKEY_SMTP_URL: mailbox.url, ...provider.settings });
      provider.serve(server.url);
      await use(server);
      await server.discard();
    },
    { scope: 'worker' },
  ],
  problems: async ({ problems }, use) => {
    // The provider's own pages ask for what it does not have.
    problems.allow(/favicon\.ico/);
    await use(problems);
  },
  context: async ({ context }, use) => {
    // The provider's own pages want a font from elsewhere.
    await context.route('https://fonts.googleapis.com/**', (route) => route.fulfill({ contentType: 'text/css', body: '' }));
    await use(context);
  },
});

const withProvider = 'Sign in with Example';

test('an account is created with that of a provider, and signs in with it again', async ({ page }) => {
  const user = newUser();
  await open(page, '/login?next=/account/security');
  await expectAccessible(page);
  await page.getByRole('link', { name: withProvider }).click();
  await signInAtProvider(page, user.email);
  await expectAccount(page, user, '/account/security');
  expect(page.url()).not.toContain('social');
  await expect(section(page, 'Connected accounts')).toContainText(user.email);
  await expectAccessible(page);
  await signOut(page);
  await open(page, '/login');
  await page.getByRole('link', { name: withProvider }).click();
  // The provider knows its own user still.
  await expectAccount(page, user);
});

test('an existing account is not taken over, but connected from its own session', async ({ page, user, server, mailbox }) => {
  await server.verify(user, mailbox);
  await open(page, '/login');
  await page.getByRole('link', { name: withProvider }).click();
  await signInAtProvider(page, user.email);
  await expect(title(page, 'Sign in')).toBeVisible();
  await expect(announced(page).filter({ hasText: 'There is an account with this email address.' }).first()).toBeVisible();
  await signIn(page, user);
  await expectAccount(page, user);
  await openPage(page, 'Security');
  await section(page, 'Connected accounts').getByRole('button', { name: /^Connect/ }).click();
  await expectAccessible(page);
  await currentPassword(page).fill(user.password);
  await press(page, 'Continue');
  await expect(announced(page).filter({ hasText: 'Example is connected.' }).first()).toBeVisible();
  await expect(section(page, 'Connected accounts')).toContainText('Connected');

  await signOut(page);
  await open(page, '/login');
  await page.getByRole('link', { name: withProvider }).click();
  await expectAccount(page, user);

  await openPage(page, 'Security');
  await section(page, 'Connected accounts').getByRole('button', { name: /^Disconnect/ }).click();
  await currentPassword(page).fill(user.password);
  await press(page, 'Disconnect');
  await expect(section(page, 'Connected accounts')).toContainText('Not connected');
});

test('a provider does not replace the second factor', async ({ page, user, server, mailbox }) => {
  await server.verify(user, mailbox);
  await open(page, '/login?next=/account/security');
  await signIn(page, user);
  await section(page, 'Connected accounts').getByRole('button', { name: /^Connect/ }).click();
  await currentPassword(page).fill(user.password);
  await press(page, 'Continue');
  await signInAtProvider(page, user.email);
  await expect(announced(page).filter({ hasText: 'Example is connected.' }).first()).toBeVisible();
  const { app } = await server.turnOnSecondFactor(user);
  await page.evaluate(() => localStorage.clear());
  await open(page, '/login');
  await page.getByRole('link', { name: withProvider }).click();
  await expectTwoFactor(page);
  await code(page).fill(app.code());
  await expectAccount(page, user);
});

test('who changes their mind at the provider is told so', async ({ page }) => {
  await open(page, '/login');
  await page.getByRole('link', { name: withProvider }).click();
  await page.getByRole('link', { name: /Cancel/ }).click();
  await expect(title(page, 'Sign in')).toBeVisible();
  await expect(announced(page).filter({ hasText: 'The sign-in was canceled.' }).first()).toBeVisible();
  await expect(page).toHaveURL('/login');
});
