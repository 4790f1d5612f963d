// Middleware for servers of both styles.
import { MESSAGES, VerifyError, verifyError } from './errors.js';

/** Status, headers and body of the response to a request without a valid token. */
function refusal(error) {
  const code = error instanceof VerifyError ? error.code : 'unknown';
  const isUnknown = code === 'unknown';
  const names = { expired: 'token_expired', unknown: 'unavailable', missing: 'not_authenticated' };
  return {
    status: isUnknown ? 503 : 401,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(isUnknown ? { 'retry-after': '1' } : { 'www-authenticate': 'Bearer' }),
    },
    // A token that was revoked and one that never was any are told apart by nobody.
    body: JSON.stringify({ detail: sentence(code === 'revoked' ? 'invalid' : code), code: names[code] ?? 'token_invalid' }),
  };
}

function sentence(code) {
  const message = MESSAGES[code] ?? MESSAGES.invalid;
  return `${message[0].toUpperCase()}${message.slice(1)}.`;
}

/** The token of `Authorization: Bearer <token>` (RFC 6750). */
function bearerToken(value) {
  const token = /^\s*bearer +(\S+)\s*$/i.exec(value ?? '')?.[1];
  if (!token) throw verifyError('missing');
  return token;
}

/** Middleware for Express and servers like it: sets `request.auth` to the claims, or responds with 401. */
export function express(verifier) {
  return async (request, response, next) => {
    try {
      request.auth = await verifier.check(bearerToken(request.headers.authorization));
    } catch (error) {
      const { status, headers, body } = refusal(error);
      response.writeHead(status, headers).end(body);
      return;
    }
    next();
  };
}

/** Wraps a handler of `Request`s: calls it with the claims after the request, or responds with 401. */
export function fetchHandler(verifier, handler) {
  return async (request, ...rest) => {
    let claims;
    try {
      claims = await verifier.check(bearerToken(request.headers.get('authorization')));
    } catch (error) {
      const { status, headers, body } = refusal(error);
      return new Response(body, { status, headers });
    }
    return handler(request, claims, ...rest);
  };
}
