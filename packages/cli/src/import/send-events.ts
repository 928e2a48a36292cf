import type { Sql } from "postgres";
import { type copyEvents, findCopyable } from "./copy-events.ts";
import type { EventRow, PreparedEvent, Problem, Rejection } from "./event-row.ts";
import { isTransient, retryLost } from "./retry-lost.ts";

/** What `import_usage()` says of a batch, with the lines of what it rejected. */
export interface BatchAnswer {
  recorded: number;
  duplicates: number;
  rejected: Rejection[];
}

interface SqlAnswer {
  recorded: number;
  duplicates: number;
  rejected: (Problem & { index: number })[];
}

/** How events are sent. */
export interface Ways {
  ask: Ask;
  /** Null: as JSON only. */
  copy: typeof copyEvents | null;
}

/** Asks the database about a JSON array of events. */
export type Ask = (sql: Sql, events: string) => Promise<SqlAnswer>;

/** Records the events. */
export const askToRecord: Ask = async (sql, events) => {
  const [row] = await sql`select public.import_usage(${events}::text::jsonb) as answer`;
  return row?.answer;
};

/**
 * Sends events together: by COPY where the file allows and all of them are plain and new, else as JSON,
 * which says what is wrong with each. The ids make a lost answer harmless: what was recorded then comes
 * back as a duplicate.
 *
 * @throws what the database says when it refuses the whole import
 */
export async function sendEvents(
  sql: Sql,
  { ask, copy }: Ways,
  events: readonly PreparedEvent[],
  onRetry: (error: unknown) => void,
): Promise<BatchAnswer> {
  const rows = copy && findCopyable(events);
  if (copy && rows) {
    try {
      const recorded = await retryLost(() => copy(sql, rows), onRetry);
      return { recorded, duplicates: 0, rejected: [] };
    } catch (error) {
      if (isTransient(error)) throw error;
    }
  }
  const good = events.filter(({ row }) => !row.problem);
  const answer = await sendJson(sql, ask, good, onRetry);
  const bad = events.flatMap(({ row }) => (row.problem ? [rejectionOf(row, row.problem)] : []));
  return { ...answer, rejected: [...bad, ...answer.rejected] };
}

/** When one of them cannot even be read by Postgres, which refuses them all, the halves are sent apart until it is found. */
async function sendJson(
  sql: Sql,
  ask: Ask,
  events: readonly PreparedEvent[],
  onRetry: (error: unknown) => void,
): Promise<BatchAnswer> {
  const [first] = events;
  if (!first) return { recorded: 0, duplicates: 0, rejected: [] };
  try {
    const answer = await retryLost(() => ask(sql, `[${events.map(jsonOf).join(",")}]`), onRetry);
    const rejected = answer.rejected.flatMap(({ index, ...problem }) => {
      const event = events[index];
      return event ? [rejectionOf(event.row, problem)] : [];
    });
    return { ...answer, rejected };
  } catch (error) {
    if (!isAboutTheData(error)) throw error;
    if (events.length === 1) {
      const { code, message } = error as { code: string; message: string };
      const rejected = [rejectionOf(first.row, { code, field: null, message })];
      return { recorded: 0, duplicates: 0, rejected };
    }
    const middle = Math.ceil(events.length / 2);
    const before = await sendJson(sql, ask, events.slice(0, middle), onRetry);
    const after = await sendJson(sql, ask, events.slice(middle), onRetry);
    return {
      recorded: before.recorded + after.recorded,
      duplicates: before.duplicates + after.duplicates,
      rejected: [...before.rejected, ...after.rejected],
    };
  }
}

/** The last of two equal keys counts, so that a minted id also replaces one that is null. */
function jsonOf({ row, mintedId }: PreparedEvent): string {
  return mintedId === null ? row.text : `${row.text.slice(0, -1)},"id":"${mintedId}"}`;
}

function rejectionOf({ line, text }: EventRow, { code, field, message }: Problem): Rejection {
  return { line, event: text, code, field, message };
}

/** Values that Postgres cannot hold (22…), limits of a value (54000), constraints (23…). */
function isAboutTheData(error: unknown): boolean {
  return /^(22...|23...|54000)$/.test((error as { code?: string }).code ?? "");
}
