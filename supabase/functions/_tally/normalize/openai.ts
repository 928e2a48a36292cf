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
}

/** What the provider charged: xAI in ticks, OpenRouter and Perplexity in USD. */
function readCost(usage: JsonRecord): string | undefined {
  const cost = firstField(usage, ["cost", "total_cost"]);
  return readTicks(usage) ?? toDecimal(isRecord(cost) ? cost["total_cost"] : cost);
}
