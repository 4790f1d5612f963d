import { expect, type BrowserContext } from '@playwright/test';

/**
 * Collects the problems in a browser while a test runs: console errors and warnings (such as
 * Content-Security-Policy violations), uncaught errors, failed requests, error responses, and tokens
 * in URLs. A test fails for each problem that it does not expect, and for each expected one that does
 * not occur.
 */
export class Problems {
  readonly #seen: string[] = [];
  readonly #expected: RegExp[] = [];
  // A page asks how good a password is while it is typed, and does without the response: a test may stop the
  // server at that moment.
  readonly #allowed: RegExp[] = [/net::ERR_.*\/api\/user\/password\/check\)$/];

  /** Watches all pages of a context. */
  watch<T extends BrowserContext>(context: T): T {
    const add = (text: string) => this.#seen.push(text);
    context.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        add(`console ${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    context.on('weberror', (error) => add(`uncaught: ${error.error()}`));
    context.on('request', (request) => {
      // Each part of a JWT begins with base64url of `{"`. The token of an emailed link is in the
      // fragment, which is not sent.
      const [sent] = request.url().split('#');
      if (/eyJ|token=/.test(sent)) add(`token in a URL: ${request.url()}`);
    });
    context.on('requestfailed', (request) => {
      // Leaving a page aborts its GET requests, which is fine. But a page must wait for requests that
      // change something.
      const isAbortedRead = request.failure()?.errorText === 'net::ERR_ABORTED' && request.method() === 'GET';
      if (!isAbortedRead) add(`request failed: ${request.failure()?.errorText} (${request.url()})`);
    });
    context.on('response', (response) => {
      if (response.status() >= 400) {
        add(`response: status of ${response.status()} (${response.url()})`);
      }
    });
    return context;
  }

  /** Expects a response with this status from this path. */
  expectStatus(status: number, path: string): void {
    // The browser's console says "the server responded with a status of 401 (Unauthorized)".
    this.#expected.push(new RegExp(`status of ${status}\\b.*${escape(path)}\\)$`));
  }

  /** Expects that a request to this path does not reach the server. */
  expectUnreachable(path: string): void {
    this.#expected.push(new RegExp(`net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE).*${escape(path)}\\)$`));
  }

  /** Expects any other problem. */
  expect(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  /** Accepts a problem that may occur. */
  allow(pattern: RegExp): void {
    this.#allowed.push(pattern);
  }

  verify(): void {
    const known = [...this.#expected, ...this.#allowed];
    const unexpected = this.#seen.filter((seen) => !known.some((p) => p.test(seen)));
    const absent = this.#expected.filter((p) => !this.#seen.some((seen) => p.test(seen)));
    expect(unexpected, 'problems in the browser').toEqual([]);
    expect(absent.map(String), 'expected problems that did not occur').toEqual([]);
  }
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
