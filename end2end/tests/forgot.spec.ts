import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { emailedCode, link, type Mailbox } from '../support/email.ts';
import { announced, button, code, email, expectAccount, expectFieldError, newPassword, open, signIn, storedSession, title } from '../support/pages.ts';
import { Server, type User } from '../support/server.ts';
import { expect, newUser, test, testSignedIn } from '../support/test.ts';

const NEW_PASSWORD = 'cobalt-lantern-62-orchard';
const INVALID = 'This link no longer works';
const INCOMPLETE = 'This link arrived incomplete';
const UNREACHABLE = /can.t be reached/;

test('a forgotten password is reset with an emailed link', async ({ page, user, server, mailbox }) => {
  await open(page, '/login');
  await page.getByRole('link', { name: 'Forgot password?' }).click();
  await expect(title(page, 'Forgot your password?')).toBeVisible();
  await expect(page).toHaveTitle(/Forgot your password\?.*Latchkey/);
  await requestLink(page, user.email);
  await open(page, link(await mailbox.take(user.email, 'Choose a new password')));
  await expect(title(page, 'Choose a new password')).toBeVisible();
  await expect(page).toHaveTitle(/Choose a new password.*Latchkey/);
  await expect(newPassword(page)).toHaveAttribute('autocomplete', 'new-password');
  await newPassword(page).fill(NEW_PASSWORD);
  await newPassword(page).press('Enter');
  await expect(title(page, 'Your password has been changed')).toBeVisible();
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await expect(page).toHaveURL('/login');
  await signIn(page, { ...user, password: NEW_PASSWORD });
  await expectAccount(page, user);
  await expect(server.login(user)).rejects.toThrow(/invalid_credentials/);
  expect((await mailbox.take(user.email, 'Your password was changed')).html).not.toContain('href=');
});

test('the page leads to the mailbox of a well-known provider', async ({ page }) => {
  await open(page, '/forgot');
  await requestLink(page, 'Ada.Lovelace@Gmail.com');
  const mail = page.getByRole('link', { name: 'Open Gmail in a new tab' });
  await expect(mail).toHaveAttribute('href', 'https://mail.google.com/');
  await expect(mail).toHaveAttribute('rel', 'noopener noreferrer');
  await expectAccessible(page);
  await open(page, '/forgot');
  await requestLink(page, newUser().email);
  await expect(page.getByRole('link', { name: /^Open/ })).toHaveCount(0);
});

test('an unknown email address gets the same response, and no email', async ({ page, user, mailbox }) => {
  const unknown = newUser();
  await open(page, '/forgot');
  await requestLink(page, unknown.email);
  const shown = await page.getByRole('main').innerText();
  expect(shown).toContain(`If ${unknown.email} has an account, a link to choose a new password is on its way.`);
  await open(page, '/forgot');
  await requestLink(page, user.email);
  expect((await page.getByRole('main').innerText()).replaceAll(user.email, unknown.email)).toBe(shown);
  await mailbox.take(user.email, 'Choose a new password');
  expect(mailbox.subjects(unknown.email)).toEqual([]);
});

test('the link can be requested again after two minutes, and the first one stays valid', async ({ page, user, mailbox }) => {
  await page.clock.install();
  await open(page, '/forgot');
  await requestLink(page, user.email);
  const first = link(await mailbox.take(user.email, 'Choose a new password'));
  const waiting = page.getByRole('button', { name: /^Send again in \d+ s$/ });
  await expect(waiting).toBeDisabled();
  await waiting.press('Enter');
  await page.clock.fastForward(60_000);
  await expect(page.getByRole('button', { name: /^Send again in (60|5\d) s$/ })).toBeDisabled();
  await page.clock.fastForward(61_000);
  await button(page, 'Send again').click();
  await expect(announced(page).filter({ hasText: 'Sent. Check your inbox and spam folder.' })).toBeVisible();
  await expect(waiting).toBeDisabled();
  await expect(waiting).toBeFocused();
  // By the server's clock, no time has passed.
  expect(mailbox.subjects(user.email)).not.toContain('Choose a new password');

  await open(page, first);
  await choose(page);
  await expect(title(page, 'Your password has been changed')).toBeVisible();
});

test('a link works once', async ({ page, context, user, server, mailbox, problems }) => {
  problems.expectStatus(400, '/api/user/password/reset/confirm');
  const url = await resetLink(server, mailbox, user);
  const other = await context.newPage();
  await open(page, url);
  await open(other, url);
  await choose(page);
  await expect(title(page, 'Your password has been changed')).toBeVisible();
  await newPassword(other).fill('saffron-ladder-17-meadow');
  await button(other, 'Set password').click();
  await expect(title(other, 'Your password has already been changed')).toBeVisible();
  await server.login({ ...user, password: NEW_PASSWORD });
  await other.getByRole('link', { name: 'Get a new link' }).click();
  await expect(other).toHaveURL('/forgot');
  await expect(title(other, 'Forgot your password?')).toBeVisible();
});

test('a damaged link is reported, with a way to get a new one', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/link');
  await open(page, '/reset#token=garbage');
  await expect(title(page, INVALID)).toBeVisible();
  await expect(newPassword(page)).toHaveCount(0);
  await expect(page.getByRole('link', { name: 'Get a new link' })).toBeVisible();
});

test('a link without its token is said to be incomplete, and the emailed code works instead', async ({ page, user, server, mailbox, problems }) => {
  problems.expectStatus(400, '/api/user/password/reset/confirm');
  await server.post('/api/user/password/reset', { email: user.email });
  const emailed = emailedCode(await mailbox.take(user.email, 'Choose a new password'));
  for (const path of ['/reset', '/reset#', '/reset#token=', '/reset#other=1']) {
    await page.goto('/robots.txt');
    await open(page, path);
    await expect(title(page, INCOMPLETE)).toBeVisible();
  }
  await email(page).fill(user.email);
  await code(page).fill('00000000');
  await newPassword(page).fill(NEW_PASSWORD);
  await button(page, 'Set password').click();
  await expect(code(page)).toHaveAttribute('aria-invalid', 'true');
  await code(page).fill(`${emailed.slice(0, 4)} ${emailed.slice(4)}`);
  await button(page, 'Set password').click();
  await expect(title(page, 'Your password has been changed')).toBeVisible();
  await server.login({ ...user, password: NEW_PASSWORD });
});

test('another link can be opened in the same tab', async ({ page, user, server, mailbox }) => {
  await open(page, '/reset#token=');
  await expect(title(page, INCOMPLETE)).toBeVisible();
  // Only the fragment changes, so the browser does not load the page again.
  await page.goto(await resetLink(server, mailbox, user));
  await choose(page);
  await expect(title(page, 'Your password has been changed')).toBeVisible();
});

test('an invalid email address is reported at its field', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/password/reset');
  await open(page, '/forgot');
  await button(page, 'Send link').click();
  await expectFieldError(email(page), 'This field is required.');
  await expect(email(page)).toBeFocused();
  await email(page).fill('nobody');
  await button(page, 'Send link').click();
  await expectFieldError(email(page), /email/i);
  await expect(email(page)).toHaveValue('nobody');
});

test('an invalid password is reported at its field, and the link stays valid', async ({ page, user, server, mailbox, problems }) => {
  problems.expectStatus(400, '/api/user/password/reset/confirm');
  await open(page, await resetLink(server, mailbox, user));
  await button(page, 'Set password').click();
  await expectFieldError(newPassword(page), /This field is required\./);
  await expect(newPassword(page)).toBeFocused();
  for (const [refused, message] of [['k7-Pq', /too short/], ['password123', /too common/], [user.email, /email/i]] as const) {
    await newPassword(page).fill(refused);
    await button(page, 'Set password').click();
    await expectFieldError(newPassword(page), message);
    await expect(newPassword(page)).toHaveValue(refused);
  }
  await choose(page);
  await expect(title(page, 'Your password has been changed')).toBeVisible();
});

testSignedIn('a new password signs out the browser that was signed in', async ({ page, user, server, mailbox, problems }) => {
  problems.expect(/status of 401/);
  await open(page, '/account');
  await expectAccount(page, user);
  await open(page, await resetLink(server, mailbox, user));
  await choose(page);
  await expect(title(page, 'Your password has been changed')).toBeVisible();
  await expect.poll(() => storedSession(page)).toBeNull();
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await signIn(page, { ...user, password: NEW_PASSWORD });
  await expectAccount(page, user);
});

test('an unreachable server is reported, no input is lost, and trying again works', async ({ anotherBrowser, mailbox, problems }) => {
  problems.expectUnreachable('/api/user/password/reset');
  const own = await Server.launch({ LATCHKEY_SMTP_URL: mailbox.url });
  try {
    const user = newUser();
    await own.register(user);
    const page = await (await anotherBrowser({ baseURL: own.url })).newPage();
    await open(page, '/forgot');
    await email(page).fill(user.email);
    await own.stop();
    await button(page, 'Send link').click();
    await expect(announced(page).filter({ hasText: UNREACHABLE }).first()).toBeVisible();
    await expect(email(page)).toHaveValue(user.email);
    await own.start();
    await button(page, 'Send link').click();
    await expect(title(page, 'Check your email')).toBeVisible();
    const url = link(await mailbox.take(user.email, 'Choose a new password'));

    problems.expectUnreachable('/api/user/password/reset/confirm');
    await open(page, url);
    await newPassword(page).fill(NEW_PASSWORD);
    await own.stop();
    await button(page, 'Set password').click();
    await expect(announced(page).filter({ hasText: UNREACHABLE }).first()).toBeVisible();
    await expect(newPassword(page)).toHaveValue(NEW_PASSWORD);
    await own.start();
    await button(page, 'Set password').click();
    await expect(title(page, 'Your password has been changed')).toBeVisible();
  } finally {
    await own.discard();
  }
});

test('the page that waits for the link leads to signing in when another tab has used it', async ({ page, context, user, mailbox }) => {
  await open(page, '/forgot');
  await requestLink(page, user.email);
  await expect(page.getByRole('main')).toContainText('The link works once, for 1 hour.');
  const other = await context.newPage();
  await open(other, link(await mailbox.take(user.email, 'Choose a new password')));
  await choose(other);
  await expect(title(other, 'Your password has been changed')).toBeVisible();
  await expect(page).toHaveURL('/login');
});

test('a wrong address can be corrected', async ({ page, user, mailbox }) => {
  await open(page, '/forgot');
  await requestLink(page, newUser().email);
  await button(page, 'Change it').click();
  await expect(title(page, 'Forgot your password?')).toBeVisible();
  await expect(email(page)).toBeFocused();
  await requestLink(page, user.email);
  await mailbox.take(user.email, 'Choose a new password');
});

test('password managers learn whose password it is', async ({ page, user, server, mailbox }) => {
  await open(page, await resetLink(server, mailbox, user));
  const owner = page.locator('form input[autocomplete=username]');
  await expect(owner).toHaveValue(user.email);
  await expect(owner).toHaveAttribute('name', 'username');
  await expect(page.getByRole('main')).toContainText(user.email);
});

async function requestLink(page: Page, address: string): Promise<void> {
  await email(page).fill(address);
  await button(page, 'Send link').click();
  await expect(title(page, 'Check your email')).toBeVisible();
}

async function choose(page: Page): Promise<void> {
  await newPassword(page).fill(NEW_PASSWORD);
  await button(page, 'Set password').click();
}

async function resetLink(server: Server, mailbox: Mailbox, user: User): Promise<string> {
  await server.post('/api/user/password/reset', { email: user.email });
  return link(await mailbox.take(user.email, 'Choose a new password'));
}
