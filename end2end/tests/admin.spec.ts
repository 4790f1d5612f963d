import type { Page } from '@playwright/test';
import { expectAccessible } from '../support/accessibility.ts';
import { announced, button, dialog, expectAccount, expectFieldError, expectLogin, open, press, section, storedSession, title } from '../support/pages.ts';
import type { Server, User } from '../support/server.ts';
import { expect, newUser, testAdmin as test, testSignedIn } from '../support/test.ts';

type ManagedUser = { id: string; email: string; name: string; version: string; is_active: boolean; roles: string[] };

const rows = (page: Page) => page.getByRole('table', { name: 'Users' }).getByRole('rowgroup').last().getByRole('row');
const search = (page: Page) => page.getByLabel('Search users');
const notice = (page: Page, text: string | RegExp) => announced(page).filter({ hasText: text });

/** Creates users whose addresses begin in the same way. */
async function people(server: Server, admin: User, names: string[]): Promise<{ prefix: string; users: ManagedUser[]; token: string }> {
  const { token } = await server.login(admin);
  const prefix = newUser().email.split('@')[0];
  const create = (name: string) => server.request<ManagedUser>('POST', '/api/admin/users', token, {
    email: `${prefix}.${name.toLowerCase()}@example.org`, password: 'mauve-teapot-41-harbour', name,
  });
  const users: ManagedUser[] = [];
  for (const name of names) users.push(await create(name));
  return { prefix, users, token };
}

/** Opens the list of the users whose addresses begin in this way. */
async function openUsers(page: Page, prefix: string, count: number): Promise<void> {
  await open(page, `/admin?search=${encodeURIComponent(prefix)}`);
  await expect(rows(page)).toHaveCount(count);
}

async function get(server: Server, token: string, id: string): Promise<ManagedUser> {
  return server.request<ManagedUser>('GET', `/api/admin/users/${id}`, token);
}

test('the account menu leads administrators to the users', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  await button(page, 'Account menu').click();
  await page.getByRole('banner').getByRole('link', { name: 'Administration' }).click();
  await expect(page).toHaveURL('/admin');
  await expect(title(page, 'Users')).toBeFocused();
  await expect(rows(page).filter({ hasText: user.email })).toContainText('Administrator');
});

testSignedIn('others find no administration', async ({ page, user }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  await button(page, 'Account menu').click();
  await expect(page.getByRole('banner').getByRole('link', { name: 'Overview' })).toBeVisible();
  await expect(page.getByRole('banner').getByRole('link', { name: 'Administration' })).toBeHidden();
  for (const path of ['/admin', '/admin/keys', '/admin/users/0198c1f0-5f3b-7c39-8a51-1f2e3d4c5b6a']) {
    const sent: string[] = [];
    page.on('request', (request) => sent.push(new URL(request.url()).pathname));
    await open(page, path);
    await expect(title(page, 'Page not found')).toBeVisible();
    expect(sent.filter((one) => one.startsWith('/api/admin'))).toEqual([]);
  }
});

test('a link to a user survives signing in', async ({ page, user, anotherBrowser, server }) => {
  const { users: [grace] } = await people(server, user, ['Grace']);
  const path = `/admin/users/${grace.id}`;
  const other = await (await anotherBrowser({ storageState: undefined })).newPage();
  await other.goto(path);
  await expectLogin(other, path);
  await open(other, `/login?next=${path}`);
  await other.getByLabel('Email', { exact: true }).fill(user.email);
  await other.getByLabel('Password', { exact: true }).fill(user.password);
  await button(other, 'Sign in').click();
  await expect(title(other, 'Grace')).toBeVisible();
  await open(page, '/admin');
  await expect(title(page, 'Users')).toBeVisible();
});

test('users are found while one types, and the address keeps the search', async ({ page, user, server }) => {
  const { prefix } = await people(server, user, ['Grace', 'Hedy', 'Joan']);
  await open(page, '/admin');
  await expect(rows(page).first()).toBeVisible();
  await page.keyboard.press('/');
  await expect(search(page)).toBeFocused();
  await page.keyboard.type(prefix);
  await expect(rows(page)).toHaveCount(3);
  await expect(notice(page, '3 users')).toBeVisible();
  await expect(page).toHaveURL(`/admin?search=${prefix}`);
  await page.getByRole('combobox', { name: 'Order', exact: true }).selectOption('Email Z to A');
  await expect(rows(page).first()).toContainText('Joan');
  await search(page).fill(`${prefix}.hedy`);
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole('link', { name: 'Hedy' }).click();
  await expect(title(page, 'Hedy')).toBeFocused();
  await page.goBack();
  await expect(search(page)).toHaveValue(`${prefix}.hedy`);
  await expect(rows(page)).toHaveCount(1);
  await search(page).fill(`${prefix}.nobody`);
  await expect(notice(page, 'No user matches.')).toBeVisible();
  await button(page, 'Clear all').click();
  await expect(search(page)).toHaveValue('');
  await expect(page).toHaveURL('/admin');
  await expect(rows(page).first()).toBeVisible();
});

test('filters narrow the list, and more is loaded on demand', async ({ page, user, server }) => {
  const { prefix, users, token } = await people(server, user, ['Grace', 'Hedy']);
  await server.request('PATCH', `/api/admin/users/${users[0].id}`, token, { is_active: false, roles: ['editor'] });
  await openUsers(page, prefix, 2);
  await page.getByRole('combobox', { name: 'Status', exact: true }).selectOption('Deactivated');
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText(/Grace.*Deactivated.*editor/s);
  await page.getByRole('combobox', { name: 'Status', exact: true }).selectOption('Active');
  await expect(rows(page)).toContainText('Hedy');
  await page.getByRole('combobox', { name: 'Status', exact: true }).selectOption('Any status');
  await page.getByLabel('Role', { exact: true }).fill('editor');
  await expect(rows(page)).toHaveCount(1);

  await page.route('**/api/admin/users?*', async (route) => {
    const url = new URL(route.request().url());
    url.searchParams.set('limit', '1');
    await route.continue({ url: url.href });
  });
  await openUsers(page, prefix, 1);
  await button(page, 'Load more').click();
  await expect(rows(page)).toHaveCount(2);
  await expect(button(page, 'Load more')).toHaveCount(0);
});

test('the table is sorted by the heading of a column', async ({ page, user, server }) => {
  const { prefix } = await people(server, user, ['Ada', 'Grace', 'Hedy']);
  await openUsers(page, prefix, 3);
  const heading = (name: string) => page.getByRole('columnheader', { name });
  await expect(heading('Joined')).toHaveAttribute('aria-sort', 'descending');
  await expect(rows(page).first()).toContainText('Hedy');
  await heading('User').getByRole('button').click();
  await expect(heading('User')).toHaveAttribute('aria-sort', 'ascending');
  await expect(rows(page).first()).toContainText('Ada');
  await expect(page).toHaveURL(/order=email/);
  await heading('User').getByRole('button').click();
  await expect(rows(page).first()).toContainText('Hedy');
  await expect(heading('Joined')).not.toHaveAttribute('aria-sort');
  await heading('Joined').getByRole('button').click();
  await expect(rows(page).first()).toContainText('Ada');
  await expect(page.getByRole('combobox', { name: 'Order', exact: true })).toHaveValue('date_joined');
});

test('columns can be hidden, and the browser remembers them', async ({ page }) => {
  await open(page, '/admin');
  const joined = page.getByRole('columnheader', { name: 'Joined' });
  await expect(joined).toBeVisible();
  await page.getByText('Columns').click();
  await page.getByLabel('Joined').uncheck();
  await expect(joined).toBeHidden();
  await page.reload();
  await expect(page.getByRole('columnheader', { name: 'User' })).toBeVisible();
  await expect(joined).toBeHidden();
});

test('several users are changed at once, after a preview', async ({ page, user, server }) => {
  const { prefix, users, token } = await people(server, user, ['Grace', 'Hedy', 'Joan']);
  await openUsers(page, prefix, 3);
  await page.getByLabel('Select all shown').check();
  await expect(notice(page, '3 selected')).toBeVisible();
  await page.getByLabel(`Select ${users[2].email}`).uncheck();
  await expect(notice(page, '2 selected')).toBeVisible();
  await button(page, 'Deactivate').click();
  await expect(dialog(page)).toContainText('Deactivate 2 users?');
  await expect(dialog(page)).toContainText('They are signed out everywhere at once and can\'t sign in.');
  await expect(dialog(page).getByRole('listitem')).toHaveText([users[1].email, users[0].email]);
  await press(page, 'Cancel');
  expect((await get(server, token, users[0].id)).is_active).toBe(true);
  await button(page, 'Deactivate').click();
  await press(page, 'Deactivate');
  await expect(notice(page, '2 users were deactivated.')).toBeVisible();
  await expect(dialog(page)).toHaveCount(0);
  await expect(rows(page).filter({ hasText: 'Deactivated' })).toHaveCount(2);
  await expect(title(page, 'Users')).toBeFocused();
  await expect(notice(page, 'selected')).toHaveCount(0);
  for (const [at, isActive] of [[0, false], [1, false], [2, true]] as const) {
    expect((await get(server, token, users[at].id)).is_active).toBe(isActive);
  }
  await page.getByLabel('Select all shown').check();
  await button(page, 'Activate').click();
  await expect(dialog(page)).toContainText('1 is already active: nothing changes there.');
  await press(page, 'Cancel');
  await button(page, 'Delete').click();
  await press(page, 'Delete');
  await expect(notice(page, '3 users were deleted.')).toBeVisible();
  await expect(rows(page)).toHaveCount(0);
});

test('a user is added, and errors are at their fields', async ({ page, user, server, problems }) => {
  problems.expectStatus(400, '/api/admin/users');
  await open(page, '/admin');
  await button(page, 'Add user').first().click();
  const email = dialog(page).getByLabel('Email', { exact: true });
  await expect(dialog(page)).toBeVisible();
  await email.fill(user.email);
  await dialog(page).getByLabel('Password', { exact: true }).fill('mauve-teapot-41-harbour');
  await dialog(page).getByLabel('Roles (optional)').fill('editor');
  await press(page, 'Add user');
  await expectFieldError(email, 'A user with that email already exists.');
  const added = newUser();
  await email.fill(added.email);
  await press(page, 'Add user');
  await expect(notice(page, `${added.email} was created.`)).toBeVisible();
  await expect(rows(page).first()).toContainText(added.email);
  await expect(rows(page).first()).toContainText('editor');
  await server.login({ ...added, password: 'mauve-teapot-41-harbour' });
});

test('a user is changed, and a change by another administrator in the meantime is not overwritten', async ({ page, user, server, problems }) => {
  const { users: [grace], token } = await people(server, user, ['Grace']);
  problems.expectStatus(409, `/api/admin/users/${grace.id}`);
  problems.expectStatus(400, `/api/admin/users/${grace.id}`);
  await open(page, `/admin/users/${grace.id}`);
  const profile = section(page, 'Profile');
  const [name, roles, metadata] = ['Name', 'Roles', 'App metadata'].map((label) => profile.getByLabel(label, { exact: true }));
  await expect(profile.getByLabel('Email', { exact: true })).toHaveValue(grace.email);
  await name.fill('Grace Hopper');
  await roles.fill('editor, admiral');
  await metadata.fill('{"plan": "pro"}');
  await button(page, 'Save changes').click();
  await expect(notice(page, 'Your changes have been saved.')).toBeVisible();
  await expect(title(page, 'Grace Hopper')).toBeVisible();
  await expect(roles).toHaveValue('admiral, editor');
  expect(await get(server, token, grace.id)).toMatchObject({ name: 'Grace Hopper', roles: ['admiral', 'editor'], app_metadata: { plan: 'pro' } });

  await metadata.fill('{"plan"');
  await button(page, 'Save changes').click();
  await expect(metadata).toHaveAttribute('aria-invalid', 'true');
  await expect(metadata).toHaveValue('{"plan"');
  await metadata.fill('{"plan": "pro"}');

  await server.request('PATCH', `/api/admin/users/${grace.id}`, token, { name: 'Admiral Hopper' });
  await name.fill('Commodore Hopper');
  await button(page, 'Save changes').click();
  await expect(notice(page, 'The user was changed in the meantime.')).toBeVisible();
  await expect(name).toHaveValue('Commodore Hopper');
  await button(page, 'Reload this user').click();
  await expect(title(page, 'Admiral Hopper')).toBeVisible();
  await expect(name).toHaveValue('Admiral Hopper');
  await name.fill('Commodore Hopper');
  await button(page, 'Save changes').click();
  await expect(title(page, 'Commodore Hopper')).toBeVisible();
});

test('each action on a user names its consequence first', async ({ page, user, server, mailbox, problems }) => {
  const { users: [grace], token } = await people(server, user, ['Grace']);
  const account = { email: grace.email, password: 'mauve-teapot-41-harbour' };
  const session = await server.login(account);
  // What was being loaded when the user was deleted.
  problems.allow(new RegExp(`404.*/api/admin/users/${grace.id}/(sessions|activity)`));
  await open(page, `/admin/users/${grace.id}`);
  const act = async (name: string, label: string, consequence: string, done: string) => {
    await section(page, 'Actions').getByRole('button', { name: label === name ? label : `${label} : ${name}`, exact: true }).click();
    await expect(dialog(page)).toContainText(consequence);
    await expect(dialog(page)).toContainText(grace.email);
    await press(page, label);
    await expect(notice(page, done)).toBeVisible();
    await expect(dialog(page)).toHaveCount(0);
  };
  await expect(section(page, 'Devices').getByRole('listitem')).toHaveCount(1);
  await act('Email a link to reset the password', 'Send link', 'works for an hour', 'The link is on its way.');
  await mailbox.take(grace.email, 'Choose a new password');
  await act('Sign out everywhere', 'Sign out', 'signed out at once', 'The user is signed out everywhere.');
  await expect(server.sessions(session.token)).rejects.toThrow(/401/);
  await act('Make administrator', 'Make administrator', 'every account, including yours', 'The user is an administrator now.');
  await act('Remove administrator', 'Remove', 'can no longer open these pages', 'The user is no longer an administrator.');
  await act('Deactivate account', 'Deactivate', 'can\'t sign in', 'The account has been deactivated.');
  expect((await get(server, token, grace.id)).is_active).toBe(false);
  await act('Activate account', 'Activate', 'can sign in again', 'The account has been activated.');
  await act('Delete account', 'Delete', 'This can\'t be undone.', `${grace.email} has been deleted.`);
  await expect(page).toHaveURL('/admin');
  await expect(title(page, 'Users')).toBeFocused();
  problems.expectStatus(404, `/api/admin/users/${grace.id}`);
  await open(page, `/admin/users/${grace.id}`);
  await expect(notice(page, 'There is no user with this ID.')).toBeVisible();
});

test('a change that needs a recent sign-in asks for the password, and nothing typed is lost', async ({ page, user, server, problems }) => {
  const { users: [grace], token } = await people(server, user, ['Grace']);
  problems.expectStatus(403, `/api/admin/users/${grace.id}`);
  problems.expectStatus(400, '/api/user/reauthenticate');
  // What was being loaded when the user was deleted.
  problems.allow(new RegExp(`404.*/api/admin/users/${grace.id}/(sessions|activity)`));
  let isRecent = false;
  await page.route('**/api/user/reauthenticate', async (route) => {
    const response = await route.fetch();
    isRecent = response.ok();
    await route.fulfill({ response });
  });
  await page.route(`**/api/admin/users/${grace.id}`, async (route) => {
    if (isRecent || route.request().method() === 'GET') return route.continue();
    return route.fulfill({ status: 403, json: { detail: 'Confirm your password first.', code: 'reauthentication_required' } });
  });
  await open(page, `/admin/users/${grace.id}`);
  const roles = section(page, 'Profile').getByLabel('Roles', { exact: true });
  await roles.fill('editor');
  await button(page, 'Save changes').click();
  await expect(dialog(page)).toContainText('Confirm it\'s you');
  await expectAccessible(page);
  await press(page, 'Cancel');
  await expect(notice(page, 'Confirm your password first.')).toBeVisible();
  await expect(roles).toHaveValue('editor');
  await button(page, 'Save changes').click();
  const password = dialog(page).getByLabel('Your password', { exact: true });
  await expect(password).toBeFocused();
  await password.fill('not-the-password');
  await press(page, 'Confirm');
  await expectFieldError(password, 'Incorrect password.');
  const before = (await storedSession(page))!;
  await password.fill(user.password);
  await password.press('Enter');
  await expect(notice(page, 'Your changes have been saved.')).toBeVisible();
  await expect(dialog(page)).toHaveCount(0);
  expect((await storedSession(page))!.token).not.toBe(before.token);
  expect(await get(server, token, grace.id)).toMatchObject({ roles: ['editor'] });

  // Above another dialog.
  isRecent = false;
  await section(page, 'Actions').getByRole('button', { name: 'Delete : Delete account' }).click();
  await press(page, 'Delete');
  await expect(password).toBeFocused();
  await expectAccessible(page);
  await password.fill(user.password);
  await password.press('Enter');
  await expect(notice(page, `${grace.email} has been deleted.`)).toBeVisible();
});

test('an administrator who loses the role while a page is open is told so', async ({ page, user, server, problems }) => {
  const { users: [grace], token } = await people(server, user, ['Grace']);
  const second = newUser();
  await server.request('POST', '/api/admin/users', token, { ...second, is_admin: true });
  problems.expectStatus(403, `/api/admin/users/${grace.id}`);
  await open(page, `/admin/users/${grace.id}`);
  const name = section(page, 'Profile').getByLabel('Name', { exact: true });
  await name.fill('Grace Hopper');
  await server.command('user', 'revoke-admin', '--email', user.email);
  await button(page, 'Save changes').click();
  await expect(title(page, 'You are no longer an administrator')).toBeFocused();
  await expect(button(page, 'Account menu')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('link', { name: 'Go to your account' }).click();
  await expectAccount(page, user);
  await button(page, 'Account menu').click();
  await expect(page.getByRole('banner').getByRole('link', { name: 'Administration' })).toBeHidden();
});

test('a service key is shown once, and can be revoked', async ({ page, context, server, problems }) => {
  problems.expectStatus(400, '/api/admin/keys');
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page, '/admin/keys');
  await expect(notice(page, 'No service keys yet.')).toBeVisible();
  await button(page, 'Create key').click();
  const name = dialog(page).getByLabel('Name', { exact: true });
  await press(page, 'Create key');
  await expectFieldError(name, /^This field is required\./);
  await expectAccessible(page);
  await name.fill('billing');
  await dialog(page).getByLabel(/^tokens:verify/).check();
  await dialog(page).getByLabel(/^users:read/).check();
  await press(page, 'Create key');
  await expect(dialog(page)).toContainText('It is shown only once.');
  await expectAccessible(page);
  await dialog(page).getByRole('button', { name: 'Copy key' }).click();
  await expect(announced(page).filter({ hasText: 'Copied.' })).toBeVisible();
  const key = await page.evaluate(() => navigator.clipboard.readText());
  expect(key).toMatch(/^lk_[0-9a-f]{32}_[\w-]{43}$/);
  await server.request('GET', '/api/admin/users', key);
  await press(page, 'Done');
  const row = section(page, 'Service keys').getByRole('listitem');
  await expect(row).toContainText(/billing.*tokens:verify.*users:read.*Expires on/s);
  expect(await page.content()).not.toContain(key);
  await expectAccessible(page);
  await row.getByRole('button', { name: 'Revoke billing' }).click();
  await expect(dialog(page)).toContainText('Services that use it are refused at once.');
  await press(page, 'Revoke');
  await expect(notice(page, 'The key “billing” has been revoked.')).toBeVisible();
  await expect(row).toHaveCount(0);
  await expect(server.request('GET', '/api/admin/users', key)).rejects.toThrow(/key_invalid/);
});

test('a user is invited; the invitation is sent again, and revoked', async ({ page, mailbox, problems }) => {
  problems.expectStatus(400, '/api/admin/users');
  const guest = newUser().email;
  await open(page, '/admin/invitations');
  await expect(notice(page, 'No invitations wait to be accepted.')).toBeVisible();
  await button(page, 'Invite user').click();
  await press(page, 'Send invitation');
  await expectFieldError(dialog(page).getByLabel('Email', { exact: true }), /^This field is required\./);
  await expectAccessible(page);
  await dialog(page).getByLabel('Email', { exact: true }).fill(guest);
  await dialog(page).getByLabel('Name (optional)').fill('Grace');
  await dialog(page).getByLabel('Roles (optional)').fill('editor, billing');
  await press(page, 'Send invitation');
  await expect(notice(page, `An invitation was sent to ${guest}.`)).toBeVisible();
  await mailbox.take(guest, 'You are invited to create an account');
  const row = section(page, 'Invitations').getByRole('listitem');
  await expect(row).toContainText(/billing.*editor.*Grace.*Sent.*Expires on/s);
  await expectAccessible(page);
  // Too soon after the first.
  problems.expectStatus(429, '/api/admin/users');
  await row.getByRole('button', { name: `Send again to ${guest}` }).click();
  await press(page, 'Send again');
  await expect(dialog(page).getByRole('alert')).toContainText(/minute/);
  await press(page, 'Cancel');
  await row.getByRole('button', { name: `Revoke the invitation of ${guest}` }).click();
  await expect(dialog(page)).toContainText('Its link stops working at once.');
  await press(page, 'Revoke');
  await expect(notice(page, `The invitation of ${guest} has been revoked.`)).toBeVisible();
  await expect(row).toHaveCount(0);
});

test('the activity of all users is filtered by event, user and time', async ({ page, user, server, problems }) => {
  problems.allow(/status of 400/);
  const { users: [grace] } = await people(server, user, ['Grace']);
  await server.login({ email: grace.email, password: 'mauve-teapot-41-harbour' });
  await open(page, '/admin/activity');
  const events = section(page, 'All activity').getByRole('listitem');
  await expect(events.first()).toContainText('Signed in');
  await page.getByLabel('User').fill(grace.email);
  await page.getByLabel('User').press('Enter');
  await expect(events).toHaveCount(2);
  await expect(events.last()).toContainText(`Account created by an administrator`);
  await expect(events.last()).toContainText(`by ${user.email}`);
  await page.getByRole('combobox', { name: 'Event', exact: true }).selectOption('Signed in');
  await expect(events).toHaveCount(1);
  await page.getByRole('combobox', { name: 'Since', exact: true }).selectOption('The last hour');
  await expect(page).toHaveURL(/event=signed_in&user=.*&since=1h$/);
  await expect(events).toHaveCount(1);
  await page.getByLabel('User').fill('nobody@example.org');
  await page.getByLabel('User').press('Enter');
  await expect(notice(page, 'No user has this email address.')).toBeVisible();
});

for (const [path, heading] of [
  ['/admin', 'Users'],
  ['/admin/users/', 'Grace'],
  ['/admin/invitations', 'Invitations'],
  ['/admin/activity', 'All activity'],
  ['/admin/keys', 'Service keys'],
  ['/admin/webhooks', 'Webhooks'],
]) {
  test(`${path} has no accessibility violations, and does not scroll horizontally`, async ({ page, user, server }) => {
    const { users: [grace] } = await people(server, user, ['Grace', 'Hedy']);
    await open(page, path.endsWith('/') ? `${path}${grace.id}` : path);
    await expect(title(page, heading)).toBeVisible();
    await expectAccessible(page);
    for (const width of [320, 360, 760, 1024]) {
      await page.setViewportSize({ width, height: 800 });
      const scrollWidth = () => page.evaluate(() => document.documentElement.scrollWidth);
      await expect.poll(scrollWidth, `${path} at ${width}`).toBeLessThanOrEqual(width);
    }
    await expectAccessible(page);
  });
}

test('an unreachable server is reported, and trying again works', async ({ page, problems }) => {
  problems.expect(/ERR_FAILED/);
  problems.allow(/request failed/);
  await page.route('**/api/admin/users?*', (route) => route.abort());
  await page.route('**/api/admin/users', (route) => route.abort());
  await open(page, '/admin');
  await expect(announced(page).filter({ hasText: 'The server can\'t be reached.' })).toBeVisible();
  await page.unroute('**/api/admin/users?*');
  await page.unroute('**/api/admin/users');
  await button(page, 'Try again').click();
  await expect(rows(page).first()).toBeVisible();
});
