import { expectAccessible } from '../support/accessibility.ts';
import { link } from '../support/email.ts';
import { announced, button, email, expectAccount, expectFieldError, fill, open, password, signIn, storedSession, title } from '../support/pages.ts';
import { expect, newUser, test } from '../support/test.ts';

test.use({ settings: { LATCHKEY_REQUIRE_ACTIVATION: 'true' } });

const SUBJECT = 'Confirm your email address';
const INVALID = 'This link no longer works';
const SENT = 'Sent. Check your inbox and spam folder.';

test('a new account must be activated by opening the emailed link', async ({ page, mailbox, problems }) => {
  problems.expectStatus(403, '/api/user/login');
  const user = newUser();
  await open(page, '/register');
  await fill(page, user);
  await button(page, 'Create account').click();
  await expect(title(page, 'Check your email')).toBeVisible();
  await expect(title(page, 'Check your email')).toBeFocused();
  await expect(page).toHaveTitle(/Check your email.*Latchkey/);
  await expect(page.getByRole('main')).toContainText(`We sent a link to ${user.email}. Open it to activate your account.`);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await expect(page).toHaveURL('/login');

  await open(page, link(await mailbox.take(user.email, SUBJECT)));
  await expect(title(page, 'Your email address is confirmed')).toBeVisible();
  await expect(page).toHaveTitle(/Latchkey/);
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await signIn(page, user);
  await expectAccount(page, user);
});

test('signing in before activation is refused, with an offer to send the link again', async ({ page, user, mailbox, problems }) => {
  problems.expectStatus(403, '/api/user/login');
  await mailbox.take(user.email, SUBJECT);
  await open(page, '/login');
  await signIn(page, user);
  await expect(announced(page).filter({ hasText: 'This account is not active.' })).toBeVisible();
  await expect(page.getByText('Haven\'t opened the link we emailed you?')).toBeVisible();
  await expect(email(page)).toHaveValue(user.email);
  await expect(password(page)).toHaveValue(user.password);
  await button(page, 'Send the link again').click();
  await expect(announced(page).filter({ hasText: SENT })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Send again in \d+ s$/ })).toBeDisabled();
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
  await open(page, link(await mailbox.take(user.email, SUBJECT)));
  await expect(title(page, 'Your email address is confirmed')).toBeVisible();
  await open(page, '/login');
  await signIn(page, user);
  await expectAccount(page, user);
});

test('an invalid email address is reported where the link is sent again', async ({ page, user, problems }) => {
  problems.expectStatus(403, '/api/user/login');
  problems.expectStatus(400, '/api/user/activation/resend');
  await open(page, '/login');
  await signIn(page, user);
  await expect(button(page, 'Send the link again')).toBeVisible();
  await email(page).fill('nobody');
  await button(page, 'Send the link again').click();
  await expect(announced(page).filter({ hasText: 'Enter a valid email address.' })).toBeVisible();
});

test('the link can be sent again after a minute', async ({ page, mailbox, problems }) => {
  problems.expectStatus(403, '/api/user/login');
  const user = newUser();
  await page.clock.install();
  await open(page, '/register');
  await fill(page, user);
  await button(page, 'Create account').click();
  await mailbox.take(user.email, SUBJECT);
  await button(page, 'Send again').click();
  await expect(announced(page).filter({ hasText: SENT })).toBeVisible();
  await mailbox.take(user.email, SUBJECT);
  const waiting = page.getByRole('button', { name: /^Send again in \d+ s$/ });
  await expect(waiting).toBeDisabled();
  await waiting.press('Enter');
  await page.clock.fastForward(61_000);
  expect(mailbox.subjects(user.email)).toEqual([]);
  await button(page, 'Send again').click();
  await mailbox.take(user.email, SUBJECT);
});

test('registering an existing email address looks like registering a new one, and its owner is notified', async ({ page, server, user, mailbox, problems }) => {
  problems.expectStatus(403, '/api/user/login');
  problems.expectStatus(401, '/api/user/login');
  const newcomer = newUser();
  await open(page, '/register');
  await fill(page, newcomer);
  await button(page, 'Create account').click();
  await expect(title(page, 'Check your email')).toBeVisible();
  const shown = await page.getByRole('main').innerText();

  await open(page, link(await mailbox.take(user.email, SUBJECT)));
  await expect(title(page, 'Your email address is confirmed')).toBeVisible();
  await open(page, '/register');
  await fill(page, { ...user, password: 'cobalt-lantern-62-orchard' });
  await button(page, 'Create account').click();
  await expect(title(page, 'Check your email')).toBeVisible();
  expect((await page.getByRole('main').innerText()).replaceAll(user.email, newcomer.email)).toBe(shown);
  expect(await storedSession(page)).toBeNull();
  await mailbox.take(user.email, 'You already have an account');
  await server.login(user);
});

test('a link that was already opened is reported', async ({ page, user, mailbox, problems }) => {
  const url = link(await mailbox.take(user.email, SUBJECT));
  await open(page, url);
  await expect(title(page, 'Your email address is confirmed')).toBeVisible();
  problems.expectStatus(400, '/api/user/activation');
  await page.reload();
  await expect(title(page, INVALID)).toBeVisible();
  await expect(page.getByRole('main')).toContainText('It may have expired, been used, or been replaced by a newer one.');
});

test('an invalid link can be replaced by a new one', async ({ page, server, user, mailbox, problems }) => {
  problems.expectStatus(400, '/api/user/activation');
  problems.expectStatus(400, '/api/user/activation/resend');
  const url = link(await mailbox.take(user.email, SUBJECT));
  // An expired link gets the same response; this test does not wait for that.
  await server.post('/api/user/activation/resend', { email: user.email });
  await mailbox.take(user.email, SUBJECT);
  await open(page, url);
  await expect(title(page, INVALID)).toBeVisible();
  await button(page, 'Send a new link').click();
  await expectFieldError(email(page), 'This field is required.');
  await expect(email(page)).toBeFocused();
  await email(page).fill(user.email);
  await button(page, 'Send a new link').click();
  await expect(announced(page).filter({ hasText: SENT })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Send again in \d+ s$/ })).toBeDisabled();
  // Only the fragment changes, so the browser does not load the page again.
  await page.goto(link(await mailbox.take(user.email, SUBJECT)));
  await expect(title(page, 'Your email address is confirmed')).toBeVisible();
});

test('a damaged link is reported', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/activation');
  await open(page, '/activate#token=garbage');
  await expect(title(page, INVALID)).toBeVisible();
  await page.goto('/robots.txt');
  await open(page, '/activate');
  await expect(title(page, INVALID)).toBeVisible();
  await expect(button(page, 'Send a new link')).toBeVisible();
});

test('a link that is opened while the server is unreachable works after trying again', async ({ page, user, mailbox, problems }) => {
  problems.expect(/net::ERR_FAILED.*\/api\/user\/activation\)/);
  const url = link(await mailbox.take(user.email, SUBJECT));
  await page.route('**/api/**', (route) => route.abort());
  await open(page, url);
  await expect(announced(page).filter({ hasText: /can.t be reached/ }).first()).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Your email address is not confirmed yet');
  await page.unroute('**/api/**');
  await button(page, 'Try again').click();
  await expect(title(page, 'Your email address is confirmed')).toBeVisible();
});
