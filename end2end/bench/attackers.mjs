// What an attacker could learn or slow down: response times that depend on whether an account exists,
// other users' requests during guessing, and other networks' while one holds all connections it gets.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { PASSWORD, Program, each, median, quantile } from './program.mjs';

const REQUESTS = Number(process.env.REQUESTS ?? 200);
const WRONG = 'a wrong password of 26 chars';

/**
 * Medians, in ms, of registering, resetting and signing in, with an account and without one, for
 * requests one after the other and for a closed loop of four clients. The accounts get their hashes from
 * the program in `before`, the program that is measured may have a higher cost.
 */
export async function responseTimes(folder, settings, before = {}) {
  const activation = { ...settings, LATCHKEY_ARGON2: 'm=4096,t=2,p=1' };
  const known = (number) => `known-${number}@example.org`;
  const first = await Program.start(folder, { ...activation, ...before, LATCHKEY_REQUIRE_ACTIVATION: 'false' });
  await each(REQUESTS, 8, (number) => first.register(known(number)));
  await first.stop();
  const program = await Program.start(folder, { ...activation, LATCHKEY_REQUIRE_ACTIVATION: 'true' });
  let strangers = 0;
  const kinds = {
    register: { at: '/api/user/create', body: (email) => ({ email, password: PASSWORD }) },
    reset: { at: '/api/user/password/reset', body: (email) => ({ email }) },
    'sign-in': { at: '/api/user/login', body: (email) => ({ email, password: WRONG }) },
  };
  const results = [];
  try {
    for (const [name, { at, body }] of Object.entries(kinds)) {
      for (const clients of [1, 4]) {
        const times = { with: [], without: [] };
        const ask = async (kind, email) => {
          const begun = performance.now();
          const { status } = await program.request('POST', at, body(email));
          times[kind].push(performance.now() - begun);
          if (status >= 500 || status === 429) throw new Error(`${at}: ${status}`);
        };
        for (let warm = 0; warm < 10; warm += 1) await ask('with', `warm-${(strangers += 1)}@example.org`);
        times.with = [];
        await each(REQUESTS, clients, async (number) => {
          const asks = [
            () => ask('with', known(number)),
            () => ask('without', `nobody-${(strangers += 1)}@example.org`),
          ];
          for (const one of number % 2 === 0 ? asks : asks.toReversed()) await one();
        });
        results.push({ name, clients, with: median(times.with), without: median(times.without) });
      }
    }
  } finally {
    await program.stop();
  }
  return results;
}

/** p99, in ms, of refreshing and of signing out, and failures, while 200 clients send wrong passwords. */
export async function whileGuessing(folder, seconds) {
  const program = await Program.start(folder);
  try {
    await each(20, 4, (number) => program.register(`user-${number}@example.org`));
    const pairs = [];
    await each(60, 4, async (number) => pairs.push(await program.signIn(`user-${number % 20}@example.org`)));
    const victim = Program.client(program.url, 8);
    const guessers = Program.client(program.url, 200);
    const ends = performance.now() + seconds * 1000;
    let guesses = 0;
    const guessing = Promise.all(Array.from({ length: 200 }, async (_, client) => {
      while (performance.now() < ends) {
        await guessers.request('POST', '/api/user/login', { email: `user-${client % 20}@example.org`, password: WRONG });
        guesses += 1;
      }
    }));
    await pause(1000);
    const times = { refresh: [], 'sign-out': [] };
    let failed = 0;
    const timed = async (kind, work) => {
      const begun = performance.now();
      const { status, text } = await work();
      times[kind].push(performance.now() - begun);
      if (status >= 300) failed += 1;
      return text ? JSON.parse(text) : undefined;
    };
    for (let pair of pairs) {
      for (let turn = 0; turn < 5; turn += 1) {
        const { refresh_token } = pair;
        pair = (await timed('refresh', () => victim.request('POST', '/api/user/login/refresh', { refresh_token }))) ?? pair;
      }
      await timed('sign-out', () => victim.request('POST', '/api/user/logout', undefined, pair.token));
      if (performance.now() > ends) break;
    }
    await guessing;
    return {
      refresh: quantile(times.refresh, 0.99),
      refreshes: times.refresh.length,
      signOut: quantile(times['sign-out'], 0.99),
      signOuts: times['sign-out'].length,
      failed,
      guesses,
    };
  } finally {
    await program.stop();
  }
}

/** The slowest response, in ms, that another network gets while one holds all the connections it can. */
export async function whileHeld(folder) {
  const program = await Program.start(folder, { LATCHKEY_RATE_LIMITS: 'on' });
  const port = Number(new URL(program.url).port);
  const held = [];
  try {
    for (let number = 0; number < 3000; number += 1) {
      const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
      socket.on('error', () => {});
      held.push(socket);
    }
    await pause(1500);
    const open = held.filter((socket) => socket.readyState === 'open').length;
    const times = [];
    for (let number = 0; number < 100; number += 1) {
      const begun = performance.now();
      const { status } = await Program.client(program.url, 1).request('GET', '/healthz');
      times.push(performance.now() - begun);
      if (status !== 200) throw new Error(`healthz: ${status}`);
    }
    return { open, worst: Math.max(...times) };
  } finally {
    for (const socket of held) socket.destroy();
    await program.stop();
  }
}
