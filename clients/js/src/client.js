// Calls Latchkey's API: an openapi-fetch client with the types of the OpenAPI document, which keeps the
// session and renews its access token.
import createFetchClient from 'openapi-fetch';

/** The part of an access token's lifetime after which it is renewed. */
const RENEW_AFTER = 0.8;
/** How long a renewal may take, in ms. */
const TIMEOUT = 10_000;
const REFRESH = '/api/user/login/refresh';
const ENDS_SESSION = ['/api/user/logout', '/api/user/logout/all', '/api/user/delete'];
/** The codes of an access token that is no good (any more). */
const REFUSED = ['token_expired', 'token_invalid'];

/** Creates a client of the Latchkey at this URL. */
export function createClient(baseUrl, { key, session, onSession, fetch = globalThis.fetch, ...options } = {}) {
  const base = String(baseUrl).replace(/\/+$/, '');
  const client = createFetchClient({ ...options, baseUrl: base, fetch: send });
  let renewal;

  async function setSession(next) {
    session = next;
    await onSession?.(next);
  }

  function withToken(request, token) {
    const copy = request.clone();
    if (token) copy.headers.set('authorization', `Bearer ${token}`);
    return copy;
  }

  async function send(request) {
    if (request.headers.has('authorization')) return fetch(request);
    if (key) return fetch(withToken(request, key));
    // If this fails, the token may still be good.
    if (session && Date.now() >= session.renew_at) await renew().catch(() => {});
    const used = session;
    const response = await fetch(withToken(request, used?.token));
    if (!used || response.status !== 401 || !REFUSED.includes(await codeOf(response))) return response;
    const failure = session === used ? await renew() : undefined;
    if (failure) return failure.clone();
    return session ? fetch(withToken(request, session.token)) : response;
  }

  /** Renews the session, once for all requests that wait. Returns a failure that says nothing about the session. */
  function renew() {
    renewal ??= refresh(session).finally(() => { renewal = undefined; });
    return renewal;
  }

  async function refresh(old) {
    const response = await fetch(new Request(base + REFRESH, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refresh_token: old.refresh_token }),
      signal: AbortSignal.timeout(TIMEOUT),
    }));
    // Only 401 means that the session has ended.
    if (!response.ok && response.status !== 401) return response;
    const next = response.ok ? sessionOf(await response.json()) : undefined;
    if (response.ok && !next) throw new Error('the response is no token pair');
    // It may have been replaced or signed out in the meantime.
    if (session === old) await setSession(next);
  }

  client.use({
    async onResponse({ request, response, schemaPath }) {
      if (!response.ok || request.method !== 'POST' || key) return;
      if (ENDS_SESSION.includes(schemaPath)) return setSession(undefined);
      const next = sessionOf(await response.clone().json().catch(() => undefined));
      if (next) await setSession(next);
    },
  });
  return Object.defineProperty(client, 'session', { get: () => session, enumerable: true });
}

/** Returns the session of a token pair, if it is one. */
function sessionOf(body) {
  const { token, refresh_token, expires_in, otp_required } = body ?? {};
  if (!token || !refresh_token) return undefined;
  const renew_at = Date.now() + expires_in * 1000 * RENEW_AFTER;
  return { token, refresh_token, renew_at, ...(otp_required && { otp_required }) };
}

async function codeOf(response) {
  const { code } = await response.clone().json().catch(() => ({}));
  return code;
}

/** Whether an error is one as a whole, with `detail` and `code`, rather than messages by field. */
export function isFailure(error) {
  return typeof error?.detail === 'string' && typeof error.code === 'string';
}

/** A response that is no success. */
export class ApiError extends Error {
  constructor(error, { status, headers }) {
    const failure = isFailure(error) ? error : undefined;
    const fields = !failure && error && typeof error === 'object' ? error : {};
    super(failure?.detail ?? (Object.values(fields).flat().join(' ') || `the response has the status ${status}`));
    this.name = 'ApiError';
    this.status = status;
    this.code = failure?.code;
    this.fields = fields;
    this.retryAfter = Number(headers.get('retry-after')) || undefined;
    this.requestId = headers.get('x-request-id') ?? undefined;
  }
}

/** Returns the data of a result, or throws its error as an `ApiError`. */
export async function unwrap(result) {
  const { data, error, response } = await result;
  if (!response.ok) throw new ApiError(error, response);
  return data;
}
