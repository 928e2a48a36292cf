import type { Ledger } from "./ledger.ts";

/** How long a hold lasts without a sign of life, in seconds. */
export const HOLD_SECONDS = 600;

/**
 * Extends a hold for as long as its call runs, at half of its life each time: an answer may take an
 * hour. Returns a function that stops it. A failure is not an error of the call: settling works after
 * expiry too.
 */
export function keepHold(
  ledger: Ledger,
  holdId: string,
  seconds = HOLD_SECONDS,
): () => void {
  const timer = setInterval(() => {
    ledger.extend(holdId, seconds).catch(() => {});
  }, seconds * 500);
  return () => clearInterval(timer);
}
