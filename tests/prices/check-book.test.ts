import { describe, expect, test } from "vitest";
import type { PriceBook, RateCard } from "../../packages/cli/src/prices/book.ts";
import { checkBook } from "../../packages/cli/src/prices/check-book.ts";
import { shippedBook } from "./support/price-usage.ts";

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
const sound: PriceBook = {
  classes: [
    { class: "input", kind: "input", plural: "input", fallback: null },
    { class: "output", kind: "output", plural: "output", fallback: null },
    { class: "image", kind: "unit", plural: "images", fallback: null },
  ],
  fallbacks: [],
  cards: [card],
  aliases: [{ provider: "acme", alias: "m1-latest", model: "m1" }],
  rules: [{ provider: "acme", kind: "regex", pattern: "^m1-\\d{8}$", model: "m1" }],
};

describe("a sound book", () => {
  test("the shipped one is", () => {
    expect(checkBook(shippedBook())).toEqual([]);
  });

  test("cards that follow each other, bands, tiers and daily windows do not overlap", () => {
    const cards: RateCard[] = [
      { ...card, valid_to: "2026-06-01T00:00:00Z" },
      { ...card, valid_from: "2026-06-01T00:00:00Z" },
      { ...card, context_from: 200_001 },
      { ...card, service_tier: "batch" },
      { ...card, daily_from: "01:00:00", daily_to: "04:00:00" },
      { ...card, daily_from: "06:00:00", daily_to: "10:00:00" },
    ];
    expect(checkBook({ ...sound, cards })).toEqual([]);
  });

  test.each<[string, Partial<PriceBook>, RegExp]>([
    [
      "two cards at the same time",
      { cards: [card, { ...card, valid_from: "2026-06-01T00:00:00Z" }] },
      /overlaps the card from 2026-06-01/,
    ],
    ["the same card twice", { cards: [card, card] }, /given twice/],
    ["a class nobody knows", { cards: [{ ...card, rates: { sorbet: "1" } }] }, /not a class/],
    [
      "a price per million that was meant per billion",
      { cards: [{ ...card, rates: { input: "2500" } }] },
      /more than any price known/,
    ],
    ["an image for 400 USD", { cards: [{ ...card, rates: { image: "400" } }] }, /more than any/],
    ["a band without a first card", { cards: [{ ...card, context_from: 9 }] }, /no card from 0/],
    [
      "an alias to nowhere",
      { aliases: [{ provider: "acme", alias: "x", model: "m2" }] },
      /alias x names m2/,
    ],
    [
      "an alias that is a model",
      { aliases: [{ provider: "acme", alias: "m1", model: "m1" }] },
      /also a model/,
    ],
    [
      "a rule to nowhere",
      { rules: [{ provider: "acme", kind: "regex", pattern: "^z$", model: "m9" }] },
      /rule \^z\$ names m9/,
    ],
  ])("refuses %s", (_, change, problem) => {
    expect(checkBook({ ...sound, ...change }).join("\n")).toMatch(problem);
  });
});

describe("the bounds of what is shipped", () => {
  const book = shippedBook();
  const kinds = new Map(book.classes.map((row) => [row.class, row.kind]));

  test("no token costs more than 1,000 USD per million", () => {
    const dear = book.cards.filter((c) =>
      Object.entries(c.rates).some(([name, r]) => kinds.get(name) !== "unit" && Number(r) > 1000),
    );
    expect(dear).toEqual([]);
  });

  test("only a card that says so is free of charge", () => {
    const free = book.cards.filter((c) => Object.values(c.rates).every((rate) => rate === "0"));
    expect(free.length).toBeGreaterThan(100);
    expect(free.filter((c) => c.note !== "Free of charge.")).toEqual([]);
  });

  test("every card names an https source or a page of ours, and the day it was read", () => {
    const bare = book.cards.filter(
      (c) => !/^(https:\/\/|docs\/)/.test(c.source_url) || !/^\d{4}-\d\d-\d\d$/.test(c.verified_at),
    );
    expect(bare).toEqual([]);
  });
});
