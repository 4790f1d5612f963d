import { defineConfig } from '@playwright/test';
import tests from './playwright.config.ts';

/** Pictures of every page, for a look: `make screenshots`. */
export default defineConfig(tests, { testDir: 'screenshots', reporter: 'line' });
