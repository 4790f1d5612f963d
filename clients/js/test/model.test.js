// A model: whatever happens between Latchkey's servers and a service, no token is accepted for longer than
// the lease after it was revoked. The same as clients/rust/src/model.rs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, Trust } from '../src/trust.js';

const LEASE = 1000;
const CASES = 3000;
const STEPS = 150;

/** Random numbers that can be had again (mulberry32). */
function random(seed) {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32 * limit;
  };
}

class World {
  now = 10_000;
  /** What was committed, in order. */
  log = [];
  sessions = [];
  trust = new Trust();
  line = undefined;
  accepted = 0;

  constructor(next) {
    this.next = next;
    this.servers = [next(10_000), next(10_000)].map((ahead) => ({ ahead, seen: 0, seenUntil: 0 }));
  }

  step() {
    const { next } = this;
    const kind = Math.floor(next(25));
    if (kind < 6) this.now += next(400);
    else if (kind < 12) this.catchUp(this.servers[Math.floor(next(2))]);
    else if (kind < 18) this.deliver(1 + next(5));
    else if (kind < 19) this.signIn();
    else if (kind < 21) this.revoke();
    else if (kind < 22) this.line = undefined;
    else this.connect(this.servers[Math.floor(next(2))], next(700) * next(1), next(700) * next(1));
    this.check();
  }

  signIn() {
    const number = this.sessions.length;
    this.sessions.push({ claims: { sub: 'u', sid: `s${number}`, gen: `g${number}`, iat: 0, exp: 900 } });
  }

  revoke() {
    if (this.sessions.length === 0) return;
    const session = this.sessions[Math.floor(this.next(this.sessions.length))];
    const { sub, sid, gen } = session.claims;
    this.log.push(this.next(2) < 1 ? { sub, sid } : { sub, gen });
    session.revokedAt ??= this.now;
  }

  time(server, at) {
    return Math.floor(at + server.ahead);
  }

  /** A server receives everything that was committed, and tells it. */
  catchUp(server) {
    const news = this.log.slice(server.seen).map((data) => ({ name: 'revoked', data }));
    [server.seen, server.seenUntil] = [this.log.length, this.now];
    if (this.line?.server === server) this.line.way.push(...news, { name: 'heartbeat', data: { at: this.time(server, this.now) } });
  }

  /** What is on its way arrives, up to a number of events. */
  deliver(count) {
    for (const event of this.line?.way.splice(0, count) ?? []) this.line.connection.apply(event, this.now, this.trust);
  }

  connect(server, there, back) {
    this.line = undefined;
    const sent = this.now;
    this.now += there;
    this.check();
    const way = [
      { name: 'snapshot', data: { lease_ms: LEASE, revoked: this.log.slice(0, server.seen), complete: true } },
      { name: 'heartbeat', data: { at: this.time(server, server.seenUntil) } },
    ];
    const at = this.time(server, this.now);
    this.now += back;
    this.line = { server, way, connection: new Connection({ sent, received: this.now, at, tokenLifetime: 900 }) };
  }

  /** No token is accepted that was revoked a lease ago or earlier. */
  check() {
    for (const { claims, revokedAt } of this.sessions) {
      if (this.trust.judge(claims, this.now) !== 'accepted') continue;
      this.accepted += 1;
      assert.ok(revokedAt === undefined || this.now - revokedAt < LEASE, `${claims.sid}: ${this.now - revokedAt} ms`);
    }
  }
}

test('no token is accepted for longer than the lease after it was revoked', () => {
  let accepted = 0;
  for (let seed = 0; seed < CASES; seed += 1) {
    const world = new World(random(seed));
    try {
      for (let step = 0; step < STEPS; step += 1) world.step();
    } catch (error) {
      error.message += ` (case ${seed})`;
      throw error;
    }
    accepted += world.accepted;
  }
  // The bound is worth something only if tokens are accepted otherwise.
  assert.ok(accepted > CASES, `${accepted}`);
});
