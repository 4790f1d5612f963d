import { expectAccessible } from '../support/accessibility.ts';
import { emailedCode, link } from '../support/email.ts';
import { announced, button, code, confirmEmail, email, expectAccount, expectFieldError, fill, follow, open, password, signIn, storedSession, title } from '../support/pages.ts';
import { expect, newUser, test } from '../support/test.ts';

test.use({ settings: { LATCHKEY_REQUIRE_ACTIVATION: 'true' } });

const SUBJECT = 'Confirm your email address';
const INVALID = 'This link no longer works';
const SENT = 'Sent. Check your inbox and spam folder.';

test('a new account must be activated by opening the emailed link', async ({ page, mailbox, problems }) => {
  problems.expectStatus(401, '/api/user/login');
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

  const url = link(await mailbox.take(user.email, SUBJECT));
  await open(page, url);
  await expect(page.getByRole('main')).toContainText(user.email);
  await expect(page.getByRole('main')).toContainText('Chrome');
  await button(page, 'Confirm email address').click();
  await expectFieldError(password(page), /This field is required\./);
  await password(page).fill('not-the-password');
  await button(page, 'Confirm email address').click();
  await expectFieldError(password(page), /Incorrect password\./);
  problems.expectStatus(400, '/api/user/activation');
  await confirmEmail(page, url, user);
  await expect(page).toHaveTitle(/Latchkey/);
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await signIn(page, user);
  await expectAccount(page, user);
});

test('signing in before activation is refused, with an offer to send the link again', async ({ page, user, mailbox, problems }) => {
  problems.expectStatus(401, '/api/user/login');
  const first = link(await mailbox.take(user.email, SUBJECT));
  await open(page, '/login');
  await signIn(page, user);
  await expect(announced(page).filter({ hasText: 'If you have just registered, open the link that we emailed you.' })).toBeVisible();
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
  await confirmEmail(page, first, user);
  await open(page, '/login');
  await signIn(page, user);
  await expectAccount(page, user);
});

test('an invalid email address is reported where the link is sent again', async ({ page, user, problems }) => {
  problems.expectStatus(401, '/api/user/login');
  problems.expectStatus(400, '/api/user/activation/resend');
  await open(page, '/login');
  await signIn(page, user);
  await expect(button(page, 'Send the link again')).toBeVisible();
  await email(page).fill('nobody');
  await button(page, 'Send the link again').click();
  await expect(announced(page).filter({ hasText: 'Enter a valid email address.' })).toBeVisible();
});

test('the link can be sent again after two minutes', async ({ page, mailbox, problems }) => {
  problems.expectStatus(401, '/api/user/login');
  const user = newUser();
  await page.clock.install();
  await open(page, '/register');
  await fill(page, user);
  await button(page, 'Create account').click();
  await mailbox.take(user.email, SUBJECT);
  const waiting = page.getByRole('button', { name: /^Send again in \d+ s$/ });
  await expect(waiting).toBeDisabled();
  await waiting.press('Enter');
  await page.clock.fastForward(121_000);
  await expect(button(page, 'Send again')).toBeEnabled();
  await button(page, 'Send again').click();
  await expect(announced(page).filter({ hasText: SENT })).toBeVisible();
  await expect(waiting).toBeDisabled();
});

test('registering an existing email address looks like registering a new one, and its owner is notified', async ({ page, server, user, mailbox, problems }) => {
  problems.expectStatus(401, '/api/user/login');
  const newcomer = newUser();
  await open(page, '/register');
  await fill(page, newcomer);
  await button(page, 'Create account').click();
  await expect(title(page, 'Check your email')).toBeVisible();
  const shown = await page.getByRole('main').innerText();

  await confirmEmail(page, link(await mailbox.take(user.email, SUBJECT)), user);
  await open(page, '/register');
  await fill(page, { ...user, password: 'cobalt-lantern-62-orchard' });
  await button(page, 'Create account').click();
  await expect(title(page, 'Check your email')).toBeVisible();
  expect((await page.getByRole('main').innerText()).replaceAll(user.email, newcomer.email)).toBe(shown);
  expect(await storedSession(page)).toBeNull();
  await mailbox.take(user.email, 'You already have an account');
  await server.login(user);
});

test('a link that was used says that the address is already confirmed', async ({ page, user, mailbox }) => {
  const url = link(await mailbox.take(user.email, SUBJECT));
  await confirmEmail(page, url, user);
  await page.reload();
  await expect(title(page, 'Your email address is already confirmed')).toBeVisible();
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await signIn(page, user);
  await expectAccount(page, user);
});

test('registrations of one address by different people: each link confirms its own', async ({ page, server, mailbox, problems }) => {
  problems.allow(/status of 40[01]/);
  const stranger = newUser();
  await server.register(stranger);
  await mailbox.take(stranger.email, SUBJECT);
  const owner = { ...stranger, password: 'cobalt-lantern-62-orchard' };
  await server.register(owner);
  const url = link(await mailbox.take(owner.email, SUBJECT));
  await follow(page, url, 'Confirm email address', stranger);
  await expectFieldError(password(page), /Incorrect password\./);
  await confirmEmail(page, url, owner);
  await server.login(owner);
  await expect(server.login(stranger)).rejects.toThrow(/invalid_credentials/);
});

test('the owner of the address can reject the account', async ({ page, server, user, mailbox, problems }) => {
  const url = link(await mailbox.take(user.email, SUBJECT));
  await open(page, url);
  await button(page, 'I did not create this account').click();
  await expect(title(page, 'This account can\'t be used any more')).toBeVisible();
  await expectAccessible(page);
  await expect(server.login(user)).rejects.toThrow(/invalid_credentials/);
  problems.allow(/status of 400.*user\/link/);
  await page.reload();
  await expect(title(page, INVALID)).toBeVisible();
});

test('a damaged link is reported, and can be replaced by a new one', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/link');
  problems.expectStatus(400, '/api/user/activation/resend');
  await open(page, '/activate#token=garbage');
  await expect(title(page, INVALID)).toBeVisible();
  await button(page, 'Send a new link').click();
  await expectFieldError(email(page), 'This field is required.');
  await expect(email(page)).toBeFocused();
  await email(page).fill(newUser().email);
  await button(page, 'Send a new link').click();
  await expect(announced(page).filter({ hasText: SENT })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Send again in \d+ s$/ })).toBeDisabled();
});

test('a link without its token is said to be incomplete, and the emailed code works instead', async ({ page, user, mailbox, problems }) => {
  problems.expectStatus(400, '/api/user/activation');
  const emailed = emailedCode(await mailbox.take(user.email, SUBJECT));
  await open(page, '/activate');
  await expect(title(page, 'This link arrived incomplete')).toBeVisible();
  await expectAccessible(page);
  await email(page).fill(user.email);
  await code(page).fill(emailed === '00000000' ? '00000001' : '00000000');
  await password(page).fill(user.password);
  await button(page, 'Confirm email address').click();
  await expect(code(page)).toHaveAttribute('aria-invalid', 'true');
  await code(page).fill(emailed);
  await button(page, 'Confirm email address').click();
  await expect(title(page, 'Your email address is confirmed')).toBeVisible();
});

test('a link that is opened while the server is unreachable works after trying again', async ({ page, user, mailbox, problems }) => {
  problems.expect(/net::ERR_FAILED.*\/api\/user\/link\)/);
  const url = link(await mailbox.take(user.email, SUBJECT));
  await page.route('**/api/**', (route) => route.abort());
  await open(page, url);
  await expect(announced(page).filter({ hasText: /can.t be reached/ }).first()).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Your email address is not confirmed yet');
  await page.unroute('**/api/**');
  await button(page, 'Try again').click();
  await password(page).fill(user.password);
  await button(page, 'Confirm email address').click();
  await expect(title(page, 'Your email address is confirmed')).toBeVisible();
});

test('the page that waits for the link continues when another tab has used it', async ({ page, context, mailbox, problems }) => {
  problems.expectStatus(401, '/api/user/login');
  const user = newUser();
  await open(page, '/register');
  await fill(page, user);
  await button(page, 'Create account').click();
  await expect(title(page, 'Check your email')).toBeVisible();
  await expect(page.getByRole('main')).toContainText('The link works once, for 24 hours.');
  const other = await context.newPage();
  await confirmEmail(other, link(await mailbox.take(user.email, SUBJECT)), user);
  await expectAccount(page, user);
  // Nothing remains in the storage.
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual(['latchkey.session']);
});

test('a wrong address can be corrected', async ({ page, mailbox, problems }) => {
  problems.expectStatus(401, '/api/user/login');
  const wrong = newUser();
  await open(page, '/register');
  await fill(page, wrong);
  await button(page, 'Create account').click();
  await expect(title(page, 'Check your email')).toBeVisible();
  await button(page, 'Change it').click();
  await expect(title(page, 'Create account')).toBeVisible();
  await expect(email(page)).toHaveValue(wrong.email);
  await expect(email(page)).toBeFocused();
  const right = newUser();
  await fill(page, right);
  await button(page, 'Create account').click();
  await expect(page.getByRole('main')).toContainText(`We sent a link to ${right.email}.`);
  await mailbox.take(right.email, SUBJECT);
});
