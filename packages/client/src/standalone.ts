import { checkQuota as askQuota } from "./ask-quotas.ts";
import { createTallybase } from "./create-tallybase.ts";
import { defaultProject } from "./default-project.ts";
import { QuotaExceededError } from "./errors.ts";
import { eventOf } from "./event-of-answer.ts";
import type {
  AIModelRequest,
  AIModelResponse,
  AIModelStream,
  ExecutionContext,
} from "./execute-types.ts";
import type { Tracked } from "./meter-types.ts";
import { toWire } from "./names.ts";
import { recordEvent } from "./record-usage.ts";
import { askEdge, openSession } from "./session.ts";
import { fetchTransport } from "./transport.ts";
import type { QuotaMetric, QuotaPeriod } from "./types.ts";
import { wrapCall } from "./wrap-call.ts";

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
    return await wrapCall(connect(supabaseUrl, supabaseKey), options, fn, estimatedCost);
  } catch (error) {
    if (!(error instanceof QuotaExceededError)) throw error;
    return { response: null, usage: null, quotaExceeded: true, error };
  }
}

/**
 * Sends a chat to a model, metered, in one shape for all four providers: {@link Tallybase.executeWithTracking}
 * of the project named by {@link configureTallybase} or the environment, or of the one whose URL and
 * key come first.
 *
 * @throws {@link QuotaExceededError} ("Quota exceeded …") when a quota is in the way,
 * {@link ProviderError} when the provider refuses, {@link TallybaseError} otherwise.
 *
 * @example
 * ```ts
 * const response = await executeWithTracking(
 *   { provider: "openai", model: "gpt-5.4-mini", messages: [{ role: "user", content: "Hello!" }], maxTokens: 1000 },
 *   { userId, organizationId, sessionId },
 * );
 * console.log("Cost:", response.cost, "Tokens:", response.usage.totalTokens);
 * ```
 */
export function executeWithTracking(
  request: AIModelRequest & { stream: true },
  context: ExecutionContext,
): Promise<AIModelStream>;
export function executeWithTracking(
  request: AIModelRequest & { stream?: false | undefined },
  context: ExecutionContext,
): Promise<AIModelResponse>;
export function executeWithTracking(
  request: AIModelRequest,
  context: ExecutionContext,
): Promise<AIModelResponse | AIModelStream>;
export function executeWithTracking(
  supabaseUrl: string,
  supabaseKey: string,
  request: AIModelRequest & { stream?: false | undefined },
  context: ExecutionContext,
): Promise<AIModelResponse>;
export function executeWithTracking(
  ...args: [AIModelRequest, ExecutionContext] | [string, string, AIModelRequest, ExecutionContext]
): Promise<AIModelResponse | AIModelStream> {
  if (args.length === 4) {
    const [url, key, request, context] = args;
    return createTallybase({ url, key }).executeWithTracking(request, context);
  }
  return defaultProject().executeWithTracking(...args);
}

/** The fullest quota of an organization. Amounts in the unit of `metric`. */
export interface QuotaStatusResult extends QuotaCheckResult {
  metric: QuotaMetric;
  /** Null for a limit in total. */
  resetAt: string | null;
}

/**
 * Tells how much of its budget an organization has used: of its limits on cost the fullest, without
 * one the fullest of all.
 *
 * @returns Null when there is no quota. `allowed` is false when nothing is left.
 * @throws {@link TallybaseError} when it cannot be asked.
 *
 * @example
 * ```ts
 * const quota = await getQuotaStatus(organizationId);
 * if (quota) console.log(`$${quota.currentUsage} of $${quota.quotaLimit} used`);
 * ```
 */
export function getQuotaStatus(organizationId: string): Promise<QuotaStatusResult | null>;
export function getQuotaStatus(
  supabaseUrl: string,
  supabaseKey: string,
  organizationId: string,
): Promise<QuotaStatusResult | null>;
export async function getQuotaStatus(
  ...args: [string] | [string, string, string]
): Promise<QuotaStatusResult | null> {
  const project =
    args.length === 3 ? createTallybase({ url: args[0], key: args[1] }) : defaultProject();
  const { data, error } = await project.quotaStatus({ organizationId: args[args.length - 1] });
  if (error) throw error;
  // They come the fullest first.
  const quota = data.find(({ metric }) => metric === "cost_usd") ?? data[0];
  if (!quota) return null;
  const { quotaLimit, currentUsage, remaining, quotaType, metric, resetAt, enforcement } = quota;
  const allowed = enforcement === "soft" || remaining > 0;
  return { allowed, quotaLimit, currentUsage, remaining, quotaType, metric, resetAt };
}

const connect = (url: string, key: string) => openSession(fetchTransport({ url, key }), {});
