import { describe, expect, test } from "vitest";
import type { PriceBook, RateCard } from "../../packages/cli/src/prices/book.ts";
import { diffBooks } from "../../packages/cli/src/prices/diff-book.ts";
import { findJumps } from "../../packages/cli/src/prices/find-jumps.ts";

const card: RateCard = {
  provider: "acme",
  model: "m1",
  service_tier: "standard",
  context_from: 0,
  rates: { input: "2", output: "8" },
  valid_from: "2026-01-01T00:00:00Z",
  valid_to: null,
  source_url: "https://acme.example/pricing",
  verified_at: "2026-01-02",
};
const JUNE = "2026-06-01T00:00:00Z";

function bookOf(...cards: RateCard[]): PriceBook {
  return { classes: [], fallbacks: [], cards, aliases: [], rules: [] };
}

/** The jumps when the first book becomes the second. */
function jumps(before: RateCard[], after: RateCard[]): string[] {
  const book = bookOf(...after);
  return findJumps(diffBooks(bookOf(...before), book), book).map((jump) => jump.reason);
}

describe("what changes between two books", () => {
  test("nothing, when they say the same", () => {
    expect(diffBooks(bookOf(card), bookOf({ ...card }))).toEqual({
      cards: [],
      unchanged: 1,
      references: 0,
    });
  });

  test("a new price closes the card before it and is compared with it in percent", () => {
    const after = bookOf(
      { ...card, valid_to: JUNE },
      { ...card, valid_from: JUNE, rates: { input: "1", output: "8", cache_read: "0.1" } },
    );
    expect(diffBooks(bookOf(card), after).cards).toMatchObject([
      { kind: "closed", rates: [] },
      {
        kind: "added",
        rates: [
          { class: "input", before: "2", after: "1", percent: -50 },
          { class: "cache_read", before: null, after: "0.1", percent: null },
        ],
      },
    ]);
  });

  test("a corrected, a reopened and a dropped card are told apart", () => {
    const kinds = (before: PriceBook, after: PriceBook) =>
      diffBooks(before, after).cards.map((change) => change.kind);
    const corrected = { ...card, rates: { input: "2.5", output: "8" } };
    expect(kinds(bookOf(card), bookOf(corrected))).toEqual(["changed"]);
    expect(kinds(bookOf({ ...card, valid_to: JUNE }), bookOf(card))).toEqual(["reopened"]);
    expect(kinds(bookOf(card), bookOf())).toEqual(["dropped"]);
  });

  test("the order of classes in a card is no change", () => {
    const turned = { ...card, rates: { output: "8", input: "2" } };
    expect(diffBooks(bookOf(card), bookOf(turned)).cards).toEqual([]);
  });

  test("aliases and rules that differ are counted", () => {
    const alias = { provider: "acme", alias: "m1-latest", model: "m1" };
    const after = { ...bookOf(card), aliases: [alias] };
    expect(diffBooks(bookOf(card), after).references).toBe(1);
  });
});

describe("jumps that need a person's word", () => {
  const priced = (input: string, output = "8"): RateCard => ({ ...card, rates: { input, output } });

  test.each([
    ["a cut to a fifth is the largest known", "0.4", []],
    ["a sixth is too much", "0.333", [/more than 5 times/]],
    ["five times is known", "10", []],
    ["six times is too much", "12", [/more than 5 times/]],
    ["per thousand typed as per million", "0.002", [/per thousand and per million/]],
    ["per million typed as per token", "2000000", [/per token and per million/]],
    ["free of charge all of a sudden", "0", [/free of charge/]],
  ] as const)("%s", (_, input, expected) => {
    const found = jumps([card], [priced(input)]);
    expect(found).toHaveLength(expected.length);
    for (const [index, reason] of expected.entries()) expect(found[index]).toMatch(reason);
  });

  test("all rates by one crooked factor look like another currency", () => {
    expect(jumps([card], [priced("1.846", "7.384")])).toEqual([
      expect.stringMatching(/another currency/),
    ]);
    expect(jumps([card], [priced("1.8", "7.2")])).toEqual([]);
  });

  test("a scheduled card is compared with the one it follows", () => {
    const next = { ...priced("20"), valid_from: JUNE };
    expect(jumps([card], [{ ...card, valid_to: JUNE }, next])).toEqual([
      expect.stringMatching(/input 2 -> 20 USD: more than 5 times/),
    ]);
  });

  test("a tier that costs a thousandth of the standard one is a slip", () => {
    const batch = { ...priced("0.001", "4"), service_tier: "batch" };
    expect(jumps([card], [card, batch])).toEqual([expect.stringMatching(/standard tier/)]);
    const half = { ...priced("1", "4"), service_tier: "batch" };
    expect(jumps([card], [card, half])).toEqual([]);
  });

  test("what has not changed is not asked about again", () => {
    const odd = { ...priced("20"), valid_from: JUNE };
    const book = [{ ...card, valid_to: JUNE }, odd];
    expect(jumps(book, book)).toEqual([]);
  });
});
