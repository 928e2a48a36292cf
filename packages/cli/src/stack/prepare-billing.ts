import type { Sql } from "postgres";
import { openStripe } from "../stripe/open-stripe.ts";
import { setUpStripe } from "../stripe/set-up-stripe.ts";
import { DEMO } from "./prepare-demo.ts";

/** How much of the demo's month is billed: enough to see, and sent in seconds. */
const BILLED_HOURS = 24;

/**
 * Bills the demo organization through the fake Stripe: one meter for its cost, with a markup of 20 %.
 * The fake begins empty each time, so the meter gets its new id.
 */
export async function prepareBilling(sql: Sql, fakeStripeUrl: string): Promise<void> {
  const [found] =
    await sql`select to_regclass('public.billing_customers') is not null as has_billing`;
  if (!found?.has_billing) return;
  const customerId = "cus_demo";
  await fetch(`${fakeStripeUrl}/__fake/customers`, {
    method: "POST",
    body: JSON.stringify({ id: customerId }),
  });
  const stripe = openStripe({ apiKey: "sk_test_local", apiUrl: fakeStripeUrl });
  const [meter] = await setUpStripe(stripe, {
    metrics: [{ metric: "cost_usd", centsPerUnit: "0.0001" }],
    currency: "usd",
    isDryRun: false,
  });
  if (!meter) return;
  await sql`
    select public.set_billing_meter(${meter.eventName}, 'cost_usd', ${meter.displayName},
      stripe_meter_id => ${meter.meterId}, starts_at => '2000-01-01')`;
  await sql`
    select public.set_billing_customer(${DEMO.organizationId}, ${customerId},
      now() - ${BILLED_HOURS} * interval '1 hour', 1.2)
    where not exists (
      select from public.billing_customers where organization_id = ${DEMO.organizationId})`;
}
