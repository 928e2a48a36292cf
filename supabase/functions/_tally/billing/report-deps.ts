import type { Database } from "../database.ts";
import type { MeterSink } from "./meter-sink.ts";

/** What reporting needs from outside. */
export interface ReportDeps {
  database: Database;
  sink: MeterSink;
  /** Milliseconds since 1970; only spans of it matter. */
  now: () => number;
  /** The moment of every statement, ISO 8601; the database's own clock when absent. */
  at?: () => string;
  /** No new reports are claimed after so long. */
  timeLimitMs?: number;
  /** Nor after so many were sent. */
  maxReports?: number;
}

/** The moment that statements are told; null: their own clock. */
export function atOf({ at }: Pick<ReportDeps, "at">): string | null {
  return at?.() ?? null;
}

/** The age of the oldest event that a sink takes, as an interval. */
export function oldestOf(sink: MeterSink): string {
  return `${sink.oldestDays} days`;
}
