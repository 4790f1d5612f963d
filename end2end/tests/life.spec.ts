import { readFile } from 'node:fs/promises';
import { Authenticator, scan } from '../support/authenticator.ts';
import { link } from '../support/email.ts';
import { announced, beginSetUp, button, code, confirmEmail, confirmNewEmail, currentPassword, email, expectAccount, expectTwoFactor, fill, finishRecoveryCodes, heading, newEmail, newPassword, open, openDialog, openPage, press, qrCode, recoveryCode, section, shownRecoveryCodes, shownSecret, signIn, signOut, storedSession, title } from '../support/pages.ts';
import { expect, newUser, test } from '../support/test.ts';

test.use({ settings: { LATCHKEY_REQUIRE_ACTIVATION: 'true' } });

test('an account from registration to deletion', async ({ page, context, server, mailbox, problems }) => {
  test.setTimeout(120_000);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  // Before the email address is verified, and before the second factor is completed.
  problems.expectStatus(401, '/api/user/login');
  problems.expectStatus(403, '/api/user/view');
  const user = newUser();
  const oldEmail = user.email;
  let app!: Authenticator;
  let recoveryCodes: string[] = [];

  const leave = async () => {
    await signOut(page);
    await expect(page).toHaveURL('/login');
    expect(await storedSession(page)).toBeNull();
  };
  const signInWithPassword = async () => {
    await open(page, '/login');
    await signIn(page, user);
    await expectTwoFactor(page);
  };

  await test.step('registers', async () => {
    await open(page, '/');
    await page.getByRole('main').getByRole('link', { name: 'Create account' }).click();
    await fill(page, user);
    await button(page, 'Create account').click();
    await expect(title(page, 'Check your email')).toBeVisible();
    await expect(page.getByRole('main')).toContainText(`We sent a link to ${user.email}.`);
    expect(await storedSession(page)).toBeNull();
  });

  await test.step('confirms the email address', async () => {
    await confirmEmail(page, link(await mailbox.take(user.email, 'Confirm your email address')), user);
    await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
    await signIn(page, user);
    await expectAccount(page, user);
    await openPage(page, 'Security');
    await expect(section(page, 'Email')).toContainText('Confirmed');
    await expect(section(page, 'Email')).not.toContainText('Not confirmed');
  });

  await test.step('sets up an authenticator app', async () => {
    await beginSetUp(page, user);
    app = new Authenticator(await scan(qrCode(page)));
    expect(await shownSecret(page)).toBe(app.secret);
    expect(app.label).toBe(user.email);
    await code(page).fill(app.code());
    recoveryCodes = await shownRecoveryCodes(page);
    expect(new Set(recoveryCodes).size).toBe(10);

    await press(page, 'Copy');
    await expect(announced(page).filter({ hasText: /copied/i }).first()).toBeVisible();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied.trim().split('\n')).toEqual(recoveryCodes);
    const downloading = page.waitForEvent('download');
    await press(page, 'Download');
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(/^latchkey-recovery-codes-\d{4}-\d\d-\d\d\.txt$/);
    const saved = await readFile(await download.path(), 'utf8');
    for (const one of recoveryCodes) expect(saved.split('\n')).toContain(one);

    await finishRecoveryCodes(page);
    await expect(section(page, 'Two-factor authentication').getByText('On', { exact: true })).toBeVisible();
    await mailbox.take(user.email, 'Two-factor authentication is on');
  });

  await test.step('signs in with a code', async () => {
    await leave();
    await signInWithPassword();
    await page.reload();
    await expectTwoFactor(page);
    await code(page).fill(app.code());
    await expectAccount(page, user);
  });

  await test.step('loses the phone, and signs in with a recovery code', async () => {
    await leave();
    await signInWithPassword();
    await button(page, 'Use a recovery code').click();
    await recoveryCode(page).fill(recoveryCodes[0]);
    await button(page, 'Verify').click();
    await expectAccount(page, user);
    const { text } = await mailbox.take(user.email, 'A recovery code was used');
    expect(text).toContain('9 recovery codes left');
  });

  await test.step('resets the password, which does not bypass the second factor', async () => {
    await leave();
    await page.getByRole('link', { name: 'Forgot password?' }).click();
    await expect(page).toHaveURL('/forgot');
    await email(page).fill(user.email);
    await button(page, 'Send link').click();
    await expect(title(page, 'Check your email')).toBeVisible();
    await open(page, link(await mailbox.take(user.email, 'Choose a new password')));
    user.password = 'cobalt-lantern-62-orchard';
    await newPassword(page).fill(user.password);
    await button(page, 'Set password').click();
    await expect(title(page, 'Your password has been changed')).toBeVisible();
    await mailbox.take(user.email, 'Your password was changed');
    await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
    await expect(page).toHaveURL('/login');
    await signIn(page, user);
    await expectTwoFactor(page);
    await code(page).fill(app.code());
    await expectAccount(page, user);
  });

  await test.step('changes the email address', async () => {
    const next = newUser().email;
    await openDialog(page, 'Email', 'Change email');
    await newEmail(page).fill(next);
    await currentPassword(page).fill(user.password);
    await press(page, 'Change email');
    await expect(section(page, 'Email').getByText(`We sent a link to ${next}. Open it to finish.`)).toBeVisible();
    expect((await mailbox.take(oldEmail, 'Your email address is about to change')).text).toContain(next);
    await expectAccount(page, user, '/account/security');
    await confirmNewEmail(page, link(await mailbox.take(next, 'Confirm your new email address')), user);
    await mailbox.take(oldEmail, 'Your email address was changed');
    user.email = next;
    await page.getByRole('link', { name: 'Go to your account' }).click();
    await expectAccount(page, user);
    await openPage(page, 'Security');
    await expect(section(page, 'Email')).toContainText(next);
  });

  await test.step('changes the password', async () => {
    await openDialog(page, 'Password', 'Change password');
    await currentPassword(page).fill(user.password);
    user.password = 'saffron-ladder-17-meadow';
    await newPassword(page).fill(user.password);
    await press(page, 'Change password');
    await expect(section(page, 'Password').getByText('Your password has been changed. Other devices are signed out.')).toBeVisible();
    await mailbox.take(user.email, 'Your password was changed');
  });

  await test.step('turns the second factor off', async () => {
    await openDialog(page, 'Two-factor authentication', 'Turn off');
    await currentPassword(page).fill(user.password);
    await press(page, 'Turn off');
    await expect(section(page, 'Two-factor authentication').getByText('Two-factor authentication is off. Other devices are signed out.')).toBeVisible();
    await mailbox.take(user.email, 'Two-factor authentication is off');
    await leave();
    await signIn(page, user);
    await expectAccount(page, user);
  });

  await test.step('deletes the account', async () => {
    await openDialog(page, 'Delete account', 'Delete account');
    await currentPassword(page).fill(user.password);
    await press(page, 'Delete account');
    await expect(page).toHaveURL('/');
    expect(await storedSession(page)).toBeNull();
    await expect(heading(page, user)).toHaveCount(0);
    await expect(server.login(user)).rejects.toThrow(/invalid_credentials/);
    await mailbox.take(user.email, 'Your account was deleted');
    expect(mailbox.subjects(oldEmail), 'unexpected emails').toEqual([]);
    expect(mailbox.subjects(user.email), 'unexpected emails').toEqual([]);
  });
});
