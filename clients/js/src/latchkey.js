// Requests to Latchkey.

/** How long a request may take, in ms; of the stream, up to the head of the response. */
const TIMEOUT = 5000;
/** The maximum size of a response in bytes. */
const LIMIT = 1024 * 1024;

/** Latchkey, as this service reaches it. */
export class Latchkey {
  #base;
  #authorization;

  constructor(url, key) {
    const { protocol, href, host } = new URL(url);
    if (!/^https?:$/.test(protocol) || !host) throw new TypeError('the URL of Latchkey must be http://… or https://…');
    this.#base = href.replace(/\/+$/, '');
    this.#authorization = `Bearer ${key}`;
  }

  /** Returns the issuer, as Latchkey's metadata says (RFC 8414). */
  async issuer() {
    const { issuer } = await this.#json('/.well-known/oauth-authorization-server');
    if (typeof issuer !== 'string') throw new Error('the metadata has no issuer');
    return issuer;
  }

  /** Returns the key set (RFC 7517), and for how long it may be used in ms. */
  async keys() {
    let maxAge;
    const set = await this.#json('/.well-known/jwks.json', {}, ({ headers }) => {
      const seconds = /(?:^|,)\s*max-age="?(\d+)/i.exec(headers.get('cache-control') ?? '')?.[1];
      if (seconds !== undefined) maxAge = Number(seconds) * 1000;
    });
    if (!Array.isArray(set?.keys)) throw new Error('not a key set');
    return { set, maxAge };
  }

  /** Asks about a token (RFC 7662). */
  introspect(token) {
    return this.#json('/api/token/introspect', {
      method: 'POST',
      headers: { authorization: this.#authorization },
      body: new URLSearchParams({ token }),
    });
  }

  /** Opens the stream of revocations. `controller` ends it. */
  async revocations(controller) {
    const timer = setTimeout(() => controller.abort(new Error('the response took too long')), TIMEOUT);
    try {
      const response = await fetch(`${this.#base}/api/token/revocations`, {
        headers: { authorization: this.#authorization, accept: 'text/event-stream' },
        redirect: 'error',
        signal: controller.signal,
      });
      if (response.status !== 200) throw new Error(`the response has the status ${response.status}`);
      return response;
    } finally {
      clearTimeout(timer);
    }
  }

  async #json(path, init = {}, look = () => {}) {
    const options = { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT), ...init };
    const response = await fetch(this.#base + path, options);
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`the response has the status ${response.status}`);
    }
    look(response);
    const chunks = [];
    let size = 0;
    for await (const chunk of response.body) {
      size += chunk.length;
      if (size > LIMIT) throw new Error('the response is too large');
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString());
  }
}
