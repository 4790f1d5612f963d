// Load from wrk, and rates of the two floors.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { EXAMPLES, PASSWORD } from './program.mjs';

const run = promisify(execFile);

/**
 * wrk's figures: good answers per second, quantiles of latency in ms, and how many answers were bad. None may be,
 * unless the load is meant to be too much for the server.
 */
export async function wrk(url, { connections, seconds, token, script, tooMuch = false }) {
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '--latency'];
  if (token) options.push('-H', `Authorization: Bearer ${token}`);
  if (script) options.push('-s', script);
  const { stdout } = await run('wrk', [...options, url]);
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  if (/Socket errors/.test(stdout) || (bad > 0 && !tooMuch)) throw new Error(`bad answers:\n${stdout}`);
  const quantile = (percent) => milliseconds(new RegExp(`^ +${percent}%\\s+(\\S+)`, 'm').exec(stdout)[1]);
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]) - bad / seconds,
    bad,
    p50: quantile(50),
    p99: quantile(99),
  };
}

function milliseconds(text) {
  const [, number, unit] = /([\d.]+)(us|ms|s|m)/.exec(text);
  return Number(number) * { us: 0.001, ms: 1, s: 1000, m: 60_000 }[unit];
}

/** A script that signs in, over and over. */
export async function signInScript(folder, email) {
  const script = path.join(folder, 'sign-in.lua');
  const body = JSON.stringify({ email, password: PASSWORD });
  await writeFile(
    script,
    `wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = '${body}'\n`,
  );
  return script;
}

/** A script that introspects a token, over and over. */
export async function introspectionScript(folder, token) {
  const script = path.join(folder, 'introspect.lua');
  const type = 'application/x-www-form-urlencoded';
  await writeFile(
    script,
    `wrk.method = "POST"\nwrk.headers["Content-Type"] = "${type}"\nwrk.body = "token=${token}"\n`,
  );
  return script;
}

/** A script that uses these tokens in turn. */
export async function tokensScript(folder, tokens) {
  const script = path.join(folder, 'tokens.lua');
  const list = tokens.map((token) => `"Bearer ${token}"`).join(',\n');
  await writeFile(
    script,
    `local tokens = {${list}}\nlocal n = 0\nrequest = function()\n  n = n % #tokens + 1\n` +
      '  wrk.headers["Authorization"] = tokens[n]\n  return wrk.format("GET")\nend\n',
  );
  return script;
}

/** The bare handler that views are measured against. */
export async function startFloor(algorithm = 'HS256') {
  const child = spawn(path.join(EXAMPLES, 'floor'), ['127.0.0.1:0', algorithm], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const [address, token] = line.split(' ');
  return { url: `http://${address}/view`, token, stop: () => child.kill() };
}

/** Argon2id hashes per second on all cores, and nothing else. */
export async function hashesPerSecond(seconds) {
  const { stdout } = await run(path.join(EXAMPLES, 'argon2_rate'), [String(seconds)]);
  return Number(stdout);
}

/** Fills a database with users up to this number. */
export async function seed(database, count) {
  await run(path.join(EXAMPLES, 'seed'), [database, String(count)]);
}
