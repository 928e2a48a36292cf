import type { ReadVariable } from "../env.ts";
import { readHttpSinkSettings, readSinkName, readStripeSettings } from "./billing-settings.ts";
import { httpSink } from "./http-sink.ts";
import type { MeterSink } from "./meter-sink.ts";
import { openStripe, STRIPE_TIMEOUT_MS } from "./open-stripe.ts";
import { stripeSink } from "./stripe-sink.ts";
import { stripeStreamSink } from "./stripe-stream-sink.ts";

/**
 * The sink that the environment names.
 *
 * @param fetch every request of the sink goes through it
 */
export function chooseSink(
  variable: ReadVariable,
  { fetch, now }: { fetch: typeof globalThis.fetch; now: () => number },
): MeterSink {
  const name = readSinkName(variable);
  if (name === "stripe") {
    return stripeSink(openStripe(readStripeSettings(variable), STRIPE_TIMEOUT_MS, fetch));
  }
  if (name === "stripe-stream") {
    return stripeStreamSink(readStripeSettings(variable), now, STRIPE_TIMEOUT_MS, fetch);
  }
  return httpSink(name, readHttpSinkSettings(variable), fetch);
}
