import { pipeline, Readable } from "node:stream";
import { CsvError, parse } from "csv-parse";
import { CliError } from "../cli-error.ts";
import { convertField, describeKind } from "./convert-field.ts";
import { COMPUTED_COLUMNS, EVENT_COLUMNS, hintAtColumns } from "./event-columns.ts";
import type { EventRow } from "./event-row.ts";

/** A row longer than this is no event: a quote was never closed. */
const MAX_ROW_CHARACTERS = 1_000_000;

const COMPLAINTS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: "its quote is never closed",
  CSV_MAX_RECORD_SIZE:
    "it has more than a million characters, so that its quote may never be closed",
  INVALID_OPENING_QUOTE: "a quote stands in the middle of a field",
  CSV_INVALID_CLOSING_QUOTE: "text follows a closing quote",
};

/**
 * Reads events from CSV (RFC 4180, comma) whose header has the columns of an event. An empty field is
 * absent. A value of the wrong kind becomes the problem of its row; a file whose rows cannot be told
 * apart ends the reading.
 *
 * @param skip - columns to leave out
 * @throws CliError for an unknown column or a malformed line
 */
export async function* readCsv(
  text: AsyncIterable<string>,
  skip: ReadonlySet<string>,
): AsyncGenerator<EventRow> {
  let lastLine = 0;
  let carriageReturns = 0;
  const parser = parse({
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_ROW_CHARACTERS,
    // Called before the parser reads on, so that it knows the last whole row when the next is torn.
    on_record: (record, { lines }): ParsedRow => {
      // Inside quotes the parser counts both characters of a line break.
      carriageReturns += countIn(record, "\r");
      lastLine = lines - carriageReturns;
      return Object.assign(record, { line: lastLine - countIn(record, "\n") });
    },
  });
  // What goes wrong in the source destroys the parser with the same error.
  pipeline(Readable.from(text), parser, () => {});
  let columns: string[] | null = null;
  try {
    for await (const record of parser as AsyncIterable<ParsedRow>) {
      const { line } = record;
      if (!columns) {
        columns = readHeader(record, line, skip);
        continue;
      }
      if (record.length !== columns.length) {
        throw new CliError(
          `Line ${line} has ${record.length} fields, and the header has ${columns.length}.`,
          "A field that holds a comma, a quote or a line break stands in double quotes.",
        );
      }
      yield readRow(record, columns, line, skip);
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // A row begins behind the last one; where it went wrong may be the end of the file.
    throw new CliError(
      `Line ${lastLine + 1} is not CSV: ${COMPLAINTS[error.code] ?? error.message}.`,
      'Quotes inside a quoted field are doubled: "say ""hello""".',
      { cause: error },
    );
  }
  if (!columns) {
    throw new CliError("The file is empty.", "The first line of a CSV file names its columns.");
  }
}

/** The fields of a row, and where it begins. */
type ParsedRow = string[] & { line: number };

function countIn(record: string[], character: string): number {
  let count = 0;
  for (const field of record) {
    for (let at = field.indexOf(character); at >= 0; at = field.indexOf(character, at + 1)) {
      count += 1;
    }
  }
  return count;
}

function readHeader(record: string[], line: number, skip: ReadonlySet<string>): string[] {
  const columns = record.map((name) => name.trim());
  for (const [index, name] of columns.entries()) {
    if (columns.indexOf(name) !== index) {
      throw new CliError(`Line ${line} names the column ${name} twice.`, "Rename or remove one.");
    }
    if (name in EVENT_COLUMNS || COMPUTED_COLUMNS.includes(name) || skip.has(name)) continue;
    throw new CliError(
      `Line ${line}: ${name === "" ? `column ${index + 1} has no name` : `there is no column ${name} in an event`}.`,
      columns.length === 1 && /[;\t|]/.test(name)
        ? "The columns of a CSV file are parted by commas."
        : hintAtColumns(name),
    );
  }
  if (!columns.includes("created_at") || skip.has("created_at")) {
    throw new CliError(
      `Line ${line}: the column created_at is missing.`,
      "An import must say when each event happened, for example 2026-01-31T12:00:00Z.",
    );
  }
  return columns;
}

function readRow(
  record: string[],
  columns: string[],
  line: number,
  skip: ReadonlySet<string>,
): EventRow {
  const fields: Record<string, unknown> = {};
  const parts: string[] = [];
  let problem: EventRow["problem"];
  for (const [index, name] of columns.entries()) {
    const field = record[index] ?? "";
    const kind = EVENT_COLUMNS[name];
    if (field === "" || !kind || skip.has(name)) continue;
    const converted = convertField(field, kind);
    fields[name] = converted?.value ?? field;
    parts.push(`${JSON.stringify(name)}:${converted?.text ?? JSON.stringify(field)}`);
    if (converted || problem) continue;
    problem = {
      code: "PT400",
      field: name,
      message: `${name} must be ${describeKind(kind)}, not ${JSON.stringify(field.slice(0, 80))}.`,
    };
  }
  const row = { line, text: `{${parts.join(",")}}`, fields };
  return problem ? { ...row, problem } : row;
}
