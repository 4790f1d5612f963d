import { setTimeout as pause } from 'node:timers/promises';
import { button, email, expectAccount, open, password, tabTo, title } from '../support/pages.ts';
import { expect, newUser, test } from '../support/test.ts';

test('registering, opening a dialog and signing out work by keyboard', async ({ page }) => {
  const user = newUser();
  await open(page, '/');
  await tabTo(page, 'Create account');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/register');
  // A new page takes the focus, a frame after it is shown.
  await expect(page.locator('main h1:focus, main input:focus')).toHaveCount(1);

  await tabTo(page, 'Email', email(page));
  await page.keyboard.type(user.email);
  await tabTo(page, 'Password', password(page));
  await page.keyboard.type(user.password);
  await page.keyboard.press('Enter');
  await expectAccount(page, user);

  await tabTo(page, 'Delete account');
  await page.keyboard.press('Enter');
  await expect(title(page, 'Delete account')).toBeFocused();
  await tabTo(page, 'Delete account', button(page, 'Delete account'));
  await page.keyboard.press('Enter');
  const current = page.getByLabel('Current password');
  await expect(current).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(current).toBeHidden();
  await expectAccount(page, user, '/account/delete');

  await tabTo(page, 'Account menu');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Sign out');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/login');
});

test('every focusable element shows its focus', async ({ page }) => {
  await open(page, '/login');
  const seen = new Set<string>();
  for (let step = 0; step < 12; step += 1) {
    await page.keyboard.press('Tab');
    const { name, visible } = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement;
      const style = getComputedStyle(element);
      const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
      return { name: element.outerHTML.slice(0, 80), visible: element === document.body || ring || style.boxShadow !== 'none' };
    });
    expect(visible, `${name} shows its focus`).toBe(true);
    seen.add(name);
  }
  expect(seen.size).toBeGreaterThan(3);
});

test('after navigation the focus is on the new page', async ({ page }) => {
  await open(page, '/');
  await tabTo(page, 'Sign in');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/login');
  await expect(page.getByRole('main').locator(':focus')).toHaveCount(1);
  await tabTo(page, 'Email', email(page));
});

test('the focus moves after the code of the page has been loaded', async ({ page }) => {
  await open(page, '/login');
  await tabTo(page, 'Forgot password?');
  await page.route('**/*.wasm', async (route) => {
    await pause(300);
    await route.continue();
  });
  await page.keyboard.press('Enter');
  await expect(title(page, 'Forgot your password?')).toBeFocused();
});

test('a page load does not move the focus', async ({ page }) => {
  for (const path of ['/', '/login', '/forgot']) {
    await open(page, path);
    expect(await page.evaluate(() => document.activeElement === document.body)).toBe(true);
  }
});
