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
  if (hasField(usage, CHAT_FIELDS)) return "chat";
  if (hasSnake(usage, TOKEN_FIELDS)) return detectSnake(provider, usage, owner);
  if (hasField(usage, CAMEL_FIELDS)) return detectCamel(provider, usage, owner);
  if (usage["type"] === "duration" && hasSnake(usage, ["seconds"])) return "transcription";
  if (hasField(usage, ["total_tokens"])) return "embeddings";
  return typeof usage["tokens"] === "number" ? "ai_sdk" : null;
}

const GEMINI_FIELDS = [
  "prompt_token_count",
  "candidates_token_count",
  "response_token_count",
  "thoughts_token_count",
  "tool_use_prompt_token_count",
  "total_token_count",
] as const;

const INTERACTION_FIELDS = [
  "total_input_tokens",
  "total_output_tokens",
  "total_thought_tokens",
  "total_tool_use_tokens",
] as const;

const CHAT_FIELDS = ["prompt_tokens", "completion_tokens", "native_tokens_prompt"] as const;
const TOKEN_FIELDS = ["input_tokens", "output_tokens"] as const;
const CONVERSE_FIELDS = [
  "inputTokenCount",
  "cacheReadInputTokens",
  "cacheWriteInputTokens",
] as const;
const CAMEL_FIELDS = ["inputTokens", "outputTokens", ...CONVERSE_FIELDS] as const;

const ANTHROPIC_FIELDS = [
  "cache_creation_input_tokens",
  "cache_read_input_tokens",
  "cache_creation",
  "server_tool_use",
  "iterations",
  "inference_geo",
  "speed",
] as const;

/** `input_tokens` and `output_tokens`: Anthropic's, or those of OpenAI's younger endpoints. */
function detectSnake(provider: string, usage: JsonRecord, owner: JsonRecord): UsageApi {
  const outputDetails = asRecord(usage["output_tokens_details"]);
  if (owner["type"] === "message" || hasSnake(usage, ANTHROPIC_FIELDS)) return "messages";
  if (hasSnake(outputDetails, ["thinking_tokens"])) return "messages";
  if (owner["type"] === "speech.audio.done") return "speech";
  const inputDetails = asRecord(usage["input_tokens_details"]);
  const isOfImages = hasSnake(inputDetails, ["image_tokens"]) && owner["object"] !== "response" &&
    !hasSnake(inputDetails, ["cached_tokens"]) && !hasSnake(outputDetails, ["reasoning_tokens"]);
  if (isOfImages || Array.isArray(owner["data"])) return "images";
  const isBare = !hasSnake(usage, ["total_tokens", "input_tokens_details"]);
  return isBare && /anthropic|claude/.test(provider) ? "messages" : "responses";
}

function detectCamel(provider: string, usage: JsonRecord, owner: JsonRecord): UsageApi | null {
  if (isRecord(usage["inputTokensDetails"])) return "responses"; // OpenRouter's SDK
  if (hasSnake(usage, CONVERSE_FIELDS) || owner["stopReason"] !== undefined) return "converse";
  const nested = [usage["inputTokens"], usage["outputTokens"]].filter(isRecord);
  if (nested.length > 0) {
    const isStated = nested.flatMap((counts) => Object.values(counts)).some((count) =>
      count != null
    );
    return isStated ? "ai_sdk" : null;
  }
  const isSdk = hasSnake(usage, ["inputTokenDetails", "cachedInputTokens", "reasoningTokens"]);
  return !isSdk && /bedrock|amazon|aws/.test(provider) ? "converse" : "ai_sdk";
}

/** Whether a wire format's reader would find any of its counts. */
function canRead(api: UsageApi, usage: JsonRecord): boolean {
  switch (api) {
    case "messages":
      return hasSnake(usage, TOKEN_FIELDS);
    case "generate_content":
    case "interactions":
      return hasField(usage, [...GEMINI_FIELDS, ...INTERACTION_FIELDS]);
    case "converse":
    case "ai_sdk":
      return hasSnake(usage, CAMEL_FIELDS);
    case "cohere":
      return hasField(usage, ["billed_units", "tokens"]);
    default:
      return hasField(usage, [...CHAT_FIELDS, ...TOKEN_FIELDS, "total_tokens", "seconds"]);
  }
}

function hasSnake(record: JsonRecord, names: readonly string[]): boolean {
  return names.some((name) => record[name] !== undefined && record[name] !== null);
}
