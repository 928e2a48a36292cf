import { mintEventId } from "./mint-event-id.ts";
import { toWire } from "./names.ts";
import { ask, askForRow, type Session, withOrganization } from "./session.ts";
import type {
  CallOptions,
  CostEstimate,
  CostRequest,
  Extension,
  QuotaCheck,
  QuotaRequest,
  QuotaState,
  ReleasedHold,
  Reservation,
  ReserveExtra,
  ReserveRequest,
  Result,
} from "./types.ts";

/** Asks whether a call would pass, without holding anything. */
export function checkQuota(
  session: Session,
  request: QuotaRequest,
  options?: CallOptions,
): Promise<Result<QuotaCheck>> {
  const args = toWire(withOrganization(session, request));
  return askForRow(session, "check_quota", args, options);
}

/** Every quota of an organization, with what is left of it. */
export function quotaStatus(
  session: Session,
  request: { organizationId?: string | undefined } = {},
  options?: CallOptions,
): Promise<Result<QuotaState[]>> {
  return ask(session, "quota_status", toWire(withOrganization(session, request)), options);
}

/** What a call would cost. */
export function estimateCost(
  session: Session,
  request: CostRequest,
  options?: CallOptions,
): Promise<Result<CostEstimate>> {
  const args = toWire(withOrganization(session, request));
  return askForRow(session, "estimate_cost", args, options);
}

/** Holds a call's upper bound. The key makes a repeated request find the first one's hold. */
export function reserveUsage(
  session: Session,
  request: ReserveRequest,
  options?: CallOptions,
): Promise<Result<Reservation>> {
  const named = withOrganization(session, request);
  const idempotencyKey = named.idempotencyKey ?? mintEventId();
  return ask(session, "reserve_usage", { request: toWire({ ...named, idempotencyKey }) }, options);
}

/** Gives a hold back. */
export function releaseHold(
  session: Session,
  holdId: string,
  options?: CallOptions,
): Promise<Result<ReleasedHold>> {
  return ask(session, "release_hold", { hold_id: holdId }, options);
}

/** Lets a hold live longer, and optionally hold more. */
export function extendHold(
  session: Session,
  holdId: string,
  seconds: number,
  extra?: ReserveExtra,
  options?: CallOptions,
): Promise<Result<Extension>> {
  // The key makes a repeated top-up count once.
  const named = extra && { ...extra, idempotencyKey: extra.idempotencyKey ?? mintEventId() };
  const args = { hold_id: holdId, seconds, ...(named && { extra: toWire(named) }) };
  return ask(session, "extend_hold", args, options);
}
