import { INPUT, OUTPUT, readOpenAiTokens } from "./openai-tokens.ts";
import { readTools } from "./openai-tools.ts";
import {
  addClass,
  type Draft,
  field,
  firstField,
  hasField,
  isRecord,
  type JsonRecord,
  readField,
  readTicks,
  readTier,
  toDecimal,
} from "./read-values.ts";
import type { UsageApi } from "./types.ts";

/** Usage in any of OpenAI's shapes, also as spoken by others: tokens, tools, tier and cost. */
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
    readOpenAiTokens(draft, usage, api, provider);
  } else {
    addClass(draft, "input", readField(draft, usage, ["total_tokens"]));
    if ("choices" in owner) {
      draft.anomalies.push("missing_detail: only total_tokens is stated, taken as input");
    }
  }
  readTools(draft, usage, owner, api);
  // Perplexity's fee per request goes by this size.
  const searched = field(usage, "search_context_size");
  if (searched === "low" || searched === "medium" || searched === "high") {
    addClass(draft, `request_${searched}`, 1);
  } else if (typeof searched === "string") {
    draft.anomalies.push(`unmetered_tool: request fee, search context ${searched.slice(0, 20)}`);
  }
}

/** What the provider charged: xAI in ticks, OpenRouter and Perplexity in USD. */
function readCost(usage: JsonRecord): string | undefined {
  const cost = firstField(usage, ["cost", "total_cost"]);
  return readTicks(usage) ?? toDecimal(isRecord(cost) ? cost["total_cost"] : cost);
}
