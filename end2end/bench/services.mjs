// Services that verify tokens by themselves: how soon they refuse a revoked token, what verifying costs, and
// what their streams cost the server.
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { Verifier } from '../../clients/js/src/index.js';
import { wrk } from './load.mjs';
import { CHEAP_HASH, EXAMPLES, PROGRAM, Program, freePort, median, quantile } from './program.mjs';
import { ms, whole } from './report.mjs';

const EMAIL = 'user-0@bench.example';
const REVOCATIONS = 200;
const READERS = 1000;
const ROUNDS = 15;
const EDDSA = { ...CHEAP_HASH, LATCHKEY_TOKEN_ALG: 'EdDSA' };

function createKey(here) {
  const env = { PATH: process.env.PATH, LATCHKEY_DATA_DIR: path.join(here.folder, 'data'), ...here.settings };
  const create = ['key', 'create', '--name', 'bench', '--scope', 'tokens:verify'];
  return execFileSync(PROGRAM, create, { cwd: here.folder, env }).toString().trim();
}

/** Runs SQL by hand. */
function sql(here, text) {
  const command = here.url.startsWith('postgres:') ? ['psql', ['-q', here.url, '-c', text]] : ['sqlite3', [here.url.slice('sqlite://'.length), text]];
  execFileSync(...command);
}

/** Ways to end a token: an answered request, or a change by hand. */
const ways = [
  ({ server, token }) => server.post('/api/user/logout/all', undefined, token),
  ({ server, token }) => server.post('/api/user/logout', undefined, token),
  ({ server, token, other }) => {
    const { sid } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    return server.post('/api/user/sessions/revoke', { id: sid }, other);
  },
  ({ here, isPostgres }) => sql(here, `UPDATE users SET jwt_secret = ${isPostgres ? 'gen_random_uuid()' : 'lower(hex(randomblob(16)))'}`),
  ({ here }) => sql(here, 'DELETE FROM sessions'),
];

/** Until 3 services refuse, two of which read from another server than the one that is asked. */
export async function revocationTimes(report, here, database) {
  const url = `http://127.0.0.1:${await freePort()}`;
  const settings = { ...here.settings, ...EDDSA, LATCHKEY_PUBLIC_URL: url };
  const servers = [];
  const services = [];
  try {
    for (let number = 0; number < 2; number += 1) servers.push(await Program.start(here.folder, settings));
    const key = createKey(here);
    for (const server of [servers[0], servers[1], servers[1]]) services.push(await Verifier.connect(server.url, key, { withoutLease: 'refuse' }));
    await servers[0].register(EMAIL);
    const times = [];
    for (let round = 0; round < REVOCATIONS; round += 1) {
      const [{ token }, { token: other }] = [await servers[0].signIn(EMAIL), await servers[0].signIn(EMAIL)];
      for (const service of services) await service.verify(token);
      await ways[round % ways.length]({ here, isPostgres: database === 'PostgreSQL', server: servers[0], token, other });
      const done = performance.now();
      const refuses = (service) => service.verify(token).then(() => false, ({ code }) => code === 'revoked');
      while (!(await Promise.all(services.map(refuses))).every(Boolean)) {
        if (performance.now() - done > 10_000) throw new Error('still accepted after 10 s');
        await turn();
      }
      times.push(performance.now() - done);
    }
    const [worst, p99] = [Math.max(...times), quantile(times, 0.99)];
    report.add(
      `a revocation until 3 services refuse, 2 servers, ${whole(REVOCATIONS)} times, ${database}`,
      `p99 ${ms(p99)}, worst ${ms(worst)}, p50 ${ms(median(times))}`,
      'p99 20 ms, worst 100 ms',
      Math.min(20 / p99, 100 / worst),
    );
  } finally {
    for (const service of services) service.close();
    for (const server of servers) await server.stop();
  }
}

/** What the clients cost beside the bare check of a signature by the same library. */
export async function verifying(report, here, seconds) {
  const program = await Program.start(here.folder, { ...here.settings, ...EDDSA });
  const verifier = await Verifier.connect(program.url, createKey(here));
  try {
    await program.register(EMAIL);
    const { token } = await program.signIn(EMAIL);
    const keySet = (await program.request('GET', '/.well-known/jwks.json')).text;
    const rust = execFileSync(path.join(EXAMPLES, 'verify_rate'), [program.url, createKey(here), token, keySet, String(seconds)]);
    const [rustRate, rustBare] = rust.toString().trim().split(' ').map(Number);
    report.add('verify in latchkey-verify, EdDSA, one core', `${whole(rustRate)}/s, ${(rustRate / rustBare).toFixed(2)} of jsonwebtoken alone`, '0.9', rustRate / rustBare / 0.9);

    const jose = await import(createRequire(new URL('../../clients/js/package.json', import.meta.url)).resolve('jose'));
    const { keys } = JSON.parse(keySet);
    const { kid } = jose.decodeProtectedHeader(token);
    const key = await jose.importJWK(keys.find((jwk) => jwk.kid === kid), 'EdDSA');
    const options = { issuer: program.url, audience: program.url, algorithms: ['EdDSA'] };
    const rate = async (check) => {
      let count = 0;
      const ends = performance.now() + (1000 * seconds) / ROUNDS;
      for (; performance.now() < ends; count += 1) await check();
      return (count * ROUNDS) / seconds;
    };
    const [bare, own] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      bare.push(await rate(() => jose.jwtVerify(token, key, options)));
      own.push(await rate(() => verifier.verify(token)));
    }
    const ratio = median(own.map((value, round) => value / bare[round]));
    report.add('verify in Node.js, EdDSA', `${whole(median(own))}/s, ${ratio.toFixed(2)} of jose alone`, '0.8', ratio / 0.8);
  } finally {
    verifier.close();
    await program.stop();
  }
}

/** Many services that read from one server. */
export async function manyReaders(report, here, seconds) {
  const program = await Program.start(here.folder, { ...here.settings, ...EDDSA });
  const sockets = [];
  try {
    await program.register(EMAIL);
    const { token } = await program.signIn(EMAIL);
    const key = createKey(here);
    const view = () => wrk(`${program.url}/api/user/view`, { connections: 4, seconds, token });
    await view();
    await pause(1000);
    const [before, without] = [program.memory(), await view()];
    let bytes = 0;
    for (let number = 0; number < READERS; number += 1) {
      const socket = connect(new URL(program.url).port, '127.0.0.1');
      socket.on('data', (data) => (bytes += data.length));
      socket.write(`GET /api/token/revocations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n\r\n`);
      sockets.push(socket);
      if (number % 50 === 0) await pause(20);
    }
    await pause(3000);
    const memory = program.memory() - before;
    const time = program.processorTime();
    await pause(3000);
    const share = (program.processorTime() - time) / 3;
    const beside = await view();
    if (bytes < READERS * 1000) throw new Error('the readers read nothing');
    report.add(
      `${whole(READERS)} readers of the stream of revocations`,
      `${memory.toFixed(1)} MB, ${(100 * share).toFixed(0)} % of a core; view p99 ${ms(beside.p99)} beside them, ${ms(without.p99)} without`,
      '32 MB',
      32 / memory,
    );
  } finally {
    for (const socket of sockets) socket.destroy();
    await program.stop();
  }
}
