/**
 * How much is asked of the fake, and what is too much. It goes by the clock of the world, whatever the
 * account's own says.
 */
export class Traffic {
  /** Requests that are worked on within any second; more are told to wait. */
  perSecond = 1_000;
  readonly #running = new Map<string, number>();
  readonly #peaks = new Map<string, number>();
  /** When requests of the last second arrived, oldest first. */
  readonly #arrivals: number[] = [];
  #admitted: number[] = [];
  #busiest = 0;
  #mostAtOnce = 0;

  /** The most calls of whatever name that were under way at once. */
  get mostAtOnce(): number {
    return this.#mostAtOnce;
  }

  /** The most calls of one name that were under way at once, refused ones among them, by name. */
  get peaks(): ReadonlyMap<string, number> {
    return this.#peaks;
  }

  /** The most requests that arrived within any second. */
  get busiestSecond(): number {
    return this.#busiest;
  }

  /** Notes that a request has arrived; false when there are too many. */
  arrive(): boolean {
    const now = performance.now();
    this.#arrivals.push(now);
    while ((this.#arrivals[0] as number) <= now - 1_000) this.#arrivals.shift();
    this.#busiest = Math.max(this.#busiest, this.#arrivals.length);
    this.#admitted = this.#admitted.filter((at) => at > now - 1_000);
    if (this.#admitted.length >= this.perSecond) return false;
    this.#admitted.push(now);
    return true;
  }

  /** Notes that a call of a name begins; false when another one of that name is under way. */
  begin(name: string): boolean {
    const count = (this.#running.get(name) ?? 0) + 1;
    this.#running.set(name, count);
    this.#peaks.set(name, Math.max(this.#peaks.get(name) ?? 0, count));
    const all = [...this.#running.values()].reduce((sum, running) => sum + running, 0);
    this.#mostAtOnce = Math.max(this.#mostAtOnce, all);
    return count === 1;
  }

  end(name: string): void {
    const left = (this.#running.get(name) ?? 1) - 1;
    if (left > 0) this.#running.set(name, left);
    else this.#running.delete(name);
  }

  /** Forgets what was seen; for a test that counts. */
  reset(): void {
    this.#peaks.clear();
    this.#busiest = 0;
    this.#mostAtOnce = 0;
  }
}
