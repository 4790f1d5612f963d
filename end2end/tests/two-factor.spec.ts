import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { Authenticator, scan } from '../support/authenticator.ts';
import { announced, beginSetUp, button, code, currentPassword, devices, dialog, expectAccount, expectEnded, expectFieldError, expectLogin, expectTwoFactor, finishRecoveryCodes, open, openDialog, openPage, press, qrCode, recoveryCode, section, shownRecoveryCodes, shownSecret, signIn, signOut, storedSession, tabTo, title } from '../support/pages.ts';
import { Server } from '../support/server.ts';
import { expect, newUser, stored, test, testVerified, testWithSecondFactor } from '../support/test.ts';

const NAME = 'Two-factor authentication';
const WRONG = 'Incorrect code, or it was already used.';
const NOBODY = { storageState: { cookies: [], origins: [] } };

test.describe('signing in', () => {
  /** Signs in with the password, so that the second factor is pending. */
  const mfaPending = test.extend<{ asked: Page }>({
    asked: async ({ page, user, secondFactor: _, problems }, use) => {
      problems.allow(/status of 403.*user\/view/);
      await open(page, '/login');
      await signIn(page, user);
      await expectTwoFactor(page);
      await use(page);
    },
  });

  mfaPending('asks for a code, which is sent as soon as it is complete', async ({ asked, user, secondFactor }) => {
    const sent: unknown[] = [];
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await asked.route('**/api/totp/login', async (route) => {
      sent.push(route.request().postDataJSON());
      await held;
      await route.continue();
    });
    await expect(asked).toHaveTitle(/Two-factor authentication.*Latchkey/);
    await expect(code(asked)).toBeFocused();
    await expect(code(asked)).toHaveAttribute('autocomplete', 'one-time-code');
    await expect(code(asked)).toHaveAttribute('inputmode', 'numeric');
    const typed = secondFactor.app.code();
    await code(asked).pressSequentially(typed.slice(0, 5));
    expect(sent).toEqual([]);
    await code(asked).pressSequentially(typed.slice(5));
    await expect.poll(() => sent).toEqual([{ code: typed, trust_device: null }]);
    await code(asked).press('Enter');
    release();
    await expectAccount(asked, user);
    expect(sent).toHaveLength(1);
  });

  mfaPending('takes a code that is pasted with a space', async ({ asked, context, user, secondFactor }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const typed = secondFactor.app.code();
    await asked.evaluate((text) => navigator.clipboard.writeText(text), ` ${typed.slice(0, 3)} ${typed.slice(3)} `);
    await code(asked).press('ControlOrMeta+V');
    await expectAccount(asked, user);
  });

  mfaPending('drops all characters except digits', async ({ asked }) => {
    await code(asked).pressSequentially('1a2 -3');
    await expect(code(asked)).toHaveValue('123');
  });

  mfaPending('reports a wrong code at its field, and selects it', async ({ asked, user, secondFactor, problems }) => {
    problems.expectStatus(400, '/api/totp/login');
    await button(asked, 'Verify').click();
    await expectFieldError(code(asked), 'This field is required.');
    await code(asked).fill(secondFactor.app.wrongCode());
    await expectFieldError(code(asked), WRONG);
    await expect(code(asked)).toBeFocused();
    await expect.poll(() => code(asked).evaluate((input: HTMLInputElement) => input.selectionEnd! - input.selectionStart!)).toBe(6);
    await asked.keyboard.type(secondFactor.app.code());
    await expectAccount(asked, user);
  });

  mfaPending('refuses codes for a minute after 5 wrong ones', async ({ asked, secondFactor, problems }) => {
    problems.expectStatus(400, '/api/totp/login');
    problems.expectStatus(429, '/api/totp/login');
    problems.expectStatus(429, '/api/recovery/login');
    const answers: number[] = [];
    asked.on('response', (response) => {
      if (response.url().endsWith('/login')) answers.push(response.status());
    });
    for (let guess = 1; guess <= 5; guess += 1) {
      await code(asked).fill('');
      await code(asked).fill(secondFactor.app.wrongCode());
      await expect.poll(() => answers).toHaveLength(guess);
      await expectFieldError(code(asked), WRONG);
    }
    await code(asked).fill('');
    await code(asked).fill(secondFactor.app.code());
    await expect(announced(asked).filter({ hasText: 'Too many attempts. Try again in a minute.' })).toBeVisible();
    await button(asked, 'Use a recovery code').click();
    await recoveryCode(asked).fill(secondFactor.recoveryCodes[0]);
    await button(asked, 'Verify').click();
    await expect(announced(asked).filter({ hasText: 'Too many attempts. Try again in a minute.' })).toBeVisible();
    await expect(title(asked, NAME)).toBeVisible();
    expect(answers).toEqual([400, 400, 400, 400, 400, 429, 429]);
  });

  mfaPending('takes a recovery code instead, once', async ({ asked, user, secondFactor, mailbox, problems }) => {
    problems.expectStatus(400, '/api/recovery/login');
    const [first] = secondFactor.recoveryCodes;
    await button(asked, 'Use a recovery code').click();
    await expect(recoveryCode(asked)).toBeFocused();
    await expect(recoveryCode(asked)).toHaveAttribute('autocomplete', 'off');
    await expect(recoveryCode(asked)).toHaveAttribute('autocapitalize', 'none');
    await expect(recoveryCode(asked)).toHaveAttribute('spellcheck', 'false');
    await button(asked, 'Use the authenticator app').click();
    await expect(code(asked)).toBeFocused();
    await button(asked, 'Use a recovery code').click();
    await recoveryCode(asked).fill('k3v9t-0m2xq-8hd1r');
    await button(asked, 'Verify').click();
    await expectFieldError(recoveryCode(asked), WRONG);
    await expect(recoveryCode(asked)).toBeFocused();
    // As typed from paper.
    await recoveryCode(asked).fill(first.toUpperCase().replaceAll('-', ' '));
    await recoveryCode(asked).press('Enter');
    await expectAccount(asked, user);
    expect((await mailbox.take(user.email, 'A recovery code was used')).text).toContain('9 recovery codes left');

    await signOut(asked);
    await expect(asked).toHaveURL('/login');
    await signIn(asked, user);
    await expectTwoFactor(asked);
    await button(asked, 'Use a recovery code').click();
    await recoveryCode(asked).fill(first);
    await button(asked, 'Verify').click();
    await expectFieldError(recoveryCode(asked), WRONG);
  });

  mfaPending('can be left for another account', async ({ asked, server }) => {
    const { token } = (await storedSession(asked))!;
    await expect(server.sessions(token)).rejects.toThrow(/otp_required/);
    await button(asked, 'Use another account').click();
    await expect(asked).toHaveURL('/login');
    expect(await storedSession(asked)).toBeNull();
    await expect(server.sessions(token)).rejects.toThrow(/token_invalid/);
  });

  mfaPending('names the account, also after a reload', async ({ asked, user }) => {
    await expect(asked.getByText(`Signing in as ${user.email}`)).toBeVisible();
    await asked.reload();
    await expect(asked.getByText(`Signing in as ${user.email}`)).toBeVisible();
    await expectAccessible(asked);
  });

  mfaPending('helps those who have lost their phone', async ({ asked }) => {
    const help = asked.getByText('If you have none left, ask the administrator');
    await expect(help).toBeHidden();
    await asked.getByText('Lost your phone?').click();
    await expect(help).toBeVisible();
    await expectAccessible(asked);
  });

  mfaPending('keeps still while messages come and go', async ({ asked, secondFactor, problems }) => {
    problems.expectStatus(400, '/api/totp/login');
    problems.expect(/net::ERR_FAILED.*totp\/login/);
    const place = () => button(asked, 'Verify').evaluate((element) => element.getBoundingClientRect().top);
    const before = await place();
    await button(asked, 'Verify').click();
    await expectFieldError(code(asked), 'This field is required.');
    expect(await place()).toBe(before);
    await code(asked).fill(secondFactor.app.wrongCode());
    await expectFieldError(code(asked), WRONG);
    expect(await place()).toBe(before);
    await asked.route('**/api/totp/login', (route) => route.abort());
    await code(asked).fill('');
    await code(asked).fill(secondFactor.app.wrongCode());
    await expect(announced(asked).filter({ hasText: /can.t be reached/ }).first()).toBeVisible();
    expect(await place()).toBe(before);
    await button(asked, 'Use a recovery code').click();
    await expect(recoveryCode(asked)).toBeFocused();
    expect(await place()).toBe(before);
  });

  mfaPending('opens no other page before the code', async ({ asked, user, secondFactor, problems }) => {
    problems.expect(/status of 403/);
    for (const path of ['/account', '/', '/login', '/register', '/two-factor']) {
      await open(asked, path);
      await expect(asked).toHaveURL((url) => url.pathname === '/two-factor');
      await expect(code(asked)).toBeVisible();
    }
    await asked.reload();
    await expect(code(asked)).toBeFocused();
    await code(asked).fill(secondFactor.app.code());
    await expectAccount(asked, user);
    await asked.goBack();
    await expect(code(asked)).toHaveCount(0);
  });

  mfaPending('is loaded by trying again if the server was unreachable, and gets the focus', async ({ asked, problems }) => {
    problems.expect(/net::ERR_FAILED.*\/api\/user\/view\)/);
    await asked.route('**/api/user/view', (route) => route.abort());
    await asked.reload();
    await expect(announced(asked).filter({ hasText: /can.t be reached/ })).toBeVisible();
    await asked.unroute('**/api/user/view');
    await button(asked, 'Try again').click();
    await expect(code(asked)).toBeFocused();
  });

  mfaPending('completed in one tab counts in the others', async ({ asked, context, user, secondFactor, problems }) => {
    problems.expect(/status of 403/);
    const tab = await context.newPage();
    await open(tab, '/account');
    await expectTwoFactor(tab, '/account');
    await code(asked).fill(secondFactor.app.code());
    await expectAccount(asked, user);
    await expectAccount(tab, user);
  });

  mfaPending('stores the session in the documented form', async ({ asked, user, secondFactor }) => {
    const before = (await storedSession(asked))!;
    await code(asked).fill(secondFactor.app.code());
    await expectAccount(asked, user);
    const after = (await storedSession(asked))!;
    for (const session of [before, after]) {
      expect(Object.keys(session).sort()).toEqual(['expires_at', 'refresh_token', 'token']);
    }
    expect(after.token).not.toBe(before.token);
    expect(await asked.evaluate(() => Object.keys(localStorage))).toEqual(['latchkey.session']);
  });

  test('leads to the page that the user came from, and does not show the account before', async ({ page, user, secondFactor, problems }) => {
    problems.allow(/status of 403.*user\/view/);
    const seen: string[] = [];
    page.on('framenavigated', (frame) => seen.push(new URL(frame.url()).pathname));
    await open(page, '/login?next=/account?from=mail');
    await signIn(page, user);
    await expectTwoFactor(page, '/account?from=mail');
    expect(seen).not.toContain('/account');
    await code(page).fill(secondFactor.app.code());
    await expect(page).toHaveURL('/account?from=mail');
  });

  test('an unreachable server is reported, and trying again works', async ({ anotherBrowser, mailbox, problems }) => {
    problems.allow(/status of 403.*user\/view/);
    problems.expectUnreachable('/api/totp/login');
    const own = await Server.launch({ LATCHKEY_SMTP_URL: mailbox.url });
    try {
      const user = newUser();
      await own.register(user);
      await own.verify(user, mailbox);
      const { app } = await own.turnOnSecondFactor(user);
      const page = await (await anotherBrowser({ baseURL: own.url })).newPage();
      await open(page, '/login');
      await signIn(page, user);
      await expectTwoFactor(page);
      await own.stop();
      const typed = app.code();
      await code(page).fill(typed);
      await expect(announced(page).filter({ hasText: /can.t be reached/ }).first()).toBeVisible();
      await expect(code(page)).toHaveValue(typed);
      await own.start();
      await button(page, 'Verify').click();
      await expectAccount(page, user);
    } finally {
      await own.discard();
    }
  });
});

test('a signed-out visitor must sign in first', async ({ page }) => {
  await open(page, '/two-factor');
  await expectLogin(page, '/account');
});

testVerified('a user without a pending second factor is redirected', async ({ page, user }) => {
  for (const path of ['/two-factor', '/two-factor?next=https://evil.example', '/two-factor?next=//evil.example']) {
    await page.goto(path);
    await expectAccount(page, user);
  }
  await page.goto('/two-factor?next=/account?from=mail');
  await expect(page).toHaveURL('/account?from=mail');
});

test.describe('turning it on', () => {
  testVerified('requires the password, and a code of the app that scanned the QR code', async ({ page, user, mailbox, problems }) => {
    problems.expectStatus(400, '/api/totp/create');
    problems.expectStatus(400, '/api/totp/confirm');
    await open(page, '/account/security');
    await openDialog(page, NAME, 'Turn on');
    await press(page, 'Continue');
    await expectFieldError(currentPassword(page), 'This field is required.');
    await currentPassword(page).fill('not-the-password');
    await press(page, 'Continue');
    await expectFieldError(currentPassword(page), /password/i);
    await expect(currentPassword(page)).toBeFocused();
    await currentPassword(page).fill(user.password);
    await press(page, 'Continue');
    await expect(code(page)).toBeFocused();
    await expect(currentPassword(page)).toHaveCount(0);

    const app = new Authenticator(await scan(qrCode(page)));
    expect(app.secret).toBe(await shownSecret(page));
    expect(app.issuer).toBe('Latchkey');
    expect(app.label).toBe(user.email);
    await code(page).fill(app.wrongCode());
    await expectFieldError(code(page), WRONG);
    await expect(code(page)).toBeFocused();
    await page.keyboard.type(app.code());
    await shownRecoveryCodes(page);
    await finishRecoveryCodes(page);
    await expect(section(page, NAME).getByText('On', { exact: true })).toBeVisible();
    await expect(section(page, NAME).locator(':focus')).toHaveCount(1);
    await expect(section(page, NAME).getByRole('button', { name: 'Turn on' })).toHaveCount(0);
    await mailbox.take(user.email, 'Two-factor authentication is on');
    await page.reload();
    await expectAccount(page, user, '/account/security');
    await expect(section(page, NAME).getByText('On', { exact: true })).toBeVisible();
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    testVerified(`shows a QR code that can be scanned, at 320 pixels in ${colorScheme}`, async ({ page, user }) => {
      await page.setViewportSize({ width: 320, height: 640 });
      await page.emulateMedia({ colorScheme });
      await open(page, '/account/security');
      await beginSetUp(page, user);
      expect(new Authenticator(await scan(qrCode(page))).secret).toBe(await shownSecret(page));
    });
  }

  testVerified('works by keyboard alone', async ({ page, user }) => {
    await open(page, '/account/security');
    await expectAccount(page, user, '/account/security');
    await tabTo(page, 'Turn on', button(page, 'Turn on'));
    await page.keyboard.press('Enter');
    await expect(currentPassword(page)).toBeFocused();
    await page.keyboard.type(user.password);
    await page.keyboard.press('Enter');
    await expect(code(page)).toBeFocused();
    const app = new Authenticator(await scan(qrCode(page)));
    await page.keyboard.type(app.code());
    await shownRecoveryCodes(page);
    await expect(dialog(page).locator(':focus')).toHaveCount(1);
    await tabTo(page, 'I have saved these codes', dialog(page).getByLabel('I have saved these codes'));
    await page.keyboard.press('Space');
    await tabTo(page, 'Done');
    await page.keyboard.press('Enter');
    await expect(dialog(page)).toHaveCount(0);
    await tabTo(page, 'Turn off');
    await page.keyboard.press('Enter');
    await expect(currentPassword(page)).toBeFocused();
    await page.keyboard.type(user.password);
    await page.keyboard.press('Enter');
    await expect(section(page, NAME).getByRole('status')).toHaveText('Two-factor authentication is off. Other devices are signed out.');
    await expect(section(page, NAME).locator(':focus')).toHaveCount(1);
  });

  testVerified('says which step it is, and offers other ways than scanning', async ({ page, context, user }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await open(page, '/account');
    await openDialog(page, NAME, 'Turn on');
    await expect(dialog(page)).toContainText('Step 1 of 3');
    await expect(dialog(page)).toContainText('Google Authenticator');
    await press(page, 'Cancel');
    await beginSetUp(page, user);
    await expect(dialog(page)).toContainText('Step 2 of 3');
    const url = await dialog(page).getByRole('link', { name: 'Open in authenticator app' }).getAttribute('href');
    expect(url).toBe(await scan(qrCode(page)));
    await expect(button(page, 'Copy key')).toBeHidden();
    const secret = await shownSecret(page);
    await press(page, 'Copy key');
    await expect(announced(page).filter({ hasText: 'Copied.' })).toBeVisible();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
    await code(page).fill(new Authenticator(url!).code());
    await shownRecoveryCodes(page);
    await expect(dialog(page)).toContainText('Step 3 of 3');
  });

  testVerified('can be cancelled until the code is entered', async ({ page, user, server }) => {
    await open(page, '/account/security');
    await beginSetUp(page, user);
    const first = await shownSecret(page);
    await page.keyboard.press('Escape');
    await expect(dialog(page)).toHaveCount(0);
    await expect(button(page, 'Turn on')).toBeFocused();
    await beginSetUp(page, user);
    // An app that was set up in the meantime still fits.
    expect(await shownSecret(page)).toBe(first);
    await press(page, 'Cancel');
    await expect(dialog(page)).toHaveCount(0);
    await page.reload();
    await expectAccount(page, user, '/account/security');
    await expect(button(page, 'Turn on')).toBeVisible();
    await server.sessions((await server.login(user)).token);
  });

  testVerified('makes other browsers ask for a code, and return', async ({ page, anotherBrowser, server, user, problems }) => {
    problems.expect(/status of 403/);
    const storageState = stored(server, await server.login(user));
    const other = await (await anotherBrowser({ storageState })).newPage();
    await open(other, '/account?from=mail');
    await expect(devices(other)).toHaveCount(2);

    await open(page, '/account/security');
    await beginSetUp(page, user);
    const app = new Authenticator(await scan(qrCode(page)));
    await code(page).fill(app.code());
    await shownRecoveryCodes(page);
    await finishRecoveryCodes(page);

    await devices(other).filter({ hasNotText: 'This device' }).getByRole('button', { name: /^Sign out/ }).click();
    await expectTwoFactor(other, '/account?from=mail');
    await other.reload();
    await expectTwoFactor(other, '/account?from=mail');
    await code(other).fill(app.code());
    await expect(other).toHaveURL('/account?from=mail');
    await expect(devices(other)).toHaveCount(2);
    await page.reload();
    await expectAccount(page, user, '/account/security');
  });
});

test.describe('recovery codes', () => {
  testVerified('are copied, downloaded and printed, and are not lost by accident', async ({ page, context, user }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.addInitScript(() => {
      const counted = { prints: 0, print: () => (counted.prints += 1) };
      Object.assign(window, { print: counted.print, counted });
    });
    await open(page, '/account/security');
    await beginSetUp(page, user);
    const app = new Authenticator(await scan(qrCode(page)));
    await code(page).fill(app.code());
    const codes = await shownRecoveryCodes(page);
    for (const one of codes) expect(one).toMatch(/^[0-9a-hjkmnp-tv-z]{6}(-[0-9a-hjkmnp-tv-z]{6}){3}$/);
    expect(new Set(codes).size).toBe(10);

    for (const _ of [1, 2, 3]) await page.keyboard.press('Escape');
    await page.mouse.click(4, 4);
    expect(await shownRecoveryCodes(page)).toEqual(codes);
    await expect(dialog(page)).toBeVisible();

    await press(page, 'Copy');
    await expect(announced(page).filter({ hasText: /copied/i }).first()).toBeVisible();
    expect((await page.evaluate(() => navigator.clipboard.readText())).trim().split('\n')).toEqual(codes);
    const downloading = page.waitForEvent('download');
    await press(page, 'Download');
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(/^latchkey-recovery-codes-\d{4}-\d\d-\d\d\.txt$/);
    const lines = (await readFile(await download.path(), 'utf8')).split('\n');
    for (const one of codes) expect(lines).toContain(one);
    expect(lines).toContain(`Site: ${new URL(page.url()).host}`);
    expect(lines).toContain(`Account: ${user.email}`);
    expect(lines.join('\n')).toMatch(/^Created: \d{4}-\d\d-\d\d$/m);
    await press(page, 'Print');
    expect(await page.evaluate(() => (window as unknown as { counted: { prints: number } }).counted.prints)).toBe(1);

    await finishRecoveryCodes(page);
    await expect(page.getByText(codes[0])).toHaveCount(0);
  });

  testVerified('must be saved before the dialog closes, and the page asks before it is left', async ({ page, user }) => {
    await open(page, '/account');
    await beginSetUp(page, user);
    const app = new Authenticator(await scan(qrCode(page)));
    await code(page).fill(app.code());
    await shownRecoveryCodes(page);
    const saved = dialog(page).getByLabel('I have saved these codes');
    await press(page, 'Done');
    await expect(saved).toBeFocused();
    await expect(saved).toHaveAccessibleDescription('Save the codes first, and then tick this box.');
    await expectAccessible(page);
    const asking = page.waitForEvent('dialog');
    const reloading = page.reload({ timeout: 2_000 }).catch(() => {});
    const question = await asking;
    expect(question.type()).toBe('beforeunload');
    await question.dismiss();
    await reloading;
    await expect(dialog(page)).toBeVisible();
    await finishRecoveryCodes(page);
  });

  testWithSecondFactor('that are left are counted, with a warning when they are few', async ({ page, server, user, secondFactor, problems }) => {
    const count = section(page, NAME).getByText(/of 10 recovery codes left/);
    await open(page, '/account/security');
    await expect(count).toHaveText(/^10 of 10 recovery codes left · created on \d{1,2} [A-Z][a-z]{2,3} \d{4}$/);
    for (const one of secondFactor.recoveryCodes.slice(0, 7)) {
      const { token } = await server.login(user);
      await server.post('/api/recovery/login', { code: one }, { Authorization: `Bearer ${token}` });
    }
    await page.reload();
    await expect(count).toHaveText(/^3 of 10 recovery codes left/);
    await expect(section(page, NAME)).toContainText('Only 3 recovery codes are left.');
    await expectAccessible(page);
    await openDialog(page, NAME, 'New recovery codes');
    await currentPassword(page).fill(user.password);
    await press(page, 'Create new codes');
    await shownRecoveryCodes(page);
    await finishRecoveryCodes(page);
    await expect(count).toHaveText(/^10 of 10 recovery codes left/);
    await expect(section(page, NAME)).not.toContainText('Only 3');

    problems.expect(/net::ERR_FAILED.*recovery\/view/);
    await page.route('**/api/recovery/view', (route) => route.abort());
    await page.reload();
    await expect(button(page, 'New recovery codes')).toBeVisible();
    await expect(count).toHaveCount(0);
  });

  testVerified('are printed on one page, without the page behind them', async ({ page, user }) => {
    await open(page, '/account/security');
    await beginSetUp(page, user);
    const app = new Authenticator(await scan(qrCode(page)));
    await code(page).fill(app.code());
    const codes = await shownRecoveryCodes(page);
    await page.emulateMedia({ media: 'print' });
    for (const one of codes) await expect(page.getByText(one)).toBeVisible();
    await expect(button(page, 'Print')).toBeHidden();
    await expect(page.getByText('Change password')).toBeHidden();
    // The print names the site.
    const title = await page.locator('.recovery-codes').evaluate((list) => getComputedStyle(list, '::before').content);
    expect(title).toContain(new URL(page.url()).host);
    expect((await page.pdf()).toString('latin1')).toMatch(/\/Count 1\b/);
  });

  testWithSecondFactor('are replaced by new ones', async ({ page, server, user, secondFactor, mailbox, problems }) => {
    problems.expectStatus(400, '/api/recovery/create');
    await open(page, '/account/security');
    await openDialog(page, NAME, 'New recovery codes');
    await currentPassword(page).fill('not-the-password');
    await press(page, 'Create new codes');
    await expectFieldError(currentPassword(page), /password/i);
    await currentPassword(page).fill(user.password);
    await press(page, 'Create new codes');
    const codes = await shownRecoveryCodes(page);
    expect(codes.filter((one) => secondFactor.recoveryCodes.includes(one))).toEqual([]);
    await page.keyboard.press('Escape');
    await expect(dialog(page)).toBeVisible();
    await finishRecoveryCodes(page);
    await expect(button(page, 'New recovery codes')).toBeFocused();
    await mailbox.take(user.email, 'You have new recovery codes');

    const authorization = { Authorization: `Bearer ${(await server.login(user)).token}` };
    const pass = (one: string) => server.post('/api/recovery/login', { code: one }, authorization);
    await expect(pass(secondFactor.recoveryCodes[0])).rejects.toThrow(/Incorrect code/);
    await pass(codes[0]);
  });
});

testWithSecondFactor('another app is added, renamed, used and removed', async ({ page, user, mailbox, problems }) => {
  problems.expectStatus(400, '/api/totp/add');
  problems.allow(/status of 403.*user\/view/);
  const apps = section(page, NAME).getByRole('listitem');
  await open(page, '/account/security');
  await expect(apps).toHaveCount(1);
  await expect(apps).toContainText('Authenticator app');
  await expect(apps).toContainText('Never used');
  await expect(apps.getByRole('button')).toHaveText([/^Rename/]);

  await openDialog(page, NAME, 'Add another app');
  await expectAccessible(page);
  await currentPassword(page).fill(user.password);
  await press(page, 'Continue');
  const app = new Authenticator(await scan(qrCode(page)));
  await expectAccessible(page);
  await code(page).fill(app.wrongCode());
  await expectFieldError(code(page), WRONG);
  // The first app has used up this step.
  app.code();
  await code(page).fill(app.code());
  await expect(dialog(page)).toHaveCount(0);
  await expect(section(page, NAME).getByRole('status').first()).toHaveText('Authenticator app added.');
  await expect(section(page, NAME).locator(':focus')).toHaveCount(1);
  await expect(apps).toHaveCount(2);
  await expect(apps.last()).toContainText('Authenticator app 2');
  await mailbox.take(user.email, 'An authenticator app was added');

  await apps.last().getByRole('button', { name: /^Rename/ }).click();
  await expectAccessible(page);
  await dialog(page).getByLabel('Name').fill('Tablet');
  await press(page, 'Save');
  await expect(apps.last()).toContainText('Tablet');
  await expectAccessible(page);

  await signOut(page);
  await signIn(page, user);
  await expectTwoFactor(page);
  let typed = '';
  await expect(() => { typed = app.code(); }).toPass();
  await code(page).fill(typed);
  await expectAccount(page, user);
  await openPage(page, 'Security');
  await expect(apps.last()).toContainText('Last used');

  // Then the other one is the only one.
  await apps.first().getByRole('button', { name: /^Remove/ }).click();
  await expectAccessible(page);
  await currentPassword(page).fill(user.password);
  await press(page, 'Remove');
  await expect(apps).toHaveCount(1);
  await expect(apps).toContainText('Tablet');
  await expect(apps.getByRole('button')).toHaveText([/^Rename/]);
  await mailbox.take(user.email, 'An authenticator app was removed');
});

testWithSecondFactor('turning it off requires the password, and ends other sessions', async ({ page, anotherBrowser, server, user, secondFactor, mailbox, problems }) => {
  problems.expectStatus(400, '/api/totp/delete');
  problems.expect(/status of 401/);
  const other = await (await anotherBrowser(NOBODY)).newPage();
  await open(other, '/login');
  await signIn(other, user);
  await expectTwoFactor(other);
  await code(other).fill(secondFactor.app.code());
  await expectAccount(other, user);

  await open(page, '/account');
  await expect(devices(page)).toHaveCount(2);
  await openDialog(page, NAME, 'Turn off');
  await currentPassword(page).fill('not-the-password');
  await press(page, 'Turn off');
  await expectFieldError(currentPassword(page), /password/i);
  await currentPassword(page).fill(user.password);
  await press(page, 'Turn off');
  await expect(dialog(page)).toHaveCount(0);
  await expect(section(page, NAME).getByRole('status')).toHaveText('Two-factor authentication is off. Other devices are signed out.');
  await expect(section(page, NAME).locator(':focus')).toHaveCount(1);
  await expect(section(page, NAME).getByRole('button', { name: 'Turn on' })).toBeVisible();
  await openPage(page, 'Devices');
  await expect(devices(page)).toHaveCount(1);
  await mailbox.take(user.email, 'Two-factor authentication is off');
  await page.reload();
  await expectAccount(page, user, '/account/devices');

  await other.reload();
  await expectEnded(other);
  await signIn(other, user);
  await expectAccount(other, user);
  await server.sessions((await server.login(user)).token);
});

testWithSecondFactor('an account with a second factor can change its password and be deleted', async ({ page, server, user }) => {
  await open(page, '/account');
  await openDialog(page, 'Password', 'Change password');
  await currentPassword(page).fill(user.password);
  user.password = 'cobalt-lantern-62-orchard';
  await page.getByLabel('New password', { exact: true }).fill(user.password);
  await press(page, 'Change password');
  await expect(dialog(page)).toHaveCount(0);
  await page.reload();
  await expectAccount(page, user, '/account/security');
  await openDialog(page, 'Delete account', 'Delete account');
  await currentPassword(page).fill(user.password);
  await press(page, 'Delete account');
  await expect(page).toHaveURL('/');
  await expect(server.login(user)).rejects.toThrow(/invalid_credentials/);
});

test('a trusted device takes no code, until the user forgets it', async ({ page, user, secondFactor }) => {
  await open(page, '/login');
  await signIn(page, user);
  await expectTwoFactor(page);
  await page.getByLabel('Don\'t ask for a code on this device for 30 days').check();
  await expectAccessible(page);
  await code(page).fill(secondFactor.app.code());
  await expectAccount(page, user);
  await signOut(page);
  await signIn(page, user);
  await expectAccount(page, user);
  await openPage(page, 'Devices');
  await expect(devices(page).first()).toContainText('No code needed until');
  await openPage(page, 'Security');
  await button(page, 'Ask for a code everywhere').click();
  await expect(button(page, 'Ask for a code everywhere')).toHaveCount(0);
  await signOut(page);
  await signIn(page, user);
  await expectTwoFactor(page);
});
