import type { QuotaMetric, QuotaState } from "@tallybase/client";
import { useTallybase } from "./provider.ts";
import { type Answer, useAnswer } from "./use-answer.ts";

/** Which quota {@link useQuota} is about. */
export interface UseQuotaOptions {
  /** Default: the provider's. */
  organizationId?: string | undefined;
  /** One quota by its id. */
  quotaId?: string | undefined;
  /** Only quotas on this metric: `cost_usd`, `total_tokens`, `requests` … */
  metric?: QuotaMetric | undefined;
}

/** What {@link useQuota} answers. */
export interface QuotaAnswer extends Omit<Answer<QuotaState[]>, "data"> {
  /** The fullest quota that was asked for; null while loading, and when there is none. */
  quota: QuotaState | null;
  /** All of them, the fullest first. */
  quotas: QuotaState[];
}

/**
 * The quotas of an organization, kept fresh by Realtime or by polling.
 *
 * @example
 * ```tsx
 * function Remaining() {
 *   const { quota, isLoading } = useQuota({ metric: "cost_usd" });
 *   if (isLoading || !quota) return null;
 *   return <p>${quota.remaining.toFixed(2)} left</p>;
 * }
 * ```
 */
export function useQuota(options: UseQuotaOptions = {}): QuotaAnswer {
  const { client, organizationId: usual } = useTallybase();
  const organizationId = options.organizationId ?? usual;
  const { data, ...answer } = useAnswer({
    key: `quotas ${organizationId ?? ""}`,
    organizationId,
    ask: (signal) => client.quotaStatus({ organizationId }, { signal }),
  });
  const quotas = (data ?? []).filter(
    ({ quotaId, metric }) =>
      (options.quotaId === undefined || options.quotaId === quotaId) &&
      (options.metric === undefined || options.metric === metric),
  );
  return { quota: quotas[0] ?? null, quotas, ...answer };
}
