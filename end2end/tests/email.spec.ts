import type { Page } from '@playwright/test';
import { link, type Mailbox } from '../support/email.ts';
import { announced, button, currentPassword, dialog, expectAccount, expectFieldError, newEmail, open, openDialog, press, section, title } from '../support/pages.ts';
import type { Server, User } from '../support/server.ts';
import { expect, newUser, test, testSignedIn } from '../support/test.ts';

const INVALID = 'This link no longer works';

testSignedIn.describe('the email address', () => {
  testSignedIn('is confirmed by a link that was sent again', async ({ page, user, mailbox, problems }) => {
    const first = link(await mailbox.take(user.email, 'Confirm your email address'));
    await open(page, '/account');
    await expectAccount(page, user);
    await expect(section(page, 'Email')).toContainText(user.email);
    await expect(section(page, 'Email').getByText('Not confirmed', { exact: true })).toBeVisible();
    await button(page, 'Send the link again').click();
    await expect(announced(page).filter({ hasText: 'Sent. Check your inbox and spam folder.' })).toBeVisible();
    const second = link(await mailbox.take(user.email, 'Confirm your email address'));

    problems.expectStatus(400, '/api/user/activation');
    await open(page, first);
    await expect(title(page, INVALID)).toBeVisible();
    await page.goto(second);
    await expect(title(page, 'Your email address is confirmed')).toBeVisible();
    await page.getByRole('link', { name: 'Go to your account' }).click();
    await expectAccount(page, user);
    await expect(section(page, 'Email').getByText('Confirmed', { exact: true })).toBeVisible();
    await expect(button(page, 'Send the link again')).toHaveCount(0);
  });

  testSignedIn('is changed by a link to the new address, and the old address is notified', async ({ page, server, user, mailbox }) => {
    const next = newUser().email;
    await open(page, '/account');
    await requestChange(page, user, next);
    await expect(section(page, 'Email').getByText(`We sent a link to ${next}. Open it to finish.`)).toBeVisible();
    await expect(section(page, 'Email').getByRole('status').filter({ hasText: next })).toHaveCount(1);
    await expect(button(page, 'Change email')).toBeFocused();
    expect((await mailbox.take(user.email, 'Your email address is about to change')).text).toContain(next);
    await page.reload();
    await expectAccount(page, user);

    await open(page, link(await mailbox.take(next, 'Confirm your new email address')));
    await expect(title(page, 'Your email address has been changed')).toBeVisible();
    expect((await mailbox.take(user.email, 'Your email address was changed')).text).toContain(next);
    await page.getByRole('link', { name: 'Go to your account' }).click();
    await expectAccount(page, { ...user, email: next });
    await expect(section(page, 'Email').getByText('Confirmed', { exact: true })).toBeVisible();
    await server.login({ ...user, email: next });
    await expect(server.login(user)).rejects.toThrow(/invalid_credentials/);
  });

  testSignedIn('is changed by a link that is opened in another browser', async ({ page, anotherBrowser, user, mailbox }) => {
    const next = newUser().email;
    await open(page, '/account');
    await requestChange(page, user, next);
    // By default, a new context gets the storage state of the test.
    const phone = await (await anotherBrowser({ storageState: { cookies: [], origins: [] } })).newPage();
    await open(phone, link(await mailbox.take(next, 'Confirm your new email address')));
    await expect(title(phone, 'Your email address has been changed')).toBeVisible();
    await phone.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
    await expect(phone).toHaveURL('/login');
    await page.reload();
    await expectAccount(page, { ...user, email: next });
  });

  testSignedIn('is not changed to one of another account', async ({ page, server, user, problems }) => {
    problems.expectStatus(400, '/api/user/email/change');
    const other = newUser();
    await server.register(other);
    await open(page, '/account');
    await requestChange(page, user, other.email.toUpperCase());
    await expectFieldError(newEmail(page), 'A user with that email already exists.');
    await expect(newEmail(page)).toBeFocused();
    await expect(currentPassword(page)).toHaveValue(user.password);
  });

  testSignedIn('is not changed to one that another account has taken in the meantime', async ({ page, server, user, mailbox, problems }) => {
    problems.expectStatus(400, '/api/user/email/change/confirm');
    const other = newUser();
    const url = await changeLink(server, mailbox, user, other.email);
    await server.register(other);
    await open(page, url);
    await expect(page.getByRole('main').getByText('A user with that email already exists.')).toBeVisible();
    await page.getByRole('link', { name: 'Go to your account' }).click();
    await expectAccount(page, user);
  });

  testSignedIn('must be valid, and changing it requires the password', async ({ page, user, problems }) => {
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
  await open(page, link(await mailbox.take(user.email, 'Confirm your email address')));
  await expect(title(page, 'Your email address is confirmed')).toBeVisible();
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

testSignedIn('a link works once', async ({ page, server, user, mailbox, problems }) => {
  const next = newUser().email;
  const url = await changeLink(server, mailbox, user, next);
  await open(page, url);
  await expect(title(page, 'Your email address has been changed')).toBeVisible();
  problems.expectStatus(400, '/api/user/email/change/confirm');
  await page.reload();
  await expect(title(page, INVALID)).toBeVisible();
  await page.getByRole('link', { name: 'Go to your account' }).click();
  await expectAccount(page, { ...user, email: next });
});

test('a damaged link is reported', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/email/change/confirm');
  await open(page, '/email#token=garbage');
  await expect(title(page, INVALID)).toBeVisible();
  await page.goto('/robots.txt');
  await open(page, '/email');
  await expect(title(page, INVALID)).toBeVisible();
});

test('a link that is opened while the server is unreachable works after trying again', async ({ page, server, user, mailbox, problems }) => {
  problems.expect(/net::ERR_FAILED.*\/api\/user\/email\/change\/confirm\)/);
  const url = await changeLink(server, mailbox, user, newUser().email);
  await page.route('**/api/**', (route) => route.abort());
  await open(page, url);
  await expect(announced(page).filter({ hasText: /can.t be reached/ }).first()).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Your new email address is not confirmed yet');
  await page.unroute('**/api/**');
  await button(page, 'Try again').click();
  await expect(title(page, 'Your email address has been changed')).toBeVisible();
});

const DIALOGS = [
  { name: 'Email', label: 'Change email' },
  { name: 'Password', label: 'Change password' },
  { name: 'Two-factor authentication', label: 'Turn on' },
  { name: 'Delete account', label: 'Delete account' },
];

testSignedIn('each dialog is closed by Escape and by "Cancel", and restores the focus', async ({ page, user }) => {
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
  await expect(page.getByRole('heading', { level: 2 })).toHaveText(
    ['Devices', 'Email', 'Password', 'Two-factor authentication', 'Recent activity', 'Delete account'],
  );
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
