// Measures how fast a full outbox drains: it fills while the mail server is unavailable, then a server that only counts takes it,
// and never responds to the end of an email for a part of the recipients.
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import { CHEAP_HASH, Program, each, freePort } from './program.mjs';

const WAITING_SECONDS = 10;
const TIMEOUT = 120_000;

/** One recipient in this many hangs. */
const HANGING = 100;

/** Returns emails per second to the recipients that do not hang, connections used, and the share of a core used while the mail server was unavailable. */
export async function drainOutbox(work, count) {
  const folder = await mkdtemp(path.join(work, 'mail-'));
  const smtpPort = await freePort();
  const settings = { ...CHEAP_HASH, LATCHKEY_SMTP_URL: `smtp://127.0.0.1:${smtpPort}` };

  const offline = await Program.start(folder, settings);
  // Each registration leaves one email.
  await each(count, 16, (number) => offline.register(`bench-${number}@example.org`));
  const before = offline.processorTime();
  await pause(WAITING_SECONDS * 1000);
  const waiting = (offline.processorTime() - before) / WAITING_SECONDS;
  await offline.stop();

  let [emails, connections, first, last] = [0, 0, 0, 0];
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    logger: false,
    onConnect: (_, callback) => {
      connections += 1;
      callback();
    },
    onData: (stream, { envelope }, callback) => {
      const number = Number(/\d+/.exec(envelope.rcptTo[0].address)[0]);
      stream.resume();
      stream.on('end', () => {
        if (number % HANGING === 0) return;
        last = performance.now();
        first ||= last;
        emails += 1;
        callback();
      });
    },
  });
  await new Promise((listening) => smtp.listen(smtpPort, '127.0.0.1', listening));
  const sending = await Program.start(folder, settings);
  const begun = performance.now();
  const expected = count - Math.ceil(count / HANGING);
  while (emails < expected) {
    if (performance.now() - begun > TIMEOUT) throw new Error(`${emails} of ${expected} emails after ${TIMEOUT} ms`);
    await pause(50);
  }
  await sending.stop();
  smtp.close();
  return { perSecond: (expected - 1) / ((last - first) / 1000), connections, waiting };
}
