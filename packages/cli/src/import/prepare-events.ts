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
  const { id, createdAt } = row;
  const time = typeof createdAt === "string" ? parseTime(createdAt) : null;
  const hasId = id !== undefined && id !== null;
  // What a COPY takes is looked at only when the database does not take it.
  if (hasId && time !== null && row.csv) return { row, mintedId: null, month: monthOf(time) };
  if (row.problem) return { problem: row.problem };
  if (createdAt === undefined || createdAt === null) {
    return blame("created_at is missing: an import must say when each event happened.");
  }
  if (time === null) {
    return blame(
      `created_at must be a time with its zone, such as 2026-01-31T12:00:00Z, not ${JSON.stringify(createdAt).slice(0, 80)}.`,
    );
  }
  const mintedId = hasId ? null : mintRowId(time, row.fields, seen);
  return { row, mintedId, month: monthOf(time) };
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
