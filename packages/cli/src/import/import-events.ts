import type { Sql } from "postgres";
import { CliError } from "../cli-error.ts";
import type { Rejections } from "./collect-rejections.ts";
import { explainRefusal } from "./explain-refusal.ts";
import { foldOnce } from "./fold-pending.ts";
import { createPartitionMaker } from "./make-partitions.ts";
import type { Batch } from "./prepare-events.ts";
import { sendEvents, type Ways } from "./send-events.ts";

/** How far an import is. */
export interface ImportCounts {
  /** Events of the file that have an answer. */
  events: number;
  recorded: number;
  duplicates: number;
  /** Times that a connection was lost and a batch was sent again. */
  retries: number;
}

/** What an import works with. */
export interface ImportTask {
  sql: Sql;
  batches: AsyncIterable<Batch>;
  ways: Ways;
  /** Batches on their way at once. */
  connections: number;
  rejections: Rejections;
  /** Counts on while the import runs. */
  counts: ImportCounts;
  /** Nothing is written. */
  isDryRun: boolean;
}

/** What is pending slows the readers of a large import down, so it is folded on the way too. */
const EVENTS_BETWEEN_FOLDS = 500_000;

/**
 * Sends the batches, several at once, reading on only as fast as they are answered.
 *
 * @throws what the reading or the database throws, after the batches on their way have ended
 */
export async function importEvents(task: ImportTask): Promise<void> {
  const underway = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const start = (work: Promise<void>) => {
    const tracked: Promise<void> = work
      .catch((error: unknown) => void failures.push(error))
      .finally(() => underway.delete(tracked));
    underway.add(tracked);
  };
  const makePartitions = createPartitionMaker(task.sql);
  let folding = Promise.resolve();
  let eventsToFold = 0;
  try {
    for await (const batch of task.batches) {
      start(importBatch(task, batch, makePartitions));
      eventsToFold += batch.events.length;
      if (eventsToFold >= EVENTS_BETWEEN_FOLDS && !task.isDryRun) {
        eventsToFold = 0;
        // Beside the batches: the tidy-up at the end waits for one that still runs.
        folding = folding
          .then(async () => void (await foldOnce(task.sql)))
          .catch((error: unknown) => void failures.push(error));
      }
      while (underway.size >= task.connections) await Promise.race(underway);
      if (failures.length > 0) break;
    }
  } catch (error) {
    failures.push(error);
  }
  await Promise.all(underway);
  if (failures.length > 0) throw sayWhatIsDone(failures[0], task);
}

async function importBatch(
  task: ImportTask,
  batch: Batch,
  makePartitions: (months: Iterable<string>) => Promise<void>,
): Promise<void> {
  const { sql, ways, counts, rejections } = task;
  if (!task.isDryRun) await makePartitions(batch.events.map((event) => event.month));
  const answer = await sendEvents(sql, ways, batch.events, () => {
    counts.retries += 1;
  });
  counts.events += batch.events.length + batch.rejected.length;
  counts.recorded += answer.recorded;
  counts.duplicates += answer.duplicates;
  await rejections.add([...batch.rejected, ...answer.rejected].sort((a, b) => a.line - b.line));
}

function sayWhatIsDone(failure: unknown, { counts, isDryRun }: ImportTask): unknown {
  const error = explainRefusal(failure);
  if (!(error instanceof CliError) || isDryRun || counts.recorded === 0) return error;
  const done = `Recorded so far: ${counts.recorded.toLocaleString("en")}. Import the file again afterwards: those count as duplicates.`;
  return new CliError(error.message, error.hint ? `${error.hint}\n${done}` : done, {
    cause: error,
  });
}
