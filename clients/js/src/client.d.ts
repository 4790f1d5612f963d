import type { Client, ClientOptions as FetchOptions } from 'openapi-fetch';
import type { components, operations, paths } from './api.js';

export type { components, operations, paths };

/** An error as a whole. `code` is one of those that the operation can respond with. */
export type Failure = components['schemas']['Failure'];
/** Messages by the name of the field. */
export type FieldErrors = components['schemas']['FieldErrors'];

type ErrorOf<Response> = Response extends { content: { 'application/json': infer Body } } ? Body : never;
type CodeOf<Body> = Body extends { detail: string; code: infer Code } ? Code : never;
type ResponsesOf<Operation> = Operation extends { responses: infer Responses } ? Responses[keyof Responses] : never;
/** Every code of an error. */
export type ErrorCode = CodeOf<ErrorOf<ResponsesOf<operations[keyof operations]>>>;

/** A signed-in device. Its refresh token is worth as much as the password: keep it where only the app can read it. */
export interface Session {
  token: string;
  refresh_token: string;
  /** When the access token is renewed, in milliseconds since 1970. */
  renew_at: number;
  /** The second factor is still to be completed. */
  otp_required?: true;
}

export interface ClientOptions extends Omit<FetchOptions, 'baseUrl'> {
  /** A service key, in place of a session. */
  key?: string;
  /** The session to continue, as `onSession` was last called with. */
  session?: Session;
  /** Called with each new session, and with `undefined` when it has ended. Requests wait until it is stored. */
  onSession?: (session: Session | undefined) => void | Promise<void>;
}

export interface LatchkeyClient extends Client<paths> {
  /** The session, if somebody is signed in. */
  readonly session?: Session;
}

/**
 * Creates a client of the Latchkey at this URL. The token pair of a response, such as that of
 * `/api/user/login`, becomes its session. Its access token authorizes requests and is renewed in time, once for
 * all of them. Only when Latchkey says so has the session ended, never while it can't be reached.
 */
export function createClient(baseUrl: string | URL, options?: ClientOptions): LatchkeyClient;

/** Whether an error is one as a whole, with `detail` and `code`, rather than messages by field. */
export function isFailure<E>(error: E): error is Exclude<E, FieldErrors | undefined>;

/** A response that is no success. */
export class ApiError extends Error {
  constructor(error: unknown, response: Response);
  readonly status: number;
  /** What it is about, for programs. Undefined if fields are invalid, or the response is not Latchkey's. */
  readonly code?: ErrorCode;
  /** One or more messages for each invalid field. */
  readonly fields: FieldErrors;
  /** How many seconds to wait before the next attempt. */
  readonly retryAfter?: number;
  /** The request in Latchkey's log. */
  readonly requestId?: string;
}

type DataOf<Result> = Result extends { data: infer Data; error?: never } ? Data : never;

/** Returns the data of a result, or throws its error as an `ApiError`. */
export function unwrap<Result extends { data?: unknown; error?: unknown; response: Response }>(
  result: Result | Promise<Result>,
): Promise<DataOf<Result>>;
