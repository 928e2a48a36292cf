import { onlyRow } from "../database.ts";
import { TallyError } from "../errors.ts";
import { classifyFailure } from "./classify-failure.ts";
import type { HourQuery } from "./meter-sink.ts";
import { atOf, oldestOf, type ReportDeps } from "./report-deps.ts";

/** A comparison of one meter of one organization with the sink. */
export interface Reconciliation {
  organization_id: string;
  event_name: string;
  stripe_customer_id: string;
  starts_at: string;
  ends_at: string;
  hours: number;
  drifted_hours: number;
  /** Delivered less counted. */
  drift: number;
  /** What was sent again. */
  repaired: number;
  /** Drifted, but something is on its way there: to be looked at later. */
  postponed_hours: number;
  /** Set when the sink did not tell its sums: nothing was compared. */
  error?: string;
}

/** What is to be compared. */
export interface ReconcileRequest {
  /** All that are billed when absent. */
  organizationId?: string;
  /** Whole hours, ISO 8601. */
  startsAt: string;
  endsAt: string;
  /** Whether differences are sent. */
  repair: boolean;
}

interface BilledMeter {
  organization_id: string;
  event_name: string;
  stripe_customer_id: string;
  stripe_meter_id: string | null;
}

const LIST = `select organization_id, event_name, stripe_customer_id, stripe_meter_id
  from tally.list_billed_meters($1::text::uuid, $2::text::timestamptz, $3::text::timestamptz)`;
const CHECKS =
  `select organization_id, event_name, to_json(hour)#>>'{}' as hour, stripe_customer_id,
    stripe_meter_id
  from tally.claim_billing_checks($1::text::integer, coalesce($2::text::timestamptz, now()), $3::text::interval)`;
const NOW = "select to_json(coalesce($1::text::timestamptz, now()))#>>'{}' as at";
const RECORD = `select tally.record_billing_summaries($1::text::uuid, $2, $3, $4::text::timestamptz,
    $5::text::timestamptz, $6::text::jsonb, $7::text::boolean, $8::text::timestamptz, $9::text::interval,
    $10::text::interval)::text as run`;

const HOUR_MS = 3_600_000;
const CHECKS_AT_ONCE = 20;

/** Compares spans of hours with the sink's sums; repairs when asked to. */
export async function reconcileUsage(
  request: ReconcileRequest,
  deps: ReportDeps,
): Promise<Reconciliation[]> {
  const runs: Reconciliation[] = [];
  const meters = await deps.database.query<BilledMeter>(LIST, [
    request.organizationId ?? null,
    request.startsAt,
    request.endsAt,
  ]);
  for (const meter of meters) {
    try {
      const run = await compare(meter, request, deps);
      if (run !== null) runs.push(run);
    } catch (error) {
      // One customer that is gone shall not keep the others from being compared.
      if (!(error instanceof SinkSilent)) throw error;
      runs.push(notCompared(meter, request, error));
    }
  }
  return runs;
}

function notCompared(
  { organization_id, event_name, stripe_customer_id }: BilledMeter,
  { startsAt: starts_at, endsAt: ends_at }: ReconcileRequest,
  { reason }: SinkSilent,
): Reconciliation {
  return {
    organization_id,
    event_name,
    stripe_customer_id,
    starts_at,
    ends_at,
    hours: 0,
    drifted_hours: 0,
    drift: 0,
    repaired: 0,
    postponed_hours: 0,
    error: reason,
  };
}

/**
 * Asks about the hours that are due to be checked; answers how many the sink had an answer for. The others
 * come again in ten minutes.
 */
export async function settleChecks(deps: ReportDeps): Promise<number> {
  if (deps.sink.sumHours === undefined) return 0;
  const checks = await deps.database.query<BilledMeter & { hour: string }>(CHECKS, [
    CHECKS_AT_ONCE,
    atOf(deps),
    `${deps.sink.memoryHours} hours`,
  ]);
  let settled = 0;
  for (const { hour, ...meter } of checks) {
    const endsAt = new Date(Date.parse(hour) + HOUR_MS).toISOString();
    try {
      const run = await compare(meter, { startsAt: hour, endsAt, repair: true }, deps);
      if (run !== null) settled++;
    } catch (error) {
      if (!(error instanceof SinkSilent)) throw error;
    }
  }
  return settled;
}

/** The sink did not tell its sums. */
class SinkSilent extends TallyError {
  readonly reason: string;
  constructor(cause: unknown) {
    const { error } = classifyFailure(cause, false);
    super("PT502", "The sink does not tell its sums now.", {
      hint: "Try again in a moment.",
      cause,
    });
    this.reason = error ?? "The sink does not answer.";
  }
}

/** Null when the sink has no sums to tell. */
async function compare(
  meter: BilledMeter,
  { startsAt, endsAt, repair }: Omit<ReconcileRequest, "organizationId">,
  deps: ReportDeps,
): Promise<Reconciliation | null> {
  const { database, sink } = deps;
  if (sink.sumHours === undefined || meter.stripe_meter_id === null) return null;
  // Before the sums are read: what is delivered meanwhile must not look as if it were missing.
  const { at } = onlyRow(await database.query<{ at: string }>(NOW, [atOf(deps)]));
  const query: HourQuery = {
    customerId: meter.stripe_customer_id,
    meterId: meter.stripe_meter_id,
    startsAt,
    endsAt,
  };
  const sums = await sink.sumHours(query).catch((cause: unknown) => {
    throw new SinkSilent(cause);
  });
  const { run } = onlyRow(
    await database.query<{ run: string }>(RECORD, [
      meter.organization_id,
      meter.event_name,
      meter.stripe_customer_id,
      startsAt,
      endsAt,
      JSON.stringify(sums),
      repair,
      at,
      oldestOf(sink),
      `${sink.memoryHours} hours`,
    ]),
  );
  return JSON.parse(run) as Reconciliation;
}
