import type Stripe from "stripe";

/** What Stripe could not count, as the database takes it. */
export interface MeterErrors {
  eventId: string;
  /** Null when no meter was found. */
  meterId: string | null;
  /** The span in which they were validated, ISO 8601. */
  startsAt: string;
  endsAt: string;
  samples: MeterErrorSample[];
}

/** One of them; not all are named. */
export interface MeterErrorSample {
  /** The idempotency key of the request. */
  key: string;
  code: string;
  message: string;
}

/** Reads a fetched error report. */
export function readMeterErrors(event: Stripe.V2.Core.Event): MeterErrors {
  if (
    event.type !== "v1.billing.meter.error_report_triggered" &&
    event.type !== "v1.billing.meter.no_meter_found"
  ) {
    throw new Error(`An event of type ${event.type} is no error report.`);
  }
  const { data } = event;
  const samples = data.reason.error_types.flatMap(({ code, sample_errors }) =>
    sample_errors.map(({ error_message, request }) => ({
      key: request.identifier,
      code: String(code),
      message: error_message.slice(0, 300),
    }))
  );
  return {
    eventId: event.id,
    meterId: "related_object" in event ? event.related_object.id : null,
    startsAt: data.validation_start,
    endsAt: data.validation_end,
    samples,
  };
}
