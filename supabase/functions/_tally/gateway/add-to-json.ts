import type { JsonObject } from "../read-body.ts";

/**
 * Adds properties to a JSON object. The bytes of the caller stay as they are wherever that is
 * possible (large numbers and formatting survive): new properties go in front; only a property that
 * is there already makes us write the object anew.
 */
export function addToJson(
  body: Uint8Array<ArrayBuffer>,
  parsed: JsonObject,
  additions: JsonObject,
): Uint8Array<ArrayBuffer> {
  const names = Object.keys(additions);
  if (names.length === 0) return body;
  const encoder = new TextEncoder();
  if (
    names.some((name) => Object.hasOwn(parsed, name)) ||
    Object.keys(parsed).length === 0
  ) {
    return encoder.encode(JSON.stringify({ ...parsed, ...additions }));
  }
  // The object has other properties, so a comma belongs between the new ones and them.
  const head = encoder.encode(`${JSON.stringify(additions).slice(0, -1)},`);
  const brace = body.indexOf("{".charCodeAt(0));
  const rest = body.subarray(brace + 1);
  const joined = new Uint8Array(head.length + rest.length);
  joined.set(head);
  joined.set(rest, head.length);
  return joined;
}
