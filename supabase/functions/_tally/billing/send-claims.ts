import type { MeterReport, MeterSink, SendOutcome } from "./meter-sink.ts";
import { atOf, type ReportDeps } from "./report-deps.ts";

/** A row of `tally.claim_billing_reports`. */
export interface Claim {
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
export interface Noted {
  organization_id: string;
  event_name: string;
  hour: string;
  seq: number;
  outcome: SendOutcome["outcome"] | "unsent";
  error?: string;
}

/** A fifth of a lease is left for what is on its way. */
const LEASE_MS = 4 * 60_000;
const FINISH = `select tally.finish_billing_reports($1::text::uuid, $2::text::jsonb,
    coalesce($3::text::timestamptz, now())) as noted`;

/** Sends what was claimed and has the database note what became of it, account by account. */
export async function sendClaims(claims: Claim[], deps: ReportDeps): Promise<Noted[]> {
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
