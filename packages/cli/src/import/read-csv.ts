import { CliError } from "../cli-error.ts";
import { convertField, describeKind } from "./convert-field.ts";
import {
  COMPUTED_COLUMNS,
  type ColumnKind,
  EVENT_COLUMNS,
  hintAtColumns,
} from "./event-columns.ts";
import type { EventRow } from "./event-row.ts";
import { type CsvRecord, splitCsv } from "./split-csv.ts";

/** A column of the file that goes into the events. */
interface Column {
  index: number;
  name: string;
  kind: ColumnKind;
  /** Its name as a JSON key, with the colon. */
  key: string;
}

/**
 * Reads events from CSV whose header has the columns of an event. An empty field is absent. A value of
 * the wrong kind becomes the problem of its row; a file whose rows cannot be told apart ends the
 * reading.
 *
 * @param skip - columns to leave out
 * @throws CliError for an unknown column or a malformed line
 */
export async function* readCsv(
  text: AsyncIterable<string>,
  skip: ReadonlySet<string>,
): AsyncGenerator<EventRow[]> {
  let header: CsvRecord | undefined;
  let columns: Column[] = [];
  for await (const records of splitCsv(text)) {
    if (!header) {
      header = records.shift() as CsvRecord;
      columns = readHeader(header, skip);
    }
    const width = header.fields.length;
    const torn = records.findIndex(({ fields }) => fields.length !== width);
    const whole = torn < 0 ? records : records.slice(0, torn);
    yield whole.map((record) => readRow(record, columns));
    const bad = records[torn];
    if (!bad) continue;
    throw new CliError(
      `Line ${bad.line} has ${bad.fields.length} fields, and the header has ${width}.`,
      "A field that holds a comma, a quote or a line break stands in double quotes.",
    );
  }
  if (!header) {
    throw new CliError("The file is empty.", "The first line of a CSV file names its columns.");
  }
}

function readHeader({ line, fields }: CsvRecord, skip: ReadonlySet<string>): Column[] {
  const names = fields.map((name) => name.trim());
  const columns: Column[] = [];
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index) {
      throw new CliError(`Line ${line} names the column ${name} twice.`, "Rename or remove one.");
    }
    if (COMPUTED_COLUMNS.includes(name) || skip.has(name)) continue;
    const kind = Object.hasOwn(EVENT_COLUMNS, name) ? EVENT_COLUMNS[name] : undefined;
    if (!kind) {
      throw new CliError(
        `Line ${line}: ${name === "" ? `column ${index + 1} has no name` : `there is no column ${name} in an event`}.`,
        names.length === 1 && /[;\t|]/.test(name)
          ? "The columns of a CSV file are parted by commas."
          : hintAtColumns(name),
      );
    }
    columns.push({ index, name, kind, key: `${JSON.stringify(name)}:` });
  }
  if (!columns.some(({ name }) => name === "created_at")) {
    throw new CliError(
      `Line ${line}: the column created_at is missing.`,
      "An import must say when each event happened, for example 2026-01-31T12:00:00Z.",
    );
  }
  return columns;
}

function readRow({ line, fields: cells }: CsvRecord, columns: readonly Column[]): EventRow {
  const fields: Record<string, unknown> = {};
  let text = "";
  let problem: EventRow["problem"];
  for (const { index, name, kind, key } of columns) {
    const cell = cells[index] ?? "";
    if (cell === "") continue;
    const converted = convertField(cell, kind);
    fields[name] = converted?.value ?? cell;
    text += `${text === "" ? "{" : ","}${key}${converted?.text ?? JSON.stringify(cell)}`;
    if (converted || problem) continue;
    problem = {
      code: "PT400",
      field: name,
      message: `${name} must be ${describeKind(kind)}, not ${JSON.stringify(cell.slice(0, 80))}.`,
    };
  }
  const row = { line, text: text === "" ? "{}" : `${text}}`, fields };
  return problem ? { ...row, problem } : row;
}
