/**
 * Quotas and usage of a Tallybase project in React.
 *
 * @packageDocumentation
 */
export { describeQuota, type QuotaWords } from "./describe-quota.ts";
export {
  TallybaseProvider,
  type TallybaseProviderProps,
  type TallybaseValue,
  useTallybase,
} from "./provider.ts";
export { QuotaIndicator, type QuotaIndicatorProps } from "./quota-indicator.ts";
export type { ChannelLike, RealtimeLike } from "./realtime.ts";
export type { Answer } from "./use-answer.ts";
export { type QuotaAnswer, type UseQuotaOptions, useQuota } from "./use-quota.ts";
export { type UsageAnswer, type UseUsageOptions, useUsage } from "./use-usage.ts";
