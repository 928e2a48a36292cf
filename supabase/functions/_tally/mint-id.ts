/** An event id minted before the event is recorded, and the time that is inside it. */
export interface MintedId {
  /** uuid of version 7. */
  id: string;
  /** ISO 8601, to the millisecond: the event's created_at. */
  createdAt: string;
}

/** Mints an event id for a moment in milliseconds since 1970. */
export function mintId(now: number): MintedId {
  const time = Math.floor(now).toString(16).padStart(12, "0");
  // A random uuid whose first 48 bits become the time in milliseconds and whose version becomes 7.
  const id = `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`;
  return { id, createdAt: new Date(now).toISOString() };
}
