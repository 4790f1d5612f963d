import { defineConfig } from '@playwright/test';
import tests from './playwright.config.ts';

/** The core journeys in Firefox and WebKit, and Lighthouse, which measures best alone. */
export default defineConfig(tests, { testDir: 'engines', workers: 1 });
