/** What is wrong with one event, as `import_usage()` says it. */
export interface Problem {
  code: string;
  field: string | null;
  message: string;
}

/** An event as the text of its CSV row. */
export interface CsvText {
  /** The columns of the file, all of which are columns of an event. */
  columns: readonly string[];
  row: string;
}

/** One event of a file, as it was read. */
export interface EventRow {
  /** Where it begins in the file, from 1. */
  line: number;
  id: unknown;
  createdAt: unknown;
  /** What a COPY reads; null where only JSON says it. */
  csv: CsvText | null;
  /** The event as the text of a JSON object. Numbers keep every digit that the file has. */
  text: string;
  /** Its values, for looking at. */
  fields: Record<string, unknown>;
  /** Why it cannot be sent at all. */
  problem?: Problem | undefined;
}

/** An event that was not recorded. */
export interface Rejection extends Problem {
  line: number;
  /** The text of the event as a JSON object. */
  event: string;
}

/** An event that can be sent. */
export interface PreparedEvent {
  row: EventRow;
  /** The id that was made for it; null: it has one. */
  mintedId: string | null;
  /** Its month in UTC, such as `2026-01`: the partition it belongs to. */
  month: string;
}
