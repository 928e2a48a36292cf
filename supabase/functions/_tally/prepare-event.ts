import type { Actor } from "./authorize-request.ts";
import { TallyError } from "./errors.ts";
import type { EventInput } from "./event-schema.ts";
import { type TallyEvent, withUsage } from "./merge-usage.ts";
import { type NormalizedUsage, normalizeUsage } from "./normalize-usage.ts";
import { isStorable } from "./storable-text.ts";

/**
 * Turns what a caller sent into events for the database: usually one; more when one response spent
 * tokens on several models. The first is always the call itself.
 *
 * @throws {TallyError} PT400 when the response states no usage or the event says it twice,
 *   PT403 when an API key speaks for another organization or states a cost.
 */
export function prepareEvents(input: EventInput, actor: Actor): TallyEvent[] {
  const { response, usage, ...fields } = input;
  const event = bindToActor(fields, actor);
  if (!response && !usage) return [requireStorable(event)];
  if (response && usage) {
    throw new TallyError("PT400", "response and usage are given together.", {
      hint: "Send the whole response, or only its usage object.",
      details: "usage",
    });
  }
  const stated = ["input_tokens", "output_tokens", "classes", "units", "unit_type"]
    .find((name) => event[name] !== undefined && event[name] !== null);
  if (stated !== undefined) {
    throw new TallyError("PT400", `${stated} is given together with the provider's response.`, {
      hint: "Leave the quantities out: they are read from the response.",
      details: stated,
    });
  }
  const normalized = normalizeUsage(input.provider, response ?? { usage });
  if (normalized === null) {
    throw new TallyError("PT400", "The response states no usage.", {
      hint: "Send input_tokens and output_tokens, with is_estimated: true when they are a guess.",
      details: response ? "response" : "usage",
    });
  }
  return splitModels(event, normalized);
}

/**
 * The same for usage that was read already.
 *
 * @throws {TallyError} PT403 when an API key speaks for another organization.
 */
export function prepareWithUsage(
  { response: _response, usage: _usage, ...fields }: EventInput,
  normalized: NormalizedUsage,
  actor: Actor,
): TallyEvent[] {
  return splitModels(bindToActor(fields, actor), normalized);
}

function splitModels(event: TallyEvent, normalized: NormalizedUsage): TallyEvent[] {
  const others = normalized.additional_usage ?? [];
  return [
    withUsage(event, normalized),
    ...others.map((other, index) => ({
      ...withUsage(event, other),
      ...ownIdentity(event, index + 1),
    })),
  ].map(requireStorable);
}

/** NUL and halves of surrogate pairs, as JSON writes them: in a batch one would spoil the others. */
const UNSTORABLE_JSON = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

function requireStorable(event: TallyEvent): TallyEvent {
  const field = Object.keys(event).find((key) => {
    const value = event[key];
    if (typeof value === "string") return !isStorable(value);
    return typeof value === "object" && value !== null &&
      UNSTORABLE_JSON.test(JSON.stringify(value));
  });
  if (field === undefined) return event;
  throw new TallyError("PT400", `${field} holds a character that cannot be kept.`, {
    hint: "Leave out NUL and single halves of surrogate pairs.",
    details: field,
  });
}

function bindToActor(fields: TallyEvent, actor: Actor): TallyEvent {
  return actor.kind === "api_key" ? bindToKey(fields, actor) : fields;
}

/** An API key acts for its organization and is named on what it records. */
function bindToKey(fields: TallyEvent, actor: Extract<Actor, { kind: "api_key" }>): TallyEvent {
  const { organization_id, api_key_id, cost_usd } = fields;
  if (organization_id && String(organization_id).toLowerCase() !== actor.organizationId) {
    throw new TallyError("PT403", "The API key belongs to another organization.", {
      hint: "Leave organization_id out, or use a key of that organization.",
      details: "organization_id",
    });
  }
  if (api_key_id && String(api_key_id).toLowerCase() !== actor.apiKeyId) {
    throw new TallyError("PT403", "api_key_id names another key than the one that was sent.", {
      hint: "Leave api_key_id out.",
      details: "api_key_id",
    });
  }
  if (cost_usd !== undefined && cost_usd !== null) {
    throw new TallyError(
      "PT403",
      "cost_usd is computed here; only the service role may state it.",
      {
        hint: "Leave cost_usd out.",
        details: "cost_usd",
      },
    );
  }
  return { ...fields, organization_id: actor.organizationId, api_key_id: actor.apiKeyId };
}

/** A second event of one call: a replay of the call must find it again. */
function ownIdentity(event: TallyEvent, number: number): TallyEvent {
  const key = event.idempotency_key ?? event.id;
  return {
    id: null,
    ...(event.id && !event.created_at ? { created_at: timeInside(String(event.id)) } : {}),
    idempotency_key: key ? `${key}/${number}` : null,
  };
}

/** The time inside a uuid of version 7. */
function timeInside(id: string): string {
  return new Date(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toISOString();
}
