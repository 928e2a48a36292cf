import type { Actor } from "../authorize-request.ts";
import { TallyError } from "../errors.ts";
import { isJsonObject } from "../read-body.ts";
import { isStorable } from "../storable-text.ts";

/** For whom and what for a call is made: keys are those of an event. */
export interface Attribution {
  organization_id: string;
  user_id?: string;
  api_key_id?: string;
  tool_name?: string;
  operation?: string;
  session_id?: string;
  workflow_id?: string;
  execution_id?: string;
  request_metadata?: Record<string, unknown>;
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const MAX_TEXT = 256;
const MAX_METADATA_BYTES = 4096;

/**
 * Reads the `x-tally-…` headers of a request and checks that the actor may speak so.
 *
 * @throws {TallyError} PT400 naming the header, PT403 for another organization or user than one's own.
 */
export function readAttribution(headers: Headers, actor: Actor): Attribution {
  const read = (name: string) => readText(headers, name);
  const attribution: Attribution = {
    organization_id: readOrganization(read, actor),
  };
  const userId = readUser(read, actor);
  if (userId !== undefined) attribution.user_id = userId;
  if (actor.kind === "api_key") attribution.api_key_id = actor.apiKeyId;
  const execution = read("x-tally-execution");
  if (execution !== undefined) {
    attribution.execution_id = requireUuid("x-tally-execution", execution);
  }
  const texts = [
    ["x-tally-tool", "tool_name"],
    ["x-tally-operation", "operation"],
    ["x-tally-session", "session_id"],
    ["x-tally-workflow", "workflow_id"],
  ] as const;
  for (const [header, key] of texts) {
    const value = read(header);
    if (value === undefined) continue;
    if (value.length > MAX_TEXT) {
      throw invalid(header, `may have at most ${MAX_TEXT} characters`);
    }
    attribution[key] = value;
  }
  const metadata = read("x-tally-metadata");
  if (metadata !== undefined) {
    attribution.request_metadata = readMetadata(metadata);
  }
  return attribution;
}

type ReadHeader = (name: string) => string | undefined;

const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true });

/** A header's bytes come as one character each; what is UTF-8 among them was meant as such. */
function readText(headers: Headers, name: string): string | undefined {
  const value = headers.get(name)?.trim() || undefined;
  if (value === undefined || !/[\x80-\xff]/.test(value)) return value;
  try {
    return STRICT_UTF8.decode(Uint8Array.from(value, (byte) => byte.charCodeAt(0)));
  } catch {
    return value;
  }
}

function readOrganization(read: ReadHeader, actor: Actor): string {
  const header = read("x-tally-organization");
  const named = header === undefined ? undefined : requireUuid("x-tally-organization", header);
  if (actor.kind === "api_key") {
    if (named !== undefined && named.toLowerCase() !== actor.organizationId) {
      throw new TallyError(
        "PT403",
        "The API key belongs to another organization.",
        {
          hint: "Leave x-tally-organization out, or use a key of that organization.",
          details: "x-tally-organization",
        },
      );
    }
    return actor.organizationId;
  }
  if (named === undefined) {
    throw new TallyError("PT400", "x-tally-organization is missing.", {
      hint: "Name the organization that the call is for; an API key would do so by itself.",
      details: "x-tally-organization",
    });
  }
  return named;
}

function readUser(read: ReadHeader, actor: Actor): string | undefined {
  const header = read("x-tally-user");
  const named = header === undefined ? undefined : requireUuid("x-tally-user", header);
  if (actor.kind !== "user") return named;
  if (named !== undefined && named.toLowerCase() !== actor.userId) {
    throw new TallyError(
      "PT403",
      "x-tally-user names another user than the one who is signed in.",
      {
        hint: "Leave x-tally-user out.",
        details: "x-tally-user",
      },
    );
  }
  return actor.userId;
}

/** Checked to the last character: what the ledger refuses later would be a call that nobody records. */
function readMetadata(text: string): Record<string, unknown> {
  let metadata: unknown;
  let isKeepable = true;
  let zeros = 0;
  try {
    metadata = JSON.parse(text, (key, value: unknown) => {
      if (!isStorable(key) || typeof value === "string" && !isStorable(value)) isKeepable = false;
      // The ledger writes numbers out: 1e300 has three hundred digits there.
      if (typeof value === "number") zeros += Number(/e[+-](\d+)$/.exec(String(value))?.[1] ?? 0);
      return value;
    });
  } catch {
    // Answered below.
  }
  if (!isJsonObject(metadata)) throw invalid("x-tally-metadata", "must be a JSON object");
  if (!isKeepable) {
    throw invalid("x-tally-metadata", "may hold neither NUL nor one half of a surrogate pair");
  }
  if (Math.max(sizeOf(text), sizeOf(JSON.stringify(metadata)) + zeros) > MAX_METADATA_BYTES) {
    throw invalid(
      "x-tally-metadata",
      `may have at most ${MAX_METADATA_BYTES} bytes, its numbers written out`,
    );
  }
  return metadata;
}

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function requireUuid(header: string, value: string): string {
  if (!UUID.test(value)) throw invalid(header, "must be a uuid");
  return value;
}

function invalid(header: string, problem: string): TallyError {
  return new TallyError("PT400", `${header} ${problem}.`, { details: header });
}
