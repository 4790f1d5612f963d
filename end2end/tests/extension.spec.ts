import path from 'node:path';
import { chromium } from '@playwright/test';
import { browser } from '../support/browser.ts';
import { expectAccount, open, signIn, signOut } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

const EXTENSION = path.resolve(import.meta.dirname, '../support/extension');

test('signing in and out works with an extension that changes pages', async ({ server, user, problems }) => {
  const context = await chromium.launchPersistentContext('', {
    ...browser,
    baseURL: server.url,
    args: [...browser.args!, `--disable-extensions-except=${EXTENSION}`, `--load-extension=${EXTENSION}`],
  });
  try {
    problems.watch(context);
    const page = await context.newPage();
    await open(page, '/login');
    await expect(page.locator('html')).toHaveAttribute('data-extension', 'early');
    await expect(page.locator('my-extension')).toHaveCount(1);
    await signIn(page, user);
    await expectAccount(page, user);
    await page.reload();
    await expect(page.locator('html')).toHaveAttribute('data-extension', 'early');
    await expectAccount(page, user);
    await signOut(page);
    await expect(page).toHaveURL('/login');
  } finally {
    await context.close();
  }
});
