import { CliError } from "../cli-error.ts";

/** One row of a CSV file. */
export interface CsvRecord {
  /** Where it begins in the file, from 1. */
  line: number;
  fields: string[];
  /** As it stands in the file, without the end of its last line. */
  text: string;
}

/** A row longer than this is no event: a quote was never closed. */
const MAX_ROW_CHARACTERS = 1_000_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Splits CSV (RFC 4180, comma) into rows, as many at a time as a piece of text completes. Empty lines
 * are passed over. The rows before a malformed one come first.
 *
 * @throws CliError for a malformed row, naming its line
 */
export async function* splitCsv(text: AsyncIterable<string>): AsyncGenerator<CsvRecord[]> {
  const splitter = new Splitter();
  for await (const piece of text) yield* splitter.take(piece, false);
  yield* splitter.take("", true);
}

class Splitter {
  #text = "";
  #at = 0;
  #line = 1;

  *take(piece: string, isEnd: boolean): Generator<CsvRecord[]> {
    this.#text = this.#text.slice(this.#at) + piece;
    this.#at = 0;
    const records: CsvRecord[] = [];
    try {
      while (this.#at < this.#text.length) {
        const record = this.#readRow(isEnd);
        if (!record) break;
        if (record.text !== "") records.push(record);
      }
      if (this.#text.length - this.#at > MAX_ROW_CHARACTERS) {
        this.#refuse(
          "it has more than a million characters, so that its quote may never be closed",
        );
      }
    } catch (error) {
      if (records.length > 0) yield records;
      throw error;
    }
    if (records.length > 0) yield records;
  }

  /** The next row; null when the text ends before it does. */
  #readRow(isEnd: boolean): CsvRecord | null {
    const text = this.#text;
    const fields: string[] = [];
    let at = this.#at;
    let lines = 1;
    for (;;) {
      const isQuoted = text.charCodeAt(at) === QUOTE;
      const end = isQuoted ? this.#endOfQuoted(at, isEnd) : this.#endOfPlain(at);
      // What follows a field tells whether it is whole: a comma, the end of a line or of the file.
      const next = text.charCodeAt(end);
      const isLineEnd =
        next === LINE_FEED || (next === CARRIAGE_RETURN && text.charCodeAt(end + 1) === LINE_FEED);
      if (end < 0 || (!isEnd && end >= text.length - 1 && next !== LINE_FEED)) return null;
      if (!isLineEnd && next !== COMMA && end < text.length) {
        this.#refuse(
          isQuoted ? "text follows a closing quote" : "a quote stands in the middle of a field",
        );
      }
      const field = isQuoted ? text.slice(at + 1, end - 1) : text.slice(at, end);
      fields.push(isQuoted && field.includes('"') ? field.replaceAll('""', '"') : field);
      if (isQuoted) lines += countLineFeeds(field);
      at = end + 1;
      if (next === COMMA) continue;
      const record = { line: this.#line, fields, text: text.slice(this.#at, end) };
      this.#at = next === CARRIAGE_RETURN ? at + 1 : at;
      this.#line += lines;
      return record;
    }
  }

  /** Behind the closing quote of a field; -1 when it has not come yet. */
  #endOfQuoted(start: number, isEnd: boolean): number {
    for (let from = start + 1; ; ) {
      const close = this.#text.indexOf('"', from);
      if (close < 0) {
        if (isEnd) this.#refuse("its quote is never closed");
        return -1;
      }
      if (this.#text.charCodeAt(close + 1) !== QUOTE) return close + 1;
      from = close + 2;
    }
  }

  /** The comma, line end or quote that ends a field without quotes, or the end of the text. */
  #endOfPlain(start: number): number {
    const text = this.#text;
    let at = start;
    for (; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === COMMA || code === LINE_FEED || code === QUOTE) break;
      if (
        code === CARRIAGE_RETURN &&
        (at + 1 === text.length || text.charCodeAt(at + 1) === LINE_FEED)
      ) {
        break;
      }
    }
    return at;
  }

  #refuse(complaint: string): never {
    throw new CliError(
      `Line ${this.#line} is not CSV: ${complaint}.`,
      'Quotes inside a quoted field are doubled: "say ""hello""".',
    );
  }
}

function countLineFeeds(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}
