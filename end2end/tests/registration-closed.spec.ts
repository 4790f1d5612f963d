import { button, open } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

test.use({ settings: { LATCHKEY_REGISTRATION: 'closed' } });

test('the page says so, also after the link of an invitation', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/link');
  for (const path of ['/register', '/register#invitation=guessed']) {
    await open(page, path);
    await expect(page.getByRole('heading', { name: 'Registration is closed' })).toBeVisible();
    await expect(button(page, 'Create account')).toHaveCount(0);
  }
  await open(page, '/');
  await expect(page.getByRole('link', { name: 'Create account' })).toHaveCount(0);
});
