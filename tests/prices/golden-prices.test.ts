import { describe, expect, test } from "vitest";
import { createPricer, shippedBook } from "./support/price-usage.ts";

const pricer = createPricer(shippedBook());
const TODAY = "2026-11-23";

function ratesAt(provider: string, model: string, prompt: number, day: string, tier = "standard") {
  const at = new Date(`${day}T12:00:00Z`);
  const card = pricer.cardOf({
    provider,
    model,
    service_tier: tier,
    at,
    classes: { input: prompt },
  });
  const { input, cache_read, cache_write, cache_write_1h, output } = card?.rates ?? {};
  return [input, cache_read, cache_write, cache_write_1h, output]
    .map((rate) => rate ?? "–")
    .join(" ");
}

/** provider, model, prompt tokens, "input cache_read cache_write cache_write_1h output" per million. */
const STANDARD: readonly (readonly [string, string, number, string])[] = [
  ["openai", "gpt-6-astra", 271_999, "10 1 12.5 – 50"],
  ["openai", "gpt-6-astra", 272_000, "20 2 25 – 75"],
  ["openai", "gpt-6.1-sol", 272_000, "2 0.1 2.5 – 10"],
  ["openai", "gpt-6.1-sol", 272_001, "4 0.2 5 – 15"],
  ["openai", "gpt-6.1-terra", 272_000, "1 0.05 1.25 – 5"],
  ["openai", "gpt-6.1-terra", 272_001, "2 0.1 2.5 – 7.5"],
  ["openai", "gpt-6-sol", 272_000, "2 0.2 2.5 – 10"],
  ["openai", "gpt-6-sol", 272_001, "4 0.4 5 – 15"],
  ["openai", "gpt-6-luna", 272_000, "0.1 0.01 0.125 – 0.5"],
  ["openai", "gpt-6-luna", 272_001, "0.2 0.02 0.25 – 0.75"],
  ["openai", "gpt-5.6-sol", 271_999, "4 0.4 5 – 20"],
  ["openai", "gpt-5.6-sol", 272_000, "8 0.8 10 – 30"],
  ["openai", "gpt-5.6", 1_000, "4 0.4 5 – 20"],
  ["openai", "gpt-5.6-terra", 271_999, "2 0.2 2.5 – 12"],
  ["openai", "gpt-5.6-terra", 272_000, "4 0.4 5 – 18"],
  ["openai", "gpt-5.6-luna", 271_999, "0.2 0.02 0.25 – 1.2"],
  ["openai", "gpt-5.6-luna", 272_000, "0.4 0.04 0.5 – 1.8"],
  ["openai", "gpt-5.5", 271_999, "5 0.5 – – 30"],
  ["openai", "gpt-5.5", 272_000, "10 1 – – 45"],
  ["openai", "gpt-5.4", 271_999, "2.5 0.25 – – 15"],
  ["openai", "gpt-5.4", 272_000, "5 0.5 – – 22.5"],
  ["openai", "gpt-5.4-mini", 300_000, "0.75 0.075 – – 4.5"],
  ["openai", "gpt-5.4-nano", 300_000, "0.2 0.02 – – 1.25"],
  ["openai", "gpt-5.2", 1_000, "1.75 0.175 – – 14"],
  ["openai", "gpt-5.1", 1_000, "1.25 0.125 – – 10"],
  ["openai", "gpt-5", 1_000, "1.25 0.125 – – 10"],
  ["openai", "gpt-5-mini", 1_000, "0.25 0.025 – – 2"],
  ["openai", "gpt-5-nano", 1_000, "0.05 0.005 – – 0.4"],
  ["openai", "gpt-4.1", 1_000, "2 0.5 – – 8"],
  ["openai", "gpt-4.1-mini", 1_000, "0.4 0.1 – – 1.6"],
  ["openai", "gpt-4.1-nano", 1_000, "0.1 0.025 – – 0.4"],
  ["openai", "gpt-4o", 1_000, "2.5 1.25 – – 10"],
  ["openai", "gpt-4o-mini", 1_000, "0.15 0.075 – – 0.6"],
  ["openai", "gpt-4o-2024-05-13", 1_000, "5 – – – 15"],
  ["openai", "gpt-4-turbo", 1_000, "10 – – – 30"],
  ["openai", "o3", 1_000, "2 0.5 – – 8"],
  ["openai", "o4-mini", 1_000, "1.1 0.275 – – 4.4"],
  ["openai", "o1", 1_000, "15 7.5 – – 60"],
  ["openai", "text-embedding-3-small", 1_000, "0.02 – – – –"],
  ["openai", "text-embedding-3-large", 1_000, "0.13 – – – –"],
  ["anthropic", "claude-fable-5-1", 900_000, "10 0.25 12.5 20 50"],
  ["anthropic", "claude-opus-5-5", 900_000, "4 0.2 5 8 20"],
  ["anthropic", "claude-opus-5", 900_000, "5 0.5 6.25 10 25"],
  ["anthropic", "claude-opus-4-8", 900_000, "5 0.5 6.25 10 25"],
  ["anthropic", "claude-opus-4-7", 900_000, "5 0.5 6.25 10 25"],
  ["anthropic", "claude-opus-4-6", 900_000, "5 0.5 6.25 10 25"],
  ["anthropic", "claude-opus-4-5", 100_000, "5 0.5 6.25 10 25"],
  ["anthropic", "claude-opus-4-1", 100_000, "15 1.5 18.75 30 75"],
  ["anthropic", "claude-opus-4", 100_000, "15 1.5 18.75 30 75"],
  ["anthropic", "claude-sonnet-5-5", 900_000, "2 0.1 2.5 4 10"],
  ["anthropic", "claude-sonnet-5", 900_000, "2 0.2 2.5 4 10"],
  ["anthropic", "claude-sonnet-4-6", 900_000, "3 0.3 3.75 6 15"],
  ["anthropic", "claude-sonnet-4-5", 200_000, "3 0.3 3.75 6 15"],
  ["anthropic", "claude-sonnet-4-5", 200_001, "6 0.6 7.5 12 22.5"],
  ["anthropic", "claude-sonnet-4", 100_000, "3 0.3 3.75 6 15"],
  ["anthropic", "claude-haiku-5-5", 100_000, "0.1 0.01 0.125 0.2 0.5"],
  ["anthropic", "claude-haiku-5-5", 100_001, "0.5 0.05 0.625 1 2.5"],
  ["anthropic", "claude-haiku-4-5", 100_000, "1 0.1 1.25 2 5"],
  ["anthropic", "claude-3-5-haiku-latest", 100_000, "0.8 0.08 1 1.6 4"],
  ["google", "gemini-3.8-flash", 500_000, "0.75 0.075 – – 3.75"],
  ["google", "gemini-3.7-flash", 500_000, "0.75 0.075 – – 3.75"],
  ["google", "gemini-3.6-flash", 500_000, "0.75 0.075 – – 3.75"],
  ["google", "gemini-3.5-flash", 500_000, "1.5 0.15 – – 9"],
  ["google", "gemini-3.5-flash-lite", 500_000, "0.3 0.03 – – 2.5"],
  ["google", "gemini-3-pro-preview", 200_000, "2 0.2 – – 12"],
  ["google", "gemini-3-pro-preview", 200_001, "4 0.4 – – 18"],
  ["google", "gemini-3.1-pro-preview", 200_000, "2 0.2 – – 12"],
  ["google", "gemini-3.1-pro-preview", 200_001, "4 0.4 – – 18"],
  ["google", "gemini-3-flash-preview", 500_000, "0.5 0.05 – – 3"],
  ["google", "gemini-2.5-pro", 200_000, "1.25 0.125 – – 10"],
  ["google", "gemini-2.5-pro", 200_001, "2.5 0.25 – – 15"],
  ["google", "gemini-2.5-flash", 500_000, "0.3 0.03 – – 2.5"],
  ["google", "gemini-2.5-flash-lite", 500_000, "0.1 0.01 – – 0.4"],
  ["xai", "grok-4.7", 199_999, "2 0.5 0 – 6"],
  ["xai", "grok-4.7", 200_000, "4 1 0 – 12"],
  ["xai", "grok-4.6", 200_000, "4 1 0 – 12"],
  ["xai", "grok-4.5", 199_999, "2 0.3 0 – 6"],
  ["xai", "grok-4.5", 200_000, "4 0.6 0 – 12"],
  ["xai", "grok-4.3", 199_999, "1.25 0.2 0 – 2.5"],
  ["xai", "grok-4.3", 200_000, "2.5 0.4 0 – 5"],
  ["xai", "grok-4", 300_000, "3 0.75 0 – 15"],
];

/** A price that changed under a fixed id: the last day before and the first day of the change. */
const DATED: readonly (readonly [string, string, number, string, string, string, string])[] = [
  [
    "openai",
    "gpt-5.6-luna",
    1,
    "2026-07-29",
    "1 0.1 1.25 – 6",
    "2026-07-30",
    "0.2 0.02 0.25 – 1.2",
  ],
  [
    "openai",
    "gpt-5.6-terra",
    1,
    "2026-07-29",
    "2.5 0.25 3.125 – 15",
    "2026-07-30",
    "2 0.2 2.5 – 12",
  ],
  ["openai", "gpt-5.6-sol", 1, "2026-08-20", "5 0.5 6.25 – 30", "2026-08-21", "4 0.4 5 – 20"],
  ["openai", "gpt-5.6-sol", 272_000, "2026-08-20", "10 1 12.5 – 45", "2026-08-21", "8 0.8 10 – 30"],
  ["openai", "o3", 1, "2025-06-09", "10 2.5 – – 40", "2025-06-10", "2 0.5 – – 8"],
  [
    "anthropic",
    "claude-opus-4-6",
    200_001,
    "2026-03-12",
    "10 1 12.5 20 37.5",
    "2026-03-13",
    "5 0.5 6.25 10 25",
  ],
  [
    "anthropic",
    "claude-sonnet-4-6",
    200_001,
    "2026-03-12",
    "6 0.6 7.5 12 22.5",
    "2026-03-13",
    "3 0.3 3.75 6 15",
  ],
  [
    "anthropic",
    "claude-sonnet-5-5",
    1,
    "2026-10-06",
    "2 0.2 2.5 4 10",
    "2026-10-07",
    "2 0.1 2.5 4 10",
  ],
  [
    "anthropic",
    "claude-sonnet-5",
    1,
    "2026-08-31",
    "2 0.2 2.5 4 10",
    "2026-09-01",
    "2 0.2 2.5 4 10",
  ],
  [
    "google",
    "gemini-3.8-flash",
    1,
    "2026-12-31",
    "0.75 0.075 – – 3.75",
    "2027-01-01",
    "1.5 0.15 – – 7.5",
  ],
  [
    "google",
    "gemini-3.7-flash",
    1,
    "2026-12-31",
    "0.75 0.075 – – 3.75",
    "2027-01-01",
    "1.5 0.15 – – 7.5",
  ],
  [
    "google",
    "gemini-3.6-flash",
    1,
    "2026-12-31",
    "0.75 0.075 – – 3.75",
    "2027-01-01",
    "1.5 0.15 – – 7.5",
  ],
  [
    "google",
    "gemini-3.6-flash",
    1,
    "2026-09-01",
    "1.5 0.15 – – 7.5",
    "2026-09-02",
    "0.75 0.075 – – 3.75",
  ],
  ["xai", "grok-code-fast-1", 1, "2026-09-21", "0.2 0.02 0 – 1.5", "2026-09-22", "1 0.2 0 – 2"],
];

const TIERS: readonly (readonly [string, string, number, string, string])[] = [
  ["openai", "gpt-6-luna", 1, "batch", "0.05 0.005 0.0625 – 0.25"],
  ["openai", "gpt-6-luna", 272_001, "flex", "0.1 0.01 0.125 – 0.375"],
  ["openai", "gpt-6.1-sol", 1, "fast", "4 0.2 5 – 20"],
  ["openai", "gpt-6.1-sol", 272_001, "fast", "8 0.4 10 – 30"],
  ["openai", "gpt-5.5", 1, "priority", "12.5 1.25 – – 75"],
  ["openai", "gpt-5.4", 1, "priority", "5 0.5 – – 30"],
  ["openai", "gpt-5-mini", 1, "priority", "0.45 0.045 – – 3.6"],
  ["openai", "gpt-4o", 1, "priority", "4.25 2.125 – – 17"],
  ["openai", "gpt-4o", 1, "batch", "1.25 – – – 5"],
  ["openai", "gpt-4.1", 1, "priority", "3.5 0.875 – – 14"],
  ["openai", "o3", 1, "flex", "1 0.25 – – 4"],
  ["anthropic", "claude-opus-5", 1, "fast", "10 1 12.5 20 50"],
  ["anthropic", "claude-opus-5-5", 1, "fast", "8 0.4 10 16 40"],
  ["anthropic", "claude-opus-5-5", 1, "batch", "2 0.1 2.5 4 10"],
  ["anthropic", "claude-haiku-5-5", 1, "batch", "0.05 0.005 0.0625 0.1 0.25"],
  ["anthropic", "claude-haiku-5-5", 100_001, "batch", "0.25 0.025 0.3125 0.5 1.25"],
  ["anthropic", "claude-sonnet-5-5", 1, "standard_us", "2.2 0.11 2.75 4.4 11"],
  ["google", "gemini-3.8-flash", 1, "batch", "0.375 0.075 – – 1.875"],
  ["google", "gemini-3.8-flash", 1, "flex", "0.375 0.075 – – 1.875"],
  ["google", "gemini-3.8-flash", 1, "priority", "1.35 0.135 – – 6.75"],
];

const UNITS: readonly (readonly [string, string, string, string])[] = [
  ["openai", "gpt-5", "web_search", "0.01"],
  ["anthropic", "claude-sonnet-5", "web_search", "0.01"],
  ["google", "gemini-3.5-flash", "web_search", "0.014"],
  ["xai", "grok-4.6", "web_search", "0.005"],
  ["google", "veo-3.1-generate-001", "second", "0.4"],
  ["google", "veo-3.1-generate-001", "second_4k", "0.6"],
  ["google", "veo-3.1-fast-generate-001", "second_720p", "0.1"],
  ["google", "veo-3.1-fast-generate-001", "second_1080p", "0.12"],
  ["google", "veo-3.1-fast-generate-001", "second_4k", "0.3"],
  ["google", "veo-3.1-lite-generate-preview", "second_720p", "0.05"],
  ["google", "veo-3.1-lite-generate-preview", "second_1080p", "0.08"],
  ["google", "veo-3.0-generate-001", "second", "0.4"],
  ["google", "veo-2.0-generate-001", "second", "0.35"],
  ["google", "imagen-4.0-generate-001", "image", "0.04"],
  ["google", "imagen-4.0-ultra-generate-001", "image", "0.06"],
  ["google", "imagen-4.0-fast-generate-001", "image", "0.02"],
  ["google", "gemini-2.5-flash-image", "image", "0.039"],
  ["openai", "sora-2", "second", "0.1"],
  ["openai", "sora-2-pro", "second", "0.3"],
  ["openai", "dall-e-3", "image_standard_1024x1024", "0.04"],
  ["openai", "dall-e-3", "image_standard_1792x1024", "0.08"],
  ["openai", "dall-e-3", "image_hd_1024x1024", "0.08"],
  ["openai", "dall-e-3", "image_hd_1024x1792", "0.12"],
  ["openai", "gpt-image-1", "image_low_1024x1024", "0.011"],
  ["openai", "gpt-image-1", "image_medium_1024x1024", "0.042"],
  ["openai", "gpt-image-1", "image_high_1024x1024", "0.167"],
  ["openai", "gpt-image-1", "output_image", "40"],
  ["openai", "gpt-image-1.5", "output_image", "32"],
  ["openai", "gpt-image-2", "input_image", "8"],
  ["openai", "whisper-1", "second", "0.0001"],
  ["openai", "whisper-1", "minute", "0.006"],
  ["openai", "gpt-transcribe", "minute", "0.0045"],
  ["openai", "tts-1", "character", "0.000015"],
  ["openai", "tts-1-hd", "character", "0.00003"],
  ["openai", "gpt-4o-transcribe", "input_audio", "6"],
  ["google", "gemini-3-flash-preview", "input_audio", "1"],
  ["xai", "grok-imagine-image", "image", "0.02"],
  ["xai", "grok-tts", "character", "0.0000042"],
  ["elevenlabs", "eleven_flash_v2_5", "character", "0.00005"],
  ["elevenlabs", "eleven_multilingual_v2", "character", "0.0001"],
  ["elevenlabs", "scribe_v1", "hour", "0.22"],
  ["platform", "agent_execution", "execution", "0.01"],
  ["platform", "api_call", "request", "0.001"],
  ["platform", "storage", "gb", "0.1"],
  ["platform", "storage", "gb_hour", "0.1"],
  ["platform", "bandwidth", "gb", "0.05"],
  ["platform", "compute", "cpu_hour", "0.05"],
  ["platform", "database", "query", "0.00001"],
  ["platform", "functions", "invocation", "0.0002"],
];

describe("the prices of today", () => {
  test.each(STANDARD)("%s %s at %d prompt tokens: %s", (provider, model, prompt, rates) => {
    expect(ratesAt(provider, model, prompt, TODAY)).toBe(rates);
  });

  test.each(UNITS)("%s %s, one %s: %s", (provider, model, name, rate) => {
    const at = new Date(`${TODAY}T12:00:00Z`);
    expect(pricer.cardOf({ provider, model, at, classes: {} })?.rates[name]).toBe(rate);
  });

  test.each(TIERS)("%s %s at %d prompt tokens, %s: %s", (provider, model, prompt, tier, rates) => {
    expect(ratesAt(provider, model, prompt, TODAY, tier)).toBe(rates);
  });

  test("a tier that a provider does not sell has no price", () => {
    expect(ratesAt("openai", "gpt-4o", 1, TODAY, "flex")).toBe("– – – – –");
  });
});

describe("prices that changed", () => {
  test.each(DATED)(
    "%s %s at %d prompt tokens",
    (provider, model, prompt, last, before, first, after) => {
      expect(ratesAt(provider, model, prompt, last)).toBe(before);
      expect(ratesAt(provider, model, prompt, first)).toBe(after);
    },
  );

  test("the change is at midnight UTC, to the second", () => {
    const cost = (at: string) =>
      pricer.priceOf({
        provider: "openai",
        model: "gpt-5.6-luna",
        at: new Date(at),
        classes: { input: 100_000 },
      });
    expect(cost("2026-07-29T23:59:59Z")).toBe("0.1");
    expect(cost("2026-07-30T00:00:00Z")).toBe("0.02");
  });
});

describe("calls priced to the last decimal", () => {
  const at = new Date(`${TODAY}T12:00:00Z`);
  test.each([
    ["openai", "gpt-4o", { input: 86, cache_read: 1920, output: 300 }, "0.005615"],
    [
      "openai",
      "gpt-6-sol",
      { input: 1000, cache_read: 6000, cache_write: 3000, output: 500, reasoning: 1500 },
      "0.0307",
    ],
    [
      "anthropic",
      "claude-sonnet-4-5",
      {
        input: 2095,
        cache_write: 3000,
        cache_write_1h: 2000,
        cache_read: 20_000,
        output: 503,
        web_search: 2,
      },
      "0.06308",
    ],
    [
      "google",
      "gemini-3-pro-preview",
      { input: 4500, cache_read: 8000, output: 700, reasoning: 1300 },
      "0.0346",
    ],
    [
      "xai",
      "grok-4.3",
      { input: 9992, cache_read: 128, output: 1499, reasoning: 2809 },
      "0.0232856",
    ],
    ["openai", "gpt-5.4", { input: 300_000, output: 1000 }, "1.5225"],
    ["anthropic", "claude-haiku-5-5", { input: 100_000, output: 1000 }, "0.0105"],
    ["anthropic", "claude-haiku-5-5", { input: 100_001, output: 1000 }, "0.0525005"],
    [
      "google",
      "gemini-3-flash-preview",
      { input: 1000, input_audio: 1000, input_video: 1000 },
      "0.002",
    ],
    ["deepseek", "deepseek-v4-pro", { input: 1_000_000 }, "0.66"],
    ["deepseek", "deepseek-flash", { input: 1000, cache_read: 1000, output: 1000 }, "0.000753"],
    [
      "perplexity",
      "sonar-reasoning-pro",
      { input: 26, output: 400, reasoning: 600, request_low: 1 },
      "0.014052",
    ],
    ["perplexity", "sonar-pro", { input: 1000, output: 1000, request_high: 1 }, "0.032"],
    ["perplexity", "sonar-deep-research", { input: 1000, web_search: 3, request_low: 1 }, "0.017"],
  ] as const)("%s %s %o = %s USD", (provider, model, classes, cost) => {
    expect(pricer.priceOf({ provider, model, at, classes })).toBe(cost);
  });

  test("a class without a price makes the call unpriced, never cheaper", () => {
    const classes = { input: 10, output_image: 5 };
    expect(pricer.priceOf({ provider: "openai", model: "gpt-4o", at, classes })).toBeNull();
  });

  test("peak hours cost their own price", () => {
    const cost = (time: string) =>
      pricer.priceOf({
        provider: "deepseek",
        model: "deepseek-v4-pro",
        at: new Date(`2026-11-23T${time}Z`),
        classes: { input: 1_000_000 },
      });
    expect(
      ["00:59:59", "01:00:00", "03:59:59", "04:00:00", "06:00:00", "10:00:00"].map(cost),
    ).toEqual(["0.66", "1.32", "1.32", "0.66", "1.32", "0.66"]);
  });

  test("a retired name costs what its successor costs, from the day that serves it", () => {
    const cost = (day: string, model: string) =>
      pricer.priceOf({
        provider: "deepseek",
        model,
        at: new Date(`${day}T12:00:00Z`),
        classes: { output: 1_000_000 },
      });
    expect(cost("2026-09-09", "deepseek-v4-flash")).toBe("0.66");
    expect(cost("2026-09-10", "deepseek-v4-flash")).toBe("0.6");
    expect(cost("2026-09-10", "deepseek-v4-flash-vision-exp")).toBe("0.6");
  });
});
