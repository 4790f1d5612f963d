import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { Builder, type WebElement } from 'selenium-webdriver';
import { freePort } from '../support/server.ts';
import type { Driver, Engine } from './driver.ts';

/** Starts WebKitGTK's driver. Its browser needs a display, so it gets a virtual one. */
export async function webkit(): Promise<Engine> {
  const [display, screen] = await virtualDisplay();
  const port = await freePort();
  const env = {
    ...process.env,
    DISPLAY: `:${display}`,
    GDK_BACKEND: 'x11',
    LIBGL_ALWAYS_SOFTWARE: '1',
    WEBKIT_DISABLE_DMABUF_RENDERER: '1',
    NO_AT_BRIDGE: '1',
  };
  const driver = spawn('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], { env, stdio: 'ignore' });
  await untilReady(`http://127.0.0.1:${port}/status`, driver);
  return {
    close: async () => {
      await end(driver);
      await end(screen);
    },
    open: () => openWindow(`http://127.0.0.1:${port}`),
  };
}

async function openWindow(server: string): Promise<Driver> {
  const session = await new Builder()
    .disableEnvironmentOverrides()
    .usingServer(server)
    .withCapabilities({
      browserName: 'MiniBrowser',
      'webkitgtk:browserOptions': { binary: miniBrowser(), args: ['--automation'] },
    })
    .build();
  await session.manage().setTimeouts({ pageLoad: 30_000, script: 10_000 });
  return {
    goto: (url) => session.get(url),
    element: async (body) => {
      const element = await session.executeScript<WebElement | null>(body);
      return element && { click: () => element.click(), type: (text) => element.sendKeys(text) };
    },
    evaluate: (body) => session.executeScript(body),
    close: () => session.quit(),
  };
}

/** Returns where Debian keeps WebKitGTK's browser for tests: a folder for each version of its interface. */
function miniBrowser(): string {
  const libraries = readdirSync('/usr/lib').filter((name) => name.endsWith('-linux-gnu'));
  const folders = libraries.flatMap((name) => readdirSync(`/usr/lib/${name}`).map((folder) => `/usr/lib/${name}/${folder}`));
  const found = folders.map((folder) => path.join(folder, 'MiniBrowser')).filter(existsSync).sort().at(-1);
  if (!found) throw new Error('WebKitGTK is missing: run "scripts/tools test"');
  return found;
}

/** Starts a display that nobody sees, and returns its number. */
async function virtualDisplay(): Promise<[string, ChildProcess]> {
  const args = ['-displayfd', '1', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'];
  const screen = spawn('Xvfb', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const lines = createInterface({ input: screen.stdout! });
  const [number] = await once(lines, 'line', { signal: AbortSignal.timeout(10_000) });
  return [number as string, screen];
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await fetch(url).then(({ ok }) => ok, () => false))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('WebKitWebDriver does not start');
    await pause(50);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill();
  await exited;
}
