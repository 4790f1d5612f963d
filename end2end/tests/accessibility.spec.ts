import { expectAccessible } from '../support/accessibility.ts';
import { Authenticator, scan } from '../support/authenticator.ts';
import { link, undoLink } from '../support/email.ts';
import { announced, beginSetUp, button, code, confirmEmail, confirmNewEmail, currentPassword, devices, dialog, email, expectAccount, expectLogin, expectTwoFactor, finishRecoveryCodes, newPassword, open, openDialog, openPage, PAGES, press, qrCode, recoveryCode, section, shownRecoveryCodes, signIn, title } from '../support/pages.ts';
import { expect, newUser, test, testSignedIn, testVerified, testWithSecondFactor } from '../support/test.ts';

const TITLES: Record<string, RegExp> = {
  '/': /Latchkey/,
  '/register': /Create account/,
  '/login': /Sign in/,
  '/login/code': /Sign in with a code/,
  '/account': /^Your account · /,
  '/account/profile': /^Profile · /,
  '/account/security': /^Security · /,
  '/account/devices': /^Devices · /,
  '/account/activity': /^Activity · /,
  '/account/delete': /^Delete account · /,
  '/forgot': /Forgot your password/,
  '/reset': /Choose a new password/,
  '/activate': /Confirm your email address/,
  '/email': /Confirm your new email address/,
  '/email/undo': /Take your email address back/,
  '/device': /Sign out this device/,
  '/two-factor': /Two-factor authentication/,
  '/admin': /^Users · Administration · /,
  '/admin/activity': /^All activity · Administration · /,
  '/admin/invitations': /^Invitations · Administration · /,
  '/admin/keys': /^Service keys · Administration · /,
  '/admin/webhooks': /^Webhooks · Administration · /,
};
const INVALID = 'This link no longer works';

for (const path of PAGES) {
  test(`${path} has no accessibility violations`, async ({ page }) => {
    await open(page, path);
    await expectAccessible(page);
  });
}

test('an unknown path has no accessibility violations', async ({ page, problems }) => {
  problems.expectStatus(404, '/no-such-page');
  await open(page, '/no-such-page');
  await expectAccessible(page);
});

test('forms with error messages have no accessibility violations', async ({ page, user, problems }) => {
  problems.expectStatus(400, '/api/user/create');
  problems.expectStatus(401, '/api/user/login');
  await open(page, '/register');
  await button(page, 'Create account').click();
  await expect(announced(page).filter({ hasText: 'required' }).first()).toBeVisible();
  await expectAccessible(page);
  await open(page, '/login');
  await signIn(page, { ...user, password: 'not-the-password' });
  await expect(announced(page).filter({ hasText: 'Incorrect email or password.' }).first()).toBeVisible();
  await expectAccessible(page);
});

test('resetting a password has no accessibility violations', async ({ page, user, server, mailbox, problems }) => {
  problems.expectStatus(400, '/api/user/password/reset');
  problems.expectStatus(400, '/api/user/password/reset/confirm');
  await open(page, '/forgot');
  await button(page, 'Send link').click();
  await expect(email(page)).toHaveAttribute('aria-invalid', 'true');
  await expectAccessible(page);
  await email(page).fill(user.email);
  await button(page, 'Send link').click();
  await expect(title(page, 'Check your email')).toBeVisible();
  await expectAccessible(page);
  const url = link(await mailbox.take(user.email, 'Choose a new password'));
  await open(page, url);
  await button(page, 'Set password').click();
  await expect(newPassword(page)).toHaveAttribute('aria-invalid', 'true');
  await expectAccessible(page);
  await newPassword(page).fill('cobalt-lantern-62-orchard');
  await button(page, 'Set password').click();
  await expect(title(page, 'Your password has been changed')).toBeVisible();
  await expectAccessible(page);
  await server.login({ ...user, password: 'cobalt-lantern-62-orchard' });
});

test('valid and invalid emailed links have no accessibility violations', async ({ page, user, server, mailbox, problems }) => {
  problems.expectStatus(400, '/api/user/link');
  await open(page, '/activate#token=garbage');
  await expect(title(page, INVALID)).toBeVisible();
  await expectAccessible(page);
  const activation = link(await mailbox.take(user.email, 'Confirm your email address'));
  await open(page, activation);
  await expect(button(page, 'Confirm email address')).toBeVisible();
  await expectAccessible(page);
  await confirmEmail(page, activation, user);
  await expectAccessible(page);
  const { token } = await server.login(user);
  const next = newUser().email;
  await server.post('/api/user/email/change', { new_email: next, current_password: user.password }, { Authorization: `Bearer ${token}` });
  await confirmNewEmail(page, link(await mailbox.take(next, 'Confirm your new email address')), user);
  await expectAccessible(page);
  await open(page, undoLink(await mailbox.take(user.email, 'Your email address was changed')));
  await expect(button(page, 'Take the change back')).toBeVisible();
  await expectAccessible(page);
});

test('completing the second factor has no accessibility violations', async ({ page, user, secondFactor, problems }) => {
  problems.allow(/status of 403.*user\/view/);
  problems.expectStatus(400, '/api/totp/login');
  await open(page, '/login');
  await signIn(page, user);
  await expectTwoFactor(page);
  await expectAccessible(page);
  await code(page).fill(secondFactor.app.wrongCode());
  await expect(code(page)).toHaveAttribute('aria-invalid', 'true');
  await expectAccessible(page);
  await button(page, 'Use a recovery code').click();
  await expect(recoveryCode(page)).toBeVisible();
  await expectAccessible(page);
});

testSignedIn('the account has no accessibility violations', async ({ page, user, server, problems }) => {
  problems.expectStatus(400, '/api/user/delete');
  await server.login(user);
  await open(page, '/account');
  await expectAccount(page, user);
  await expect(devices(page)).toHaveCount(2);
  await expectAccessible(page);
  await button(page, 'Account menu').click();
  await expect(button(page, 'Sign out')).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await button(page, 'Sign out everywhere').click();
  await expect(dialog(page)).toBeVisible();
  await expectAccessible(page);
  await press(page, 'Cancel');
  for (const name of ['Profile', 'Security', 'Devices', 'Activity', 'Delete account']) {
    await openPage(page, name);
    await expect(title(page, name)).toBeFocused();
    await expectAccessible(page);
  }
  await button(page, 'Delete account').click();
  await expect(page.getByLabel('Current password')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: /delete/i }).last().click();
  await expect(page.getByLabel('Current password')).toHaveAttribute('aria-invalid', 'true');
  await expectAccessible(page);
});

testVerified('the email and password dialogs have no accessibility violations', async ({ page, user, problems }) => {
  problems.expectStatus(400, '/api/user/email/change');
  problems.expectStatus(400, '/api/user/password/change');
  await open(page, '/account');
  await expectAccount(page, user);
  for (const [name, label] of [['Email', 'Change email'], ['Password', 'Change password']]) {
    await openDialog(page, name, label);
    await expectAccessible(page);
    await press(page, label);
    await expect(currentPassword(page)).toHaveAttribute('aria-invalid', 'true');
    await expectAccessible(page);
    await press(page, 'Cancel');
  }
  await openDialog(page, 'Password', 'Change password');
  await currentPassword(page).fill(user.password);
  await newPassword(page).fill('cobalt-lantern-62-orchard');
  await press(page, 'Change password');
  await expect(section(page, 'Password').getByRole('status')).not.toBeEmpty();
  await expectAccessible(page);
});

testVerified('setting up the second factor has no accessibility violations', async ({ page, user, problems }) => {
  problems.expectStatus(400, '/api/totp/confirm');
  await open(page, '/account');
  await openDialog(page, 'Two-factor authentication', 'Turn on');
  await expectAccessible(page);
  await press(page, 'Cancel');
  await beginSetUp(page, user);
  await expectAccessible(page);
  const app = new Authenticator(await scan(qrCode(page)));
  await code(page).fill(app.wrongCode());
  await expect(code(page)).toHaveAttribute('aria-invalid', 'true');
  await expectAccessible(page);
  await code(page).fill(app.code());
  await shownRecoveryCodes(page);
  await expectAccessible(page);
  await finishRecoveryCodes(page);
  await expectAccessible(page);
});

testSignedIn('the sign-in page after a session has ended has no accessibility violations', async ({ page, user, server, problems }) => {
  problems.expect(/status of 401/);
  await open(page, '/account');
  await expectAccount(page, user);
  const { token } = await server.login(user);
  await fetch(`${server.url}/api/user/logout/all`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
  await page.reload();
  await expectLogin(page, '/account');
  await expectAccessible(page);
});

testWithSecondFactor('new recovery codes and turning off have no accessibility violations', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  await openDialog(page, 'Two-factor authentication', 'New recovery codes');
  await expectAccessible(page);
  await currentPassword(page).fill(user.password);
  await press(page, 'Create new codes');
  await shownRecoveryCodes(page);
  await expectAccessible(page);
  await finishRecoveryCodes(page);
  await openDialog(page, 'Two-factor authentication', 'Turn off');
  await expectAccessible(page);
  await currentPassword(page).fill(user.password);
  await press(page, 'Turn off');
  await expect(section(page, 'Two-factor authentication').getByRole('status')).not.toBeEmpty();
  await expectAccessible(page);
});

test('each page has its own title, on the server and in the app', async ({ page, request }) => {
  const titles = new Set<string>();
  for (const path of PAGES) {
    const html = await (await request.get(path)).text();
    expect(html.match(/<title>([^<]*)<\/title>/)?.[1]).toMatch(TITLES[path]);
    titles.add(html.match(/<title>([^<]*)<\/title>/)![1]);
    // These redirect signed-out visitors.
    if (path === '/two-factor' || path.startsWith('/account') || path.startsWith('/admin')) continue;
    await open(page, path);
    await expect(page).toHaveTitle(TITLES[path]);
  }
  expect(titles.size).toBe(PAGES.length);
});

test('the title changes with the page', async ({ page }) => {
  await open(page, '/');
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await expect(page).toHaveTitle(TITLES['/login']);
  await page.goBack();
  await expect(page).not.toHaveTitle(TITLES['/login']);
});

testSignedIn('each page of the account has its own title', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  await expect(page).toHaveTitle(TITLES['/account']);
  for (const name of ['Profile', 'Security', 'Devices', 'Activity', 'Delete account']) {
    await openPage(page, name);
    await expect(page).toHaveTitle(`${name} · Latchkey`);
  }
});
