import type Stripe from "stripe";
import { isJsonObject, type JsonObject } from "../read-body.ts";

/** No customer has more. */
const MOST = 1_000;

/**
 * The event with the lists of its object whole: Stripe sends their first entries only. What is fetched may
 * be newer than the event, which does no harm: the event that tells of it comes too.
 *
 * @param openStripe called only when something is to be fetched
 */
export async function completeEvent(
  event: JsonObject,
  openStripe: () => Stripe,
): Promise<JsonObject> {
  const { data } = event;
  const object = isJsonObject(data) ? data.object : null;
  // Of what is over nothing is left to fetch.
  if (!isJsonObject(object) || event.type === "customer.subscription.deleted") return event;
  const name = String(event.type).startsWith("customer.subscription.") ? "items" : "entitlements";
  const list = object[name];
  if (!isJsonObject(list) || list.has_more !== true) return event;
  const stripe = openStripe();
  const whole = name === "items"
    ? stripe.subscriptionItems.list({ subscription: String(object.id), limit: 100 })
    : stripe.entitlements.activeEntitlements.list({
      customer: String(object.customer),
      limit: 100,
    });
  const entries: unknown[] = [];
  for await (const entry of whole) {
    entries.push(entry);
    if (entries.length === MOST) break;
  }
  return {
    ...event,
    data: { ...data as JsonObject, object: { ...object, [name]: { data: entries } } },
  };
}
