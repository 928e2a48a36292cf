import {
  addClass,
  asArray,
  asRecord,
  asText,
  createDraft,
  type Draft,
  isRecord,
  type JsonRecord,
  readField,
  readTier,
} from "./read-values.ts";
import { splitOutput } from "./split-tokens.ts";

/**
 * Anthropic Messages: the input count excludes both cache classes, thinking lies inside the output.
 * Compaction iterations are in no top-level count and are added; neither are the advisor's, which
 * are another model's.
 */
export function readAnthropic(draft: Draft, usage: JsonRecord): void {
  readTokens(draft, usage);
  draft.tier = readServedTier(usage);
  for (const entry of asArray(usage["iterations"]).filter(isRecord)) {
    if (entry["type"] === "compaction") readTokens(draft, entry);
    if (entry["type"] !== "advisor_message") continue;
    const other = createDraft();
    readTokens(other, entry);
    other.tier = readServedTier({ ...usage, speed: null });
    draft.others.push({ model: asText(entry["model"]), draft: other, raw: entry });
  }
  if (asRecord(asRecord(usage["fallback_credit"])["status"])["type"] === "redeemed") {
    draft.anomalies.push("missing_detail: fallback credit redeemed, cache is billed otherwise");
  }
  const tools = asRecord(usage["server_tool_use"]);
  addClass(draft, "web_search", readField(draft, tools, ["web_search_requests"]));
}

function readTokens(draft: Draft, usage: JsonRecord): void {
  const cacheCreation = asRecord(usage["cache_creation"]);
  const oneHour = readField(draft, cacheCreation, ["ephemeral_1h_input_tokens"]);
  const fiveMinutes = readField(draft, cacheCreation, ["ephemeral_5m_input_tokens"]);
  const written = readField(draft, usage, ["cache_creation_input_tokens"]);
  if (isRecord(usage["cache_creation"]) && oneHour + fiveMinutes !== written) {
    draft.anomalies.push(
      `total_mismatch: cache_creation_input_tokens ${written}, 5m ${fiveMinutes}, 1h ${oneHour}`,
    );
  }
  addClass(draft, "input", readField(draft, usage, ["input_tokens"]));
  addClass(draft, "cache_read", readField(draft, usage, ["cache_read_input_tokens"]));
  addClass(draft, "cache_write", Math.max(written, oneHour + fiveMinutes) - oneHour);
  addClass(draft, "cache_write_1h", oneHour);
  splitOutput(
    draft,
    readField(draft, usage, ["output_tokens"]),
    readField(draft, asRecord(usage["output_tokens_details"]), ["thinking_tokens"]),
    { audio: 0, image: 0, video: 0 },
  );
}

/** Tier, fast mode and a surcharged region, each of which is a rate card of its own. */
function readServedTier(usage: JsonRecord): string | null {
  const stated = readTier(usage["service_tier"]);
  const isStandard = stated === null || stated === "standard";
  const tier = isStandard && usage["speed"] === "fast" ? "fast" : stated;
  const region = readTier(usage["inference_geo"]);
  if (region === null || region === "global" || region === "not_available") return tier;
  return `${tier ?? "standard"}_${region}`;
}
