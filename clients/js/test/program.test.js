// The verifier beside a real Latchkey.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Verifier } from '../src/index.js';
import { until } from './latchkey.js';
import { Program, credentials, needsProgram } from './program.js';

async function post(url, { token, body = {} } = {}) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, text);
  return text && JSON.parse(text);
}

for (const algorithm of ['EdDSA', 'ES256', 'HS256']) {
  test(`tokens of a real Latchkey, ${algorithm}`, needsProgram, async () => {
    const latchkey = await Program.start({ LATCHKEY_TOKEN_ALG: algorithm });
    const { url } = latchkey;
    let verifier;
    try {
      verifier = await Verifier.connect(url, latchkey.createKey('tokens:verify'), { withoutLease: 'introspect' });
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
      latchkey.process.kill('SIGSTOP');
      const stopped = performance.now();
      await until('the lease has ended', () => !verifier.hasLease);
      assert.ok(performance.now() - stopped < 1100);
      latchkey.process.kill('SIGCONT');
      await until('it has a lease again', () => verifier.hasLease);
    } finally {
      verifier?.close();
      await latchkey.stop();
    }
  });
}
