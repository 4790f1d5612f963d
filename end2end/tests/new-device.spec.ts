import { expectAccessible } from '../support/accessibility.ts';
import { link } from '../support/email.ts';
import { button, open, title } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';
import type { Pair } from '../support/server.ts';

// A sign-in from another network is one on a new device.
test.use({ settings: { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' } });

test('the email about a new device signs it out', async ({ page, user, server, mailbox }) => {
  await server.verify(user, mailbox);
  await server.login(user);
  const other = await server.post<Pair>('/api/user/login', user, { 'X-Forwarded-For': '203.0.113.7' });
  const url = link(await mailbox.take(user.email, 'New sign-in to your account'));
  await open(page, url);
  await expect(title(page, 'Sign out this device?')).toBeVisible();
  await expect(page.getByRole('main')).toContainText(user.email);
  await expectAccessible(page);
  expect((await server.sessions(other.token)).length).toBeGreaterThan(0);
  await button(page, 'Sign out this device').click();
  await expect(title(page, 'The device is signed out')).toBeVisible();
  await expectAccessible(page);
  await expect(server.sessions(other.token)).rejects.toThrow(/401/);

  await page.goto('about:blank');
  await open(page, url);
  await expect(title(page, 'The device was already signed out')).toBeVisible();
  await expect(page.getByRole('link', { name: 'Choose a new password' })).toBeVisible();
});

test('a link that arrived incomplete says so', async ({ page }) => {
  await open(page, '/device');
  await expect(title(page, 'This link arrived incomplete')).toBeVisible();
});
