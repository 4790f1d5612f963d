// The public keys of access tokens, and what is checked with them (RFC 7515, RFC 7519).
import { errors, importJWK, jwtVerify } from 'jose';
import { VerifyError, verifyError } from './errors.js';

/** How long keys are used at most, in ms, so that a service drops a key that is no longer published. */
const LONGEST_AGE = 5 * 60 * 1000;
const MAX_TOKEN = 4096;
const MAX_KEYS = 64;
/** How far in the future a token may have been issued, in seconds. */
const CLOCK_SKEW = 60;
/** The algorithm of each kind of key. Keys of other kinds are left out. */
const ALGORITHMS = { 'OKP Ed25519': 'EdDSA', 'EC P-256': 'ES256' };

export class Keys {
  #byId = new Map();
  #options;
  /** Until when to use them, by the clock's `uptime()`. */
  expires = 0;

  /** The keys of a key set that are for tokens of this issuer. */
  static async from(set, issuer, uptime, maxAge = LONGEST_AGE) {
    const keys = new Keys();
    keys.expires = uptime + Math.min(maxAge, LONGEST_AGE);
    keys.#options = { issuer, audience: issuer, algorithms: Object.values(ALGORITHMS), requiredClaims: ['exp'] };
    for (const jwk of set.keys.slice(0, MAX_KEYS)) {
      const alg = ALGORITHMS[`${jwk.kty} ${jwk.crv}`];
      if (!alg || typeof jwk.kid !== 'string') continue;
      const { kty, crv, x, y } = jwk;
      keys.#byId.set(jwk.kid, { alg, key: await importJWK({ kty, crv, x, y }, alg) });
    }
    return keys;
  }

  /** Checks the signature of a token and its claims, and returns these. Throws a `VerifyError`. */
  async read(token, uptime, now) {
    if (typeof token !== 'string' || token.length > MAX_TOKEN) throw verifyError('invalid');
    if (this.#byId.size === 0 || uptime >= this.expires) throw verifyError('no_keys');
    let claims;
    try {
      const options = { ...this.#options, currentDate: new Date(now * 1000) };
      ({ payload: claims } = await jwtVerify(token, this.#choose, options));
    } catch (error) {
      if (error instanceof VerifyError) throw error;
      throw verifyError(error instanceof errors.JWTExpired && hasForm(error.payload) ? 'expired' : 'invalid');
    }
    if (!hasForm(claims)) throw verifyError('invalid');
    if (claims.iat > now + CLOCK_SKEW) throw verifyError('expired');
    return claims;
  }

  /** The key decides which algorithm it is for, whatever the header says. */
  #choose = (header) => {
    if (typeof header.kid !== 'string') throw verifyError('invalid');
    const found = this.#byId.get(header.kid);
    if (!found) throw verifyError('unknown_key');
    if (found.alg !== header.alg) throw verifyError('invalid');
    return found.key;
  };
}

function hasForm(claims) {
  const areText = ['sub', 'sid', 'jti'].every((name) => typeof claims[name] === 'string');
  return areText && claims.token_type === 'access' && Number.isInteger(claims.iat) && Array.isArray(claims.amr);
}
