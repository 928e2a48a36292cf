import type { Sql } from "postgres";
import { messageOf } from "../cli-error.ts";

const INTERVAL_MS = 5_000;

/** Does what pg_cron does on a hosted project: calls `tally.tick()` every few seconds where there is one. */
export function runScheduler(sql: Sql): { stop(): Promise<void> } {
  let timer: NodeJS.Timeout;
  let running = Promise.resolve();
  let isStopped = false;
  const tick = async () => {
    try {
      const [found] = await sql`select to_regproc('tally.tick') is not null as has_tick`;
      if (found?.has_tick) await sql`select tally.tick()`;
    } catch (error) {
      console.error(`tally.tick() failed: ${messageOf(error)}`);
    }
    if (!isStopped) schedule();
  };
  const schedule = () => {
    timer = setTimeout(() => {
      running = tick();
    }, INTERVAL_MS);
  };
  schedule();
  return {
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
