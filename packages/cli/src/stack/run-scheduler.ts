import type { Sql } from "postgres";
import { messageOf } from "../cli-error.ts";

const INTERVAL_MS = 5_000;

/**
 * Does what pg_cron and pg_net do on a hosted project: calls `tally.tick()` every few seconds and,
 * when alerts are due, the function that delivers them.
 */
export function runScheduler(
  sql: Sql,
  info: { FUNCTIONS_URL: string; SECRET_KEY: string },
): { stop(): Promise<void> } {
  let timer: NodeJS.Timeout;
  let running = Promise.resolve();
  let isStopped = false;
  const tick = async () => {
    try {
      const [found] = await sql`select to_regproc('tally.tick') is not null as has_tick`;
      if (found?.has_tick) {
        await sql`select tally.tick()`;
        await deliverAlerts(sql, info);
      }
    } catch (error) {
      console.error(`The tidy-up failed: ${messageOf(error)}`);
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

async function deliverAlerts(sql: Sql, info: { FUNCTIONS_URL: string; SECRET_KEY: string }) {
  const [row] = await sql`select tally.has_due_alerts() as is_due`;
  if (!row?.is_due) return;
  const answer = await fetch(`${info.FUNCTIONS_URL}/alerts`, {
    method: "POST",
    headers: { apikey: info.SECRET_KEY },
    signal: AbortSignal.timeout(60_000),
  });
  if (!answer.ok) throw new Error(`alerts answered ${answer.status}: ${await answer.text()}`);
}
