import type { ReadVariable } from "../env.ts";
import { readHttpSinkSettings, readSinkName, readStripeSettings } from "./billing-settings.ts";
import { httpSink } from "./http-sink.ts";
import type { MeterSink } from "./meter-sink.ts";
import { openStripe } from "./open-stripe.ts";
import { stripeSink } from "./stripe-sink.ts";
import { stripeStreamSink } from "./stripe-stream-sink.ts";

/** The sink that the environment names. */
export function chooseSink(
  variable: ReadVariable,
  { fetch, now }: { fetch: typeof globalThis.fetch; now: () => number },
): MeterSink {
  const name = readSinkName(variable);
  if (name === "stripe") return stripeSink(openStripe(readStripeSettings(variable)));
  if (name === "stripe-stream") return stripeStreamSink(readStripeSettings(variable), now);
  return httpSink(name, readHttpSinkSettings(variable), fetch);
}
