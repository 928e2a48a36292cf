import { pipeline, Readable } from "node:stream";
import { CsvError, parse } from "csv-parse";
import { CliError } from "../cli-error.ts";
import { convertField, describeKind } from "./convert-field.ts";
import { COMPUTED_COLUMNS, EVENT_COLUMNS, hintAtColumns } from "./event-columns.ts";
import type { EventRow } from "./event-row.ts";

/** A row longer than this is no event: a quote was never closed. */
const MAX_ROW_CHARACTERS = 1_000_000;

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
  const parser = parse({
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_ROW_CHARACTERS,
  });
  // What goes wrong in the source destroys the parser with the same error.
  pipeline(Readable.from(text), parser, () => {});
  let columns: string[] | null = null;
  try {
    for await (const { record, info } of parser as AsyncIterable<ParsedRow>) {
      const line = info.lines - countLineBreaks(record);
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
    throw new CliError(
      `Line ${error.lines} is not CSV: ${error.message}.`,
      'Quotes inside a quoted field are doubled: "say ""hello""".',
      { cause: error },
    );
  }
  if (!columns) {
    throw new CliError("The file is empty.", "The first line of a CSV file names its columns.");
  }
}

interface ParsedRow {
  record: string[];
  info: { lines: number };
}

function countLineBreaks(record: string[]): number {
  let breaks = 0;
  for (const field of record) {
    for (let at = field.indexOf("\n"); at >= 0; at = field.indexOf("\n", at + 1)) breaks += 1;
  }
  return breaks;
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
    const shown = field.length > 80 ? `${field.slice(0, 80)}…` : field;
    problem = {
      code: "PT400",
      field: name,
      message: `${name} must be ${describeKind(kind)}, not ${shown}.`,
    };
  }
  const row = { line, text: `{${parts.join(",")}}`, fields };
  return problem ? { ...row, problem } : row;
}
