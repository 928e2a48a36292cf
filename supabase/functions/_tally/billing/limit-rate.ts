/** Waits until another request may go. */
export type MayGo = () => Promise<void>;

/** What keeping time needs. */
export interface Timekeeper {
  /** Milliseconds; only spans of it matter. */
  now: () => number;
  wait: (ms: number) => Promise<void>;
}

/** A tenth longer than the second that is counted: requests do not arrive as regularly as they go. */
const WINDOW_MS = 1_100;

const CLOCK: Timekeeper = {
  now: () => performance.now(),
  wait: (ms) => new Promise((done) => setTimeout(done, ms)),
};

/** Lets at most so many requests go in any second, in the order they ask. */
export function limitRate(perSecond: number, { now, wait }: Timekeeper = CLOCK): MayGo {
  /** When the last ones went, oldest first. */
  const went: number[] = [];
  let last = Promise.resolve();
  const take = async () => {
    if (went.length === perSecond) {
      const leftMs = (went.shift() as number) + WINDOW_MS - now();
      if (leftMs > 0) await wait(leftMs);
    }
    went.push(now());
  };
  return () => {
    last = last.then(take);
    return last;
  };
}

/** A `fetch` that waits for its turn. */
export function limitFetch(
  fetch: typeof globalThis.fetch,
  mayGo: MayGo,
): typeof globalThis.fetch {
  return async (input, request) => {
    await mayGo();
    return await fetch(input, request);
  };
}
