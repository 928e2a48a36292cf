/** One entry per rank: the token as text or as its bytes. */
export type Ranks = readonly (string | readonly number[])[];

/** UTF-8 as it is: no mark at its beginning is dropped. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The ranks with bytes only where these are no valid UTF-8: tokens that begin with a byte order
 * mark come as bytes too, and lookups are of text.
 */
export function asTexts(ranks: Ranks): Ranks {
  return ranks.map((token) => {
    if (typeof token === "string") return token;
    try {
      return UTF8.decode(Uint8Array.from(token));
    } catch {
      return token;
    }
  });
}

/** What a lookup answers for something that is no token. */
export const NONE = -1;

/** Twice the tokens of o200k and more, so that a probe rarely meets a second entry. */
const SLOTS = 2 ** 19;

/**
 * Finds the rank of a stretch of text without cutting it out. A Map would need each stretch as a
 * string of its own, takes three times as long to fill, and 15 MB more.
 */
export class TokenTable {
  readonly #ranks: Ranks;
  /** Rank plus one; zero is an empty slot. */
  readonly #slots = new Int32Array(SLOTS);

  constructor(ranks: Ranks) {
    this.#ranks = ranks;
    for (let rank = 0; rank < ranks.length; rank++) {
      const token = ranks[rank];
      if (typeof token !== "string") continue;
      let slot = slotOf(token, 0, token.length);
      while (this.#slots[slot] !== 0) slot = (slot + 1) % SLOTS;
      this.#slots[slot] = rank + 1;
    }
  }

  /** The rank of the token that is `text` from one UTF-16 offset to another, or NONE. */
  find(text: string, from: number, to: number): number {
    let slot = slotOf(text, from, to);
    for (;;) {
      const rank = this.#slots[slot]! - 1;
      if (rank === NONE) return NONE;
      const token = this.#ranks[rank] as string;
      if (token.length === to - from && text.startsWith(token, from)) return rank;
      slot = (slot + 1) % SLOTS;
    }
  }
}

function slotOf(text: string, from: number, to: number): number {
  let hash = 0;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x9e3779b1);
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
}
