import { INPUT, OUTPUT } from "./openai-tokens.ts";
import { asRecord, field, hasField, isRecord, type JsonRecord } from "./read-values.ts";
import type { UsageApi } from "./types.ts";

/** A usage object and the object that carries it together with the model and the tier. */
export interface LocatedUsage {
  usage: JsonRecord;
  owner: JsonRecord;
  api: UsageApi;
}

const USAGE_KEYS = ["totalUsage", "usage", "usageMetadata", "usage_metadata"] as const;
const WRAPPER_KEYS = [
  "response", // realtime and Responses events, batch output lines
  "body", // OpenAI batch output lines
  "result", // Anthropic batch result lines
  "message", // message_start, Anthropic batch results
  "interaction",
  "metadata", // Bedrock stream
  "delta", // Cohere's message-end
  "meta", // Cohere v1
  "x_groq",
  "data", // OpenRouter's generation record
] as const;

/**
 * Finds the usage object of a response, an event or a batch line; null where there is none.
 * A forced wire format that cannot read what is there gives way to the one that can.
 */
export function locateUsage(
  provider: string,
  response: unknown,
  forced?: UsageApi,
): LocatedUsage | null {
  let level: JsonRecord[] = isRecord(response) ? [response] : [];
  for (let depth = 0; depth < 4 && level.length > 0; depth++) {
    for (const owner of level) {
      const found = USAGE_KEYS.map((key) => owner[key]).filter(isRecord);
      // The object may be the bare usage itself; deeper down it may be anything, a user's too.
      const candidates = depth === 0 || isBareWrapper(owner) ? [...found, owner] : found;
      for (const usage of candidates) {
        const api = forced !== undefined && canRead(forced, usage)
          ? forced
          : detectApi(provider, usage, owner);
        if (api !== null) return { usage, owner, api };
      }
    }
    level = level.flatMap((owner) => WRAPPER_KEYS.map((key) => owner[key]).filter(isRecord));
  }
  return null;
}

/** Cohere's `meta` and OpenRouter's record of a generation hold counts without a usage object. */
function isBareWrapper(record: JsonRecord): boolean {
  return hasField(record, ["billed_units", "native_tokens_prompt"]);
}

/** Decides the wire format by which fields are there; the provider breaks ties only. */
export function detectApi(
  provider: string,
  usage: JsonRecord,
  owner: JsonRecord,
): UsageApi | null {
  if (hasField(usage, GEMINI_FIELDS)) return "generate_content";
  if (hasField(usage, INTERACTION_FIELDS)) return "interactions";
  if (isRecord(field(usage, "billed_units")) || isRecord(usage["tokens"])) return "cohere";
  if (hasField(usage, ["prompt_tokens", "completion_tokens", "native_tokens_prompt"])) {
    return "chat";
  }
  if (hasSnake(usage, ["input_tokens", "output_tokens"])) {
    return detectSnake(provider, usage, owner);
  }
  if (hasField(usage, ["inputTokenCount", "outputTokenCount"])) return "converse";
  if (hasField(usage, ["inputTokens", "outputTokens"])) return detectCamel(provider, usage, owner);
  if (typeof usage["seconds"] === "number" && usage["type"] === "duration") return "transcription";
  if (hasField(usage, ["total_tokens"])) return "embeddings";
  if (typeof usage["tokens"] === "number") return "ai_sdk";
  if (hasField(usage, ["totalTokens"])) return "count_tokens";
  return null;
}

const GEMINI_FIELDS = [
  "promptTokenCount",
  "candidatesTokenCount",
  "responseTokenCount",
  "thoughtsTokenCount",
  "toolUsePromptTokenCount",
  "totalTokenCount",
] as const;

const INTERACTION_FIELDS = [
  "total_input_tokens",
  "total_output_tokens",
  "total_thought_tokens",
  "total_tool_use_tokens",
] as const;

const ANTHROPIC_FIELDS = [
  "cache_creation_input_tokens",
  "cache_read_input_tokens",
  "cache_creation",
  "server_tool_use",
  "iterations",
  "inference_geo",
  "speed",
] as const;

function detectSnake(provider: string, usage: JsonRecord, owner: JsonRecord): UsageApi {
  const inputDetails = asRecord(usage["input_tokens_details"]);
  const outputDetails = asRecord(usage["output_tokens_details"]);
  if (owner["type"] === "message" || hasSnake(usage, ANTHROPIC_FIELDS)) return "messages";
  if (hasSnake(outputDetails, ["thinking_tokens"])) return "messages";
  if (hasSnake(usage, ["input_token_details", "output_token_details"])) {
    return usage["type"] === "tokens" ? "transcription" : "realtime";
  }
  if (usage["type"] === "tokens") return "transcription";
  if (owner["type"] === "speech.audio.done") return "speech";
  if (Array.isArray(owner["data"]) || hasSnake(inputDetails, ["image_tokens"])) return "images";
  if (hasSnake(usage, ["total_tokens", "input_tokens_details", "output_tokens_details"])) {
    return "responses";
  }
  return /anthropic|claude/.test(provider) ? "messages" : "responses";
}

function detectCamel(provider: string, usage: JsonRecord, owner: JsonRecord): UsageApi | null {
  if (isRecord(usage["inputTokensDetails"])) return "responses";
  const isConverse = hasField(usage, [
    "cacheReadInputTokens",
    "cacheWriteInputTokens",
    "cacheDetails",
  ]);
  if (isConverse || owner["stopReason"] !== undefined) return "converse";
  if (isRecord(usage["inputTokens"]) || isRecord(usage["outputTokens"])) {
    const isStated = [usage["inputTokens"], usage["outputTokens"]].some((counts) =>
      Object.values(asRecord(counts)).some((count) => count !== undefined && count !== null)
    );
    return isStated ? "ai_sdk" : null;
  }
  if (isRecord(usage["inputTokenDetails"])) return "ai_sdk";
  if (hasField(usage, ["cachedInputTokens", "reasoningTokens"])) return "ai_sdk";
  return /bedrock|amazon|aws/.test(provider) ? "converse" : "ai_sdk";
}

/** Whether a wire format's reader would find any of its counts. */
function canRead(api: UsageApi, usage: JsonRecord): boolean {
  switch (api) {
    case "messages":
      return hasSnake(usage, ["input_tokens", "output_tokens", ...ANTHROPIC_FIELDS]);
    case "generate_content":
    case "interactions":
      return hasField(usage, [...GEMINI_FIELDS, ...INTERACTION_FIELDS]);
    case "converse":
    case "ai_sdk":
      return hasSnake(usage, ["inputTokens", "outputTokens", "inputTokenCount", "tokens"]);
    case "cohere":
      return hasField(usage, ["billed_units", "tokens"]);
    case "count_tokens":
      return hasSnake(usage, ["totalTokens", "input_tokens"]);
    default:
      return hasField(usage, [...INPUT, ...OUTPUT, "total_tokens"]) || usage["type"] === "duration";
  }
}

function hasSnake(record: JsonRecord, names: readonly string[]): boolean {
  return names.some((name) => record[name] !== undefined && record[name] !== null);
}
