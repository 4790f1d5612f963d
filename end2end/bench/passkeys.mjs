// How long a sign-in with a passkey takes, with an authenticator in software: what it signs is made before the
// clock starts.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { PASSWORD, PROGRAM, Program, freePort, quantile } from './program.mjs';
import { ms } from './report.mjs';

const EMAIL = 'user-0@bench.example';
const SIGN_INS = 300;

// The user is present and verified; with AT, the data has the new credential.
const [UP, UV, AT] = [0x01, 0x04, 0x40];

/** Signs in again and again, one at a time, and reports how long each took from request to response. */
export async function passkeySignIns(report, { folder, settings }, database) {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const program = await Program.start(folder, { ...settings, port, LATCHKEY_PUBLIC_URL: origin });
  try {
    await program.register(EMAIL);
    // The program reads its settings from the environment.
    const env = { PATH: process.env.PATH, LATCHKEY_DATA_DIR: `${folder}/data`, ...settings };
    execFileSync(PROGRAM, ['user', 'verify', '--email', EMAIL], { cwd: folder, env });
    const { token } = await program.signIn(EMAIL);
    const passkey = new Passkey(origin);
    const options = await program.post('/api/passkey/create', { current_password: PASSWORD }, token);
    await program.post('/api/passkey/confirm', { credential: passkey.create(options) }, token);
    const times = [];
    for (let number = 0; number < SIGN_INS; number += 1) {
      const credential = passkey.get(await program.post('/api/passkey/login/begin', {}));
      const begun = performance.now();
      await program.post('/api/passkey/login', { credential });
      times.push(performance.now() - begun);
    }
    const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
    report.add(`POST /api/passkey/login, p50; p99, ${database}`, `${ms(p50)}; ${ms(p99)}`, 'p50 at most 5 ms', 5 / p50);
  } finally {
    await program.stop();
  }
}

/** A passkey that an authenticator in software keeps (Web Authentication, Level 3; ES256, no attestation). */
class Passkey {
  #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  #id = randomBytes(32);
  #count = 0;

  constructor(origin) {
    this.origin = origin;
  }

  /** What `navigator.credentials.create()` returns, as JSON. */
  create({ challenge, rp, user }) {
    this.user = user.id;
    const { x, y } = this.#keys.publicKey.export({ format: 'jwk' });
    const coordinate = (value) => bytes(Buffer.from(value, 'base64url'));
    // A COSE key: EC2 (1: 2), ES256 (3: -7), P-256 (-1: 1), and the coordinates (-2 and -3).
    const key = Buffer.concat([Buffer.from('a5010203262001', 'hex'), Buffer.from('21', 'hex'), coordinate(x), Buffer.from('22', 'hex'), coordinate(y)]);
    const length = Buffer.from([0, this.#id.length]);
    const data = this.#data(rp.id, UP | UV | AT, Buffer.concat([Buffer.alloc(16), length, this.#id, key]));
    // A map of three: "fmt" is "none", "attStmt" is empty, "authData" are the data.
    const head = Buffer.concat([Buffer.from([0xa3]), text('fmt'), text('none'), text('attStmt'), Buffer.from([0xa0]), text('authData')]);
    return this.#credential({
      clientDataJSON: url(this.#client('webauthn.create', challenge)),
      attestationObject: url(Buffer.concat([head, bytes(data)])),
    });
  }

  /** What `navigator.credentials.get()` returns, as JSON. */
  get({ challenge, rpId }) {
    this.#count += 1;
    const data = this.#data(rpId, UP | UV);
    const client = this.#client('webauthn.get', challenge);
    const hash = createHash('sha256').update(client).digest();
    const signature = sign('sha256', Buffer.concat([data, hash]), this.#keys.privateKey);
    return this.#credential({
      clientDataJSON: url(client),
      authenticatorData: url(data),
      signature: url(signature),
      userHandle: this.user,
    });
  }

  #credential(response) {
    const id = url(this.#id);
    return { id, rawId: id, type: 'public-key', response, clientExtensionResults: {} };
  }

  #client(type, challenge) {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
  }

  #data(rpId, flags, more = Buffer.alloc(0)) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(this.#count);
    return Buffer.concat([createHash('sha256').update(rpId).digest(), Buffer.from([flags]), count, more]);
  }
}

const url = (data) => data.toString('base64url');

/** A text in CBOR, of at most 23 characters. */
const text = (value) => Buffer.concat([Buffer.from([0x60 + value.length]), Buffer.from(value)]);

/** Bytes in CBOR, fewer than 256. */
const bytes = (data) => Buffer.concat([Buffer.from([0x58, data.length]), data]);
