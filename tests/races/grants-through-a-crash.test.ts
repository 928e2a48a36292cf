import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { expect, test } from "vitest";
import { type Connection, openConnection } from "./callers/connection.ts";
import { startCrashingServer } from "./callers/crashing-server.ts";
import { openOrganization } from "./open-organization.ts";

const CALLERS = 32;
const LIMIT = 3000;
const AMOUNT = 7;
const FITS = Math.floor(LIMIT / AMOUNT);

interface Verdict {
  allowed: boolean;
  hold_id: string;
}

test.for([
  { admission: "asynchronous", isDurable: false },
  { admission: "durable", isDurable: true },
])(
  "a server killed amid $admission admissions has granted what fits, no more and no less",
  {
    timeout: 120_000,
    // A client may be left waiting on a socket of the killed server; what a run finds is never retried.
    retry: { count: 2, condition: /timed out/ },
  },
  async ({ isDurable }) => {
    const server = await startCrashingServer();
    try {
      const setup = postgres(server.url, { max: 1 });
      await setup`update tally.settings set durable_admission = ${isDurable}`;
      const { organizationId, event } = await openOrganization(setup, { cost_usd: LIMIT });
      await setup.end();
      const losses = { count: 0 };
      const acknowledged = new Set<string>();
      let crash: Promise<void> | undefined;

      async function askUntilRefused({ ask }: Connection): Promise<void> {
        for (;;) {
          const request = event({ estimated_cost: AMOUNT, idempotency_key: randomUUID() });
          const verdict = await ask<Verdict>("public.reserve_usage($1::text::jsonb)", request);
          if (!verdict.allowed) return;
          acknowledged.add(verdict.hold_id);
          if (acknowledged.size > FITS / 2) crash ??= server.crash();
        }
      }

      const connections = Array.from({ length: CALLERS }, () => openConnection(server.url, losses));
      await Promise.all(connections.map(askUntilRefused));
      await crash;
      // Some were refused for holds that the crash took afterwards: what is free again is asked for again.
      await Promise.all(connections.map(askUntilRefused));
      await Promise.all(connections.map((connection) => connection.close()));
      expect(losses.count).toBeGreaterThan(0);

      const sql = postgres(server.url, { max: 1 });
      const holds = await sql`
        select id from public.usage_holds
        where organization_id = ${organizationId} and state = 'open'`;
      const [quota] = await sql`
        select reserved::float8, current_usage::float8 from public.quota_status(${organizationId})`;
      expect(holds).toHaveLength(FITS);
      expect(quota).toEqual({ reserved: FITS * AMOUNT, current_usage: 0 });
      // An answer that was lost on the way came again under the request's key.
      expect(holds.filter(({ id }) => !acknowledged.has(id))).toEqual([]);

      // A hold that the crash took is still settled in full.
      const surviving = new Set(holds.map(({ id }) => id));
      const lost = [...acknowledged].filter((id) => !surviving.has(id));
      console.log(`${acknowledged.size} acknowledged, ${lost.length} of them lost by the crash`);
      if (isDurable) expect(lost).toEqual([]);
      for (const id of lost) {
        await sql`
          select public.settle_usage(${id}, ${event({ input_tokens: 1_000_000 })}::text::jsonb)`;
      }
      const [after] = await sql`
        select current_usage::float8 from public.quota_status(${organizationId})`;
      expect(after?.current_usage).toBe(lost.length);
      expect(await sql`select * from public.verify_ledger()`).toEqual([]);
      await sql.end();
    } finally {
      await server.stop();
    }
  },
);
