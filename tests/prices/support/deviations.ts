/** Where the book differs from the catalogue on purpose, with a call that shows it. */
interface Deviation {
  readonly reason: string;
  readonly source: string;
  readonly at: string;
  readonly classes: Readonly<Record<string, number>>;
  /** The classes it concerns; all other classes of the model must cost the same. */
  readonly only?: readonly string[];
}

const GOOGLE = "https://ai.google.dev/gemini-api/docs/pricing";
const XAI = "https://docs.x.ai/developers/pricing";
const OPENAI = "https://developers.openai.com/api/docs/pricing";
/** xAI does not charge for writing to the cache; the catalogue counts it as input. */
const FREE_WRITES = ["cache_write", "cache_write_1h"];
const DEEPSEEK = "https://api-docs.deepseek.com/quick_start/pricing";

/** The catalogue knows no price for a search of this provider and charges nothing for it. */
function searchOf(
  source: string,
  models: readonly string[],
  also: readonly string[] = [],
): Record<string, Deviation> {
  const deviation: Deviation = {
    reason: "each web search has a price; the catalogue has none and charges nothing",
    source,
    at: "2026-11-23T12:00:00Z",
    classes: { input: 1, web_search: 1 },
    only: ["web_search", ...also],
  };
  return Object.fromEntries(models.map((model) => [model, deviation]));
}

/** Keyed by `provider/model`. docs/prices.md explains them. */
export const DEVIATIONS: Readonly<Record<string, Deviation>> = {
  ...searchOf(GOOGLE, [
    "google/gemini-2.5-flash",
    "google/gemini-2.5-flash-lite",
    "google/gemini-2.5-pro",
    "google/gemini-3-flash-preview",
    "google/gemini-3-pro-image-preview",
    "google/gemini-3-pro-preview",
    "google/gemini-3.1-flash-image-preview",
    "google/gemini-3.1-flash-lite",
    "google/gemini-3.1-pro-preview",
    "google/gemini-3.5-flash",
    "google/gemini-3.5-flash-lite",
    "google/gemini-3.7-flash",
    "google/gemini-3.8-flash",
  ]),
  ...searchOf(
    XAI,
    ["xai/grok-4-0709", "xai/grok-4.20", "xai/grok-4.3", "xai/grok-4.5", "xai/grok-4.6"],
    FREE_WRITES,
  ),
  ...searchOf(OPENAI, ["openai/gpt-4.1-nano", "openai/gpt-4o-search-preview"], ["file_search"]),
  "anthropic/claude-sonnet-4-0": {
    reason: "prompts above 200,000 tokens paid the premium of the 1M context window",
    source: "https://platform.claude.com/docs/en/about-claude/pricing",
    at: "2025-10-01T00:00:00Z",
    classes: { input: 200_001 },
  },
  "deepseek/deepseek-v4-flash": {
    reason: "peak hours exist since 2026-08-17; the catalogue applies them to earlier days too",
    source: DEEPSEEK,
    at: "2026-08-16T02:00:00Z",
    classes: { input: 1000 },
  },
  "deepseek/deepseek-v4-pro": {
    reason: "peak hours exist since 2026-08-17; the catalogue applies them to earlier days too",
    source: DEEPSEEK,
    at: "2026-08-16T02:00:00Z",
    classes: { input: 1000 },
  },
  "google/gemini-3.6-flash": {
    reason: "launched at 1.50/7.50; the introductory rates reached it on 2026-09-02",
    source: GOOGLE,
    at: "2026-08-01T00:00:00Z",
    classes: { input: 1000 },
  },
  "openai/gpt-4o-audio-preview": {
    reason: "audio tokens have their own, dearer price; the catalogue charges the text rate",
    source: OPENAI,
    at: "2026-01-01T00:00:00Z",
    classes: { input_audio: 1000 },
    only: ["input_audio", "output_audio"],
  },
  "openai/gpt-4o-mini-audio-preview": {
    reason: "audio tokens have their own, dearer price; the catalogue charges the text rate",
    source: OPENAI,
    at: "2026-01-01T00:00:00Z",
    classes: { input_audio: 1000 },
    only: ["input_audio", "output_audio"],
  },
  "openai/o3": {
    reason: "cached input was 2.50 before the cut of 2025-06-10",
    source: OPENAI,
    at: "2025-06-09T00:00:00Z",
    classes: { cache_read: 1000 },
    only: ["cache_read"],
  },
  "xai/grok-3-fast": {
    reason: "writing to the cache is free; the catalogue charges it as input",
    source: XAI,
    at: "2026-01-01T00:00:00Z",
    classes: { cache_write: 1000 },
    only: FREE_WRITES,
  },
  "xai/grok-4.20-multi-agent": {
    reason: "the pricing page lists the rates and the long-context band of Grok 4.20",
    source: XAI,
    at: "2026-11-23T12:00:00Z",
    classes: { input: 1000 },
  },
  "xai/grok-build-0.1": {
    reason: "searches are priced and writing to the cache is free; neither is so in the catalogue",
    source: XAI,
    at: "2026-11-23T12:00:00Z",
    classes: { cache_write: 1000 },
    only: ["web_search", ...FREE_WRITES],
  },
  "xai/grok-code-fast-1": {
    reason: "the id is served by Grok Build 0.1 at its rates, first documented on 2026-09-22",
    source: XAI,
    at: "2026-11-23T12:00:00Z",
    classes: { input: 1000 },
  },
};
