// The session with Latchkey: signing in and out, and requests with the user's token.
//
// The tokens are in localStorage, which no other site can read. Any script of this page could, so the page's
// Content-Security-Policy (web-server.js) allows no script but the app's own files.
import { LATCHKEY } from './config.js';

const KEY = 'todo.session';
const ENDED = 'Your session has ended. Sign in again.';

/** Why something did not work, in words for the user. `fields` has messages for single fields. */
export class RequestError extends Error {
  constructor(message, { status, fields = {} } = {}) {
    super(message);
    Object.assign(this, { status, fields });
  }
}

// ----- Who is signed in

/** Who is signed in as far as the page knows, and whom to tell when that changes. */
let shown;
let onChange;

/** Calls back with the email address of who is signed in, now and whenever it changes, in any tab. */
export function follow(callback) {
  onChange = callback;
  shown = load()?.email;
  onChange(shown, '');
  addEventListener('storage', () => look());
  // A page that comes back from the browser's cache has missed what happened in the meantime.
  addEventListener('pageshow', () => look());
}

function look(notice = '') {
  const email = load()?.email;
  if (email === shown) return;
  shown = email;
  onChange(email, notice);
}

/** Returns the stored session: `{ email, token, refresh_token, renew_at }`. */
function load() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Stores a pair of tokens for this user. */
function save(email, { token, refresh_token, expires_in }) {
  // The token is renewed when four fifths of its lifetime are over.
  const session = { email, token, refresh_token, renew_at: Date.now() + expires_in * 800 };
  try {
    localStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    throw new RequestError("This browser can't keep you signed in: its storage is blocked or full.");
  }
  look();
  return session;
}

function forget(notice) {
  localStorage.removeItem(KEY);
  look(notice);
}

// ----- Signing in and out

/** The user whose password was right, until the second factor is complete. It outlives no page. */
let pending;

/** Creates an account, and signs in. */
export async function signUp(email, password) {
  await latchkey('/api/user/create', { body: { email, password } });
  return signIn(email, password);
}

/** Signs in. Returns whether that is all: otherwise a code is needed, see `completeSignIn`. */
export async function signIn(email, password) {
  const pair = await latchkey('/api/user/login', { body: { email, password } });
  pending = pair.otp_required ? { email, token: pair.token } : undefined;
  if (!pending) save(email, pair);
  return !pending;
}

/** Completes a sign-in with a code of the authenticator app, or a recovery code. */
export async function completeSignIn(code) {
  const isOfApp = /^\d{6}$/.test(code.replace(/\s/g, ''));
  const path = isOfApp ? '/api/totp/login' : '/api/recovery/login';
  const { email, token } = pending;
  save(email, await latchkey(path, { body: { code }, token }));
  pending = undefined;
}

/** Ends this session, or those on all devices. Without a connection the user stays signed in. */
export async function signOut({ everywhere = false } = {}) {
  await current();
  // A tab that renews the token at this moment is waited for.
  await alone(async () => {
    const session = load();
    if (!session) return;
    try {
      await latchkey(everywhere ? '/api/user/logout/all' : '/api/user/logout', { token: session.token });
    } catch (error) {
      // 401: somebody has ended it already.
      if (error.status !== 401) throw error;
    }
    forget(everywhere ? 'You are signed out on all devices.' : 'You are signed out.');
  });
}

// ----- Requests

/** Sends a request with the user's token. If that is refused, it is renewed, and used again. */
export async function call(url, options) {
  const { token } = await current();
  try {
    return await send(url, { ...options, token });
  } catch (error) {
    if (error.status !== 401) throw error;
    const renewed = await current(token);
    return send(url, { ...options, token: renewed.token });
  }
}

/** Returns the session, after renewing its token if that is about to expire or was refused. */
async function current(refused) {
  const isGood = ({ token, renew_at }) => token !== refused && Date.now() < renew_at;
  const known = load();
  if (known && isGood(known)) return known;
  return alone(async () => {
    // Another tab may have renewed it in the meantime, or signed out.
    const session = load();
    if (!session) throw new RequestError(ENDED);
    if (isGood(session)) return session;
    let pair;
    try {
      pair = await latchkey('/api/user/login/refresh', { body: { refresh_token: session.refresh_token } });
    } catch (error) {
      // Only Latchkey ends a session, never a missing connection: then the token may still be good for a while.
      if (error.status === 401) forget(ENDED);
      else if (session.token !== refused) return session;
      throw error;
    }
    if (!pair.otp_required) return save(session.email, pair);
    forget('Two-factor authentication was turned on. Sign in again.');
    throw new RequestError(ENDED);
  });
}

/** Does something in one tab at a time. There are locks only with HTTPS or on localhost. */
function alone(work) {
  return navigator.locks ? navigator.locks.request(KEY, work) : work();
}

/** With cookies: one makes this a known device, which the wrong passwords of others never delay. */
function latchkey(path, options) {
  return send(LATCHKEY + path, { method: 'POST', credentials: 'include', ...options });
}

/** Sends a request, and returns what the response says. */
async function send(url, { method = 'GET', token, body, credentials = 'omit' }) {
  const headers = {};
  if (token) headers.authorization = `Bearer ${token}`;
  if (body) headers['content-type'] = 'application/json';
  let response, text;
  try {
    const signal = AbortSignal.timeout(15_000);
    response = await fetch(url, { method, headers, body: JSON.stringify(body), credentials, signal });
    text = await response.text();
  } catch {
    throw new RequestError(navigator.onLine ? "The server can't be reached. Try again in a moment." : 'You are offline.');
  }
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    // 204 has no body, and an error may come from a proxy.
  }
  if (response.ok) return answer;
  throw refusal(response, answer);
}

/** Says in words why a request was refused. */
function refusal({ status, headers }, answer = {}) {
  const { detail, code } = answer;
  if (status === 400 && !detail && Object.keys(answer).length > 0) return new RequestError('', { status, fields: answer });
  if (status === 429) {
    const seconds = Number(headers.get('retry-after')) || 60;
    const wait = seconds < 100 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
    return new RequestError(`Too many attempts. Try again in ${wait}.`, { status });
  }
  if (status >= 500) return new RequestError('This is not possible right now. Try again in a moment.', { status });
  if (status === 401 && code !== 'invalid_credentials') return new RequestError(ENDED, { status });
  return new RequestError(detail ?? 'This is not possible.', { status });
}
