import { button, expectAccount, expectLogin, heading, navigation, open, openPage, section, signIn, signOut, storedSession, title } from '../support/pages.ts';
import { expect, test, testSignedIn, testVerified, testWithSecondFactor } from '../support/test.ts';

const PATHS = { Overview: '/account', Profile: '/account/profile', Security: '/account/security', Devices: '/account/devices', Activity: '/account/activity', 'Delete account': '/account/delete' };

testSignedIn('the pages of the account load its data once', async ({ page, user }) => {
  const sent: string[] = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith('/api/')) sent.push(pathname);
  });
  await open(page, '/account');
  await expectAccount(page, user);
  const first = [...sent].sort();
  expect(first).toEqual(['/api/user/activity', '/api/user/password', '/api/user/sessions', '/api/user/view']);
  for (const [name, path] of Object.entries(PATHS).reverse()) {
    await openPage(page, name);
    await expectAccount(page, user, path);
    await expect(navigation(page).locator('[aria-current]')).toHaveText(name);
    await expect(page.getByRole('main').getByRole('heading', { level: 1 })).toBeFocused();
  }
  await page.goBack();
  await expect(title(page, 'Profile')).toBeFocused();
  expect([...sent].sort()).toEqual(first);
});

for (const [name, path] of Object.entries(PATHS)) {
  test(`a link to ${path} survives signing in`, async ({ page, user }) => {
    await open(page, path);
    await expectLogin(page, path);
    await signIn(page, user);
    await expectAccount(page, user, path);
    await page.reload();
    await expectAccount(page, user, path);
    await expect(navigation(page).locator('[aria-current]')).toHaveText(name);
  });
}

test('/.well-known/change-password leads to the page with the password', async ({ page, user }) => {
  await open(page, '/.well-known/change-password');
  await expectLogin(page, '/account/security');
  await signIn(page, user);
  await expect(button(page, 'Change password')).toBeVisible();
});

testSignedIn('a page of the account that does not exist says so', async ({ page, problems }) => {
  problems.expectStatus(404, '/account/nowhere');
  await open(page, '/account/nowhere');
  await expect(title(page, 'Page not found')).toBeVisible();
});

testSignedIn('the account menu opens and closes by keyboard, and the focus returns', async ({ page, user }) => {
  await open(page, '/account/devices');
  await expectAccount(page, user, '/account/devices');
  const menu = button(page, 'Account menu');
  await expect(button(page, 'Sign out')).toBeHidden();
  await expect(menu).toHaveAttribute('aria-expanded', 'false');
  await menu.focus();
  await page.keyboard.press('Enter');
  await expect(button(page, 'Sign out')).toBeVisible();
  await expect(menu).toHaveAttribute('aria-expanded', 'true');
  await expect(page.getByRole('banner')).toContainText(user.email);
  await page.keyboard.press('Tab');
  await expect(page.getByRole('banner').getByRole('link', { name: 'Overview' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(button(page, 'Sign out')).toBeHidden();
  await expect(menu).toBeFocused();

  // The Tab key leaves it, and closes it.
  await page.keyboard.press('Enter');
  for (let step = 0; step < 6; step += 1) await page.keyboard.press('Tab');
  await expect(button(page, 'Sign out')).toBeHidden();

  await menu.click();
  await page.getByRole('banner').getByRole('link', { name: 'Security' }).click();
  await expect(title(page, 'Security')).toBeFocused();
  await expect(button(page, 'Sign out')).toBeHidden();
});

test('the account menu is there for signed-in users only, and is closed for the next one', async ({ page, user }) => {
  await open(page, '/login');
  await expect(button(page, 'Account menu')).toBeHidden();
  await signIn(page, user);
  await expectAccount(page, user);
  await signOut(page);
  await expect(page).toHaveURL('/login');
  await expect(button(page, 'Account menu')).toBeHidden();
  expect(await storedSession(page)).toBeNull();
  await signIn(page, user);
  await expectAccount(page, user);
  await expect(button(page, 'Account menu')).toBeVisible();
  await expect(button(page, 'Sign out')).toBeHidden();
});

testWithSecondFactor('an account with a verified address and a second factor is secure', async ({ page, user, server }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  const summary = section(page, 'Your account is secure');
  await expect(summary).toContainText('Email confirmed');
  await expect(summary).toContainText('Two-factor authentication on');
  await expect(summary).toContainText(/\d devices? signed in/);
  await expect(summary).toContainText('Last sign-in just now');
  await server.sessions((await storedSession(page))!.token);
});

testVerified('a confirmation in another tab shows when the page comes to the front', async ({ page, user, server }) => {
  let isConfirmed = false;
  await page.route('**/api/user/view', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), email_verified: isConfirmed } });
  });
  await page.clock.install();
  await open(page, '/account');
  await expectAccount(page, user);
  await expect(section(page, '2 steps left to secure your account')).toContainText('Email not confirmed');
  isConfirmed = true;
  await page.clock.fastForward('00:15');
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })));
  await expect(section(page, '1 step left to secure your account')).toContainText('Email confirmed');
  await expect(heading(page, user)).toBeVisible();
  await server.login(user);
});

test('the shipped font is loaded once', async ({ page }) => {
  let count = 0;
  page.on('request', (request) => {
    if (request.resourceType() === 'font') count += 1;
  });
  await open(page, '/login');
  const loaded = await page.evaluate(() => [...document.fonts].filter(({ status }) => status === 'loaded').map(({ family }) => family));
  expect(loaded).toContain('Figtree');
  expect(count).toBe(1);
});
