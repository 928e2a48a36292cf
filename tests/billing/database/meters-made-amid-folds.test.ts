import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRandom, readSeed } from "../../races/callers/random-source.ts";
import { createDatabase, type TestDatabase } from "../../support/create-database.ts";
import { HOUR } from "./world.ts";

const ORGANIZATIONS = 12;
const CALLERS = 6;
const ROUNDS = 300;

let database: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await createDatabase();
  // What waits for ever fails here, and so does what waits in a circle.
  const connection = { statement_timeout: 20_000 };
  sql = postgres(database.url, { max: CALLERS + 2, onnotice: () => undefined, connection });
});
afterAll(async () => {
  await sql?.end({ timeout: 5 });
  await database?.drop();
});

async function openCustomers(count: number): Promise<string[]> {
  const rows = await sql`
    insert into public.organizations (name) select 'Billed' from generate_series(1, ${count}) returning id`;
  for (const { id } of rows) {
    await sql`select public.set_billing_customer(${id}, ${`cus_${id}`}, now() - interval '30 days')`;
  }
  return rows.map(({ id }) => id);
}

async function use(organizationId: string, hoursAgo: number): Promise<void> {
  const event = {
    organization_id: organizationId,
    provider: "lab",
    model: "echo",
    cost_usd: "0.0010004",
    created_at: new Date(Date.now() - hoursAgo * HOUR).toISOString(),
  };
  await sql`select public.track_usage(${JSON.stringify(event)}::text::jsonb)`;
}

/** Takes over what is left, until nothing is. */
async function prepareAll(): Promise<void> {
  for (;;) {
    await sql`select tally.tick()`;
    await sql`select tally.prepare_billing_reports()`;
    const [open] = await sql`
      select (select count(*) from tally.usage_deltas) + (select count(*) from tally.changed_hours)
        + (select count(*) from tally.billing_accounts_to_open) as count`;
    if (Number(open?.count) === 0) return;
  }
}

test("a meter made while customers are being folded waits for none of them, and misses nothing", async () => {
  const [first = "", second = ""] = await openCustomers(2);
  for (const id of [first, second]) for (const hour of [2, 3]) await use(id, hour);
  const fold = await sql.reserve();
  await fold`begin`;
  await fold`select tally.fold(${first})`;
  await sql`select public.set_billing_meter('amid', 'requests', starts_at => '2020-01-01')`;
  await sql`select tally.prepare_billing_reports()`;
  await fold`select tally.fold(${second})`;
  await fold`commit`;
  fold.release();
  await prepareAll();
  const sums = await sql`
    select organization_id, sum(value)::int as value from public.billing_reports
    where event_name = 'amid' group by organization_id`;
  expect(Object.fromEntries(sums.map((row) => [row.organization_id, row.value]))).toEqual({
    [first]: 2,
    [second]: 2,
  });
});

test("what is being changed is not counted as it was by a report that runs meanwhile", async () => {
  const [id = ""] = await openCustomers(1);
  await use(id, 3);
  await sql`select public.set_billing_meter('changing', 'cost_usd', starts_at => '2020-01-01')`;
  await sql`select tally.tick()`;
  const billedSoFar = async () =>
    (
      await sql`
        select sum(value)::int as value from public.billing_reports
        where organization_id = ${id} and event_name = 'changing'`
    )[0]?.value;
  const other = await sql.reserve();

  // Two reports of a customer and a meter that have not met: the second comes between the steps of the first.
  await other`begin`;
  const [marked] = await other`select tally.mark_new_accounts(10)::text as accounts`;
  await sql`select tally.prepare_billing_reports()`;
  await other`
    select tally.lock_billing_accounts('{}', ${marked?.accounts}::text::tally.billing_accounts_to_open[])`;
  await other`commit`;
  await prepareAll();
  expect(await billedSoFar()).toBe(1000);

  await other`begin`;
  await use(id, 3);
  await sql`select tally.fold(${id})`;
  await other`select public.set_billing_markup(${id}, 2, now() - interval '1 day')`;
  await sql`select tally.prepare_billing_reports()`;
  await other`commit`;
  other.release();
  await prepareAll();
  expect(await billedSoFar()).toBe(4001);
  expect(await sql`select * from public.verify_billing()`).toEqual([]);
});

test("meters, markups, customers, folds and reports at once: no deadlock, every use is reported", async () => {
  const random = createRandom(readSeed());
  const organizations = await openCustomers(ORGANIZATIONS);
  const meters = ["a", "b", "c"];
  const metricOf = { a: "cost_usd", b: "requests", c: "total_tokens" } as Record<string, string>;
  const setMeter = (name: string, enabled: boolean) => sql`
    select public.set_billing_meter(${name}, ${metricOf[name] ?? ""}, starts_at => '2020-01-01', enabled => ${enabled})`;
  const twoFolds = () =>
    sql.begin(async (transaction) => {
      // As tick does, in any order; one that is being changed is left.
      for (const id of [random.pick(organizations), random.pick(organizations)]) {
        await transaction`select case when tally.try_lock_folding(${id}) then tally.fold(${id}) end`;
      }
    });
  const acts: (() => Promise<unknown>)[] = [
    () => use(random.pick(organizations), random.between(1, 40)),
    () => use(random.pick(organizations), random.between(1, 40)),
    () => use(random.pick(organizations), random.between(1, 40)),
    () => sql`select tally.tick()`,
    twoFolds,
    twoFolds,
    () => setMeter(random.pick(meters), true),
    () => setMeter(random.pick(meters), random.chance(0.5)),
    () => sql`select public.set_billing_markup(${random.pick(organizations)}, ${random.between(10, 30) / 10},
      ${new Date(Date.now() - random.between(0, 48) * HOUR).toISOString()})`,
    () => {
      const id = random.pick(organizations);
      return sql`select public.set_billing_customer(${id}, ${`cus_${id}`}, now() - interval '30 days')`;
    },
    () => sql`select tally.prepare_billing_reports(${random.between(1, 30)})`,
    () => sql`select tally.prepare_billing_reports()`,
    async () => {
      const samples = await sql`
        select identifier as key, 'no_meter' as code, 'no meter' as message
        from public.billing_reports order by random() limit 6`;
      await sql`
        select tally.receive_meter_errors(${`evt_${random.fraction()}`}, null, now() - interval '1 minute',
          now()::text::timestamptz, ${JSON.stringify(samples)}::text::jsonb)`;
    },
    async () => {
      const checks = await sql`
        select * from tally.claim_billing_checks(${random.between(1, 20)}, now() + interval '2 hours')`;
      for (const { organization_id, event_name, stripe_customer_id, hour } of checks.slice(0, 3)) {
        await sql`
          select tally.record_billing_summaries(${organization_id}, ${event_name}, ${stripe_customer_id},
            ${hour}, ${new Date(hour.getTime() + HOUR)}, '[]', false)`;
      }
    },
    async () => {
      const claims = await sql`
        select organization_id, event_name, hour, seq, lease, 'delivered' as outcome
        from tally.claim_billing_reports()`;
      await sql`
        select tally.finish_billing_reports(${claims[0]?.lease ?? null}, ${JSON.stringify(claims)}::text::jsonb)`;
    },
  ];
  const failures: string[] = [];
  const call = async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await random
        .pick(acts)()
        .catch((error: postgres.PostgresError) =>
          failures.push(`${error.message} ${error.detail}`),
        );
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  expect(failures).toEqual([]);

  for (const name of meters) await setMeter(name, true);
  await prepareAll();
  expect(await sql`select * from public.verify_billing()`).toEqual([]);
  // Said otherwise than the database says it: from the events themselves.
  const missed = await sql`
    select e.organization_id, m.event_name from (
      select organization_id, count(*) as requests from public.token_usage group by organization_id
    ) as e
    cross join (values ('b')) as m (event_name)
    where e.requests <> coalesce((
      select sum(r.value) from public.billing_reports as r
      where r.organization_id = e.organization_id and r.event_name = m.event_name), 0)`;
  expect(missed.filter(({ organization_id }) => organizations.includes(organization_id))).toEqual(
    [],
  );
});
