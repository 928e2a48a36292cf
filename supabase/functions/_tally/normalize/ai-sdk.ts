import {
  addClass,
  asRecord,
  type Draft,
  hasField,
  isRecord,
  type JsonRecord,
  readField,
  readTotal,
} from "./read-values.ts";
import { outputWithReasoning, splitOutput, splitPrompt } from "./split-tokens.ts";

const NO_MEDIA = { audio: 0, image: 0, video: 0 };

/**
 * Vercel AI SDK. From version 6 the totals include cache and reasoning; the provider-level form
 * nests them. Version 5 passes the provider's own meaning on: Anthropic's input excludes cached
 * tokens, and the total tells whether reasoning is beside the output.
 */
export function readAiSdk(
  draft: Draft,
  usage: JsonRecord,
  owner: JsonRecord,
  provider: string,
): void {
  if (hasField(usage, ["tokens"])) {
    return addClass(draft, "input", readField(draft, usage, ["tokens"])); // embeddings
  }
  if (Array.isArray(owner["images"])) {
    addClass(draft, "input", readField(draft, usage, ["inputTokens"]));
    return addClass(draft, "output_image", readField(draft, usage, ["outputTokens"]));
  }
  const input = usage["inputTokens"];
  const output = usage["outputTokens"];
  if (isRecord(input) || isRecord(output)) {
    readInclusive(draft, asRecord(input), "total", asRecord(output), "total");
  } else if (isRecord(usage["inputTokenDetails"]) || isRecord(usage["outputTokenDetails"])) {
    const inputDetails = asRecord(usage["inputTokenDetails"]);
    const outputDetails = asRecord(usage["outputTokenDetails"]);
    readInclusive(
      draft,
      { inputTokens: input, ...inputDetails },
      "inputTokens",
      { outputTokens: output, ...outputDetails },
      "outputTokens",
    );
  } else {
    readVersion5(draft, usage, provider);
  }
}

function readInclusive(
  draft: Draft,
  input: JsonRecord,
  inputTotal: string,
  output: JsonRecord,
  outputTotal: string,
): void {
  const cached = readField(draft, input, ["cacheReadTokens", "cacheRead"]);
  const written = readField(draft, input, ["cacheWriteTokens", "cacheWrite"]);
  const uncached = readField(draft, input, ["noCacheTokens", "noCache"]);
  const reasoning = readField(draft, output, ["reasoningTokens", "reasoning"]);
  const text = readField(draft, output, ["textTokens", "text"]);
  splitPrompt(draft, {
    total: readTotal(draft, input, [inputTotal]) ?? uncached + cached + written,
    media: NO_MEDIA,
    cached,
    cachedMedia: NO_MEDIA,
    written: { cache_write: written },
  });
  const total = readTotal(draft, output, [outputTotal]) ?? text + reasoning;
  splitOutput(draft, total, reasoning, NO_MEDIA);
}

function readVersion5(draft: Draft, usage: JsonRecord, provider: string): void {
  const cached = readField(draft, usage, ["cachedInputTokens"]);
  const input = readField(draft, usage, ["inputTokens"]);
  const reasoning = readField(draft, usage, ["reasoningTokens"]);
  const excludesCache = /anthropic|bedrock/.test(provider);
  if (excludesCache) {
    draft.anomalies.push("missing_detail: AI SDK 5 does not state cache writes");
  }
  splitPrompt(draft, {
    total: excludesCache ? input + cached : input,
    media: NO_MEDIA,
    cached,
    cachedMedia: NO_MEDIA,
    written: {},
  });
  const output = outputWithReasoning(draft, {
    input,
    output: readField(draft, usage, ["outputTokens"]),
    reasoning,
    total: readTotal(draft, usage, ["totalTokens"]),
  }, false);
  splitOutput(draft, output, reasoning, NO_MEDIA);
}
