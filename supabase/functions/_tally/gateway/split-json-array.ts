import type { Frame, Splitter } from "./split-frames.ts";

/** What is larger passes without being looked into. */
const LARGEST_ELEMENT_BYTES = 16 * 1024 * 1024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/**
 * Cuts a JSON array that arrives piece by piece into its elements: what Google streams to those who
 * do not ask for events. The bytes of a frame are those of one element, without what is between two.
 */
export class ArraySplitter implements Splitter {
  #parts: Uint8Array[] = [];
  #size = 0;
  #depth = 0;
  #isText = false;
  #isEscaped = false;

  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (this.#isText) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isText = false;
      } else if (byte === QUOTE) {
        this.#isText = true;
      } else if (OPENING.has(byte)) {
        if (++this.#depth === 1) start = at + 1;
      } else if (CLOSING.has(byte)) {
        this.#depth--;
        if (this.#depth === 1) {
          this.#keep(chunk.subarray(start, at + 1));
          frames.push(this.#take());
          start = at + 1;
        }
      } else if (byte === COMMA && this.#depth === 1) {
        start = at + 1;
      }
    }
    if (this.#depth > 1) this.#keep(chunk.subarray(start));
    return frames;
  }

  /** Nothing: an element that was not finished says nothing. */
  end(): Frame[] {
    return [];
  }

  #keep(bytes: Uint8Array): void {
    this.#size += bytes.length;
    if (this.#size > LARGEST_ELEMENT_BYTES) this.#parts = [];
    else this.#parts.push(bytes);
  }

  #take(): Frame {
    const isTooLarge = this.#size > LARGEST_ELEMENT_BYTES;
    const decoder = new TextDecoder();
    const text = this.#parts.map((part) => decoder.decode(part, { stream: true })).join("");
    const bytes = this.#parts;
    this.#parts = [];
    this.#size = 0;
    return { bytes, data: isTooLarge ? null : text.trim() };
  }
}
