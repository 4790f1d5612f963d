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
