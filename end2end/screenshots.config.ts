import { defineConfig } from '@playwright/test';
import tests from './playwright.config.ts';

/** Takes screenshots of every page: `make screenshots`. */
export default defineConfig(tests, { testDir: 'screenshots', reporter: 'line' });
