import { announced, button, email, expectAccount, fill, open, password, signIn, signOut, storedSession } from '../support/pages.ts';
import { Server } from '../support/server.ts';
import { expect, newUser, stored, test } from '../support/test.ts';

const UNREACHABLE = /can.t be reached/;

// Each test has its own server, and stops it.
let own: Server;
test.beforeEach(async () => {
  own = await Server.launch();
});
test.afterEach(() => own.discard());

test('registering while the server is unreachable: reported, no input lost, and trying again works', async ({ anotherBrowser, problems }) => {
  problems.expectUnreachable('/api/user/create');
  const user = newUser();
  const page = await (await anotherBrowser({ baseURL: own.url })).newPage();
  await open(page, '/register');
  await fill(page, user);
  await own.stop();
  await button(page, 'Create account').click();
  await expect(announced(page).filter({ hasText: UNREACHABLE }).first()).toBeVisible();
  await expect(email(page)).toHaveValue(user.email);
  await expect(password(page)).toHaveValue(user.password);

  await own.start();
  await button(page, 'Create account').click();
  await expectAccount(page, user);
  await expect(page.getByText(UNREACHABLE)).toHaveCount(0);
});

test('signing in while the server is unreachable: reported, no input lost, and trying again works', async ({ anotherBrowser, problems }) => {
  problems.expectUnreachable('/api/user/login');
  const user = newUser();
  await own.register(user);
  const page = await (await anotherBrowser({ baseURL: own.url })).newPage();
  await open(page, '/login');
  await fill(page, user);
  // Using the form fetches the code of its requests, and then that of the account.
  await page.waitForFunction(() => ['requests', 'signed_in'].every((chunk) =>
    performance.getEntriesByType('resource').some((entry) =>
      entry.name.includes(`/pkg/split_${chunk}`) && (entry as PerformanceResourceTiming).responseEnd > 0)));
  await own.stop();
  await button(page, 'Sign in').click();
  await expect(announced(page).filter({ hasText: UNREACHABLE }).first()).toBeVisible();
  await expect(email(page)).toHaveValue(user.email);
  await expect(password(page)).toHaveValue(user.password);
  await own.start();
  await button(page, 'Sign in').click();
  await expectAccount(page, user);
});

test('deleting the account while the server is unreachable: reported, still signed in, and trying again works', async ({ anotherBrowser, problems }) => {
  const user = newUser();
  await own.register(user);
  const storageState = stored(own, await own.login(user));
  const context = await anotherBrowser({ baseURL: own.url, storageState });
  const page = await context.newPage();
  await open(page, '/account/delete');
  await expectAccount(page, user, '/account/delete');
  await button(page, 'Delete account').click();
  await page.getByLabel('Current password').fill(user.password);
  problems.expectUnreachable('/api/user/delete');
  // The app asks what has become of the request.
  problems.expectUnreachable('/api/user/login/refresh');
  await own.stop();
  await page.getByRole('button', { name: /delete/i }).last().click();
  await expect(announced(page).filter({ hasText: UNREACHABLE }).first()).toBeVisible();
  await expect(page.getByLabel('Current password')).toHaveValue(user.password);
  expect(await storedSession(page)).not.toBeNull();

  await own.start();
  await page.getByRole('button', { name: /delete/i }).last().click();
  await expect(page).toHaveURL('/');
});

test('signing out while the server is unreachable: reported, still signed in, and trying again works', async ({ anotherBrowser, problems }) => {
  problems.expectUnreachable('/api/user/logout');
  const user = newUser();
  await own.register(user);
  const storageState = stored(own, await own.login(user));
  const page = await (await anotherBrowser({ baseURL: own.url, storageState })).newPage();
  await open(page, '/account');
  // Everything that the page fetches has arrived.
  await page.waitForLoadState('networkidle');
  await own.stop();
  await signOut(page);
  await expect(announced(page).filter({ hasText: UNREACHABLE }).first()).toBeVisible();
  expect(await storedSession(page), 'users must be able to rely on being signed out').not.toBeNull();
  await own.start();
  await signOut(page);
  await expect(page).not.toHaveURL('/account');
  expect(await storedSession(page)).toBeNull();
});

test('a restart of the server keeps everyone signed in', async ({ anotherBrowser }) => {
  const user = newUser();
  await own.register(user);
  const page = await (await anotherBrowser({ baseURL: own.url })).newPage();
  await open(page, '/login');
  await signIn(page, user);
  await expectAccount(page, user);
  await own.stop();
  await own.start();
  await page.reload();
  await expectAccount(page, user);
});

test('the account page reports an unreachable server, and loads after trying again', async ({ anotherBrowser, problems }) => {
  problems.expect(/net::ERR_FAILED.*\/api\/user\/view\)/);
  const user = newUser();
  await own.register(user);
  const storageState = stored(own, await own.login(user));
  const context = await anotherBrowser({ baseURL: own.url, storageState });
  await context.route('**/api/**', (route) => route.abort());
  problems.expect(/net::ERR_FAILED.*\/api\//);
  const page = await context.newPage();
  await open(page, '/account');
  await expect(announced(page).filter({ hasText: UNREACHABLE }).first()).toBeVisible();
  await expect(page).toHaveURL('/account');
  expect(await storedSession(page)).not.toBeNull();
  await context.unroute('**/api/**');
  await page.getByRole('button', { name: /again/i }).first().click();
  await expectAccount(page, user);
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
});
