// What a service may rely on, without input and output. The rule, and why it holds, is in
// docs/verifying-tokens.md of Latchkey's repository. All times are in milliseconds.
import { Malformed, Revoked } from './revoked.js';

/** The longest lease that is believed. */
const LONGEST_LEASE = 60 * 60 * 1000;

/** What is known of the revocations. */
export class Trust {
  revoked = new Revoked();
  /** Until when that is enough, by the clock's `uptime()`. */
  until = 0;
  /** The lifetime of tokens of which everything is told, in seconds. */
  tokenLifetime = undefined;

  /** Whether a token with valid claims is 'accepted' or 'revoked', or that is 'unknown'. */
  judge(claims, uptime) {
    if (this.revoked.has(claims)) return 'revoked';
    const livesTooLong = claims.exp - claims.iat > (this.tokenLifetime ?? Infinity);
    return uptime >= this.until || livesTooLong ? 'unknown' : 'accepted';
  }
}

/** A connection to the stream, whose head has arrived. */
export class Connection {
  lease = 0;
  /** How many heartbeats have arrived. */
  heartbeats = 0;
  #head;
  #delays;
  #isComplete = false;
  /** What was told so far, until it replaces what an earlier connection told. */
  #incoming = new Revoked();

  /** `sent`: when the request was sent, `received`: when the head arrived; `at`: what it said. */
  constructor({ sent, received, at, tokenLifetime }) {
    this.#head = { sent, tokenLifetime };
    if (at !== undefined) this.#delays = new Delays(sent, received, at);
  }

  /** Whether what this connection told is what counts. */
  get isTrusted() {
    return this.#incoming === undefined;
  }

  /** Applies an event. Throws `Malformed` when the connection is of no more use. */
  apply({ name, data }, received, trust) {
    if (name === 'snapshot') this.#addSnapshot(data);
    else if (name === 'revoked') {
      this.#expectComplete();
      this.#incoming?.add(data);
      trust.revoked.add(data);
    } else if (name === 'heartbeat') {
      this.#expectComplete();
      if (!Number.isSafeInteger(data?.at) || data.at < 0) throw new Malformed('a heartbeat without a time');
      this.#heartbeat(data.at, received, trust);
    }
    // Another event is from a later version of the server.
  }

  #expectComplete() {
    if (!this.#isComplete) throw new Malformed('the snapshot is not complete');
  }

  #addSnapshot(part) {
    const isOne = Number.isSafeInteger(part?.lease_ms) && Array.isArray(part.revoked) && typeof part.complete === 'boolean';
    if (this.#isComplete || !isOne) throw new Malformed('not a snapshot');
    this.lease = Math.min(part.lease_ms, LONGEST_LEASE);
    this.#isComplete = part.complete;
    for (const entry of part.revoked) this.#incoming.add(entry);
  }

  #heartbeat(at, received, trust) {
    this.heartbeats += 1;
    this.#delays ??= new Delays(this.#head.sent, received, at);
    const until = this.#delays.heartbeat(received, at, this.lease);
    // One that says nothing about now: what an earlier connection said may still count.
    if (!this.isTrusted && until <= received) return;
    if (!this.isTrusted) {
      trust.revoked = this.#incoming;
      trust.tokenLifetime = this.#head.tokenLifetime;
      this.#incoming = undefined;
    }
    trust.until = until;
  }
}

/** How far the server's clock and this machine's are apart: as seen, and at least. */
class Delays {
  #smallest;
  #uncertainty;

  constructor(sent, received, at) {
    this.#smallest = Math.floor(received) - at;
    this.#uncertainty = Math.ceil(Math.max(0, received - sent));
  }

  /** Returns until when a heartbeat may be relied on. */
  heartbeat(received, at, lease) {
    this.#smallest = Math.min(this.#smallest, Math.floor(received) - at);
    // Times of the server are rounded down: what arrived first may have been sent a millisecond later.
    return Math.max(0, at + this.#smallest - 1 - this.#uncertainty + lease);
  }
}
