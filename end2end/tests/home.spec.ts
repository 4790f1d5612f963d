import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { announced, button, expectAccount, fill, open, title } from '../support/pages.ts';
import { Server } from '../support/server.ts';
import { expect, newUser, test } from '../support/test.ts';

const run = promisify(execFile);
const REQUEST = 'Request';
const RESPONSE = 'Response';

test('the example is a request to this server, and its real response', async ({ page, context, server }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page, '/');
  await button(page, 'Copy request').click();
  await expect(announced(page).filter({ hasText: 'Copied.' })).toBeVisible();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  expect(command).toBe(await page.getByLabel(REQUEST, { exact: true }).innerText());
  expect(command).toContain(`curl ${server.url}/api/`);
  const { stdout } = await run('bash', ['-c', command.replace('curl', 'curl --silent --show-error --fail')]);
  expect(stdout).toBe(await page.getByLabel(RESPONSE, { exact: true }).innerText());
  await button(page, 'Run it').click();
  await expect(announced(page).filter({ hasText: /^200 OK in \d+ ms$/ })).toBeVisible();
  expect(await page.getByLabel(RESPONSE, { exact: true }).innerText()).toBe(stdout);
});

test('the other requests work as they are copied', async ({ page, server }) => {
  await open(page, '/');
  const shown = await page.getByLabel('Requests that create an account').innerText();
  const [, create, login, view] = shown.split('\n').map((line) => line.replace('curl', 'curl --silent --show-error --fail'));
  const address = newUser().email;
  await run('bash', ['-c', create.replace('you@example.com', address)]);
  const { stdout } = await run('bash', ['-c', login.replace('you@example.com', address)]);
  const { token } = JSON.parse(stdout) as { token: string };
  const viewed = await run('bash', ['-c', view], { env: { ...process.env, TOKEN: token } });
  expect(JSON.parse(viewed.stdout)).toMatchObject({ email: address });
  expect(view).toContain(server.url);
});

test('a request that fails says so', async ({ page, problems }) => {
  problems.expect(/net::ERR_FAILED.*password\/check/);
  await open(page, '/');
  await page.route('**/api/**', (route) => route.abort());
  await button(page, 'Run it').click();
  await expect(announced(page).filter({ hasText: /can.t be reached/ })).toBeVisible();
});

test('the documents open', async ({ page }) => {
  await open(page, '/');
  await page.getByRole('link', { name: 'API reference' }).click();
  await expect(page).toHaveURL('/docs/api.md');
  await expect(page.locator('body')).toContainText('POST /api/user/create');
});

test('another page can take the place of the home page', async ({ anotherBrowser, mailbox }) => {
  const own = await Server.launch({ LATCHKEY_SMTP_URL: mailbox.url, LATCHKEY_HOME_URL: '/register?from=home' });
  try {
    const page = await (await anotherBrowser({ baseURL: own.url })).newPage();
    await open(page, '/');
    await expect(page).toHaveURL('/register?from=home');
    await open(page, '/login');
    // The app opens this link without loading a page.
    await page.getByRole('banner').getByRole('link', { name: 'Latchkey' }).click();
    await expect(page).toHaveURL('/register?from=home');
    await expect(title(page, 'Create account')).toBeVisible();
    const user = newUser();
    await fill(page, user);
    await button(page, 'Create account').click();
    await expectAccount(page, user);
    await page.getByRole('banner').getByRole('link', { name: 'Latchkey' }).click();
    await expectAccount(page, user);
  } finally {
    await own.discard();
  }
});
