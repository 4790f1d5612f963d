// The vectors that the clients in all languages run.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Parser } from '../src/events.js';
import { Keys } from '../src/keys.js';
import { Malformed, Revoked } from '../src/revoked.js';
import { Connection, Trust } from '../src/trust.js';

const vectors = JSON.parse(await readFile(new URL('../../vectors.json', import.meta.url)));
const { issuer, now, jwks } = vectors;

test('tokens are judged as the vectors say', async () => {
  const keys = await Keys.from(jwks, issuer, 0);
  for (const { name, token, result } of vectors.tokens) {
    const seen = await keys.read(token, 0, now).then(() => 'accepted', (error) => error.code);
    assert.equal(seen, result, name);
  }
  const good = vectors.tokens[0].token;
  assert.deepEqual(await keys.read(good, 0, now), vectors.claims);
  // Keys are used for five minutes, or less if the server says so.
  const at = async (seconds, maxAge) => {
    const aging = await Keys.from(jwks, issuer, 0, maxAge);
    return aging.read(good, seconds * 1000, now).then(() => true, () => false);
  };
  assert.deepEqual(await Promise.all([at(299), at(300), at(300, 3_600_000)]), [true, false, false]);
  assert.deepEqual(await Promise.all([at(59, 60_000), at(60, 60_000)]), [true, false]);
  const none = await Keys.from({ keys: [] }, issuer, 0);
  await assert.rejects(none.read(good, 0, now), { code: 'no_keys' });
});

test('tokens are revoked as the vectors say', () => {
  for (const { name, entries, claims, revoked: expected } of vectors.revocations) {
    const revoked = new Revoked();
    for (const entry of entries) revoked.add(entry);
    assert.equal(revoked.has(claims), expected, name);
  }
});

test('leases last as long as the vectors say', () => {
  for (const { name, lease_ms, sent, head_received, head_at, heartbeats, until } of vectors.leases) {
    const trust = new Trust();
    const connection = new Connection({ sent, received: head_received, at: head_at });
    connection.apply({ name: 'snapshot', data: { lease_ms, revoked: [], complete: true } }, head_received, trust);
    for (const { received, at } of heartbeats) connection.apply({ name: 'heartbeat', data: { at } }, received, trust);
    const isOver = until <= heartbeats.at(-1).received;
    if (isOver) assert.ok(trust.until <= until, name);
    else assert.equal(trust.until, until, name);
  }
});

test('streams are split into the events of the vectors', () => {
  const bytes = Buffer.from(vectors.stream.text);
  const known = (event) => ['snapshot', 'revoked', 'heartbeat'].includes(event.name);
  for (const size of [1, 2, 3, 7, 100, bytes.length]) {
    const parser = new Parser();
    const events = [];
    for (let at = 0; at < bytes.length; at += size) events.push(...parser.read(bytes.subarray(at, at + size)));
    assert.deepEqual(events.filter(known), vectors.stream.events, `pieces of ${size}`);
  }
});

test('what does not follow the protocol ends the connection', () => {
  const read = (text) => () => {
    const connection = new Connection({ sent: 0, received: 0, at: 0 });
    const trust = new Trust();
    for (const event of new Parser().read(Buffer.from(text))) connection.apply(event, 0, trust);
  };
  const snapshot = 'event: snapshot\ndata: {"lease_ms":1000,"revoked":[],"complete":true}\n\n';
  read(snapshot)();
  for (const text of [
    'event: heartbeat\ndata: {"at":1}\n\n',
    `${snapshot}event: heartbeat\ndata: {}\n\n`,
    `${snapshot}event: heartbeat\ndata: {"at":-1}\n\n`,
    `${snapshot}event: heartbeat\ndata: {"at":"1"}\n\n`,
    `${snapshot}event: revoked\ndata: [1]\n\n`,
    `${snapshot}event: revoked\ndata: null\n\n`,
    snapshot + snapshot,
    'event: snapshot\ndata: {"revoked":[]}\n\n',
    'data: {\n\n',
    'x'.repeat(2_000_000),
    'data: 1234567890\n'.repeat(200_000),
  ]) {
    assert.throws(read(text), Malformed, text.slice(0, 80));
  }
  assert.throws(() => new Parser().read(Buffer.from([0x64, 0xff, 0x0a])), Malformed);
});
