import {
  addClass,
  asArray,
  asRecord,
  asText,
  createDraft,
  type Draft,
  field,
  firstField,
  hasField,
  isRecord,
  isXai,
  type JsonRecord,
  movePoint,
  readCount,
  readField,
  readQuantity,
  readTier,
  readTotal,
  restOf,
  toDecimal,
} from "./read-values.ts";
import { type Modalities, outputWithReasoning, splitOutput, splitPrompt } from "./split-tokens.ts";
import type { UsageApi } from "./types.ts";

// The last of each is in OpenRouter's record of a generation.
const INPUT = ["input_tokens", "prompt_tokens", "native_tokens_prompt"] as const;
const OUTPUT = ["output_tokens", "completion_tokens", "native_tokens_completion"] as const;
const CACHE_READ_BESIDE_DETAILS = [
  "prompt_cache_hit_tokens", // DeepSeek
  "cache_read_input_tokens", // proxies that keep Anthropic's names beside OpenAI's
  "num_cached_tokens", // Mistral
  "cached_tokens", // Moonshot
  "native_tokens_cached", // OpenRouter's record of a generation
] as const;

/**
 * Usage in any of OpenAI's shapes, also as spoken by others. Cached, cache-write and media tokens
 * lie inside the input total, reasoning and media inside the output total; only where reasoning
 * lies differs (xAI chat: beside), and the stated total tells.
 */
export function readOpenAi(
  draft: Draft,
  usage: JsonRecord,
  owner: JsonRecord,
  api: UsageApi,
  provider: string,
): void {
  draft.tier = readTier(field(owner, "service_tier") ?? field(usage, "service_tier"));
  draft.cost = readCost(usage);
  if (hasField(usage, [...INPUT, ...OUTPUT])) {
    readTokens(draft, usage, api, provider);
  } else if (hasField(usage, ["total_tokens"])) {
    addClass(draft, "input", readField(draft, usage, ["total_tokens"]));
  }
  readTools(draft, usage, owner, api);
}

function readTokens(draft: Draft, usage: JsonRecord, api: UsageApi, provider: string): void {
  const inputDetails = asRecord(firstField(usage, [
    "input_tokens_details",
    "prompt_tokens_details",
    "input_token_details",
    "prompt_token_details",
  ]));
  const outputDetails = asRecord(firstField(usage, [
    "output_tokens_details",
    "completion_tokens_details",
    "output_token_details",
  ]));
  const input = readField(draft, usage, INPUT);
  const output = readField(draft, usage, OUTPUT);
  const reasoning = readCount(
    draft,
    field(outputDetails, "reasoning_tokens") ??
      firstField(usage, ["reasoning_tokens", "native_tokens_reasoning"]),
    "reasoning_tokens",
  );
  const seconds = readQuantity(draft, field(usage, "prompt_audio_seconds"), "prompt_audio_seconds");
  addClass(draft, "second", seconds);
  // Voxtral's total counts audio tokens that are billed by the second and stated nowhere else.
  const total = seconds > 0 ? null : readTotal(draft, usage, ["total_tokens"]);

  const cached = readCount(
    draft,
    field(inputDetails, "cached_tokens") ?? firstField(usage, CACHE_READ_BESIDE_DETAILS),
    "cached_tokens",
  );
  const split = field(inputDetails, "cached_tokens_details");
  const media = readMedia(draft, inputDetails);
  const written1h = readField(
    draft,
    asRecord(
      firstField(inputDetails, ["cache_creation_token_details"]) ?? field(usage, "cache_creation"),
    ),
    ["ephemeral_1h_input_tokens"],
  );
  const written = readCount(
    draft,
    firstField(inputDetails, ["cache_write_tokens", "cache_creation_tokens"]) ??
      field(usage, "cache_creation_input_tokens"),
    "cache_write_tokens",
  );
  // xAI sometimes states a cached count above the prompt: then it is counted beside it.
  const cachedBeside = isXai(provider) && cached > input ? cached : 0;
  splitPrompt(draft, {
    total: input + cachedBeside,
    media,
    cached,
    cachedMedia: isRecord(split) ? readMedia(draft, split) : null,
    written: restOf(draft, Math.max(written, written1h), written1h, "cache write tokens"),
    written1h,
  });

  const outputMedia = readMedia(draft, outputDetails);
  const textStated = hasField(outputDetails, ["text_tokens"]);
  if (api === "images" && outputMedia.image === 0 && !textStated) outputMedia.image = output;
  if (api === "speech" && outputMedia.audio === 0 && !textStated) outputMedia.audio = output;
  const allOutput = outputWithReasoning(
    draft,
    { input, inputBeside: cachedBeside, output, reasoning, total },
    isXai(provider) && api === "chat",
  );
  splitOutput(draft, allOutput, reasoning, outputMedia);
}

function readMedia(draft: Draft, details: JsonRecord): Modalities {
  return {
    audio: readField(draft, details, ["audio_tokens"]),
    image: readField(draft, details, ["image_tokens"]),
    video: readField(draft, details, ["video_tokens"]),
  };
}

/** What the provider charged: xAI in ticks of 1e-10 USD, OpenRouter and Perplexity in USD. */
function readCost(usage: JsonRecord): string | undefined {
  const ticks = toDecimal(field(usage, "cost_in_usd_ticks"));
  if (ticks !== undefined && /^\d+$/.test(ticks)) return movePoint(ticks, 10);
  const cost = firstField(usage, ["cost", "total_cost"]);
  return toDecimal(isRecord(cost) ? cost["total_cost"] : cost);
}

/** Class of each counter of tools that ran on the provider's side; null: only its tokens are billed. */
const TOOL_COUNTERS: { readonly [counter: string]: string | null } = {
  web_search_calls: "web_search",
  x_search_calls: "x_search",
  code_interpreter_calls: "code_execution",
  file_search_calls: "collections_search",
  document_search_calls: "attachment_search",
  mcp_calls: null,
  web_search_requests: "web_search", // OpenRouter
};

/** What the provider's own tools did and bills one by one. */
function readTools(
  draft: Draft,
  usage: JsonRecord,
  owner: JsonRecord,
  api: UsageApi,
): void {
  const details = firstField(usage, ["server_side_tool_usage_details", "server_tool_use"]);
  if (isRecord(details)) {
    for (const [counter, value] of Object.entries(details)) {
      const calls = readCount(draft, value, counter);
      const name = TOOL_COUNTERS[counter];
      if (name) addClass(draft, name, calls);
      else if (calls > 0 && name === undefined) {
        draft.anomalies.push(`unmetered_tool: ${counter.slice(0, 40)} ${calls}`);
      }
    }
    return;
  }
  const toolUsage = asRecord(owner["tool_usage"]);
  readImageTool(draft, asRecord(toolUsage["image_gen"]), owner);
  let searches = 0;
  for (const item of asArray(owner["output"])) {
    const { type, action } = asRecord(item);
    // Only searching is charged; opening a page and looking inside it are not.
    const step = asRecord(action)["type"] ?? "search";
    if (type === "web_search_call" && step === "search") searches += 1;
    if (type === "file_search_call") addClass(draft, "file_search", 1);
    if (type === "code_interpreter_call") {
      draft.anomalies.push("unmetered_tool: code_interpreter_call, billed by container");
    }
    if (type === "image_generation_call" && !isRecord(toolUsage["image_gen"])) {
      draft.anomalies.push("unmetered_tool: image_generation_call without tool_usage");
    }
  }
  const stated = asRecord(toolUsage["web_search"])["num_requests"];
  addClass(draft, "web_search", readCount(draft, stated ?? searches, "num_requests"));
  // These chat models search before every answer and bill it; their usage does not say so.
  if (api === "chat" && /-search-(preview|api)\b/.test(asText(owner["model"]) ?? "")) {
    addClass(draft, "web_search", 1);
  }
}

/** Images made by a tool of the Responses API: another model's tokens, in no other count. */
function readImageTool(draft: Draft, usage: JsonRecord, owner: JsonRecord): void {
  const other = createDraft();
  readTokens(other, usage, "images", "openai");
  if (Object.keys(other.classes).length === 0) return;
  const tool = asArray(owner["tools"]).map(asRecord).find((entry) =>
    entry["type"] === "image_generation"
  );
  draft.others.push({ model: asText(tool?.["model"]), draft: other, raw: usage });
}
