import { PairMerger } from "./count-merge.ts";
import { asTexts, type Ranks } from "./count-table.ts";

/** Bytes merged at once: what is touched stays in the processor's cache. */
const CHUNK = 4096;

/**
 * Counts the tokens of one pre-tokenized piece, exactly and in linear time.
 *
 * The usual implementations look through the whole piece for each merge: 100 kB of one letter
 * takes them 17 s. Here a long piece is merged in chunks, which are then put together. That rests
 * on a property of byte-pair encoding: a row of tokens is the encoding of its text exactly when
 * each two neighbours are the encoding of theirs. So only the tokens around a seam are merged
 * again, as far out as it takes for both ends of that stretch to fit their neighbours.
 */
export class BytePairCounter {
  readonly #merger: PairMerger;
  readonly #chunk: number;

  /** `chunk` is for tests: short pieces in tiny chunks have the seams of very long ones. */
  constructor(ranks: Ranks, chunk: number = CHUNK) {
    this.#merger = new PairMerger(asTexts(ranks));
    this.#chunk = chunk;
  }

  /** Work done so far: the same on each machine, unlike seconds. */
  get operations(): number {
    return this.#merger.operations;
  }

  /** Whether the piece is one token. */
  has(piece: string): boolean {
    return this.#merger.has(piece);
  }

  /** Tokens of a well-formed piece of at most `MAX_PIECE_BYTES`. */
  count(piece: string): number {
    const length = this.#merger.load(piece);
    const tokens = length <= this.#chunk ? this.#merger.merge(0, length) : this.#countLong(length);
    this.#merger.unload();
    return tokens;
  }

  #countLong(length: number): number {
    const done = new Tokens(length);
    for (let from = 0; from < length; from += this.#chunk) {
      const added = this.#encode(from, Math.min(from + this.#chunk, length));
      // A seam whose effects reach this far could cost as much at every chunk: merge all at once.
      if (!this.#join(done, added)) return this.#merger.merge(0, length);
    }
    return done.size;
  }

  /** Appends what follows, merging again what the seam kept apart. False: that reaches too far. */
  #join(done: Tokens, added: Tokens): boolean {
    if (done.size === 0 || this.#fit(done.startOf(done.size - 1), done.end, added.endOf(0))) {
      done.append(added, 0);
      return true;
    }
    for (let reach = 4; reach <= this.#chunk; reach *= 4) {
      const kept = Math.max(0, done.size - reach);
      const replaced = Math.min(added.size, reach);
      const from = done.startOf(kept);
      const to = added.endOf(replaced - 1);
      const middle = this.#encode(from, to);
      if (
        (kept === 0 || this.#fit(done.startOf(kept - 1), from, middle.endOf(0))) &&
        (replaced === added.size ||
          this.#fit(middle.startOf(middle.size - 1), to, added.endOf(replaced)))
      ) {
        done.size = kept;
        done.append(middle, 0);
        done.append(added, replaced);
        return true;
      }
    }
    return false;
  }

  /** Whether two neighbouring tokens are also the encoding of their text taken together. */
  #fit(start: number, between: number, end: number): boolean {
    return this.#merger.merge(start, end) === 2 && this.#merger.endAfter(0) === between - start;
  }

  #encode(from: number, to: number): Tokens {
    const tokens = new Tokens(this.#merger.merge(from, to), from);
    for (let at = 0; at < to - from;) {
      at = this.#merger.endAfter(at);
      tokens.push(from + at);
    }
    return tokens;
  }
}

/** A row of tokens, each known by the byte offset where it ends. */
class Tokens {
  size = 0;
  readonly #ends: Int32Array;
  readonly #start: number;

  constructor(capacity: number, start = 0) {
    this.#ends = new Int32Array(capacity);
    this.#start = start;
  }

  get end(): number {
    return this.startOf(this.size);
  }

  startOf(index: number): number {
    return index === 0 ? this.#start : this.#ends[index - 1]!;
  }

  endOf(index: number): number {
    return this.#ends[index]!;
  }

  push(end: number): void {
    this.#ends[this.size++] = end;
  }

  append(others: Tokens, from: number): void {
    this.#ends.set(others.#ends.subarray(from, others.size), this.size);
    this.size += others.size - from;
  }
}
