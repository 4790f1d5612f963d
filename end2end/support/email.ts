import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect } from '@playwright/test';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

/** An email as a mail client shows it. */
export type Email = { to: string; subject: string; text: string; html: string };

/** A mail server on its own port, with the mailboxes of all addresses. */
export class Mailbox {
  readonly #emails: Email[] = [];
  readonly #server = new SMTPServer({
    authOptional: true,
    // It offers STARTTLS with a self-signed certificate. On a loopback address, the program then
    // continues without TLS.
    disabledCommands: ['AUTH'],
    disableReverseLookup: true,
    closeTimeout: 1000,
    onData: (stream, _session, done) => {
      simpleParser(stream).then(({ to, subject, text, html }) => {
        const addresses = [to ?? []].flat().flatMap(({ value }) => value.map(({ address }) => address));
        this.#emails.push({ to: addresses.join(), subject: subject ?? '', text: text ?? '', html: html || '' });
        done();
      }, done);
    },
  });

  private constructor() {
    // Aborted connections are not an error of the test.
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

  /** The value for `LATCHKEY_SMTP_URL`. */
  get url(): string {
    return `smtp://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}`;
  }

  /** Waits for an email and removes it, so that the next one with this subject is distinct. */
  async take(to: string, subject: string): Promise<Email> {
    const at = () => this.#emails.findIndex((email) => email.to === to && email.subject === subject);
    const message = `an email "${subject}" to ${to}`;
    await expect.poll(at, { message, timeout: 10_000 }).not.toBe(-1);
    return this.#emails.splice(at(), 1)[0];
  }

  /** Returns the subjects of the emails to this address that have arrived and were not taken. */
  subjects(to: string): string[] {
    return this.#emails.filter((email) => email.to === to).map(({ subject }) => subject);
  }
}

/** Returns the link that takes a change of the email address back. */
export function undoLink(email: Email): string {
  const [url] = email.text.match(/http\S+\/email\/undo#token=\S+/) ?? [];
  expect(url, `the link in "${email.subject}"`).toBeDefined();
  return url!;
}

/** Returns the code that an email shows for those whose link arrived incomplete. */
export function emailedCode(email: Email): string {
  const [code] = email.text.match(/\b\d{4}[ -]?\d{4}\b/) ?? [];
  expect(code, `the code in "${email.subject}"`).toBeDefined();
  return code!.replaceAll(/\D/g, '');
}

/** Returns the link of an email: the only one in its HTML, and on a line of its own in its text. */
export function link(email: Email): string {
  const links = [...email.html.matchAll(/href="([^"]+)"/g)].map(([, url]) => url);
  expect(links, `links in "${email.subject}"`).toHaveLength(1);
  expect(email.text.split('\n')).toContain(links[0]);
  return links[0];
}
