import { type Database, onlyRow } from "../database.ts";
import { TallyError } from "../errors.ts";
import type { MeterReport, MeterSink, SendOutcome } from "./meter-sink.ts";
import { settleChecks } from "./reconcile-usage.ts";

/** What reporting needs from outside. */
export interface ReportDeps {
  database: Database;
  sink: MeterSink;
  /** Milliseconds since 1970; only spans of it matter. */
  now: () => number;
  /** The moment of every statement, ISO 8601; the database's own clock when absent. */
  at?: () => string;
  /** No new reports are claimed after so long. */
  timeLimitMs?: number;
  /** Nor after so many were sent. */
  maxReports?: number;
}

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

/** A row of `tally.claim_billing_reports`. */
interface Claim {
  organization_id: string;
  event_name: string;
  hour: string;
  seq: number;
  lease: string;
  identifier: string;
  idempotency_key: string;
  stripe_customer_id: string;
  value: string;
  event_at: string;
}

/** An outcome as the database takes it; `unsent`: there was no time. */
interface Noted {
  organization_id: string;
  event_name: string;
  hour: string;
  seq: number;
  outcome: SendOutcome["outcome"] | "unsent";
  error?: string;
}

/** A fifth of a lease is left for what is on its way. */
const LEASE_MS = 4 * 60_000;
const HOURS_AT_ONCE = 500;
const ACCOUNTS_AT_ONCE = 50;
const REPORTS_PER_ACCOUNT = 20;
/** What a function of Supabase can send within its two seconds of CPU. */
const MAX_REPORTS = 400;
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
const FINISH = `select tally.finish_billing_reports($1::text::uuid, $2::text::jsonb,
    coalesce($3::text::timestamptz, now())) as noted`;

/**
 * Takes over the closed hours that have changed, has uncertain ones settled, and sends what is due. May
 * be killed at any point and run any number of times at once: what was sent is counted once.
 *
 * @throws {TallyError} PT502 when the sink does not answer, PT503 when the database's clock is wrong;
 *   nothing was sent then
 */
export async function reportUsage(deps: ReportDeps): Promise<ReportCount> {
  const { database, sink, now, timeLimitMs = TIME_LIMIT_MS, maxReports = MAX_REPORTS } = deps;
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
    const claims = await database.query<Claim>(CLAIM, [
      ACCOUNTS_AT_ONCE,
      sink.batchSize === 1 ? REPORTS_PER_ACCOUNT : sink.batchSize,
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

/** The moment that statements are told; null: their own clock. */
export function atOf({ at }: Pick<ReportDeps, "at">): string | null {
  return at?.() ?? null;
}

export function oldestOf(sink: MeterSink): string {
  return `${sink.oldestDays} days`;
}

async function sendClaims(claims: Claim[], deps: ReportDeps): Promise<Noted[]> {
  const { sink, now } = deps;
  const lastAt = now() + LEASE_MS;
  // One by one they go account by account, and each account is given back when it is done. Batches mix
  // accounts, which are given back together.
  const groups = sink.batchSize === 1 ? byAccount(claims) : [claims];
  const noted: Noted[] = [];
  await inParallel(groups, sink.batchSize === 1 ? sink.concurrency : 1, async (group) => {
    const outcomes = sink.batchSize === 1
      ? await sendInOrder(group, sink, () => now() < lastAt)
      : await sendInBatches(group, sink);
    const [{ lease } = { lease: null }] = group;
    await deps.database.query(FINISH, [lease, JSON.stringify(outcomes), atOf(deps)]);
    noted.push(...outcomes);
  });
  return noted;
}

/** Until one is told to wait: the rest of its account would be too. */
async function sendInOrder(
  claims: Claim[],
  sink: MeterSink,
  hasTime: () => boolean,
): Promise<Noted[]> {
  const noted: Noted[] = [];
  let goesOn = true;
  for (const claim of claims) {
    if (!goesOn || !hasTime()) {
      noted.push(note(claim, { outcome: "unsent" }));
      continue;
    }
    const [outcome = { outcome: "unknown" as const }] = await sink.send([toReport(claim)]);
    goesOn = outcome.outcome === "delivered" || outcome.outcome === "refused";
    noted.push(note(claim, outcome));
  }
  return noted;
}

async function sendInBatches(claims: Claim[], sink: MeterSink): Promise<Noted[]> {
  const batches: Claim[][] = [];
  for (let start = 0; start < claims.length; start += sink.batchSize) {
    batches.push(claims.slice(start, start + sink.batchSize));
  }
  const noted: Noted[] = [];
  await inParallel(batches, sink.concurrency, async (batch) => {
    const outcomes = await sink.send(batch.map(toReport));
    noted.push(
      ...batch.map((claim, index) => note(claim, outcomes[index] ?? { outcome: "unknown" })),
    );
  });
  return noted;
}

function byAccount(claims: Claim[]): Claim[][] {
  const accounts = Map.groupBy(
    claims,
    ({ organization_id, event_name }) => `${organization_id} ${event_name}`,
  );
  return [...accounts.values()];
}

async function inParallel<Item>(
  items: Item[],
  concurrency: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const workOff = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, workOff));
}

function note(
  { organization_id, event_name, hour, seq }: Claim,
  { outcome, error }: { outcome: Noted["outcome"]; error?: string },
): Noted {
  return {
    organization_id,
    event_name,
    hour,
    seq,
    outcome,
    ...(error !== undefined && { error }),
  };
}

function toReport(claim: Claim): MeterReport {
  return {
    organizationId: claim.organization_id,
    eventName: claim.event_name,
    hour: claim.hour,
    seq: claim.seq,
    identifier: claim.identifier,
    idempotencyKey: claim.idempotency_key,
    customerId: claim.stripe_customer_id,
    value: claim.value,
    eventAt: claim.event_at,
  };
}
