import fc from "fast-check";
import ranks from "gpt-tokenizer/bpeRanks/o200k_base";
import { O200K_TOKEN_SPLIT_REGEX } from "gpt-tokenizer/encodingParams/constants";
import { describe, expect, test, vi } from "vitest";
import { BytePairCounter } from "../../supabase/functions/_tally/count-bpe.ts";
import {
  countTexts,
  createTextCounter,
  TEXT_LIMITS,
  utf8Length,
} from "../../supabase/functions/_tally/count-text.ts";
import { exactTokens } from "./oracle.ts";
import { TEXT_KINDS } from "./texts.ts";

// Much work on purpose, and the machine may be busy: no test here is about seconds.
vi.setConfig({ testTimeout: 120_000 });

const tokenizer = { counter: new BytePairCounter(ranks), pieces: O200K_TOKEN_SPLIT_REGEX };
/** Seams every few bytes, so that short texts have as many as very long ones. */
const seamed = [4, 5, 8, 13, 32].map((chunk) => new BytePairCounter(ranks, chunk));

const words = ranks.filter((rank): rank is string => typeof rank === "string");
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc
    .array(fc.nat(words.length - 1), { maxLength: 60 })
    .map((indexes) => indexes.map((index) => words[index]).join("")),
  fc
    .tuple(fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 }), fc.nat(100))
    .map(([unit, times]) => unit.repeat(times)),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 }).map(fromUnits),
);

function fromUnits(units: number[]): string {
  return String.fromCharCode(...units);
}

function count(text: string, limits = TEXT_LIMITS) {
  return countTexts(tokenizer, [text], limits);
}

describe("the count of a text", () => {
  test("is the exact number of o200k tokens", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(count(text)).toMatchObject({ tokens: exactTokens(text), is_exact: true });
      }),
      { numRuns: 1_500 },
    );
  });

  test.each(TEXT_KINDS)("is exact for $name", ({ make }) => {
    const text = make(1_200);
    expect(count(text).tokens).toBe(exactTokens(text));
  });

  test("is exact where a text begins with a byte order mark", () => {
    for (const text of ["\ufeff", "\ufeff\ufeff", "\ufeff// a", "a\ufeff\n"]) {
      expect(count(text).tokens).toBe(exactTokens(text));
    }
  });

  test("takes half of a surrogate pair as the replacement character it becomes", () => {
    for (const text of ["\ud83d", "a\udc00b", "\udc00\ud83d", "\ud83dx"]) {
      expect(count(text).tokens).toBe(exactTokens(text.toWellFormed()));
    }
  });

  test("takes special tokens for the text that they are", () => {
    expect(count("<|endoftext|>").tokens).toBe(exactTokens("<|endoftext|>"));
    expect(count("<|endoftext|>").tokens).toBeGreaterThan(1);
  });

  test("is not the sum over slices, which can be too small", () => {
    expect(count("etiroe").tokens).toBe(exactTokens("etiroe"));
    expect(exactTokens("eti") + exactTokens("roe")).toBeLessThan(exactTokens("etiroe"));
  });

  test("is that of its parts where texts are separate", () => {
    const { tokens, bytes } = countTexts(tokenizer, ["un", "", "believable"]);
    expect(tokens).toBe(exactTokens("un") + exactTokens("believable"));
    expect(bytes).toBe(12);
  });

  test("tells tokens outside ASCII apart, which other tokenizers cut finer", () => {
    const { tokens, wide_tokens } = count("plain words and 漢字");
    expect(wide_tokens).toBeGreaterThan(0);
    expect(wide_tokens).toBe(tokens - exactTokens("plain words and"));
    expect(count("plain words").wide_tokens).toBe(0);
  });
});

describe("a long piece", () => {
  test("merged in chunks comes to what it does at once", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const piece = text.toWellFormed();
        fc.pre(piece !== "");
        const atOnce = tokenizer.counter.count(piece);
        expect(seamed.map((counter) => counter.count(piece))).toEqual(seamed.map(() => atOnce));
      }),
      { numRuns: 1_500 },
    );
  });

  test.each(TEXT_KINDS)(
    "of $name is cut between windows without changing the count",
    ({ make }) => {
      const text = make(1_200);
      const { tokens, is_exact } = count(text, { ...TEXT_LIMITS, window: 97 });
      // Where nothing marks the end of a piece, the stretch is counted by its bytes instead.
      if (is_exact) expect(tokens).toBe(exactTokens(text));
      else expect(tokens).toBeGreaterThanOrEqual(exactTokens(text));
    },
  );

  test("window cuts are found in prose and code", () => {
    for (const kind of TEXT_KINDS.slice(0, 3)) {
      expect(count(kind.make(1_200), { ...TEXT_LIMITS, window: 400 }).is_exact).toBe(true);
    }
  });
});

describe("work", () => {
  test.each(TEXT_KINDS)("grows in proportion to the length of $name", ({ make }) => {
    const small = count(make(16_384)).operations;
    const large = count(make(131_072)).operations;
    expect(large / small).toBeLessThan(8 * 1.15);
  });

  test.each(TEXT_KINDS)("fits a mebibyte of $name", ({ make }) => {
    expect(count(make(2 ** 20)).is_exact).toBe(true);
  });

  test("stops at the budget, and the rest counts as its bytes", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 0, max: 300 }), (text, budget) => {
        const bounded = count(text, { ...TEXT_LIMITS, budget });
        expect(bounded.tokens).toBeGreaterThanOrEqual(exactTokens(text));
        expect(bounded.tokens).toBeLessThanOrEqual(utf8Length(text.toWellFormed()));
      }),
      { numRuns: 500 },
    );
  });

  test("is bounded for a text of any size", () => {
    const huge = count("zq".repeat(8 * 2 ** 20));
    expect(huge).toMatchObject({ tokens: 16 * 2 ** 20, is_exact: false });
    expect(huge.operations).toBeLessThan(10);
    const many = count("zqx ".repeat(2 ** 21));
    expect(many.is_exact).toBe(false);
    expect(many.operations).toBeLessThan(12 * TEXT_LIMITS.budget);
  });

  test("fits four mebibytes of prose, most of which needs no merging", () => {
    const [prose] = TEXT_KINDS;
    const text = prose?.make(4 * 2 ** 20) ?? "";
    expect(count(text).is_exact).toBe(true);
  });
});

describe("the lazy counter", () => {
  test("counts, and loads nothing for no text", async () => {
    const counter = createTextCounter();
    expect(await counter(["", ""])).toMatchObject({ tokens: 0, is_exact: true, operations: 0 });
    expect(await counter(["hello world"])).toMatchObject({ tokens: 2, bytes: 11 });
  });
});

test("bytes are those of UTF-8", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const wellFormed = text.toWellFormed();
      expect(utf8Length(wellFormed)).toBe(Buffer.byteLength(wellFormed));
    }),
  );
});
