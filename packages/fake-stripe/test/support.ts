import Stripe from "stripe";
import { type FakeStripe, startFakeStripe } from "../src/index.ts";

/** A moment at the start of an hour. */
export const NOON = Date.UTC(2026, 10, 20, 12);
export const HOUR = 3_600_000;

/** A fake whose clock stands still until it is moved, a customer and a meter in it. */
export async function arrange(lagMs = 0) {
  const clock = { now: NOON };
  const fake = await startFakeStripe({ now: () => clock.now, lagMs });
  const stripe = connect(fake);
  const customer = await stripe.customers.create({ name: "Acme" });
  const meter = await stripe.billing.meters.create({
    display_name: "Spend",
    event_name: "spend",
    default_aggregation: { formula: "sum" },
  });
  const event = (identifier: string, value: string, timestamp = clock.now) => ({
    event_name: "spend",
    identifier,
    payload: { stripe_customer_id: customer.id, value },
    timestamp: timestamp / 1000,
  });
  return { clock, fake, stripe, customer, meter, event };
}

/** The real SDK, talking to the fake; it retries nothing and waits briefly. */
export function connect(fake: FakeStripe, apiKey = "sk_test_fake"): Stripe {
  return new Stripe(apiKey, {
    host: "127.0.0.1",
    port: fake.port,
    protocol: "http",
    httpClient: Stripe.createFetchHttpClient(),
    maxNetworkRetries: 0,
    timeout: 1_000,
    telemetry: false,
  });
}

/** The type and code of what a call throws, in a few words. */
export async function errorOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "no error";
  } catch (error) {
    const { type, statusCode, code, message } = error as Stripe.errors.StripeError;
    return [type, statusCode, code, message].filter(Boolean).join(" | ");
  }
}
