import { describe, expect, test } from "vitest";
import { BOOK_START, type PriceBook, type RateCard } from "../../packages/cli/src/prices/book.ts";
import { mergeBook } from "../../packages/cli/src/prices/merge-book.ts";
import type { Catalogue } from "../../packages/cli/src/prices/read-catalogue.ts";

const JUNE = "2026-06-01T00:00:00Z";
const JULY = "2026-07-01T00:00:00Z";

function card(input: string, change: Partial<RateCard> = {}): RateCard {
  return {
    provider: "acme",
    model: "m1",
    service_tier: "standard",
    context_from: 0,
    rates: { input },
    valid_from: BOOK_START,
    valid_to: null,
    source_url: "https://acme.example/pricing",
    verified_at: "2026-01-02",
    ...change,
  };
}

function merge(overlay: Partial<PriceBook>, catalogue: Partial<Catalogue>): PriceBook {
  return mergeBook(
    { classes: [], fallbacks: [], cards: [], aliases: [], rules: [], ...overlay },
    { cards: [], aliases: [], rules: [], delegates: {}, unpriced: [], ...catalogue },
  );
}

function spans(book: PriceBook): string[] {
  return book.cards.map((c) => {
    const day = (instant: string | null) => instant?.slice(0, 10) ?? "";
    return `${c.service_tier} ${c.context_from} ${c.rates.input} ${day(c.valid_from)}..${day(c.valid_to)}`;
  });
}

describe("the overlay over the catalogue", () => {
  test("ours wins for the time it spans; theirs holds before and after", () => {
    const book = merge(
      { cards: [card("1", { valid_from: JUNE, valid_to: JULY })] },
      { cards: [card("9")] },
    );
    expect(spans(book)).toEqual([
      "standard 0 9 2020-01-01..2026-06-01",
      "standard 0 1 2026-06-01..2026-07-01",
      "standard 0 9 2026-07-01..",
    ]);
  });

  test("their dated cards keep what lies outside of ours", () => {
    const book = merge(
      { cards: [card("1", { valid_from: JUNE })] },
      { cards: [card("9", { valid_to: JULY }), card("8", { valid_from: JULY })] },
    );
    expect(spans(book)).toEqual([
      "standard 0 9 2020-01-01..2026-06-01",
      "standard 0 1 2026-06-01..",
    ]);
  });

  test("bands of two sources are never mixed", () => {
    const book = merge(
      { cards: [card("1")] },
      { cards: [card("9"), card("18", { context_from: 200_001 })] },
    );
    expect(spans(book)).toEqual(["standard 0 1 2020-01-01.."]);
  });

  test("another tier and another model are left alone", () => {
    const book = merge(
      { cards: [card("1", { service_tier: "batch" })] },
      { cards: [card("9"), card("7", { model: "m2" })] },
    );
    expect(spans(book)).toEqual([
      "standard 0 9 2020-01-01..",
      "batch 0 1 2020-01-01..",
      "standard 0 7 2020-01-01..",
    ]);
  });

  test("an id that we name otherwise is not theirs any more", () => {
    const book = merge(
      { cards: [card("1")], aliases: [{ provider: "acme", alias: "m2", model: "m1" }] },
      { cards: [card("7", { model: "m2" })] },
    );
    expect(spans(book)).toEqual(["standard 0 1 2020-01-01.."]);
    expect(book.aliases).toEqual([{ provider: "acme", alias: "m2", model: "m1" }]);
  });

  test("our rules come before theirs", () => {
    const rule = (pattern: string) => ({
      provider: "acme",
      kind: "regex" as const,
      pattern,
      model: "m1",
    });
    const book = merge({ cards: [card("1")], rules: [rule("^a$")] }, { rules: [rule("^b$")] });
    expect(book.rules.map((r) => r.pattern)).toEqual(["^a$", "^b$"]);
  });

  test("a reseller takes the first of its vendors that knows an id, and its own before all", () => {
    const of = (provider: string, model: string) => card("1", { provider, model });
    const book = merge(
      {},
      {
        cards: [
          of("shop", "own"),
          of("v1", "own"),
          of("v1", "both"),
          of("v2", "both"),
          of("v2", "late"),
        ],
        delegates: { shop: ["v1", "v2"] },
      },
    );
    expect(book.aliases).toEqual([
      { provider: "shop", alias: "both", to_provider: "v1", model: "both" },
      { provider: "shop", alias: "late", to_provider: "v2", model: "late" },
    ]);
  });
});
