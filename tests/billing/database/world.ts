import { type FakeStripe, startFakeStripe } from "@tallybase/fake-stripe";
import postgres, { type Sql } from "postgres";
import type { StripeSettings } from "../../../supabase/functions/_tally/billing/billing-settings.ts";
import type { MeterSink } from "../../../supabase/functions/_tally/billing/meter-sink.ts";
import { openStripe } from "../../../supabase/functions/_tally/billing/open-stripe.ts";
import { stripeSink } from "../../../supabase/functions/_tally/billing/stripe-sink.ts";
import { stripeStreamSink } from "../../../supabase/functions/_tally/billing/stripe-stream-sink.ts";
import { type Database, openDatabase } from "../../../supabase/functions/_tally/database.ts";
import { createDatabase } from "../../support/create-database.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** How long a call waits for the fake: it answers in a millisecond, or on purpose never. */
const CALL_TIMEOUT_MS = 150;

/** The meters of the tests: cost with its remainders, and two that are whole by nature. */
export const METERS = ["spend", "tokens", "requests"] as const;

/** A database, a fake Stripe with the meters in both, and a clock that they share. */
export interface World {
  sql: Sql;
  database: Database;
  fake: FakeStripe;
  clock: { now: number };
  settings: StripeSettings;
  databaseUrl: string;
  sink: MeterSink;
  /** The other way to Stripe: its checks come later. */
  streamSink: MeterSink;
  close(): Promise<void>;
}

/** @param startsAt ms since 1970: where the shared clock begins */
export async function openWorld(startsAt: number): Promise<World> {
  const clock = { now: startsAt };
  const fake = await startFakeStripe({ now: () => clock.now, lagMs: 10 * MINUTE });
  const testDatabase = await createDatabase();
  const sql = postgres(testDatabase.url, { max: 4, onnotice: () => undefined });
  const database = openDatabase(testDatabase.url, 8);
  const settings = { apiKey: "sk_test_fake", apiUrl: new URL(fake.url) };
  const stripe = openStripe(settings);
  await sql`update tally.settings set event_late_limit = '400 days'`;
  await sql`select tally.ensure_partitions(now() - interval '200 days', now() + interval '1 month')`;
  const metrics = { spend: "cost_usd", tokens: "total_tokens", requests: "requests" };
  for (const name of METERS) {
    const meter = await stripe.billing.meters.create({
      display_name: name,
      event_name: name,
      default_aggregation: { formula: "sum" },
    });
    await sql`select public.set_billing_meter(${name}, ${metrics[name]}, stripe_meter_id => ${meter.id},
      starts_at => '2020-01-01')`;
  }
  return {
    sql,
    database,
    fake,
    clock,
    settings,
    databaseUrl: testDatabase.url,
    sink: stripeSink(openStripe(settings, CALL_TIMEOUT_MS)),
    streamSink: stripeStreamSink(settings, () => clock.now, CALL_TIMEOUT_MS),
    close: async () => {
      await sql.end();
      // The functions' own pool has no end: it lives as long as its process.
      await testDatabase.drop();
      await fake.close();
    },
  };
}

let customers = 0;

/** A customer that Stripe knows. */
export function openCustomerId({ fake }: World): string {
  customers += 1;
  const customerId = `cus_${customers}`;
  fake.account.usage.customers.add(customerId);
  return customerId;
}

/** An organization that is billed from a moment on, and its customer. */
export async function openCustomer(
  world: World,
  startsAt: number,
): Promise<{ organizationId: string; customerId: string }> {
  const { sql } = world;
  const customerId = openCustomerId(world);
  const [row] = await sql`insert into public.organizations (name) values ('Billed') returning id`;
  const organizationId: string = row?.id;
  await sql`select public.set_billing_customer(${organizationId}, ${customerId},
    ${new Date(startsAt).toISOString()})`;
  return { organizationId, customerId };
}

/** Records one use at a moment. */
export async function use(
  { sql }: World,
  organizationId: string,
  at: number,
  event: Record<string, unknown> = {},
): Promise<void> {
  const body = {
    organization_id: organizationId,
    provider: "lab",
    model: "echo",
    input_tokens: 1000,
    output_tokens: 0,
    cost_usd: "0.001",
    created_at: new Date(at).toISOString(),
    ...event,
  };
  await sql`select public.track_usage(${JSON.stringify(body)}::text::jsonb)`;
}

/** Forgets everybody who is billed, so that the next test begins with nobody. */
export async function forgetCustomers(
  { sql, fake, clock }: World,
  startsAt: number,
): Promise<void> {
  await sql`truncate public.billing_reports, public.billing_summaries, public.billing_reconciliations,
    tally.billing_accounts, tally.billing_checks, tally.changed_hours, public.billing_customers`;
  fake.account.faults.clear();
  fake.account.lateRefusal = undefined;
  clock.now = startsAt;
}
