// The verifier beside a real Latchkey, whose program LATCHKEY_PROGRAM names.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Verifier } from '../src/index.js';
import { until } from './latchkey.js';

const { LATCHKEY_PROGRAM: program, LATCHKEY_SITE: site } = process.env;
const credentials = { email: 'ada@example.com', password: 'tall-violet-anchor-92' };

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function post(url, { token, body = {} } = {}) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, text);
  return text && JSON.parse(text);
}

for (const algorithm of ['EdDSA', 'ES256', 'HS256']) {
  test(`tokens of a real Latchkey, ${algorithm}`, { skip: program ? false : 'LATCHKEY_PROGRAM is not set' }, async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'latchkey-'));
    const url = `http://127.0.0.1:${await freePort()}`;
    const env = {
      ...process.env, LATCHKEY_LISTEN: url.slice('http://'.length), LATCHKEY_DATA_DIR: path.join(folder, 'data'), LATCHKEY_SITE_ROOT: site,
      LATCHKEY_TOKEN_ALG: algorithm, LATCHKEY_ARGON2: 'm=64,t=1,p=1', LATCHKEY_LOG: 'warn',
    };
    const server = spawn(program, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    let verifier;
    try {
      await until('it is ready', () => fetch(`${url}/readyz`).then(({ ok }) => ok, () => false));
      const create = ['key', 'create', '--name', 'a test', '--scope', 'tokens:verify'];
      verifier = await Verifier.connect(url, execFileSync(program, create, { env }).toString().trim(), { withoutLease: 'introspect' });
      const { id } = await post(`${url}/api/user/create`, { body: credentials });
      const signIn = async () => (await post(`${url}/api/user/login`, { body: credentials })).token;
      const token = await signIn();
      assert.equal((await verifier.check(token)).sub, id);
      const isOffline = algorithm !== 'HS256';
      if (isOffline) {
        // Bare jose agrees.
        const keys = createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`));
        const { payload } = await jwtVerify(token, keys, { issuer: url, audience: url, typ: 'at+jwt' });
        assert.deepEqual(payload, await verifier.verify(token));
      } else {
        await assert.rejects(verifier.verify(token), { code: 'unknown' });
      }
      await post(`${url}/api/user/logout/all`, { token });
      await until('it is refused', () => verifier.check(token).then(() => false, ({ code }) => ['revoked', 'invalid'].includes(code)));
      if (!isOffline) return;
      assert.equal((await verifier.verify(await signIn())).sub, id);
      server.kill('SIGSTOP');
      const stopped = performance.now();
      await until('the lease has ended', () => !verifier.hasLease);
      assert.ok(performance.now() - stopped < 1100);
      server.kill('SIGCONT');
      await until('it has a lease again', () => verifier.hasLease);
    } finally {
      verifier?.close();
      server.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  });
}
