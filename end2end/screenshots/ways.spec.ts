import path from 'node:path';
import type { Page } from '@playwright/test';
import { announced, button, currentPassword, open, openDialog, press, section, signIn } from '../support/pages.ts';
import { expect, newUser, test } from '../support/test.ts';
import { Server, type User } from '../support/server.ts';
import { VirtualAuthenticator } from '../support/virtual-authenticator.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../target/screenshots');
const PUBLIC_URL = 'http://localhost:0';

test.use({ settings: { LATCHKEY_PUBLIC_URL: PUBLIC_URL } });

async function addPasskey(page: Page, user: User): Promise<void> {
  await openDialog(page, 'Passkeys', 'Add a passkey');
  await currentPassword(page).fill(user.password);
  await press(page, 'Continue');
  await expect(announced(page).filter({ hasText: 'Passkey added:' }).first()).toBeVisible();
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1280, 360]) {
    const where = `at ${width} px in ${colorScheme}`;
    const shoot = (page: Page, name: string) =>
      page.screenshot({ path: path.join(FOLDER, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    const viewport = { width, height: 800 };

    test(`an account without a password ${where}`, async ({ anotherBrowser, server, mailbox }) => {
      const user = newUser();
      await server.register(user);
      await server.verify(user, mailbox);
      const { app } = await server.turnOnSecondFactor(user);
      const page = await (await anotherBrowser({ colorScheme, viewport })).newPage();
      await VirtualAuthenticator.add(page);
      await open(page, '/login');
      await signIn(page, user);
      await page.getByLabel('Code', { exact: true }).fill(app.code());
      await expect(page).toHaveURL('/account');
      await open(page, '/account/security');
      await addPasskey(page, user);
      await expect(section(page, 'Password').getByRole('button', { name: 'Remove password' })).toBeVisible();
      await shoot(page, 'security-passkey');
      await openDialog(page, 'Password', 'Remove password');
      await shoot(page, 'security-remove-password');
      await currentPassword(page).fill(user.password);
      await press(page, 'Remove password');
      await expect(section(page, 'Password')).toContainText('Your account has no password');
      await shoot(page, 'security-no-password');
      await openDialog(page, 'Password', 'Set a password');
      await shoot(page, 'security-set-password');
    });

    test(`a required second factor ${where}`, async ({ anotherBrowser, mailbox, problems }) => {
      problems.allow(/status of 403/);
      const server = await Server.launch({
        LATCHKEY_SMTP_URL: mailbox.url, LATCHKEY_PUBLIC_URL: PUBLIC_URL, LATCHKEY_REQUIRE_SECOND_FACTOR: 'all',
      });
      try {
        const user = newUser();
        await server.register(user);
        await server.verify(user, mailbox);
        const page = await (await anotherBrowser({ colorScheme, viewport, baseURL: server.url })).newPage();
        await open(page, '/login');
        await signIn(page, user);
        await expect(button(page, 'Add a passkey')).toBeVisible();
        await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
        await shoot(page, 'security-enroll');
      } finally {
        await server.discard();
      }
    });
  }
}
