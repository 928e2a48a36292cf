import {
  addClass,
  asArray,
  asRecord,
  type Draft,
  field,
  isRecord,
  type JsonRecord,
  readField,
  readTier,
} from "./read-values.ts";

/** Bedrock Converse: the input count excludes cache reads and writes, for every model family. */
export function readConverse(draft: Draft, usage: JsonRecord, owner: JsonRecord): void {
  let oneHour = 0;
  for (const entry of asArray(usage["cacheDetails"]).filter(isRecord)) {
    if (entry["ttl"] === "1h") oneHour += readField(draft, entry, ["inputTokens"]);
  }
  const written = readField(draft, usage, ["cacheWriteInputTokens", "cacheWriteInputTokenCount"]);
  addClass(draft, "input", readField(draft, usage, ["inputTokens", "inputTokenCount"]));
  addClass(
    draft,
    "cache_read",
    readField(draft, usage, ["cacheReadInputTokens", "cacheReadInputTokenCount"]),
  );
  addClass(draft, "cache_write", Math.max(written, oneHour) - oneHour);
  addClass(draft, "cache_write_1h", oneHour);
  addClass(draft, "output", readField(draft, usage, ["outputTokens", "outputTokenCount"]));
  const tier = readTier(asRecord(field(owner, "service_tier"))["type"]);
  const isOptimized = asRecord(owner["performanceConfig"])["latency"] === "optimized";
  draft.tier = isOptimized ? "optimized" : tier;
}
