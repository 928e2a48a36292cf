import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";
import { runPgbench } from "../run-pgbench.ts";
import { callOf } from "./scripts.ts";

/** What one open snapshot does to one organization. */
export interface SnapshotResult {
  /** Seconds of a window, and calls per second in each: before, while it is open, after. */
  window_s: number;
  before: number[];
  open: number[];
  after: number[];
  /** What tally.health said while it was open: who, and how old the transaction was by then. */
  alert: { subject: string; age_s: number } | null;
}

/** 8 clients call; meanwhile somebody reads with a snapshot that stays open. */
export async function measureSnapshot(url: string, openFor: number): Promise<SnapshotResult> {
  const window = 5;
  const around = 2 * window;
  const sql = postgres(url, { max: 2, onnotice: () => undefined });
  try {
    const running = runPgbench(url, callOf(1), { clients: 8, seconds: openFor + 2 * around });
    // With the two seconds that pgbench is given to warm up.
    await delay((around + 2) * 1_000);
    let alert: SnapshotResult["alert"] = null;
    await sql.begin("isolation level repeatable read", async (reader) => {
      await reader`select count(*) from public.usage_quotas`;
      await delay((openFor - 2) * 1_000);
      const [row] = await sql<{ subject: string; age_s: number }[]>`
        select subject, extract(epoch from clock_timestamp() - since)::int as age_s
        from tally.health where problem like 'a transaction keeps%'`;
      alert = row ?? null;
      await delay(2_000);
    });
    const { by_second } = await running;
    const rates = Array.from({ length: by_second.length / window }, (_, index) => {
      const seconds = by_second.slice(index * window, (index + 1) * window);
      return Math.round(seconds.reduce((sum, calls) => sum + calls, 0) / window);
    });
    const opened = around / window;
    const closed = opened + openFor / window;
    return {
      window_s: window,
      before: rates.slice(0, opened),
      open: rates.slice(opened, closed),
      after: rates.slice(closed),
      alert,
    };
  } finally {
    await sql.end();
  }
}
