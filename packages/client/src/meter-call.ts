import { releaseHold, reserveUsage } from "./ask-quotas.ts";
import { isTransient, QuotaExceededError } from "./errors.ts";
import { meterStream } from "./meter-stream.ts";
import type { CallContext, CallUsage, Tracked } from "./meter-types.ts";
import * as readers from "./read-usage.ts";
import { type Session, withOrganization } from "./session.ts";
import { type AdmittedCall, releaseCall, settleCall, UNKNOWN_COST } from "./settle-call.ts";
import type { Estimate, Reservation, ReserveRequest, Result } from "./types.ts";

/** Holds the estimate, runs the function, and settles what its answer (or its error) says was used. */
export async function meterCall<T>(
  client: Session,
  context: CallContext<Awaited<T>>,
  fn: () => T,
  estimate: number | Estimate = UNKNOWN_COST,
): Promise<Tracked<Awaited<T>>> {
  const { signal, expiresIn, failOpen, onQuotaExceeded, onLost, usageOf, asked, ...named } =
    context;
  const session = onLost ? { ...client, onLost } : client;
  const attribution = withOrganization(session, named);
  const bound = typeof estimate === "number" ? { estimatedCost: estimate } : estimate;
  const { requestMetadata: _metadata, ...scope } = attribution;
  const hold = await waitForAdmission(session, { ...scope, ...bound, expiresIn }, signal);
  if (hold.error && !((failOpen ?? session.failOpen) && isTransient(hold.error))) throw hold.error;
  if (hold.data && !hold.data.allowed) {
    const refusal = new QuotaExceededError(hold.data.blockedBy);
    await onQuotaExceeded?.(refusal);
    throw refusal;
  }
  const call: AdmittedCall = {
    session,
    attribution,
    estimate: bound,
    holdId: hold.data?.holdId ?? null,
    expiresAt: hold.data?.expiresAt ?? null,
    startedAt: performance.now(),
    readers,
    asked,
  };
  const response = await run(call, fn);
  const tracked = usageOf
    ? { response, usage: await settleAnswer(call, response, usageOf(response)) }
    : (meterStream(call, response) ?? {
        response,
        usage: await settleAnswer(call, response, await readBody(response)),
      });
  return { ...tracked, quotaExceeded: false } as Tracked<Awaited<T>>;
}

/** Waits until the caller leaves; a hold that arrives after that is given back. */
async function waitForAdmission(
  session: Session,
  request: ReserveRequest,
  signal: AbortSignal | undefined,
): Promise<Result<Reservation>> {
  signal?.throwIfAborted();
  const reserving = reserveUsage(session, request);
  if (!signal) return reserving;
  let leave = () => {};
  const leaving = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason);
  });
  signal.addEventListener("abort", leave);
  // A caller may leave while the request is being sent, before anybody listens.
  if (signal.aborted) leave();
  try {
    return await Promise.race([reserving, leaving]);
  } catch (reason) {
    void reserving.then(async ({ data }) => {
      if (data?.allowed) await releaseHold(session, data.holdId);
    });
    throw reason;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

async function run<T>(call: AdmittedCall, fn: () => T): Promise<Awaited<T>> {
  try {
    return await fn();
  } catch (error) {
    await settleFailure(call, error);
    throw error;
  }
}

/** What an answer in one piece says: a fetch response says it in its body, which stays readable. */
async function readBody(response: unknown): Promise<unknown> {
  if (!(response instanceof Response)) return response;
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  const reading: Promise<unknown> = isJson ? response.clone().json() : Promise.resolve(null);
  const body = await reading.catch(() => null);
  return response.ok ? body : { error: body ?? response.status };
}

async function settleAnswer(
  call: AdmittedCall,
  response: unknown,
  stated: unknown,
): Promise<CallUsage> {
  if (isRefusal(stated)) return settleRefusal(call, stated);
  const usage = readUsage(call, stated);
  return settleCall(call, { usage, status: "success", isEstimated: usage === null, response });
}

/** A refusal that states usage has used it. */
async function settleRefusal(call: AdmittedCall, stated: unknown): Promise<CallUsage> {
  const usage = call.readers.normalizeUsage(call.attribution.provider, stated);
  if (!usage) return releaseCall(call);
  return settleCall(call, { usage, status: "success", isEstimated: false, response: stated });
}

/** What an answer used, by what it says and, where it says nothing, by what was asked for. */
function readUsage({ readers, attribution, asked }: AdmittedCall, stated: unknown) {
  if (!asked) return readers.normalizeUsage(attribution.provider, stated);
  const { api, ...request } = asked;
  const given = Object.entries(request).filter(([, value]) => value !== undefined);
  return readers.normalizeUsage(attribution.provider, stated, {
    api,
    request: Object.fromEntries(given),
  });
}

/** A provider's error body, for callers whose fetch does not throw. */
function isRefusal(body: unknown): boolean {
  return typeof body === "object" && body !== null && "error" in body && Boolean(body.error);
}

/** Settles what a failed call's error carries; one that carries nothing used nothing. */
async function settleFailure(call: AdmittedCall, error: unknown): Promise<void> {
  const usage = call.readers.normalizeUsage(call.attribution.provider, error);
  if (!usage) return void (await releaseCall(call));
  try {
    await settleCall(call, { usage, status: "failed", isEstimated: false });
  } catch (unrecorded) {
    // The caller is about to see the call's own error, which ours must not replace.
    console.error(unrecorded);
  }
}
