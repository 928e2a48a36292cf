import { describe, expect, test } from "vitest";
import { normalizeUsage, type UsageApi } from "../../supabase/functions/_tally/normalize-usage.ts";

describe("odd numbers are taken for what they can be, and noted", () => {
  test.each([
    [
      "cached above the prompt",
      { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 30 } },
      { cache_read: 30, output: 1 },
      ["negative_rest: prompt tokens: parts 30 exceed 10, rest taken as 0"],
    ],
    [
      "NaN",
      { prompt_tokens: Number.NaN, completion_tokens: 4 },
      { output: 4 },
      ["invalid_count: prompt_tokens is NaN, taken as 0"],
    ],
    [
      "negative",
      { prompt_tokens: -5, completion_tokens: 4 },
      { output: 4 },
      ["invalid_count: prompt_tokens is -5, taken as 0"],
    ],
    [
      "fractional",
      { prompt_tokens: 1.5, completion_tokens: 4 },
      { input: 2, output: 4 },
      ["invalid_count: prompt_tokens is 1.5, taken as 2"],
    ],
    [
      "digits as text",
      { prompt_tokens: "12", completion_tokens: 4 },
      { input: 12, output: 4 },
      ['invalid_count: prompt_tokens is "12", taken as 12'],
    ],
    [
      "text",
      { prompt_tokens: "many", completion_tokens: 4 },
      { output: 4 },
      ['invalid_count: prompt_tokens is "many", taken as 0'],
    ],
    [
      "impossibly large",
      { prompt_tokens: 1e15, completion_tokens: 4 },
      { output: 4 },
      ["invalid_count: prompt_tokens is 1000000000000000, taken as 0"],
    ],
    ["null beside a number", { prompt_tokens: null, completion_tokens: 4 }, { output: 4 }, []],
    [
      "reasoning above the output",
      {
        prompt_tokens: 1,
        completion_tokens: 4,
        completion_tokens_details: { reasoning_tokens: 9 },
      },
      { input: 1, output: 4, reasoning: 9 },
      [],
    ],
  ])("%s", (_, counts, classes, anomalies) => {
    expect(normalizeUsage("openai", counts)).toMatchObject({ classes, anomalies });
    expect(Object.keys(normalizeUsage("openai", counts)?.classes ?? {})).toHaveLength(
      Object.keys(classes).length,
    );
  });
});

describe("no usage is not zero usage", () => {
  test.each([
    ["null", null],
    ["text", "hello"],
    ["an empty object", {}],
    ["a usage of null", { model: "gpt-4o", usage: null }],
    ["an empty usage", { model: "gpt-4o", usage: {} }],
    ["a usage of nulls", { usage: { prompt_tokens: null, completion_tokens: null } }],
    ["an error", { error: { message: "no", type: "invalid_request_error" } }],
    [
      "undefined totals of the AI SDK",
      { usage: { inputTokens: undefined, inputTokenDetails: {} } },
    ],
    [
      "undefined totals of a provider",
      { usage: { inputTokens: { total: undefined }, outputTokens: {} } },
    ],
    ["a user's metadata that looks like usage", { usage: null, metadata: { prompt_tokens: 5 } }],
    ["a video that failed", { object: "video", status: "failed", seconds: "8" }],
    ["a video in the making", { object: "video", status: "in_progress", seconds: "8" }],
  ])("%s gives null", (_, response) => {
    expect(normalizeUsage("openai", response)).toBeNull();
  });

  test.each<UsageApi>(["speech", "transcription", "images", "video"])(
    "%s of an unknown request gives null",
    (api) => {
      expect(normalizeUsage("openai", null, { api })).toBeNull();
    },
  );

  test.each([
    ["openai", { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }],
    ["anthropic", { input_tokens: 0, output_tokens: 0 }],
    ["google", { promptTokenCount: 0, totalTokenCount: 0 }],
    ["vercel", { inputTokens: 0, outputTokens: 0, totalTokens: 0 }],
  ])("an explicit zero of %s gives a record", (provider, usage) => {
    expect(normalizeUsage(provider, { usage })).toMatchObject({
      classes: {},
      input_tokens: 0,
      output_tokens: 0,
      anomalies: [],
    });
  });
});

test("a made-up object cannot fill the record with anomalies", () => {
  const counters = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`x${n}`, n + 1]));
  const usage = { input_tokens: 1, server_side_tool_usage_details: counters };
  expect(normalizeUsage("xai", usage)?.anomalies).toHaveLength(20);
});

describe("the tier that served", () => {
  const gemini = (trafficType: string) => ({ usageMetadata: { promptTokenCount: 1, trafficType } });
  const chat = (service_tier: unknown) => ({ usage: { prompt_tokens: 1 }, service_tier });
  const claude = (usage: object) => ({ type: "message", usage: { input_tokens: 1, ...usage } });
  test.each([
    [gemini("ON_DEMAND"), "standard"],
    [gemini("ON_DEMAND_PRIORITY"), "priority"],
    [gemini("ON_DEMAND_OFFPEAK"), "offpeak"],
    [gemini("TRAFFIC_TYPE_UNSPECIFIED"), null],
    [gemini("constructor"), null],
    [{ usageMetadata: { promptTokenCount: 1, serviceTier: "SERVICE_TIER_FLEX" } }, "flex"],
    [{ usageMetadata: { promptTokenCount: 1, serviceTier: "unspecified" } }, null],
    [chat("default"), "standard"],
    [chat("scale"), "scale"],
    [chat("fast"), "fast"],
    [chat("auto"), null],
    [chat(null), null],
    [chat("not a tier!"), null],
    [claude({ service_tier: "standard", speed: "fast" }), "fast"],
    [claude({ speed: "fast" }), "fast"],
    [claude({ service_tier: "batch", speed: "fast" }), "batch"],
    [claude({ inference_geo: "us" }), "standard_us"],
    [claude({ speed: "fast", inference_geo: "us" }), "fast_us"],
    [claude({ inference_geo: "global" }), null],
  ])("of %j is %s", (response, tier) => {
    expect(normalizeUsage("custom", response)?.service_tier).toBe(tier);
  });
});

describe("Anthropic's own fields tell its counts from OpenAI's", () => {
  test.each([
    [{ cache_read_input_tokens: 7 }, { input: 5, cache_read: 7 }, null],
    [{ cache_creation_input_tokens: 7 }, { input: 5, cache_write: 7 }, null],
    [{ inference_geo: "us" }, { input: 5 }, "standard_us"],
    [{ speed: "fast" }, { input: 5 }, "fast"],
    [{ server_tool_use: { web_search_requests: 1 } }, { input: 5, web_search: 1 }, null],
    [{ output_tokens_details: { thinking_tokens: 2 } }, { input: 5, reasoning: 2 }, null],
    [{ iterations: [{ type: "compaction", input_tokens: 3 }] }, { input: 8 }, null],
  ])("%j", (fields, classes, tier) => {
    const record = normalizeUsage("custom", { input_tokens: 5, output_tokens: 2, ...fields });
    expect(record).toMatchObject({ classes, service_tier: tier });
  });
});

describe("another provider's usage object", () => {
  test.each([
    [
      "openai",
      { input_tokens: 5, cache_read_input_tokens: 7, output_tokens: 1 },
      { input: 5, cache_read: 7, output: 1 },
      "messages usage from openai",
    ],
    [
      "anthropic",
      { promptTokenCount: 5, totalTokenCount: 5 },
      { input: 5 },
      "generate_content usage from anthropic",
    ],
    [
      "google",
      { input_tokens: 5, output_tokens: 1, total_tokens: 6 },
      { input: 5, output: 1 },
      "responses usage from google",
    ],
    [
      "xai",
      { promptTokenCount: 5, totalTokenCount: 5 },
      { input: 5 },
      "generate_content usage from xai",
    ],
  ])("of %s is read by its own rules and noted", (provider, usage, classes, anomaly) => {
    expect(normalizeUsage(provider, { usage })).toMatchObject({
      classes,
      anomalies: [`unexpected_shape: ${anomaly}`],
    });
  });

  test("is read by its own rules where another format is forced", () => {
    const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
    expect(normalizeUsage("anthropic", { usage }, { api: "messages" })).toMatchObject({
      classes: { input: 5, output: 2 },
      anomalies: ["unexpected_shape: chat usage where messages was expected"],
    });
  });

  const tokens = { input_tokens: 5, output_tokens: 2 };
  const gemini = { promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7 };
  const camel = { inputTokens: 5, outputTokens: 2, totalTokens: 7 };
  test.each<[UsageApi, object]>([
    ["messages", tokens],
    ["responses", tokens],
    ["transcription", tokens],
    ["realtime", tokens],
    ["generate_content", gemini],
    ["interactions", gemini],
    ["converse", camel],
    ["ai_sdk", camel],
    ["cohere", { tokens }],
    ["cohere", { billed_units: tokens }],
    ["embeddings", { total_tokens: 5 }],
    ["transcription", { type: "duration", seconds: 5 }],
  ])("%s is read as forced where it can be", (api, usage) => {
    const record = normalizeUsage("custom", usage, { api });
    expect(record?.anomalies.filter((each) => each.startsWith("unexpected"))).toEqual([]);
    expect(record?.units ?? record?.input_tokens).toBe(5);
  });

  test.each<[UsageApi, object]>([
    ["messages", gemini],
    ["generate_content", tokens],
    ["converse", tokens],
    ["ai_sdk", gemini],
    ["cohere", camel],
    ["chat", gemini],
  ])("%s is not read as forced where it cannot be", (api, usage) => {
    expect(normalizeUsage("custom", usage, { api })).toMatchObject({
      input_tokens: 5,
      output_tokens: 2,
      anomalies: [expect.stringMatching(/^unexpected_shape: \w+ usage where \w+ was expected$/)],
    });
  });
});
