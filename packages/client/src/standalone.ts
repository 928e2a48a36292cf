import { checkQuota as askQuota } from "./ask-quotas.ts";
import { QuotaExceededError } from "./errors.ts";
import { meterCall } from "./meter-call.ts";
import type { Tracked } from "./meter-types.ts";
import { toWire } from "./names.ts";
import { recordEvent } from "./record-usage.ts";
import { askEdge, openSession } from "./session.ts";
import { eventOf } from "./settle-call.ts";
import { fetchTransport } from "./transport.ts";
import type { QuotaPeriod } from "./types.ts";

/** Who a call is counted for, for the functions that take a URL and a key. */
export interface UsageTrackingOptions {
  userId?: string;
  organizationId: string;
  sessionId?: string;
  workflowId?: string;
  provider: string;
  model: string;
}

/** What {@link trackUsage} recorded. */
export interface UsageResult {
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  /** US dollars; null when the model has no price yet. */
  costUsd: number | null;
  /** The event's id. */
  logId: string;
}

/** The quota in the way of a call, or the tightest one. Amounts in the unit of the quota. */
export interface QuotaCheckResult {
  allowed: boolean;
  quotaLimit: number;
  currentUsage: number;
  remaining: number;
  quotaType: QuotaPeriod;
}

/** A wrapped call's result: the answer, or that a quota refused it. */
export type WrappedResult<T> =
  | Tracked<T>
  | { response: null; usage: null; quotaExceeded: true; error: QuotaExceededError };

/**
 * Records what a provider's raw response says was used.
 *
 * @param supabaseUrl - The project's URL.
 * @param supabaseKey - The secret key (on a server), or an API key `tally_…`.
 * @param apiResponse - The response of OpenAI, Anthropic, Google or xAI as it came.
 * @throws {@link UsageNotRecordedError} when it cannot be written, or the response states no usage.
 *
 * @example
 * ```ts
 * const result = await trackUsage(url, key, { organizationId, provider: "openai", model }, response);
 * console.log(`${result.totalTokens} tokens, $${result.costUsd}`);
 * ```
 */
export async function trackUsage(
  supabaseUrl: string,
  supabaseKey: string,
  options: UsageTrackingOptions,
  apiResponse: unknown,
): Promise<UsageResult> {
  const readers = await import("./read-usage.ts");
  const usage = readers.normalizeUsage(options.provider, apiResponse);
  const event = usage ? eventOf(readers, options, usage) : options;
  const { data, error } = await recordEvent(connect(supabaseUrl, supabaseKey), event);
  if (error) throw error;
  const { id, inputTokens, outputTokens, totalTokens, costUsd } = data;
  return { inputTokens, outputTokens, totalTokens, costUsd, logId: id };
}

/**
 * Asks whether an organization has enough left for a call.
 *
 * @param estimatedCost - US dollars.
 * @returns The tightest quota, or null when no quota applies: the call is free to go.
 * @throws {@link TallybaseError} when it cannot be asked.
 *
 * @example
 * ```ts
 * const quota = await checkQuota(url, key, organizationId, "openai", "gpt-5.4", 0.05);
 * if (quota && !quota.allowed) throw new Error("Quota exceeded");
 * ```
 */
export async function checkQuota(
  supabaseUrl: string,
  supabaseKey: string,
  organizationId: string,
  provider: string,
  model: string,
  estimatedCost: number,
): Promise<QuotaCheckResult | null> {
  const session = connect(supabaseUrl, supabaseKey);
  const request = { organizationId, provider, model, estimatedCost };
  const { data, error } = await askQuota(session, request);
  if (error) throw error;
  const { allowed, quotaLimit, currentUsage, remaining, quotaType } = data;
  if (quotaLimit === null || currentUsage === null || remaining === null || quotaType === null) {
    return null;
  }
  return { allowed, quotaLimit, currentUsage, remaining, quotaType };
}

/**
 * Estimates what a call may cost at most, from its messages and the longest answer it may get.
 *
 * @param maxOutputTokens - Default: 1000.
 * @returns US dollars: an upper bound, fit for a hold.
 * @throws {@link TallybaseError} with `PT422` for a model without a price.
 *
 * @example
 * ```ts
 * const usd = await estimateCost(url, key, "openai", "gpt-5.4", [{ role: "user", content: "Hi" }], 200);
 * ```
 */
export async function estimateCost(
  supabaseUrl: string,
  supabaseKey: string,
  provider: string,
  model: string,
  messages: readonly { role: string; content: unknown }[],
  maxOutputTokens = 1000,
): Promise<number> {
  const body = toWire({ provider, model, messages, maxOutputTokens });
  const { data, error } = await askEdge<{ costUsdUpper: number }>(
    connect(supabaseUrl, supabaseKey),
    "estimate",
    body,
  );
  if (error) throw error;
  return data.costUsdUpper;
}

/**
 * Checks the quotas, makes the call and records what it used: {@link Tallybase.wrapWithTracking} for
 * those who have a URL and a key at hand. A refusal is a result here, not an error.
 *
 * @param estimatedCost - US dollars, the most that the call can come to.
 * @throws {@link TallybaseError} when admission cannot be asked, {@link UsageNotRecordedError} when
 * the usage cannot be written.
 *
 * @example
 * ```ts
 * const result = await wrapWithTracking(url, key, options, () => callModel(request), 0.05);
 * if (result.quotaExceeded) throw new Error("Quota exceeded");
 * return result.response;
 * ```
 */
export async function wrapWithTracking<T>(
  supabaseUrl: string,
  supabaseKey: string,
  options: UsageTrackingOptions,
  fn: () => T,
  estimatedCost?: number,
): Promise<WrappedResult<Awaited<T>>> {
  try {
    return await meterCall(connect(supabaseUrl, supabaseKey), options, fn, estimatedCost);
  } catch (error) {
    if (!(error instanceof QuotaExceededError)) throw error;
    return { response: null, usage: null, quotaExceeded: true, error };
  }
}

const connect = (url: string, key: string) => openSession(fetchTransport({ url, key }), {});
