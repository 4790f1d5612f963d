import { existsSync } from 'node:fs';
import puppeteer, { type ElementHandle } from 'puppeteer-core';
import type { Driver, Element, Engine } from './driver.ts';

const BINARIES = ['/usr/bin/firefox-esr', '/usr/bin/firefox'];

/** Starts Firefox with WebDriver BiDi. */
export async function firefox(): Promise<Engine> {
  const executablePath = BINARIES.find(existsSync);
  if (!executablePath) throw new Error('Firefox is missing: run "scripts/tools test"');
  const browser = await puppeteer.launch({ browser: 'firefox', executablePath, headless: true });
  return {
    close: () => browser.close(),
    open: async (): Promise<Driver> => {
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      const element = (handle: ElementHandle<globalThis.Element>): Element => ({
        click: () => handle.click(),
        type: (text) => handle.type(text),
      });
      return {
        goto: async (url) => void (await page.goto(url)),
        element: async (body) => {
          const handle = (await page.evaluateHandle(`(() => {${body}})()`)).asElement();
          return handle && element(handle as ElementHandle<globalThis.Element>);
        },
        evaluate: (body) => page.evaluate(`(() => {${body}})()`),
        close: () => context.close(),
      };
    },
  };
}
