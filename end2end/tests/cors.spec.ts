import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from '@playwright/test';
import { Server } from '../support/server.ts';
import { expect, newUser, test } from '../support/test.ts';

/** Another app: a page with an origin of its own, of another site than the server's. */
async function launchApp(): Promise<{ origin: string; close: () => void }> {
  const app = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>App</title>');
  });
  await new Promise<void>((listening) => app.listen(0, listening));
  const { port } = app.address() as AddressInfo;
  return { origin: `http://localhost:${port}`, close: () => app.close() };
}

type Call = { path: string; token?: string; json?: object; form?: Record<string, string> };
type Answer = { status: number; body: any; requestId: string | null; authenticate: string | null };

/** What a script of the page gets from the API. */
function call(page: Page, url: string, { path, token, json, form }: Call): Promise<Answer> {
  return page.evaluate(async ({ url, token, json, form }) => {
    const headers: Record<string, string> = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (json) headers['Content-Type'] = 'application/json';
    const body = json ? JSON.stringify(json) : form && new URLSearchParams(form);
    const method = body ? 'POST' : 'GET';
    const response = await fetch(url, { method, headers, body, credentials: 'include' });
    return {
      status: response.status,
      body: await response.json(),
      requestId: response.headers.get('x-request-id'),
      authenticate: response.headers.get('www-authenticate'),
    };
  }, { url: url + path, token, json, form });
}

test('scripts of an allowed origin use the API, those of another can not', async ({ browser }) => {
  const [app, other] = [await launchApp(), await launchApp()];
  const server = await Server.launch({ LATCHKEY_CORS_ORIGINS: app.origin });
  const page = await browser.newPage();
  try {
    const [user, stranger] = [newUser(), newUser()];
    await page.goto(app.origin);
    expect((await call(page, server.url, { path: '/api/user/create', json: user })).status).toBe(201);
    const login = await call(page, server.url, { path: '/api/user/login', json: user });
    expect(login.status).toBe(200);
    const { token } = login.body;
    const view = await call(page, server.url, { path: '/api/user/view', token });
    expect(view.body.email).toBe(user.email);
    const refused = await call(page, server.url, { path: '/api/user/view', token: 'garbage' });
    expect(refused).toMatchObject({ status: 401, body: { code: 'token_invalid' }, authenticate: 'Bearer' });
    expect(refused.requestId).toBeTruthy();
    const invalid = await call(page, server.url, { path: '/api/user/login', form: {} });
    expect(invalid).toMatchObject({ status: 400, body: { email: [expect.any(String)] } });
    const keys = await call(page, server.url, { path: '/.well-known/jwks.json' });
    expect(keys.body).toEqual({ keys: [] });

    await page.goto(other.origin);
    for (const path of ['/api/user/view', '/.well-known/jwks.json']) {
      await expect(call(page, server.url, { path, token })).rejects.toThrow(/Failed to fetch/);
    }
    // A form is sent without asking first. It has no effect.
    const form = { ...stranger };
    await expect(call(page, server.url, { path: '/api/user/create', form })).rejects.toThrow(/Failed to fetch/);
    await expect(server.login(stranger)).rejects.toThrow(/401/);
  } finally {
    await page.close();
    await server.discard();
    app.close();
    other.close();
  }
});
