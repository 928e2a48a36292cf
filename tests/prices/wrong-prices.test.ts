import { describe, expect, test } from "vitest";
import { shippedBook } from "./support/price-usage.ts";

const book = shippedBook();

function listPrices(provider: string, model: RegExp) {
  return book.cards.filter(
    (card) =>
      card.provider === provider && card.service_tier === "standard" && model.test(card.model),
  );
}

/** Prices that are passed around in price tables and guides, and are wrong. */
describe("prices known to be wrong are not in the book", () => {
  test.each<[string, string, RegExp, Record<string, string>]>([
    ["the price of Opus 4.1 for Opus 4.5", "anthropic", /^claude-opus-4-5/, { input: "15" }],
    ["half of Gemini 3 Pro", "google", /^gemini-3-pro-preview$/, { input: "1.25" }],
    ["Gemini 1.5 Flash for Gemini 3 Flash", "google", /^gemini-3-flash/, { input: "0.075" }],
    ["the first snapshot's price for GPT-4o", "openai", /^gpt-4o$/, { input: "5", output: "15" }],
    ["an eighth of Veo", "google", /^veo-(2|3)\.\d-generate/, { second: "0.05" }],
    [
      "the fast Imagen's price for the others",
      "google",
      /^imagen-4\.0-(ultra-)?generate/,
      { image: "0.02" },
    ],
    ["a third of ElevenLabs", "elevenlabs", /^eleven_/, { character: "0.00003" }],
  ])("%s", (_, provider, model, wrong) => {
    const cards = listPrices(provider, model);
    expect(cards.length).toBeGreaterThan(0);
    for (const card of cards) expect(card.rates).not.toMatchObject(wrong);
  });

  test("the first snapshot of GPT-4o keeps its own price", () => {
    const [snapshot] = listPrices("openai", /^gpt-4o-2024-05-13$/);
    expect(snapshot?.rates).toMatchObject({ input: "5", output: "15" });
  });

  test("no model is charged a flat price per thousand tokens", () => {
    const flat = book.cards.filter((card) => card.provider === "platform" && "input" in card.rates);
    expect(flat).toEqual([]);
  });
});
