import type { Sql } from "postgres";
import { messageOf } from "../cli-error.ts";

const INTERVAL_MS = 5_000;
const REPORT_INTERVAL_MS = 60_000;

/**
 * Does what pg_cron and pg_net do on a hosted project: calls `tally.tick()` every few seconds, when
 * alerts are due the function that delivers them, and once a minute the one that reports usage.
 */
export function runScheduler(
  sql: Sql,
  info: { FUNCTIONS_URL: string; SECRET_KEY: string },
): { stop(): Promise<void> } {
  let timer: NodeJS.Timeout;
  let running = Promise.resolve();
  let isStopped = false;
  let reportedAt = 0;
  const tick = async () => {
    try {
      const [found] = await sql`select to_regproc('tally.tick') is not null as has_tick`;
      if (found?.has_tick) {
        await sql`select tally.tick()`;
        await deliverAlerts(sql, info);
        if (Date.now() - reportedAt >= REPORT_INTERVAL_MS && (await hasDueBilling(sql))) {
          reportedAt = Date.now();
          await call("stripe-report", info);
        }
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

type Target = { FUNCTIONS_URL: string; SECRET_KEY: string };

async function deliverAlerts(sql: Sql, target: Target): Promise<void> {
  const [row] = await sql`select tally.has_due_alerts() as is_due`;
  if (row?.is_due) await call("alerts", target);
}

async function hasDueBilling(sql: Sql): Promise<boolean> {
  const [found] = await sql`
    select to_regprocedure('tally.has_due_billing(timestamptz)') is not null as has_billing`;
  if (!found?.has_billing) return false;
  const [row] = await sql`select tally.has_due_billing() as is_due`;
  return row?.is_due;
}

async function call(name: string, { FUNCTIONS_URL, SECRET_KEY }: Target): Promise<void> {
  const answer = await fetch(`${FUNCTIONS_URL}/${name}`, {
    method: "POST",
    headers: { apikey: SECRET_KEY },
    signal: AbortSignal.timeout(60_000),
  });
  if (!answer.ok) throw new Error(`${name} answered ${answer.status}: ${await answer.text()}`);
}
