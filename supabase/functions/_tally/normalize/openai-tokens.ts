import {
  addClass,
  asRecord,
  type Draft,
  field,
  firstField,
  hasField,
  isRecord,
  isXai,
  type JsonRecord,
  readCount,
  readField,
  readQuantity,
  readTotal,
} from "./read-values.ts";
import { type Modalities, outputWithReasoning, splitOutput, splitPrompt } from "./split-tokens.ts";
import type { UsageApi } from "./types.ts";

// The last of each is in OpenRouter's record of a generation.
export const INPUT = ["input_tokens", "prompt_tokens", "native_tokens_prompt"] as const;
export const OUTPUT = ["output_tokens", "completion_tokens", "native_tokens_completion"] as const;
const CACHE_READ_BESIDE_DETAILS = [
  "prompt_cache_hit_tokens", // DeepSeek
  "cache_read_input_tokens", // proxies that keep Anthropic's names beside OpenAI's
  "num_cached_tokens", // Mistral
  "cached_tokens", // Moonshot
  "native_tokens_cached", // OpenRouter's record of a generation
] as const;

/**
 * Token counts in OpenAI's shapes. Cached, cache-write and media tokens lie inside the input total,
 * reasoning and media inside the output total; only where reasoning lies differs (xAI chat:
 * beside), and the stated total tells.
 */
export function readOpenAiTokens(
  draft: Draft,
  usage: JsonRecord,
  api: UsageApi,
  provider: string,
): void {
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
  // Sakana's models bill the tokens of their inner agents beside those of the answer.
  const input = readField(draft, usage, INPUT) +
    readField(draft, inputDetails, ["orchestration_input_tokens"]);
  const output = readField(draft, usage, OUTPUT) +
    readField(draft, outputDetails, ["orchestration_output_tokens"]);
  const cached = readCount(
    draft,
    field(inputDetails, "cached_tokens") ?? firstField(usage, CACHE_READ_BESIDE_DETAILS),
    "cached_tokens",
  ) + readField(draft, inputDetails, ["orchestration_input_cached_tokens"]);
  const cachedSplit = field(inputDetails, "cached_tokens_details") ??
    field(usage, "cached_tokens_details");
  // xAI sometimes states a cached count above the prompt: then it is counted beside it.
  const cachedBeside = isXai(provider) && cached > input ? cached : 0;
  // Chat and Responses bill what is seen at the rate of text; only the endpoints for images and
  // for realtime, whose details have a name of their own, price it apart.
  const isSeenApart = api === "images" || hasField(usage, ["input_token_details"]);
  splitPrompt(draft, {
    total: input + cachedBeside,
    media: readMedia(draft, inputDetails, isSeenApart),
    cached,
    cachedMedia: isRecord(cachedSplit) ? readMedia(draft, cachedSplit, isSeenApart) : null,
    written: readWritten(draft, usage, inputDetails),
  });

  const seconds = readQuantity(draft, field(usage, "prompt_audio_seconds"), "prompt_audio_seconds");
  addClass(draft, "second", seconds);
  // Voxtral's total counts audio tokens that are billed by the second and stated nowhere else.
  const total = seconds > 0 ? null : readTotal(draft, usage, ["total_tokens"]);
  const reasoning = readCount(
    draft,
    field(outputDetails, "reasoning_tokens") ??
      firstField(usage, ["reasoning_tokens", "native_tokens_reasoning"]),
    "reasoning_tokens",
  );
  const outputMedia = readMedia(draft, outputDetails, true);
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

/** Cache writes by how long they last; what is not said to last longer lasts the usual time. */
function readWritten(
  draft: Draft,
  usage: JsonRecord,
  details: JsonRecord,
): { [name: string]: number } {
  const stated = firstField(details, ["cache_write_tokens", "cache_creation_tokens"]) ??
    field(usage, "cache_creation_input_tokens");
  const lifetimes = asRecord(
    firstField(details, ["cache_write_tokens_details", "cache_creation_token_details"]) ??
      field(usage, "cache_creation"),
  );
  const oneHour = readField(draft, lifetimes, ["ephemeral_1h_input_tokens"]);
  const twelveHours = readField(draft, lifetimes, ["ttl_12h_tokens"]);
  const written = Math.max(
    readCount(draft, stated, "cache_write_tokens"),
    oneHour + twelveHours + readField(draft, lifetimes, ["ttl_30m_tokens"]),
  );
  return {
    cache_write: written - oneHour - twelveHours,
    cache_write_1h: oneHour,
    cache_write_12h: twelveHours,
  };
}

function readMedia(draft: Draft, details: JsonRecord, isSeenApart: boolean): Modalities {
  const image = readField(draft, details, ["image_tokens", "cached_image_tokens"]);
  return {
    audio: readField(draft, details, ["audio_tokens"]),
    image: isSeenApart ? image : 0,
    video: 0,
  };
}
