import { announced, button, email, expectAccount, expectFieldError, fill, open, password, storedSession } from '../support/pages.ts';
import { expect, newUser, test } from '../support/test.ts';

test('a new account is signed in at once', async ({ page }) => {
  const user = newUser();
  await open(page, '/');
  await page.getByRole('main').getByRole('link', { name: 'Create account' }).click();
  await expect(page).toHaveURL('/register');
  await fill(page, user);
  await button(page, 'Create account').click();
  await expectAccount(page, user);
  expect(await storedSession(page)).not.toBeNull();
});

test('empty fields are reported at each field, and the first gets the focus', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/create');
  await open(page, '/register');
  await button(page, 'Create account').click();
  await expectFieldError(email(page), 'This field is required.');
  await expectFieldError(password(page), /This field is required\./);
  await expect(email(page)).toBeFocused();
  await expect(announced(page).filter({ hasText: 'This field is required.' }).first()).toBeVisible();
});

const REJECTED = [
  { name: 'not an email', user: { email: 'nobody', password: 'mauve-teapot-41-harbour' }, at: email, message: /email/i },
  { name: 'a short password', user: { email: 'short@example.org', password: 'k7-Pq' }, at: password, message: /too short/ },
  { name: 'a common password', user: { email: 'common@example.org', password: 'password123' }, at: password, message: /too common/ },
  { name: 'a password like the email', user: { email: 'margaret.hamilton@example.org', password: 'margaret.hamilton' }, at: password, message: /email/i },
];

for (const { name, user, at, message } of REJECTED) {
  test(`${name} is rejected at its field, and no input is lost`, async ({ page, problems }) => {
    problems.expectStatus(400, '/api/user/create');
    await open(page, '/register');
    await fill(page, user);
    await button(page, 'Create account').click();
    await expectFieldError(at(page), message);
    await expect(at(page)).toBeFocused();
    await expect(email(page)).toHaveValue(user.email);
    await expect(password(page)).toHaveValue(user.password);
    await expect(page).toHaveURL('/register');
  });
}

test('an existing email address is rejected; another one works', async ({ page, user, problems }) => {
  problems.expectStatus(400, '/api/user/create');
  await open(page, '/register');
  await fill(page, { ...user, email: user.email.toUpperCase() });
  await button(page, 'Create account').click();
  await expectFieldError(email(page), 'A user with that email already exists.');
  const other = newUser();
  await fill(page, other);
  await button(page, 'Create account').click();
  await expectAccount(page, other);
});

test('password managers recognize the fields', async ({ page }) => {
  await open(page, '/register');
  await expect(email(page)).toHaveAttribute('autocomplete', 'username');
  await expect(password(page)).toHaveAttribute('autocomplete', 'new-password');
  await expect(password(page)).toHaveAttribute('type', 'password');
});
