import { defineConfig } from '@playwright/test';
import { browser } from './support/browser.ts';

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results',
  forbidOnly: !!process.env.CI,
  // A test that passes at the second try is a fault, in it or in the program. On a shared machine it
  // may also be a hiccup: there the run goes on, and names the test as flaky.
  retries: process.env.CI ? 1 : 0,
  workers: 2,
  // Five tabs of one test on a busy machine take their time; what is waited for is an event, never a time.
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: process.env.CI ? 'list' : 'line',
  use: {
    launchOptions: browser,
    colorScheme: 'light',
    locale: 'en-GB',
    timezoneId: 'UTC',
    viewport: { width: 1280, height: 800 },
    actionTimeout: 20_000,
    trace: 'retain-on-failure',
  },
});
