import type { Locator } from '@playwright/test';
import jsQR from 'jsqr';
import { TOTP, URI } from 'otpauth';
import { PNG } from 'pngjs';

const STEP = 30_000;

/** An authenticator app with one account. */
export class Authenticator {
  readonly #totp: TOTP;
  readonly #used = new Set<number>();

  /** Adds the account of an `otpauth:` URL. */
  constructor(url: string) {
    const account = URI.parse(url);
    if (!(account instanceof TOTP)) throw new Error(`not a time-based account: ${url}`);
    this.#totp = account;
  }

  /** The secret, for typing instead of scanning. */
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
   * Returns a code that is valid now and was not returned before. The server accepts the current
   * time step and one either side, each once: three codes in 30 seconds.
   */
  code(): string {
    const now = Date.now();
    const current = Math.floor(now / STEP);
    // The previous step could end before the code arrives.
    const isEnding = STEP - (now % STEP) < 4000;
    const step = [current - 1, current, current + 1]
      .slice(isEnding ? 1 : 0)
      .find((one) => !this.#used.has(one));
    if (step === undefined) throw new Error('no unused code is left for these 30 seconds');
    this.#used.add(step);
    return this.#totp.generate({ timestamp: step * STEP });
  }

  /** Returns a code that is not valid now, nor soon. */
  wrongCode(): string {
    const now = Date.now();
    const valid = [-1, 0, 1, 2].map((step) => this.#totp.generate({ timestamp: now + step * STEP }));
    return ['271828', '314159', '141421', '173205', '161803'].find((code) => !valid.includes(code))!;
  }
}

/** Reads a QR code, like a phone's camera. */
export async function scan(image: Locator): Promise<string> {
  const { data, width, height } = PNG.sync.read(await image.screenshot());
  const found = jsQR.default(new Uint8ClampedArray(data), width, height, { inversionAttempts: 'dontInvert' });
  if (!found) throw new Error('no QR code found in the screenshot');
  return found.data;
}
