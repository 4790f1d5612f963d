import type { Locator } from '@playwright/test';
import jsQR from 'jsqr';
import { TOTP, URI } from 'otpauth';
import { PNG } from 'pngjs';

const STEP = 30_000;

/** An authenticator app with one account in it. */
export class Authenticator {
  readonly #totp: TOTP;
  readonly #used = new Set<number>();

  /** Adds the account of an `otpauth:` URL. */
  constructor(url: string) {
    const account = URI.parse(url);
    if (!(account instanceof TOTP)) throw new Error(`not a time-based account: ${url}`);
    this.#totp = account;
  }

  /** What a person types who can't scan. */
  get secret(): string {
    return this.#totp.secret.base32;
  }

  get issuer(): string {
    return this.#totp.issuer;
  }

  get label(): string {
    return this.#totp.label;
  }

  /**
   * A code that is accepted now and has not been given before. The server takes the present step
   * and one either side, each once: that makes three codes in half a minute.
   */
  code(): string {
    const now = Date.now();
    const present = Math.floor(now / STEP);
    // The earlier step would be over by the time the code arrives.
    const closing = STEP - (now % STEP) < 4000;
    const step = [present - 1, present, present + 1]
      .slice(closing ? 1 : 0)
      .find((one) => !this.#used.has(one));
    if (step === undefined) throw new Error('no code is left for this half minute');
    this.#used.add(step);
    return this.#totp.generate({ timestamp: step * STEP });
  }

  /** A code that is not accepted now, nor soon. */
  wrongCode(): string {
    const now = Date.now();
    const right = [-1, 0, 1, 2].map((step) => this.#totp.generate({ timestamp: now + step * STEP }));
    return ['271828', '314159', '141421', '173205', '161803'].find((code) => !right.includes(code))!;
  }
}

/** What the camera of a phone reads off a QR code on the screen. */
export async function scan(image: Locator): Promise<string> {
  const { data, width, height } = PNG.sync.read(await image.screenshot());
  const found = jsQR.default(new Uint8ClampedArray(data), width, height, { inversionAttempts: 'dontInvert' });
  if (!found) throw new Error('no QR code can be read off the picture');
  return found.data;
}
