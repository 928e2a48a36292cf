import type {
  AIModelRequest,
  AIModelResponse,
  AIModelStream,
  ExecutionContext,
} from "./execute-types.ts";
import type { UsageContext, UsageMeasure } from "./measure-usage.ts";
import type { CallContext, Tracked } from "./meter-types.ts";
import type { UsageQueue } from "./queue-types.ts";
import type { Recorded } from "./record-usage.ts";
import type { Reports } from "./reports.ts";
import type {
  DeletedExecution,
  ExecutionDetails,
  ExecutionLog,
  ExecutionRun,
  LoggedExecution,
  RunContext,
} from "./run-execution.ts";
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
   * Lets a hold live `seconds` longer from now, and tops it up by `extra` if the quotas allow. The
   * key of a top-up is minted here and kept over retries, so it counts once.
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
  track(event: UsageEvent & Measured, options?: CallOptions): Promise<Recorded<UsageReceipt>>;
  /**
   * Measures a use that is going on: a description without any amount starts a clock, and leaving the
   * block records what was filled in, with its duration, also when it is left by an error. `await using`
   * waits until it is recorded, `using` does not.
   *
   * @example
   * ```ts
   * {
   *   await using usage = tally.track({ provider: "google", model: "gemini-3-pro", toolName: "ads" });
   *   const response = await callGemini(prompt);
   *   usage.read(response); // or: usage.inputTokens = …, usage.outputTokens = …
   * }
   * ```
   */
  track(context: UsageContext): UsageMeasure;
  /**
   * The same around a function, for places without `using`; a function that throws is recorded as
   * failed.
   *
   * @returns What the function returns.
   *
   * @example
   * ```ts
   * const hook = await tally.track({ provider: "google", model: "gemini-3-pro" }, async (usage) => {
   *   const response = await callGemini(prompt);
   *   usage.read(response);
   *   return response.text;
   * });
   * ```
   */
  track<T>(context: UsageContext, fn: (usage: UsageMeasure) => T): Promise<Awaited<T>>;
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

  /**
   * Sends a chat to a model through the gateway: held before, recorded after, answered in one shape
   * for all providers. With `stream: true` the answer comes piece by piece.
   *
   * @throws {@link QuotaExceededError} when a quota is in the way: the provider was not asked.
   * @throws {@link ProviderError} when the provider refuses or breaks off.
   * @throws {@link TallybaseError} when the gateway refuses or gives no answer. It is sent once: a
   * repeat would be a second chat.
   *
   * @example
   * ```ts
   * const answer = await tally.executeWithTracking(
   *   { provider: "openai", model: "gpt-5.4-mini", messages: [{ role: "user", content: "Hello!" }] },
   *   { toolName: "chat" },
   * );
   * console.log(answer.content, answer.usage.totalTokens, answer.cost);
   * ```
   */
  executeWithTracking(
    request: AIModelRequest & { stream: true },
    context?: ExecutionContext,
  ): Promise<AIModelStream>;
  executeWithTracking(
    request: AIModelRequest & { stream?: false | undefined },
    context?: ExecutionContext,
  ): Promise<AIModelResponse>;
  executeWithTracking(
    request: AIModelRequest,
    context?: ExecutionContext,
  ): Promise<AIModelResponse | AIModelStream>;

  /**
   * Runs an agent and logs the run: that it started, how it ended, how long it took. What its calls use
   * is counted for it when they are made with `run`, or name its `id` as `executionId`.
   *
   * @returns What the function returns. A log that cannot be written does not stop the run.
   *
   * @example
   * ```ts
   * const reply = await tally.execution({ package: "ticket-resolver" }, async (run) => {
   *   const { response } = await run.wrapWithTracking(
   *     { provider: "anthropic", model: "claude-sonnet-4-5" },
   *     () => askClaude(ticket),
   *     { inputTokens: 2_000, maxOutputTokens: 500 },
   *   );
   *   return response;
   * });
   * ```
   */
  execution<T>(context: RunContext, fn: (run: ExecutionRun) => T): Promise<Awaited<T>>;

  /**
   * Logs a run of an agent that was run elsewhere, or adds to it under the same `id`.
   *
   * @returns The run with the amounts of its events. Errors: `PT400`, `PT403`; `PT409` for saying
   * something else of a run that has ended.
   *
   * @example
   * ```ts
   * const { data } = await tally.logExecution({
   *   packageId: "ticket-resolver",
   *   status: "success",
   *   durationMs: 2_500,
   * });
   * ```
   */
  logExecution(execution: ExecutionLog, options?: CallOptions): Promise<Result<LoggedExecution>>;

  /**
   * Everything about one run: its data, its times, and the events of its calls (1000 unless you say
   * otherwise).
   *
   * @returns Error: `PT404` when there is none that you may see.
   *
   * @example
   * ```ts
   * const { data: run } = await tally.executionDetails(id);
   * for (const event of run?.events ?? []) console.log(event.model, event.costUsd);
   * ```
   */
  executionDetails(
    id: string,
    options?: CallOptions & { maxEvents?: number | undefined },
  ): Promise<Result<ExecutionDetails>>;

  /**
   * Hides a run from lists and members; for admins. What it used stays counted.
   *
   * @returns Errors: `PT403`, `PT404`.
   *
   * @example
   * ```ts
   * await tally.deleteExecution(id);
   * ```
   */
  deleteExecution(id: string, options?: CallOptions): Promise<Result<DeletedExecution>>;

  /** What was used: totals, series, trends, forecasts. */
  readonly reports: Reports;

  /**
   * Events in batches, for what happens often: it never waits and never throws. Made when it is first
   * asked for, with the options given as `queue` to {@link createTallybase}.
   *
   * @example
   * ```ts
   * tally.queue.add(resources.apiRequest({ endpoint: "/users", method: "GET", statusCode: 200 }));
   * await tally.queue.flush();
   * ```
   */
  readonly queue: UsageQueue;
}

/** An event that says what came of it: tokens, classes, units, a cost, or that it failed. */
export type Measured =
  | { inputTokens: number }
  | { outputTokens: number }
  | { classes: Record<string, number> }
  | { units: number | string }
  | { costUsd: number }
  | { status: NonNullable<UsageEvent["status"]> };
