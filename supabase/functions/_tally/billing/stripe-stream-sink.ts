import Stripe from "stripe";
import type { StripeSettings } from "./billing-settings.ts";
import { classifyFailure } from "./classify-failure.ts";
import type { MeterReport, MeterSink, SendOutcome } from "./meter-sink.ts";
import { openStripe, STRIPE_TIMEOUT_MS } from "./open-stripe.ts";
import { readClock, sumHours } from "./stripe-sink.ts";

/** A session is left a minute before it ends. */
const SESSION_MARGIN_MS = 60_000;

interface Session {
  client: Stripe;
  endsAt: number;
}

/**
 * Stripe's stream for high volume: 100 events a request. It only says that it has taken them; what it
 * cannot count is told to the webhook later, and found by reconciliation.
 *
 * @param now milliseconds since 1970
 * @param timeoutMs how long one request may take
 * @param fetch may wait before it sends
 */
export function stripeStreamSink(
  settings: StripeSettings,
  now: () => number,
  timeoutMs = STRIPE_TIMEOUT_MS,
  fetch = globalThis.fetch,
): MeterSink {
  const stripe = openStripe(settings, timeoutMs, fetch);
  let current: Promise<Session> | undefined;
  const openSession = async (): Promise<Session> => {
    const session = await stripe.v2.billing.meterEventSession.create();
    const { apiUrl } = settings;
    return {
      client: openStripe({ apiKey: session.authentication_token, apiUrl }, timeoutMs, fetch),
      endsAt: Date.parse(session.expires_at) - SESSION_MARGIN_MS,
    };
  };
  /** One session for all requests that run: who finds first that it is over renews it for the others. */
  const takeSession = async (): Promise<Session> => {
    const found = current;
    const session = await found?.catch(() => undefined);
    if ((session === undefined || now() >= session.endsAt) && current === found) {
      current = openSession();
    }
    return await (current as Promise<Session>);
  };

  const send = async (reports: MeterReport[], mayRenew = true): Promise<SendOutcome[]> => {
    let session: Session;
    try {
      session = await takeSession();
    } catch (error) {
      // Nothing was sent yet, whatever happened.
      const { error: text } = classifyFailure(error, false);
      return reports.map(() => ({ outcome: "retry", ...(text !== undefined && { error: text }) }));
    }
    try {
      await session.client.v2.billing.meterEventStream.create({ events: reports.map(toEvent) });
      return reports.map(() => ({ outcome: "delivered" }));
    } catch (error) {
      if (error instanceof Stripe.errors.TemporarySessionExpiredError && mayRenew) {
        // Over, whatever was said of its end.
        session.endsAt = Number.NEGATIVE_INFINITY;
        return await send(reports, false);
      }
      const outcome = classifyFailure(error, false);
      // One of them is malformed: the others shall not wait for it.
      if (outcome.outcome === "refused" && reports.length > 1) {
        const each = await Promise.all(reports.map((report) => send([report])));
        return each.flat();
      }
      return reports.map(() => outcome);
    }
  };

  return {
    name: "stripe-stream",
    memoryHours: 23,
    oldestDays: 35,
    batchSize: 100,
    concurrency: 4,
    send: (reports) => send(reports),
    readClock: () => readClock(stripe),
    sumHours: (query) => sumHours(stripe, query),
  };
}

function toEvent(report: MeterReport) {
  return {
    event_name: report.eventName,
    identifier: report.identifier,
    payload: { stripe_customer_id: report.customerId, value: report.value },
    timestamp: new Date(Math.floor(Date.parse(report.eventAt) / 1000) * 1000).toISOString(),
  };
}
