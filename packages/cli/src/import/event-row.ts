/** What is wrong with one event, as `import_usage()` says it. */
export interface Problem {
  code: string;
  field: string | null;
  message: string;
}

/** One event of a file, as it was read. */
export interface EventRow {
  /** Where it begins in the file, from 1. */
  line: number;
  /** The event as the text of a JSON object. Numbers keep every digit that the file has. */
  text: string;
  /** Its values, for looking at. */
  fields: Record<string, unknown>;
  /** Why it cannot be sent at all. */
  problem?: Problem;
}

/** An event that was not recorded. */
export interface Rejection extends Problem {
  line: number;
  /** The text of the event as a JSON object. */
  event: string;
}

/** An event that can be sent. */
export interface PreparedEvent {
  line: number;
  /** What is sent: the event with its id, as the text of a JSON object. */
  text: string;
  /** The event as the file has it. */
  original: string;
  /** Its month in UTC, such as `2026-01`: the partition it belongs to. */
  month: string;
}
