import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect } from '@playwright/test';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

/** A mail as a mail program shows it. */
export type Mail = { to: string; subject: string; text: string; html: string };

/** A mail server on a port of its own, and the mailbox of everyone who gets mail from it. */
export class Mailbox {
  readonly #mails: Mail[] = [];
  readonly #server = new SMTPServer({
    authOptional: true,
    // It offers STARTTLS, with a certificate that no client accepts: on this machine, the program
    // then goes on without.
    disabledCommands: ['AUTH'],
    disableReverseLookup: true,
    closeTimeout: 1000,
    onData: (stream, _session, done) => {
      simpleParser(stream).then(({ to, subject, text, html }) => {
        const addresses = [to ?? []].flat().flatMap(({ value }) => value.map(({ address }) => address));
        this.#mails.push({ to: addresses.join(), subject: subject ?? '', text: text ?? '', html: html || '' });
        done();
      }, done);
    },
  });

  private constructor() {
    // A client that breaks off is no fault of the test's.
    this.#server.on('error', () => {});
  }

  static async open(): Promise<Mailbox> {
    const mailbox = new Mailbox();
    await once(mailbox.#server.listen(0, '127.0.0.1'), 'listening');
    return mailbox;
  }

  async close(): Promise<void> {
    await new Promise<void>((closed) => this.#server.close(() => closed()));
  }

  /** What `LATCHKEY_SMTP_URL` is set to. */
  get url(): string {
    return `smtp://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}`;
  }

  /** Waits for a mail and takes it out, so that the next one of its kind can be told from it. */
  async take(to: string, subject: string): Promise<Mail> {
    const at = () => this.#mails.findIndex((mail) => mail.to === to && mail.subject === subject);
    const message = `a mail "${subject}" to ${to}`;
    await expect.poll(at, { message, timeout: 10_000 }).not.toBe(-1);
    return this.#mails.splice(at(), 1)[0];
  }

  /** The subjects of the mails to this address that have come and were not taken. */
  subjects(to: string): string[] {
    return this.#mails.filter((mail) => mail.to === to).map(({ subject }) => subject);
  }
}

/** The link of a mail: the only one in its HTML, and on a line of its own in its text. */
export function link(mail: Mail): string {
  const links = [...mail.html.matchAll(/href="([^"]+)"/g)].map(([, url]) => url);
  expect(links, `links in "${mail.subject}"`).toHaveLength(1);
  expect(mail.text.split('\n')).toContain(links[0]);
  return links[0];
}
