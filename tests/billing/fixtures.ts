import { type FakeStripe, startFakeStripe } from "@tallybase/fake-stripe";
import type { MeterReport } from "../../supabase/functions/_tally/billing/meter-sink.ts";
import { openStripe } from "../../supabase/functions/_tally/billing/open-stripe.ts";

/** The start of an hour. */
export const NOON = Date.UTC(2026, 10, 20, 12);
export const HOUR = 3_600_000;

/** A fake with one meter and one customer, its clock in the test's hands. */
export async function startFake() {
  const clock = { now: NOON };
  const fake = await startFakeStripe({ now: () => clock.now });
  const settings = { apiKey: "sk_test_fake", apiUrl: new URL(fake.url) };
  // A busy machine takes its time; what hangs on purpose is waited for as long.
  const stripe = openStripe(settings, 1_000);
  fake.account.usage.customers.add("cus_1");
  const meter = await stripe.billing.meters.create({
    display_name: "Tokens",
    event_name: "tokens",
    default_aggregation: { formula: "sum" },
  });
  const total = () => fake.total("tokens", "cus_1", NOON);
  return { clock, fake, settings, stripe, meterId: meter.id, total };
}

export type Fake = Awaited<ReturnType<typeof startFake>> & { fake: FakeStripe };

/** A report of five tokens at noon. */
export function reportOf(changes: Partial<MeterReport> = {}): MeterReport {
  const identifier = changes.identifier ?? "tally_1";
  return {
    organizationId: "0e7a3c52-9d4b-4c8e-8a51-6f2d7b9c1e30",
    eventName: "tokens",
    hour: new Date(NOON).toISOString(),
    seq: 1,
    identifier,
    idempotencyKey: identifier,
    customerId: "cus_1",
    value: "5",
    eventAt: new Date(NOON).toISOString(),
    ...changes,
  };
}
