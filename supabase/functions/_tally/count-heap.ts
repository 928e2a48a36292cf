/** A heap of numbers, eight children to a node: a third of the usual depth, a cache line each. */
export class MinHeap {
  #keys: Float64Array = new Float64Array(0);
  #size = 0;
  /** Levels walked so far, for tests that count work instead of seconds. */
  moves = 0;

  /** Takes over the first `size` keys of `keys`, in any order; the rest is room to grow. */
  fill(keys: Float64Array, size: number): void {
    this.#keys = keys;
    this.#size = size;
    for (let at = (size - 2) >> 3; at >= 0; at--) this.#siftDown(at, keys[at]!);
  }

  get size(): number {
    return this.#size;
  }

  /** The smallest key; only while {@link size} is above zero. */
  get top(): number {
    return this.#keys[0]!;
  }

  /** Removes the smallest key. */
  drop(): void {
    const last = this.#keys[--this.#size]!;
    if (this.#size > 0) this.#siftDown(0, last);
  }

  /** Removes the smallest key and adds another, in one walk. */
  replaceTop(key: number): void {
    this.#siftDown(0, key);
  }

  /** Adds a key; the caller has left room for it. */
  push(key: number): void {
    const keys = this.#keys;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 3;
      const above = keys[parent]!;
      if (above <= key) break;
      keys[at] = above;
      at = parent;
      this.moves++;
    }
    keys[at] = key;
  }

  #siftDown(from: number, key: number): void {
    const keys = this.#keys;
    const size = this.#size;
    let at = from;
    for (;;) {
      const first = at * 8 + 1;
      if (first >= size) break;
      const end = first + 8 < size ? first + 8 : size;
      let least = first;
      let leastKey = keys[first]!;
      for (let child = first + 1; child < end; child++) {
        const childKey = keys[child]!;
        if (childKey < leastKey) {
          least = child;
          leastKey = childKey;
        }
      }
      if (leastKey >= key) break;
      keys[at] = leastKey;
      at = least;
      this.moves++;
    }
    keys[at] = key;
  }
}
