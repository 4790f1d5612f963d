import { announced, button, email, expectAccount, expectEnded, expectLogin, fill, open, openDialog, password, signIn, signOut, signOutEverywhere, storedSession, title } from '../support/pages.ts';
import { expect, stored, test, testSignedIn } from '../support/test.ts';

const STORAGE_BLOCKED = 'This browser can\'t keep you signed in: its storage is blocked or full.';
const UNREACHABLE = /can.t be reached/;

// WebKitGTK says `C` under LANG=C.UTF-8, and Chromium says `en-US@posix`.
for (const language of ['en-US@posix', 'C', '', 'de_DE.UTF-8', '*']) {
  testSignedIn(`the account loads when the language is "${language}"`, async ({ page, user }) => {
    await page.addInitScript((value) => {
      Object.defineProperty(Navigator.prototype, 'language', { get: () => value });
      Object.defineProperty(Navigator.prototype, 'languages', { get: () => [value] });
    }, language);
    await open(page, '/account');
    await expectAccount(page, user);
    await expect(page.locator('time').first()).toHaveAttribute('title', /\d{4}/);
  });
}

testSignedIn('the account loads without Intl', async ({ page, user }) => {
  await page.addInitScript(() => {
    Object.defineProperty(window, 'Intl', { value: {} });
    Date.prototype.toLocaleString = () => {
      throw new RangeError('Incorrect locale information provided');
    };
  });
  await open(page, '/account');
  await expectAccount(page, user);
});

testSignedIn('an account that does not load says so after 15 s, and loads after trying again', async ({ page, user, problems }) => {
  problems.allow(/net::ERR_FAILED.*user\/view/);
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  let isSilent = true;
  await page.route('**/api/user/view', async (route) => {
    if (!isSilent) return route.continue();
    await answered;
    await route.abort();
  });
  await page.goto('/account');
  await expect(announced(page).filter({ hasText: UNREACHABLE }).first()).toBeVisible({ timeout: 30_000 });
  isSilent = false;
  await button(page, 'Try again').click();
  await expectAccount(page, user);
  answer();
});

testSignedIn('a tab that holds the lock and is frozen does not stop the others', async ({ anotherBrowser, server, user }) => {
  const pair = await server.login(user);
  const storageState = stored(server, pair);
  const value = storageState.origins[0].localStorage[0];
  value.value = JSON.stringify({ ...JSON.parse(value.value), expires_at: Date.now() - 1000 });
  const context = await anotherBrowser({ storageState });
  const frozen = await context.newPage();
  await frozen.goto('/robots.txt');
  await frozen.evaluate(() => {
    void navigator.locks.request('latchkey.session', () => new Promise(() => {}));
  });
  const page = await context.newPage();
  await page.goto('/account');
  await expect(page.getByRole('heading', { level: 1, name: user.email })).toBeVisible({ timeout: 25_000 });
  await signOut(page);
  await expect(page).toHaveURL('/login', { timeout: 25_000 });
  expect(await storedSession(page)).toBeNull();
});

test.describe('a storage', () => {
  test('that is full is reported when the page opens, and when signing in', async ({ page, user }) => {
    await page.addInitScript(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
      };
    });
    await open(page, '/login');
    await expect(page.getByText(STORAGE_BLOCKED)).toBeVisible();
    await signIn(page, user);
    await expect(announced(page).filter({ hasText: STORAGE_BLOCKED }).first()).toBeVisible();
    await expect(page).toHaveURL('/login');
  });

  test('that keeps nothing is reported when signing in', async ({ page, user }) => {
    await page.addInitScript(() => {
      Storage.prototype.setItem = () => {};
    });
    await open(page, '/login');
    await expect(page.getByText(STORAGE_BLOCKED)).toBeVisible();
    await signIn(page, user);
    await expect(announced(page).filter({ hasText: STORAGE_BLOCKED }).first()).toBeVisible();
  });

  test('that fills up later is reported when signing in', async ({ page, user }) => {
    await open(page, '/login');
    await expect(page.getByText(STORAGE_BLOCKED)).toBeHidden();
    await page.evaluate(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
      };
    });
    await signIn(page, user);
    await expect(announced(page).filter({ hasText: STORAGE_BLOCKED }).first()).toBeVisible();
  });
});

testSignedIn('a storage that is cleared while signed in leads to the sign-in page', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  await page.evaluate(() => localStorage.clear());
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await expect(page).toHaveURL(/\/login/);
  await signIn(page, user);
  await expectAccount(page, user);
});

testSignedIn('an action after the storage was cleared leads to the sign-in page', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  await page.evaluate(() => localStorage.clear());
  await signOut(page);
  await expect(page).toHaveURL(/\/login/);
});

for (const next of ['/account/security', '/account/devices', '/account/activity', '/account/delete']) {
  test(`the return path "${next}" is followed`, async ({ page, user }) => {
    await open(page, next);
    await expectLogin(page, next);
    await signIn(page, user);
    await expectAccount(page, user, next);
  });
}

const BACK = [
  '/account/nowhere', '/account/security/', '/account//security',
  '/.//evil.example', '/./account', '/account/..//evil.example', '/login', '/login?next=/login',
  '/register', '/two-factor', '/', '/nowhere', '/accounts', '/account/../login', '/%2e/%2Fevil.example',
];

for (const next of BACK) {
  test(`the return path "${next}" leads to the account`, async ({ page, user }) => {
    await open(page, `/login?next=${encodeURIComponent(next)}`);
    await signIn(page, user);
    await expectAccount(page, user);
  });
}

test('nothing is sent by the browser itself before the app runs', async ({ page, user }) => {
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  await page.route('**/*.wasm', async (route) => {
    await arrived;
    await route.continue();
  });
  await page.goto('/login', { waitUntil: 'domcontentloaded' });
  await fill(page, user);
  // After a reload, Firefox restores that the buttons were enabled.
  await page.evaluate(() => {
    for (const element of document.querySelectorAll('button')) element.disabled = false;
  });
  const sent: string[] = [];
  page.on('request', (request) => {
    if (request.method() === 'POST') sent.push(request.url());
  });
  await button(page, 'Sign in').click();
  await password(page).press('Enter');
  arrive();
  await expect(page.locator('html[data-app=ready]')).toHaveCount(1);
  expect(sent).toEqual([]);
  await expect(email(page)).toHaveValue(user.email);
  await button(page, 'Sign in').click();
  await expectAccount(page, user);
});

for (const path of ['/login', '/register', '/login?next=/account', '/email/undo', '/']) {
  test(`a form that is sent to ${path} opens the page`, async ({ request }) => {
    const response = await request.post(path, { form: { password: 'x' }, maxRedirects: 0 });
    expect(response.status()).toBe(303);
    expect(response.headers().location).toBe(path);
    expect((await request.post(path, { form: { password: 'x' } })).status()).toBe(200);
  });
}

test('without JavaScript no form can be sent', async ({ anotherBrowser, problems }) => {
  // With JavaScript off, the browser reports the page's scripts as blocked.
  problems.allow(/request failed: csp .*\.js\)/);
  const page = await (await anotherBrowser({ javaScriptEnabled: false })).newPage();
  await page.goto('/login');
  await expect(button(page, 'Sign in')).toBeDisabled();
});

/** Makes the files of an app that was loaded before an upgrade disappear, until the page loads again. */
test('a tab that was open over an upgrade reloads once by itself', async ({ page, user, problems }) => {
  problems.allow(/status of 404|console|uncaught/);
  await open(page, '/login');
  let loads = 0;
  page.on('load', () => (loads += 1));
  let isUpgraded = true;
  await page.route('**/pkg/*', async (route) => {
    if (isUpgraded) await route.fulfill({ status: 404, body: '' });
    else await route.continue();
  });
  await page.route('**/login', async (route) => {
    isUpgraded = false;
    await route.continue();
  });
  await fill(page, user);
  await button(page, 'Sign in').click();
  await expect.poll(() => loads).toBe(1);
  await expect(page.locator('html[data-app=ready]')).toHaveCount(1);
  await expect(email(page)).toHaveValue(user.email);
  // A password is not kept where others could read it.
  await expect(password(page)).toHaveValue('');
  await password(page).fill(user.password);
  await button(page, 'Sign in').click();
  await expectAccount(page, user);
});

test('a page whose code is gone after an upgrade opens nevertheless', async ({ page, problems }) => {
  problems.allow(/status of 404|console|uncaught/);
  await open(page, '/login');
  let isUpgraded = true;
  await page.route('**/pkg/*split*', async (route) => {
    if (isUpgraded) await route.fulfill({ status: 404, body: '' });
    else await route.continue();
  });
  await page.route('**/forgot', async (route) => {
    isUpgraded = false;
    await route.continue();
  });
  await page.getByRole('link', { name: 'Forgot password?' }).click();
  await expect(title(page, 'Forgot your password?')).toBeVisible();
  await expect(page).toHaveURL('/forgot');
});

testSignedIn.describe('after the session was ended elsewhere', () => {
  testSignedIn.beforeEach(async ({ page, server, user, problems }) => {
    problems.expect(/status of 401/);
    await open(page, '/account');
    await expectAccount(page, user);
    const { token } = (await storedSession(page))!;
    const sessions = await server.sessions(token);
    const other = await server.login(user);
    const current = sessions.find((session) => session.current)!;
    await server.post('/api/user/sessions/revoke', { id: current.id }, { Authorization: `Bearer ${other.token}` });
  });

  testSignedIn('"Sign out everywhere" says that the other devices were not signed out', async ({ page }) => {
    await signOutEverywhere(page);
    await expectEnded(page);
    const notice = announced(page).filter({ hasText: 'your other devices were not signed out' });
    await expect(notice).toContainText('sign in again or reset your password');
    await expect(page.getByText('You are signed out.')).toHaveCount(0);
  });

  testSignedIn('"Sign out" does not say that it has signed out', async ({ page }) => {
    await signOut(page);
    await expectEnded(page);
    await expect(page.getByText('You are signed out.')).toHaveCount(0);
  });

  for (const { name, label, submit } of [
    { name: 'Password', label: 'Change password', submit: 'Change password' },
    { name: 'Delete account', label: 'Delete account', submit: 'Delete account' },
  ]) {
    testSignedIn(`"${label}" says that it was not done`, async ({ page, user, server }) => {
      await openDialog(page, name, label);
      await page.getByLabel('Current password').fill(user.password);
      if (name === 'Password') await page.getByLabel('New password').fill('cobalt-lantern-62-orchard');
      await page.getByRole('dialog').getByRole('button', { name: submit }).click();
      await expectLogin(page, name === 'Password' ? '/account/security' : '/account/delete');
      await expect(announced(page).filter({ hasText: 'your last change was not made' })).toBeVisible();
      await server.login(user);
    });
  }
});

testSignedIn('"Sign out everywhere" whose response is lost says that it isn\'t clear', async ({ page, user, problems }) => {
  problems.expect(/net::ERR_FAILED.*logout\/all/);
  problems.expect(/status of 401/);
  await open(page, '/account');
  await expectAccount(page, user);
  await page.route('**/api/user/logout/all', async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await signOutEverywhere(page);
  await expect(announced(page).filter({ hasText: 'so your devices may still be signed in' })).toBeVisible();
  await button(page, 'Sign out all devices').click();
  await expect(page).toHaveURL(/\/login/);
  await expect(announced(page).filter({ hasText: 'it isn\'t clear whether your other devices were signed out' })).toBeVisible();
});

testSignedIn('signing out everywhere asks first', async ({ page, user, server }) => {
  await server.login(user);
  await open(page, '/account');
  await expectAccount(page, user);
  await button(page, 'Sign out everywhere').click();
  await expect(page.getByRole('dialog')).toContainText('all 2 devices');
  await button(page, 'Cancel').click();
  await expect(button(page, 'Sign out everywhere')).toBeFocused();
  expect(await storedSession(page)).not.toBeNull();
});
