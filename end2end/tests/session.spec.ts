import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from '@playwright/test';
import { browser } from '../support/browser.ts';
import { announced, expectAccount, expectLogin, open, signIn, signOut, storedSession } from '../support/pages.ts';
import { expect, test, testSignedIn } from '../support/test.ts';

test('the session is stored in the documented form', async ({ page, user }) => {
  await open(page, '/login');
  await signIn(page, user);
  await expectAccount(page, user);
  const session = (await storedSession(page))!;
  expect(Object.keys(session).sort()).toEqual(['expires_at', 'refresh_token', 'token']);
  expect(session.token.split('.')).toHaveLength(3);
  expect(session.refresh_token.split('.')).toHaveLength(3);
  const minutesLeft = (session.expires_at - Date.now()) / 60_000;
  expect(minutesLeft).toBeGreaterThan(14);
  expect(minutesLeft).toBeLessThanOrEqual(15);
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual(['latchkey.session']);
  expect(await page.context().cookies()).toEqual([]);
});

testSignedIn('a reload and a new tab keep the session', async ({ page, context, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  await page.reload();
  await expectAccount(page, user);
  const tab = await context.newPage();
  await open(tab, '/account');
  await expectAccount(tab, user);
});

test('a restart of the browser keeps the session', async ({ user, baseURL, problems }) => {
  const profile = await mkdtemp(path.join(tmpdir(), 'latchkey-profile-'));
  const start = async () =>
    problems.watch(await chromium.launchPersistentContext(profile, { ...browser, baseURL }));
  try {
    let context = await start();
    await open(context.pages()[0], '/login');
    await signIn(context.pages()[0], user);
    await expectAccount(context.pages()[0], user);
    await context.close();

    context = await start();
    await open(context.pages()[0], '/account');
    await expectAccount(context.pages()[0], user);
    await context.close();
  } finally {
    await rm(profile, { recursive: true, force: true });
  }
});

test('signing in and out in one tab shows in the other immediately', async ({ context, user }) => {
  const [one, other] = [await context.newPage(), await context.newPage()];
  await open(one, '/login');
  await open(other, '/');
  await signIn(one, user);
  await expectAccount(one, user);
  await expectAccount(other, user);

  await signOut(other);
  await expect(other).toHaveURL(/\/(login)?(\?|$)/);
  await expect(one).toHaveURL(/\/(login)?(\?|$)/);
  await expect(one.getByRole('heading', { name: user.email })).toHaveCount(0);
  expect(await storedSession(one)).toBeNull();
  expect(await storedSession(other)).toBeNull();
});

testSignedIn('a page from the back/forward cache adopts changes made in the meantime', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  // A tab gets no storage event for its own change, just like a page in that cache.
  await page.evaluate(() => {
    localStorage.removeItem('latchkey.session');
    window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
  });
  await expect(page).toHaveURL('/login');
});

testSignedIn('signing out ends the session on the server too', async ({ page, server, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  const { token } = (await storedSession(page))!;
  await signOut(page);
  await expect(page).not.toHaveURL('/account');
  await expect(server.sessions(token)).rejects.toThrow(/token_invalid/);
  await open(page, '/account');
  await expectLogin(page, '/account');
});

test('a damaged stored session counts as no session', async ({ page, context, user }) => {
  for (const damaged of ['{', 'null', '"x"', '{"token":1}', '{"token":"a.b.c"}']) {
    await page.goto('/robots.txt');
    await page.evaluate((value) => localStorage.setItem('latchkey.session', value), damaged);
    const tab = await context.newPage();
    await open(tab, '/login');
    await signIn(tab, user);
    await expectAccount(tab, user);
    await tab.close();
  }
});

const STORAGE_BLOCKED = 'This browser can\'t keep you signed in: its storage is blocked or full.';

test('a full storage is reported when signing in', async ({ page, user }) => {
  await page.addInitScript(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
    };
  });
  await open(page, '/login');
  await signIn(page, user);
  await expect(announced(page).filter({ hasText: STORAGE_BLOCKED }).first()).toBeVisible();
  await expect(page).toHaveURL('/login');
  expect(await storedSession(page)).toBeNull();
});

test('a blocked storage is reported when a page opens', async ({ page }) => {
  await page.addInitScript(() => {
    Object.defineProperty(window, 'localStorage', {
      get() {
        throw new DOMException('Access is denied for this document.', 'SecurityError');
      },
    });
  });
  for (const path of ['/login', '/account']) {
    await page.goto(path);
    await expect(page.getByText(STORAGE_BLOCKED)).toBeVisible();
  }
});
