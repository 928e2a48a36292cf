import type { CallContext, Tracked } from "./meter-types.ts";
import type { Recorded } from "./record-usage.ts";
import type {
  BatchReceipt,
  CallOptions,
  CostEstimate,
  CostRequest,
  Estimate,
  Extension,
  QuotaCheck,
  QuotaRequest,
  QuotaState,
  ReleasedHold,
  Reservation,
  ReserveExtra,
  ReserveRequest,
  Result,
  UsageEvent,
  UsageReceipt,
} from "./types.ts";

/** A client for one project, made by {@link createTallybase}. Methods mirror the SQL functions. */
export interface Tallybase {
  /**
   * Whether a call would be admitted now, and by how much: the tightest quota that matches it.
   * Nothing is held, so two callers may both be told yes; {@link Tallybase.reserve} decides.
   *
   * @returns Amounts in the unit of `metric` (US dollars, tokens, calls …). No quota: `allowed`, nulls.
   * Errors: `PT400` for an estimate that is no amount, `PT403` for an organization that is not yours.
   *
   * @example
   * ```ts
   * const { data } = await tally.checkQuota({
   *   provider: "openai",
   *   model: "gpt-5.4",
   *   estimatedCost: 0.05,
   * });
   * if (data && !data.allowed) console.log(`Try again after ${data.resetAt}`);
   * ```
   */
  checkQuota(request: QuotaRequest, options?: CallOptions): Promise<Result<QuotaCheck>>;

  /**
   * Every quota of an organization with what is used and left of it, the fullest first.
   *
   * @returns Amounts in the unit of each quota's `metric`. Error: `PT403` for another's organization.
   *
   * @example
   * ```ts
   * const { data: quotas } = await tally.quotaStatus();
   * for (const quota of quotas ?? []) console.log(quota.metric, `${quota.percentUsed} %`, quota.level);
   * ```
   */
  quotaStatus(
    request?: { organizationId?: string | undefined },
    options?: CallOptions,
  ): Promise<Result<QuotaState[]>>;

  /**
   * What a model call would cost, in US dollars, by the prices of now or of `at`.
   *
   * @returns The cost and the price card it comes from. Error: `PT422` for a model without a price.
   *
   * @example
   * ```ts
   * const { data } = await tally.estimateCost({
   *   provider: "anthropic",
   *   model: "claude-sonnet-4-5",
   *   inputTokens: 12_000,
   *   outputTokens: 800,
   * });
   * console.log(`$${data?.costUsd}`);
   * ```
   */
  estimateCost(request: CostRequest, options?: CallOptions): Promise<Result<CostEstimate>>;

  /**
   * Holds a call's upper bound in every quota that it touches, all or none, so that parallel calls
   * cannot overspend. Settle or release it afterwards; forgotten holds expire.
   *
   * @returns `allowed: false` with the quota in the way is an answer, not an error. Errors: `PT400`
   * for a request without an estimate, `PT403`, `PT422` for tokens of a model that has no price.
   *
   * @example
   * ```ts
   * const { data: hold } = await tally.reserve({
   *   provider: "openai",
   *   model: "gpt-5.4",
   *   inputTokens: 1_200,
   *   maxOutputTokens: 1_000,
   * });
   * if (!hold?.allowed) throw new Error(`refused: ${hold?.blockedBy.remaining} left`);
   * ```
   */
  reserve(request: ReserveRequest, options?: CallOptions): Promise<Result<Reservation>>;

  /**
   * Records what a held call really used and ends its hold; with `final: false` the hold stays open
   * for the rest of an agent's run. Works after the hold has expired, too: usage is never dropped.
   * Retried on failure under the same event id.
   *
   * @returns The receipt, with the cost in US dollars. Errors: {@link UsageNotRecordedError} with the
   * event; its `code` is `PT400` for an invalid event, `PT409` when its id already means another.
   *
   * @example
   * ```ts
   * const { data: receipt } = await tally.settle(hold.holdId, {
   *   provider: "openai",
   *   model: "gpt-5.4",
   *   inputTokens: 1_180,
   *   outputTokens: 214,
   * });
   * ```
   */
  settle(
    holdId: string,
    event: UsageEvent,
    options?: CallOptions & { final?: boolean | undefined },
  ): Promise<Recorded<UsageReceipt>>;

  /**
   * Gives a hold back without any usage. Doing it twice is no error.
   *
   * @returns The hold and its state. Error: `PT403` for another's hold.
   *
   * @example
   * ```ts
   * await tally.release(hold.holdId);
   * ```
   */
  release(holdId: string, options?: CallOptions): Promise<Result<ReleasedHold>>;

  /**
   * Lets a hold live `seconds` longer from now, and tops it up by `extra` if the quotas allow.
   *
   * @returns `allowed: false` when there is no room for `extra`. Error: `PT410` for a hold that was
   * released.
   *
   * @example
   * ```ts
   * await tally.extend(hold.holdId, 300, { estimatedCost: 0.2 });
   * ```
   */
  extend(
    holdId: string,
    seconds: number,
    extra?: ReserveExtra,
    options?: CallOptions,
  ): Promise<Result<Extension>>;

  /**
   * Records one event. Its id is minted once, here, and kept over retries, so it counts once.
   *
   * @returns The receipt, with the cost in US dollars; `status: "duplicate"` for a replay. Errors:
   * {@link UsageNotRecordedError} with the event; its `code` says why.
   *
   * @example
   * ```ts
   * const { data, error } = await tally.track({
   *   provider: "openai",
   *   model: "gpt-5.4",
   *   inputTokens: 1_180,
   *   outputTokens: 214,
   *   toolName: "summary",
   * });
   * ```
   */
  track(event: UsageEvent, options?: CallOptions): Promise<Recorded<UsageReceipt>>;

  /**
   * Records any number of events, 500 a request. Good ones land, bad ones are named by their index.
   *
   * @returns Counts, and the rejected ones. Errors: {@link UsageNotRecordedError} with the events that were
   * not confirmed and, as `partial`, what the requests before came to.
   *
   * @example
   * ```ts
   * const { data } = await tally.trackBatch(events);
   * for (const { index, message } of data?.rejected ?? []) console.warn(events[index], message);
   * ```
   */
  trackBatch(events: readonly UsageEvent[], options?: CallOptions): Promise<Recorded<BatchReceipt>>;

  /**
   * Runs your model call between a hold and its settlement: reserve, run, settle from what the
   * provider's response says. A promise, an async iterable, a ReadableStream and a fetch Response are
   * metered; streams pass through and are settled when they end, break, or are left. If your function
   * throws, the hold is released, or settled with what the error says was used.
   *
   * @param context - Who the call is for, and how to treat it.
   * @param fn - Makes the call and returns the provider's response as it came.
   * @param estimate - The most it can come to: US dollars, or tokens. Without it only quotas that
   * are already used up refuse.
   * @throws {@link QuotaExceededError} when a quota is in the way: `fn` was not called.
   * @throws {@link UsageNotRecordedError} when the call was made but its usage could not be written and no
   * `onLost` took it: `error.response` has the answer, `error.events` the usage.
   * @throws {@link TallybaseError} when admission cannot be asked and `failOpen` is not set.
   *
   * @example
   * ```ts
   * const { response, usage } = await tally.wrapWithTracking(
   *   { provider: "anthropic", model: "claude-sonnet-4-5", userId },
   *   () => anthropic.messages.create({ model: "claude-sonnet-4-5", max_tokens: 500, messages }),
   *   { inputTokens: 1_200, maxOutputTokens: 500 },
   * );
   * console.log(`$${usage.costUsd} for ${usage.totalTokens} tokens`);
   * ```
   */
  wrapWithTracking<T>(
    context: CallContext<Awaited<T>>,
    fn: () => T,
    estimate?: number | Estimate,
  ): Promise<Tracked<Awaited<T>>>;
}
