import type { EventRow } from "../../packages/cli/src/import/event-row.ts";
import { type Batch, prepareEvents } from "../../packages/cli/src/import/prepare-events.ts";
import { readCsv } from "../../packages/cli/src/import/read-csv.ts";
import { readNdjson } from "../../packages/cli/src/import/read-ndjson.ts";

/** The text in pieces of a few characters, so that every border is crossed somewhere. */
async function* inPieces(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

/** Everything that an iterable gives. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

const READERS = { csv: readCsv, ndjson: readNdjson };

/** All rows of a file with this text. */
export async function readRows(
  format: keyof typeof READERS,
  text: string,
  { skip = [] as string[], pieceSize = 7 } = {},
): Promise<EventRow[]> {
  return (await collect(READERS[format](inPieces(text, pieceSize), new Set(skip)))).flat();
}

/** What of these rows would be sent, in one batch. */
export async function prepareRows(rows: EventRow[]): Promise<Batch> {
  async function* each() {
    yield rows;
  }
  const [batch = { events: [], rejected: [] }] = await collect(prepareEvents(each(), 10_000));
  return batch;
}

/** The ids that these rows are sent with. */
export async function idsOf(rows: EventRow[]): Promise<string[]> {
  const { events } = await prepareRows(rows);
  return events.map(({ row, mintedId }) => mintedId ?? String(row.id));
}
