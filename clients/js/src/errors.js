// Why a token is not accepted.

/** `code`: 'expired', 'invalid', 'revoked', 'unknown' (whether it was revoked), or 'missing'. */
export class VerifyError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'VerifyError';
    this.code = code;
  }
}

export const MESSAGES = {
  expired: 'the token has expired',
  invalid: 'the token is not valid',
  revoked: 'the token was revoked',
  unknown: 'whether the token was revoked is not known at the moment',
  missing: 'the request has no access token',
  // Not visible outside: newer keys may have it; there are no keys, or they are too old.
  unknown_key: 'the key of the token is not known',
  no_keys: 'there are no keys',
};

export function verifyError(code) {
  return new VerifyError(code, MESSAGES[code]);
}
