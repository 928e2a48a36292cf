/** Somebody wants the process to end: Ctrl-C, `tallybase stop`, a closed terminal, a killed launcher. */
export interface Asked {
  promise: Promise<void>;
  /** Aborted at the same moment. */
  signal: AbortSignal;
}

const IMPATIENCE_MS = 1_000;

/** Waits for that. Asking again a second later ends the process at once. */
export function waitUntilAsked(): Asked {
  const controller = new AbortController();
  const promise = new Promise<void>((resolve) => {
    let askedAt = 0;
    const ask = () => {
      if (askedAt === 0) {
        askedAt = Date.now();
        process.stdout.write("\n  Stopping…\n");
        controller.abort();
        // A channel with a listener would keep the process alive.
        if (process.connected) process.disconnect();
        resolve();
      } else if (Date.now() - askedAt > IMPATIENCE_MS) {
        process.exit(130);
      }
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, ask);
    if (process.connected) process.once("disconnect", ask);
  });
  // The reader of our output may be gone before us.
  process.stdout.on("error", () => undefined);
  return { promise, signal: controller.signal };
}
