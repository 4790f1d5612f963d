// Writes vectors.json, which the tests of all clients run: `node clients/vectors.mjs`. The keys are for
// these vectors only.
import { createHash, createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';

const ISSUER = 'https://id.example.com';
const NOW = 1_795_600_100;
const SUB = '01010101-0101-4101-8101-010101010101';
const SID = '02020202-0202-4202-8202-020202020202';
const JTI = '03030303-0303-4303-8303-030303030303';
const GEN = 'ACdpANA1aeMH65ZY';

const seed = (text) => createHash('sha256').update(`latchkey test vector: ${text}`).digest();

/** An Ed25519 key from a text (RFC 8410). */
function ed25519(text) {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed(text)]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

/** A P-256 key from a text (RFC 5915); the public half is computed. */
function p256(text) {
  const head = Buffer.from('303102010104200000000000000000000000000000000000000000000000000000000000000000a00a06082a8648ce3d030107', 'hex');
  seed(text).copy(head, 7);
  return createPrivateKey({ key: head, format: 'der', type: 'sec1' });
}

/** The public key as it is published, with its thumbprint (RFC 7638) as ID. */
function published(key, alg) {
  const { kty, crv, x, y } = createPublicKey(key).export({ format: 'jwk' });
  const required = y === undefined ? { crv, kty, x } : { crv, kty, x, y };
  const kid = createHash('sha256').update(JSON.stringify(required)).digest('base64url');
  return { ...required, kid, alg, use: 'sig' };
}

const ed = { key: ed25519('one'), alg: 'EdDSA' };
const es = { key: p256('two'), alg: 'ES256' };
const other = { key: ed25519('another server'), alg: 'EdDSA' };
for (const pair of [ed, es, other]) pair.jwk = published(pair.key, pair.alg);

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function signature({ key, alg }, text) {
  if (alg === 'EdDSA') return sign(null, Buffer.from(text), key).toString('base64url');
  return sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

const claims = {
  iss: ISSUER, aud: ISSUER, sub: SUB, sid: SID, token_type: 'access', amr: ['pwd'], iat: NOW - 100, exp: NOW + 800, jti: JTI, gen: GEN,
};

/** A token with changed claims or header. `by` signs, and the header names its key. */
function token(by, changes = {}, header = {}) {
  const text = `${encode({ typ: 'at+jwt', alg: by.alg, kid: by.jwk.kid, ...header })}.${encode({ ...claims, ...changes })}`;
  return `${text}.${signature(by, text)}`;
}

/** A token with an HMAC for a signature. */
function hmac(secret, header) {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

const without = (name) => Object.fromEntries(Object.entries(claims).map(([key, value]) => [key, key === name ? undefined : value]));
const good = token(ed);
const [head, body, mark] = good.split('.');
const pem = createPublicKey(ed.key).export({ format: 'pem', type: 'spki' });
const raw = Buffer.from(ed.jwk.x, 'base64url');

const tokens = [
  ['EdDSA', good, 'accepted'],
  ['ES256', token(es), 'accepted'],
  ['a header that says JWT', token(ed, {}, { typ: 'JWT' }), 'accepted'],
  ['a claim that is not known', token(ed, { tenant: 7 }), 'accepted'],
  ['roles', token(ed, { roles: ['editor'] }), 'accepted'],
  ['the last second', token(ed, { exp: NOW + 1 }), 'accepted'],
  ['expired', token(ed, { exp: NOW }), 'expired'],
  ['from the future by a minute', token(ed, { iat: NOW + 60 }), 'accepted'],
  ['from the future by more', token(ed, { iat: NOW + 61 }), 'expired'],
  ['another audience', token(ed, { aud: 'https://other.example.com' }), 'invalid'],
  ['another issuer', token(ed, { iss: 'https://other.example.com' }), 'invalid'],
  ['no audience', token(ed, without('aud')), 'invalid'],
  ['no issuer', token(ed, without('iss')), 'invalid'],
  ['no subject', token(ed, without('sub')), 'invalid'],
  ['no session', token(ed, without('sid')), 'invalid'],
  ['no expiry', token(ed, without('exp')), 'invalid'],
  ['a refresh token', token(ed, { token_type: 'refresh' }), 'invalid'],
  ['no type', token(ed, without('token_type')), 'invalid'],
  ['an extension that must be understood', token(ed, {}, { crit: ['exp'] }), 'invalid'],
  ['no key named', token(ed, {}, { kid: undefined }), 'invalid'],
  ['the key of another server', token(other), 'unknown_key'],
  ['another server under a name that is known', token({ ...other, jwk: ed.jwk }), 'invalid'],
  ['a key that is named in the header', token(other, {}, { kid: ed.jwk.kid, jwk: other.jwk }), 'invalid'],
  ['the algorithm of another key', token(ed, {}, { alg: 'ES256' }), 'invalid'],
  ['no algorithm', `${encode({ alg: 'none', kid: ed.jwk.kid })}.${body}.`, 'invalid'],
  ['the public key as a secret, PEM', hmac(pem, { alg: 'HS256', kid: ed.jwk.kid }), 'invalid'],
  ['the public key as a secret, raw', hmac(raw, { alg: 'HS256', kid: ed.jwk.kid }), 'invalid'],
  ['a published secret', hmac('a secret in a key set is no secret', { alg: 'HS256', kid: 'oct' }), 'invalid'],
  ['other claims', `${head}.${encode({ ...claims, sub: SID })}.${mark}`, 'invalid'],
  ['no signature', `${head}.${body}.`, 'invalid'],
  ['two parts', `${head}.${body}`, 'invalid'],
  ['four parts', `${good}.${mark}`, 'invalid'],
  ['garbage', 'garbage', 'invalid'],
  ['nothing', '', 'invalid'],
  ['too long', token(ed, { padding: 'x'.repeat(4096) }), 'invalid'],
].map(([name, text, result]) => ({ name, token: text, result }));

const sid = (value, sub = SUB) => ({ sub, sid: value });
const revocations = [
  ['nothing', [], false],
  ['its session', [sid(SID)], true],
  ['another session', [sid(JTI)], false],
  ['a session of that ID of another user', [sid(SID, JTI)], false],
  ['its generation', [{ sub: SUB, gen: GEN }], true],
  ['its generation, beside others', [{ sub: SUB, gen: 'AAAAAAAAAAAAAAAA' }, sid(JTI), { sub: SUB, gen: GEN }], true],
  ['another generation', [{ sub: SUB, gen: 'AAAAAAAAAAAAAAAA' }], false],
  ['that generation of another user', [{ sub: JTI, gen: GEN }], false],
  ['tokens of before', [{ sub: SUB, before: NOW - 99 }], true],
  ['tokens of before its second', [{ sub: SUB, before: NOW - 100 }], false],
  ['the later of two times', [{ sub: SUB, before: NOW }, { sub: SUB, before: NOW - 500 }], true],
  ['tokens of another user', [{ sub: JTI, before: NOW }], false],
  ['something that is not known', [{ sub: SUB, color: 'red' }], true],
].map(([name, entries, revoked]) => ({ name, entries, claims, revoked }));

// Milliseconds; those of the service by its own monotonic clock.
const leases = [
  { name: 'no delay', sent: 1000, head_received: 1000, head_at: 501000, heartbeats: [{ received: 1000, at: 501000 }], until: 1999 },
  { name: 'the way takes 10 ms, of which 6 back', sent: 1000, head_received: 1010, head_at: 501004, heartbeats: [{ received: 1210, at: 501204 }], until: 2199 },
  { name: 'the head took long, and a heartbeat did not', sent: 1000, head_received: 1300, head_at: 501100, heartbeats: [{ received: 1310, at: 501300 }], until: 2009 },
  { name: 'a heartbeat was held up', sent: 1000, head_received: 1002, head_at: 501001, heartbeats: [{ received: 1201, at: 501200 }, { received: 1900, at: 501400 }], until: 2398 },
  { name: 'everything is held up for 5 seconds', sent: 1000, head_received: 6000, head_at: 501000, heartbeats: [{ received: 6200, at: 501200 }], until: 2199 },
  { name: 'the clock of the server is far behind', sent: 1000000, head_received: 1000002, head_at: 7, heartbeats: [{ received: 1000200, at: 206 }], until: 1001197 },
].map((lease) => ({ lease_ms: 1000, ...lease }));

const entry = JSON.stringify(sid(SID));
const stream = {
  text: `: a comment\nevent: snapshot\ndata: {"lease_ms":1000,"revoked":[${entry}],"complete":false}\n\nevent: snapshot\r\ndata: {"lease_ms":1000,"revoked":[],\r\ndata: "complete":true}\r\n\r\nevent:heartbeat\ndata:{"at":501000}\n\nevent: other\ndata: {"é":1}\n\nid: 7\nevent: revoked\ndata: ${entry}\n\nevent: heartbeat\ndata: {"at":501200}\n\nevent: heartbeat\ndata: {"at":5`,
  events: [
    { name: 'snapshot', data: { lease_ms: 1000, revoked: [sid(SID)], complete: false } },
    { name: 'snapshot', data: { lease_ms: 1000, revoked: [], complete: true } },
    { name: 'heartbeat', data: { at: 501000 } },
    { name: 'revoked', data: sid(SID) },
    { name: 'heartbeat', data: { at: 501200 } },
  ],
};

const secret = { kty: 'oct', kid: 'oct', alg: 'HS256', k: Buffer.from('a secret in a key set is no secret').toString('base64url') };
const vectors = { issuer: ISSUER, now: NOW, claims, jwks: { keys: [ed.jwk, es.jwk, secret] }, tokens, revocations, leases, stream };
await writeFile(new URL('vectors.json', import.meta.url), `${JSON.stringify(vectors, undefined, 1)}\n`);
