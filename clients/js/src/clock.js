// The time.

/** A step of the clock by more than this counts as time in which the machine was suspended, in ms. */
const SUSPENDED = 100;

/**
 * The machine's clock. Leases expire by `uptime()`, in milliseconds: Node's own monotonic clock, which
 * stands still while the machine is suspended, and the time of such pauses as the other clock shows them.
 * If that one was set ahead instead, leases end early, which does no harm.
 */
export class SystemClock {
  #mono = performance.now();
  #wall = Date.now();
  #suspended = 0;

  unixSeconds() {
    return Math.floor(Date.now() / 1000);
  }

  uptime() {
    const [mono, wall] = [performance.now(), Date.now()];
    const gap = wall - this.#wall - (mono - this.#mono);
    if (gap > SUSPENDED) this.#suspended += gap;
    if (gap > SUSPENDED || gap < 0) [this.#mono, this.#wall] = [mono, wall];
    return mono + this.#suspended;
  }
}
