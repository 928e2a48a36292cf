import { TallyError } from "./errors.ts";
import { readPieces } from "./read-pieces.ts";

/** Largest request body that the functions take unless their settings say more, in bytes. */
export const MAX_BODY_BYTES = 1024 * 1024;

/**
 * A body that is too large is read on, up to so many limits, and thrown away: a sender that is cut off
 * while it sends sees a broken connection instead of the answer.
 */
const DISCARDED_LIMITS = 4;

export type JsonObject = Record<string, unknown>;

/**
 * Reads a request body, counting while it arrives: a wrong or missing content-length does not help.
 *
 * @throws {TallyError} PT413 above `limit` bytes, PT400 for a compressed body or one that stops early.
 */
export async function readBody(
  request: Request,
  limit = MAX_BODY_BYTES,
): Promise<Uint8Array<ArrayBuffer>> {
  refuseCompressed(request);
  const isAnnouncedTooLarge = Number(request.headers.get("content-length") ?? 0) > limit;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = request.body && readPieces(request.body);
  while (reader) {
    const piece = await reader.read().catch((cause: unknown) => {
      throw new TallyError("PT400", "The request body ended early.", { cause });
    });
    if (piece === null) break;
    size += piece.byteLength;
    if (size > limit * DISCARDED_LIMITS) await reader.cancel();
    else if (size <= limit && !isAnnouncedTooLarge) chunks.push(piece);
  }
  if (size > limit || isAnnouncedTooLarge) {
    throw new TallyError("PT413", `The request body is larger than ${limit} bytes.`, {
      hint: "Send less in one request: split a batch, or ask the operator to raise the limit.",
    });
  }
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const body = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

/** @throws {TallyError} PT400 for a body with a content-encoding: its size would say nothing. */
export function refuseCompressed({ headers }: Request): void {
  const encoding = headers.get("content-encoding");
  if (encoding === null || encoding.toLowerCase() === "identity") return;
  throw new TallyError("PT400", "Compressed request bodies are not accepted.", {
    hint: "Send the body without content-encoding.",
    details: "content-encoding",
  });
}

const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Parses a body as a JSON object.
 *
 * @throws {TallyError} PT400; the message never repeats the body.
 */
export function parseJsonObject(body: Uint8Array): JsonObject {
  refuseDeepNesting(body);
  let value: unknown;
  try {
    value = JSON.parse(STRICT_UTF8.decode(body));
  } catch {
    throw new TallyError("PT400", "The request body is not valid JSON.", {
      hint: "Send a JSON object, encoded as UTF-8.",
    });
  }
  if (!isJsonObject(value)) {
    throw new TallyError("PT400", "The request body is not a JSON object.", {
      hint: "Send a JSON object, encoded as UTF-8.",
    });
  }
  return value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Nobody's data is nested so deeply; what walks through it must not run out of stack. */
const DEEPEST = 256;

function refuseDeepNesting(body: Uint8Array): void {
  let depth = 0;
  let isString = false;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (isString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isString = false;
    } else if (byte === QUOTE) {
      isString = true;
    } else if (byte === BRACKET || byte === BRACE) {
      if (++depth <= DEEPEST) continue;
      throw new TallyError("PT400", `The request is nested more than ${DEEPEST} levels deep.`, {
        hint: "Send nested data as text instead.",
      });
    } else if (byte === BRACKET + 2 || byte === BRACE + 2) {
      depth--;
    }
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `[`; its partner `]` is two further, as with `{` and `}`. */
const BRACKET = 0x5b;
const BRACE = 0x7b;
