import { type Call, mapOf, objectOf, pageOf, textOf } from "./call.ts";
import { boolean, decimal, integer, object, oneOf, required, text } from "./check-parameters.ts";
import type { Route } from "./routes.ts";
import { noSuch, StripeFailure } from "./stripe-failure.ts";
import type { Formula, Meter } from "./usage.ts";

const PAGE = { limit: integer, starting_after: text(), ending_before: text() };

/** Meters and what is sent to them. */
export const METER_ROUTES: Route[] = [
  {
    method: "POST",
    path: "/v1/billing/meters",
    shapes: {
      display_name: required(text(250)),
      event_name: required(text(100)),
      default_aggregation: required(object({ formula: required(oneOf("sum", "count", "last")) })),
      customer_mapping: object({
        type: required(oneOf("by_id")),
        event_payload_key: required(text(100)),
      }),
      value_settings: object({ event_payload_key: required(text(100)) }),
      event_time_window: oneOf("hour", "day"),
    },
    answer: createMeter,
  },
  {
    method: "GET",
    path: "/v1/billing/meters",
    shapes: { ...PAGE, status: oneOf("active", "inactive") },
    answer: ({ account, values }) => {
      const meters = [...account.usage.meters.values()]
        .filter(({ isActive }) => !values.status || isActive === (values.status === "active"))
        .map(showMeter);
      return pageOf(meters, values, "/v1/billing/meters");
    },
  },
  {
    method: "GET",
    path: "/v1/billing/meters/:id",
    shapes: {},
    answer: (call) => showMeter(meterOf(call)),
  },
  {
    method: "POST",
    path: "/v1/billing/meters/:id/deactivate",
    shapes: {},
    answer: (call) => setActive(call, false),
  },
  {
    method: "POST",
    path: "/v1/billing/meters/:id/reactivate",
    shapes: {},
    answer: (call) => setActive(call, true),
  },
  {
    method: "POST",
    path: "/v1/prices",
    shapes: {
      currency: required(text(3)),
      product: text(),
      product_data: object({ name: required(text()) }),
      unit_amount: integer,
      unit_amount_decimal: decimal,
      billing_scheme: oneOf("per_unit", "tiered"),
      nickname: text(),
      lookup_key: text(200),
      transfer_lookup_key: boolean,
      recurring: object({
        interval: required(oneOf("day", "week", "month", "year")),
        interval_count: integer,
        usage_type: oneOf("metered", "licensed"),
        meter: text(),
      }),
      metadata: { kind: "map" },
    },
    answer: createPrice,
  },
];

function createMeter({ account, values }: Call) {
  const eventName = textOf(values.event_name);
  if (account.usage.meterOf(eventName)?.isActive) {
    throw new StripeFailure(
      400,
      `There is already an active meter with the event name ${eventName}.`,
      {
        param: "event_name",
      },
    );
  }
  const meter: Meter = {
    id: account.newId("mtr"),
    eventName,
    displayName: textOf(values.display_name),
    formula: textOf(objectOf(values.default_aggregation).formula) as Formula,
    customerKey:
      textOf(objectOf(values.customer_mapping).event_payload_key) || "stripe_customer_id",
    valueKey: textOf(objectOf(values.value_settings).event_payload_key) || "value",
    isActive: true,
    createdAt: account.now(),
  };
  account.usage.meters.set(meter.id, meter);
  return showMeter(meter);
}

function createPrice({ account, values }: Call) {
  const recurring = objectOf(values.recurring);
  const meter = textOf(recurring.meter);
  if (meter && !account.usage.meters.has(meter))
    throw noSuch("billing meter", meter, "recurring[meter]");
  const product =
    textOf(values.product) ||
    account.store("prod", "product", {
      active: true,
      name: textOf(objectOf(values.product_data).name),
    }).id;
  const lookupKey = textOf(values.lookup_key);
  const holder = account.list("price").find((price) => lookupKey && price.lookup_key === lookupKey);
  if (holder && textOf(values.transfer_lookup_key) === "true") holder.lookup_key = null;
  else if (holder) {
    throw new StripeFailure(400, `A price (\`${lookupKey}\`) already uses that lookup key.`, {
      param: "lookup_key",
    });
  }
  return account.store("price", "price", {
    active: true,
    billing_scheme: "per_unit",
    currency: textOf(values.currency),
    lookup_key: lookupKey || null,
    metadata: mapOf(values.metadata),
    nickname: textOf(values.nickname) || null,
    product,
    recurring: {
      interval: "month",
      interval_count: 1,
      usage_type: "licensed",
      meter: null,
      ...recurring,
    },
    type: "recurring",
    unit_amount: null,
    unit_amount_decimal: textOf(values.unit_amount_decimal) || textOf(values.unit_amount),
  });
}

/** The meter that the path names. */
export function meterOf({ account, ids: [id = ""] }: Call): Meter {
  const meter = account.usage.meters.get(id);
  if (!meter) throw noSuch("billing meter", id, "id");
  return meter;
}

function setActive(call: Call, isActive: boolean) {
  const meter = meterOf(call);
  meter.isActive = isActive;
  return showMeter(meter);
}

function showMeter(meter: Meter) {
  const created = Math.floor(meter.createdAt / 1000);
  return {
    id: meter.id,
    object: "billing.meter",
    created,
    customer_mapping: { event_payload_key: meter.customerKey, type: "by_id" },
    default_aggregation: { formula: meter.formula },
    display_name: meter.displayName,
    event_name: meter.eventName,
    event_time_window: null,
    livemode: false,
    status: meter.isActive ? "active" : "inactive",
    status_transitions: { deactivated_at: null },
    updated: created,
    value_settings: { event_payload_key: meter.valueKey },
  };
}
