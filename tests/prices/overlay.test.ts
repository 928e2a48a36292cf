import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OverlayError, readOverlay } from "../../packages/cli/src/prices/read-overlay.ts";
import { PRICES_DIR, ROOT } from "./support/price-usage.ts";

const card = {
  provider: "acme",
  model: "m1",
  service_tier: "standard",
  context_from: 0,
  rates: { input: "1.50", output: "6" },
  valid_from: "2026-01-01",
  valid_to: null,
  source_url: "https://acme.example/pricing",
  verified_at: "2026-01-02",
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "prices-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function read(file: object) {
  writeFileSync(join(directory, "acme.json"), JSON.stringify(file));
  return readOverlay(directory);
}

describe("reading prices/*.json", () => {
  test("days become instants in UTC, rates lose superfluous zeros", () => {
    const [read1] = read({ cards: [card], aliases: [], rules: [] }).cards;
    expect(read1).toMatchObject({ valid_from: "2026-01-01T00:00:00Z", rates: { input: "1.5" } });
  });

  test.each([
    ["a rate as a number, which a program may have rounded", { rates: { input: 1.5 } }],
    ["a negative rate", { rates: { input: "-1" } }],
    ["a rate with an exponent", { rates: { input: "1e-6" } }],
    ["no rates", { rates: {} }],
    ["dates in reverse", { valid_from: "2026-02-01", valid_to: "2026-01-01" }],
    ["a day that does not exist", { valid_from: "2026-02-30" }],
    ["no source", { source_url: undefined }],
    ["a source that is no https address", { source_url: "http://acme.example" }],
    ["no day of verification", { verified_at: undefined }],
    ["an unknown field", { price: "1" }],
    ["half a daily window", { daily_from: "01:00:00" }],
    ["a band at a fraction of a token", { context_from: 0.5 }],
    ["a class that is no word", { rates: { "Input Tokens": "1" } }],
  ])("refuses %s", (_, change) => {
    expect(() => read({ cards: [{ ...card, ...change }], aliases: [], rules: [] })).toThrow(
      OverlayError,
    );
  });

  test.each([
    ["a currency field", { ...card, currency: "EUR" }],
    ["the word EUR", { ...card, note: "List price in EUR." }],
    ["the euro sign", { ...card, note: "€ 1.50" }],
  ])("refuses %s", (_, euros) => {
    expect(() => read({ cards: [euros], aliases: [], rules: [] })).toThrow(/USD/);
  });

  test("names file and field of a mistake", () => {
    expect(() =>
      read({ cards: [{ ...card, verified_at: "soon" }], aliases: [], rules: [] }),
    ).toThrow(/acme\.json[\s\S]*verified_at/);
  });

  test("a file that is not JSON is named", () => {
    writeFileSync(join(directory, "broken.json"), "{");
    expect(() => readOverlay(directory)).toThrow(/broken\.json: not JSON/);
  });
});

describe("our own prices", () => {
  const overlay = readOverlay(PRICES_DIR);

  test("every card was verified on a day that has been", () => {
    const today = new Date().toISOString().slice(0, 10);
    expect(overlay.cards.filter((c) => c.verified_at > today)).toEqual([]);
  });

  test("a disputed or chosen price says so in its note", () => {
    const disputed = overlay.cards.filter((c) => c.note?.startsWith("Disputed"));
    expect(disputed.map((c) => c.model)).toEqual([
      "grok-3-fast",
      "grok-code-fast-1",
      "grok-code-fast-1",
      "grok-code-fast-1",
    ]);
  });

  test("the classes are those of the database, and those it lacks are added by the book", () => {
    const sql = readFileSync(join(ROOT, "supabase/migrations/20261123000400_prices.sql"), "utf8");
    const rows = sql.matchAll(/\('(\w+)', '(input|output|unit)', '(\w+)', (null|'\w+')\)/g);
    const registered = [...rows].map(([, name, kind, plural, fallback]) => ({
      class: name,
      kind,
      plural,
      fallback: fallback === "null" ? null : fallback?.slice(1, -1),
    }));
    expect(registered.length).toBeGreaterThan(20);
    const ours = new Map(overlay.classes.map((row) => [row.class as string | undefined, row]));
    for (const row of registered) expect(ours.get(row.class)).toEqual(row);
  });
});
