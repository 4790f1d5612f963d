import { readFile } from 'node:fs/promises';
import { announced, button, expectAccount, expectFieldError, navigation, open, openPage, section, storedSession, title } from '../support/pages.ts';
import { expect, testSignedIn as test } from '../support/test.ts';

const PATH = '/account/profile';

test('the name is saved, without spaces around it', async ({ page, user, server }) => {
  await open(page, '/account');
  await expectAccount(page, user);
  await openPage(page, 'Profile');
  await expect(page).toHaveURL(PATH);
  await expect(title(page, 'Profile')).toBeFocused();
  const name = page.getByLabel('Your name', { exact: true });
  await expect(name).toHaveValue('');
  await name.fill('  Ada Lovelace ');
  await name.press('Enter');
  await expect(announced(page).filter({ hasText: 'Your name has been saved.' })).toBeVisible();
  await expect(name).toHaveValue('Ada Lovelace');
  await page.reload();
  await expect(name).toHaveValue('Ada Lovelace');
  const { token } = (await storedSession(page))!;
  const response = await fetch(`${server.url}/api/user/view`, { headers: { Authorization: `Bearer ${token}` } });
  expect(await response.json()).toMatchObject({ name: 'Ada Lovelace' });
});

test('a name that is too long is refused at its field, and kept', async ({ page, problems }) => {
  problems.expectStatus(400, '/api/user/update');
  await open(page, PATH);
  const name = page.getByLabel('Your name', { exact: true });
  await name.fill('a'.repeat(101));
  await button(page, 'Save').click();
  await expectFieldError(name, 'A name has at most 100 characters.');
  await expect(name).toBeFocused();
  await expect(name).toHaveValue('a'.repeat(101));
});

test('what the server knows can be downloaded', async ({ page, user }) => {
  await open(page, PATH);
  const downloaded = page.waitForEvent('download');
  await button(page, 'Download my data').click();
  const download = await downloaded;
  expect(download.suggestedFilename()).toMatch(/^latchkey-data-\d{4}-\d\d-\d\d\.json$/);
  const text = await readFile(await download.path(), 'utf8');
  const data = JSON.parse(text);
  expect(data.user.email).toBe(user.email);
  expect(data.sessions).toHaveLength(1);
  expect(data.activity.map(({ event }: { event: string }) => event)).toContain('registered');
  expect(text).not.toContain(user.password);
  await expect(announced(page).filter({ hasText: 'Your data has been downloaded.' })).toBeVisible();
});

test('the account\'s facts are shown, and roles only where there are any', async ({ page, user }) => {
  let roles: string[] = [];
  await page.route('**/api/user/view', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), roles } });
  });
  await open(page, PATH);
  const facts = section(page, 'Account');
  await expect(facts).toContainText(user.email);
  await expect(facts).toContainText(/Account ID[0-9a-f-]{36}/);
  await expect(facts).not.toContainText('Roles');
  await expect(navigation(page).locator('[aria-current]')).toHaveText('Profile');
  roles = ['billing', 'editor'];
  await page.reload();
  await expect(facts).toContainText(/Roles\s*billing\s*editor/);
  await facts.getByRole('link', { name: 'Change' }).click();
  await expect(title(page, 'Security')).toBeFocused();
});
