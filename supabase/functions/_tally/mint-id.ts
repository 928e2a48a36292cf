/** An event id minted before the event is recorded, and the time that is inside it. */
export interface MintedId {
  /** uuid of version 7. */
  id: string;
  /** ISO 8601, to the millisecond: the event's created_at. */
  createdAt: string;
}

/** Mints an event id for a moment in milliseconds since 1970. */
export function mintId(now: number): MintedId {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(now / 2 ** 32));
  view.setUint32(2, now % 2 ** 32);
  view.setUint8(6, 0x70 | (view.getUint8(6) & 0x0f));
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return { id, createdAt: new Date(now).toISOString() };
}
