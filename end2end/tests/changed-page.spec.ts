import type { Page } from '@playwright/test';
import { currentPassword, devices, dialog, email, expectAccount, fill, openDialog, password, press, signIn, signOut, title } from '../support/pages.ts';
import { expect, test, testSignedIn } from '../support/test.ts';

// What extensions, translators, password managers and proxies do to a page before the app runs.

type Change = { name: string; change: () => void };

const CHANGES: Change[] = [
  { name: 'a <div> first in <body>', change: () => document.body.prepend(document.createElement('div')) },
  { name: 'a <div> last in <body>', change: () => document.body.append(document.createElement('div')) },
  { name: 'a text first in <body>', change: () => document.body.prepend('text') },
  { name: 'a comment first in <body>', change: () => document.body.prepend(document.createComment('x')) },
  { name: 'an element after <body>', change: () => document.documentElement.append(document.createElement('grammarly-extension')) },
  {
    name: '<body> filled anew with the same HTML',
    change: () => {
      document.body.innerHTML = String(document.body.innerHTML);
    },
  },
  {
    name: 'a wrapper around the whole page',
    change: () => {
      const wrapper = document.createElement('div');
      wrapper.append(...document.body.childNodes);
      document.body.append(wrapper);
    },
  },
  { name: 'the app removed', change: () => document.getElementById('app')!.remove() },
  { name: 'a <div> first in the app', change: () => document.getElementById('app')!.prepend(document.createElement('div')) },
  { name: 'a <div> first in <main>', change: () => document.querySelector('main')!.prepend(document.createElement('div')) },
  {
    name: 'a text first in every element',
    change: () => {
      for (const element of document.querySelectorAll('#app *')) element.prepend(' ');
    },
  },
  {
    name: 'an icon after every input and first in every button',
    change: () => {
      for (const element of document.querySelectorAll('input')) element.after(document.createElement('span'));
      for (const element of document.querySelectorAll('button')) element.prepend(document.createElement('i'));
    },
  },
  {
    name: 'a wrapper around every input',
    change: () => {
      for (const element of document.querySelectorAll('input')) {
        const wrapper = document.createElement('div');
        element.replaceWith(wrapper);
        wrapper.append(element);
      }
    },
  },
  {
    name: 'attributes on every element',
    change: () => {
      for (const element of document.querySelectorAll('*')) {
        element.setAttribute('data-extension', 'true');
        element.classList.add('translated-ltr');
      }
    },
  },
  {
    name: 'no comments',
    change: () => {
      const comments = document.createTreeWalker(document.body, NodeFilter.SHOW_COMMENT);
      const all: ChildNode[] = [];
      while (comments.nextNode()) all.push(comments.currentNode as ChildNode);
      for (const comment of all) comment.remove();
    },
  },
  {
    name: 'a translation',
    change: () => {
      const texts = document.createTreeWalker(document.getElementById('app')!, NodeFilter.SHOW_TEXT);
      const all: Text[] = [];
      while (texts.nextNode()) all.push(texts.currentNode as Text);
      for (const text of all) {
        const [outer, inner] = [document.createElement('font'), document.createElement('font')];
        inner.textContent = text.data;
        outer.append(inner);
        text.replaceWith(outer);
      }
      document.documentElement.lang = 'de';
    },
  },
  {
    name: 'every text split in two',
    change: () => {
      const texts = document.createTreeWalker(document.getElementById('app')!, NodeFilter.SHOW_TEXT);
      const all: Text[] = [];
      while (texts.nextNode()) all.push(texts.currentNode as Text);
      for (const text of all) if (text.length > 1) text.splitText(1);
    },
  },
  {
    name: 'every button replaced by a copy',
    change: () => {
      for (const element of document.querySelectorAll('button')) element.replaceWith(element.cloneNode(true));
    },
  },
  {
    name: 'every button removed',
    change: () => {
      for (const element of document.querySelectorAll('button')) element.remove();
    },
  },
  {
    name: 'elements and comments in <head>, and no title',
    change: () => {
      document.head.prepend(document.createElement('meta'), document.createComment('HEAD'));
      document.head.append(document.createElement('meta'));
      document.querySelector('title')?.remove();
    },
  },
  {
    name: 'no comments in <head>',
    change: () => {
      for (const node of [...document.head.childNodes]) if (node.nodeType === Node.COMMENT_NODE) node.remove();
    },
  },
  {
    name: 'a nested <form>',
    change: () => document.querySelector('main')!.append(document.createElement('form')),
  },
];

/** Opens a page, and changes it after it was parsed and before the app has arrived. */
async function openChanged(page: Page, path: string, change: () => void): Promise<void> {
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  await page.route('**/*.wasm', async (route) => {
    await arrived;
    await route.continue();
  });
  await page.goto(path, { waitUntil: 'domcontentloaded' });
  await page.evaluate(change);
  arrive();
  await ready(page);
}

async function ready(page: Page): Promise<void> {
  await expect(page.locator('html[data-app=ready]')).toHaveCount(1);
}

for (const { name, change } of CHANGES) {
  test(`${name}: signing in works`, async ({ page, user }) => {
    await openChanged(page, '/login', change);
    await signIn(page, user);
    await expectAccount(page, user);
  });

  testSignedIn(`${name}: the account works`, async ({ page, user }) => {
    await openChanged(page, '/account', change);
    await expectAccount(page, user);
    await expect(devices(page)).toHaveCount(1);
    await openDialog(page, 'Password', 'Change password');
    await expect(currentPassword(page)).toHaveCount(1);
    await press(page, 'Cancel');
    await expect(dialog(page)).toHaveCount(0);
    await signOut(page);
    await expect(page).toHaveURL('/login');
  });
}

for (const path of ['/', '/register', '/forgot', '/nowhere']) {
  test(`${path} works when it was changed`, async ({ page, problems }) => {
    if (path === '/nowhere') problems.expectStatus(404, path);
    await openChanged(page, path, CHANGES[8].change);
    // The documents on the home page are not part of the app.
    await page.getByRole('main').locator('a:not([href^="/docs"])').last().click();
    await expect(page).not.toHaveURL(path === '/nowhere' ? path : `${path}#`);
    await ready(page);
  });
}

test('what was typed before the app renders anew is kept', async ({ page, user }) => {
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  await page.route('**/*.wasm', async (route) => {
    await arrived;
    await route.continue();
  });
  await page.goto('/login', { waitUntil: 'domcontentloaded' });
  await page.evaluate(CHANGES[8].change);
  await fill(page, user);
  arrive();
  await ready(page);
  await expect(email(page)).toHaveValue(user.email);
  await expect(password(page)).toHaveValue(user.password);
  await expect(password(page)).toBeFocused();
  await password(page).press('Enter');
  await expectAccount(page, user);
});

/** Changes the HTML of a page on its way, like a proxy. */
async function proxy(page: Page, path: string, change: (html: string) => string): Promise<void> {
  await page.route(`**${path}`, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: change(await response.text()) });
  });
}

const PROXIES: Record<string, (html: string) => string> = {
  'adds an element': (html) => html.replace('<body>', '<body><div>Toolbar</div>'),
  'adds an element to the app': (html) => html.replace('<div id="app">', '<div id="app"><div>Advertisement</div>'),
  'removes comments': (html) => html.replaceAll(/<!--.*?-->|<!>/g, ''),
  'adds white space': (html) => html.replaceAll('><', '>\n<'),
};

for (const [name, change] of Object.entries(PROXIES)) {
  test(`signing in works behind a proxy that ${name}`, async ({ page, user }) => {
    await proxy(page, '/login', change);
    await page.goto('/login');
    await ready(page);
    await signIn(page, user);
    await expectAccount(page, user);
  });
}

test('an unchanged page is taken over, not rendered anew', async ({ page }) => {
  await page.addInitScript(() => {
    addEventListener('DOMContentLoaded', () => Object.assign(document.querySelector('form')!, { mine: true }));
  });
  await page.goto('/login');
  await ready(page);
  expect(await page.evaluate(() => 'mine' in document.querySelector('form')!)).toBe(true);
});

/** Lets the app take over a page that differs from the server's, so that it stops. */
const trap = (html: string) => html
  .replace('fingerprint(served) === expected', 'true')
  .replace('<div id="app">', '<div id="app">text');

test('an app that stops while it starts renders the page anew', async ({ page, user, problems }) => {
  problems.allow(/uncaught|console error/);
  await proxy(page, '/login', trap);
  await page.goto('/login');
  await ready(page);
  await signIn(page, user);
  await expectAccount(page, user);
});

test('an app that can\'t start says what to do', async ({ page, problems }) => {
  problems.allow(/uncaught|console error/);
  await proxy(page, '/login', (html) => trap(html)
    .replace('await app.render(fresh);', "throw new WebAssembly.RuntimeError('unreachable');"));
  await page.goto('/login');
  await expect(page.getByText('Turn off extensions and translation for this site')).toBeVisible();
});

test('an app that stops later says what to do', async ({ page, problems }) => {
  problems.allow(/uncaught|console error/);
  await page.goto('/login');
  await ready(page);
  await expect(page.getByText('This page has stopped working.')).toBeHidden();
  await page.evaluate(() => {
    setTimeout(() => {
      throw new WebAssembly.RuntimeError('unreachable');
    });
  });
  await expect(page.getByText('This page has stopped working. Reload it to continue.')).toBeVisible();
});

test('a page that loads for long says so, until it has loaded', async ({ page }) => {
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  await page.route('**/*.wasm', async (route) => {
    await arrived;
    await route.continue();
  });
  await page.goto('/login', { waitUntil: 'domcontentloaded' });
  const late = page.getByText('This page is still loading.');
  await expect(late).toBeHidden();
  await expect(late).toBeVisible({ timeout: 20_000 });
  arrive();
  await expect(late).toBeHidden();
});

test('texts change on a page that was translated after the start', async ({ page, user }) => {
  await page.clock.install();
  await page.goto('/forgot');
  await ready(page);
  await page.evaluate(CHANGES[15].change);
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  await page.route('**/api/user/password/reset', async (route) => {
    await answered;
    await route.continue();
  });
  await email(page).fill(user.email);
  const submit = page.getByRole('main').locator('button[type=submit]');
  await expect(submit).toHaveText('Send link');
  await submit.click();
  await expect(submit).toHaveText('Sending the link…');
  answer();
  await expect(title(page, 'Check your email')).toBeVisible();
  await page.evaluate(CHANGES[15].change);
  const waiting = page.getByRole('button', { name: /^Send again in \d+ s$/ });
  await expect(waiting).toBeVisible();
  await page.evaluate(CHANGES[15].change);
  const before = await waiting.innerText();
  await page.clock.fastForward(5_000);
  await expect(waiting).not.toHaveText(before);
});
