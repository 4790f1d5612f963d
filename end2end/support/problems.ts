import { expect, type BrowserContext } from '@playwright/test';

/**
 * Everything that goes wrong in a browser while a test runs: console errors and warnings (a
 * violated Content-Security-Policy is one), uncaught errors, failed requests, error answers, and
 * tokens in an address. A test fails on each that it has not announced, and on each announced one
 * that stays away.
 */
export class Problems {
  readonly #seen: string[] = [];
  readonly #expected: RegExp[] = [];
  readonly #allowed: RegExp[] = [];

  /** Watches all pages of a context, from its first on. */
  watch<T extends BrowserContext>(context: T): T {
    const add = (text: string) => this.#seen.push(text);
    context.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        add(`console ${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    context.on('weberror', (error) => add(`uncaught: ${error.error()}`));
    context.on('request', (request) => {
      // Each part of a JWT begins with base64url of `{"`. A mailed link's token stands in the
      // fragment, which is not sent.
      const [sent] = request.url().split('#');
      if (/eyJ|token=/.test(sent)) add(`token in an address: ${request.url()}`);
    });
    context.on('requestfailed', (request) => {
      // A page that is left drops what it reads; what can't be had fails in another way. But what it
      // has asked to be done, it has to wait for.
      const left = request.failure()?.errorText === 'net::ERR_ABORTED' && request.method() === 'GET';
      if (!left) add(`request failed: ${request.failure()?.errorText} (${request.url()})`);
    });
    context.on('response', (response) => {
      if (response.status() >= 400) {
        add(`response: status of ${response.status()} (${response.url()})`);
      }
    });
    return context;
  }

  /** Announces that requests to this path are answered with this status. */
  expectStatus(status: number, path: string): void {
    // The browser's console says "the server responded with a status of 401 (Unauthorized)".
    this.#expected.push(new RegExp(`status of ${status}\\b.*${escape(path)}\\)$`));
  }

  /** Announces that requests to this path do not reach the server. */
  expectUnreachable(path: string): void {
    this.#expected.push(new RegExp(`net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE).*${escape(path)}\\)$`));
  }

  /** Announces any other problem. */
  expect(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  /** Accepts a problem that need not happen. */
  allow(pattern: RegExp): void {
    this.#allowed.push(pattern);
  }

  verify(): void {
    const known = [...this.#expected, ...this.#allowed];
    const unexpected = this.#seen.filter((seen) => !known.some((p) => p.test(seen)));
    const absent = this.#expected.filter((p) => !this.#seen.some((seen) => p.test(seen)));
    expect(unexpected, 'problems in the browser').toEqual([]);
    expect(absent.map(String), 'announced problems that did not happen').toEqual([]);
  }
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
