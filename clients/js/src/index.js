// Verifies Latchkey's access tokens in any service, offline: by public keys, and by a stream of revocations
// that arrive in milliseconds.
export { VerifyError } from './errors.js';
export { express, fetchHandler } from './middleware.js';
export { Verifier } from './verifier.js';
