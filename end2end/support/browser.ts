import { existsSync } from 'node:fs';
import type { LaunchOptions } from '@playwright/test';

const DEBIAN = '/usr/bin/chromium';

/** Debian's Chromium if it is installed, otherwise Playwright's. */
export const browser: LaunchOptions = {
  executablePath: existsSync(DEBIAN) ? DEBIAN : undefined,
  // Chromium's sandbox does not work for root, for example in containers.
  chromiumSandbox: process.getuid?.() !== 0,
  args: [
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
  ],
};
