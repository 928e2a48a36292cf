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

/** What the header of a file says. */
interface Columns {
  /** Those that go into the events. */
  taken: readonly Column[];
  width: number;
  id: number | undefined;
  createdAt: number;
  /** Their names, when all of them go into the events. */
  names: readonly string[] | null;
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
  let columns: Columns | undefined;
  for await (const records of splitCsv(text)) {
    columns ??= readHeader(records.shift() as CsvRecord, skip);
    const known = columns;
    const { width } = columns;
    const torn = records.findIndex(({ fields }) => fields.length !== width);
    const whole = torn < 0 ? records : records.slice(0, torn);
    yield whole.map((record) => new CsvRow(record, known));
    const bad = records[torn];
    if (!bad) continue;
    throw new CliError(
      `Line ${bad.line} has ${bad.fields.length} fields, and the header has ${width}.`,
      "A field that holds a comma, a quote or a line break stands in double quotes.",
    );
  }
  if (!columns) {
    throw new CliError("The file is empty.", "The first line of a CSV file names its columns.");
  }
}

function readHeader({ line, fields }: CsvRecord, skip: ReadonlySet<string>): Columns {
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
  const find = (wanted: string) => columns.find(({ name }) => name === wanted)?.index;
  const createdAt = find("created_at");
  if (createdAt === undefined) {
    throw new CliError(
      `Line ${line}: the column created_at is missing.`,
      "An import must say when each event happened, for example 2026-01-31T12:00:00Z.",
    );
  }
  const isWhole = columns.length === names.length;
  return {
    taken: columns,
    width: names.length,
    id: find("id"),
    createdAt,
    names: isWhole ? names : null,
  };
}

/** A row of a CSV file, which becomes JSON only where somebody asks for it. */
class CsvRow implements EventRow {
  readonly line: number;
  readonly id: string | undefined;
  readonly createdAt: string | undefined;
  readonly csv: EventRow["csv"];
  readonly #cells: readonly string[];
  readonly #columns: readonly Column[];
  #converted: Pick<EventRow, "text" | "fields" | "problem"> | undefined;

  constructor(record: CsvRecord, { taken, id, createdAt, names }: Columns) {
    this.line = record.line;
    this.id = (id !== undefined && record.fields[id]) || undefined;
    this.createdAt = record.fields[createdAt] || undefined;
    this.csv = names && { columns: names, row: record.text };
    this.#cells = record.fields;
    this.#columns = taken;
  }

  get text(): string {
    return this.#convert().text;
  }

  get fields(): Record<string, unknown> {
    return this.#convert().fields;
  }

  get problem(): EventRow["problem"] {
    return this.#convert().problem;
  }

  #convert() {
    this.#converted ??= convertRow(this.#cells, this.#columns);
    return this.#converted;
  }
}

function convertRow(cells: readonly string[], columns: readonly Column[]) {
  const fields: Record<string, unknown> = {};
  const parts: string[] = [];
  let problem: EventRow["problem"];
  for (const { index, name, kind, key } of columns) {
    const cell = cells[index] ?? "";
    if (cell === "") continue;
    const converted = convertField(cell, kind);
    fields[name] = converted?.value ?? cell;
    parts.push(key + (converted?.text ?? JSON.stringify(cell)));
    if (converted || problem) continue;
    problem = {
      code: "PT400",
      field: name,
      message: `${name} must be ${describeKind(kind)}, not ${JSON.stringify(cell.slice(0, 80))}.`,
    };
  }
  return { text: `{${parts.join(",")}}`, fields, problem };
}
