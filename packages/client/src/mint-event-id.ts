/**
 * Makes the id of an event: a uuid v7 whose first 48 bits are the time of the event in milliseconds.
 *
 * Mint it once, when the event happens, and send the same id on every retry: the database then
 * counts the event once, whatever happens to the answers. The recording calls do this by themselves;
 * mint one yourself to store an event before it is sent.
 *
 * @param at - When the event happened; its `createdAt` must be the same moment. Default: now.
 * @returns A lower-case uuid v7.
 * @throws RangeError when `at` is not a moment between 1970 and 10889.
 *
 * @example
 * ```ts
 * const at = new Date("2026-01-31T12:00:00.000Z");
 * const event = { id: mintEventId(at), createdAt: at, provider: "openai", model: "gpt-5.4" };
 * ```
 */
export function mintEventId(at: Date = new Date()): string {
  const time = at.getTime();
  if (!canHold(at)) {
    throw new RangeError(`An event id needs a moment after 1970, not ${at}.`);
  }
  const random = crypto.getRandomValues(new Uint8Array(10));
  const tail = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const head = time.toString(16).padStart(12, "0");
  const variant = (8 + (Number.parseInt(tail.charAt(3), 16) & 3)).toString(16);
  return `${head.slice(0, 8)}-${head.slice(8)}-7${tail.slice(0, 3)}-${variant}${tail.slice(4, 7)}-${tail.slice(7, 19)}`;
}

/** Whether an id has room for a moment: 48 bits of milliseconds since 1970. */
export function canHold(moment: Date): boolean {
  return moment.getTime() >= 0 && moment.getTime() < 2 ** 48;
}

/** The moment inside an event id, or null when the id is not a uuid v7. */
export function timeOfEventId(id: string): Date | null {
  const match = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.exec(
    id,
  );
  return match ? new Date(Number.parseInt(`${match[1]}${match[2]}`, 16)) : null;
}
