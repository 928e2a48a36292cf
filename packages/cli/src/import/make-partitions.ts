import type { Sql } from "postgres";
import { retryLost } from "./retry-lost.ts";

/**
 * Makes the partitions of months that were not met before, one caller after the other: two batches
 * that made the same months in another order would wait for each other.
 */
export function createPartitionMaker(sql: Sql): (months: Iterable<string>) => Promise<void> {
  const made = new Set<string>();
  let last: Promise<void> = Promise.resolve();
  return (months) => {
    // The partitions of the months to come are made by the tidy-up; usage of the future is refused.
    const thisMonth = new Date().toISOString().slice(0, 7);
    const missing = [...new Set(months)].filter((month) => month <= thisMonth && !made.has(month));
    if (missing.length > 0) {
      last = last.then(async () => {
        for (const month of missing.sort()) {
          const start = `${month}-01T00:00:00Z`;
          await retryLost(() => sql`select tally.ensure_partitions(${start}, ${start})`);
          made.add(month);
        }
      });
    }
    return last;
  };
}
