import type { Page } from '@playwright/test';
import { doIUseEmail } from 'doiuse-email';
import { expectAccessible } from '../support/accessibility.ts';
import type { Email, Mailbox } from '../support/email.ts';
import { Server, type User } from '../support/server.ts';
import { expect, newUser, test } from '../support/test.ts';

/** The mail clients that have the narrowest rules, or the most users. */
const CLIENTS = ['outlook.windows', 'apple-mail.*', 'gmail.*'];

/** What not all of them support, and an email can do without: the dark mode, and round corners. */
const OPTIONAL = [
  '`@media` is not supported by `outlook.windows`',
  '`@media` is not supported by `gmail.mobile-webmail`',
  '`border-radius` is not supported by `outlook.windows`',
];

test('emails use only what Outlook, Apple Mail and Gmail support', async ({ server, user, mailbox }) => {
  for (const email of await emails(server, mailbox, user)) {
    const result = doIUseEmail(email.html, { emailClients: CLIENTS });
    expect(new Set(result.success ? [] : result.errors), email.subject).toEqual(new Set(OPTIONAL));
    // Outlook knows padding in table cells only. The button has it, too, in words for Outlook.
    const padded = [...email.html.matchAll(/<(\w+)[^>]*style="[^"]*padding:(?!0;)[^>]*>/g)];
    for (const [element, tag] of padded) {
      expect(tag === 'td' || element.includes('display:inline-block'), element).toBe(true);
    }
    expect(email.html.match(/mso-padding-alt/g) ?? []).toHaveLength(email.html.includes('href=') ? 1 : 0);
    // There is nothing to load, so nothing is missing while images are blocked.
    expect(email.html).not.toMatch(/<img|url\(|<link|src=|@import/i);
    // Gmail cuts off what is longer.
    expect(email.html.length).toBeLessThan(100 * 1024);
  }
});

test('the text says what the HTML says', async ({ server, user, mailbox }) => {
  for (const email of await emails(server, mailbox, user)) {
    const body = email.html.replace(/<(head|style)[\s\S]*?<\/\1>|<!--[\s\S]*?-->/g, '');
    const shown = body.replace(/<[^>]+>/g, '\n').split('\n').map(plain).filter((line) => line !== '');
    const text = plain(email.text);
    for (const line of shown.filter((one) => one !== 'Latchkey')) {
      // The HTML shows the link as text, too, in a sentence of its own.
      const said = line.replace(/^If the button doesn't work, copy this link into your browser: /, '');
      expect(text, email.subject).toContain(said);
    }
    const host = new URL(server.url).host;
    expect(email.text).toContain(`Sent by ${host} to ${email.to}.`);
  }
});

test('emails name the time and the device of the request', async ({ server, user, mailbox }) => {
  for (const email of await emails(server, mailbox, user)) {
    const origin = /Requested on \d{4}-\d\d-\d\d \d\d:\d\d UTC from [^,]+, IP address 127\.0\.0\.1\./;
    expect(email.text, email.subject).toMatch(origin);
    expect(email.html, email.subject).toMatch(origin);
  }
});

for (const width of [320, 800]) {
  test(`emails are readable in any colors at ${width} pixels`, async ({ page, server, user, mailbox }) => {
    await page.setViewportSize({ width, height: 800 });
    for (const email of await emails(server, mailbox, user)) {
      await show(page, email);
      // Mail clients put emails into landmarks of their own.
      await expectAccessible(page, ['region', 'landmark-one-main']);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), email.subject).toBeLessThanOrEqual(width);
      for (const [colorScheme, paper] of [['dark', 'rgb(20, 24, 26)'], ['light', 'rgb(246, 245, 241)']] as const) {
        await page.emulateMedia({ colorScheme });
        await expect(page.locator('body')).toHaveCSS('background-color', paper);
      }
    }
  });
}

/** Shows an email like a mail client that has no rules of its own. */
async function show(page: Page, email: Email): Promise<void> {
  await page.setContent(email.html);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(email.subject);
}

/** Returns one email of each kind that a user can cause. */
async function emails(server: Server, mailbox: Mailbox, user: User): Promise<Email[]> {
  const seen: Email[] = [];
  const take = async (to: string, subject: string) => {
    seen.push(await mailbox.take(to, subject));
  };
  const activation = await mailbox.take(user.email, 'Confirm your email address');
  seen.push(activation);
  const [, token] = activation.text.match(/#token=(\S+)/)!;
  await server.post('/api/user/activation', { token, password: user.password });
  const { pair } = await server.turnOnSecondFactor(user);
  await take(user.email, 'Two-factor authentication is on');
  const authorization = { Authorization: `Bearer ${pair.token}` };
  await server.post('/api/recovery/create', { current_password: user.password }, authorization);
  await take(user.email, 'You have new recovery codes');
  const other = newUser().email;
  await server.post('/api/user/email/change', { new_email: other, current_password: user.password }, authorization);
  await take(user.email, 'Your email address is about to change');
  await take(other, 'Confirm your new email address');
  await server.post('/api/totp/delete', { current_password: user.password }, authorization);
  await take(user.email, 'Two-factor authentication is off');
  await server.post('/api/user/password/reset', { email: user.email });
  await take(user.email, 'Choose a new password');
  return seen;
}

/** Returns a text without line breaks, and with its characters instead of their names in HTML. */
function plain(text: string): string {
  const names: Record<string, string> = { '&quot;': '"', '&#34;': '"', '&#39;': '\'', '&lt;': '<', '&gt;': '>', '&amp;': '&' };
  return text.replace(/&[#\w]+;/g, (name) => names[name] ?? name).replace(/\s+/g, ' ').trim();
}
