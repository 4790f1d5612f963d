// How fast a full outbox drains: filled while the mail server is away, then sent to one that only counts.
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import { CHEAP_HASH, Program, each, freePort } from './program.mjs';

const WAITING_SECONDS = 10;
const PATIENCE = 120_000;

/** Mails per second, connections used, and the share of a core that waiting for the mail server took. */
export async function drainOutbox(work, count) {
  const folder = await mkdtemp(path.join(work, 'mail-'));
  const smtpPort = await freePort();
  const settings = { ...CHEAP_HASH, LATCHKEY_SMTP_URL: `smtp://127.0.0.1:${smtpPort}` };

  const away = await Program.start(folder, settings);
  // Each registration leaves one mail.
  await each(count, 16, (number) => away.register(`bench-${number}@example.org`));
  const before = away.processorTime();
  await pause(WAITING_SECONDS * 1000);
  const waiting = (away.processorTime() - before) / WAITING_SECONDS;
  await away.stop();

  let [mails, connections, first, last] = [0, 0, 0, 0];
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
        last = performance.now();
        first ||= last;
        mails += 1;
        callback();
      });
    },
  });
  await new Promise((listening) => smtp.listen(smtpPort, '127.0.0.1', listening));
  const sending = await Program.start(folder, settings);
  const begun = performance.now();
  while (mails < count) {
    if (performance.now() - begun > PATIENCE) throw new Error(`${mails} of ${count} mails after ${PATIENCE} ms`);
    await pause(50);
  }
  await sending.stop();
  smtp.close();
  return { perSecond: (count - 1) / ((last - first) / 1000), connections, waiting };
}
