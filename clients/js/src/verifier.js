// The verifier: keeps keys and revocations up to date, and checks tokens with them.
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemClock } from './clock.js';
import { VerifyError, verifyError } from './errors.js';
import { Parser } from './events.js';
import { Keys } from './keys.js';
import { Latchkey } from './latchkey.js';
import { Connection, Trust } from './trust.js';

/** How long nothing may arrive before the lease is known, and at most, in ms. */
const SILENCE = 5000;
/** The pause before the first attempt to connect again, and the longest; half of each is random. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 5000;
/** How long a stream is followed before a new one replaces it, and with it what no longer matters. */
const LONGEST_STREAM = 60 * 60 * 1000;
/** After how many heartbeats in a row that leave less than half of the lease a stream is replaced. */
const LATE_HEARTBEATS = 20;
/** How soon keys are fetched again for a token with an unknown one, and how long it waits for that. */
const KEYS_INTERVAL = 1000;
const KEYS_TIMEOUT = 3000;
const WAITING_FOR_KEYS = 256;
/** How many introspections run at the same time, how many others wait, and for how long. */
const INTROSPECTIONS = 64;
const WAITING_INTROSPECTIONS = 1000;
/** How long connecting waits until tokens can be checked without requests. */
const CONNECT_TIMEOUT = 3000;

export class Verifier {
  #latchkey;
  #issuer;
  #withoutLease;
  #onEvent;
  #clock;
  #keys = new Keys();
  #trust = new Trust();
  #closed = new AbortController();
  #stream = undefined;
  #wakeKeys = () => {};
  #keyWaiters = new Set();
  #introspecting = 0;
  #introspectionQueue = [];
  #ready;

  /** Use `Verifier.connect`. */
  constructor(url, key, { issuer, withoutLease = 'introspect', onEvent = () => {}, clock = new SystemClock() } = {}) {
    if (!['introspect', 'refuse'].includes(withoutLease)) throw new TypeError('withoutLease is introspect or refuse');
    this.#latchkey = new Latchkey(url, key);
    this.#issuer = issuer;
    this.#withoutLease = withoutLease;
    this.#onEvent = onEvent;
    this.#clock = clock;
    setMaxListeners(0, this.#closed.signal);
  }

  /** Creates a verifier, and waits up to 3 seconds until it can check tokens without requests. */
  static async connect(url, key, options) {
    const verifier = new Verifier(url, key, options);
    const connected = new Promise((resolve) => (verifier.#ready = resolve));
    const keys = verifier.#newerKeys(CONNECT_TIMEOUT);
    verifier.#followRevocations();
    verifier.#followKeys();
    await Promise.race([Promise.all([connected, keys]), verifier.#pause(CONNECT_TIMEOUT)]);
    return verifier;
  }

  /** Ends the stream. The verifier is of no more use. */
  close() {
    this.#closed.abort();
    this.#stream?.abort();
    this.#wakeKeys();
  }

  /** Whether tokens can be checked without requests at this moment. */
  get hasLease() {
    return this.#clock.uptime() < this.#trust.until;
  }

  /** Verifies a token with what is known here, without a request. */
  verify(token) {
    return this.#report('verified', this.#verifyHere(token).catch((error) => {
      throw ['unknown_key', 'no_keys'].includes(error.code) ? verifyError('unknown') : error;
    }));
  }

  /** Verifies a token: with what is known here or, while that is not enough, as `withoutLease` says. */
  async check(token) {
    let error;
    try {
      const claims = await this.#verifyHere(token);
      this.#onEvent({ type: 'verified', result: 'accepted' });
      return claims;
    } catch (failure) {
      error = failure;
    }
    if (error.code === 'unknown_key') {
      await this.#newerKeys(KEYS_TIMEOUT);
      return this.#report('verified', this.#verifyHere(token).catch((again) => {
        if (again.code === 'unknown_key') throw verifyError('invalid');
        if (['unknown', 'no_keys'].includes(again.code)) return this.#ask(token);
        throw again;
      }));
    }
    const isUnknown = ['unknown', 'no_keys'].includes(error.code);
    if (isUnknown && this.#withoutLease === 'introspect') return this.#report('introspected', this.#ask(token));
    return this.#report('verified', Promise.reject(isUnknown ? verifyError('unknown') : error));
  }

  async #verifyHere(token) {
    const claims = await this.#keys.read(token, this.#clock.uptime(), this.#clock.unixSeconds());
    const verdict = this.#trust.judge(claims, this.#clock.uptime());
    if (verdict !== 'accepted') throw verifyError(verdict);
    return claims;
  }

  async #report(type, checking) {
    try {
      const claims = await checking;
      this.#onEvent({ type, result: 'accepted' });
      return claims;
    } catch (error) {
      this.#onEvent({ type, result: error.code ?? 'invalid' });
      throw error;
    }
  }

  async #ask(token) {
    if (this.#withoutLease === 'refuse') throw verifyError('unknown');
    if (this.#introspecting >= INTROSPECTIONS) {
      if (this.#introspectionQueue.length >= WAITING_INTROSPECTIONS) throw verifyError('unknown');
      await new Promise((resolve) => this.#introspectionQueue.push(resolve));
    }
    this.#introspecting += 1;
    try {
      const { active, ...claims } = await this.#latchkey.introspect(token);
      if (active !== true) throw verifyError('invalid');
      return claims;
    } catch (error) {
      throw error instanceof VerifyError ? error : verifyError('unknown');
    } finally {
      this.#introspecting -= 1;
      this.#introspectionQueue.shift()?.();
    }
  }

  async #followRevocations() {
    let attempts = 0;
    const succeed = () => (attempts = 0);
    while (!this.#closed.signal.aborted) {
      try {
        await this.#followOnce(succeed);
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        this.#onEvent({ type: 'disconnected', reason: String(error?.cause?.message ?? error?.message ?? error) });
      }
      const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** attempts);
      attempts = Math.min(attempts + 1, 16);
      await this.#pause(pause * (0.5 + Math.random() / 2));
    }
  }

  /** Opens the stream and follows it to its end. */
  async #followOnce(succeed) {
    const controller = new AbortController();
    this.#stream = controller;
    const sent = this.#clock.uptime();
    const { headers, body } = await this.#latchkey.revocations(controller);
    const received = this.#clock.uptime();
    // Another server, or the same one after a restart, may sign with another key.
    this.#wakeKeys();
    const [at, tokenLifetime] = [number(headers, 'latchkey-at'), number(headers, 'latchkey-token-lifetime')];
    const connection = new Connection({ sent, received, at, tokenLifetime });
    const ends = received + LONGEST_STREAM * (0.75 + Math.random() / 2);
    // Heartbeats are due four times per lease. When they stay away, the way may be cut without anybody
    // being told.
    let watchdog;
    const watch = () => {
      clearTimeout(watchdog);
      const silence = connection.lease ? Math.min(SILENCE, Math.max(500, 2 * connection.lease)) : SILENCE;
      watchdog = setTimeout(() => controller.abort(new Error('nothing arrives')), silence);
    };
    watch();
    try {
      await this.#readEvents(connection, body, { succeed, watch, ends });
    } finally {
      clearTimeout(watchdog);
      controller.abort();
    }
  }

  async #readEvents(connection, body, { succeed, watch, ends }) {
    const parser = new Parser();
    let late = 0;
    for await (const bytes of body) {
      watch();
      const { isTrusted: wasTrusted, heartbeats } = connection;
      const received = this.#clock.uptime();
      for (const event of parser.read(bytes)) connection.apply(event, received, this.#trust);
      if (connection.heartbeats === heartbeats) continue;
      if (!wasTrusted && connection.isTrusted) {
        succeed();
        this.#onEvent({ type: 'connected', entries: this.#trust.revoked.size });
        this.#ready?.();
      }
      late = this.#trust.until - received < connection.lease / 2 ? late + 1 : 0;
      if (late >= LATE_HEARTBEATS) throw new Error('heartbeats arrive too late');
      if (received >= ends) return;
    }
    throw new Error('the stream has ended');
  }

  /** Fetches the keys whenever they are about to expire, or somebody wants newer ones. */
  async #followKeys() {
    let attempts = 0;
    while (!this.#closed.signal.aborted) {
      const wanted = new Promise((resolve) => (this.#wakeKeys = resolve));
      try {
        await this.#fetchKeys();
        attempts = 0;
      } catch (error) {
        attempts = Math.min(attempts + 1, 4);
        this.#onEvent({ type: 'keysFailed', reason: String(error?.cause?.message ?? error?.message ?? error) });
      }
      const left = this.#keys.expires - this.#clock.uptime();
      const next = attempts ? KEYS_INTERVAL * 2 ** attempts : left * (0.5 + Math.random() / 4);
      await this.#pause(KEYS_INTERVAL);
      await Promise.race([wanted, this.#pause(next - KEYS_INTERVAL)]);
    }
  }

  async #fetchKeys() {
    this.#issuer ??= await this.#latchkey.issuer();
    // Their age counts from before they were asked for.
    const uptime = this.#clock.uptime();
    const { set, maxAge } = await this.#latchkey.keys();
    this.#keys = await Keys.from(set, this.#issuer, uptime, maxAge);
    for (const resolve of this.#keyWaiters) resolve();
    this.#keyWaiters.clear();
  }

  /** Has newer keys fetched, unless that was done a moment ago, and waits for them. */
  async #newerKeys(timeout) {
    if (this.#keyWaiters.size >= WAITING_FOR_KEYS) return;
    this.#wakeKeys();
    let resolve;
    const fetched = new Promise((resolved) => (resolve = resolved));
    this.#keyWaiters.add(resolve);
    await Promise.race([fetched, this.#pause(timeout)]);
    this.#keyWaiters.delete(resolve);
  }

  /** Waits, at most until the verifier is closed. A long pause keeps no process alive. */
  async #pause(milliseconds) {
    const options = { signal: this.#closed.signal, ref: milliseconds <= LONGEST_PAUSE };
    await sleep(Math.max(0, milliseconds), undefined, options).catch(() => {});
  }
}

function number(headers, name) {
  const value = headers.get(name);
  return value === null || !/^\d+$/.test(value) ? undefined : Number(value);
}
