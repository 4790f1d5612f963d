// The client of the API beside a real Latchkey.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { TYPES, generate } from '../generate.js';
import { ApiError, createClient, isFailure, unwrap } from '../src/client.js';
import { Program, credentials, needsProgram } from './program.js';

const LIFETIME = 900;
let latchkey;
before(async () => {
  if (!needsProgram.skip) latchkey = await Program.start();
});
after(() => latchkey?.stop());

/** Signs in a client whose requests are counted by path. What `network.reply` returns takes the place of a response. */
async function signIn(options) {
  const requests = {};
  const network = { reply: () => undefined };
  const client = createClient(latchkey.url, {
    ...options,
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      requests[pathname] = (requests[pathname] ?? 0) + 1;
      return network.reply(pathname) ?? fetch(request);
    },
  });
  if (!options?.session) await unwrap(client.POST('/api/user/login', { body: credentials }));
  return { client, requests, network };
}

test('the types are those of the document', needsProgram, async () => {
  const isUpToDate = (await generate(latchkey.url)) === (await readFile(TYPES, 'utf8'));
  assert.ok(isUpToDate, 'src/api.d.ts is out of date: start the program, and then `npm run generate`');
});

test('the types fit', async () => {
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const project = new URL('..', import.meta.url).pathname;
  await promisify(execFile)(process.execPath, [compiler, '--project', project]).catch(({ stdout }) => assert.fail(stdout));
});

test('an account from registration to signing out', needsProgram, async () => {
  const sessions = [];
  const client = createClient(latchkey.url, { onSession: (session) => { sessions.push(session); } });
  const { id } = await unwrap(client.POST('/api/user/create', { body: credentials }));
  assert.equal(client.session, undefined);
  const pair = await unwrap(client.POST('/api/user/login', { body: credentials }));
  assert.equal(client.session.token, pair.token);
  const user = await unwrap(client.GET('/api/user/view'));
  assert.deepEqual([user.id, user.email, user.email_verified], [id, credentials.email, false]);
  const devices = await unwrap(client.GET('/api/user/sessions'));
  assert.deepEqual(devices.map(({ current }) => current), [true]);
  assert.equal(await unwrap(client.POST('/api/user/logout')), undefined);
  assert.equal(client.session, undefined);
  assert.deepEqual(sessions.map((session) => session?.refresh_token), [pair.refresh_token, undefined]);
  const { error } = await client.GET('/api/user/view');
  assert.equal(error.code, 'not_authenticated');
});

test('errors have a code, or messages by field', needsProgram, async () => {
  const client = createClient(`${latchkey.url}/`);
  const { error, response } = await client.POST('/api/user/login', { body: { ...credentials, password: 'wrong' } });
  assert.ok(isFailure(error) && response.status === 401 && error.code === 'invalid_credentials');
  await assert.rejects(unwrap(client.POST('/api/user/login', { body: {} })), (thrown) => {
    assert.ok(thrown instanceof ApiError && thrown.requestId);
    assert.deepEqual([thrown.status, thrown.code, Object.keys(thrown.fields)], [400, undefined, ['email', 'password']]);
    return true;
  });
});

test('all requests wait for one renewal', needsProgram, async () => {
  const { client, requests } = await signIn();
  const old = { ...client.session, renew_at: Date.now() };
  const { client: later, requests: counted } = await signIn({ session: old });
  const views = await Promise.all(Array.from({ length: 5 }, () => later.GET('/api/user/view')));
  assert.ok(views.every(({ response }) => response.ok));
  assert.deepEqual(counted, { '/api/user/login/refresh': 1, '/api/user/view': 5 });
  assert.notEqual(later.session.refresh_token, old.refresh_token);
  const renewsIn = (later.session.renew_at - Date.now()) / 1000;
  assert.ok(renewsIn > LIFETIME / 2 && renewsIn < LIFETIME, `${renewsIn} s`);
  assert.deepEqual(requests, { '/api/user/login': 1 });
});

test('a token that is refused is renewed once, and the request repeated', needsProgram, async () => {
  const { client } = await signIn();
  const { client: later, requests } = await signIn({ session: { ...client.session, token: 'x.y.z' } });
  const user = await unwrap(later.PATCH('/api/user/update', { body: { name: 'Ada' } }));
  assert.equal(user.name, 'Ada');
  assert.deepEqual(requests, { '/api/user/update': 2, '/api/user/login/refresh': 1 });
});

test('only Latchkey ends a session', needsProgram, async () => {
  const ended = [];
  const { client: first } = await signIn();
  const session = { ...first.session, token: 'x.y.z', renew_at: 0 };
  const { client, network } = await signIn({ session, onSession: (next) => { ended.push(next === undefined); } });
  network.reply = () => { throw new TypeError('no connection'); };
  await assert.rejects(client.GET('/api/user/view'), /no connection/);
  const failure = { detail: 'Try again.', code: 'unavailable' };
  network.reply = (path) => (path === '/api/user/login/refresh' ? Response.json(failure, { status: 503 }) : undefined);
  assert.deepEqual((await client.GET('/api/user/view')).error, failure);
  network.reply = (path) => (path === '/api/user/login/refresh' ? Response.json({}) : undefined);
  await assert.rejects(client.GET('/api/user/view'), /no token pair/);
  assert.equal(client.session, session);
  network.reply = () => undefined;
  await unwrap(first.POST('/api/user/logout/all'));
  const { error } = await client.GET('/api/user/view');
  assert.equal(error.code, 'not_authenticated');
  assert.equal(client.session, undefined);
  assert.deepEqual(ended, [true]);
});

test('a service key lists users', needsProgram, async () => {
  const client = createClient(latchkey.url, { key: latchkey.createKey('users:read') });
  const { users, next_cursor } = await unwrap(client.GET('/api/admin/users', { params: { query: { search: 'ada@' } } }));
  assert.deepEqual([users.map(({ email }) => email), next_cursor], [[credentials.email], null]);
  const { error } = await client.POST('/api/admin/users', { body: { email: 'grace@example.com', invite: true } });
  assert.equal(error.code, 'permission_denied');
});
