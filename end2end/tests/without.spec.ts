import { button, open, PAGES, title } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

const NEEDED = /(JavaScript|WebAssembly)/;

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });
  for (const path of PAGES) {
    test(`${path} says what is needed`, async ({ page, problems }) => {
      // With JavaScript off, the browser reports the page's scripts as blocked.
      problems.allow(/request failed: csp .*\.js\)/);
      await page.goto(path);
      await expect(page.getByText(NEEDED).first()).toBeVisible();
    });
  }
});

test.describe('without WebAssembly', () => {
  for (const path of PAGES) {
    test(`${path} says what is needed`, async ({ page, problems }) => {
      problems.allow(/uncaught|console error/);
      await page.addInitScript(() => Reflect.deleteProperty(window, 'WebAssembly'));
      await page.goto(path);
      await expect(page.getByText(NEEDED).first()).toBeVisible();
    });
  }
});

test.describe('without the app', () => {
  for (const path of ['/login', '/forgot']) {
    test(`${path} says that it could not be loaded completely`, async ({ page, problems }) => {
      problems.expect(/net::ERR_FAILED.*\.wasm\)/);
      problems.allow(/uncaught|console (error|warning)/);
      await page.route('**/*.wasm', (route) => route.abort());
      await page.goto(path);
      await expect(page.getByText('The page could not be loaded completely.')).toBeVisible();
      await expect(page.getByText(NEEDED).first()).toBeHidden();
    });
  }

  test('/forgot says that it could not be loaded completely without its own code', async ({ page, problems }) => {
    problems.expect(/net::ERR_FAILED.*\.wasm\)/);
    problems.allow(/uncaught|console (error|warning)|net::ERR_ABORTED.*\.js\)/);
    await page.route('**/split_*.wasm', (route) => route.abort());
    await page.goto('/forgot');
    await expect(page.getByText('The page could not be loaded completely.')).toBeVisible();
    await expect(page.getByRole('heading', { name: 'Forgot your password?' })).toBeVisible();
  });

  test('a page that is opened from another one says that it could not be loaded, and trying again works', async ({ page, problems }) => {
    problems.expect(/net::ERR_FAILED.*\.wasm\)/);
    problems.allow(/uncaught|console (error|warning)|net::ERR_ABORTED.*\.js\)/);
    await open(page, '/login');
    await page.route('**/*.wasm', (route) => route.abort());
    await page.getByRole('link', { name: 'Forgot password?' }).click();
    await expect(title(page, 'This page could not be loaded')).toBeVisible();
    await expect(title(page, 'This page could not be loaded')).toBeFocused();
    await expect(page).toHaveURL('/forgot');
    await page.unroute('**/*.wasm');
    await button(page, 'Try again').click();
    await expect(title(page, 'Forgot your password?')).toBeVisible();
  });
});
