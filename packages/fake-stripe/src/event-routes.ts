import { type Call, mapOf, objectOf, pageOf, textOf } from "./call.ts";
import { integer, object, oneOf, required, text } from "./check-parameters.ts";
import { meterOf } from "./meter-routes.ts";
import type { Route } from "./routes.ts";
import { noSuch, StripeFailure } from "./stripe-failure.ts";

const PAGE = { limit: integer, starting_after: text(), ending_before: text() };
const HOUR_S = 3600;

/** What is sent to meters, and what it adds up to. */
export const EVENT_ROUTES: Route[] = [
  {
    method: "GET",
    path: "/v1/billing/meters/:id/event_summaries",
    shapes: {
      ...PAGE,
      customer: required(text()),
      start_time: required(integer),
      end_time: required(integer),
      value_grouping_window: oneOf("hour", "day"),
    },
    answer: listSummaries,
  },
  {
    method: "POST",
    path: "/v1/billing/meter_events",
    shapes: {
      event_name: required(text(100)),
      payload: required({ kind: "map" }),
      identifier: text(100),
      timestamp: integer,
    },
    answer: createEvent,
    oneAtATime: ({ values }) =>
      nameAccount(textOf(values.event_name), mapOf(values.payload).stripe_customer_id),
  },
  {
    method: "POST",
    path: "/v1/billing/meter_event_adjustments",
    shapes: {
      event_name: required(text(100)),
      type: required(oneOf("cancel")),
      cancel: object({ identifier: required(text(100)) }),
    },
    answer: ({ account, values }) => {
      const identifier = textOf(objectOf(values.cancel).identifier);
      account.usage.cancel(textOf(values.event_name), identifier);
      return {
        object: "billing.meter_event_adjustment",
        cancel: { identifier },
        event_name: textOf(values.event_name),
        livemode: false,
        status: "complete",
        type: "cancel",
      };
    },
  },
];

/** One customer and meter, whose single events come one at a time. */
export function nameAccount(eventName: string, customer: string | undefined): string {
  return `${eventName} ${customer ?? ""}`;
}

function createEvent({ account, values, idempotencyKey }: Call) {
  const event = {
    eventName: textOf(values.event_name),
    payload: mapOf(values.payload),
    identifier: textOf(values.identifier) || account.newId("mtr_event"),
    timestamp: Number(textOf(values.timestamp) || account.seconds) * 1000,
  };
  const refusal = account.usage.findRefusal(event);
  if (refusal) throw new StripeFailure(400, refusal.message, { code: refusal.code });
  if (account.usage.isKnown(event.identifier)) {
    throw new StripeFailure(400, `An event already exists with identifier ${event.identifier}.`, {
      isStored: true,
    });
  }
  const accepted = account.usage.accept(event);
  const late = account.lateRefusal?.(accepted);
  if (late) {
    accepted.isCancelled = true;
    const meterId = account.usage.meterOf(event.eventName)?.id ?? null;
    account.webhooks.noteError({ ...late, meterId, idempotencyKey, at: account.now() });
  }
  return {
    object: "billing.meter_event",
    created: account.seconds,
    event_name: event.eventName,
    identifier: event.identifier,
    livemode: false,
    payload: event.payload,
    timestamp: event.timestamp / 1000,
  };
}

function listSummaries(call: Call) {
  const { account, values } = call;
  const meter = meterOf(call);
  const customer = textOf(values.customer);
  if (!account.usage.customers.has(customer)) throw noSuch("customer", customer, "customer");
  const start = Number(textOf(values.start_time));
  const end = Number(textOf(values.end_time));
  const step =
    { hour: HOUR_S, day: 24 * HOUR_S, "": end - start }[textOf(values.value_grouping_window)] ?? 0;
  const grid = values.value_grouping_window ? step : 60;
  if (start % grid || end % grid || end <= start) {
    throw new StripeFailure(400, `start_time and end_time must be aligned with ${grid} seconds.`, {
      param: start % grid ? "start_time" : "end_time",
    });
  }
  const windows: { id: string }[] = [];
  // Windows without events are left out.
  for (let from = start; from < end; from += step) {
    const until = Math.min(from + step, end);
    const knownUntil = account.now() - account.lagMs;
    const value = account.usage.aggregate(meter, customer, from * 1000, until * 1000, knownUntil);
    if (value === 0) continue;
    windows.push(showSummary(meter.id, from, until, value));
  }
  return pageOf(windows, values, `/v1/billing/meters/${meter.id}/event_summaries`);
}

function showSummary(meter: string, start: number, end: number, value: number) {
  return {
    id: `mtrusg_${meter}_${start}_${end}`,
    object: "billing.meter_event_summary",
    aggregated_value: value,
    end_time: end,
    livemode: false,
    meter,
    start_time: start,
  };
}
