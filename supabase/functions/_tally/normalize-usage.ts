import { advisorIterations, readAnthropic } from "./normalize/anthropic.ts";
import { readAiSdk } from "./normalize/ai-sdk.ts";
import { readConverse } from "./normalize/bedrock.ts";
import { readCohere } from "./normalize/cohere.ts";
import { detectApi, type LocatedUsage, locateUsage } from "./normalize/detect-api.ts";
import { readGemini, readGeminiEmbeddings } from "./normalize/gemini.ts";
import { readOpenAi } from "./normalize/openai.ts";
import {
  asRecord,
  asText,
  type Draft,
  isRecord,
  type JsonRecord,
  readField,
} from "./normalize/read-values.ts";
import { readUnits } from "./normalize/read-units.ts";
import type { NormalizedUsage, NormalizeOptions, UsageApi } from "./normalize/types.ts";

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
  if (located === null) return normalizeUnits(response, options);
  const { usage, owner, api } = located;
  const raw = rawUsage(vendor, usage, owner, api);
  if (raw !== null) {
    return { ...raw, model: statedModel(owner) ?? raw.model, raw: usage };
  }
  const draft: Draft = { classes: {}, anomalies: [] };
  readUsage(draft, vendor, located);
  if (isUnexpected(vendor, api)) {
    draft.anomalies.push(`unexpected_shape: ${api} usage from ${vendor}`);
  }
  const record = finish(draft, statedModel(owner) ?? statedModel(response), usage);
  if (asRecord(response)["custom_id"] !== undefined) record.service_tier = "batch";
  if (api === "messages") {
    const advisors = advisorIterations(usage).map((entry) => {
      const other: Draft = { classes: {}, anomalies: [] };
      readAnthropic(other, { ...entry, service_tier: usage["service_tier"] });
      return finish(other, statedModel(entry), entry);
    });
    if (advisors.length > 0) record.additional_usage = advisors;
  }
  return record;
}

function readUsage(draft: Draft, provider: string, { usage, owner, api }: LocatedUsage): void {
  switch (api) {
    case "messages":
      return readAnthropic(draft, usage);
    case "generate_content":
    case "interactions":
      return readGemini(draft, usage, owner);
    case "count_tokens":
      draft.classes["input"] = readField(draft, usage, ["totalTokens", "input_tokens"]);
      return;
    case "converse":
      return readConverse(draft, usage, owner);
    case "cohere":
      return readCohere(draft, usage);
    case "ai_sdk":
      return readAiSdk(draft, usage, provider);
    case "transcription":
      if (usage["type"] === "duration") return readUnits(draft, usage, owner, {}, api);
      return readOpenAi(draft, usage, owner, api, provider);
    default:
      return readOpenAi(draft, usage, owner, api, provider);
  }
}

/** The provider's own usage object that the AI SDK passes along knows more than its summary. */
function rawUsage(
  provider: string,
  usage: JsonRecord,
  owner: JsonRecord,
  api: UsageApi,
): NormalizedUsage | null {
  if (api !== "ai_sdk") return null;
  const metadata = asRecord(asRecord(owner["providerMetadata"])["anthropic"]);
  for (const raw of [usage["raw"], metadata["usage"]]) {
    if (!isRecord(raw) || detectApi(provider, raw, {}) === null) continue;
    const record = normalizeUsage(provider, raw);
    const summary: Draft = { classes: {}, anomalies: [] };
    readAiSdk(summary, usage, provider);
    const { input_tokens, output_tokens } = finish(summary, null, usage);
    if (
      record !== null && record.input_tokens >= input_tokens &&
      record.output_tokens >= output_tokens
    ) {
      return record;
    }
  }
  return null;
}

function normalizeUnits(response: unknown, options: NormalizeOptions): NormalizedUsage | null {
  const draft: Draft = { classes: {}, anomalies: [] };
  const owner = asRecord(response);
  if (!readGeminiEmbeddings(draft, owner)) {
    readUnits(draft, asRecord(owner["usage"]), owner, options.request ?? {}, options.api);
  }
  const isEmpty = draft.units === undefined && Object.keys(draft.classes).length === 0;
  return isEmpty ? null : finish(draft, statedModel(owner), owner["usage"] ?? null);
}

function finish(draft: Draft, model: string | null, raw: unknown): NormalizedUsage {
  const record: NormalizedUsage = {
    model,
    service_tier: draft.tier ?? null,
    classes: draft.classes,
    input_tokens: 0,
    output_tokens: 0,
    anomalies: draft.anomalies,
    raw,
  };
  for (const [name, amount] of Object.entries(draft.classes)) {
    if (/^(input|cache)/.test(name)) record.input_tokens += amount;
    else if (/^(output|reasoning)/.test(name)) record.output_tokens += amount;
  }
  if (draft.units !== undefined && draft.unit_type !== undefined) {
    record.units = draft.units;
    record.unit_type = draft.unit_type;
  }
  if (draft.cost !== undefined) record.provider_cost_usd = draft.cost;
  return record;
}

function statedModel(owner: unknown): string | null {
  const record = asRecord(owner);
  return asText(record["model"]) ?? asText(record["modelVersion"]) ?? asText(record["modelId"]) ??
    asText(asRecord(record["response"])["modelId"]);
}

const FOREIGN_SHAPES: { readonly [provider: string]: readonly UsageApi[] } = {
  openai: ["messages", "generate_content", "interactions", "converse", "cohere"],
  anthropic: ["responses", "images", "realtime", "generate_content", "interactions", "cohere"],
  google: ["responses", "images", "realtime", "converse", "cohere"],
  xai: ["generate_content", "interactions", "converse", "cohere"],
};

function isUnexpected(provider: string, api: UsageApi): boolean {
  return FOREIGN_SHAPES[provider]?.includes(api) ?? false;
}
