import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expectAccessible } from '../support/accessibility.ts';
import { announced, button, dialog, expectFieldError, open, press, section } from '../support/pages.ts';
import { expect, testAdmin as test } from '../support/test.ts';

test.use({ settings: { LATCHKEY_WEBHOOK_ALLOW_PRIVATE: 'true' } });

/** Starts a receiver that answers with this status, and notes the types of the events. */
async function receiver(status: () => number): Promise<{ url: string; events: string[]; server: HttpServer }> {
  const events: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => { body += part.toString(); });
    request.on('end', () => {
      if (request.headers['webhook-signature']) events.push((JSON.parse(body) as { type: string }).type);
      response.writeHead(status()).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`, events, server };
}

test('a webhook is added, changed, paused and deleted; a failed delivery is sent again', async ({ page, user, server, problems }) => {
  problems.expectStatus(400, '/api/admin/webhooks');
  let status = 500;
  const hook = await receiver(() => status);
  await open(page, '/admin/webhooks');
  await expect(announced(page).filter({ hasText: 'No webhooks yet.' })).toBeVisible();
  await button(page, 'Add webhook').click();
  await press(page, 'Add webhook');
  await expectFieldError(dialog(page).getByLabel('URL'), /^This field is required\./);
  await dialog(page).getByLabel('URL').fill(hook.url);
  await expectAccessible(page);
  await press(page, 'Add webhook');
  await expect(dialog(page)).toContainText(/whsec_/);
  await press(page, 'Done');
  expect(await page.content()).not.toContain('whsec_');

  const row = section(page, 'Webhooks').getByRole('listitem').first();
  await expect(row).toContainText(/user\.created.*otp\.disabled/s);
  await row.getByRole('button', { name: `Edit ${hook.url}` }).click();
  await expect(dialog(page).getByLabel('URL')).toHaveValue(hook.url);
  for (const event of ['user.created', 'user.updated', 'user.verified', 'user.deleted', 'session.ended', 'password.changed', 'otp.enabled', 'otp.disabled']) {
    await dialog(page).getByLabel(event).uncheck();
  }
  await press(page, 'Save');
  await expect(announced(page).filter({ hasText: 'The webhook has been changed.' })).toBeVisible();
  await expect(row).not.toContainText('otp.disabled');

  await server.login(user);
  await expect.poll(() => hook.events).toEqual(['session.created']);
  status = 204;
  await row.getByRole('button', { name: `Deliveries of ${hook.url}` }).click();
  const delivery = row.getByRole('list', { name: 'Deliveries' }).getByRole('listitem').first();
  await expect(delivery).toContainText(/session\.created.*status 500/s);
  await expectAccessible(page);
  await delivery.getByRole('button', { name: 'Send again' }).click();
  await expect.poll(() => hook.events.length).toBeGreaterThan(1);

  await row.getByRole('button', { name: `Pause ${hook.url}` }).click();
  await expect(dialog(page)).toContainText('Nothing is sent until you activate it again.');
  await press(page, 'Pause');
  await expect(row).toContainText('Paused');
  await row.getByRole('button', { name: `Delete ${hook.url}` }).click();
  await press(page, 'Delete');
  await expect(announced(page).filter({ hasText: 'The webhook has been deleted.' })).toBeVisible();
  await expect(row).toHaveCount(0);
  hook.server.close();
});
