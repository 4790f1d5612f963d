import path from 'node:path';
import type { Page } from '@playwright/test';
import { button, dialog, expectFieldError, open, press, section, title } from '../support/pages.ts';
import type { Server } from '../support/server.ts';
import { expect, stored, test } from '../support/test.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FOLDER = path.join(ROOT, 'target/screenshots');
const PASSWORD = 'mauve-teapot-41-harbour';
const ADMIN = { email: 'ada@example.org', password: PASSWORD };
const PEOPLE = [
  { name: 'Grace Hopper', roles: ['editor', 'billing'] },
  { name: 'Hedy Lamarr', roles: [] },
  { name: 'Joan Clarke', roles: ['editor'] },
  { name: '', roles: [] },
  { name: 'Katherine Johnson', roles: ['support'] },
  { name: 'Margaret Hamilton', roles: ['engineer'], is_admin: true },
  { name: 'Radia Perlman', roles: ['engineer', 'support'] },
];

const rows = (page: Page) => page.getByRole('table', { name: 'Users' }).getByRole('rowgroup').last().getByRole('row');

// The receiver is on this machine.
test.use({ settings: { LATCHKEY_WEBHOOK_ALLOW_PRIVATE: 'true' } });

/** Creates an administrator and some users, once for the server of this file. */
async function populate(server: Server): Promise<{ token: string; grace: string }> {
  await server.register(ADMIN).catch(() => undefined);
  await server.command('user', 'verify', '--email', ADMIN.email);
  await server.command('user', 'grant-admin', '--email', ADMIN.email);
  const { token } = await server.login(ADMIN);
  const ids: string[] = [];
  for (const [at, person] of PEOPLE.entries()) {
    const email = person.name ? `${person.name.toLowerCase().replace(' ', '.')}@example.com` : `someone${at}@example.com`;
    await server.request<{ id: string }>('POST', '/api/admin/users', token, { ...person, email, password: PASSWORD, app_metadata: { plan: 'pro' } })
      .then(({ id }) => ids.push(id), () => undefined);
  }
  const { users } = await server.request<{ users: { id: string; email: string }[] }>('GET', '/api/admin/users', token);
  const id = (email: string) => users.find((user) => user.email === email)!.id;
  await server.request('PATCH', `/api/admin/users/${id('hedy.lamarr@example.com')}`, token, { is_active: false });
  const grace = id('grace.hopper@example.com');
  for (const guest of [{ email: 'dorothy.vaughan@example.com', name: 'Dorothy Vaughan', roles: ['editor', 'billing'] }, { email: 'edith.clarke@example.com', is_admin: true }]) {
    await server.request('POST', '/api/admin/users', token, { ...guest, invite: true }).catch(() => undefined);
  }
  const hook = { url: 'http://127.0.0.1:9/hooks/latchkey', events: ['user.created', 'user.deleted', 'session.ended'] };
  const { webhooks } = await server.request<{ webhooks: unknown[] }>('GET', '/api/admin/webhooks', token);
  if (webhooks.length === 0) await server.request('POST', '/api/admin/webhooks', token, hook);
  await server.login({ email: 'grace.hopper@example.com', password: PASSWORD });
  return { token, grace };
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1280, 360]) {
    test(`the administration at ${width} px in ${colorScheme}`, async ({ anotherBrowser, server, problems }) => {
      problems.allow(/status of 4\d\d|ERR_FAILED|request failed/);
      const { grace } = await populate(server);
      const shoot = (page: Page, name: string, fullPage = true) =>
        page.screenshot({ path: path.join(FOLDER, `admin-${name}-${width}-${colorScheme}.png`), fullPage });
      const storageState = stored(server, await server.login(ADMIN));
      const page = await (await anotherBrowser({ colorScheme, viewport: { width, height: 800 }, storageState })).newPage();
      await open(page, '/account/profile');
      await expect(title(page, 'Profile')).toBeVisible();
      await shoot(page, 'profile');
      await button(page, 'Account menu').click();
      await shoot(page, 'menu', false);
      await page.keyboard.press('Escape');
      await open(page, '/admin');
      await expect(rows(page)).toHaveCount(8);
      await shoot(page, 'users');
      await page.getByText('Columns').click();
      await shoot(page, 'columns', false);
      await page.getByText('Columns').click();
      await page.getByLabel('Select all shown').check();
      await shoot(page, 'selection');
      await button(page, 'Deactivate').click();
      await expect(dialog(page)).toBeVisible();
      await shoot(page, 'preview', false);
      await press(page, 'Cancel');
      await button(page, 'Add user').click();
      await expect(dialog(page)).toBeVisible();
      await shoot(page, 'add', false);
      await press(page, 'Add user');
      await expectFieldError(dialog(page).getByLabel('Email', { exact: true }), 'This field is required.');
      await shoot(page, 'add-messages', false);
      await press(page, 'Cancel');
      await page.getByLabel('Search users').fill('nobody');
      await expect(page.getByText('No user matches.')).toBeVisible();
      await shoot(page, 'none');
      await open(page, `/admin/users/${grace}`);
      await expect(title(page, 'Grace Hopper')).toBeVisible();
      await expect(section(page, 'Devices').getByRole('listitem').first()).toBeVisible();
      await shoot(page, 'user');
      await section(page, 'Actions').getByRole('button', { name: 'Delete : Delete account' }).click();
      await expect(dialog(page)).toBeVisible();
      await shoot(page, 'delete', false);
      await press(page, 'Cancel');
      await page.route('**/api/admin/users/*', (route) => (route.request().method() === 'GET'
        ? route.continue()
        : route.fulfill({ status: 403, json: { detail: 'Confirm your password first.', code: 'reauthentication_required' } })));
      await section(page, 'Profile').getByLabel('Name', { exact: true }).fill('Grace');
      await button(page, 'Save changes').click();
      await expect(dialog(page)).toBeVisible();
      await shoot(page, 'step-up', false);
      await press(page, 'Cancel');
      await page.unroute('**/api/admin/users/*');
      await open(page, '/admin/activity');
      await expect(section(page, 'All activity').getByRole('listitem').first()).toBeVisible();
      await shoot(page, 'activity');
      await open(page, '/admin/keys');
      await button(page, 'Create key').click();
      await dialog(page).getByLabel('Name', { exact: true }).fill('billing');
      await dialog(page).getByLabel(/^tokens:verify/).check();
      await shoot(page, 'key-form', false);
      await press(page, 'Create key');
      await expect(button(page, 'Copy key')).toBeVisible();
      await shoot(page, 'key-created', false);
      await press(page, 'Done');
      await expect(section(page, 'Service keys').getByRole('listitem').first()).toBeVisible();
      await shoot(page, 'keys');
      await open(page, '/admin/invitations');
      await expect(section(page, 'Invitations').getByRole('listitem').first()).toBeVisible();
      await shoot(page, 'invitations');
      await button(page, 'Invite user').click();
      await shoot(page, 'invite', false);
      await press(page, 'Cancel');
      await open(page, '/admin/webhooks');
      await section(page, 'Webhooks').getByRole('button', { name: /^Edit/ }).first().click();
      await shoot(page, 'webhook', false);
      await press(page, 'Cancel');
      await shoot(page, 'webhooks');
    });
  }
}

test('the picture of the administration in the documents', async ({ anotherBrowser, server }) => {
  const { token } = await populate(server);
  expect(token).toBeTruthy();
  const storageState = stored(server, await server.login(ADMIN));
  const page = await (await anotherBrowser({ storageState, viewport: { width: 1280, height: 820 } })).newPage();
  await open(page, '/admin');
  await expect(rows(page)).toHaveCount(8);
  await page.screenshot({ path: path.join(ROOT, 'docs/admin.png') });
});
