import { toWire } from "./names.ts";
import type {
  BreakdownRow,
  ReportBucket,
  ReportDimension,
  ReportRequest,
  ReportRow,
  TimeseriesRow,
  UsageMeasures,
} from "./reports-types.ts";
import { ask, askForRow, type Session, withOrganization } from "./session.ts";
import type { CallOptions, Result } from "./types.ts";

/** An answer of rows. */
type Rows<Row> = Promise<Result<Row[]>>;

/** The analytics functions, one to one; rows are typed, names in camelCase. */
export interface Reports {
  /**
   * What a range comes to in all.
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.totals(monthToDate());
   * console.log(`$${data?.totalCostUsd} this month`);
   * ```
   */
  totals(request: ReportRequest, options?: CallOptions): Promise<Result<UsageMeasures>>;
  /**
   * The same by provider, model, tool …, the dearest first.
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.breakdown({ ...lastDays(30), dimension: "tool_name" });
   * ```
   */
  breakdown(
    request: ReportRequest & { dimension: ReportDimension },
    options?: CallOptions,
  ): Rows<BreakdownRow>;
  /**
   * The same step by step.
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.timeseries({ ...lastDays(7), bucket: "day" });
   * ```
   */
  timeseries(
    request: ReportRequest & { bucket?: ReportBucket },
    options?: CallOptions,
  ): Rows<TimeseriesRow>;
  /** Averages and percentiles (p50, p95, p99) of single calls. */
  statistics(request: ReportRequest & ReportArguments, options?: CallOptions): Rows<ReportRow>;
  /** Each day beside the one before, with the change in percent. */
  trends(request: ReportRequest & ReportArguments, options?: CallOptions): Rows<ReportRow>;
  /** The hours (or days) with most usage. */
  peaks(request: ReportRequest & ReportArguments, options?: CallOptions): Rows<ReportRow>;
  /** Month to date, daily average, and where the month will end. */
  forecast(request: ReportRequest & ReportArguments, options?: CallOptions): Rows<ReportRow>;
  /** Days that are far from what is usual. */
  anomalies(request: ReportRequest & ReportArguments, options?: CallOptions): Rows<ReportRow>;
  /** Who uses most; for admins. */
  topUsers(request: ReportRequest & ReportArguments, options?: CallOptions): Rows<ReportRow>;
  /** Which agents use most. */
  topPackages(request: ReportRequest & ReportArguments, options?: CallOptions): Rows<ReportRow>;
}

/** A report's own arguments, by their names in SQL or in camelCase. */
export interface ReportArguments {
  [argument: string]: unknown;
}

/** The reports of a session. */
export function openReports(session: Session): Reports {
  const argumentsOf = ({ filters, ...request }: ReportRequest) =>
    toWire({ ...withOrganization(session, request), ...(filters && { filters: toWire(filters) }) });
  const rows =
    <Row>(name: string) =>
    (request: ReportRequest, options?: CallOptions): Rows<Row> =>
      ask<Row[]>(session, name, argumentsOf(request), options);
  return {
    totals: (request, options) => askForRow(session, "usage_totals", argumentsOf(request), options),
    breakdown: rows("usage_breakdown"),
    timeseries: rows("usage_timeseries"),
    statistics: rows("usage_statistics"),
    trends: rows("usage_trends"),
    peaks: rows("usage_peaks"),
    forecast: rows("usage_forecast"),
    anomalies: rows("usage_anomalies"),
    topUsers: rows("top_users"),
    topPackages: rows("top_packages"),
  };
}
