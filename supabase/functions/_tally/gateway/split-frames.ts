/** One frame of an event stream. */
export interface Frame {
  /** Its bytes as they came, the blank line that ends it included. */
  bytes: Uint8Array[];
  /** Its data lines, joined; null for a comment, or a frame too large to look into. */
  data: string | null;
}

/** Cuts a stream of bytes into what can be looked into. */
export interface Splitter {
  /** Takes a piece of the stream and gives back the frames that it completes. */
  push(chunk: Uint8Array): Frame[];
  /** What is left when the stream is over. */
  end(): Frame[];
}

/** For streams of nothing but data, such as sound: there is nothing to look into. */
export const NO_FRAMES: Splitter = { push: () => [], end: () => [] };

/**
 * Events that carry images hold megabytes beside their usage; whatever is larger passes without being
 * looked into.
 */
const LARGEST_FRAME_BYTES = 16 * 1024 * 1024;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Cuts a stream of bytes into the frames of server-sent events, wherever the pieces were cut: inside
 * a character, a line, a frame. Joined, the frames are the bytes that came in, unchanged. Memory stays
 * bounded by the largest frame that is looked into.
 */
export class FrameSplitter implements Splitter {
  #parts: Uint8Array[] = [];
  #size = 0;
  #isTooLarge = false;
  /** Bytes of the line that the next piece continues; a lone CR among them counts as blank. */
  #lineLength = 0;
  #lineIsReturn = false;
  readonly #largest: number;

  /** @param largest bytes of the largest frame that is looked into */
  constructor(largest = LARGEST_FRAME_BYTES) {
    this.#largest = largest;
  }

  /** Takes a piece of the stream and gives back the frames that it completes. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let frameStart = 0;
    let lineStart = 0;
    for (
      let end = chunk.indexOf(LINE_FEED);
      end !== -1;
      end = chunk.indexOf(LINE_FEED, lineStart)
    ) {
      const isBlank = this.#isBlankLine(chunk, lineStart, end);
      lineStart = end + 1;
      this.#lineLength = 0;
      this.#lineIsReturn = false;
      if (!isBlank) continue;
      this.#keep(chunk.subarray(frameStart, lineStart));
      frames.push(this.#take());
      this.#isTooLarge = false;
      frameStart = lineStart;
    }
    const rest = chunk.length - lineStart;
    if (rest > 0) {
      this.#lineIsReturn = this.#lineLength === 0 && rest === 1 &&
        chunk[lineStart] === CARRIAGE_RETURN;
      this.#lineLength += rest;
    }
    this.#keep(chunk.subarray(frameStart));
    if (this.#size > this.#largest) this.#isTooLarge = true;
    if (this.#isTooLarge && this.#size > 0) frames.push(this.#take());
    return frames;
  }

  /** The bytes after the last blank line, when the stream is over. */
  end(): Frame[] {
    return this.#size > 0 ? [this.#take()] : [];
  }

  #isBlankLine(chunk: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (this.#lineLength === 0) {
      return length === 0 || (length === 1 && chunk[start] === CARRIAGE_RETURN);
    }
    return this.#lineIsReturn && length === 0;
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.#size += bytes.length;
  }

  #take(): Frame {
    const bytes = this.#parts;
    const data = this.#isTooLarge ? null : readData(bytes);
    this.#parts = [];
    this.#size = 0;
    return { bytes, data };
  }
}

const DATA = "data: ";

function readData(parts: Uint8Array[]): string | null {
  const text = decode(parts);
  // Nearly every frame is one line of data.
  const end = text.indexOf("\n");
  if (text.startsWith(DATA) && end !== -1 && /^\r?\n?$/.test(text.slice(end + 1))) {
    return text.slice(DATA.length, text[end - 1] === "\r" ? end - 1 : end);
  }
  const lines = [];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("data:")) lines.push(line.slice(line[5] === " " ? 6 : 5));
  }
  return lines.length === 0 ? null : lines.join("\n");
}

const WHOLE = new TextDecoder();

function decode(parts: Uint8Array[]): string {
  if (parts.length === 1) return WHOLE.decode(parts[0]);
  const decoder = new TextDecoder();
  const text = parts.map((part) => decoder.decode(part, { stream: true })).join("");
  return text + decoder.decode();
}
