import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectAccessible } from '../support/accessibility.ts';
import { open } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

const LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 30"><rect width="90" height="30" fill="#c60"/></svg>';
const logo = join(mkdtempSync(join(tmpdir(), 'logo-')), 'logo.svg');
writeFileSync(logo, LOGO);

test.use({
  settings: {
    LATCHKEY_SITE_NAME: 'Tea & Co',
    // Too light for a light page.
    LATCHKEY_ACCENT_COLOR: '#ffd400',
    LATCHKEY_LOGO_FILE: logo,
    LATCHKEY_SUPPORT_EMAIL: 'help@tea.example',
  },
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`a color that is hard to read becomes readable in the ${colorScheme} scheme`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    for (const path of ['/', '/login', '/register']) {
      await open(page, path);
      await expectAccessible(page);
    }
    await page.emulateMedia({ colorScheme });
    const color = { light: 'rgb(133, 110, 0)', dark: 'rgb(255, 212, 0)' }[colorScheme];
    await expect(page.locator('button.primary')).toHaveCSS('background-color', color);
  });
}

test('the logo and the name of the site are on every page', async ({ page }) => {
  await open(page, '/');
  await expect(page).toHaveTitle('Tea & Co');
  await expect(page.getByRole('heading', { name: 'Your account at Tea & Co' })).toBeVisible();
  const image = page.getByRole('link', { name: 'Tea & Co' }).getByRole('img');
  await expect(image).toBeVisible();
  expect(await image.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBeGreaterThan(0);
  // The browser renders the next page itself.
  await page.getByRole('link', { name: 'Sign in' }).click();
  await expect(page).toHaveTitle('Sign in · Tea & Co');
  await expect(page.getByRole('link', { name: 'Support' })).toHaveAttribute('href', 'mailto:help@tea.example');
  await expect(page.getByText('Latchkey')).toHaveCount(0);
});
