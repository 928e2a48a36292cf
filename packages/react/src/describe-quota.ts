import type { QuotaState } from "@tallybase/client";

const periods: Record<string, string> = {
  hourly: "this hour",
  daily: "today",
  weekly: "this week",
  monthly: "this month",
  yearly: "this year",
  total: "in total",
};

const names: Record<string, string> = {
  cost_usd: "Budget",
  total_tokens: "Tokens",
  input_tokens: "Input tokens",
  output_tokens: "Output tokens",
  requests: "Requests",
  units: "Units",
};

const warnings: Record<string, string> = {
  warning: "Running low",
  critical: "Almost used up",
  exceeded: "Used up",
};

/** A quota in words. */
export interface QuotaWords {
  /** `Budget this month` */
  label: string;
  /** `$7.50 of $10.00 used (75 %)` */
  usage: string;
  /** `Running low`; null while there is enough. */
  warning: string | null;
  /** `Starts again on 1 December`; null for a limit in total. */
  reset: string | null;
}

/**
 * Says in words how full a quota is.
 *
 * @param locale - For numbers and dates. Default: that of the browser.
 *
 * @example
 * ```ts
 * const { label, usage } = describeQuota(quota); // "Budget this month", "$7.50 of $10.00 used (75 %)"
 * ```
 */
export function describeQuota(quota: QuotaState, locale?: string): QuotaWords {
  const { metric, quotaType, currentUsage, quotaLimit, percentUsed, level, resetAt } = quota;
  const isMoney = metric === "cost_usd";
  const format = new Intl.NumberFormat(locale, {
    ...(isMoney && { style: "currency", currency: "USD" }),
    // A budget of less than a cent would be shown as nothing at all.
    maximumFractionDigits: isMoney && quotaLimit < 0.1 ? 6 : 2,
  });
  const used = `${format.format(currentUsage)} of ${format.format(quotaLimit)} used`;
  const percent = new Intl.NumberFormat(locale, { style: "percent" }).format(percentUsed / 100);
  const day = { day: "numeric", month: "long" } as const;
  const hour = { hour: "2-digit", minute: "2-digit" } as const;
  const moment = new Intl.DateTimeFormat(
    locale,
    quotaType === "hourly" ? hour : { ...day, ...hour },
  );
  return {
    label: `${names[metric] ?? metric} ${periods[quotaType] ?? quotaType}`,
    usage: `${used} (${percent})`,
    warning: warnings[level] ?? null,
    reset: resetAt && `Starts again ${moment.format(new Date(resetAt))}`,
  };
}
