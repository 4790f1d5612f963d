import { announced, button, email, expectAccount, expectLogin, expectFieldError, fill, hydrated, open, password, signIn, storedSession } from '../support/pages.ts';
import { expect, test, testSignedIn } from '../support/test.ts';

test('signing in leads to the account', async ({ page, user }) => {
  await open(page, '/');
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await expect(page).toHaveURL('/login');
  await signIn(page, user);
  await expectAccount(page, user);
});

test('the enter key signs in', async ({ page, user }) => {
  await open(page, '/login');
  await fill(page, user);
  await password(page).press('Enter');
  await expectAccount(page, user);
});

test('a wrong password is reported, and no input is lost', async ({ page, user, problems }) => {
  problems.expectStatus(401, '/api/user/login');
  await open(page, '/login');
  await signIn(page, { ...user, password: 'not-the-password' });
  await expect(announced(page).filter({ hasText: 'Incorrect email or password.' }).first()).toBeVisible();
  await expect(email(page)).toHaveValue(user.email);
  await expect(password(page)).toHaveValue('not-the-password');
  await expect(page).toHaveURL('/login');
  // Further typing goes into the form.
  const focused = await page.evaluate(() => document.activeElement?.closest('form') !== null);
  expect(focused, 'the focus is in the form').toBe(true);
  expect(await storedSession(page)).toBeNull();

  await signIn(page, user);
  await expectAccount(page, user);
});

test('empty fields are reported at each field', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/login');
  await open(page, '/login');
  await button(page, 'Sign in').click();
  await expectFieldError(email(page), 'This field is required.');
  await expectFieldError(password(page), 'This field is required.');
  await expect(email(page)).toBeFocused();
});

test('while the request runs, the button says so and sends nothing twice', async ({ page, user }) => {
  const sent: string[] = [];
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/api/user/login', async (route) => {
    sent.push(route.request().url());
    await held;
    await route.continue();
  });
  await open(page, '/login');
  await fill(page, user);
  const submit = page.getByRole('main').locator('button[type=submit]');
  await expect(submit).toHaveText('Sign in');
  await submit.click();
  await expect(submit).not.toHaveText('Sign in');
  await submit.click({ force: true });
  await password(page).press('Enter');
  await submit.dispatchEvent('click');
  release();
  await expectAccount(page, user);
  expect(sent).toHaveLength(1);
});

test('password managers recognize the fields', async ({ page }) => {
  await open(page, '/login');
  await expect(email(page)).toHaveAttribute('autocomplete', 'username');
  await expect(password(page)).toHaveAttribute('autocomplete', 'current-password');
  await expect(password(page)).toHaveAttribute('type', 'password');
});

test('after signing in, a visitor returns to the account page', async ({ page, user }) => {
  await open(page, '/account');
  await expectLogin(page, '/account');
  await signIn(page, user);
  await expectAccount(page, user);
});

test('a local return path is followed', async ({ page, user }) => {
  await open(page, '/login?next=/account?from=mail');
  await signIn(page, user);
  await expect(page).toHaveURL('/account?from=mail');
});

const FOREIGN = [
  'https://evil.example',
  'https:evil.example',
  '//evil.example',
  '///evil.example',
  '/\\evil.example',
  '\\/evil.example',
  '\\\\evil.example',
  '/%09/evil.example',
  '/%0A/evil.example',
  '/%0d%0a/evil.example',
  '%09//evil.example',
  '%20//evil.example',
  '/%2F/evil.example',
  '%2F%2Fevil.example',
  '/%5Cevil.example',
  'javascript:alert(1)',
  'JavaScript%3Aalert(1)',
  'data:text/html,evil',
  'evil.example',
  '@evil.example',
  '.evil.example',
  '',
];

for (const next of FOREIGN) {
  test(`the return path "${next}" is refused`, async ({ page, user }) => {
    await open(page, `/login?next=${next}`);
    await signIn(page, user);
    await expectAccount(page, user);
  });
}

testSignedIn('none of these return paths is followed for a signed-in visitor', async ({ page, user }) => {
  for (const next of FOREIGN) {
    await page.goto(`/login?next=${next}`);
    await expectAccount(page, user);
  }
});

for (const path of ['/', '/login']) {
  testSignedIn(`a signed-in visitor of ${path} is redirected to the account`, async ({ page, user }) => {
    await open(page, path);
    await expectAccount(page, user);
  });
}

testSignedIn('going back from the account does not lead to the sign-in form', async ({ page, user }) => {
  await open(page, '/account');
  await page.goto('/login');
  await expectAccount(page, user);
  await page.goBack();
  await hydrated(page);
  await expectAccount(page, user);
});
