interface Deadline {
  at: number;
  onLate: () => void;
}

/** Deadlines that are all equally far away when they are set; nearly all are met. */
export class Deadlines {
  readonly #ms: number;
  /** In the order in which they run out, because a set keeps the order of insertion. */
  readonly #open = new Set<Deadline>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.#ms = ms;
  }

  /**
   * Calls `onLate` unless the function that it returns is called in time. One timer serves all: to make
   * and clear one for each step of each call costs more than some of the steps.
   */
  set(onLate: () => void): () => void {
    const deadline = { at: performance.now() + this.#ms, onLate };
    this.#open.add(deadline);
    this.#timer ??= this.#start(this.#ms);
    return () => this.#open.delete(deadline);
  }

  #start(ms: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.#look(), ms);
    // It runs on when everything is in time: nobody shall wait for that to end.
    (timer as { unref?: () => void }).unref?.();
    return timer;
  }

  #look(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const deadline of this.#open) {
      if (deadline.at > now) {
        this.#timer = this.#start(deadline.at - now);
        return;
      }
      this.#open.delete(deadline);
      deadline.onLate();
    }
  }
}
