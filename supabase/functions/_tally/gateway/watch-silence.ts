/** Stops a provider that says nothing for too long, with one timer for a whole stream. */
export class SilenceWatch {
  /** What the client is told of it. */
  silence: Error | undefined;
  readonly #idleMs: number;
  readonly #stop: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #since = 0;
  #isWaiting = false;

  constructor(idleMs: number, stop: () => void) {
    this.#idleMs = idleMs;
    this.#stop = stop;
  }

  /** Somebody waits for the provider from now on. */
  begin(): void {
    this.#since = performance.now();
    this.#isWaiting = true;
    this.#timer ??= setTimeout(() => this.#look(), this.#idleMs);
  }

  /** It has spoken; until the client wants more, the silence is the client's. */
  pause(): void {
    this.#isWaiting = false;
  }

  /** Lets go of the timer. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    this.#timer = undefined;
    if (!this.#isWaiting) return;
    const left = this.#idleMs - (performance.now() - this.#since);
    if (left > 0) {
      this.#timer = setTimeout(() => this.#look(), left);
      return;
    }
    this.silence = new Error(`The provider was silent for ${this.#idleMs} ms.`);
    this.#stop();
  }
}
