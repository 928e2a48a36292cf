import type { Sql } from "postgres";
import type { PreparedEvent, Problem, Rejection } from "./event-row.ts";
import { retryLost } from "./retry-lost.ts";

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

/** Asks the database about a JSON array of events. */
export type Ask = (sql: Sql, events: string) => Promise<SqlAnswer>;

/** Records the events. */
export const askToRecord: Ask = async (sql, events) => {
  const [row] = await sql`select public.import_usage(${events}::text::jsonb) as answer`;
  return row?.answer;
};

/**
 * Sends events in one statement. The ids make a lost answer harmless: what was recorded then comes
 * back as a duplicate. When one of them cannot even be read by Postgres, which refuses them all, the
 * halves are sent apart until it is found.
 *
 * @throws what the database says when it refuses the whole import
 */
export async function sendEvents(
  sql: Sql,
  ask: Ask,
  events: readonly PreparedEvent[],
  onRetry: (error: unknown) => void,
): Promise<BatchAnswer> {
  const [first] = events;
  if (!first) return { recorded: 0, duplicates: 0, rejected: [] };
  const body = `[${events.map((event) => event.text).join(",")}]`;
  try {
    const answer = await retryLost(() => ask(sql, body), onRetry);
    const rejected = answer.rejected.flatMap(({ index, code, field, message }) => {
      const event = events[index];
      return event ? [{ line: event.line, event: event.original, code, field, message }] : [];
    });
    return { ...answer, rejected };
  } catch (error) {
    if (!isAboutTheData(error)) throw error;
    if (events.length === 1) {
      const { code, message } = error as { code: string; message: string };
      const { line, original } = first;
      return {
        recorded: 0,
        duplicates: 0,
        rejected: [{ line, event: original, code, field: null, message }],
      };
    }
    const middle = Math.ceil(events.length / 2);
    const before = await sendEvents(sql, ask, events.slice(0, middle), onRetry);
    const after = await sendEvents(sql, ask, events.slice(middle), onRetry);
    return {
      recorded: before.recorded + after.recorded,
      duplicates: before.duplicates + after.duplicates,
      rejected: [...before.rejected, ...after.rejected],
    };
  }
}

/** Values that Postgres cannot hold (22…), limits of a value (54000), constraints (23…). */
function isAboutTheData(error: unknown): boolean {
  return /^(22...|23...|54000)$/.test((error as { code?: string }).code ?? "");
}
