import { expect, type Locator, type Page } from '@playwright/test';
import type { User } from './server.ts';

/** The session in `localStorage`. */
export type StoredSession = { token: string; refresh_token: string; expires_at: number };

/** The paths of the app's pages. */
export const PAGES = [
  '/', '/register', '/login', '/account', '/account/profile', '/account/security', '/account/devices', '/account/activity', '/account/delete', '/forgot', '/reset', '/activate', '/email', '/email/undo', '/device', '/two-factor',
  '/login/code', '/admin', '/admin/invitations', '/admin/activity', '/admin/keys', '/admin/webhooks',
] as const;

/** Opens a page and waits until it is hydrated. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await hydrated(page);
}

/** Waits until the app's code runs and its first requests are done. */
export async function hydrated(page: Page): Promise<void> {
  await page.waitForLoadState('networkidle');
}

export const email = (page: Page): Locator => page.getByLabel('Email', { exact: true });
export const password = (page: Page): Locator => page.getByLabel('Password', { exact: true });
export const button = (page: Page, name: string): Locator =>
  page.getByRole('button', { name, exact: true });

/** The heading of a page. */
export const title = (page: Page, name: string): Locator =>
  page.getByRole('heading', { level: 1, name, exact: true });

/** A section of a page of the account. */
export const section = (page: Page, name: string): Locator =>
  page.getByRole('region', { name, exact: true });

/** The open dialog. */
export const dialog = (page: Page): Locator => page.getByRole('dialog');

export const currentPassword = (page: Page): Locator =>
  page.getByLabel('Current password', { exact: true });
export const newPassword = (page: Page): Locator => page.getByLabel('New password', { exact: true });
export const newEmail = (page: Page): Locator => page.getByLabel('New email', { exact: true });
export const code = (page: Page): Locator => page.getByLabel('Code', { exact: true });
export const recoveryCode = (page: Page): Locator =>
  page.getByLabel('Recovery code', { exact: true });
export const qrCode = (page: Page): Locator =>
  page.getByRole('img', { name: 'QR code for your authenticator app' });

/** The heading of the account page: the user's email address. */
export const heading = (page: Page, user: User): Locator =>
  page.getByRole('heading', { level: 1, name: user.email });

/** Expects the overview of the account, or another of its pages with the user in the account menu. */
export async function expectAccount(page: Page, user: User, path = '/account'): Promise<void> {
  await expect(page).toHaveURL(path);
  if (path === '/account') await expect(heading(page, user)).toBeVisible();
  else await expect(page.getByRole('banner')).toContainText(user.email);
}

/** The navigation between the pages of the account. */
export const navigation = (page: Page): Locator =>
  page.getByRole('main').getByRole('navigation', { name: 'Account', exact: true });

/** Opens another page of the account, if it is not open. */
export async function openPage(page: Page, name: string): Promise<void> {
  const link = navigation(page).getByRole('link', { name, exact: true });
  if ((await link.getAttribute('aria-current')) === null) await link.click();
  await expect(link).toHaveAttribute('aria-current', 'page');
}

/** Signs out in the account menu. */
export async function signOut(page: Page): Promise<void> {
  if (!(await button(page, 'Sign out').isVisible())) await button(page, 'Account menu').click();
  await button(page, 'Sign out').click();
}

/** Expects the sign-in page, with `next` as the page that follows. */
export async function expectLogin(page: Page, next: string): Promise<void> {
  await expect(page).toHaveURL((url) => url.pathname === '/login' && url.searchParams.get('next') === next);
}

/** Expects the page that asks for the second factor, with `next` as the page that follows. */
export async function expectTwoFactor(page: Page, next: string | null = null): Promise<void> {
  await expect(page).toHaveURL((url) => url.pathname === '/two-factor' && url.searchParams.get('next') === next);
  await expect(title(page, 'Two-factor authentication')).toBeVisible();
  await expect(code(page)).toBeVisible();
}

/** Expects the sign-in page with the notice that the session has ended. */
export async function expectEnded(page: Page): Promise<void> {
  await expectLogin(page, '/account');
  await expect(announced(page).filter({ hasText: /session (has )?ended/i }).first()).toBeVisible();
}

export async function fill(page: Page, user: User): Promise<void> {
  await email(page).fill(user.email);
  await password(page).fill(user.password);
}

/** Signs in on the open sign-in page. */
export async function signIn(page: Page, user: User): Promise<void> {
  await fill(page, user);
  await button(page, 'Sign in').click();
}

/** Opens one of the account's dialogs, with the button in its section. */
export async function openDialog(page: Page, name: string, label: string): Promise<void> {
  await openPage(page, name === 'Delete account' ? name : 'Security');
  await section(page, name).getByRole('button', { name: label, exact: true }).click();
  await expect(dialog(page)).toBeVisible();
}

/** Presses a button of the open dialog. */
export async function press(page: Page, label: string): Promise<void> {
  await dialog(page).getByRole('button', { name: label, exact: true }).click();
}

/** Opens an emailed link that needs a press, and gives the password where the page asks for it. */
export async function follow(page: Page, url: string, label: string, user?: User): Promise<void> {
  await open(page, url);
  await expect(button(page, label)).toBeVisible();
  if (user && (await password(page).count()) > 0) await password(page).fill(user.password);
  await button(page, label).click();
}

/** Confirms an email address with the emailed link. */
export async function confirmEmail(page: Page, url: string, user: User): Promise<void> {
  await follow(page, url, 'Confirm email address', user);
  await expect(title(page, 'Your email address is confirmed')).toBeVisible();
}

/** Confirms a new email address with the emailed link. */
export async function confirmNewEmail(page: Page, url: string, user: User): Promise<void> {
  await follow(page, url, 'Confirm new address', user);
  await expect(title(page, 'Your email address has been changed')).toBeVisible();
}

/** Signs out every device, and confirms it. */
export async function signOutEverywhere(page: Page): Promise<void> {
  await button(page, 'Sign out everywhere').click();
  await press(page, 'Sign out all devices');
}

/** Starts to set up an authenticator app, up to the dialog that shows the QR code. */
export async function beginSetUp(page: Page, user: User): Promise<void> {
  await openDialog(page, 'Two-factor authentication', 'Turn on');
  await currentPassword(page).fill(user.password);
  await press(page, 'Continue');
  await expect(code(page)).toBeVisible();
}

/** Returns the secret below the QR code, for typing it into an app. */
export async function shownSecret(page: Page): Promise<string> {
  const help = dialog(page).locator('details');
  if ((await help.getAttribute('open')) === null) await help.getByText('Can\'t scan?').click();
  const shown = await dialog(page).getByText(/^[A-Z2-7]{4}( [A-Z2-7]{4}){7}$/).innerText();
  return shown.replaceAll(' ', '');
}

/** Returns the recovery codes in the open dialog. */
export async function shownRecoveryCodes(page: Page): Promise<string[]> {
  const codes = dialog(page).getByRole('listitem');
  await expect(codes).toHaveCount(10);
  return codes.allInnerTexts();
}

/** Says that the recovery codes in the open dialog are saved, and closes it. */
export async function finishRecoveryCodes(page: Page): Promise<void> {
  await dialog(page).getByLabel('I have saved these codes').check();
  await press(page, 'Done');
  await expect(dialog(page)).toHaveCount(0);
}

/** Presses Tab until the element with this name has the focus. */
export async function tabTo(
  page: Page,
  name: string,
  wanted = page.getByRole('link', { name, exact: true }).or(button(page, name)),
): Promise<void> {
  for (let step = 0; step < 40; step += 1) {
    await page.keyboard.press('Tab');
    const focused = await wanted.evaluateAll((elements) => elements.includes(document.activeElement as HTMLElement));
    if (focused) return;
  }
  throw new Error(`Tab does not reach "${name}"`);
}

export async function storedSession(page: Page): Promise<StoredSession | null> {
  return page.evaluate(() => JSON.parse(localStorage.getItem('latchkey.session') ?? 'null'));
}

/** The rows of "Devices". */
export const devices = (page: Page): Locator =>
  page.getByRole('region', { name: 'Devices' }).getByRole('listitem');

/** The messages that screen readers announce. */
export const announced = (page: Page): Locator =>
  page.locator('[role=alert], [role=status], [aria-live=polite], [aria-live=assertive]');

/** Expects a field's error message: visible, and linked to the field for screen readers. */
export async function expectFieldError(field: Locator, message: string | RegExp): Promise<void> {
  await expect(field).toHaveAttribute('aria-invalid', 'true');
  await expect(field).toHaveAccessibleDescription(message);
  const ids = (await field.getAttribute('aria-describedby'))!.split(/\s+/);
  const texts = ids.map((id) => field.page().locator(`[id="${id}"]`));
  await expect(texts.reduce((all, next) => all.or(next)).filter({ hasText: message })).toBeVisible();
}
