import {
  addClass,
  asArray,
  asRecord,
  asText,
  type Draft,
  field,
  firstField,
  hasField,
  isRecord,
  type JsonRecord,
  readCount,
  readField,
  readTier,
  readTotal,
} from "./read-values.ts";
import { type Modalities, outputWithReasoning, splitOutput, splitPrompt } from "./split-tokens.ts";

const TRAFFIC_TIERS = new Map([
  ["ON_DEMAND", "standard"],
  ["ON_DEMAND_PRIORITY", "priority"],
  ["ON_DEMAND_FLEX", "flex"],
  ["ON_DEMAND_OFFPEAK", "offpeak"],
  ["PROVISIONED_THROUGHPUT", "provisioned"],
]);

/** The names of the same counts in generateContent (and Live) and in Interactions. */
const PROMPT = ["prompt_token_count", "total_input_tokens"] as const;
const CACHED = ["cached_content_token_count", "total_cached_tokens"] as const;
const TOOL_USE = ["tool_use_prompt_token_count", "total_tool_use_tokens"] as const;
const OUTPUT = ["candidates_token_count", "response_token_count", "total_output_tokens"] as const;
const THOUGHTS = ["thoughts_token_count", "total_thought_tokens"] as const;
const TOTAL = ["total_token_count", "total_tokens"] as const;

/**
 * Gemini: cached tokens lie inside the prompt; tool-use tokens are further input, thoughts further
 * output, unless the stated total says that thoughts were counted inside the candidates.
 */
export function readGemini(draft: Draft, usage: JsonRecord, owner: JsonRecord): void {
  const prompt = readField(draft, usage, PROMPT) + readField(draft, usage, TOOL_USE);
  const promptMedia = readMedia(draft, usage, [
    "prompt_tokens_details",
    "input_tokens_by_modality",
  ]);
  const toolMedia = readMedia(draft, usage, [
    "tool_use_prompt_tokens_details",
    "tool_use_tokens_by_modality",
  ]);
  const cacheSplit = ["cache_tokens_details", "cached_tokens_by_modality"];
  splitPrompt(draft, {
    total: prompt,
    media: {
      audio: promptMedia.audio + toolMedia.audio,
      image: promptMedia.image + toolMedia.image,
      video: promptMedia.video + toolMedia.video,
    },
    cached: readField(draft, usage, CACHED),
    cachedMedia: hasField(usage, cacheSplit) ? readMedia(draft, usage, cacheSplit) : null,
    written: {},
  });
  const reasoning = readField(draft, usage, THOUGHTS);
  const output = outputWithReasoning(draft, {
    input: prompt,
    output: readField(draft, usage, OUTPUT),
    reasoning,
    total: readTotal(draft, usage, TOTAL),
  }, true);
  splitOutput(
    draft,
    output,
    reasoning,
    readMedia(draft, usage, [
      "candidates_tokens_details",
      "response_tokens_details",
      "output_tokens_by_modality",
    ]),
  );
  addClass(draft, "web_search", countSearches(draft, usage, owner));
  const traffic = asText(field(usage, "traffic_type"));
  draft.tier = traffic !== null
    ? TRAFFIC_TIERS.get(traffic) ?? null
    : readTier(field(usage, "service_tier") ?? field(owner, "service_tier"));
}

/** Embeddings: tokens per text (`statistics`), or billed characters. */
export function readGeminiEmbeddings(draft: Draft, owner: JsonRecord): boolean {
  let found = false;
  for (const entry of [...asArray(owner["embeddings"]), ...asArray(owner["predictions"])]) {
    const embedding = asRecord(entry);
    const statistics = embedding["statistics"] ?? asRecord(embedding["embeddings"])["statistics"];
    const tokens = firstField(asRecord(statistics), ["token_count"]);
    if (tokens === undefined) continue;
    found = true;
    addClass(draft, "input", readCount(draft, tokens, "token_count"));
  }
  const characters = asRecord(owner["metadata"])["billableCharacterCount"];
  if (!found && typeof characters === "number") {
    draft.units = readCount(draft, characters, "billableCharacterCount");
    draft.unit_type = "character";
    found = true;
  }
  return found;
}

function readMedia(draft: Draft, usage: JsonRecord, names: readonly string[]): Modalities {
  const media: Modalities = { audio: 0, image: 0, video: 0 };
  for (const entry of asArray(firstField(usage, names)).filter(isRecord)) {
    const modality = asText(entry["modality"])?.toLowerCase();
    if (modality === "audio" || modality === "image" || modality === "video") {
      media[modality] += readField(draft, entry, ["token_count", "tokens"]);
    }
  }
  return media;
}

/** Google searches: since Gemini 3 each query is billed, before that each grounded answer. */
function countSearches(draft: Draft, usage: JsonRecord, owner: JsonRecord): number {
  let searches = 0;
  for (const entry of asArray(field(usage, "grounding_tool_count")).filter(isRecord)) {
    const count = readField(draft, entry, ["count"]);
    const type = asText(entry["type"]) ?? "tool";
    if (type === "google_search") searches += count;
    else if (type === "google_maps") addClass(draft, "maps_search", count);
    else if (count > 0) draft.anomalies.push(`unmetered_tool: ${type.slice(0, 40)} ${count}`);
  }
  for (const candidate of asArray(owner["candidates"])) {
    const grounding = asRecord(asRecord(candidate)["groundingMetadata"]);
    searches += asArray(grounding["webSearchQueries"]).filter((query) => query !== "").length;
  }
  const model = asText(owner["modelVersion"]) ?? asText(owner["model"]) ?? "";
  return /gemini-[12]\b/.test(model) ? Math.min(searches, 1) : searches;
}
