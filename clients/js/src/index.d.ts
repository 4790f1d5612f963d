import type { IncomingMessage, ServerResponse } from 'node:http';

/** The claims of a valid access token. */
export interface Claims {
  /** The issuer: Latchkey's public URL. */
  iss: string;
  aud: string;
  /** The ID of the user. */
  sub: string;
  /** The ID of the session. */
  sid: string;
  /** How the user has signed in (RFC 8176). */
  amr: string[];
  /** When it was issued, in seconds since 1970. */
  iat: number;
  /** When it expires, in seconds since 1970. */
  exp: number;
  jti: string;
  token_type: 'access';
  /** The generation of the user's tokens. */
  gen?: string;
  /** The roles that administrators have given the user. */
  roles?: string[];
  /** When the user last proved who they are, in seconds since 1970. */
  auth_time?: number;
  [name: string]: unknown;
}

/** `unknown`: whether the token was revoked is not known at the moment. */
export type Reason = 'expired' | 'invalid' | 'revoked' | 'unknown' | 'missing';

/** Why a token is not accepted. */
export class VerifyError extends Error {
  readonly code: Reason;
}

/** Something that has happened, for metrics and logs. */
export type VerifierEvent =
  | { type: 'verified' | 'introspected'; result: 'accepted' | Reason }
  | { type: 'connected'; entries: number }
  | { type: 'disconnected' | 'keysFailed'; reason: string };

/** Where the time comes from. */
export interface Clock {
  /** Seconds since 1970. Tokens expire by it. */
  unixSeconds(): number;
  /** Milliseconds by a clock that nobody sets. Leases expire by it. */
  uptime(): number;
}

export interface VerifierOptions {
  /** The issuer and audience of tokens: Latchkey's public URL. By default Latchkey is asked for it. */
  issuer?: string;
  /** What to do while it is not known whether a token was revoked. The default is `introspect`. */
  withoutLease?: 'introspect' | 'refuse';
  /** Called when something happens. It must not throw. */
  onEvent?: (event: VerifierEvent) => void;
  clock?: Clock;
}

/** Verifies access tokens. */
export class Verifier {
  private constructor();
  /**
   * Creates a verifier: where Latchkey is, and a service key with the scope `tokens:verify`. Waits up to 3
   * seconds until tokens can be checked without requests; an unreachable Latchkey is no error.
   */
  static connect(url: string, key: string, options?: VerifierOptions): Promise<Verifier>;
  /** Ends the stream. The verifier is of no more use. */
  close(): void;
  /** Whether tokens can be checked without requests at this moment. */
  readonly hasLease: boolean;
  /** Verifies a token with what is known here, without a request. Rejects with a `VerifyError`. */
  verify(token: string): Promise<Claims>;
  /** Verifies a token: with what is known here or, while that is not enough, as `withoutLease` says. */
  check(token: string): Promise<Claims>;
}

/** Middleware for Express and servers like it: sets `request.auth` to the claims, or responds with 401. */
export function express(
  verifier: Verifier,
): (request: IncomingMessage & { auth?: Claims }, response: ServerResponse, next: () => void) => Promise<void>;

/** Wraps a handler of `Request`s: calls it with the claims after the request, or responds with 401. */
export function fetchHandler<Rest extends unknown[], Result>(
  verifier: Verifier,
  handler: (request: Request, claims: Claims, ...rest: Rest) => Result,
): (request: Request, ...rest: Rest) => Promise<Response | Awaited<Result>>;
