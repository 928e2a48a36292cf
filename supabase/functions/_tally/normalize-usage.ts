import { readAnthropic } from "./normalize/anthropic.ts";
import { readAiSdk } from "./normalize/ai-sdk.ts";
import { readConverse } from "./normalize/bedrock.ts";
import { readCohere } from "./normalize/cohere.ts";
import { type LocatedUsage, locateUsage } from "./normalize/detect-api.ts";
import { readGemini, readGeminiEmbeddings } from "./normalize/gemini.ts";
import { readOpenAi } from "./normalize/openai.ts";
import {
  asArray,
  asRecord,
  asText,
  createDraft,
  type Draft,
  field,
  isRecord,
  type JsonRecord,
} from "./normalize/read-values.ts";
import { readUnits } from "./normalize/read-units.ts";
import type {
  NormalizedUsage,
  NormalizeOptions,
  UsageApi,
  UsageRequest,
} from "./normalize/types.ts";

export type {
  NormalizedUsage,
  NormalizeOptions,
  UsageApi,
  UsageRequest,
} from "./normalize/types.ts";

/**
 * Splits a provider's usage into disjoint billable classes.
 *
 * Takes a whole response, a stream's last event, a line of a batch's output, or the bare usage
 * object. The wire format is decided by the fields that are there; `provider` only breaks ties, so
 * an OpenAI-compatible endpoint of any vendor is read right.
 *
 * Odd numbers never throw: what cannot be a count is taken as 0, a difference that would be
 * negative as 0, and each is named in `anomalies`. Usage that is stated as zero gives a record of
 * zeros; a response that states no usage gives null, which is for the caller to estimate and never
 * to be taken for zero.
 *
 * @param provider The provider's name, lower case: `openai`, `anthropic`, `google`, `xai`, ….
 * @param response The parsed JSON, or null for an answer that is not JSON (speech).
 * @returns The record, or null when no usage is stated and none follows from the request.
 *
 * @example
 * ```ts
 * const usage = normalizeUsage("openai", {
 *   model: "gpt-4o-2024-08-06",
 *   usage: {
 *     prompt_tokens: 2006,
 *     completion_tokens: 300,
 *     total_tokens: 2306,
 *     prompt_tokens_details: { cached_tokens: 1920 },
 *   },
 * });
 * // usage.classes: { input: 86, cache_read: 1920, output: 300 }
 * ```
 */
export function normalizeUsage(
  provider: string,
  response: unknown,
  options: NormalizeOptions = {},
): NormalizedUsage | null {
  const vendor = provider.toLowerCase();
  const located = locateUsage(vendor, response, options.api);
  if (located === null) return normalizeUnits(asRecord(response), options);
  const { usage, owner, api } = located;
  const model = statedModel(owner) ?? statedModel(asRecord(response));
  const raw = api === "ai_sdk" ? normalizeRaw(vendor, usage, owner) : null;
  if (raw !== null) return { ...raw, model: model ?? raw.model, raw: usage };
  const draft = createDraft();
  readUsage(draft, vendor, located, options.request);
  if (options.api !== undefined && options.api !== api) {
    draft.anomalies.push(`unexpected_shape: ${api} usage where ${options.api} was expected`);
  } else if (isForeign(vendor, api)) {
    draft.anomalies.push(`unexpected_shape: ${api} usage from ${vendor.slice(0, 40)}`);
  }
  if (isBatchLine(asRecord(response)) && !draft.tier?.startsWith("batch")) draft.tier = "batch";
  return finish(draft, model, usage);
}

function readUsage(
  draft: Draft,
  provider: string,
  { usage, owner, api }: LocatedUsage,
  request: UsageRequest = {},
): void {
  switch (api) {
    case "messages":
      return readAnthropic(draft, usage);
    case "generate_content":
    case "interactions":
      return readGemini(draft, usage, owner);
    case "converse":
      return readConverse(draft, usage, owner);
    case "cohere":
      return readCohere(draft, usage);
    case "ai_sdk":
      return readAiSdk(draft, usage, owner, provider);
    case "transcription":
      if (usage["type"] === "duration") return readUnits(draft, usage, owner, request, api);
      return readOpenAi(draft, usage, owner, api, provider);
    default:
      return readOpenAi(draft, usage, owner, api, provider);
  }
}

/**
 * The provider's own usage object, which the AI SDK passes along and which knows more than its
 * summary (one-hour cache writes, modalities, tool use). Null where it is missing or says less.
 */
function normalizeRaw(
  provider: string,
  usage: JsonRecord,
  owner: JsonRecord,
): NormalizedUsage | null {
  const metadata = asRecord(asRecord(owner["providerMetadata"])["anthropic"]);
  const raw = isRecord(usage["raw"]) ? usage["raw"] : metadata["usage"];
  if (!isRecord(raw)) return null;
  const draft = createDraft();
  readAiSdk(draft, usage, owner, provider);
  const summary = finish(draft, null, usage);
  const record = normalizeUsage(provider, raw);
  const isWhole = record !== null && record.input_tokens >= summary.input_tokens &&
    record.output_tokens >= summary.output_tokens;
  return isWhole ? record : null;
}

function normalizeUnits(owner: JsonRecord, options: NormalizeOptions): NormalizedUsage | null {
  const draft = createDraft();
  if (!readGeminiEmbeddings(draft, owner)) {
    readUnits(draft, asRecord(owner["usage"]), owner, options.request ?? {}, options.api);
    if (draft.units === undefined) return null;
  }
  return finish(draft, statedModel(owner), owner["usage"] ?? null);
}

/** More than a provider's mistake has, less than a made-up object could have. */
const MOST_ANOMALIES = 20;

function finish(draft: Draft, model: string | null, raw: unknown): NormalizedUsage {
  const { classes, anomalies, tier, cost, units, unit_type, others } = draft;
  let input = 0;
  let output = 0;
  for (const [name, amount] of Object.entries(classes)) {
    if (/^(input|cache)/.test(name)) input += amount;
    else if (/^(output|reasoning)/.test(name)) output += amount;
  }
  return {
    model,
    service_tier: tier ?? null,
    classes,
    input_tokens: input,
    output_tokens: output,
    ...(units !== undefined && unit_type !== undefined && { units, unit_type }),
    anomalies: anomalies.slice(0, MOST_ANOMALIES),
    ...(cost !== undefined && { provider_cost_usd: cost }),
    ...(others.length > 0 && {
      additional_usage: others.map((other) => finish(other.draft, other.model, other.raw)),
    }),
    raw,
  };
}

/** A line of a batch's output, by OpenAI and Anthropic (`custom_id`) or Google (`key`). */
function isBatchLine({ custom_id, key, response }: JsonRecord): boolean {
  return custom_id !== undefined || (key !== undefined && isRecord(response));
}

function statedModel(owner: JsonRecord): string | null {
  const response = owner["response"] ?? asArray(owner["responses"])[0]; // AI SDK
  return asText(owner["model"]) ?? asText(field(owner, "model_version")) ??
    asText(owner["modelId"]) ??
    asText(asRecord(response)["modelId"]);
}

/** Shapes that a provider's own endpoints never answer in. */
const FOREIGN_SHAPES = new Map<string, readonly UsageApi[]>([
  ["openai", ["messages", "generate_content", "interactions", "converse", "cohere"]],
  ["anthropic", ["responses", "images", "realtime", "generate_content", "interactions", "cohere"]],
  ["google", ["responses", "images", "realtime", "converse", "cohere"]],
  ["xai", ["generate_content", "interactions", "converse", "cohere"]],
]);

function isForeign(provider: string, api: UsageApi): boolean {
  return FOREIGN_SHAPES.get(provider.split(/[.:]/, 1)[0] ?? "")?.includes(api) ?? false;
}
