import type { Patience } from "../keep-deadlines.ts";

/** Stops a provider that says nothing for too long, with one deadline at a time for a whole stream. */
export class SilenceWatch {
  /** What the client is told of it. */
  silence: Error | undefined;
  readonly #idleMs: number;
  readonly #patience: Patience;
  readonly #stop: () => void;
  #letGo: (() => void) | undefined;
  #since = 0;
  #isWaiting = false;

  constructor(patience: Patience, idleMs: number, stop: () => void) {
    this.#patience = patience;
    this.#idleMs = idleMs;
    this.#stop = stop;
  }

  /** Somebody waits for the provider from now on. */
  begin(): void {
    this.#since = performance.now();
    this.#isWaiting = true;
    this.#letGo ??= this.#patience.set(this.#idleMs, () => this.#look());
  }

  /** It has spoken; until the client wants more, the silence is the client's. */
  pause(): void {
    this.#isWaiting = false;
  }

  /** Lets go of the deadline. */
  end(): void {
    this.#letGo?.();
  }

  #look(): void {
    this.#letGo = undefined;
    if (!this.#isWaiting) return;
    const left = this.#idleMs - (performance.now() - this.#since);
    if (left > 0) {
      const timer = setTimeout(() => this.#look(), left);
      this.#letGo = () => clearTimeout(timer);
      return;
    }
    this.silence = new Error(`The provider was silent for ${this.#idleMs} ms.`);
    this.#stop();
  }
}
