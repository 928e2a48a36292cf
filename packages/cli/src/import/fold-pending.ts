import { setTimeout as wait } from "node:timers/promises";
import type { Sql } from "postgres";
import { explainRefusal } from "./explain-refusal.ts";
import { retryLost } from "./retry-lost.ts";

/** So little a tidy-up only finds when what is left is the traffic of this moment. */
const TRAFFIC = 200;
const ROUNDS_OF_TRAFFIC = 10;
const PAUSE_MS = 250;
const PATIENCE_MS = 120_000;

/** Runs the tidy-up once: how many changes it folded, or null when another one was running. */
export async function foldOnce(sql: Sql): Promise<number | null> {
  try {
    const [row] = await retryLost(() => sql`select tally.tick() as answer`);
    return row?.answer.ran ? row.answer.folded : null;
  } catch (error) {
    throw explainRefusal(error);
  }
}

/**
 * Runs the tidy-up until nothing is pending, or nothing but the traffic of a database in use.
 *
 * @returns how many changes were folded
 */
export async function foldPending(sql: Sql): Promise<number> {
  const startedAt = Date.now();
  let folded = 0;
  let quietRounds = 0;
  while (quietRounds < ROUNDS_OF_TRAFFIC) {
    const found = await foldOnce(sql);
    if (found === 0) break;
    if (found === null) {
      if (Date.now() - startedAt > PATIENCE_MS) break;
      await wait(PAUSE_MS);
      continue;
    }
    folded += found;
    quietRounds = found < TRAFFIC ? quietRounds + 1 : 0;
  }
  return folded;
}
