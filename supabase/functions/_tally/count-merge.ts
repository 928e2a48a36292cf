import { MinHeap } from "./count-heap.ts";
import { NONE, type Ranks, TokenTable } from "./count-table.ts";

/** Heap keys are `rank * SPAN + position`: the lowest rank first, the leftmost among equals. */
const SPAN = 2 ** 22;

/** The longest piece that can be loaded, in UTF-8 bytes. */
export const MAX_PIECE_BYTES = SPAN - 1;

/** Merges byte pairs of a loaded piece by rank, as every byte-level BPE does, in O(n log n). */
export class PairMerger {
  readonly #texts: TokenTable;
  /** Tokens that are no valid UTF-8, keyed by their bytes as one character each. */
  readonly #fragments = new Map<string, number>();
  #longestFragment = 0;
  /** Ranks of the tokens of two bytes: the first round of merges needs no strings. */
  readonly #pairs = new Int32Array(65536).fill(NONE);
  readonly #encoder = new TextEncoder();
  readonly #heap = new MinHeap();
  #piece = "";
  #bytes = new Uint8Array(0);
  #length = 0;
  /** UTF-16 offset of each byte offset, NONE inside a character; unused where the two are equal. */
  #offsets = new Int32Array(0);
  #isAscii = true;
  #next = new Int32Array(0);
  #previous = new Int32Array(0);
  #ranks = new Int32Array(0);
  #keys = new Float64Array(0);
  #lookups = 0;

  constructor(ranks: Ranks) {
    this.#texts = new TokenTable(ranks);
    for (let rank = 0; rank < ranks.length; rank++) {
      const token = ranks[rank];
      if (typeof token === "string") {
        if (token.length <= 2) this.#addPair(this.#encoder.encode(token), rank);
      } else if (token !== undefined) {
        this.#fragments.set(String.fromCharCode(...token), rank);
        this.#longestFragment = Math.max(this.#longestFragment, token.length);
        this.#addPair(token, rank);
      }
    }
  }

  /** Lookups and heap moves so far: what a test of linear time counts instead of seconds. */
  get operations(): number {
    return this.#lookups + this.#heap.moves;
  }

  /** Whether the piece is one token. */
  has(piece: string): boolean {
    return this.#texts.find(piece, 0, piece.length) !== NONE;
  }

  /** Takes a well-formed piece of at most {@link MAX_PIECE_BYTES}. Returns its length in bytes. */
  load(piece: string): number {
    if (this.#bytes.length < piece.length * 3) this.#bytes = new Uint8Array(piece.length * 3);
    this.#piece = piece;
    this.#length = this.#encoder.encodeInto(piece, this.#bytes).written;
    this.#isAscii = this.#length === piece.length;
    if (!this.#isAscii) this.#mapOffsets();
    return this.#length;
  }

  /** Forgets the piece and the room that a long one took. */
  unload(): void {
    this.#piece = "";
    if (this.#bytes.length > 65536) this.#bytes = new Uint8Array(0);
    if (this.#offsets.length > 65536) this.#offsets = new Int32Array(0);
    if (this.#keys.length > 65536) this.#reserve(0);
  }

  /** Tokens of the bytes from `start` to `end` taken alone. {@link endAfter} then tells where they end. */
  merge(start: number, end: number): number {
    const length = end - start;
    if (this.#next.length <= length) this.#reserve(length);
    const next = this.#next;
    const previous = this.#previous;
    const ranks = this.#ranks;
    const heap = this.#heap;
    this.#findPairs(start, length);
    let tokens = length;
    while (heap.size > 0) {
      const key = heap.top;
      const rank = Math.floor(key / SPAN);
      const left = key - rank * SPAN;
      if (ranks[left] !== rank) {
        heap.drop();
        continue;
      }
      tokens--;
      const right = next[left]!;
      const after = next[right]!;
      next[left] = after;
      previous[after] = left;
      ranks[right] = NONE;
      const following = after < length ? this.#rankOf(start + left, start + next[after]!) : NONE;
      ranks[left] = following;
      if (following === NONE) heap.drop();
      else heap.replaceTop(following * SPAN + left);
      if (left === 0) continue;
      const before = previous[left]!;
      const preceding = this.#rankOf(start + before, start + after);
      ranks[before] = preceding;
      if (preceding !== NONE) heap.push(preceding * SPAN + before);
    }
    return tokens;
  }

  /** After {@link merge}: where the token that starts at `offset` ends, both counted from `start`. */
  endAfter(offset: number): number {
    return this.#next[offset]!;
  }

  #findPairs(start: number, length: number): void {
    let size = 0;
    for (let at = 0; at < length; at++) {
      this.#next[at] = at + 1;
      this.#previous[at + 1] = at;
      const first = this.#bytes[start + at]!;
      const rank = at + 1 < length
        ? this.#pairs[(first << 8) | this.#bytes[start + at + 1]!]!
        : NONE;
      this.#ranks[at] = rank;
      if (rank !== NONE) this.#keys[size++] = rank * SPAN + at;
    }
    this.#lookups += length;
    this.#heap.fill(this.#keys, size);
  }

  #rankOf(start: number, end: number): number {
    this.#lookups++;
    const from = this.#isAscii ? start : this.#offsets[start]!;
    const to = this.#isAscii ? end : this.#offsets[end]!;
    if (from !== NONE && to !== NONE) return this.#texts.find(this.#piece, from, to);
    if (end - start > this.#longestFragment) return NONE;
    let fragment = "";
    for (let at = start; at < end; at++) fragment += String.fromCharCode(this.#bytes[at]!);
    return this.#fragments.get(fragment) ?? NONE;
  }

  #mapOffsets(): void {
    if (this.#offsets.length <= this.#length) this.#offsets = new Int32Array(this.#length + 1);
    const offsets = this.#offsets.fill(NONE, 0, this.#length);
    let at = 0;
    for (let index = 0; index < this.#piece.length;) {
      const code = this.#piece.codePointAt(index)!;
      offsets[at] = index;
      index += code < 0x10000 ? 1 : 2;
      at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    }
    offsets[at] = this.#piece.length;
  }

  #reserve(length: number): void {
    this.#next = new Int32Array(length + 1);
    this.#previous = new Int32Array(length + 1);
    this.#ranks = new Int32Array(length + 1);
    // Each merge takes one key out and puts two back at most.
    this.#keys = new Float64Array(2 * length);
  }

  #addPair(bytes: ArrayLike<number>, rank: number): void {
    if (bytes.length === 2) this.#pairs[(bytes[0]! << 8) | bytes[1]!] = rank;
  }
}
