import type { JsonRecord } from "../normalize/read-values.ts";
import type { NormalizedUsage } from "../normalize/types.ts";

/** What one wire format's reader knows at the end. */
export interface StreamEnd {
  usage: NormalizedUsage | null;
  /** The provider said that the answer is over. */
  isTerminal: boolean;
  /** The usage can be the last one, should the stream end here by itself. */
  isFinal: boolean;
  model: string | null;
}

/** Reads the events of one wire format. */
export interface StreamReader {
  push(event: JsonRecord): void;
  finish(): StreamEnd;
}

/** Counts emitted text; anything that is not text is ignored. */
export type Emit = (text: unknown) => void;

/** Adds a text's code points and UTF-8 bytes, right also where a chunk ends inside a pair. */
export function countText(count: { chars: number; bytes: number }, text: unknown): void {
  if (typeof text !== "string") return;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    const isHighOrLow = unit >= 0xd800 && unit <= 0xdfff;
    count.chars += unit >= 0xdc00 && unit <= 0xdfff ? 0 : 1;
    count.bytes += unit < 0x80 ? 1 : unit < 0x800 || isHighOrLow ? 2 : 3;
  }
}
