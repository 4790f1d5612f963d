import { expectAccessible } from '../support/accessibility.ts';
import { link } from '../support/mail.ts';
import { announced, button, email, expectAccount, expectFieldError, fill, open, password, signIn, storedSession, title } from '../support/pages.ts';
import { expect, newUser, test } from '../support/test.ts';

test.use({ settings: { LATCHKEY_REQUIRE_ACTIVATION: 'true' } });

const SUBJECT = 'Confirm your address';
const VOID = 'This link no longer works';
const SENT = 'Sent. Look into your inbox, and at spam.';

test('a new account waits until the link from the mail is opened', async ({ page, mailbox, problems }) => {
  problems.expectStatus(403, '/api/user/login');
  const user = newUser();
  await open(page, '/register');
  await fill(page, user);
  await button(page, 'Create account').click();
  await expect(title(page, 'Check your mail')).toBeVisible();
  await expect(title(page, 'Check your mail')).toBeFocused();
  await expect(page).toHaveTitle(/Check your mail.*Latchkey/);
  await expect(page.getByRole('main')).toContainText(`We sent a link to ${user.email}. Open it to activate your account.`);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await expect(page).toHaveURL('/login');

  await open(page, link(await mailbox.take(user.email, SUBJECT)));
  await expect(title(page, 'Your address is confirmed')).toBeVisible();
  await expect(page).toHaveTitle(/Latchkey/);
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await signIn(page, user);
  await expectAccount(page, user);
});

test('signing in too early is told, and has the link sent again', async ({ page, user, mailbox, problems }) => {
  problems.expectStatus(403, '/api/user/login');
  await mailbox.take(user.email, SUBJECT);
  await open(page, '/login');
  await signIn(page, user);
  await expect(announced(page).filter({ hasText: 'This account is not active.' })).toBeVisible();
  await expect(page.getByText('Not opened the link in our mail yet?')).toBeVisible();
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
  await expect(title(page, 'Your address is confirmed')).toBeVisible();
  await open(page, '/login');
  await signIn(page, user);
  await expectAccount(page, user);
});

test('an address that is none is told where the link is sent again', async ({ page, user, problems }) => {
  problems.expectStatus(403, '/api/user/login');
  problems.expectStatus(400, '/api/user/activation/resend');
  await open(page, '/login');
  await signIn(page, user);
  await expect(button(page, 'Send the link again')).toBeVisible();
  await email(page).fill('nobody');
  await button(page, 'Send the link again').click();
  await expect(announced(page).filter({ hasText: 'Enter a valid email address.' })).toBeVisible();
});

test('the link is sent again after a while only', async ({ page, mailbox, problems }) => {
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

test('the address of an account is answered like a new one, and its owner is told', async ({ page, server, user, mailbox, problems }) => {
  problems.expectStatus(403, '/api/user/login');
  problems.expectStatus(401, '/api/user/login');
  const stranger = newUser();
  await open(page, '/register');
  await fill(page, stranger);
  await button(page, 'Create account').click();
  await expect(title(page, 'Check your mail')).toBeVisible();
  const told = await page.getByRole('main').innerText();

  await open(page, link(await mailbox.take(user.email, SUBJECT)));
  await expect(title(page, 'Your address is confirmed')).toBeVisible();
  await open(page, '/register');
  await fill(page, { ...user, password: 'cobalt-lantern-62-orchard' });
  await button(page, 'Create account').click();
  await expect(title(page, 'Check your mail')).toBeVisible();
  expect((await page.getByRole('main').innerText()).replaceAll(user.email, stranger.email)).toBe(told);
  expect(await storedSession(page)).toBeNull();
  await mailbox.take(user.email, 'You have an account already');
  await server.login(user);
});

test('a link that was opened already says so', async ({ page, user, mailbox, problems }) => {
  const url = link(await mailbox.take(user.email, SUBJECT));
  await open(page, url);
  await expect(title(page, 'Your address is confirmed')).toBeVisible();
  problems.expectStatus(400, '/api/user/activation');
  await page.reload();
  await expect(title(page, VOID)).toBeVisible();
  await expect(page.getByRole('main')).toContainText('It may have expired, been used, or been replaced by a newer one.');
});

test('a link that is void is replaced by a new one', async ({ page, server, user, mailbox, problems }) => {
  problems.expectStatus(400, '/api/user/activation');
  problems.expectStatus(400, '/api/user/activation/resend');
  const url = link(await mailbox.take(user.email, SUBJECT));
  // One that is too old is answered alike; nobody waits for that here.
  await server.post('/api/user/activation/resend', { email: user.email });
  await mailbox.take(user.email, SUBJECT);
  await open(page, url);
  await expect(title(page, VOID)).toBeVisible();
  await button(page, 'Send a new link').click();
  await expectFieldError(email(page), 'This field is required.');
  await expect(email(page)).toBeFocused();
  await email(page).fill(user.email);
  await button(page, 'Send a new link').click();
  await expect(announced(page).filter({ hasText: SENT })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Send again in \d+ s$/ })).toBeDisabled();
  // The tab that shows the old link opens the new one: that loads no page.
  await page.goto(link(await mailbox.take(user.email, SUBJECT)));
  await expect(title(page, 'Your address is confirmed')).toBeVisible();
});

test('a damaged link says so', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/activation');
  await open(page, '/activate#token=garbage');
  await expect(title(page, VOID)).toBeVisible();
  await page.goto('/robots.txt');
  await open(page, '/activate');
  await expect(title(page, VOID)).toBeVisible();
  await expect(button(page, 'Send a new link')).toBeVisible();
});

test('a link that is opened while the server is away works after trying again', async ({ page, user, mailbox, problems }) => {
  problems.expect(/net::ERR_FAILED.*\/api\/user\/activation\)/);
  const url = link(await mailbox.take(user.email, SUBJECT));
  await page.route('**/api/**', (route) => route.abort());
  await open(page, url);
  await expect(announced(page).filter({ hasText: /can.t be reached/ }).first()).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Your address is not confirmed yet');
  await page.unroute('**/api/**');
  await button(page, 'Try again').click();
  await expect(title(page, 'Your address is confirmed')).toBeVisible();
});
