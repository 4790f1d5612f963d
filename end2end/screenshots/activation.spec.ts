import path from 'node:path';
import type { Page } from '@playwright/test';
import { button, fill, open, signIn, title } from '../support/pages.ts';
import { expect, newUser, test } from '../support/test.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../target/screenshots');

test.use({ settings: { LATCHKEY_REQUIRE_ACTIVATION: 'true' } });

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1280, 360]) {
    test(`activation at ${width} px in ${colorScheme}`, async ({ anotherBrowser, problems }) => {
      problems.expectStatus(401, '/api/user/login');
      const shoot = (page: Page, name: string) =>
        page.screenshot({ path: path.join(FOLDER, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      const user = newUser();
      const page = await (await anotherBrowser({ colorScheme, viewport: { width, height: 800 } })).newPage();
      await open(page, '/register');
      await fill(page, user);
      await button(page, 'Create account').click();
      await expect(title(page, 'Check your email')).toBeVisible();
      await shoot(page, 'register-check-email');
      await open(page, '/login');
      await signIn(page, user);
      await expect(button(page, 'Send the link again')).toBeVisible();
      await shoot(page, 'login-inactive');
    });
  }
}
