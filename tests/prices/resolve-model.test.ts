import { type Provider, waitForUpdate } from "@pydantic/genai-prices";
import { beforeAll, describe, expect, test } from "vitest";
import { readMatch, ruleMatches } from "../../packages/cli/src/prices/match-rules.ts";
import { providerName } from "../../packages/cli/src/prices/read-catalogue.ts";
import { createResolver } from "../../packages/cli/src/prices/resolve-model.ts";
import { shippedBook } from "./support/price-usage.ts";

const book = shippedBook();
const resolve = createResolver(book);

describe("ids as users write them", () => {
  test.each([
    ["openai", "gpt-4o", "gpt-4o"],
    ["openai", "gpt-4o-2024-08-06", "gpt-4o"],
    ["openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"],
    ["openai", "openai/gpt-4o", "gpt-4o"],
    ["openai", "gpt-5.6", "gpt-5.6-sol"],
    ["openai", "gpt-6.1-sol-2026-09-29", "gpt-6.1-sol"],
    ["openai", "ft:gpt-4o-mini-2024-07-18:acme::x1", "ft:gpt-4o-mini"],
    ["anthropic", "claude-opus-4-5-20251101", "claude-opus-4-5"],
    ["anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4-0"],
    ["anthropic", "claude-sonnet-5-5-20260928", "claude-sonnet-5-5"],
    ["anthropic", "claude-3-5-haiku-20241022", "claude-3-5-haiku-latest"],
    ["google", "models/gemini-2.5-pro", "gemini-2.5-pro"],
    ["google", "gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"],
    ["google", "gemini-3-pro", "gemini-3-pro-preview"],
    ["google", "gemini-3-pro-preview-11-2025", "gemini-3-pro-preview"],
    ["xai", "x-ai/grok-4.5", "grok-4.5"],
    ["xai", "grok-4", "grok-4-0709"],
    [
      "aws",
      "us.anthropic.claude-opus-4-5-20251101-v1:0",
      "regional.anthropic.claude-opus-4-5-v1:0",
    ],
    [
      "aws",
      "anthropic.claude-3-5-sonnet-20241022-v2:0",
      "regional.anthropic.claude-3-5-sonnet-20241022-v2:0",
    ],
    ["google", "publishers/anthropic/models/claude-opus-4-6@20260205", "claude-opus-4-6"],
  ])("%s %s is priced as %s", (provider, id, model) => {
    expect(resolve(provider, id)?.model).toBe(model);
  });

  test("a reseller finds the models of those it resells, at their prices", () => {
    expect(resolve("azure", "gpt-4o")).toEqual({ provider: "openai", model: "gpt-4o" });
    expect(resolve("azure", "claude-opus-4-5")).toEqual({
      provider: "anthropic",
      model: "claude-opus-4-5",
    });
    expect(resolve("google", "claude-opus-4-5")).toEqual({
      provider: "anthropic",
      model: "claude-opus-4-5",
    });
  });

  test.each([
    ["openai", "gpt-9"],
    ["openai", "gpt-4o-mini-lite"],
    ["anthropic", "claude-sonnet-5-7"],
    ["anthropic", "claude-opus-5-9-20270101"],
    ["google", "gemini-1.5-flash-8b"],
    ["google", "gemini-2.5-flash-lite-preview-tts-x"],
    ["deepseek", "deepseek-r1-distill-llama-70b"],
    ["aws", "amazon.titan-embed-text-v2:0"],
    ["nobody", "gpt-4o"],
  ])("%s %s is nobody's price", (provider, id) => {
    expect(resolve(provider, id)).toBeNull();
  });
});

describe("an id never takes another model's price", () => {
  /** How a release of a known model is named. */
  const SNAPSHOTS = ["-20270131", "-2027-01-31", "@20270131", "-latest", "-preview", "-v1:0"];

  test("a snapshot of a known id is that model or nothing", () => {
    const ids = [
      ...new Map(book.cards.map((card) => [`${card.provider}\t${card.model}`, card])).values(),
    ].map((card) => [card.provider, card.model] as const);
    const wrong = ids.flatMap(([provider, id]) =>
      SNAPSHOTS.flatMap((snapshot) => {
        const known = resolve(provider, id + snapshot);
        const isExact = book.aliases.some(
          (alias) => alias.provider === provider && alias.alias === id + snapshot,
        );
        return known === null || known.model === id || known.model === id + snapshot || isExact
          ? []
          : [`${provider}/${id}${snapshot} -> ${known.model}`];
      }),
    );
    expect(wrong).toEqual([]);
  });
});

describe("ids that the catalogue documents", () => {
  let providers: Provider[] = [];
  beforeAll(async () => {
    providers = (await waitForUpdate()) ?? [];
  });

  test("each is priced as the model that lists it, or as a model of our own", () => {
    const ours = new Set(book.aliases.map((alias) => `${alias.provider}\t${alias.alias}`));
    const wrong = providers.flatMap((provider) => {
      const name = providerName(provider.id);
      const seen = new Set<string>();
      return provider.models.flatMap((model) =>
        readMatch(model.match).ids.flatMap((id) => {
          if (seen.has(id) || provider.models.some((other) => other.id === id)) return [];
          seen.add(id);
          const found = resolve(name, id);
          const isPriced = book.cards.some((c) => c.provider === name && c.model === model.id);
          if (found?.model === model.id || !isPriced) return [];
          // Ours: a model of its own in the overlay, or an alias of it.
          if (found?.model === id || ours.has(`${name}\t${id}`)) return [];
          return [`${name}/${id} -> ${found?.model ?? "nothing"}, not ${model.id}`];
        }),
      );
    });
    expect(wrong).toEqual([]);
  });
});

describe("match rules of the catalogue", () => {
  const recognizes = (match: Parameters<typeof readMatch>[0], id: string) =>
    readMatch(match).patterns.some((pattern) => ruleMatches(pattern, id));

  test.each([
    ["claude-sonnet-5", "claude-sonnet-5-20260101", true],
    ["claude-sonnet-5", "claude-sonnet-5-5", false],
    ["claude-sonnet-5", "claude-sonnet-5.5", false],
    ["gemini-3.5-flash-lite", "gemini-3.5-flash-lite-preview-06-17", true],
    ["gemini-3.5-flash", "gemini-3.5-flash-lite", false],
    ["deepseek-r1", "deepseek-r1-distill-llama-70b", false],
  ])("a prefix %s on %s: %s", (prefix, id, isKnown) => {
    expect(recognizes({ starts_with: prefix }, id)).toBe(isKnown);
  });

  test.each([
    ["claude-opus-4-5", "eu.anthropic.claude-opus-4-5-20251101-v1:0", true],
    ["claude-opus-4-5", "my-claude-opus-4-50", false],
    ["gemini-1.5-flash", "gemini-1.5-flash-8b", false],
    ["gemini-1.5-flash", "models/gemini-1.5-flash-002", true],
  ])("a substring %s in %s: %s", (text, id, isKnown) => {
    expect(recognizes({ contains: text }, id)).toBe(isKnown);
  });
});
