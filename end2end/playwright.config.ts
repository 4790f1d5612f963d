import { defineConfig } from '@playwright/test';
import { browser } from './support/browser.ts';

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results',
  forbidOnly: !!process.env.CI,
  // A flaky test is a bug, in the test or in the program. On shared CI machines it may also be the
  // machine: there the run continues, and reports the test as flaky.
  retries: process.env.CI ? 1 : 0,
  workers: 2,
  // Five tabs of one test are slow on a busy machine. Tests wait for events, not for fixed times.
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
    // Recording takes time. In CI, the second try of a failed test is recorded only.
    trace: process.env.CI ? 'on-first-retry' : 'retain-on-failure',
  },
});
