import { setTimeout as pause } from 'node:timers/promises';
import type { StoredSession } from '../support/pages.ts';

/** An element of a page. */
export type Element = { click(): Promise<void>; type(text: string): Promise<void> };

/** A window of a browser, with its own storage: what each engine's driver has to do. */
export interface Driver {
  /** Opens a URL. */
  goto(url: string): Promise<void>;
  /** Returns the element that the body of a function returns. */
  element(body: string): Promise<Element | null>;
  /** Returns what the body of a function returns, as JSON. */
  evaluate(body: string): Promise<unknown>;
  close(): Promise<void>;
}

/** An engine: starts a browser, and opens windows in it. */
export interface Engine {
  open(): Promise<Driver>;
  close(): Promise<void>;
}

type Role = 'alert' | 'button' | 'dialog' | 'heading' | 'link' | 'textbox';

/** How long a page may take to show what a journey waits for, in milliseconds. */
const PATIENCE = 20_000;

/** Elements that have a role without saying so. */
const IMPLIED: Record<Role, string> = {
  alert: '[role=alert]',
  button: 'button',
  dialog: 'dialog[open]',
  heading: 'h1, h2, h3',
  link: 'a[href]',
  textbox: 'input',
};

/**
 * Finds an element as users do: visible, enabled, by its role and its name. A name that ends in `…` is the
 * beginning of one. What is outside of an open dialog can't be used, so it is not found.
 */
const find = (role: Role, name: string) => `
  const clean = (text) => (text ?? '').replace(/\\s+/g, ' ').trim();
  const nameOf = (element) => {
    const labels = [...(element.labels ?? [])].map((label) => label.textContent);
    const by = (element.getAttribute('aria-labelledby') ?? '').split(/\\s+/).filter(Boolean);
    const named = by.map((id) => document.getElementById(id)?.textContent);
    const own = element.cloneNode(true);
    for (const hidden of own.querySelectorAll('[aria-hidden=true]')) hidden.remove();
    return clean(element.getAttribute('aria-label') ?? [...named, ...labels].join(' ')) || clean(own.textContent);
  };
  const wanted = ${JSON.stringify(name)};
  const isNamed = (element) => wanted.endsWith('…')
    ? nameOf(element).startsWith(wanted.slice(0, -1)) : nameOf(element) === wanted;
  const dialogs = [...document.querySelectorAll('dialog[open]')];
  const scope = ${role === 'dialog'} ? document : (dialogs.at(-1) ?? document);
  return [...scope.querySelectorAll(${JSON.stringify(IMPLIED[role])})].find((element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0 && getComputedStyle(element).visibility === 'visible'
      && !element.disabled && isNamed(element);
  }) ?? null;`;

/** A person in front of a browser. Each step waits for what it needs, for a limited time. */
export class Visitor {
  constructor(
    private readonly driver: Driver,
    private readonly origin: string,
  ) {}

  /** Opens a page, and waits until the app has taken it over. */
  async open(pathOrUrl: string): Promise<void> {
    // A URL that differs in its fragment only would not load the page again.
    if (pathOrUrl.includes('#')) await this.driver.goto(`${this.origin}/robots.txt`);
    await this.driver.goto(new URL(pathOrUrl, this.origin).href);
    await this.#until(`the app at ${pathOrUrl}`, () =>
      this.driver.evaluate("return document.documentElement.dataset.app === 'ready'"));
  }

  /** Waits until an element is visible. */
  async see(role: Role, name: string): Promise<Element> {
    return this.#until(`the ${role} "${name}"`, () => this.driver.element(find(role, name)));
  }

  /** Waits until the page contains a text. */
  async read(text: string): Promise<void> {
    const body = `return document.querySelector('main').innerText.includes(${JSON.stringify(text)})`;
    await this.#until(`the text "${text}"`, () => this.driver.evaluate(body));
  }

  async press(role: 'button' | 'link', name: string): Promise<void> {
    await this.#until(`pressing the ${role} "${name}"`, async () => {
      await (await this.see(role, name)).click();
      return true;
    });
  }

  async fill(label: string, text: string): Promise<void> {
    await (await this.see('textbox', label)).type(text);
  }

  /** Waits until a page of the app is open. */
  async arrive(path: string): Promise<void> {
    await this.#until(`the page ${path}`, async () => (await this.driver.evaluate('return location.pathname')) === path);
  }

  async session(): Promise<StoredSession | null> {
    const session = "return JSON.parse(localStorage.getItem('latchkey.session'))";
    return (await this.driver.evaluate(session)) as StoredSession | null;
  }

  /** Waits until the stored session is as it should be. */
  async sessionThat(what: string, isRight: (session: StoredSession | null) => boolean): Promise<void> {
    await this.#until(`a session that ${what}`, async () => isRight(await this.session()));
  }

  async evaluate(body: string): Promise<unknown> {
    return this.driver.evaluate(body);
  }

  /** Asks until the answer is yes. An element may vanish between finding and using it. */
  async #until<T>(what: string, ask: () => Promise<T | null | undefined | false>): Promise<T> {
    const deadline = Date.now() + PATIENCE;
    for (let last: unknown; ; await pause(50)) {
      try {
        const answer = await ask();
        if (answer) return answer;
      } catch (error) {
        last = error;
      }
      if (Date.now() > deadline) {
        const page = await this.driver.evaluate('return `${location.pathname}: ${document.body.innerText}`').catch(String);
        throw new Error(`waited for ${what} in vain, on ${page}`, { cause: last });
      }
    }
  }
}
