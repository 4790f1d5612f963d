import { expectAccessible } from '../support/accessibility.ts';
import { emailedCode } from '../support/email.ts';
import { announced, button, code, email, expectAccount, expectFieldError, expectTwoFactor, open, title } from '../support/pages.ts';
import { expect, newUser, test } from '../support/test.ts';

const SUBJECT = 'Your code to sign in';

test('a code from an email signs in', async ({ page, user, server, mailbox }) => {
  await server.verify(user, mailbox);
  await open(page, '/login?next=/account/devices');
  await page.getByRole('link', { name: 'Email me a code' }).click();
  await expect(title(page, 'Sign in with a code')).toBeVisible();
  await expectAccessible(page);
  await email(page).fill(user.email);
  await button(page, 'Send code').click();
  await expect(title(page, 'Check your email')).toBeVisible();
  await expectAccessible(page);
  const sent = await mailbox.take(user.email, SUBJECT);
  await code(page).fill(emailedCode(sent));
  await button(page, 'Sign in').click();
  await expectAccount(page, user, '/account/devices');
});

test('a wrong code is said at its field', async ({ page, user, server, mailbox, problems }) => {
  problems.expectStatus(400, '/api/user/login/code/confirm');
  await server.verify(user, mailbox);
  await open(page, '/login/code');
  await email(page).fill(user.email);
  await button(page, 'Send code').click();
  const sent = await mailbox.take(user.email, SUBJECT);
  const right = emailedCode(sent);
  const wrong = right.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));
  await code(page).fill(wrong);
  await button(page, 'Sign in').click();
  await expectFieldError(code(page), /code/i);
  await expectAccessible(page);
  await code(page).fill(right);
  await button(page, 'Sign in').click();
  await expectAccount(page, user);
});

test('an address without an account looks the same', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/login/code/confirm');
  await open(page, '/login/code');
  await email(page).fill(newUser().email);
  await button(page, 'Send code').click();
  await expect(title(page, 'Check your email')).toBeVisible();
  await code(page).fill('12345678');
  await button(page, 'Sign in').click();
  await expectFieldError(code(page), /code/i);
});

test('a code asks for the second factor, too', async ({ page, user, secondFactor, mailbox }) => {
  await open(page, '/login/code');
  await email(page).fill(user.email);
  await button(page, 'Send code').click();
  const sent = await mailbox.take(user.email, SUBJECT);
  await code(page).fill(emailedCode(sent));
  await button(page, 'Sign in').click();
  await expectTwoFactor(page);
  await code(page).fill(secondFactor.app.code());
  await expectAccount(page, user);
});

test('a wrong address can be corrected', async ({ page, user, server, mailbox }) => {
  await server.verify(user, mailbox);
  await open(page, '/login/code');
  await email(page).fill('nobody@example.org');
  await button(page, 'Send code').click();
  await button(page, 'Change it').click();
  await expect(email(page)).toHaveValue('nobody@example.org');
  await email(page).fill(user.email);
  await button(page, 'Send code').click();
  const sent = await mailbox.take(user.email, SUBJECT);
  await code(page).fill(emailedCode(sent));
  await button(page, 'Sign in').click();
  await expectAccount(page, user);
  await expect(announced(page).filter({ hasText: 'wrong' })).toHaveCount(0);
});
