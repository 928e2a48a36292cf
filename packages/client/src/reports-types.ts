import type { Provider } from "./types.ts";

/** The measures of every report. Money in US dollars; a null cost: nothing of it has a price. */
export interface UsageMeasures {
  requestCount: number;
  totalInputTokens: number;
  totalOutputTokens: number;
  totalTokens: number;
  totalCostUsd: number | null;
}

/** Only events that are so; a list means any of them. */
export interface ReportFilters {
  userId?: string | readonly string[] | undefined;
  apiKeyId?: string | readonly string[] | undefined;
  provider?: Provider | readonly Provider[] | undefined;
  model?: string | readonly string[] | undefined;
  toolName?: string | readonly string[] | undefined;
  operation?: string | readonly string[] | undefined;
  resourceType?: string | readonly string[] | undefined;
  status?: string | readonly string[] | undefined;
  [column: string]: string | readonly string[] | undefined;
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

/** By what a breakdown groups. */
export type ReportDimension =
  | "provider"
  | "model"
  | "tool_name"
  | "operation"
  | "resource_type"
  | "status"
  | (string & {});

/** How long each step of a series is. */
export type ReportBucket = "hour" | "day" | "week" | "month" | (string & {});

/** A group of a breakdown: `dimension` is its value, null where events state none. */
export interface BreakdownRow extends UsageMeasures {
  dimension: string | null;
}

/** A step of a series. Steps without usage are there, with zeros. */
export interface TimeseriesRow extends UsageMeasures {
  bucketStart: string;
}

/** A row of a report with measures of its own, named as in SQL but in camelCase. */
export interface ReportRow extends Partial<UsageMeasures> {
  [column: string]: unknown;
}
