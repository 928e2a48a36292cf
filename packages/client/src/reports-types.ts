/** The measures of every report. Money in US dollars; a null cost: nothing of it has a price. */
export interface UsageMeasures {
  requestCount: number;
  totalInputTokens: number;
  totalOutputTokens: number;
  totalTokens: number;
  totalCostUsd: number | null;
}

/** What a range comes to in all. */
export interface UsageTotals extends UsageMeasures {
  successfulCount: number;
  failedCount: number;
  /** Percent; null without requests. */
  successRate: number | null;
  /** Requests by status. */
  statusBreakdown: Record<string, number>;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  reasoningTokens: number;
  /** Events whose model has no price. */
  unpricedCount: number;
  averageDurationMs: number | null;
}

/** One value, any of some, or null for events without one. */
export type FilterValue = string | null | readonly (string | null)[] | undefined;

/** Only events that are so; a list means any of them, null those without one. */
export interface ReportFilters {
  userId?: FilterValue;
  apiKeyId?: FilterValue;
  provider?: FilterValue;
  model?: FilterValue;
  toolName?: FilterValue;
  operation?: FilterValue;
  resourceType?: FilterValue;
  serviceTier?: FilterValue;
  status?: FilterValue;
  unitType?: FilterValue;
  isByok?: boolean | undefined;
}

/** A range of time, its end not included: {@link lastDays}, {@link monthToDate} … make some. */
export interface DateRange {
  startsAt: string | Date;
  endsAt: string | Date;
}

/** What a report is about. */
export interface ReportRequest extends DateRange {
  /** Default: the `organizationId` given to {@link createTallybase}. */
  organizationId?: string | undefined;
  filters?: ReportFilters | undefined;
  /** In which days, weeks and months are cut: `Asia/Kolkata`. Default: the organization's. */
  timezone?: string | undefined;
}

/** By what a breakdown groups. `user_id` and `api_key_id` are for admins. */
export type ReportDimension =
  | "provider"
  | "model"
  | "tool_name"
  | "operation"
  | "resource_type"
  | "service_tier"
  | "status"
  | "unit_type"
  | "is_byok"
  | "user_id"
  | "api_key_id"
  | (string & {});

/** How long each step of a series is. */
export type ReportBucket = "hour" | "day" | "week" | "month" | (string & {});

/** What a report compares. */
export type ReportMeasure =
  | "total_cost_usd"
  | "total_tokens"
  | "total_input_tokens"
  | "total_output_tokens"
  | "request_count"
  | (string & {});

/** A group of a breakdown: `dimension` is its value, null where events state none. */
export interface BreakdownRow extends UsageMeasures {
  dimension: string | null;
  totalUnits: number | null;
  unpricedCount: number;
  averageDurationMs: number | null;
  /** Of the cost of the whole range. */
  percentOfCost: number | null;
}

/** A step of a series, from `bucketStart` until before `bucketEnd`. */
export interface BucketRow {
  bucketStart: string;
  bucketEnd: string;
  /** The same as a clock on the wall shows it in the time zone of the report. */
  localStart: string;
}

/** A step of a series. Steps without usage are there, with zeros. */
export interface TimeseriesRow extends UsageMeasures, BucketRow {
  /** The value of the dimension that was asked for. */
  dimension: string | null;
  totalUnits: number | null;
  unpricedCount: number;
  averageDurationMs: number | null;
}

/** How single calls, or steps of time, spread. */
export interface StatisticsRow {
  measure: string;
  /** Of what: `request`, or the bucket. */
  per: string;
  sampleCount: number;
  average: number | null;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  maximum: number | null;
}

/** A step beside the one before. */
export interface TrendRow extends UsageMeasures, BucketRow {
  dimension: string | null;
  /** False for a step that is not over. */
  isComplete: boolean;
  previous: number | null;
  change: number | null;
  /** Null when there was nothing before. */
  percentChange: number | null;
}

/** One of the steps with most usage. */
export interface PeakRow extends UsageMeasures, BucketRow {}

/** Where a range will end, by what of it is over. */
export interface Forecast {
  measure: string;
  asOf: string;
  toDate: number | null;
  elapsedDays: number;
  remainingDays: number;
  dailyAverage: number | null;
  projected: number | null;
  /** The interval that holds the end with `confidence`. */
  projectedLow: number | null;
  projectedHigh: number | null;
  confidence: number | null;
  /** How far the same method was off when tried on earlier days. */
  backtestErrorPercent: number | null;
  backtestCount: number | null;
  historyDays: number | null;
  method: string;
}

/** An hour whose cost is far from what is usual. */
export interface AnomalyRow extends BucketRow {
  dimension: string | null;
  value: string | null;
  totalCostUsd: number | null;
  expectedCostUsd: number | null;
  /** Standard deviations away. */
  score: number;
  direction: string;
}

/** A user and what they used. */
export interface TopUserRow extends UsageMeasures {
  userId: string | null;
  unpricedCount: number;
  percentOfCost: number | null;
}

/** An agent's package and what its runs used. */
export interface TopPackageRow extends UsageMeasures {
  packageId: string;
  packageName: string;
  executionCount: number;
  successfulCount: number;
  failedCount: number;
  unfinishedCount: number;
  /** Percent; null before a run has ended. */
  successRate: number | null;
  statusBreakdown: Record<string, number>;
  averageQueueTimeMs: number | null;
  averageDurationMs: number | null;
  unpricedCount: number;
  percentOfCost: number | null;
}
