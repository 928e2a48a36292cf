import Stripe from "stripe";
import { CliError } from "../cli-error.ts";

/** The metrics that can be billed. */
export const METRICS = [
  "cost_usd",
  "total_tokens",
  "input_tokens",
  "output_tokens",
  "requests",
  "units",
] as const;
export type Metric = (typeof METRICS)[number];

/** A meter that is wanted, and what one unit of it costs. */
export interface WantedMeter {
  metric: Metric;
  /** Cents, with up to 12 decimals; null: no price is made. */
  centsPerUnit: string | null;
}

/** What a set-up does. */
export interface SetUpOptions {
  metrics: WantedMeter[];
  /** ISO 4217, lower case. */
  currency: string;
  /** Look, change nothing. */
  isDryRun: boolean;
}

/** A meter as it is now, or would be. Ids are null when it is not there and the run was dry. */
export interface SetUpMeter {
  metric: Metric;
  eventName: string;
  displayName: string;
  meterId: string | null;
  meter: "created" | "found" | "missing";
  priceId: string | null;
  price: "created" | "found" | "missing" | "none";
}

/**
 * Makes the meters and prices that are not there yet. Running it again changes nothing: meters are found
 * by their event name, prices by their lookup key, which are the same.
 *
 * @throws {CliError} when an existing meter counts in another way, or an existing price costs otherwise
 */
export async function setUpStripe(stripe: Stripe, options: SetUpOptions): Promise<SetUpMeter[]> {
  const existing = await stripe.billing.meters
    .list({ status: "active", limit: 100 })
    .autoPagingToArray({ limit: 10_000 });
  const results: SetUpMeter[] = [];
  for (const wanted of options.metrics) {
    const eventName = `tallybase_${wanted.metric}`;
    const displayName = `Tallybase ${wanted.metric.replaceAll("_", " ")}`;
    const found = existing.find((meter) => meter.event_name === eventName);
    if (found) checkMeter(found);
    const meterId = found?.id ?? (await makeMeter(stripe, { eventName, displayName }, options));
    const price = await setUpPrice(stripe, { wanted, eventName, displayName, meterId }, options);
    results.push({
      metric: wanted.metric,
      eventName,
      displayName,
      meterId,
      meter: found ? "found" : meterId ? "created" : "missing",
      ...price,
    });
  }
  return results;
}

function checkMeter(meter: Stripe.Billing.Meter): void {
  const isOurs =
    meter.default_aggregation.formula === "sum" &&
    meter.customer_mapping.event_payload_key === "stripe_customer_id" &&
    meter.value_settings.event_payload_key === "value" &&
    !meter.event_time_window;
  if (isOurs) return;
  throw new CliError(
    `The meter ${meter.event_name} (${meter.id}) exists and does not simply add up values.`,
    "Meters cannot be changed: deactivate it in Stripe, then run this again.",
  );
}

function checkPrice(
  price: Stripe.Price,
  wanted: { centsPerUnit: string; currency: string; meterId: string | null },
): void {
  const { unit_amount_decimal: amount, currency, recurring } = price;
  const isWanted =
    amount !== null &&
    Stripe.Decimal.from(wanted.centsPerUnit).eq(amount) &&
    currency === wanted.currency &&
    recurring?.meter === wanted.meterId;
  if (isWanted) return;
  throw new CliError(
    `The price ${price.lookup_key} (${price.id}) is another one: ${amount} cents (${currency}) a unit of ${recurring?.meter ?? "no meter"}.`,
    "Prices cannot be changed: archive it in Stripe, or take its lookup key away, then run this again. Subscriptions keep their price until you move them.",
  );
}

async function makeMeter(
  stripe: Stripe,
  { eventName, displayName }: { eventName: string; displayName: string },
  { isDryRun }: SetUpOptions,
): Promise<string | null> {
  if (isDryRun) return null;
  const meter = await stripe.billing.meters.create({
    event_name: eventName,
    display_name: displayName,
    default_aggregation: { formula: "sum" },
  });
  return meter.id;
}

async function setUpPrice(
  stripe: Stripe,
  meter: { wanted: WantedMeter; eventName: string; displayName: string; meterId: string | null },
  { currency, isDryRun }: SetUpOptions,
): Promise<Pick<SetUpMeter, "price" | "priceId">> {
  const { centsPerUnit } = meter.wanted;
  if (centsPerUnit === null) return { price: "none", priceId: null };
  const { data } = await stripe.prices.list({
    lookup_keys: [meter.eventName],
    active: true,
    limit: 1,
  });
  if (data[0]) {
    checkPrice(data[0], { centsPerUnit, currency, meterId: meter.meterId });
    return { price: "found", priceId: data[0].id };
  }
  if (isDryRun || meter.meterId === null) return { price: "missing", priceId: null };
  const price = await stripe.prices.create({
    currency,
    lookup_key: meter.eventName,
    // A price that was archived may still have it.
    transfer_lookup_key: true,
    product_data: { name: meter.displayName },
    // More decimals than a number of JavaScript keeps.
    unit_amount_decimal: Stripe.Decimal.from(centsPerUnit),
    recurring: { interval: "month", usage_type: "metered", meter: meter.meterId },
  });
  return { price: "created", priceId: price.id };
}
