// Which tokens are revoked.

/** How many entries are kept. A stream with more is not followed. */
const LIMIT = 1_000_000;

/** What was received does not follow the protocol. */
export class Malformed extends Error {}

export class Revoked {
  /** By user. Most users have none, and the others few. */
  #users = new Map();
  size = 0;

  /**
   * Adds an entry. One of an unknown kind revokes all tokens of the user that exist now: what a later
   * version of the server means by it can't be known, so it is read in the strictest way.
   */
  add(entry) {
    if (typeof entry?.sub !== 'string') throw new Malformed('an entry without a user');
    if (this.size >= LIMIT) throw new Malformed('too many entries');
    let ofUser = this.#users.get(entry.sub);
    if (!ofUser) {
      ofUser = { sessions: new Set(), generations: new Set(), before: undefined };
      this.#users.set(entry.sub, ofUser);
    }
    const { sessions, generations } = ofUser;
    const known = sessions.size + generations.size + (ofUser.before === undefined ? 0 : 1);
    if (typeof entry.sid === 'string') sessions.add(entry.sid);
    else if (typeof entry.gen === 'string') generations.add(entry.gen);
    else {
      const before = typeof entry.before === 'number' ? entry.before : Infinity;
      ofUser.before = Math.max(ofUser.before ?? before, before);
    }
    this.size += sessions.size + generations.size + (ofUser.before === undefined ? 0 : 1) - known;
  }

  /** Whether a token with these claims is revoked. */
  has({ sub, sid, gen, iat }) {
    const ofUser = this.#users.get(sub);
    if (!ofUser) return false;
    return ofUser.sessions.has(sid) || ofUser.generations.has(gen) || (ofUser.before !== undefined && iat < ofUser.before);
  }
}
