import { onlyRow } from "../database.ts";
import { TallyError } from "../errors.ts";
import type { MeterSink } from "./meter-sink.ts";
import { atOf, oldestOf, type ReportDeps } from "./report-deps.ts";
import { settleChecks } from "./reconcile-usage.ts";
import { type Claim, sendClaims } from "./send-claims.ts";

/** What one run did. */
export interface ReportCount {
  /** Hours whose sums had changed. */
  hours: number;
  /** Differences found in them. */
  prepared: number;
  delivered: number;
  /** Not counted yet, or not known: they come again. */
  postponed: number;
  refused: number;
  /** Hours about which the sink was asked. */
  checked: number;
}

const HOURS_AT_ONCE = 500;
const ACCOUNTS_AT_ONCE = 50;
/** Full batches, whether each account has one report (of the hour that has just closed) or many. */
const BATCHED_ACCOUNTS_AT_ONCE = 400;
const BATCHED_REPORTS_PER_ACCOUNT = 25;
const REPORTS_PER_ACCOUNT = 20;
/** What a function of Supabase can send within its two seconds of CPU: one by one, and in batches. */
const MAX_REPORTS = 400;
const MAX_BATCHED_REPORTS = 5_000;
const TIME_LIMIT_MS = 25_000;

const PREPARE = `select hours, reports
  from tally.prepare_billing_reports($1::text::integer, coalesce($2::text::timestamptz, now()), $3::text::interval)`;
const CLAIM =
  `select organization_id, event_name, to_json(hour)#>>'{}' as hour, seq, lease, identifier,
    idempotency_key, stripe_customer_id, value, to_json(event_at)#>>'{}' as event_at
  from tally.claim_billing_reports($1::text::integer, $2::text::integer,
    coalesce($3::text::timestamptz, now()), $4::text::interval, $5::text::interval)
  order by organization_id, event_name, hour, seq`;
const DUE = `select to_json(t.at)#>>'{}' as at, tally.has_due_billing(t.at) as is_due
  from (select coalesce($1::text::timestamptz, now()) as at) as t`;
/**
 * Takes over the closed hours that have changed, has uncertain ones settled, and sends what is due. May
 * be killed at any point and run any number of times at once: what was sent is counted once.
 *
 * @throws {TallyError} PT502 when the sink does not answer, PT503 when the database's clock is wrong;
 *   nothing was sent then
 */
export async function reportUsage(deps: ReportDeps): Promise<ReportCount> {
  const { database, sink, now, timeLimitMs = TIME_LIMIT_MS } = deps;
  const isBatched = sink.batchSize > 1;
  const { maxReports = isBatched ? MAX_BATCHED_REPORTS : MAX_REPORTS } = deps;
  const startedAt = now();
  const count = { hours: 0, prepared: 0, delivered: 0, postponed: 0, refused: 0, checked: 0 };
  // What is not folded yet has not marked its hour.
  await database.query("select tally.tick()", []);
  let taken: { hours: number; reports: number };
  do {
    taken = onlyRow(await database.query(PREPARE, [HOURS_AT_ONCE, atOf(deps), oldestOf(sink)]));
    count.hours += taken.hours;
    count.prepared += taken.reports;
  } while (taken.hours === HOURS_AT_ONCE);
  const { at, is_due } = onlyRow(
    await database.query<{ at: string; is_due: boolean }>(DUE, [atOf(deps)]),
  );
  if (!is_due) return count;
  await compareClocks(sink, Date.parse(at));
  count.checked = await settleChecks(deps);

  let sent = 0;
  while (now() - startedAt < timeLimitMs && sent < maxReports) {
    const accounts = Math.min(
      isBatched ? BATCHED_ACCOUNTS_AT_ONCE : ACCOUNTS_AT_ONCE,
      maxReports - sent,
    );
    const claims = await database.query<Claim>(CLAIM, [
      accounts,
      isBatched
        ? BATCHED_REPORTS_PER_ACCOUNT
        : Math.min(REPORTS_PER_ACCOUNT, Math.ceil((maxReports - sent) / accounts)),
      atOf(deps),
      oldestOf(sink),
      `${sink.memoryHours} hours`,
    ]);
    if (claims.length === 0) break;
    sent += claims.length;
    for (const { outcome } of await sendClaims(claims, deps)) {
      if (outcome === "delivered" || outcome === "refused") count[outcome]++;
      else count.postponed++;
    }
  }
  return count;
}

/** Twice that is well within the hour that `memoryHours` leaves of a sink's memory. */
const CLOCK_TOLERANCE_MS = 10 * 60_000;

async function compareClocks(sink: MeterSink, ours: number): Promise<void> {
  if (sink.readClock === undefined) return;
  const theirs = await sink.readClock().catch((cause: unknown) => {
    throw new TallyError("PT502", "The sink does not answer.", {
      hint: "Nothing was sent. The next run tries again.",
      cause,
    });
  });
  const seconds = Math.round((ours - theirs) / 1000);
  if (Math.abs(ours - theirs) > CLOCK_TOLERANCE_MS) {
    throw new TallyError(
      "PT503",
      `The database's clock is ${seconds} seconds ahead of the sink's.`,
      {
        hint: "Nothing was sent. Set the clock, then run it again.",
      },
    );
  }
}
