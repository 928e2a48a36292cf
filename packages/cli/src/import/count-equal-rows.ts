/**
 * Counts how often each row has been seen, by 64 bits of its hash: about 25 bytes per different row,
 * where a `Map` takes a hundred. Two rows that share those bits do no harm: the count only tells apart
 * rows that are equal, and the others are told apart by the rest of their hash.
 */
export class EqualRows {
  #capacity = 4096;
  #size = 0;
  #high = new Uint32Array(this.#capacity);
  #low = new Uint32Array(this.#capacity);
  /** How often; 0 marks a free place. */
  #counts = new Uint32Array(this.#capacity);

  /** @returns how many rows with this hash were counted before */
  countNext(hash: Buffer): number {
    if (this.#size * 10 > this.#capacity * 7) this.#grow();
    const place = this.#find(hash.readUInt32LE(8), hash.readUInt32LE(12));
    const earlier = this.#counts[place] ?? 0;
    if (earlier === 0) this.#size += 1;
    this.#counts[place] = earlier + 1;
    return earlier;
  }

  /** The place of these bits, which are written there when they are new. */
  #find(high: number, low: number): number {
    const mask = this.#capacity - 1;
    let place = low & mask;
    while (this.#counts[place] !== 0 && (this.#low[place] !== low || this.#high[place] !== high)) {
      place = (place + 1) & mask;
    }
    this.#high[place] = high;
    this.#low[place] = low;
    return place;
  }

  #grow(): void {
    const [high, low, counts] = [this.#high, this.#low, this.#counts];
    this.#capacity *= 2;
    this.#high = new Uint32Array(this.#capacity);
    this.#low = new Uint32Array(this.#capacity);
    this.#counts = new Uint32Array(this.#capacity);
    for (const [place, count] of counts.entries()) {
      if (count === 0) continue;
      this.#counts[this.#find(high[place] ?? 0, low[place] ?? 0)] = count;
    }
  }
}
