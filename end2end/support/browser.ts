import { existsSync } from 'node:fs';
import type { LaunchOptions } from '@playwright/test';

const DEBIAN = '/usr/bin/chromium';

/** Debian's Chromium where it is installed, the one that Playwright brings elsewhere. */
export const browser: LaunchOptions = {
  executablePath: existsSync(DEBIAN) ? DEBIAN : undefined,
  // Root, as in a container, can't use Chromium's sandbox.
  chromiumSandbox: process.getuid?.() !== 0,
  args: [
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
  ],
};
