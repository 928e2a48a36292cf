import {
  checkQuota,
  estimateCost,
  extendHold,
  quotaStatus,
  releaseHold,
  reserveUsage,
} from "./ask-quotas.ts";
import { meterCall } from "./meter-call.ts";
import { recordEvent, recordEvents } from "./record-usage.ts";
import { openSession, type TallybaseOptions } from "./session.ts";
import type { Tallybase } from "./tallybase.ts";
import {
  type Connection,
  fetchTransport,
  type SupabaseLike,
  supabaseTransport,
} from "./transport.ts";

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
 *   key: process.env.SECRET_KEY,
 *   organizationId,
 * });
 * const { data, error } = await tally.quotaStatus();
 * ```
 */
export function createTallybase(
  connection: SupabaseLike | (Connection & TallybaseOptions),
  options: TallybaseOptions = {},
): Tallybase {
  const session =
    "rpc" in connection
      ? openSession(supabaseTransport(connection), options)
      : openSession(fetchTransport(connection), { ...connection, ...options });
  return {
    checkQuota: (request, call) => checkQuota(session, request, call),
    quotaStatus: (request, call) => quotaStatus(session, request, call),
    estimateCost: (request, call) => estimateCost(session, request, call),
    reserve: (request, call) => reserveUsage(session, request, call),
    settle: (holdId, event, call) => recordEvent(session, event, { ...call, holdId }),
    release: (holdId, call) => releaseHold(session, holdId, call),
    extend: (holdId, seconds, extra, call) => extendHold(session, holdId, seconds, extra, call),
    track: (event, call) => recordEvent(session, event, call),
    trackBatch: (events, call) => recordEvents(session, events, call),
    wrapWithTracking: (context, fn, estimate) => meterCall(session, context, fn, estimate),
  };
}
