import { button, dialog, expectAccount, expectTwoFactor, open, signIn } from '../support/pages.ts';
import { expect, test, testSignedIn } from '../support/test.ts';

// What screen readers say of the pages: the names and roles that people and programs rely on.

const PAGES: Record<string, string> = {
  '/login': `
    - heading "Sign in" [level=1]
    - textbox "Email"
    - textbox "Password"
    - link "Forgot password?"
    - button "Sign in"
    - link "Create account"`,
  '/register': `
    - heading [level=1]
    - textbox "Email"
    - textbox "Password"
    - button "Create account"
    - link "Sign in"`,
  '/forgot': `
    - heading [level=1]
    - textbox "Email"
    - button`,
  '/': `
    - heading [level=1]
    - link "Create account"
    - link "Sign in"`,
};

for (const [path, names] of Object.entries(PAGES)) {
  test(`the roles and names on ${path}`, async ({ page }) => {
    await open(page, path);
    await expect(page.getByRole('main')).toHaveCount(1);
    for (const name of names.trim().split('\n')) {
      await expect(page.getByRole('main')).toMatchAriaSnapshot(name.trim());
    }
  });
}

testSignedIn('the roles and names on the account', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  await expect(page.getByRole('banner')).toMatchAriaSnapshot('- button "Account menu"');
  await expect(page.getByRole('main')).toMatchAriaSnapshot('- button "Sign out everywhere"');
  await button(page, 'Sign out everywhere').click();
  await expect(dialog(page)).toMatchAriaSnapshot(`
    - dialog /Sign out/:
      - button "Cancel"`);
  await expect(dialog(page)).toMatchAriaSnapshot('- button /^Sign out/');
});

test('the roles and names of the second factor', async ({ page, user, secondFactor, problems }) => {
  problems.allow(/status of 403.*user\/view/);
  expect(secondFactor.recoveryCodes).toHaveLength(10);
  await open(page, '/login');
  await signIn(page, user);
  await expectTwoFactor(page);
  for (const name of ['- heading "Two-factor authentication" [level=1]', '- textbox "Code"', '- button "Use a recovery code"']) {
    await expect(page.getByRole('main')).toMatchAriaSnapshot(name);
  }
});
