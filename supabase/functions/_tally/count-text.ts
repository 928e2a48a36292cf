import { BytePairCounter } from "./count-bpe.ts";
import { MAX_PIECE_BYTES } from "./count-merge.ts";
import type { Ranks } from "./count-table.ts";

/** What a set of texts comes to. */
export interface TextCount {
  /** o200k tokens: exact, or an upper bound where {@link is_exact} is false. */
  tokens: number;
  /** Those of `tokens` that come from pieces with a character outside ASCII. */
  wide_tokens: number;
  /** UTF-8 bytes. No byte-level tokenizer can make more tokens than this. */
  bytes: number;
  is_exact: boolean;
  /** Lookups, heap moves and pieces: proportional to the time taken, but the same on each machine. */
  operations: number;
}

/** Counts texts that are tokenized apart from each other. */
export type TextCounter = (texts: readonly string[]) => Promise<TextCount>;

export interface TextLimits {
  /** Work allowed: bytes that must be merged, plus an eighth of those of whole-word tokens. */
  budget: number;
  /** Longest stretch given to the regular expression at once, in UTF-16 units. */
  window: number;
}

/**
 * A little over a mebibyte of the worst text, or five of prose: under a second of CPU either way.
 * The window keeps V8's backtracking stack (it gives up between 4 and 8 million units) out of reach.
 */
export const TEXT_LIMITS: TextLimits = { budget: 1_200_000, window: 1_200_000 };

const KNOWN_PIECE_SHARE = 1 / 8;
const WIDE = /[\u0080-\uffff]/;
const LETTER = /\p{L}/u;
const JOINS_LETTER = /[\p{L}\p{M}'\ud800-\udfff]/u;
const JOINS_NEWLINE = /[\s/]/;

/**
 * A counter that loads the o200k ranks (2.4 MB) when it is first given text, and once.
 *
 * @throws what the import throws, on each call until one succeeds.
 */
export function createTextCounter(limits: TextLimits = TEXT_LIMITS): TextCounter {
  let loading: Promise<Tokenizer> | undefined;
  return async (texts) => {
    if (texts.every((text) => text === "")) {
      return { tokens: 0, wide_tokens: 0, bytes: 0, is_exact: true, operations: 0 };
    }
    loading ??= loadTokenizer();
    try {
      return countTexts(await loading, texts, limits);
    } catch (error) {
      loading = undefined;
      throw error;
    }
  };
}

/** The ranks, ready to count with, and the expression that cuts text into pieces. */
export interface Tokenizer {
  counter: BytePairCounter;
  pieces: RegExp;
}

async function loadTokenizer(): Promise<Tokenizer> {
  const [{ default: ranks }, { O200K_TOKEN_SPLIT_REGEX: pieces }] = await Promise.all([
    import("gpt-tokenizer/bpeRanks/o200k_base"),
    import("gpt-tokenizer/encodingParams/constants"),
  ]);
  return {
    counter: new BytePairCounter(ranks as Ranks),
    // A copy: the expression is global, and its position must be ours alone.
    pieces: new RegExp(pieces.source, pieces.flags),
  };
}

/** Counts each text exactly while the budget lasts, and by its bytes from there on. */
export function countTexts(
  { counter, pieces }: Tokenizer,
  texts: readonly string[],
  limits: TextLimits = TEXT_LIMITS,
): TextCount {
  const total = { tokens: 0, wide_tokens: 0, bytes: 0, is_exact: true, operations: 0 };
  const before = counter.operations;
  let budget = limits.budget;

  const bound = (text: string, bytes: number) => {
    total.tokens += bytes;
    if (WIDE.test(text)) total.wide_tokens += bytes;
    total.is_exact = false;
  };
  const count = (stretch: string) => {
    pieces.lastIndex = 0;
    for (let match = pieces.exec(stretch); match !== null; match = pieces.exec(stretch)) {
      const piece = match[0];
      total.operations++;
      let tokens = 1;
      if (counter.has(piece)) {
        budget -= piece.length * KNOWN_PIECE_SHARE;
      } else {
        const bytes = utf8Length(piece);
        if (bytes > budget || bytes > MAX_PIECE_BYTES) {
          bound(piece, bytes);
          continue;
        }
        budget -= bytes;
        tokens = counter.count(piece);
      }
      total.tokens += tokens;
      if (WIDE.test(piece)) total.wide_tokens += tokens;
      if (budget <= 0) {
        const rest = stretch.slice(pieces.lastIndex);
        if (rest !== "") bound(rest, utf8Length(rest));
        return;
      }
    }
  };

  for (const text of texts) {
    // Half of a surrogate pair reaches the provider as U+FFFD, so it is counted as that.
    const wellFormed = text.toWellFormed();
    total.bytes += utf8Length(wellFormed);
    for (const stretch of stretches(wellFormed, limits.window)) {
      if (budget > 0 && stretch.length <= limits.window) count(stretch);
      else bound(stretch, utf8Length(stretch));
    }
  }
  total.operations += counter.operations - before;
  return total;
}

/** The text in stretches within the window, cut where no piece can cross; all the rest where none is. */
function* stretches(text: string, window: number): Generator<string> {
  let from = 0;
  while (text.length - from > window) {
    let to = from + window;
    while (to > from && !isCut(text, to)) to--;
    if (to === from) break;
    yield text.slice(from, to);
    from = to;
  }
  if (from < text.length) yield text.slice(from);
}

/**
 * Whether a piece always ends at `at`: after a letter that nothing continues, or after a line feed
 * before something visible. Both sides then tokenize as they do together.
 */
function isCut(text: string, at: number): boolean {
  const last = text.charAt(at - 1);
  if (last === "\n") return !JOINS_NEWLINE.test(text.charAt(at));
  return LETTER.test(last) && !JOINS_LETTER.test(text.charAt(at));
}

/** Bytes of a well-formed text in UTF-8. */
export function utf8Length(text: string): number {
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    // Each half of a surrogate pair stands for two of its four bytes.
    if (unit < 0x80) length += 1;
    else if (unit < 0x800 || (unit >= 0xd800 && unit < 0xe000)) length += 2;
    else length += 3;
  }
  return length;
}
