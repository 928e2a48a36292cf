import { hash } from "node:crypto";
import type { EqualRows } from "./count-equal-rows.ts";

/**
 * Mints the id of an event that has none: a uuid v7 of its time whose other bits come from what the
 * event says and from how many equal ones came before it in the file. The same file therefore gives
 * the same ids, in whatever order its columns are and whether it is CSV or NDJSON.
 *
 * What goes into the hash is for ever: with another recipe a file that was imported would be
 * recorded a second time.
 *
 * @param time - milliseconds since 1970
 */
export function mintRowId(time: number, fields: Record<string, unknown>, seen: EqualRows): string {
  const { id: _id, created_at: _time, ...content } = fields;
  let digest = digestOf(`${time}\n${canonicalJson(content)}`);
  const earlier = seen.countNext(digest);
  if (earlier > 0) digest = digestOf(`${digest.toString("hex")}\n${earlier}`);
  const head = time.toString(16).padStart(12, "0");
  const tail = digest.toString("hex", 0, 10);
  const variant = (8 + (Number.parseInt(tail.charAt(3), 16) & 3)).toString(16);
  return `${head.slice(0, 8)}-${head.slice(8)}-7${tail.slice(0, 3)}-${variant}${tail.slice(4, 7)}-${tail.slice(7, 19)}`;
}

function digestOf(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

/** JSON with its keys in order and without those that are null. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const object = value as Record<string, unknown>;
  const parts: string[] = [];
  for (const key of Object.keys(object).sort()) {
    const part = object[key];
    if (part === null || part === undefined) continue;
    parts.push(`${JSON.stringify(key)}:${canonicalJson(part)}`);
  }
  return `{${parts.join(",")}}`;
}
