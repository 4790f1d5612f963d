import { button, open, section } from '../support/pages.ts';
import { expect, test, testVerified } from '../support/test.ts';

// The address is an IP address, for which browsers refuse passkeys.

test('the sign-in page does not offer passkeys', async ({ page }) => {
  await open(page, '/login');
  await expect(button(page, 'Sign in')).toBeEnabled();
  await expect(button(page, 'Sign in with a passkey')).toHaveCount(0);
});

testVerified('the account says why', async ({ page }) => {
  await open(page, '/account/security');
  await expect(section(page, 'Passkeys')).toContainText('Browsers don\'t accept passkeys at this site\'s address');
  await expect(section(page, 'Passkeys').getByRole('button')).toHaveCount(0);
});
