// Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
import { Malformed } from './revoked.js';

/** The maximum length of an event. One with 1,000 entries has about 130,000 characters. */
const LIMIT = 1024 * 1024;

/** Splits what arrives into events. */
export class Parser {
  #decoder = new TextDecoder('utf-8', { fatal: true });
  #rest = '';
  #afterCr = false;
  #name = '';
  #data = [];
  #length = 0;

  /** Reads bytes. Returns the events that they complete, as `{ name, data }`. */
  read(bytes) {
    const events = [];
    let text;
    try {
      text = this.#decoder.decode(bytes, { stream: true });
    } catch {
      throw new Malformed('not UTF-8');
    }
    if (text === '') return events;
    if (this.#afterCr && text.startsWith('\n')) text = text.slice(1);
    this.#afterCr = text.endsWith('\r');
    const lines = (this.#rest + text).split(/\r\n|\r|\n/);
    this.#rest = lines.pop();
    for (const line of lines) {
      const event = this.#endLine(line);
      if (event) events.push(event);
    }
    if (this.#rest.length + this.#length > LIMIT) throw new Malformed('too long');
    return events;
  }

  #endLine(line) {
    if (line === '') {
      const [name, data] = [this.#name, this.#data.join('\n')];
      [this.#name, this.#data, this.#length] = ['', [], 0];
      if (data === '') return undefined;
      try {
        return { name, data: JSON.parse(data) };
      } catch {
        throw new Malformed('not JSON');
      }
    }
    const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
    if (field === 'event') this.#name = value ?? '';
    if (field === 'data') {
      this.#data.push(value ?? '');
      this.#length += line.length;
      if (this.#length > LIMIT) throw new Malformed('too long');
    }
    return undefined;
  }
}
