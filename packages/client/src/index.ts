/**
 * Metering for AI and API calls, in one line: what a call may cost is held before it is made, what it
 * did cost is recorded after.
 *
 * @packageDocumentation
 */
export { createTallybase } from "./create-tallybase.ts";
export { QuotaExceededError, TallybaseError, UsageNotRecordedError } from "./errors.ts";
export type {
  CallContext,
  CallUsage,
  Tracked,
  TrackedBody,
  TrackedResponse,
  TrackedStream,
} from "./meter-types.ts";
export { mintEventId } from "./mint-event-id.ts";
export type { Recorded } from "./record-usage.ts";
export type { TallybaseOptions } from "./session.ts";
export {
  checkQuota,
  estimateCost,
  type QuotaCheckResult,
  trackUsage,
  type UsageResult,
  type UsageTrackingOptions,
  type WrappedResult,
  wrapWithTracking,
} from "./standalone.ts";
export type { Tallybase } from "./tallybase.ts";
export type { Connection, SupabaseLike } from "./transport.ts";
export type {
  Attribution,
  BatchReceipt,
  BlockingQuota,
  CallOptions,
  CostEstimate,
  CostRequest,
  Estimate,
  Extension,
  LostHandler,
  Provider,
  QuotaCheck,
  QuotaLevel,
  QuotaMetric,
  QuotaPeriod,
  QuotaRequest,
  QuotaState,
  ReleasedHold,
  Reservation,
  ReserveExtra,
  ReserveRequest,
  Result,
  UsageEvent,
  UsageReceipt,
} from "./types.ts";
