import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { announced, button, devices, expectAccount, expectLogin, open, PAGES, signIn } from '../support/pages.ts';
import { expect, test, testSignedIn } from '../support/test.ts';

const TITLES: Record<string, RegExp> = {
  '/': /Latchkey/,
  '/register': /Create account/,
  '/login': /Sign in/,
  '/account': /account/i,
};

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme });
    for (const path of PAGES) {
      test(`${path} has no accessibility fault`, async ({ page }) => {
        await open(page, path);
        await expectAccessible(page);
      });
    }

    test('a page that does not exist has none', async ({ page, problems }) => {
      problems.expectStatus(404, '/no-such-page');
      await open(page, '/no-such-page');
      await expectAccessible(page);
    });

    test('forms with messages have none', async ({ page, user, problems }) => {
      problems.expectStatus(400, '/api/user/create');
      problems.expectStatus(401, '/api/user/login');
      await open(page, '/register');
      await button(page, 'Create account').click();
      await expect(announced(page).filter({ hasText: 'required' }).first()).toBeVisible();
      await expectAccessible(page);
      await open(page, '/login');
      await signIn(page, { ...user, password: 'not-the-password' });
      await expect(announced(page).filter({ hasText: 'not right' }).first()).toBeVisible();
      await expectAccessible(page);
    });
  });

  testSignedIn.describe(`signed in, in ${colorScheme}`, () => {
    testSignedIn.use({ colorScheme });
    testSignedIn('the account has no accessibility fault', async ({ page, user, server, problems }) => {
      problems.expectStatus(400, '/api/user/delete');
      await server.login(user);
      await open(page, '/account');
      await expectAccount(page, user);
      await expect(devices(page)).toHaveCount(2);
      await expectAccessible(page);
      await button(page, 'Delete account').click();
      await expect(page.getByLabel('Current password')).toBeVisible();
      await expectAccessible(page);
      await page.getByRole('button', { name: /delete/i }).last().click();
      await expect(page.getByLabel('Current password')).toHaveAttribute('aria-invalid', 'true');
      await expectAccessible(page);
    });

    testSignedIn('the sign-in page after a session has ended has none', async ({ page, user, server, problems }) => {
      problems.expect(/status of 401/);
      await open(page, '/account');
      await expectAccount(page, user);
      const { token } = await server.login(user);
      await fetch(`${server.url}/api/user/logout/all`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
      await page.reload();
      await expectLogin(page, '/account');
      await expectAccessible(page);
    });
  });
}

test('each page has its own title, on the server and in the app', async ({ page, request }) => {
  const titles = new Set<string>();
  for (const path of ['/', '/register', '/login']) {
    const html = await (await request.get(path)).text();
    expect(html.match(/<title>([^<]*)<\/title>/)?.[1]).toMatch(TITLES[path]);
    await open(page, path);
    await expect(page).toHaveTitle(TITLES[path]);
    titles.add(await page.title());
  }
  expect(titles.size).toBe(3);
});

test('the title follows a step within the app', async ({ page }) => {
  await open(page, '/');
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await expect(page).toHaveTitle(TITLES['/login']);
  await page.goBack();
  await expect(page).not.toHaveTitle(TITLES['/login']);
});

testSignedIn('the account has its own title', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  await expect(page).toHaveTitle(TITLES['/account']);
});

async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
  expect(told).toEqual([]);
}
