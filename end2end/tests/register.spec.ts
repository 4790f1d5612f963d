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

test('a password is rated while it is typed, with the rules of the server', async ({ page }) => {
  await open(page, '/register');
  await email(page).fill('margaret.hamilton@example.org');
  await expect(password(page)).toHaveAccessibleDescription(/8 characters or more/);
  await password(page).fill('short');
  await expect(page.getByText('3 more characters')).toBeVisible();
  for (const [typed, said] of [
    ['password123', /too common/],
    ['margaret.hamilton', /too similar to your email/],
    ['latchkey2026', /name of this site/],
    ['Tr0ub4dor&3', /^ ?Fair\./],
    ['mauve-teapot-41-harbour', /^ ?Strong/],
  ] as const) {
    await password(page).fill(typed);
    await expect(password(page)).toHaveAccessibleDescription(said);
    await expect(announced(page).filter({ hasText: new RegExp(said.source.replace('^ ?', '')) }).first()).toBeVisible();
  }
  // It is no error before the form is sent.
  await password(page).fill('password123');
  await expect(password(page)).toHaveAccessibleDescription(/too common/);
  await expect(password(page)).not.toHaveAttribute('aria-invalid', 'true');
});

test('the server is asked when typing pauses, one request at a time, and never for a short password', async ({ page }) => {
  await page.clock.install();
  await open(page, '/register');
  const asked: string[] = [];
  let release = () => {};
  await page.route('**/api/user/password/check', async (route) => {
    asked.push((route.request().postDataJSON() as { password: string }).password);
    await new Promise<void>((resolve) => (release = resolve));
    await route.continue();
  });
  await password(page).pressSequentially('mauve-t');
  await page.clock.runFor(2_000);
  expect(asked).toEqual([]);
  await password(page).pressSequentially('eapot');
  await page.clock.runFor(450);
  await expect.poll(() => asked).toEqual(['mauve-teapot']);
  await password(page).pressSequentially('-41');
  await page.clock.runFor(2_000);
  expect(asked).toHaveLength(1);
  release();
  await expect.poll(async () => {
    await page.clock.runFor(450);
    return asked;
  }).toEqual(['mauve-teapot', 'mauve-teapot-41']);
  release();
  await expect(page.getByText('Good', { exact: true })).toBeVisible();
});

test('a password that can\'t be rated can be used', async ({ page, problems }) => {
  problems.expect(/net::ERR_FAILED.*password\/check/);
  await page.route('**/api/user/password/check', (route) => route.abort());
  const user = newUser();
  await open(page, '/register');
  const failed = page.waitForEvent('requestfailed');
  await fill(page, user);
  await failed;
  await expect(password(page)).toHaveAccessibleDescription(/8 characters or more/);
  await button(page, 'Create account').click();
  await expectAccount(page, user);
});

test('a mistyped domain is noticed, and the right one offered', async ({ page }) => {
  await open(page, '/register');
  await email(page).fill('ada.lovelace@gmial.com');
  await password(page).focus();
  await expect(announced(page).filter({ hasText: 'Did you mean ada.lovelace@gmail.com?' })).toBeVisible();
  await button(page, 'ada.lovelace@gmail.com').click();
  await expect(email(page)).toHaveValue('ada.lovelace@gmail.com');
  await expect(email(page)).toBeFocused();
  await expect(page.getByText('Did you mean')).toHaveCount(0);
  await email(page).fill('ada@gmail.com');
  await password(page).focus();
  await expect(page.getByText('Did you mean')).toHaveCount(0);
});

test('what is typed can be shown and hidden, and the button says which', async ({ page }) => {
  await open(page, '/register');
  await password(page).fill('mauve-teapot-41-harbour');
  await button(page, 'Show characters').click();
  await expect(password(page)).toHaveAttribute('type', 'text');
  await button(page, 'Hide characters').click();
  await expect(password(page)).toHaveAttribute('type', 'password');
  await expect(button(page, 'Show characters')).toBeFocused();
});

test('a form that is being filled in is kept', async ({ page }) => {
  const user = newUser();
  await open(page, '/register');
  await fill(page, user);
  await expect(email(page)).toHaveValue(user.email);
  await expect(email(page)).toBeEditable();
});
