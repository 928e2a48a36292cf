import { randomUUID } from "node:crypto";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { pick, type Random } from "./support/make-usage.ts";

const STEPS = 1000;
const CHECK_EVERY = 40;
const HOUR = 3_600_000;
const STARTS_AT = Date.parse("2026-10-20T00:00:00Z");
const STATUSES = ["queued", "running", "success", "failed", "timeout", "aborted"];

const seed = Number(process.env.TALLY_SEED ?? Math.floor(Math.random() * 2 ** 32));
const random: Random = seededRandom(seed);

let database: TestDatabase;
let sql: Sql;
let organizationId: string;
/** Runs that events name, logged or not yet. */
const runs: string[] = [];
const logged = new Set<string>();

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  await sql`update tally.settings set event_late_limit = '100 years'`;
  const [row] = await sql`
    insert into public.organizations (name) values ('Executions') returning id`;
  organizationId = String(row?.id);
  await sql`select public.set_price('lab', 'echo', '{"input": 1, "output": 10}', valid_from => '2000-01-01')`;
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

async function logSomething(): Promise<void> {
  const id = runs.length === 0 || random() < 0.4 ? randomUUID() : pick(random, runs);
  const isNew = !logged.has(id);
  logged.add(id);
  if (!runs.includes(id)) runs.push(id);
  const execution = {
    organization_id: organizationId,
    id,
    status: pick(random, STATUSES),
    ...(isNew && {
      package_id: pick(random, ["a", "b", "c"]),
      created_at: new Date(STARTS_AT + Math.floor(random() * 96 * HOUR)).toISOString(),
    }),
    ...(random() < 0.5 && { duration_ms: Math.floor(random() * 10_000) }),
    ...(random() < 0.3 && { queue_time_ms: Math.floor(random() * 1000) }),
  };
  try {
    await sql`select public.log_execution(${JSON.stringify(execution)}::text::jsonb)`;
  } catch (error) {
    // What has ended does not end otherwise.
    expect((error as { code?: string }).code, JSON.stringify(execution)).toBe("PT409");
  }
}

async function recordSomething(): Promise<void> {
  // Of runs that are logged, that will be, or of none.
  const unknown = randomUUID();
  if (random() < 0.1) runs.push(unknown);
  const events = Array.from({ length: 1 + Math.floor(random() * 8) }, () => ({
    organization_id: organizationId,
    provider: "lab",
    model: pick(random, ["echo", "late"]),
    execution_id: random() < 0.8 ? pick(random, [...runs, unknown]) : null,
    input_tokens: Math.floor(random() * 1000),
    output_tokens: Math.floor(random() * 100),
    created_at: new Date(STARTS_AT + Math.floor(random() * 200 * HOUR)).toISOString(),
  }));
  await sql`select public.track_usage_batch(${JSON.stringify(events)}::text::jsonb)`;
}

/** Runs by package and status with what they used, by a GROUP BY over executions, events and adjustments. */
function countRaw(startsAt: Date, endsAt: Date) {
  return sql`
    select x.package_id, x.status, count(*)::int as runs, coalesce(sum(x.duration_ms), 0)::text as duration,
      sum(e.requests)::int as requests, sum(e.tokens)::int as tokens, trim_scale(sum(e.cost))::text as cost,
      sum(e.unpriced)::int as unpriced
    from public.executions as x
    cross join lateral (
      select count(u.id) as requests, coalesce(sum(u.total_tokens), 0) as tokens,
        coalesce(sum(coalesce(u.cost_usd, 0) + coalesce(a.delta, 0)), 0) as cost,
        count(*) filter (where u.cost_usd is null and a.delta is null) as unpriced
      from public.token_usage as u
      left join lateral (
        select sum(c.delta_usd) as delta from public.cost_adjustments as c where c.event_id = u.id
      ) as a on true
      where u.organization_id = x.organization_id and u.execution_id = x.id
    ) as e
    where x.created_at >= ${startsAt} and x.created_at < ${endsAt}
    group by 1, 2 order by 1, 2`;
}

function askRange(startsAt: Date, endsAt: Date) {
  return sql`
    select r.package_id, r.status, r.execution_count::int as runs, r.duration_ms::text as duration,
      r.request_count::int as requests, (r.input_tokens + r.output_tokens)::int as tokens,
      trim_scale(r.cost_usd)::text as cost, r.unpriced_count::int as unpriced
    from tally.package_range(${organizationId}, array[${startsAt}, ${endsAt}]::timestamptz[], '{}') as r
    order by 1, 2`;
}

function momentWithin(): Date {
  const at = STARTS_AT + random() * 96 * HOUR;
  return new Date(random() < 0.3 ? Math.floor(at / HOUR) * HOUR : Math.floor(at));
}

describe(`executions at random (TALLY_SEED=${seed})`, () => {
  test("reports equal executions and their events at every step", {
    timeout: 300_000,
  }, async () => {
    for (let step = 1; step <= STEPS; step += 1) {
      const dice = random();
      if (dice < 0.5) await logSomething();
      else if (dice < 0.85) await recordSomething();
      else if (dice < 0.95) await sql`select tally.fold(${organizationId})`;
      else if (runs.length > 0 && dice < 0.97) {
        await sql`
          select public.delete_execution(x.id) from public.executions as x where x.id = ${pick(random, runs)}`;
      } else if (step > STEPS / 2) {
        await sql`
          select public.set_price('lab', 'late', '{"input": 2, "output": 3}', valid_from => '2000-01-01')`;
        await sql`select public.rerate_usage('{}', 'priced late')`;
      }
      if (step % CHECK_EVERY === 0) {
        for (let n = 0; n < 3; n += 1) {
          const [one, other] = [momentWithin().getTime(), momentWithin().getTime()];
          const startsAt = new Date(Math.min(one, other));
          const endsAt = new Date(Math.max(one, other) + 1);
          const raw = await countRaw(startsAt, endsAt);
          expect(await askRange(startsAt, endsAt), `step ${step}`).toEqual(raw);
          const differences = await sql`
            select * from public.verify_rollup(${organizationId}, ${startsAt}, ${endsAt})`;
          expect(differences, `step ${step}`).toEqual([]);
        }
        const [list] = await sql`
          select count(*) filter (where s.total_cost_usd <> e.cost or s.request_count <> e.requests)::int as wrong,
            count(*)::int as listed, (select count(*) from public.executions where deleted_at is null)::int as logged
          from public.execution_summary as s
          cross join lateral (
            select count(*) as requests, coalesce(sum(coalesce(u.cost_usd, 0) + coalesce((
              select sum(c.delta_usd) from public.cost_adjustments as c where c.event_id = u.id), 0)), 0) as cost
            from public.token_usage as u where u.execution_id = s.id
          ) as e`;
        expect(list?.wrong, `step ${step}`).toBe(0);
        expect(list?.listed).toBe(list?.logged);
      }
    }
    await sql`select tally.fold(${organizationId})`;
    const read = () => sql`
      select execution_id, request_count, input_tokens, output_tokens, trim_scale(cost_usd) as cost, unpriced_count,
        first_event_at, last_event_at, counted_bucket, counted_package, counted_status, counted_duration_ms
      from tally.execution_totals order by execution_id`;
    const intact = await read();
    await sql`delete from tally.execution_totals where get_byte(uuid_send(execution_id), 0) < 64`;
    await sql`
      update tally.execution_totals set last_event_at = first_event_at, counted_package = 'a', cost_usd = 7
      where get_byte(uuid_send(execution_id), 0) > 192`;
    await sql`update tally.package_rollups set cost_usd = 7 where status = 'failed'`;
    await sql`select public.repair_rollup(${organizationId}, ${new Date(STARTS_AT)}, now())`;
    expect(await read()).toEqual(intact);
    expect(
      await sql`select * from public.verify_rollup(${organizationId}, ${new Date(STARTS_AT)}, now())`,
    ).toEqual([]);
    const [counted] =
      await sql`select sum(execution_count)::int as runs from tally.package_rollups where minutes = 1440`;
    expect(counted?.runs).toBeGreaterThan(10);
  });
});
