import type { TallybaseError } from "./errors.ts";
import type { CallContext, Tracked } from "./meter-types.ts";
import { mintEventId } from "./mint-event-id.ts";
import { toWire } from "./names.ts";
import { type Recorded, recordEvent } from "./record-usage.ts";
import { ask, type Session, withOrganization } from "./session.ts";
import type { CallOptions, Estimate, Result, UsageEvent, UsageReceipt } from "./types.ts";
import { wrapCall } from "./wrap-call.ts";

/** How a run of an agent is going. */
export type ExecutionStatus = "queued" | "running" | "success" | "failed" | "timeout" | "aborted";

/** A run of an agent, as it is logged. What it used is in the events that name it. */
export interface ExecutionLog {
  organizationId?: string | undefined;
  /** A uuid; log it again under the same one to add to it. Made for you when absent. */
  id?: string | undefined;
  /** What was run; statistics go by it. */
  packageId?: string | undefined;
  packageName?: string | undefined;
  /** Only moves forward. Default: success. */
  status?: ExecutionStatus | undefined;
  userId?: string | null | undefined;
  apiKeyId?: string | null | undefined;
  customerTier?: string | null | undefined;
  pricingModel?: string | null | undefined;
  model?: string | null | undefined;
  isByok?: boolean | undefined;
  /** Milliseconds from asked for to started. */
  queueTimeMs?: number | undefined;
  /** Milliseconds from started to completed. */
  durationMs?: number | undefined;
  /** At most 16,384 characters. */
  error?: string | undefined;
  /** At most 1 MB of JSON. */
  inputData?: unknown;
  /** At most 1 MB of JSON. */
  outputData?: unknown;
  metadata?: Record<string, unknown> | undefined;
  createdAt?: string | Date | undefined;
  startedAt?: string | Date | undefined;
  completedAt?: string | Date | undefined;
}

/** An execution as it is in the ledger now: its amounts are those of the events that name it. */
export interface LoggedExecution {
  id: string;
  organizationId: string;
  packageId: string;
  status: ExecutionStatus;
  createdAt: string;
  queueTimeMs: number | null;
  durationMs: number | null;
  requestCount: number;
  totalInputTokens: number;
  totalOutputTokens: number;
  totalTokens: number;
  /** US dollars; null when none of it has a price. */
  totalCostUsd: number | null;
}

/** Everything that is known of a run, with the events of its calls. */
export interface ExecutionDetails extends LoggedExecution {
  packageName: string;
  userId: string | null;
  error: string | null;
  inputData: unknown;
  outputData: unknown;
  metadata: Record<string, unknown> | null;
  startedAt: string | null;
  completedAt: string | null;
  /** In their order, each at its cost after re-rating. */
  events: (UsageEvent & { id: string })[];
}

/** A run that was hidden. */
export interface DeletedExecution {
  id: string;
  deletedAt: string;
  /** Null for the operator. */
  deletedBy: string | null;
}

/** What to run: a package's name and what else is known of the run. */
export interface RunContext
  extends Omit<ExecutionLog, "packageId" | "packageName" | "status" | "error" | "outputData"> {
  /** What is run: an id for statistics, and a name for people when it differs. */
  package: string | { id: string; name: string };
}

/** What a client can do for one run. */
export interface ExecutionRun {
  /** The run's id: hand it to whatever else meters a part of the run, as `executionId`. */
  readonly id: string;
  /** {@link Tallybase.wrapWithTracking}, counted for this run. */
  wrapWithTracking<T>(
    context: CallContext<Awaited<T>>,
    fn: () => T,
    estimate?: number | Estimate,
  ): Promise<Tracked<Awaited<T>>>;
  /** {@link Tallybase.track}, counted for this run. */
  track(event: UsageEvent, options?: CallOptions): Promise<Recorded<UsageReceipt>>;
  /** Adds to what is logged of the run when it ends. */
  set(more: Pick<ExecutionLog, "outputData" | "metadata" | "model" | "status">): void;
}

/** Writes one execution, or adds to it. Safe to repeat under the same id. */
export function logExecution(
  session: Session,
  execution: ExecutionLog,
  options?: CallOptions,
): Promise<Result<LoggedExecution>> {
  const named = withOrganization(session, { ...execution, id: execution.id ?? mintEventId() });
  const retries = { ...options, retries: session.retries };
  return ask(session, "log_execution", { execution: toWire(named) }, retries);
}

/** Everything about one run. */
export function executionDetails(
  session: Session,
  id: string,
  { maxEvents, ...options }: CallOptions & { maxEvents?: number | undefined } = {},
): Promise<Result<ExecutionDetails>> {
  return ask(session, "execution_details", toWire({ id, maxEvents }), options);
}

/** Hides one run. */
export function deleteExecution(
  session: Session,
  id: string,
  options?: CallOptions,
): Promise<Result<DeletedExecution>> {
  return ask(session, "delete_execution", { id }, options);
}

/** Runs an agent's function between the two log entries of its execution. */
export async function runExecution<T>(
  session: Session,
  context: RunContext,
  fn: (run: ExecutionRun) => T,
): Promise<Awaited<T>> {
  const { package: what, ...named } = withOrganization(session, context);
  const id = context.id ?? mintEventId();
  const startedAt = new Date();
  const [packageId, packageName] = typeof what === "string" ? [what, what] : [what.id, what.name];
  const known: ExecutionLog = { ...named, id, packageId, packageName, startedAt };
  let more: Partial<ExecutionLog> = {};
  const mine = { executionId: id, userId: context.userId, organizationId: named.organizationId };
  const run: ExecutionRun = {
    id,
    wrapWithTracking: (call, callFn, estimate) =>
      wrapCall(session, { ...mine, ...call }, callFn, estimate),
    track: (event, options) => recordEvent(session, { ...mine, ...event }, options),
    set: (added) => {
      more = { ...more, ...added };
    },
  };
  // Not awaited: the run shall not wait for its log. Arriving after the end, it only adds.
  const starting = logExecution(session, { ...known, status: "running" }).then(report);
  const end = async (status: ExecutionStatus, rest: Partial<ExecutionLog>) => {
    const last = { ...known, completedAt: new Date(), status, ...more, ...rest };
    report(await logExecution(session, last));
    await starting;
  };
  try {
    const result = await fn(run);
    await end("success", {});
    return result;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    await end(statusOf(error), { status: statusOf(error), error: words.slice(0, 16_384) });
    throw error;
  }
}

function statusOf(error: unknown): ExecutionStatus {
  const name = error instanceof Error ? error.name : "";
  if (name === "TimeoutError") return "timeout";
  return name === "AbortError" ? "aborted" : "failed";
}

/** The log of a run must not break the run; its events are recorded by themselves. */
function report({ error }: { error: TallybaseError | null }): void {
  if (error) console.error("tallybase: an execution could not be logged.", error);
}
