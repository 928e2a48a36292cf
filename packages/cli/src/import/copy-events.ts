import type { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { Sql } from "postgres";
import type { CsvText, PreparedEvent } from "./event-row.ts";

/** Rows of one file that a COPY reads as they stand. */
export interface CopyableRows {
  columns: readonly string[];
  text: string;
}

/** The events as CSV; null when one of them is not, or would end a COPY early. */
export function findCopyable(events: readonly PreparedEvent[]): CopyableRows | null {
  const rows: string[] = [];
  let csv: CsvText | null = null;
  for (const { row, mintedId } of events) {
    if (!row.csv || mintedId !== null) return null;
    csv = row.csv;
    rows.push(csv.row);
  }
  if (!csv) return null;
  const text = `${rows.join("\n")}\n`;
  // On a line of its own this ends the data, even inside quotes.
  if (text.includes("\\.") && /^\\\.$/m.test(text)) return null;
  return { columns: csv.columns, text };
}

/**
 * Records events by COPY into a table of the transaction, all or none.
 *
 * @returns how many
 * @throws what the database says when one of them is not plain, or recorded before
 */
export async function copyEvents(sql: Sql, { columns, text }: CopyableRows): Promise<number> {
  return await sql.begin(async (tx) => {
    await tx`create temporary table staged_events of tally.event on commit drop`;
    const names = columns.map((name) => `"${name}"`).join(", ");
    const copy = `copy pg_temp.staged_events (${names}) from stdin with (format csv, force_null (${names}))`;
    await write(await tx.unsafe(copy).writable(), text);
    const [row] = await tx`select tally.import_staged() as recorded`;
    return row?.recorded;
  });
}

/**
 * Sends everything, and does not wait for the end of the stream: it never comes when the database
 * refuses a row. The next statement of the transaction fails then.
 */
async function write(stream: Writable, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.on("error", reject);
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
  stream.end();
  // The driver takes no other statement before the stream has said that nothing more comes.
  await setImmediate();
}
