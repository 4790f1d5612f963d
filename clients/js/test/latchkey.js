// A Latchkey that does what a test says.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';

export const LEASE = 400;

/** Waits until something is true. */
export async function until(what, condition, limit = 10_000) {
  const ends = performance.now() + limit;
  while (!(await condition())) {
    if (performance.now() > ends) throw new Error(`not within ${limit} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export class Latchkey {
  key = 'lk_test';
  revoked = [];
  streams = new Set();
  introspections = 0;
  active = true;
  /** Whether heartbeats are sent, and whether a stream can be opened. */
  beats = true;
  isOpen = true;
  keySetRequests = 0;
  maxAge = 60;

  static async start(port = 0) {
    const latchkey = new Latchkey();
    await latchkey.rotate();
    latchkey.server = createServer((request, response) => latchkey.#respond(request, response));
    latchkey.server.listen(port, '127.0.0.1');
    await once(latchkey.server, 'listening');
    latchkey.port = latchkey.server.address().port;
    latchkey.url = `http://127.0.0.1:${latchkey.port}`;
    latchkey.timer = setInterval(() => latchkey.beats && latchkey.send('heartbeat', { at: Date.now() }), LEASE / 5);
    return latchkey;
  }

  async rotate() {
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true });
    const jwk = await exportJWK(publicKey);
    this.signing = { privateKey, kid: await calculateJwkThumbprint(jwk) };
    this.keySet = { keys: [{ ...jwk, kid: this.signing.kid }, ...(this.keySet?.keys ?? [])] };
  }

  token(claims = {}) {
    const now = Math.floor(Date.now() / 1000);
    const all = { sub: 'ada', sid: 's1', token_type: 'access', amr: ['pwd'], jti: 'j', gen: 'g1', iat: now, exp: now + 900, ...claims };
    return new SignJWT({ iss: this.url, aud: this.url, ...all })
      .setProtectedHeader({ alg: 'EdDSA', kid: this.signing.kid })
      .sign(this.signing.privateKey);
  }

  revoke(entry) {
    this.revoked.push(entry);
    this.send('revoked', entry);
  }

  send(name, data) {
    for (const stream of this.streams) stream.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  cut() {
    for (const stream of this.streams) stream.destroy();
  }

  async stop() {
    clearInterval(this.timer);
    this.server.closeAllConnections();
    this.server.close();
  }

  async #respond(request, response) {
    const json = (value, headers = {}) => response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
    const isService = request.headers.authorization === `Bearer ${this.key}`;
    if (request.url === '/.well-known/oauth-authorization-server') json({ issuer: this.url });
    else if (request.url === '/.well-known/jwks.json') {
      this.keySetRequests += 1;
      json(this.keySet, { 'cache-control': `public, max-age=${this.maxAge}` });
    } else if (!isService) response.writeHead(401).end();
    else if (request.url === '/api/token/introspect') {
      this.introspections += 1;
      json(this.active ? { active: true, sub: 'ada', sid: 's1' } : { active: false });
    } else if (!this.isOpen) response.writeHead(503).end();
    else this.#stream(response);
  }

  #stream(response) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'latchkey-at': Date.now(), 'latchkey-token-lifetime': 900 });
    const parts = [this.revoked.slice(0, 1000)];
    for (let at = 1000; at < this.revoked.length; at += 1000) parts.push(this.revoked.slice(at, at + 1000));
    parts.forEach((revoked, number) => {
      const data = { lease_ms: LEASE, revoked, complete: number === parts.length - 1 };
      response.write(`event: snapshot\ndata: ${JSON.stringify(data)}\n\n`);
    });
    response.write(`event: heartbeat\ndata: {"at":${Date.now()}}\n\n`);
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
  }
}
