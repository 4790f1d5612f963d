import type { Page } from '@playwright/test';
import { emailedCode, link, type Mailbox, undoLink } from '../support/email.ts';
import { announced, button, code, confirmEmail, confirmNewEmail, currentPassword, dialog, email, expectAccount, expectFieldError, expectLogin, follow, newEmail, newPassword, open, openDialog, openPage, password, press, section, title } from '../support/pages.ts';
import type { Server, User } from '../support/server.ts';
import { expect, newUser, test, testSignedIn, testVerified } from '../support/test.ts';

const INVALID = 'This link no longer works';

testSignedIn.describe('the email address', () => {
  testSignedIn('must be confirmed first, by a link that was sent again', async ({ page, user, mailbox }) => {
    const first = link(await mailbox.take(user.email, 'Confirm your email address'));
    await open(page, '/account');
    await expectAccount(page, user);
    await expect(section(page, '2 steps left to secure your account')).toContainText('Email not confirmed');
    await expect(page.getByRole('link', { name: 'Turn on' })).toHaveCount(0);
    await openPage(page, 'Security');
    await expect(section(page, 'Email')).toContainText(user.email);
    await expect(section(page, 'Email').getByText('Not confirmed', { exact: true })).toBeVisible();
    await expect(section(page, 'Email')).toContainText('Confirm your email address first.');
    await expect(section(page, 'Two-factor authentication')).toContainText('Confirm your email address first.');
    await expect(button(page, 'Change email')).toHaveCount(0);
    await expect(button(page, 'Turn on')).toHaveCount(0);
    await section(page, 'Confirm your email address').getByRole('button', { name: 'Send the link again' }).click();
    await expect(announced(page).filter({ hasText: 'Sent. Check your inbox and spam folder.' })).toBeVisible();
    const second = link(await mailbox.take(user.email, 'Confirm your email address'));

    // Both links work. A signed-in browser is not asked for the password.
    await open(page, first);
    await expect(button(page, 'Confirm email address')).toBeVisible();
    await open(page, second);
    await expect(password(page)).toHaveCount(0);
    await button(page, 'Confirm email address').click();
    await expect(title(page, 'Your email address is confirmed')).toBeVisible();
    await page.getByRole('link', { name: 'Go to your account' }).click();
    await expectAccount(page, user);
    await expect(section(page, '1 step left to secure your account')).toContainText('Email confirmed');
    await page.getByRole('link', { name: 'Turn on' }).click();
    await expect(section(page, 'Email').getByText('Confirmed', { exact: true })).toBeVisible();
    await expect(button(page, 'Send the link again')).toHaveCount(0);
    await expect(button(page, 'Change email')).toBeVisible();
    await expect(button(page, 'Turn on')).toBeVisible();
  });

  testVerified('gets a hint where the new domain looks mistyped', async ({ page, user }) => {
    await open(page, '/account/security');
    await expectAccount(page, user, '/account/security');
    await openDialog(page, 'Email', 'Change email');
    await newEmail(page).fill('ada@gmial.com');
    await currentPassword(page).focus();
    await dialog(page).getByRole('button', { name: 'ada@gmail.com' }).click();
    await expect(newEmail(page)).toHaveValue('ada@gmail.com');
    await expect(page.getByText('Did you mean')).toHaveCount(0);
  });

  testVerified('is changed by a link to the new address, and the old address is notified', async ({ page, server, user, mailbox }) => {
    const next = newUser().email;
    await open(page, '/account');
    await requestChange(page, user, next);
    await expect(section(page, 'Email').getByText(`We sent a link to ${next}. Open it to finish.`)).toBeVisible();
    await expect(section(page, 'Email').getByRole('status').filter({ hasText: next })).toHaveCount(1);
    await expect(button(page, 'Change email')).toBeFocused();
    expect((await mailbox.take(user.email, 'Your email address is about to change')).text).toContain(next);
    await page.reload();
    await expectAccount(page, user, '/account/security');

    await confirmNewEmail(page, link(await mailbox.take(next, 'Confirm your new email address')), user);
    expect((await mailbox.take(user.email, 'Your email address was changed')).text).toContain(next);
    await page.getByRole('link', { name: 'Go to your account' }).click();
    await expectAccount(page, { ...user, email: next });
    await openPage(page, 'Security');
    await expect(section(page, 'Email').getByText('Confirmed', { exact: true })).toBeVisible();
    await server.login({ ...user, email: next });
    await expect(server.login(user)).rejects.toThrow(/invalid_credentials/);
  });

  testVerified('is changed by a link that is opened in another browser, with the password', async ({ page, anotherBrowser, user, mailbox, problems }) => {
    const next = newUser().email;
    await open(page, '/account');
    await requestChange(page, user, next);
    // By default, a new context gets the storage state of the test.
    const phone = await (await anotherBrowser({ storageState: { cookies: [], origins: [] } })).newPage();
    const url = link(await mailbox.take(next, 'Confirm your new email address'));
    await open(phone, url);
    await expect(phone.getByRole('main')).toContainText(user.email);
    await expect(phone.getByRole('main')).toContainText(next);
    problems.expectStatus(400, '/api/user/email/change/confirm');
    await button(phone, 'Confirm new address').click();
    await expectFieldError(password(phone), /This field is required\./);
    await confirmNewEmail(phone, url, user);
    await phone.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
    await expect(phone).toHaveURL('/login');
    await page.reload();
    await expectAccount(page, { ...user, email: next }, '/account/security');
  });

  testVerified('is not changed to one of another account', async ({ page, server, user, problems }) => {
    problems.expectStatus(400, '/api/user/email/change');
    const other = newUser();
    await server.register(other);
    await open(page, '/account');
    await requestChange(page, user, other.email.toUpperCase());
    await expectFieldError(newEmail(page), 'A user with that email already exists.');
    await expect(newEmail(page)).toBeFocused();
    await expect(currentPassword(page)).toHaveValue(user.password);
  });

  testVerified('is not changed to one that another account has taken in the meantime', async ({ page, server, user, mailbox, problems }) => {
    problems.expectStatus(400, '/api/user/email/change/confirm');
    const other = newUser();
    const url = await changeLink(server, mailbox, user, other.email);
    await server.register(other);
    await follow(page, url, 'Confirm new address', user);
    await expect(page.getByRole('main').getByText('A user with that email already exists.')).toBeVisible();
    await page.getByRole('link', { name: 'Go to your account' }).click();
    await expectAccount(page, user);
  });

  testVerified('must be valid, and changing it requires the password', async ({ page, user, problems }) => {
    problems.expectStatus(400, '/api/user/email/change');
    await open(page, '/account');
    await openDialog(page, 'Email', 'Change email');
    await press(page, 'Change email');
    await expectFieldError(newEmail(page), 'This field is required.');
    await expectFieldError(currentPassword(page), 'This field is required.');
    await expect(newEmail(page)).toBeFocused();
    await newEmail(page).fill('nobody');
    await currentPassword(page).fill('not-the-password');
    await press(page, 'Change email');
    await expectFieldError(newEmail(page), /email/i);
    await newEmail(page).fill(newUser().email);
    await press(page, 'Change email');
    await expectFieldError(currentPassword(page), /password/i);
    await expect(currentPassword(page)).toBeFocused();
    await expect(currentPassword(page)).toHaveValue('not-the-password');
    await currentPassword(page).fill(user.password);
    await press(page, 'Change email');
    await expect(dialog(page)).toHaveCount(0);
  });
});

testSignedIn('a used link does not look invalid while the next page is loading', async ({ page, user, mailbox }) => {
  await confirmEmail(page, link(await mailbox.take(user.email, 'Confirm your email address')), user);
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  await page.route('**/*.wasm', async (route) => {
    await arrived;
    await route.continue();
  });
  const asked = page.waitForRequest('**/*.wasm');
  await page.getByRole('link', { name: 'Go to your account' }).click();
  await asked;
  // Wait until any change caused by the empty fragment has been painted.
  await page.evaluate(async () => {
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
  });
  await expect(page.getByText(INVALID)).toHaveCount(0);
  await expect(title(page, 'Your email address is confirmed')).toBeVisible();
  arrive();
  await expectAccount(page, user);
  await expect(page.getByText(INVALID)).toHaveCount(0);
});

testVerified('a link that was used says so', async ({ page, server, user, mailbox }) => {
  const next = newUser().email;
  const url = await changeLink(server, mailbox, user, next);
  await confirmNewEmail(page, url, user);
  await page.reload();
  await expect(title(page, 'Your email address has already been changed')).toBeVisible();
  await page.getByRole('link', { name: 'Go to your account' }).click();
  await expectAccount(page, { ...user, email: next });
});

test('a damaged link is reported', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/link');
  await open(page, '/email#token=garbage');
  await expect(title(page, INVALID)).toBeVisible();
  await page.goto('/robots.txt');
  await open(page, '/email');
  await expect(title(page, 'This link arrived incomplete')).toBeVisible();
});

testVerified('a link without its token is said to be incomplete, and the emailed code works instead', async ({ page, server, user, mailbox }) => {
  const next = newUser().email;
  const { token } = await server.login(user);
  await server.post('/api/user/email/change', { new_email: next, current_password: user.password }, { Authorization: `Bearer ${token}` });
  const emailed = emailedCode(await mailbox.take(next, 'Confirm your new email address'));
  await open(page, '/email');
  await email(page).fill(next);
  await code(page).fill(emailed);
  await button(page, 'Confirm new address').click();
  await expect(title(page, 'Your email address has been changed')).toBeVisible();
});

test('a link that is opened while the server is unreachable works after trying again', async ({ page, server, user, mailbox, problems }) => {
  problems.expect(/net::ERR_FAILED.*\/api\/user\/link\)/);
  problems.expect(/net::ERR_FAILED.*\/api\/user\/email\/change\/confirm\)/);
  await server.verify(user, mailbox);
  const url = await changeLink(server, mailbox, user, newUser().email);
  await page.route('**/api/**', (route) => route.abort());
  await open(page, url);
  await expect(announced(page).filter({ hasText: /can.t be reached/ }).first()).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Your new email address is not confirmed yet');
  await page.unroute('**/api/**');
  await button(page, 'Try again').click();
  await password(page).fill(user.password);
  // The response is lost.
  await page.route('**/api/user/email/change/confirm', async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await button(page, 'Confirm new address').click();
  await expect(announced(page).filter({ hasText: /can.t be reached/ }).first()).toBeVisible();
  problems.allow(/status of 400.*change\/confirm/);
  await button(page, 'Confirm new address').click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(/Your email address has (already )?been changed/);
});

testVerified('a change that someone else has made can be taken back', async ({ page, anotherBrowser, server, user, mailbox, problems }) => {
  problems.allow(/status of 401/);
  const next = newUser().email;
  await confirmNewEmail(page, await changeLink(server, mailbox, user, next), user);
  const owner = await (await anotherBrowser({ storageState: { cookies: [], origins: [] } })).newPage();
  await open(owner, undoLink(await mailbox.take(user.email, 'Your email address was changed')));
  await expect(owner.getByRole('main')).toContainText(next);
  await button(owner, 'Take the change back').click();
  await expect(title(owner, 'Your email address is yours again')).toBeVisible();
  await page.goto('/account');
  await expectLogin(page, '/account');
  const reset = link(await mailbox.take(user.email, 'Choose a new password'));
  await open(owner, reset);
  await newPassword(owner).fill('cobalt-lantern-62-orchard');
  await button(owner, 'Set password').click();
  await expect(title(owner, 'Your password has been changed')).toBeVisible();
  await server.login({ email: user.email, password: 'cobalt-lantern-62-orchard' });
});

test('opening a link changes nothing', async ({ page, server, user, mailbox }) => {
  const sent: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/api/')) sent.push(new URL(request.url()).pathname);
  });
  const activation = link(await mailbox.take(user.email, 'Confirm your email address'));
  await open(page, activation);
  await expect(button(page, 'Confirm email address')).toBeVisible();
  await server.post('/api/user/password/reset', { email: user.email });
  await open(page, link(await mailbox.take(user.email, 'Choose a new password')));
  await expect(button(page, 'Set password')).toBeVisible();
  await page.waitForTimeout(3000);
  expect(new Set(sent)).toEqual(new Set(['/api/user/link']));
  const { token } = await server.login(user);
  const view = await fetch(`${server.url}/api/user/view`, { headers: { Authorization: `Bearer ${token}` } });
  expect(await view.json()).toMatchObject({ email_verified: false });
});

const DIALOGS = [
  { name: 'Email', label: 'Change email' },
  { name: 'Password', label: 'Change password' },
  { name: 'Two-factor authentication', label: 'Turn on' },
  { name: 'Delete account', label: 'Delete account' },
];

testVerified('each dialog is closed by Escape and by "Cancel", and restores the focus', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  for (const { name, label } of DIALOGS) {
    await expect(currentPassword(page)).toHaveCount(0);
    await openDialog(page, name, label);
    await expect(currentPassword(page)).toHaveCount(1);
    await expect(dialog(page).getByRole('textbox').first()).toBeFocused();
    await currentPassword(page).fill('something typed');
    await page.keyboard.press('Escape');
    await expect(dialog(page)).toHaveCount(0);
    await expect(section(page, name).getByRole('button', { name: label, exact: true })).toBeFocused();

    await openDialog(page, name, label);
    await expect(currentPassword(page)).toHaveValue('');
    await press(page, 'Cancel');
    await expect(dialog(page)).toHaveCount(0);
    await expect(section(page, name).getByRole('button', { name: label, exact: true })).toBeFocused();
  }
});

testSignedIn('the sections are in order', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  const headings = page.getByRole('heading', { level: 2 });
  await expect(headings).toHaveText(['2 steps left to secure your account', 'Devices', 'Recent activity']);
  await openPage(page, 'Security');
  await expect(headings).toHaveText(['Confirm your email address', 'Password', 'Email', 'Two-factor authentication', 'Passkeys']);
});

async function requestChange(page: Page, user: User, next: string): Promise<void> {
  await openDialog(page, 'Email', 'Change email');
  await newEmail(page).fill(next);
  await currentPassword(page).fill(user.password);
  await press(page, 'Change email');
}

async function changeLink(server: Server, mailbox: Mailbox, user: User, next: string): Promise<string> {
  const { token } = await server.login(user);
  const body = { new_email: next, current_password: user.password };
  await server.post('/api/user/email/change', body, { Authorization: `Bearer ${token}` });
  return link(await mailbox.take(next, 'Confirm your new email address'));
}
