import type Stripe from "stripe";
import { classifyFailure } from "./classify-failure.ts";
import type { HourQuery, HourSum, MeterReport, MeterSink, SendOutcome } from "./meter-sink.ts";

/** Stripe's meters, one event a request: what is wrong with it is known at once. */
export function stripeSink(stripe: Stripe): MeterSink {
  return {
    name: "stripe",
    // A day, less an hour for clocks and slow networks.
    memoryHours: 23,
    oldestDays: 35,
    batchSize: 1,
    concurrency: 16,
    send: (reports) => Promise.all(reports.map((report) => sendOne(stripe, report))),
    readClock: () => readClock(stripe),
    sumHours: (query) => sumHours(stripe, query),
  };
}

/** The time at which Stripe answers, to the second. */
export async function readClock(stripe: Stripe): Promise<number> {
  const { lastResponse } = await stripe.billing.meters.list({ limit: 1 });
  const at = Date.parse(new Headers(lastResponse.headers).get("date") ?? "");
  if (Number.isNaN(at)) throw new Error("The answer has no date.");
  return at;
}

async function sendOne(stripe: Stripe, report: MeterReport): Promise<SendOutcome> {
  try {
    await stripe.billing.meterEvents.create(
      {
        event_name: report.eventName,
        identifier: report.identifier,
        payload: { stripe_customer_id: report.customerId, value: report.value },
        timestamp: Math.floor(Date.parse(report.eventAt) / 1000),
      },
      { idempotencyKey: report.idempotencyKey },
    );
    return { outcome: "delivered" };
  } catch (error) {
    return classifyFailure(error, true);
  }
}

/** Reads the sums of a customer hour by hour. */
export async function sumHours(stripe: Stripe, query: HourQuery): Promise<HourSum[]> {
  const sums: HourSum[] = [];
  const pages = stripe.billing.meters.listEventSummaries(query.meterId, {
    customer: query.customerId,
    start_time: Date.parse(query.startsAt) / 1000,
    end_time: Date.parse(query.endsAt) / 1000,
    value_grouping_window: "hour",
    limit: 100,
  });
  for await (const summary of pages) {
    sums.push({
      hour: new Date(summary.start_time * 1000).toISOString(),
      value: String(summary.aggregated_value),
    });
  }
  return sums;
}
