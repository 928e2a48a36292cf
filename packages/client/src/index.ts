/**
 * Metering for AI and API calls, in one line: what a call may cost is held before it is made, what it
 * did cost is recorded after.
 *
 * @packageDocumentation
 */
export {
  type AiSdkContext,
  type AiSdkMiddleware,
  type AiSdkParameters,
  tallybaseMiddleware,
} from "./ai-sdk-middleware.ts";
export { createTallybase } from "./create-tallybase.ts";
export { lastDays, monthToDate, today, wholeMonth } from "./date-ranges.ts";
export type { Amount } from "./decimal.ts";
export { configureTallybase } from "./default-project.ts";
export {
  isQuotaExceeded,
  ProviderError,
  QuotaExceededError,
  TallybaseError,
  UsageNotRecordedError,
} from "./errors.ts";
export type {
  AIModelRequest,
  AIModelResponse,
  AIModelStream,
  ExecutionContext,
} from "./execute-types.ts";
export type { UsageContext, UsageMeasure } from "./measure-usage.ts";
export type { MeterContext } from "./meter-client.ts";
export {
  type CopyableClient,
  type GoogleClient,
  meterAnthropic,
  meterGoogle,
  meterOpenAI,
} from "./meter-sdks.ts";
export type {
  AskedFor,
  CallContext,
  CallUsage,
  Tracked,
  TrackedBody,
  TrackedResponse,
  TrackedStream,
} from "./meter-types.ts";
export { mintEventId } from "./mint-event-id.ts";
export type { FlushReport, QueueOptions, QueueStore, UsageQueue } from "./queue-types.ts";
export type { Recorded } from "./record-usage.ts";
export type { Reports } from "./reports.ts";
export type {
  AnomalyRow,
  BreakdownRow,
  BucketRow,
  DateRange,
  FilterValue,
  Forecast,
  PeakRow,
  ReportBucket,
  ReportDimension,
  ReportFilters,
  ReportMeasure,
  ReportRequest,
  StatisticsRow,
  TimeseriesRow,
  TopPackageRow,
  TopUserRow,
  TrendRow,
  UsageMeasures,
  UsageTotals,
} from "./reports-types.ts";
export { type ByteUnit, type ResourceContext, resources } from "./resources.ts";
export type {
  DeletedExecution,
  ExecutionDetails,
  ExecutionLog,
  ExecutionRun,
  ExecutionStatus,
  LoggedExecution,
  RunContext,
} from "./run-execution.ts";
export type { TallybaseOptions } from "./session.ts";
export {
  checkQuota,
  estimateCost,
  executeWithTracking,
  getQuotaStatus,
  type QuotaCheckResult,
  type QuotaStatusResult,
  trackUsage,
  type UsageResult,
  type UsageTrackingOptions,
  type WrappedResult,
  wrapWithTracking,
} from "./standalone.ts";
export type { Measured, Tallybase } from "./tallybase.ts";
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
export { type StorageLike, webStorageStore } from "./web-storage-store.ts";
