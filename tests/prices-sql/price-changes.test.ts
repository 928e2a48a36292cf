import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/create-database.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { openLedger } from "./support/open-ledger.ts";

const seed = Number(process.env.TALLY_SEED ?? Math.floor(Math.random() * 2 ** 32));
const random = seededRandom(seed);
/** When the prices of these tests change, and the last millisecond before. */
const T = "2026-11-01T00:00:00.000Z";
const BEFORE_T = "2026-10-31T23:59:59.999Z";
const ORDERS = [
  [BEFORE_T, T],
  [T, BEFORE_T],
];

let database: TestDatabase;
let sql: Sql;
let organizationId: string;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  organizationId = await openLedger(sql);
});

afterAll(async () => {
  await sql.end();
  await database.drop();
});

async function setPrice(model: string, input: string, from: string): Promise<void> {
  await sql`
    select public.set_price('lab', ${model}, jsonb_build_object('input', ${input}::numeric),
      valid_from => ${from}::timestamptz)`;
}

function event(model: string, createdAt: string, tokens = 3): Record<string, unknown> {
  return {
    organization_id: organizationId,
    provider: "lab",
    model,
    created_at: createdAt,
    classes: { input: tokens },
  };
}

async function track(model: string, createdAt: string): Promise<string | null> {
  const [row] = await sql`
    select public.track_usage(${JSON.stringify(event(model, createdAt))}::text::jsonb)
      ->> 'cost_usd' as cost`;
  return row?.cost ?? null;
}

async function trackBatch(events: readonly unknown[]): Promise<void> {
  const [row] = await sql`
    select public.track_usage_batch(${JSON.stringify(events)}::text::jsonb) as answer`;
  expect(row?.answer).toEqual({ recorded: events.length, duplicates: 0, rejected: [] });
}

/** Re-rates one model; money as text, with every digit. */
async function rerate(model: string, isDryRun: boolean): Promise<Record<string, unknown>> {
  const filters = JSON.stringify({ organization_id: organizationId, provider: "lab", model });
  const [row] = await sql`
    select a.answer || jsonb_build_object('delta_usd', a.answer ->> 'delta_usd') as answer
    from (
      select public.rerate_usage(${filters}::text::jsonb, 'a card came late', ${isDryRun}) as answer
    ) as a`;
  return row?.answer ?? {};
}

/** What the summary says that a model cost, to the last digit. */
async function summary(model: string): Promise<string | null> {
  const [row] = await sql`
    select trim_scale(sum(s.total_cost_usd))::text as cost
    from public.usage_summary as s
    where s.organization_id = ${organizationId} and s.model = ${model}`;
  return row?.cost ?? null;
}

async function isUnpriced(model: string): Promise<boolean> {
  const rows = await sql`
    select from public.unpriced_usage as v
    where v.organization_id = ${organizationId} and v.model = ${model}`;
  return rows.length > 0;
}

describe("a price that changes at T", () => {
  test.each(ORDERS)("one by one, first %s, then %s", async (...moments) => {
    const model = `echo-${moments[0]}`;
    await setPrice(model, "7", "2026-01-01T00:00:00Z");
    await setPrice(model, "11", T);
    const costs = new Map<string, string | null>();
    for (const moment of moments) costs.set(moment, await track(model, moment));
    expect(Object.fromEntries(costs)).toEqual({ [BEFORE_T]: "0.000021", [T]: "0.000033" });
  });

  test(`in batches of any order (TALLY_SEED=${seed})`, async () => {
    await setPrice("mixed", "7", "2026-01-01T00:00:00Z");
    await setPrice("mixed", "11", T);
    const offsets = Array.from({ length: 300 }, () => Math.floor(random() * 2_001) - 1_000);
    const moments = [...offsets, -1, 0, 1].map((ms) => new Date(Date.parse(T) + ms).toISOString());
    const shuffled = moments
      .map((moment) => ({ moment, place: random() }))
      .toSorted((a, b) => a.place - b.place)
      .map(({ moment }) => event("mixed", moment));
    for (let start = 0; start < shuffled.length; start += 50) {
      await trackBatch(shuffled.slice(start, start + 50));
    }
    const rows = await sql`
      select u.created_at >= ${T}::timestamptz as after, u.cost_usd::text as cost, count(*)::int
      from public.token_usage as u
      where u.organization_id = ${organizationId} and u.model = 'mixed'
      group by 1, 2 order by 1`;
    const late = moments.filter((moment) => moment >= T).length;
    expect([...rows]).toEqual([
      { after: false, cost: "0.000021", count: moments.length - late },
      { after: true, cost: "0.000033", count: late },
    ]);
  });

  test("of the book: Gemini's flash models double at the new year", async () => {
    const cost = async (createdAt: string) => {
      const call = { ...event("gemini-3.8-flash", createdAt, 1_000), provider: "google" };
      const [row] = await sql`
        select public.track_usage(${JSON.stringify(call)}::text::jsonb) ->> 'cost_usd' as cost`;
      return row?.cost;
    };
    expect(await cost("2027-01-01T00:00:00.000Z")).toBe("0.0015");
    expect(await cost("2026-12-31T23:59:59.999Z")).toBe("0.00075");
  });

  test("a scheduled price that is withdrawn never was", async () => {
    const at = new Date(Date.now() + 86_400_000).toISOString();
    await setPrice("hesitant", "7", "2026-01-01T00:00:00Z");
    const [scheduled] = await sql`
      select public.set_price('lab', 'hesitant', '{"input": 11}', valid_from => ${at}) as id`;
    expect(await track("hesitant", at)).toBe("0.000033");
    await sql`select public.withdraw_price(${scheduled?.id})`;
    expect(await track("hesitant", at)).toBe("0.000021");
    const run = await rerate("hesitant", false);
    expect(run).toMatchObject({ events: 1, newly_priced: 0, delta_usd: "-0.000012" });
    expect(await summary("hesitant")).toBe("0.000042");
  });
});

describe("a card that comes after its events", () => {
  /** Re-rates dry, for real, and once more. */
  async function expectRun(model: string, expected: Record<string, unknown>): Promise<void> {
    const before = await summary(model);
    const dry = await rerate(model, true);
    expect(dry).toEqual({ dry_run: true, ...expected });
    expect(await summary(model)).toBe(before);
    expect(await rerate(model, false)).toEqual({ ...dry, dry_run: false });
    const nothing = { events: 0, newly_priced: 0, delta_usd: "0" };
    expect(await rerate(model, false)).toEqual({ dry_run: false, ...nothing });
    expect(await rerate(model, true)).toEqual({ dry_run: true, ...nothing });
  }

  test("prices what was unpriced, from its own moment on", async () => {
    await trackBatch([event("late", T, 1_000), event("late", BEFORE_T, 500), event("late", T, 7)]);
    expect(await isUnpriced("late")).toBe(true);
    await setPrice("late", "0.000013", T);
    await expectRun("late", { events: 2, newly_priced: 2, delta_usd: "0.000000013091" });
    expect(await summary("late")).toBe("0.000000013091");
    expect(await isUnpriced("late")).toBe(true);

    await setPrice("late", "2", "2026-01-01T00:00:00Z");
    await expectRun("late", { events: 1, newly_priced: 1, delta_usd: "0.001" });
    expect(await summary("late")).toBe("0.001000013091");
    expect(await isUnpriced("late")).toBe(false);
  });

  test("changes only what happened since, and the audit says from what to what", async () => {
    await setPrice("corrected", "7", "2026-01-01T00:00:00Z");
    await trackBatch([event("corrected", T), event("corrected", BEFORE_T)]);
    expect(await summary("corrected")).toBe("0.000042");
    await setPrice("corrected", "5", T);
    await expectRun("corrected", { events: 1, newly_priced: 0, delta_usd: "-0.000006" });
    expect(await summary("corrected")).toBe("0.000036");
    const rows = await sql`
      select a.event_created_at = ${T}::timestamptz as is_at_t, a.old_cost_usd::text as old,
        a.new_cost_usd::text as new, a.delta_usd::text as delta, a.reason,
        o.input_cost_per_million::text as old_rate, n.input_cost_per_million::text as new_rate
      from public.cost_adjustments as a
      join public.cost_estimates as o on o.id = a.old_price_id
      join public.cost_estimates as n on n.id = a.new_price_id
      where a.organization_id = ${organizationId} and a.model = 'corrected'`;
    expect([...rows]).toEqual([
      {
        is_at_t: true,
        old: "0.000021",
        new: "0.000015",
        delta: "-0.000006",
        reason: "a card came late",
        old_rate: "7",
        new_rate: "5",
      },
    ]);
    const [unchanged] = await sql`
      select sum(u.cost_usd)::text as cost from public.token_usage as u
      where u.organization_id = ${organizationId} and u.model = 'corrected'`;
    expect(unchanged?.cost).toBe("0.000042");
  });

  test("twice changed, the second difference starts from the first", async () => {
    await setPrice("restless", "7", "2026-01-01T00:00:00Z");
    await trackBatch([event("restless", "2026-11-03T00:00:00Z")]);
    await setPrice("restless", "5", T);
    await expectRun("restless", { events: 1, newly_priced: 0, delta_usd: "-0.000006" });
    await setPrice("restless", "9", "2026-11-02T00:00:00Z");
    await expectRun("restless", { events: 1, newly_priced: 0, delta_usd: "0.000012" });
    expect(await summary("restless")).toBe("0.000027");
    const healthy = await sql`select * from public.verify_ledger(${organizationId})`;
    expect([...healthy]).toEqual([]);
  });
});
