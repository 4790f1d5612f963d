import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { expectAccount, open } from '../support/pages.ts';
import { expect, test, testAdmin, testSignedIn } from '../support/test.ts';

// The pages in German and French: chosen by the browser or on the page, and complete.

type Texts = Record<string, string>;

const PUBLIC = ['/', '/login', '/register', '/forgot', '/reset', '/activate', '/email', '/email/undo', '/nowhere'];
const ACCOUNT = ['/account', '/account/profile', '/account/security', '/account/devices', '/account/activity', '/account/delete'];
const ADMIN = ['/admin', '/admin/activity', '/admin/invitations', '/admin/keys', '/admin/webhooks'];

/** Returns the texts of the page's language. */
async function loadTexts(page: Page): Promise<Texts> {
  const path = await page.locator('html').getAttribute('data-texts');
  const response = await page.request.get(path!);
  expect(response.headers()['cache-control']).toContain('immutable');
  return response.json();
}

/** Everything that the page says, without what is the same in all languages. */
const said = (page: Page): Promise<string[]> => page.evaluate(() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Set<string>();
  while (walker.nextNode()) {
    const { parentElement: parent, textContent: text } = walker.currentNode;
    if (!parent || parent.closest('[translate=no], script, style, code, time, option')) continue;
    if (/\p{L}/u.test(text!)) found.add(text!.trim());
  }
  for (const element of document.querySelectorAll('[aria-label], [placeholder], [title]')) {
    if (element.closest('[translate=no], time')) continue;
    for (const name of ['aria-label', 'placeholder', 'title']) {
      const value = element.getAttribute(name);
      if (value && /\p{L}/u.test(value)) found.add(value);
    }
  }
  return [...found];
});

/** Returns what a page says that is none of its texts. */
async function untranslated(page: Page, texts: Texts): Promise<string[]> {
  const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\\\{\w+\\\}/g, '.+');
  const patterns = Object.values(texts).map((text) => new RegExp(`^${escape(text)}$`, 's'));
  // A value may be an element, with the parts of its sentence around it.
  const parts = new Set(Object.values(texts).flatMap((text) => text.split(/\{\w+\}/).map((part) => part.trim())));
  // Names, addresses, dates, devices as the server names them, and what the API calls things.
  const same = /^(Latchkey|200 OK|\w+ (auf|sur) \w+|[^\s@]+@[^\s@]+|[A-Z]{1,2}|\d{1,2}\D.*\d{4}.*|[a-z_.]+(:[a-z]+)?)$/;
  const isKnown = (text: string) => same.test(text) || parts.has(text) || patterns.some((pattern) => pattern.test(text));
  return (await said(page)).filter((text) => !isKnown(text));
}

async function expectTranslated(page: Page, paths: string[], language: string): Promise<void> {
  for (const path of paths) {
    await open(page, path);
    await expect(page.locator('html')).toHaveAttribute('lang', language);
    await page.waitForLoadState('networkidle');
    expect({ path, texts: await untranslated(page, await loadTexts(page)) }).toEqual({ path, texts: [] });
  }
}

for (const language of ['de', 'fr']) {
  const locale = `${language}-CH`;

  test.describe(language, () => {
    test.use({ locale });

    test(`the public pages in ${language}`, async ({ page, problems }) => {
      problems.allow(/status of 404.*nowhere/);
      await expectTranslated(page, PUBLIC, language);
      await expectAccessible(page);
    });

    testSignedIn(`the account in ${language}`, async ({ page, user }) => {
      await open(page, '/account');
      await expectAccount(page, user);
      await expectTranslated(page, ACCOUNT, language);
    });

    testAdmin(`the administration in ${language}`, async ({ page }) => {
      await expectTranslated(page, ADMIN, language);
    });
  });
}

test.describe('the choice on the page', () => {
  test.use({ locale: 'de-DE' });

  test('counts before the language of the browser, also after a reload', async ({ page }) => {
    await open(page, '/login');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Anmelden');
    await expect(page).toHaveTitle(/^Anmelden · /);
    await page.getByRole('combobox', { name: 'Sprache' }).selectOption('English');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sign in');
    await expect(page.locator('html')).toHaveAttribute('lang', 'en');
    await page.reload();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sign in');
    await expect(page.getByRole('combobox', { name: 'Language' })).toHaveValue('en');
  });

  test('decides the messages of the server', async ({ page, problems }) => {
    problems.allow(/status of 401/);
    await open(page, '/login');
    await page.getByLabel('E-Mail').fill('nobody@example.org');
    await page.getByLabel('Passwort', { exact: true }).fill('not-the-password');
    await page.getByRole('button', { name: 'Anmelden' }).click();
    await expect(page.getByRole('alert')).toContainText('E-Mail-Adresse oder Passwort ist falsch.');
  });

  test('an English page loads no texts', async ({ anotherBrowser }) => {
    const context = await anotherBrowser({ locale: 'en-US' });
    const page = await context.newPage();
    const requests: string[] = [];
    page.on('request', (request) => requests.push(new URL(request.url()).pathname));
    await open(page, '/login');
    expect(requests.filter((path) => path.startsWith('/languages/'))).toEqual([]);
  });
});
