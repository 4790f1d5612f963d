import { link } from '../support/email.ts';
import { button, email, expectAccount, open, password } from '../support/pages.ts';
import { expect, newUser, test } from '../support/test.ts';

const SUBJECT = 'You are invited to create an account';

test.use({ settings: { LATCHKEY_REGISTRATION: 'invite' } });

test('the page says so, and nothing leads to a form that fails', async ({ page }) => {
  await open(page, '/register');
  await expect(page.getByRole('heading', { name: 'Registration is by invitation' })).toBeVisible();
  await expect(button(page, 'Create account')).toHaveCount(0);
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await expect(page).toHaveURL('/login');
  await expect(page.getByRole('link', { name: 'Create account' })).toHaveCount(0);
});

test('an invitation leads to a form with its address, and to an account', async ({ page, server, mailbox }) => {
  const user = newUser();
  await server.command('user', 'invite', '--email', user.email);
  const requested: string[] = [];
  page.on('request', (request) => requested.push(request.url().split('#')[0], request.headers().referer ?? ''));
  const url = link(await mailbox.take(user.email, SUBJECT));
  const token = url.split('#invitation=')[1];
  await open(page, url);
  await expect(email(page)).toHaveValue(user.email);
  await expect(email(page)).not.toBeEditable();
  await password(page).fill(user.password);
  await button(page, 'Create account').click();
  await expectAccount(page, user);
  expect(requested.filter((address) => address.includes(token))).toEqual([]);
  await expect(page).not.toHaveURL(/invitation/);
});

test('an invitation that does not work says so', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/link');
  await open(page, '/register#invitation=guessed');
  await expect(page.getByRole('heading', { name: 'This invitation no longer works' })).toBeFocused();
  await expect(page.getByRole('main').getByRole('link', { name: 'Sign in' })).toBeVisible();
});
