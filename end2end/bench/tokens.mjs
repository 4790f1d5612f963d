// Access tokens made here, from the master secret and what the database says, for more users than could
// sign in in the time.
import { createHmac, hkdfSync, randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';

const SALT = 'latchkey master secret';

/** A token for each session in a PostgreSQL database. */
export function tokensOfAll(database, masterSecret, publicUrl) {
  const sql = 'SELECT users.id, jwt_secret, sessions.id FROM users JOIN sessions ON user_id = users.id';
  const rows = execFileSync('psql', [database, '-AtF', ' ', '-c', sql], { maxBuffer: 2 ** 30 });
  const now = Math.floor(Date.now() / 1000);
  return rows.toString().trim().split('\n').map((row) => {
    const [sub, secret, sid] = row.split(' ');
    const id = Buffer.from(sub.replaceAll('-', ''), 'hex');
    const derive = (length, ...info) =>
      Buffer.from(hkdfSync('sha256', masterSecret, SALT, Buffer.concat(info.map((part) => Buffer.from(part))), length));
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const header = { typ: 'JWT', alg: 'HS256', kid: derive(12, 'key name 1', id).toString('base64url') };
    const claims = {
      iss: publicUrl, aud: publicUrl, sub, sid, token_type: 'access', amr: ['pwd'], iat: now, exp: now + 900, jti: randomUUID(),
    };
    const signed = `${encode(header)}.${encode(claims)}`;
    const signature = createHmac('sha256', derive(32, 'token key 1', id, secret)).update(signed).digest('base64url');
    return `${signed}.${signature}`;
  });
}
