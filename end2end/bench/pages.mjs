// How long pages take on a phone: cold, over Chrome's "Slow 4G" and with a processor that is four times
// slower than this machine's. Started alone, this prints the figures: node end2end/bench/pages.mjs
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from '@playwright/test';
import puppeteer, { PredefinedNetworkConditions } from 'puppeteer-core';
import { CHEAP_HASH, PASSWORD, Program, median } from './program.mjs';

const DEBIAN = '/usr/bin/chromium';
const EMAIL = 'ada@bench.example';
const ROUNDS = 3;
const LIMIT = 60_000;

/** When the app has taken the page over, and its form can be sent. */
const USABLE = "document.documentElement.dataset.app === 'ready' && document.querySelector('main form [type=submit]')?.disabled === false";
/** When the account shows whose it is, and the devices. */
const LOADED = `['${EMAIL}', 'This device'].every((text) => document.querySelector('main')?.innerText.includes(text))`;

/** Measures everything, and returns a list of { work, ms, goal }, both in milliseconds. */
export async function measurePages(program) {
  const browser = await puppeteer.launch({
    executablePath: existsSync(DEBIAN) ? DEBIAN : chromium.executablePath(),
    args: ['--disable-gpu', '--no-first-run', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])],
  });
  try {
    await program.register(EMAIL);
    const figures = [];
    for (const { work, goal, measure } of MEASUREMENTS) {
      const times = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const context = await browser.createBrowserContext();
        times.push(await measure(await context.newPage(), program));
        await context.close();
      }
      figures.push({ work, ms: median(times), goal });
    }
    return figures;
  } finally {
    await browser.close();
  }
}

const MEASUREMENTS = [
  { work: '/login until it can be used', goal: 2200, measure: (page, { url }) => load(page, `${url}/login`, USABLE) },
  { work: '/register until it can be used', goal: 2600, measure: (page, { url }) => load(page, `${url}/register`, USABLE) },
  { work: '/account until its data are there', goal: 3200, measure: account },
  { work: 'from "Sign in" to the data of the account', goal: 2000, measure: signIn },
];

async function slow(page) {
  await page.emulateNetworkConditions(PredefinedNetworkConditions['Slow 4G']);
  await page.emulateCPUThrottling(4);
}

/** Opens a page, and returns the time from the beginning of the navigation until a condition is true. */
async function load(page, url, condition) {
  await slow(page);
  // The clock of the document starts with the navigation.
  await page.goto(url, { waitUntil: 'domcontentloaded', timeout: LIMIT });
  return timeOf(page, condition);
}

/** Returns the time at which a condition was first true in a frame, since the document's beginning. */
async function timeOf(page, condition) {
  return page.evaluate(`new Promise((found, failed) => {
    const look = () => {
      if (${condition}) return found(performance.now());
      if (performance.now() > ${LIMIT}) return failed(new Error('not there after a minute'));
      requestAnimationFrame(look);
    };
    look();
  })`);
}

async function account(page, program) {
  const pair = await program.signIn(EMAIL);
  const session = { token: pair.token, refresh_token: pair.refresh_token, expires_at: Date.now() + pair.expires_in * 1000 };
  await page.goto(`${program.url}/robots.txt`);
  await page.evaluate((value) => localStorage.setItem('latchkey.session', value), JSON.stringify(session));
  return load(page, `${program.url}/account`, LOADED);
}

/** Fills in the form like somebody who types, waits a moment, and presses the button. */
async function signIn(page, program) {
  await load(page, `${program.url}/login`, USABLE);
  await page.type('input[type=email]', EMAIL, { delay: 60 });
  await page.type('input[type=password]', PASSWORD, { delay: 60 });
  await page.evaluate(`addEventListener('click', () => (window.pressed = performance.now()), true)`);
  await page.click('main form [type=submit]');
  return (await timeOf(page, LOADED)) - (await page.evaluate('window.pressed'));
}

if (import.meta.filename === process.argv[1]) {
  const folder = await mkdtemp(path.join(tmpdir(), 'latchkey-pages-'));
  const program = await Program.start(folder, CHEAP_HASH);
  try {
    for (const { work, ms, goal } of await measurePages(program)) {
      console.log(`${work}: ${(ms / 1000).toFixed(2)} s, wanted: ${(goal / 1000).toFixed(1)} s`);
    }
  } finally {
    await program.stop();
    await rm(folder, { recursive: true });
  }
}
