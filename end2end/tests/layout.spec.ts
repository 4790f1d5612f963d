import type { BrowserContext, Page } from '@playwright/test';
import { Authenticator, scan } from '../support/authenticator.ts';
import { beginSetUp, button, code, currentPassword, devices, email, expectAccount, expectLogin, expectTwoFactor, finishRecoveryCodes, hydrated, navigation, newEmail, open, openDialog, openPage, PAGES, press, qrCode, recoveryCode, section, shownRecoveryCodes, signIn, title } from '../support/pages.ts';
import { expect, test, testSignedIn, testVerified, testWithSecondFactor } from '../support/test.ts';

/** An email address without a place for a line break. */
const LONG = `${'a'.repeat(60)}@${'b'.repeat(60)}.example.org`;
const WASM = /\/pkg\/.*\.wasm$/;

test.describe('from 320 to 2560 pixels', () => {
  const narrow = { viewport: { width: 320, height: 640 } };
  test.use(narrow);
  for (const path of PAGES) {
    test(`${path} does not scroll horizontally`, async ({ page }) => {
      await open(page, path);
      await expectNoHorizontalScroll(page);
    });
  }

  test('the second step of /forgot does not scroll horizontally', async ({ page }) => {
    await open(page, '/forgot');
    await email(page).fill(LONG);
    await button(page, 'Send link').click();
    await expect(title(page, 'Check your email')).toBeVisible();
    await expectNoHorizontalScroll(page);
    await expect(page.getByRole('button', { name: /Send again in/ })).toBeVisible();
    await expectNoHorizontalScroll(page);
  });

  test('the states of emailed links do not scroll horizontally', async ({ page, problems }) => {
    problems.expectStatus(400, '/api/user/link');
    for (const path of ['/activate', '/email', '/email/undo', '/reset']) {
      await open(page, `${path}#token=garbage`);
      await expect(title(page, 'This link no longer works')).toBeVisible();
      await expectNoHorizontalScroll(page);
      await page.goto(`${path}#token=`);
      await expect(title(page, 'This link arrived incomplete')).toBeVisible();
      await expectNoHorizontalScroll(page);
    }
  });

  test('the links to an account with a long address do not scroll horizontally', async ({ page }) => {
    for (const [path, purpose, label] of [
      ['/activate', 'activation', 'Confirm email address'],
      ['/email', 'email_change', 'Confirm new address'],
      ['/email/undo', 'undo', 'Take the change back'],
      ['/reset', 'reset', 'Set password'],
    ]) {
      await page.route('**/api/user/link', (route) => route.fulfill({
        json: { purpose, email: LONG, new_email: LONG, created_at: '2026-11-26T21:00:00Z', device: 'x'.repeat(80), used: false },
      }));
      await page.goto('/robots.txt');
      await open(page, `${path}#token=some`);
      await expect(button(page, label)).toBeVisible();
      await expectNoHorizontalScroll(page);
      await page.unroute('**/api/user/link');
    }
  });

  test('the second factor does not scroll horizontally', async ({ page, user, secondFactor, problems }) => {
    problems.allow(/status of 403.*user\/view/);
    problems.expectStatus(400, '/api/totp/login');
    await open(page, '/login');
    await signIn(page, user);
    await expectTwoFactor(page);
    await expectNoHorizontalScroll(page);
    await code(page).fill(secondFactor.app.wrongCode());
    await expect(code(page)).toHaveAttribute('aria-invalid', 'true');
    await expectNoHorizontalScroll(page);
    await button(page, 'Use a recovery code').click();
    await expect(recoveryCode(page)).toBeVisible();
    await expectNoHorizontalScroll(page);
  });
});

testSignedIn.describe('from 320 to 2560 pixels, signed in', () => {
  testSignedIn.use({ viewport: { width: 320, height: 640 } });
  testVerified.use({ viewport: { width: 320, height: 640 } });
  testSignedIn('the account does not scroll horizontally', async ({ page, user, server }) => {
    await server.login(user, 'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36');
    await server.login(user, 'x'.repeat(200));
    await open(page, '/account');
    await expectAccount(page, user);
    await expect(devices(page)).toHaveCount(3);
    await expectNoHorizontalScroll(page);
    await button(page, 'Account menu').click();
    await expectNoHorizontalScroll(page);
    await page.keyboard.press('Escape');
    for (const name of ['Profile', 'Security', 'Devices', 'Activity', 'Delete account']) {
      await openPage(page, name);
      await expectNoHorizontalScroll(page);
      await expect(navigation(page).getByRole('link', { name })).toBeInViewport({ ratio: 1 });
    }
    await button(page, 'Delete account').click();
    await expect(page.getByLabel('Current password')).toBeVisible();
    await expectNoHorizontalScroll(page);
  });

  testVerified('changing email and password does not scroll horizontally', async ({ page, user }) => {
    await open(page, '/account');
    await openDialog(page, 'Password', 'Change password');
    await expectNoHorizontalScroll(page);
    await press(page, 'Cancel');
    await openDialog(page, 'Email', 'Change email');
    await expectNoHorizontalScroll(page);
    await newEmail(page).fill(LONG);
    await currentPassword(page).fill(user.password);
    await press(page, 'Change email');
    await expect(section(page, 'Email').getByText(LONG)).toBeVisible();
    await expectNoHorizontalScroll(page);
  });

  testVerified('setting up the second factor does not scroll horizontally', async ({ page, user }) => {
    await open(page, '/account');
    await beginSetUp(page, user);
    await expectNoHorizontalScroll(page);
    await code(page).fill(new Authenticator(await scan(qrCode(page))).code());
    await shownRecoveryCodes(page);
    await expectNoHorizontalScroll(page);
    await finishRecoveryCodes(page);
    await expectNoHorizontalScroll(page);
  });
});

testWithSecondFactor.describe('from 320 to 2560 pixels, with a second factor', () => {
  testWithSecondFactor.use({ viewport: { width: 320, height: 640 } });
  testWithSecondFactor('its dialogs do not scroll horizontally', async ({ page }) => {
    await open(page, '/account');
    for (const label of ['New recovery codes', 'Turn off']) {
      await openDialog(page, 'Two-factor authentication', label);
      await expectNoHorizontalScroll(page);
      await press(page, 'Cancel');
    }
  });
});

for (const path of ['/', '/register', '/login', '/forgot', '/reset', '/activate', '/email', '/email/undo']) {
  test(`${path} does not shift during hydration`, async ({ page, context }) => {
    await slowWasm(context);
    await recordShifts(context);
    await open(page, path);
    await expectNoShift(page);
  });
}

testSignedIn('the account does not shift during hydration', async ({ page, context, user }) => {
  await slowWasm(context);
  await recordShifts(context);
  await open(page, '/account');
  await expectAccount(page, user);
  await expectNoShift(page);

  // Check that the measurement works.
  await page.getByRole('main').evaluate((main) => (main.style.marginTop = '200px'));
  expect((await readShifts(page)).sum).toBeGreaterThan(0.01);
});

for (const path of ['/', '/login', '/register']) {
  testSignedIn(`a signed-in visitor never sees ${path}`, async ({ page, context, user }) => {
    await slowWasm(context);
    const seen = await recordVisibleStates(context);
    await page.goto(path);
    await expectAccount(page, user);
    await expect.poll(() => [...seen]).toContain('signed in');
    expect([...seen]).not.toContain('signed out');
  });
}

test('a signed-out visitor never sees an account', async ({ page, context }) => {
  await slowWasm(context);
  const seen = await recordVisibleStates(context);
  await page.goto('/account');
  await expectLogin(page, '/account');
  await hydrated(page);
  await expect.poll(() => [...seen]).toContain('signed out');
  expect([...seen]).not.toContain('signed in');
});

test('a signed-out visitor can type before the app is loaded, and no input is lost', async ({ page, context, user }) => {
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  await context.route(WASM, async (route) => {
    await arrived;
    await route.continue();
  });
  await page.goto('/login', { waitUntil: 'commit' });
  const typedEmail = page.getByLabel('Email', { exact: true });
  const typedPassword = page.getByLabel('Password', { exact: true });
  await typedEmail.fill(user.email);
  await typedPassword.fill(user.password);
  await typedPassword.press('Enter');
  // Submitted without the app, the form would send the password in the URL or to a page.
  await expect(page).toHaveURL('/login');
  arrive();
  await hydrated(page);
  await expect(typedEmail).toHaveValue(user.email);
  await expect(typedPassword).toHaveValue(user.password);
  await button(page, 'Sign in').click();
  await expectAccount(page, user);
});

test('with reduced motion there are no animations', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  for (const path of PAGES) {
    await open(page, path);
    const moving = await page.evaluate(() => [...document.querySelectorAll('*')]
      .filter((element) => {
        const { animationName, animationDuration, transitionDuration } = getComputedStyle(element);
        const long = (durations: string) => durations.split(',').some((d) => parseFloat(d) > 0.01);
        return (animationName !== 'none' && long(animationDuration)) || long(transitionDuration);
      })
      .map((element) => element.outerHTML.slice(0, 80)));
    expect(moving).toEqual([]);
  }
});

/** The narrowest and the widest window, and a window with text of twice the size. */
const SIZES = [
  { width: 320, text: '100%' },
  { width: 2560, text: '100%' },
  { width: 1280, text: '200%' },
];

/** Fails if the page scrolls horizontally in any of the sizes. */
async function expectNoHorizontalScroll(page: Page): Promise<void> {
  for (const { width, text } of [...SIZES.slice(1), SIZES[0]]) {
    await page.setViewportSize({ width, height: 640 });
    const [found, tooWide] = await page.evaluate((fontSize) => {
      document.documentElement.style.fontSize = fontSize;
      const elements = [...document.querySelectorAll('body *')]
        .filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > innerWidth + 0.5);
      return [document.documentElement.scrollWidth, elements.map((element) => element.outerHTML.slice(0, 80))] as const;
    }, text);
    expect(found, `wider than ${width} px with ${text} text: ${tooWide.join('\n')}`).toBeLessThanOrEqual(width);
  }
}

/** Delays the app by half a second, so that the server's page is visible for that time. */
async function slowWasm(context: BrowserContext): Promise<void> {
  await context.route(WASM, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
}

/** What the browser reports of a layout shift (web.dev/cls). */
interface Shift {
  value: number;
  startTime: number;
  sources: { node: Node | null; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[];
}

async function recordShifts(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const record = { shifts: [] as string[], sum: 0 };
    Object.assign(window, { record });
    const place = ({ x, y, width, height }: DOMRectReadOnly) => `${x},${y} ${width}x${height}`;
    const name = (node: Node | null) => (node instanceof Element ? `${node.localName}.${node.className}` : node?.nodeName);
    new PerformanceObserver((list) => {
      for (const { value, startTime, sources } of list.getEntries() as unknown as Shift[]) {
        const moved = sources.map((source) => `${name(source.node)} from ${place(source.previousRect)} to ${place(source.currentRect)}`);
        record.shifts.push(`${value} at ${startTime.toFixed()} ms: ${moved.join('; ')}`);
        record.sum += value;
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
}

/** Returns the sum of the layout shifts, and what has moved, after the next frames were painted. */
async function readShifts(page: Page): Promise<{ shifts: string[]; sum: number }> {
  return page.evaluate(async () => {
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
    return (window as unknown as { record: { shifts: string[]; sum: number } }).record;
  });
}

async function expectNoShift(page: Page): Promise<void> {
  const { shifts, sum } = await readShifts(page);
  expect(sum, shifts.join('\n')).toBeLessThan(0.001);
}

/** Records in every frame of all documents which of the two states is visible. */
async function recordVisibleStates(context: BrowserContext): Promise<Set<string>> {
  const seen = new Set<string>();
  await context.exposeFunction('saw', (state: string) => seen.add(state));
  await context.addInitScript(() => {
    let last = '';
    const record = () => {
      const visible = (selector: string, text?: RegExp) => [...document.querySelectorAll(selector)].some((element) =>
        element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && (!text || text.test(element.textContent ?? '')));
      let state = 'neither';
      if (visible('main input') || visible('main a, main button', /^\s*(Create account|Sign in)\s*$/)) state = 'signed out';
      else if (visible('main button', /Sign out|Delete account/)) state = 'signed in';
      if (state !== last) (window as unknown as { saw: (state: string) => void }).saw(state);
      last = state;
      requestAnimationFrame(record);
    };
    requestAnimationFrame(record);
  });
  return seen;
}
