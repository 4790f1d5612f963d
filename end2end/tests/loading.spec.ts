import type { APIResponse, Locator, Page } from '@playwright/test';
import { announced, button, email, expectAccount, fill, open, signIn, title } from '../support/pages.ts';
import { expect, test, testSignedIn } from '../support/test.ts';

const INCOMPLETE = 'The page could not be loaded completely.';

/** Makes the files of one chunk of the app disappear, as an upgrade of the server does. */
async function remove(page: Page, name: string): Promise<void> {
  await page.route(`**/pkg/split_${name}.*.wasm`, (route) => route.fulfill({ status: 404, body: '' }));
}

/** Lets the files of one chunk never arrive, until the returned function is called. */
async function hold(page: Page, name: string): Promise<() => void> {
  let isHeld = true;
  await page.route(`**/pkg/split_${name}.*.wasm`, (route) => (isHeld ? undefined : route.continue()));
  return () => (isHeld = false);
}

/**
 * Lets 15 s pass until the page shows this. Once isn't enough: the page counts from the moment in which it
 * begins to wait, which can be after the moment in which its path changes.
 */
async function waitTooLong(page: Page, shown: Locator): Promise<void> {
  await expect(async () => {
    await page.clock.fastForward(15_000);
    await expect(shown).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 30_000 });
}

/** Returns the files that a page lets the browser fetch at once. */
async function preloaded(page: APIResponse): Promise<string[]> {
  return [...(await page.text()).matchAll(/<link rel="(?:module)?preload" href="([^"]+)"/g)].map(([, file]) => file);
}

/** Counts the documents that a page loads. */
function countLoads(page: Page): { count: number } {
  const loads = { count: 0 };
  page.on('domcontentloaded', () => (loads.count += 1));
  return loads;
}

test('a button that can\'t be used yet looks so', async ({ page }) => {
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  await page.route('**/*.wasm', async (route) => {
    await arrived;
    await route.continue();
  });
  await page.goto('/login', { waitUntil: 'domcontentloaded' });
  await expect(button(page, 'Sign in')).toBeDisabled();
  await expect(button(page, 'Sign in')).toHaveCSS('opacity', '0.55');
  arrive();
  await expect(button(page, 'Sign in')).toBeEnabled();
  await expect(button(page, 'Sign in')).toHaveCSS('opacity', '1');
});

test.describe('the files of a page', () => {
  for (const path of ['/', '/register', '/forgot']) {
    test(`are named in the HTML of ${path}`, async ({ page, request }) => {
      const named = await preloaded(await request.get(path));
      const requested = new Set<string>();
      page.on('request', (sent) => {
        const { pathname } = new URL(sent.url());
        if (/\.(js|wasm)$/.test(pathname)) requested.add(pathname);
      });
      await open(page, path);
      expect(requested.size).toBeGreaterThan(3);
      expect([...requested].filter((file) => !named.includes(file)), 'requested later').toEqual([]);
    });
  }

  test('are more on the account, and fewer on the sign-in page', async ({ request }) => {
    const chunks = async (path: string) => (await preloaded(await request.get(path))).filter((file) => /\/(split|chunk)_/.test(file));
    expect(await chunks('/login')).toEqual([]);
    expect((await chunks('/account')).some((file) => file.includes('split_signed_in'))).toBe(true);
  });
});

test.describe('files that stay missing are reported, without reloading for ever:', () => {
  test('those of a page', async ({ page, problems }) => {
    problems.allow(/status of 40[04]|console|uncaught/);
    await open(page, '/login');
    const loads = countLoads(page);
    await remove(page, 'public');
    await page.getByRole('link', { name: 'Forgot password?' }).click();
    await expect(page).toHaveURL('/forgot');
    await expect(page.getByText(INCOMPLETE)).toBeVisible();
    // It would have reloaded again by now.
    await page.waitForTimeout(2_000);
    expect(loads.count).toBe(1);
    await expect(page.getByText(INCOMPLETE)).toBeVisible();
    await page.unroute('**/pkg/split_public.*.wasm');
    await button(page, 'Try again').click();
    await button(page, 'Send link').click();
    await expect(email(page)).toHaveAttribute('aria-invalid', 'true');
  });

  test('those of a request', async ({ page, user, problems }) => {
    problems.allow(/status of 404|console|uncaught/);
    await remove(page, 'requests');
    await open(page, '/login');
    const loads = countLoads(page);
    await signIn(page, user);
    await expect.poll(() => loads.count).toBe(1);
    await expect(button(page, 'Sign in')).toBeEnabled();
    await fill(page, user);
    await button(page, 'Sign in').click();
    await expect(announced(page).filter({ hasText: /can.t be reached/ }).first()).toBeVisible();
    expect(loads.count).toBe(1);
    await page.unroute('**/pkg/split_requests.*.wasm');
    await button(page, 'Sign in').click();
    await expectAccount(page, user);
  });

  testSignedIn('those of the account', async ({ page, user, problems }) => {
    problems.allow(/status of 404|console|uncaught/);
    await remove(page, 'signed_in');
    const loads = countLoads(page);
    await page.goto('/account');
    await expect(page.getByText(INCOMPLETE)).toBeVisible();
    await page.waitForTimeout(2_000);
    expect(loads.count).toBe(2);
    await page.unroute('**/pkg/split_signed_in.*.wasm');
    await button(page, 'Try again').click();
    await expectAccount(page, user);
  });
});

test.describe('after 15 s, a message offers to try again:', () => {
  test('for a page that is opened from another one', async ({ page, problems }) => {
    problems.allow(/net::ERR_ABORTED.*\.js\)/);
    // A clock that is replaced under a running page can swallow what the page waits for.
    await page.clock.install();
    await open(page, '/login');
    const release = await hold(page, 'public');
    // With a replaced clock, a click on a link is sometimes lost.
    await expect(async () => {
      await page.getByRole('link', { name: 'Forgot password?' }).click({ timeout: 2_000 });
      await expect(page).toHaveURL('/forgot', { timeout: 2_000 });
    }).toPass({ timeout: 20_000 });
    await waitTooLong(page, title(page, 'This page could not be loaded'));
    release();
    await button(page, 'Try again').click();
    await expect(title(page, 'Forgot your password?')).toBeVisible();
  });

  for (const [path, chunk] of [['/forgot', 'public'], ['/register', 'register'], ['/', 'home']]) {
    test(`for the code of ${path}`, async ({ page, problems }) => {
      problems.allow(/net::ERR_ABORTED.*\.js\)/);
      await page.clock.install();
      const release = await hold(page, chunk);
      await page.goto(path, { waitUntil: 'domcontentloaded' });
      await waitTooLong(page, button(page, 'Try again'));
      release();
      await button(page, 'Try again').click();
      await expect(page.locator('html[data-app=ready]')).toHaveCount(1);
    });
  }

  test('for the code of a request', async ({ page, user }) => {
    await page.clock.install();
    await open(page, '/login');
    await hold(page, 'requests');
    await fill(page, user);
    await button(page, 'Sign in').click();
    await expect(page.getByRole('button', { name: 'Signing in…' })).toBeVisible();
    await waitTooLong(page, announced(page).filter({ hasText: /can.t be reached/ }).first());
    await expect(button(page, 'Sign in')).toBeEnabled();
  });
});
