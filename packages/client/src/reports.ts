import { toWire } from "./names.ts";
import type {
  AnomalyRow,
  BreakdownRow,
  Forecast,
  PeakRow,
  ReportBucket,
  ReportDimension,
  ReportMeasure,
  ReportRequest,
  StatisticsRow,
  TimeseriesRow,
  TopPackageRow,
  TopUserRow,
  TrendRow,
  UsageTotals,
} from "./reports-types.ts";
import { ask, askForRow, type Session, withOrganization } from "./session.ts";
import type { CallOptions, Result } from "./types.ts";

/** An answer of rows. */
type Rows<Row> = Promise<Result<Row[]>>;

/** The analytics functions, one to one. All may answer `PT400` (the detail names the field) and `PT403`. */
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
  totals(request: ReportRequest, options?: CallOptions): Promise<Result<UsageTotals>>;
  /**
   * The same by provider, model (the default), tool …, the dearest first.
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.breakdown({ ...lastDays(30), dimension: "tool_name" });
   * ```
   */
  breakdown(
    request: ReportRequest & { dimension?: ReportDimension; maxRows?: number },
    options?: CallOptions,
  ): Rows<BreakdownRow>;
  /**
   * The same step by step: by day unless you say otherwise; with a `dimension` for each of its values.
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.timeseries({ ...lastDays(7), bucket: "day" });
   * ```
   */
  timeseries(
    request: ReportRequest & { bucket?: ReportBucket; dimension?: ReportDimension },
    options?: CallOptions,
  ): Rows<TimeseriesRow>;
  /**
   * Averages and percentiles of durations, and of tokens and cost per hour (or another `bucket`).
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.statistics(lastDays(30));
   * const slow = data?.find(({ measure }) => measure === "duration_ms")?.p99;
   * ```
   */
  statistics(
    request: ReportRequest & { bucket?: ReportBucket },
    options?: CallOptions,
  ): Rows<StatisticsRow>;
  /**
   * Each day (or another `bucket`) beside the one before, with the change in percent.
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.trends({ ...lastDays(7), measure: "total_cost_usd" });
   * ```
   */
  trends(
    request: ReportRequest & {
      bucket?: ReportBucket;
      measure?: ReportMeasure;
      dimension?: ReportDimension;
    },
    options?: CallOptions,
  ): Rows<TrendRow>;
  /**
   * The hours (or other `bucket`s) with most usage.
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.peaks({ ...lastDays(30), bucket: "day", maxRows: 5 });
   * ```
   */
  peaks(
    request: ReportRequest & { bucket?: ReportBucket; measure?: ReportMeasure; maxRows?: number },
    options?: CallOptions,
  ): Rows<PeakRow>;
  /**
   * Where a range that is not over will end, for example this month.
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.forecast(wholeMonth(2026, 11));
   * console.log(`$${data?.projected} by the end of the month`);
   * ```
   */
  forecast(
    request: ReportRequest & { measure?: ReportMeasure; at?: string | Date },
    options?: CallOptions,
  ): Promise<Result<Forecast>>;
  /**
   * Hours whose cost is far from what is usual.
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.anomalies(lastDays(7));
   * ```
   */
  anomalies(
    request: ReportRequest & { threshold?: number; maxRows?: number },
    options?: CallOptions,
  ): Rows<AnomalyRow>;
  /**
   * Who uses most. For admins.
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.topUsers({ ...monthToDate(), maxRows: 5 });
   * ```
   */
  topUsers(request: ReportRequest & { maxRows?: number }, options?: CallOptions): Rows<TopUserRow>;
  /**
   * Which agents use most: see {@link Tallybase.execution}.
   *
   * @example
   * ```ts
   * const { data } = await tally.reports.topPackages(lastDays(30));
   * ```
   */
  topPackages(
    request: ReportRequest & { maxRows?: number },
    options?: CallOptions,
  ): Rows<TopPackageRow>;
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
    forecast: (request, options) =>
      askForRow(session, "usage_forecast", argumentsOf(request), options),
    anomalies: rows("usage_anomalies"),
    topUsers: rows("top_users"),
    topPackages: rows("top_packages"),
  };
}
