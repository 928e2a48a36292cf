import {
  checkQuota,
  estimateCost,
  extendHold,
  quotaStatus,
  releaseHold,
  reserveUsage,
} from "./ask-quotas.ts";
import type { AIModelRequest, ExecutionContext } from "./execute-types.ts";
import {
  isMeasured,
  measureFunction,
  measureUsage,
  type UsageContext,
  type UsageMeasure,
} from "./measure-usage.ts";
import { openQueue } from "./open-queue.ts";
import type { UsageQueue } from "./queue-types.ts";
import { recordEvent, recordEvents } from "./record-usage.ts";
import { openReports } from "./reports.ts";
import { deleteExecution, executionDetails, logExecution, runExecution } from "./run-execution.ts";
import { openSession, type Session, type TallybaseOptions } from "./session.ts";
import type { Tallybase } from "./tallybase.ts";
import {
  type Connection,
  fetchTransport,
  type SupabaseLike,
  supabaseTransport,
} from "./transport.ts";
import type { CallOptions, UsageEvent } from "./types.ts";
import { wrapCall } from "./wrap-call.ts";

/**
 * A client for one project: give it your supabase-js client, or a URL and a key.
 *
 * Recording usage takes the secret key, a member of an organization with `allow_client_tracking`,
 * or an API key (`tally_…`). Reading quotas takes any member. Keep secret keys on servers.
 *
 * @param connection - A supabase-js client, whose session is used, or `{ url, key }`.
 * @param options - Behaviour; with `{ url, key }` it may be part of the same object.
 *
 * @example
 * ```ts
 * const tally = createTallybase({
 *   url: "http://127.0.0.1:54321",
 *   key: secretKey,
 *   organizationId,
 * });
 * const { data, error } = await tally.quotaStatus();
 * ```
 */
export function createTallybase(
  connection: SupabaseLike | (Connection & TallybaseOptions),
  options: TallybaseOptions = {},
): Tallybase {
  const settings = "rpc" in connection ? options : { ...connection, ...options };
  const session = openSession(
    "rpc" in connection ? supabaseTransport(connection) : fetchTransport(connection),
    settings,
  );
  let queue: UsageQueue | undefined;
  return {
    checkQuota: (request, call) => checkQuota(session, request, call),
    quotaStatus: (request, call) => quotaStatus(session, request, call),
    estimateCost: (request, call) => estimateCost(session, request, call),
    reserve: (request, call) => reserveUsage(session, request, call),
    settle: (holdId, event, call) => recordEvent(session, event, { ...call, holdId }),
    release: (holdId, call) => releaseHold(session, holdId, call),
    extend: (holdId, seconds, extra, call) => extendHold(session, holdId, seconds, extra, call),
    track: trackWith(session),
    trackBatch: (events, call) => recordEvents(session, events, call),
    wrapWithTracking: (context, fn, estimate) => wrapCall(session, context, fn, estimate),
    executeWithTracking: executeWith(session),
    execution: (context, fn) => runExecution(session, context, fn),
    logExecution: (execution, call) => logExecution(session, execution, call),
    executionDetails: (id, call) => executionDetails(session, id, call),
    deleteExecution: (id, call) => deleteExecution(session, id, call),
    reports: openReports(session),
    get queue() {
      queue ??= openQueue(session, settings.queue ?? {});
      return queue;
    },
  };
}

function trackWith(session: Session): Tallybase["track"] {
  const track = (
    event: UsageEvent | UsageContext,
    more?: CallOptions | ((usage: UsageMeasure) => unknown),
  ) => {
    if (typeof more === "function") return measureFunction(session, event as UsageContext, more);
    return isMeasured(event) ? recordEvent(session, event, more) : measureUsage(session, event);
  };
  return track as Tallybase["track"];
}

function executeWith(session: Session): Tallybase["executeWithTracking"] {
  const execute = async (request: AIModelRequest, context: ExecutionContext = {}) => {
    const { executeCall } = await import("./execute-call.ts");
    return executeCall(session, request, context);
  };
  return execute as Tallybase["executeWithTracking"];
}
