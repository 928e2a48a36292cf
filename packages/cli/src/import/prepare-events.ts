import { EqualRows } from "./count-equal-rows.ts";
import type { EventRow, PreparedEvent, Problem, Rejection } from "./event-row.ts";
import { mintRowId } from "./mint-row-id.ts";
import { parseTime } from "./parse-time.ts";

/** Events to send together, and those of the same stretch of the file that cannot be sent. */
export interface Batch {
  events: PreparedEvent[];
  rejected: Rejection[];
}

/** Gives each event its id and packs them into batches of at most `size`. */
export async function* prepareEvents(
  rows: AsyncIterable<readonly EventRow[]>,
  size: number,
): AsyncGenerator<Batch> {
  const seen = new EqualRows();
  let batch: Batch = { events: [], rejected: [] };
  for await (const some of rows) {
    for (const row of some) {
      const prepared = prepareEvent(row, seen);
      if ("problem" in prepared) {
        batch.rejected.push({ line: row.line, event: row.text, ...prepared.problem });
      } else {
        batch.events.push(prepared);
      }
      if (batch.events.length + batch.rejected.length >= size) {
        yield batch;
        batch = { events: [], rejected: [] };
      }
    }
  }
  if (batch.events.length + batch.rejected.length > 0) yield batch;
}

function prepareEvent(row: EventRow, seen: EqualRows): PreparedEvent | { problem: Problem } {
  if (row.problem) return { problem: row.problem };
  const { id, created_at: createdAt } = row.fields;
  if (createdAt === undefined || createdAt === null) {
    return blame("created_at is missing: an import must say when each event happened.");
  }
  const time = typeof createdAt === "string" ? parseTime(createdAt) : null;
  if (time === null) {
    return blame(
      `created_at must be a time with its zone, such as 2026-01-31T12:00:00Z, not ${JSON.stringify(createdAt).slice(0, 80)}.`,
    );
  }
  const base = { line: row.line, original: row.text, month: monthOf(time) };
  if (id !== undefined && id !== null) return { ...base, text: row.text };
  // The last of two equal keys counts, so that it also replaces an id that is null.
  const text = `${row.text.slice(0, -1)},"id":"${mintRowId(time, row.fields, seen)}"}`;
  return { ...base, text };
}

const monthsByDay = new Map<number, string>();

/** The month of a time in UTC, such as `2026-01`. */
function monthOf(time: number): string {
  const day = Math.floor(time / 86_400_000);
  const known = monthsByDay.get(day);
  if (known !== undefined) return known;
  const month = new Date(time).toISOString().slice(0, 7);
  monthsByDay.set(day, month);
  return month;
}

function blame(message: string): { problem: Problem } {
  return { problem: { code: "PT400", field: "created_at", message } };
}
