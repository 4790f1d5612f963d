import { chromium, expect, test } from '@playwright/test';
import lighthouse, { type Flags, type Result } from 'lighthouse';
import { throttling } from 'lighthouse/core/config/constants.js';
import puppeteer, { type Browser } from 'puppeteer-core';
import { browser as options } from '../support/browser.ts';
import { Server, type User } from '../support/server.ts';
import { newUser, stored } from '../support/test.ts';

/** How often a page is measured: on a busy machine one run may be slow, so the best one counts. */
const RUNS = 3;
const CATEGORIES = ['performance', 'accessibility', 'best-practices', 'seo'] as const;

/** The speed of a middling phone, in Lighthouse's measure of processors: a fast desktop computer has 1,500. */
const PHONE = 375;
/** How much slower than this machine the phone is, for Lighthouse by default. */
const SLOWDOWN = 4;

type Scores = Record<(typeof CATEGORIES)[number], number>;

let browser: Browser;
let server: Server;
let user: User;
test.beforeAll(async () => {
  server = await Server.launch();
  user = newUser();
  await server.register(user);
  browser = await puppeteer.launch({
    executablePath: options.executablePath ?? chromium.executablePath(),
    args: [...options.args!, ...(options.chromiumSandbox ? [] : ['--no-sandbox'])],
  });
});
test.afterAll(async () => {
  await browser?.close();
  await server?.discard();
});

// The least performance, with room for a busy machine: a quiet one with two cores gives 97, 95 and 78. The
// account shows its content only when its data have arrived.
for (const { path, performance } of [
  { path: '/', performance: 87 },
  { path: '/login', performance: 85 },
  { path: '/account', performance: 65 },
]) {
  test(`Lighthouse's scores of ${path} on a phone`, async () => {
    test.setTimeout(180_000);
    const wanted: Scores = { performance, accessibility: 100, 'best-practices': 100, seo: 100 };
    const best: Scores = { performance: 0, accessibility: 0, 'best-practices': 0, seo: 0 };
    let report = '';
    let slowdown = SLOWDOWN;
    for (let run = 0; run < RUNS && !reaches(best, wanted); run += 1) {
      const result = await measure(path, slowdown);
      if (result.runtimeError) {
        report = result.runtimeError.message;
        continue;
      }
      // A slow or busy machine is less than four times as fast as a phone.
      slowdown = Math.max(1, Math.min(slowdown, result.environment.benchmarkIndex / PHONE));
      for (const name of CATEGORIES) best[name] = Math.max(best[name], score(result, name));
      report = lost(result);
    }
    console.log(`Lighthouse, ${path}: ${CATEGORIES.map((name) => `${name} ${best[name]}`).join(', ')}`);
    expect(reaches(best, wanted), `${JSON.stringify(best)}, wanted ${JSON.stringify(wanted)}\n${report}`).toBe(true);
  });
}

const reaches = (best: Scores, wanted: Scores) => CATEGORIES.every((name) => best[name] >= wanted[name]);
const score = (result: Result, name: string) => Math.round((result.categories[name].score ?? 0) * 100);

/** Measures a page in a new window: nothing is cached. The network and the processor of a phone are simulated. */
async function measure(path: string, slowdown: number): Promise<Result> {
  const context = await browser.createBrowserContext();
  try {
    const page = await context.newPage();
    const isSignedIn = path === '/account';
    if (isSignedIn) {
      const [{ name, value }] = stored(server, await server.login(user)).origins[0].localStorage;
      await page.goto(`${server.url}/robots.txt`);
      await page.evaluate((key, session) => localStorage.setItem(key, session), name, value);
    }
    const flags: Flags = {
      logLevel: 'error',
      onlyCategories: [...CATEGORIES],
      disableStorageReset: true,
      throttling: { ...throttling.mobileSlow4G, cpuSlowdownMultiplier: slowdown },
      // The account is private: search engines are told not to list it.
      skipAudits: isSignedIn ? ['is-crawlable'] : [],
    };
    const { lhr } = (await lighthouse(server.url + path, flags, undefined, page))!;
    expect(new URL(lhr.finalDisplayedUrl).pathname).toBe(path);
    return lhr;
  } finally {
    await context.close();
  }
}

/** Returns the audits that cost points. */
function lost(result: Result): string {
  return Object.values(result.audits)
    .filter((audit) => audit.score !== null && audit.score < 0.9)
    .map((audit) => `${audit.id} ${audit.score} ${audit.displayValue ?? ''}`)
    .join('\n');
}
