import type { Settlement } from "./ledger.ts";

/**
 * What a stream's headers came too early for, as a comment after its last frame: readers of event
 * streams pass over those. Null when nobody asked, or when the event is not recorded yet.
 */
export function costComment(
  headers: Headers,
  settlement: Settlement | null,
): Uint8Array<ArrayBuffer> | null {
  if (settlement === null || headers.get("x-tally-stream-cost")?.trim() !== "1") return null;
  const { id, cost_usd, remaining } = settlement;
  // Blank lines first: they end a frame that the provider left open, and are nothing where it did not.
  const told = { usage_id: id, cost_usd, ...(remaining !== null && { remaining }) };
  return new TextEncoder().encode(`\n\n: tally ${JSON.stringify(told)}\n\n`);
}
