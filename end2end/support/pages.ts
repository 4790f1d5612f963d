import { expect, type Locator, type Page } from '@playwright/test';
import type { User } from './server.ts';

/** What `localStorage` holds of the session. */
export type StoredSession = { token: string; refresh_token: string; expires_at: number };

/** The app's pages and what a signed-out visitor sees first on each. */
export const PAGES = ['/', '/register', '/login', '/account'] as const;

/** Opens a page and waits until the app has taken it over. */
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

/** The heading of the account page: who is signed in. */
export const heading = (page: Page, user: User): Locator =>
  page.getByRole('heading', { level: 1, name: user.email });

export async function expectAccount(page: Page, user: User): Promise<void> {
  await expect(page).toHaveURL('/account');
  await expect(heading(page, user)).toBeVisible();
}

/** The login page, from which one comes back to `next`. */
export async function expectLogin(page: Page, next: string): Promise<void> {
  await expect(page).toHaveURL((url) => url.pathname === '/login' && url.searchParams.get('next') === next);
}

/** The login page after the account's session has ended elsewhere: it says so. */
export async function expectEnded(page: Page): Promise<void> {
  await expectLogin(page, '/account');
  await expect(announced(page).filter({ hasText: /session (has )?ended/i }).first()).toBeVisible();
}

export async function fill(page: Page, user: User): Promise<void> {
  await email(page).fill(user.email);
  await password(page).fill(user.password);
}

/** Signs in on the login page that is open. */
export async function signIn(page: Page, user: User): Promise<void> {
  await fill(page, user);
  await button(page, 'Sign in').click();
}

export async function storedSession(page: Page): Promise<StoredSession | null> {
  return page.evaluate(() => JSON.parse(localStorage.getItem('latchkey.session') ?? 'null'));
}

/** The rows of "Devices" on the account page. */
export const devices = (page: Page): Locator =>
  page.getByRole('region', { name: 'Devices' }).getByRole('listitem');

/** The messages that a screen reader announces. */
export const announced = (page: Page): Locator =>
  page.locator('[role=alert], [role=status], [aria-live=polite], [aria-live=assertive]');

/** A field's message: visible, and tied to the field for a screen reader. */
export async function expectFieldError(field: Locator, message: string | RegExp): Promise<void> {
  await expect(field).toHaveAttribute('aria-invalid', 'true');
  await expect(field).toHaveAccessibleDescription(message);
  const ids = (await field.getAttribute('aria-describedby'))!.split(/\s+/);
  const texts = ids.map((id) => field.page().locator(`[id="${id}"]`));
  await expect(texts.reduce((all, next) => all.or(next)).filter({ hasText: message })).toBeVisible();
}
