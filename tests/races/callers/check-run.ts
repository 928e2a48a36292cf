import postgres from "postgres";
import { expect } from "vitest";
import type { RunResult } from "./run-callers.ts";

/** Compares what the callers were told with what the database says, before and after folding. */
export async function checkRun(url: string, { arena, recorded, ...run }: RunResult): Promise<void> {
  const sql = postgres(url, { max: 1 });
  try {
    expect(run.errors).toEqual([]);
    expect(run.overspent).toEqual([]);
    expect(await sql`select * from public.verify_ledger()`).toEqual([]);

    const organizations = [...arena.strict, ...arena.loose];
    const rows = await sql`
      select id, input_tokens::float8, output_tokens::float8
      from public.token_usage where organization_id = any (${organizations})`;
    const told = [...recorded].map(([id, { input_tokens, output_tokens }]) => ({
      id,
      input_tokens,
      output_tokens,
    }));
    expect(byId(rows.map((row) => ({ ...row }) as Row))).toEqual(byId(told as Row[]));

    await sql`select tally.fold(id) from unnest(${organizations}::uuid[]) as id`;
    expect(await sql`select * from tally.usage_deltas`).toEqual([]);
    expect(await sql`select * from public.verify_ledger()`).toEqual([]);
    const [row] = await sql`
      select deadlocks::int from pg_stat_database where datname = current_database()`;
    expect(row?.deadlocks).toBe(0);
  } finally {
    await sql.end();
  }
}

interface Row {
  id: string;
  input_tokens: number;
  output_tokens: number;
}

const byId = (rows: Row[]) => rows.sort((a, b) => a.id.localeCompare(b.id));
