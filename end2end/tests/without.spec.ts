import { PAGES } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

const NEEDED = /(JavaScript|WebAssembly)/;

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });
  for (const path of PAGES) {
    test(`${path} says what is needed`, async ({ page, problems }) => {
      // What a switched-off JavaScript makes of the page's scripts.
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
    test(`${path} says that it is not complete`, async ({ page, problems }) => {
      problems.expect(/net::ERR_FAILED.*\.wasm\)/);
      problems.allow(/uncaught|console (error|warning)/);
      await page.route('**/*.wasm', (route) => route.abort());
      await page.goto(path);
      await expect(page.getByText('The page could not be loaded completely.')).toBeVisible();
      await expect(page.getByText(NEEDED).first()).toBeHidden();
    });
  }
});
