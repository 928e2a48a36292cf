/** Somebody wants the process to end: Ctrl-C, `tallybase stop`, a closed terminal, a killed launcher. */
export interface Asked extends Disposable {
  promise: Promise<void>;
  /** Aborted at the same moment. */
  signal: AbortSignal;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const IMPATIENCE_MS = 1_000;

/** Waits for that, until disposed of. Asking again a second later ends the process at once. */
export function waitUntilAsked(): Asked {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  let askedAt = 0;
  const ask = () => {
    if (askedAt === 0) {
      askedAt = Date.now();
      process.stdout.write("\n  Stopping…\n");
      controller.abort();
      resolve();
    } else if (Date.now() - askedAt > IMPATIENCE_MS) {
      process.exit(130);
    }
  };
  for (const signal of SIGNALS) process.on(signal, ask);
  if (process.connected) process.once("disconnect", ask);
  // The reader of our output may be gone before us.
  process.stdout.on("error", () => undefined);
  return {
    promise,
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const signal of SIGNALS) process.off(signal, ask);
      process.off("disconnect", ask);
      // A channel that has had a listener would keep the process alive.
      if (process.connected) process.disconnect();
    },
  };
}
