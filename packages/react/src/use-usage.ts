import {
  type DateRange,
  lastDays,
  monthToDate,
  type ReportFilters,
  today,
  type UsageTotals,
} from "@tallybase/client";
import { useTallybase } from "./provider.ts";
import { type Answer, useAnswer } from "./use-answer.ts";

/** What {@link useUsage} is about. */
export interface UseUsageOptions {
  /** Default: the provider's. */
  organizationId?: string | undefined;
  /** `month` (to date, the default), `today`, so many `days` back, or a range of your own. */
  period?: "month" | "today" | { days: number } | DateRange | undefined;
  filters?: ReportFilters | undefined;
  /** Where days and months begin: an IANA name. Default: UTC. */
  timezone?: string | undefined;
}

/** What {@link useUsage} answers: `usage` is null while loading. */
export interface UsageAnswer extends Omit<Answer<UsageTotals>, "data"> {
  usage: UsageTotals | null;
}

/**
 * What was used in a period: calls, tokens, cost; kept fresh by Realtime or by polling.
 *
 * @example
 * ```tsx
 * function ThisMonth() {
 *   const { usage } = useUsage();
 *   return <p>{usage ? `$${usage.totalCostUsd} in ${usage.requestCount} calls` : "…"}</p>;
 * }
 * ```
 */
export function useUsage(options: UseUsageOptions = {}): UsageAnswer {
  const { client, organizationId: usual } = useTallybase();
  const organizationId = options.organizationId ?? usual;
  const { period = "month", filters, timezone = "UTC" } = options;
  const { data, ...answer } = useAnswer({
    key: `usage ${JSON.stringify([organizationId, period, filters, timezone])}`,
    organizationId,
    // The range is that of the moment of asking: "today" is another day tomorrow.
    ask: (signal) => {
      const request = { ...rangeOf(period, timezone), organizationId, filters, timezone };
      return client.reports.totals(request, { signal });
    },
  });
  return { usage: data, ...answer };
}

function rangeOf(period: NonNullable<UseUsageOptions["period"]>, timezone: string): DateRange {
  if (period === "month") return monthToDate(timezone);
  if (period === "today") return today(timezone);
  return "days" in period ? lastDays(period.days) : period;
}
