// How fast a full outbox drains: `node bench/mail.mjs PROGRAM SITE COUNT`. Fills it over HTTP while the
// mail server is away, starts the program anew with a mail server that only counts, and prints mails
// per second, connections used, and the processor time that waiting for the mail server took.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';

const [program, site, countText] = process.argv.slice(2);
const count = Number(countText);
const folder = await mkdtemp(path.join(tmpdir(), 'latchkey-bench-'));
const [port, smtpPort] = [await freePort(), await freePort()];
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });

try {
  let server = await start();
  await post('/api/user/create', { email: 'bench@example.org', password: 'mauve-teapot-41-harbour' });
  let left = count - 1;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (left-- > 0) await post('/api/user/password/reset', { email: 'bench@example.org' });
    }),
  );
  const before = cpuSeconds(server.pid);
  await pause(10_000);
  const waiting = cpuSeconds(server.pid) - before;
  await stop(server);

  let mails = 0;
  let connections = 0;
  let first = 0;
  const done = Promise.withResolvers?.() ?? withResolvers();
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    logger: false,
    onConnect: (_, callback) => {
      connections += 1;
      callback();
    },
    onData: (stream, _, callback) => {
      stream.resume();
      stream.on('end', () => {
        first ||= performance.now();
        mails += 1;
        callback();
        if (mails >= count) done.resolve();
      });
    },
  });
  smtp.listen(smtpPort, '127.0.0.1');
  server = await start();
  await Promise.race([done.promise, pause(120_000).then(() => Promise.reject(new Error(`${mails} of ${count} mails after 120 s`)))]);
  const seconds = (performance.now() - first) / 1000;
  console.log(
    `${Math.round(count / seconds)}/s over ${connections} connections; ` +
      `${((waiting / 10) * 100).toFixed(1)} % of a core while the mail server is away`,
  );
  await stop(server);
  smtp.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit();

function start() {
  const server = spawn(program, [], {
    cwd: folder,
    stdio: 'ignore',
    env: {
      LATCHKEY_LISTEN: `127.0.0.1:${port}`,
      LATCHKEY_DATA_DIR: path.join(folder, 'data'),
      LATCHKEY_SITE_ROOT: site,
      LATCHKEY_SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
      LATCHKEY_RATE_LIMITS: 'off',
      LATCHKEY_LOG: 'error',
    },
  });
  return (async () => {
    for (let tries = 0; tries < 500; tries += 1) {
      if (await ready()) return server;
      await pause(20);
    }
    throw new Error('the program is not ready');
  })();
}

function stop(server) {
  return new Promise((stopped) => {
    server.once('exit', stopped);
    server.kill('SIGTERM');
  });
}

async function ready() {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    return false;
  }
}

function post(at, body) {
  const json = JSON.stringify(body);
  return new Promise((answered, failed) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(json) };
    http
      .request({ host: '127.0.0.1', port, path: at, method: 'POST', agent, headers }, (answer) => {
        answer.resume().on('end', () => (answer.statusCode < 300 ? answered() : failed(new Error(`${at} ${answer.statusCode}`))));
      })
      .on('error', failed)
      .end(json);
  });
}

// utime and stime of /proc/<pid>/stat, in ticks of a hundredth of a second.
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => probe.once('listening', listening));
  const { port } = probe.address();
  await new Promise((closed) => probe.close(closed));
  return port;
}

function withResolvers() {
  let resolve;
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}
