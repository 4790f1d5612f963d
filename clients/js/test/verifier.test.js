import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createServer as createProxy } from 'node:net';
import { test } from 'node:test';
import { Verifier, express, fetchHandler } from '../src/index.js';
import { LEASE, Latchkey, until } from './latchkey.js';

/** Runs a test with a Latchkey and a verifier. */
function with_(name, options, run) {
  test(name, async () => {
    const latchkey = await Latchkey.start();
    const events = [];
    const verifier = await Verifier.connect(latchkey.url, latchkey.key, { onEvent: (event) => events.push(event), ...options });
    try {
      await run({ latchkey, verifier, events });
    } finally {
      verifier.close();
      await latchkey.stop();
    }
  });
}

const refused = (verifier, token, code) => assert.rejects(verifier.check(token), { name: 'VerifyError', code });

with_('tokens are verified without a request until they are revoked', {}, async ({ latchkey, verifier, events }) => {
  const tokens = [await latchkey.token(), await latchkey.token({ sid: 's2' }), await latchkey.token({ sid: 's3', gen: 'g2', iat: 7, exp: 7 + 900 })];
  assert.equal((await verifier.check(tokens[0])).sub, 'ada');
  assert.equal((await verifier.verify(tokens[1])).sid, 's2');
  await refused(verifier, tokens[2], 'expired');
  latchkey.revoke({ sub: 'ada', sid: 's1' });
  await until('the session has ended', () => verifier.verify(tokens[0]).then(() => false, ({ code }) => code === 'revoked'));
  assert.equal((await verifier.check(tokens[1])).sid, 's2');
  latchkey.revoke({ sub: 'ada', gen: 'g1' });
  await until('all have', () => verifier.verify(tokens[1]).then(() => false, ({ code }) => code === 'revoked'));
  assert.equal(latchkey.introspections, 0);
  assert.deepEqual(events.filter(({ type }) => type === 'connected'), [{ type: 'connected', entries: 0 }]);
  assert.deepEqual(events.at(-1), { type: 'verified', result: 'revoked' });
});

with_('without heartbeats a token is asked about', {}, async ({ latchkey, verifier }) => {
  const token = await latchkey.token();
  latchkey.beats = false;
  const silent = performance.now();
  await until('the lease has ended', () => !verifier.hasLease);
  assert.ok(performance.now() - silent <= LEASE + 50);
  await assert.rejects(verifier.verify(token), { code: 'unknown' });
  assert.equal((await verifier.check(token)).sub, 'ada');
  latchkey.active = false;
  await refused(verifier, token, 'invalid');
  assert.equal(latchkey.introspections, 2);
  latchkey.beats = true;
  await until('it has a lease again', () => verifier.hasLease);
});

with_('or refused', { withoutLease: 'refuse' }, async ({ latchkey, verifier }) => {
  const token = await latchkey.token();
  await verifier.check(token);
  latchkey.beats = false;
  await until('the lease has ended', () => !verifier.hasLease);
  await refused(verifier, token, 'unknown');
  assert.equal(latchkey.introspections, 0);
});

with_('a stream that is cut is opened again, and misses nothing', { withoutLease: 'refuse' }, async ({ latchkey, verifier, events }) => {
  const token = await latchkey.token();
  latchkey.isOpen = false;
  latchkey.cut();
  await until('it is gone', () => events.some(({ type }) => type === 'disconnected'));
  latchkey.revoke({ sub: 'ada', sid: 's1' });
  await until('the lease has ended', () => !verifier.hasLease);
  latchkey.isOpen = true;
  await until('it is back', () => verifier.hasLease);
  await refused(verifier, token, 'revoked');
});

/** A proxy that can fall silent without closing anything. */
async function proxyTo(port) {
  const proxy = { isSilent: false, open: new Set() };
  proxy.server = createProxy((client) => {
    const server = connect(port, '127.0.0.1');
    for (const [from, to] of [[client, server], [server, client]]) {
      proxy.open.add(from);
      from.on('data', (bytes) => proxy.isSilent || to.write(bytes));
      from.on('error', () => {});
      from.on('close', () => to.destroy());
    }
  });
  proxy.server.listen(0, '127.0.0.1');
  await once(proxy.server, 'listening');
  proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
  proxy.stop = () => {
    for (const socket of proxy.open) socket.destroy();
    proxy.server.close();
  };
  return proxy;
}

test('on a line that falls silent, nothing is trusted for longer than the lease', async () => {
  const latchkey = await Latchkey.start();
  const proxy = await proxyTo(latchkey.port);
  const verifier = await Verifier.connect(proxy.url, latchkey.key, { withoutLease: 'refuse' });
  try {
    const token = await latchkey.token();
    for (let round = 0; round < 5; round += 1) {
      await until('it has a lease', () => verifier.hasLease);
      assert.equal((await verifier.check(token)).sub, 'ada');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * LEASE));
      proxy.isSilent = true;
      const silent = performance.now();
      let accepted = silent;
      while (performance.now() - silent < 2 * LEASE) {
        await verifier.check(token).then(() => (accepted = performance.now()), () => {});
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      assert.ok(accepted - silent <= LEASE + 20, `${accepted - silent} ms`);
      proxy.isSilent = false;
    }
  } finally {
    verifier.close();
    proxy.stop();
    await latchkey.stop();
  }
});

with_('ten thousand revocations at once are applied', { withoutLease: 'refuse' }, async ({ latchkey, verifier }) => {
  const last = await latchkey.token({ sid: 'n9999' });
  await verifier.check(last);
  for (let number = 0; number < 10_000; number += 1) latchkey.revoke({ sub: 'ada', sid: `n${number}` });
  await until('the last has arrived', () => verifier.verify(last).then(() => false, ({ code }) => code === 'revoked'));
  // And so does a snapshot of them.
  const other = await Verifier.connect(latchkey.url, latchkey.key);
  await refused(other, last, 'revoked');
  await other.check(await latchkey.token({ sid: 'another' }));
  other.close();
});

with_('a key that is not known is fetched, and not for each token', {}, async ({ latchkey, verifier }) => {
  await latchkey.rotate();
  await verifier.check(await latchkey.token());
  latchkey.keySet.keys = latchkey.keySet.keys.slice(1);
  const unpublished = await Latchkey.start();
  const before = latchkey.keySetRequests;
  await Promise.all(Array.from({ length: 50 }, async () => refused(verifier, await unpublished.token({ iss: latchkey.url, aud: latchkey.url }), 'invalid')));
  await unpublished.stop();
  assert.ok(latchkey.keySetRequests - before <= 4, `${latchkey.keySetRequests - before}`);
  assert.equal(latchkey.introspections, 0);
});

with_('tokens that live longer than the server says are asked about', {}, async ({ latchkey, verifier }) => {
  const now = Math.floor(Date.now() / 1000);
  await verifier.check(await latchkey.token({ exp: now + 901 }));
  assert.equal(latchkey.introspections, 1);
});

test('an unreachable Latchkey is no error, and is found when it is there', async () => {
  const place = await Latchkey.start();
  await place.stop();
  const verifier = await Verifier.connect(place.url, place.key);
  assert.equal(verifier.hasLease, false);
  await refused(verifier, 'x.y.z', 'unknown');
  const latchkey = await Latchkey.start(place.port);
  await until('it has a lease', () => verifier.hasLease, 20_000);
  await until('it has keys', async () => verifier.verify(await latchkey.token()).then(() => true, () => false), 20_000);
  verifier.close();
  await latchkey.stop();
  await assert.rejects(Verifier.connect('ftp://x', 'k'), TypeError);
  await assert.rejects(Verifier.connect(place.url, 'k', { withoutLease: 'accept' }), TypeError);
});

with_('middleware passes the claims on, or refuses', { withoutLease: 'refuse' }, async ({ latchkey, verifier }) => {
  const guard = express(verifier);
  const server = createServer((request, response) => guard(request, response, () => response.end(request.auth.sub)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  const handle = fetchHandler(verifier, (request, claims, extra) => new Response(claims.sub + extra));
  const token = await latchkey.token();
  const both = async (headers) => {
    const responses = [await fetch(url, { headers }), await handle(new Request(url, { headers }), '')];
    const [one, other] = await Promise.all(responses.map(async (response) => ({ status: response.status, text: await response.text(), challenge: response.headers.get('www-authenticate') })));
    assert.deepEqual(one, other);
    return one;
  };
  assert.deepEqual(await both({ authorization: `Bearer ${token}` }), { status: 200, text: 'ada', challenge: null });
  const none = await both({});
  assert.equal(none.status, 401);
  assert.equal(none.challenge, 'Bearer');
  assert.equal(JSON.parse(none.text).code, 'not_authenticated');
  assert.equal(JSON.parse((await both({ authorization: 'Bearer x' })).text).code, 'token_invalid');
  const expired = await latchkey.token({ exp: 1000, iat: 900 });
  assert.equal(JSON.parse((await both({ authorization: `bearer ${expired}` })).text).code, 'token_expired');
  latchkey.beats = false;
  await until('the lease has ended', () => !verifier.hasLease);
  const unknown = await both({ authorization: `Bearer ${token}` });
  assert.deepEqual([unknown.status, JSON.parse(unknown.text).code], [503, 'unavailable']);
  server.closeAllConnections();
  server.close();
});
