import type { BatchReceipt, BlockingQuota, UsageEvent } from "./types.ts";

/** What a {@link TallybaseError} is made of. */
export interface ErrorFields {
  code: string;
  status: number;
  detail?: string | null;
  hint?: string | null;
  cause?: unknown;
}

/**
 * Any error of Tallybase. Branch on `code`, never on the message.
 *
 * `code` is the database's (`PT400`, `PT403`, `PT409` …, see docs/errors.md), an SQLSTATE, or one of
 * the client's own: `TALLY_NETWORK` (no answer), `TALLY_TIMEOUT` (too slow), `TALLY_ABORTED` (your
 * signal), `TALLY_UNSUPPORTED` (this kind of key cannot do that), `TALLY_PROVIDER` (the model's provider
 * refused), `TALLY_OVERFLOW` (a queue is full); `HTTP_<status>` when a proxy answered in words of its
 * own.
 *
 * @example
 * ```ts
 * const { data, error } = await tally.track({ provider: "openai", model: "gpt-5.4", inputTokens: 10 });
 * if (error?.code === "PT409") console.warn("this id was used for another event", error.detail);
 * ```
 */
export class TallybaseError extends Error {
  override name = "TallybaseError";
  /** Stable, for programs. */
  readonly code: string;
  /** The HTTP status, 0 when no answer came. */
  readonly status: number;
  /** The values that the message is about, or null. */
  readonly detail: string | null;
  /** The way out, or null. */
  readonly hint: string | null;

  constructor(message: string, fields: ErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.status = fields.status;
    this.detail = fields.detail ?? null;
    this.hint = fields.hint ?? null;
  }
}

/**
 * A call was refused before it was made: it would have broken a quota. Nothing was sent, nothing
 * is reserved. `code` is `PT402`, `status` 402, and the message starts with "Quota exceeded".
 *
 * @example
 * ```ts
 * try {
 *   await tally.wrapWithTracking(context, callModel, { estimatedCost: 0.05 });
 * } catch (error) {
 *   if (!(error instanceof QuotaExceededError)) throw error;
 *   console.log(`Back at ${error.quota.resetAt}`);
 * }
 * ```
 */
export class QuotaExceededError extends TallybaseError {
  override name = "QuotaExceededError";
  /** The quota that refused, with its numbers at that moment. */
  readonly quota: BlockingQuota;

  constructor(quota: BlockingQuota, cause?: unknown) {
    super(describe(quota), { code: "PT402", status: 402, cause });
    this.quota = quota;
  }
}

/**
 * Whether a call was refused by a quota, whoever says so: {@link QuotaExceededError}, or the error that
 * a provider's own SDK makes of a 402 of the gateway or of a metered client ({@link meterOpenAI} …).
 * A provider's own 402 (its account is empty) is something else.
 *
 * @example
 * ```ts
 * try {
 *   await openai.chat.completions.create(request);
 * } catch (error) {
 *   if (!isQuotaExceeded(error)) throw error;
 *   console.log("Back tomorrow.");
 * }
 * ```
 */
export function isQuotaExceeded(error: unknown): boolean {
  if (error instanceof QuotaExceededError) return true;
  if (typeof error !== "object" || error === null) return false;
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  if (status !== 402 && statusCode !== 402) return false;
  // Where the body is differs by SDK; the code is always in it.
  const { code, error: body, message, responseBody } = error as Record<string, unknown>;
  return /PT402|Quota exceeded/.test(JSON.stringify([code, body, message, responseBody]) ?? "");
}

/**
 * A model provider's own refusal or failure, passed on by the gateway: nothing was charged for it.
 * `code` is `TALLY_PROVIDER`, `status` the provider's HTTP status (0 when a stream broke off).
 *
 * @example
 * ```ts
 * try {
 *   await tally.executeWithTracking(chat);
 * } catch (error) {
 *   if (error instanceof ProviderError && error.status === 429) await tryLater(error.provider);
 *   else throw error;
 * }
 * ```
 */
export class ProviderError extends TallybaseError {
  override name = "ProviderError";
  /** Who refused: `openai`, `anthropic` … */
  readonly provider: string;
  /** The provider's answer, parsed when it is JSON. */
  readonly body: unknown;

  constructor(provider: string, status: number, body: unknown, cause?: unknown) {
    const words = messageIn(body) ?? `The answer is HTTP ${status}.`;
    super(`${provider}: ${words}`, { code: "TALLY_PROVIDER", status, cause });
    this.provider = provider;
    this.body = body;
  }
}

function messageIn(body: unknown): string | null {
  if (typeof body === "string") return body.slice(0, 200) || null;
  if (typeof body !== "object" || body === null) return null;
  const { error, message } = body as Record<string, unknown>;
  return typeof message === "string" ? message : messageIn(error);
}

/**
 * Usage that happened but could not be written, with everything needed to write it later. Track
 * `events` again as they are: their ids are fixed, so whatever did arrive is not counted twice.
 * `cause` is the last {@link TallybaseError}; `code` and `status` are its own.
 *
 * @example
 * ```ts
 * const { error } = await tally.track(event);
 * if (error instanceof UsageNotRecordedError) await saveForLater(error.events);
 * ```
 */
export class UsageNotRecordedError extends TallybaseError {
  override name = "UsageNotRecordedError";
  /** The events that were not confirmed, each with its id and `createdAt`. */
  readonly events: readonly UsageEvent[];
  /** The hold that the event was to settle, or null. It expires by itself. */
  readonly holdId: string | null;
  /** What your function returned, when the usage of a wrapped call was lost. */
  readonly response: unknown;
  /** What the earlier parts of a large batch came to, or null. */
  readonly partial: BatchReceipt | null;

  constructor(
    cause: TallybaseError,
    lost: {
      events: readonly UsageEvent[];
      holdId?: string | null;
      response?: unknown;
      partial?: BatchReceipt | undefined;
    },
  ) {
    const count = lost.events.length === 1 ? "1 event" : `${lost.events.length} events`;
    super(`Usage not recorded (${count}): ${cause.message}`, {
      code: cause.code,
      status: cause.status,
      detail: cause.detail,
      hint: isTransient(cause)
        ? "Track error.events again later: their ids make it safe."
        : cause.hint,
      cause,
    });
    this.events = lost.events;
    this.holdId = lost.holdId ?? null;
    this.response = lost.response;
    this.partial = lost.partial ?? null;
  }
}

/** True when the same request may be answered later: no answer, too slow, overloaded, broken. */
export function isTransient(error: TallybaseError): boolean {
  return (
    error.code === "TALLY_NETWORK" ||
    error.code === "TALLY_TIMEOUT" ||
    error.status === 408 ||
    error.status === 429 ||
    error.status >= 500
  );
}

/** The error in the body of a refused request, whoever wrote it. */
export function errorFromBody(status: number, body: unknown): TallybaseError {
  const fields = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const text = (name: string) => (typeof fields[name] === "string" ? fields[name] : null) || null;
  const words = typeof body === "string" ? body.slice(0, 200) : null;
  return new TallybaseError(text("message") ?? words ?? `The server answered ${status}.`, {
    code: text("code") ?? `HTTP_${status}`,
    status,
    detail: text("details") ?? text("detail"),
    hint: text("hint"),
  });
}

function describe(quota: BlockingQuota): string {
  if (quota.reason === "unpriced") {
    return "Quota exceeded: the call has no price, and a quota on cost refuses what it cannot price.";
  }
  if (quota.quotaLimit === null) return "Quota exceeded: the call was not made.";
  if (quota.reason === "credit") {
    return `Quota exceeded: ${quota.remaining} of the prepaid credit is left and the call needs up to ${quota.requested}.`;
  }
  return (
    `Quota exceeded: the ${quota.quotaType} limit is ${quota.quotaLimit} (${quota.metric}), ` +
    `${quota.remaining} is left and the call needs up to ${quota.requested}` +
    (quota.resetAt ? `; it resets at ${quota.resetAt}.` : ".")
  );
}
