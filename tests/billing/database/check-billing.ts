import { expect } from "vitest";
import { HOUR, type World } from "./world.ts";

interface Report {
  event_name: string;
  kind: string;
  customer: string;
  hour: string;
  billed_hour: string;
  value: string;
  amount: string;
}

/**
 * Everything that must be true once all is sent: read from the events themselves, from the reports, and
 * from what the fake has counted, hour by hour.
 */
export async function checkBilling(world: World): Promise<void> {
  const { sql } = world;
  expect(await sql`select * from public.verify_billing()`).toEqual([]);
  expect(await sql`select * from public.billing_reports where state <> 'delivered'`).toEqual([]);
  const reports = await sql<Report[]>`
    select r.event_name, r.kind, r.stripe_customer_id as customer, to_json(r.hour)#>>'{}' as hour,
      to_json(r.billed_hour)#>>'{}' as billed_hour, r.value::text, r.amount::text
    from public.billing_reports as r`;
  await compareWithEvents(world, reports);
  compareWithStripe(world, reports);
}

/** What the raw events of an hour come to is what was reported for it, exactly. */
async function compareWithEvents({ sql }: World, reports: Report[]): Promise<void> {
  const rows = await sql<{ key: string; amount: string; total: string }[]>`
    with raw as (
      select e.organization_id, e.created_at, e.cost_usd, e.total_tokens::numeric as tokens, 1::numeric as requests
      from public.token_usage as e
      union all
      select a.organization_id, a.event_created_at, a.delta_usd, 0, 0 from public.cost_adjustments as a
    ),
    billed as (
      select c.organization_id, m.event_name,
        date_trunc('hour', r.created_at, 'UTC') as hour,
        sum(case m.event_name
          when 'spend' then coalesce(r.cost_usd, 0) * 1000000 * coalesce((
            select k.factor from public.billing_markups as k
            where k.organization_id = c.organization_id and k.starts_at <= date_trunc('hour', r.created_at, 'UTC')
            order by k.starts_at desc limit 1), 1)
          when 'tokens' then r.tokens
          else r.requests end) as amount
      from public.billing_customers as c
      join raw as r on r.organization_id = c.organization_id
      cross join public.billing_meters as m
      where c.billed_during && tstzrange(
        date_bin('15 minutes', r.created_at, 'epoch'), date_bin('15 minutes', r.created_at, 'epoch') + interval '15 minutes')
      group by 1, 2, 3
    )
    select concat_ws(' ', b.event_name, b.organization_id, to_json(b.hour)#>>'{}') as key,
      trim_scale(b.amount)::text as amount, null as total
    from billed as b where b.amount <> 0
    union all
    select concat_ws(' ', b.event_name, b.organization_id), trim_scale(sum(b.amount))::text, floor(sum(b.amount))::text
    from billed as b group by b.event_name, b.organization_id having floor(sum(b.amount)) <> 0`;
  const reported = await sql<{ key: string; amount: string; total: string }[]>`
    select concat_ws(' ', r.event_name, r.organization_id, to_json(r.hour)#>>'{}') as key,
      trim_scale(sum(r.amount))::text as amount, null as total
    from public.billing_reports as r group by r.event_name, r.organization_id, r.hour having sum(r.amount) <> 0
    union all
    select concat_ws(' ', r.event_name, r.organization_id), trim_scale(sum(r.amount))::text,
      sum(r.value) filter (where r.kind = 'usage')::text
    from public.billing_reports as r group by r.event_name, r.organization_id
    having sum(r.value) filter (where r.kind = 'usage') <> 0`;
  const sorted = (list: readonly { key: string }[]) =>
    [...list].map((row) => ({ ...row })).sort((a, b) => (a.key < b.key ? -1 : 1));
  expect(sorted(reported)).toEqual(sorted(rows));
  expect(reports.every(({ value }) => /^-?\d+$/.test(value))).toBe(true);
}

/** Of every customer, meter and hour Stripe has counted what was billed there: no more and no less. */
function compareWithStripe({ fake }: World, reports: Report[]): void {
  const billed = new Map<string, number>();
  const add = (eventName: string, customer: string, hour: string, value: number) => {
    const key = `${eventName} ${customer} ${new Date(hour).toISOString()}`;
    billed.set(key, (billed.get(key) ?? 0) + value);
  };
  for (const { event_name, customer, kind, hour, billed_hour, value } of reports) {
    add(event_name, customer, billed_hour, Number(value));
    // A repair stands in for what never arrived in its hour.
    if (kind === "repair") add(event_name, customer, hour, -Number(value));
  }
  const counted = new Map<string, number>();
  const customers = new Set(reports.map(({ customer }) => customer));
  for (const { eventName, payload, timestamp } of fake.account.usage.events) {
    const customer = payload.stripe_customer_id ?? "";
    if (!customers.has(customer)) continue;
    const hour = Math.floor(timestamp / HOUR) * HOUR;
    const key = `${eventName} ${customer} ${new Date(hour).toISOString()}`;
    counted.set(key, fake.total(eventName, customer, hour));
  }
  const filled = (totals: Map<string, number>) =>
    [...totals].filter(([, value]) => value !== 0).sort();
  expect(filled(counted)).toEqual(filled(billed));
}
