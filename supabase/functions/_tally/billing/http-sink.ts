import type { HttpSinkSettings } from "./billing-settings.ts";
import type { MeterReport, MeterSink, SendOutcome } from "./meter-sink.ts";

const TIMEOUT_MS = 10_000;
const DAY_HOURS = 24;

/** How events are written: CloudEvents in batches (OpenMeter and others), or Metronome's ingest. */
export type HttpSinkFormat = "cloudevents" | "metronome";

const FORMATS = {
  cloudevents: {
    contentType: "application/cloudevents-batch+json",
    write: (report: MeterReport): unknown => ({
      specversion: "1.0",
      id: report.identifier,
      source: "tallybase",
      type: report.eventName,
      subject: report.customerId,
      time: report.eventAt,
      datacontenttype: "application/json",
      data: { value: report.value },
    }),
  },
  metronome: {
    contentType: "application/json",
    write: (report: MeterReport): unknown => ({
      transaction_id: report.identifier,
      customer_id: report.customerId,
      event_type: report.eventName,
      timestamp: report.eventAt,
      properties: { value: report.value },
    }),
  },
} as const;

/**
 * A sink that takes events as JSON over HTTP and counts one identifier once for at least a month.
 * It has no sums to ask for: what stays of unknown outcome for longer than that needs a person.
 */
export function httpSink(
  format: HttpSinkFormat,
  { url, token }: HttpSinkSettings,
  fetch: typeof globalThis.fetch,
): MeterSink {
  const { contentType, write } = FORMATS[format];
  const send = async (reports: MeterReport[]): Promise<SendOutcome[]> => {
    const outcome = await post(fetch, url, {
      method: "POST",
      headers: {
        "content-type": contentType,
        ...(token !== null && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(reports.map(write)),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return reports.map(() => outcome);
  };
  return {
    name: format,
    memoryHours: 30 * DAY_HOURS,
    oldestDays: 34,
    batchSize: 100,
    concurrency: 4,
    send,
  };
}

async function post(
  fetch: typeof globalThis.fetch,
  url: string,
  request: RequestInit,
): Promise<SendOutcome> {
  let status: number;
  try {
    const response = await fetch(url, request);
    await response.body?.cancel();
    status = response.status;
  } catch {
    return { outcome: "unknown", error: "The sink cannot be reached, or did not answer in time." };
  }
  const error = `HTTP ${status}`;
  if (status >= 200 && status < 300) return { outcome: "delivered" };
  if (status === 429 || status === 503) return { outcome: "retry", error };
  if (status >= 500 || status === 408) return { outcome: "unknown", error };
  return { outcome: "refused", error };
}
