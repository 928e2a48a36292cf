import type { TallybaseError, UsageNotRecordedError } from "./errors.ts";

/** A provider that Tallybase can read; any other name works with explicit counts. */
export type Provider = "openai" | "anthropic" | "google" | "xai" | (string & {});

/** What can be limited: US dollars, tokens, calls, or units such as seconds and GB-hours. */
export type QuotaMetric =
  | "cost_usd"
  | "total_tokens"
  | "input_tokens"
  | "output_tokens"
  | "requests"
  | "units"
  | (string & {});

/** How often a quota starts again. */
export type QuotaPeriod =
  | "hourly"
  | "daily"
  | "weekly"
  | "monthly"
  | "yearly"
  | "total"
  | (string & {});

/** The answer of a call that mirrors the API: one of the two is null, as in supabase-js. */
export type Result<Data, Failure extends TallybaseError = TallybaseError> =
  | { data: Data; error: null }
  | { data: null; error: Failure };

/** What every single call may be given. */
export interface CallOptions {
  /** Ends the call early; it then answers `TALLY_ABORTED`. */
  signal?: AbortSignal | undefined;
}

/** Who and what a call is counted for. */
export interface Attribution {
  /** Default: the `organizationId` given to {@link createTallybase}. */
  organizationId?: string | undefined;
  userId?: string | null | undefined;
  provider: Provider;
  /** The model that is asked for; what is recorded is the one that answered. */
  model: string;
  toolName?: string | null | undefined;
  operation?: string | null | undefined;
  /** `token` for AI calls (the default), or what else is metered: `storage`, `compute` … */
  resourceType?: string | undefined;
  /** `standard`, `batch`, `flex`, `priority` … Default: standard. */
  serviceTier?: string | null | undefined;
  sessionId?: string | null | undefined;
  workflowId?: string | null | undefined;
  executionId?: string | null | undefined;
  apiKeyId?: string | null | undefined;
  /** True when the provider's key is the customer's own: the call spends no prepaid credit. */
  isByok?: boolean | undefined;
  /** Anything you want to find again. Never prompts or keys. */
  requestMetadata?: Record<string, unknown> | null | undefined;
}

/**
 * One use, as it is recorded. Count tokens either by `inputTokens` and `outputTokens` (totals) or
 * by `classes` (disjoint: every token in exactly one), and everything else by `units` and `unitType`.
 */
export interface UsageEvent extends Attribution {
  /** A uuid v7 whose time is `createdAt`: {@link mintEventId}. Made for you when absent. */
  id?: string | undefined;
  /** When it happened. Default: now. */
  createdAt?: string | Date | undefined;
  /** A permanent name of your own for this event; replays answer `duplicate`. */
  idempotencyKey?: string | null | undefined;
  /** Tokens, cached ones included. */
  inputTokens?: number | undefined;
  /** Tokens, reasoning included. */
  outputTokens?: number | undefined;
  /** Tokens or units per class: `input, cache_read, cache_write, output, reasoning, web_search` … */
  classes?: Record<string, number> | undefined;
  /** An exact amount may be a decimal text: `"0.333333333333"`. */
  units?: number | string | null | undefined;
  /** `second`, `character`, `image`, `gb_hour` … */
  unitType?: string | null | undefined;
  /** US dollars. Only the service role may set it; otherwise the database computes it. */
  costUsd?: number | null | undefined;
  status?: "success" | "failed" | "timeout" | "aborted" | undefined;
  /** True when the counts are an estimate: an aborted stream, a response without usage. */
  isEstimated?: boolean | undefined;
  /** Milliseconds. */
  durationMs?: number | null | undefined;
}

/** What a call may come to at most: in US dollars, or in tokens that the database prices. */
export interface Estimate {
  /** US dollars. */
  estimatedCost?: number | undefined;
  /** Tokens of the prompt. */
  inputTokens?: number | undefined;
  /** Tokens that the answer may have at most. */
  maxOutputTokens?: number | undefined;
  /** Tokens in total, for quotas on tokens when only the cost is known. */
  estimatedTokens?: number | undefined;
  /** Units, for what is not counted in tokens. */
  units?: number | string | undefined;
  unitType?: string | undefined;
  /** Calls, when it is more than one: an agent's run. Default: 1. */
  requests?: number | undefined;
}

/** What to hold before a call: who it is for, and its upper bound. */
export interface ReserveRequest extends Omit<Attribution, "requestMetadata">, Estimate {
  /** Seconds until an unsettled hold gives its share back. */
  expiresIn?: number | undefined;
  /** A name of your own for this hold; made for you when absent. */
  idempotencyKey?: string | undefined;
}

/** The quota that refused a call, and its numbers at that moment, in the unit of `metric`. */
export interface BlockingQuota {
  quotaId: string | null;
  metric: QuotaMetric | null;
  quotaType: QuotaPeriod | null;
  quotaLimit: number | null;
  currentUsage: number | null;
  /** Held by calls that are still running. */
  reserved: number | null;
  remaining: number | null;
  /** What the refused call would have needed. */
  requested: number | null;
  /** When the period ends; null for a limit in total. */
  resetAt: string | null;
  /**
   * `quota`: not enough left. `unpriced`: no price, and the quota refuses what it cannot price.
   * `credit`: not enough of the prepaid credit left.
   */
  reason: "quota" | "unpriced" | "credit" | (string & {});
}

/** The answer to a reservation. A refusal changed nothing. */
export type Reservation =
  | { allowed: true; holdId: string; expiresAt: string; blockedBy: null }
  | { allowed: false; holdId: null; expiresAt: null; blockedBy: BlockingQuota };

/** The answer to an extension: a refused one leaves the hold as it was. */
export type Extension =
  | { allowed: true; holdId: string; expiresAt: string; blockedBy: null }
  | { allowed: false; holdId: string; expiresAt: string; blockedBy: BlockingQuota };

/** What was written. `costUsd` (US dollars) is null when the model has no price yet. */
export interface UsageReceipt {
  id: string;
  /** `duplicate`: the same event was already there, and this is what it came to. */
  status: "recorded" | "duplicate";
  costUsd: number | null;
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  priceId: number | null;
}

/** What became of a batch. Indexes are those of the array you passed. */
export interface BatchReceipt {
  recorded: number;
  duplicates: number;
  rejected: { index: number; code: string; message: string; field?: string | null }[];
}

/** The tightest quota for a call; all null when none applies. Amounts in the unit of `metric`. */
export interface QuotaCheck {
  allowed: boolean;
  quotaLimit: number | null;
  currentUsage: number | null;
  reserved: number | null;
  remaining: number | null;
  quotaType: QuotaPeriod | null;
  metric: QuotaMetric | null;
  resetAt: string | null;
  quotaId: string | null;
}

/** What to ask {@link Tallybase.checkQuota}: a call and what it may come to. */
export interface QuotaRequest {
  organizationId?: string | undefined;
  provider: Provider;
  model: string;
  /** US dollars. */
  estimatedCost: number;
  estimatedTokens?: number | undefined;
  userId?: string | null | undefined;
}

/** How near a quota is to its end. */
export type QuotaLevel = "ok" | "warning" | "critical" | "exceeded" | (string & {});

/** One quota and what is left of it, in the unit of `metric`. Null in a scope field means any. */
export interface QuotaState {
  quotaId: string;
  metric: QuotaMetric;
  quotaType: QuotaPeriod;
  userId: string | null;
  apiKeyId: string | null;
  provider: string | null;
  model: string | null;
  toolName: string | null;
  resourceType: string | null;
  quotaLimit: number;
  currentUsage: number;
  /** Held by calls that are still running. */
  reserved: number;
  remaining: number;
  /** Of the limit, without what is held; above 100 when more was used than was allowed. */
  percentUsed: number;
  level: QuotaLevel;
  periodStart: string;
  /** Null for a limit in total. */
  resetAt: string | null;
  /** A soft quota warns and never refuses. */
  enforcement: "hard" | "soft" | (string & {});
  managedBy: "plan" | "operator" | "organization" | (string & {});
}

/** A model call to price. */
export interface CostRequest {
  organizationId?: string | undefined;
  provider: Provider;
  model: string;
  inputTokens: number;
  outputTokens: number;
  /** Disjoint quantities per class; they win over the two totals. */
  classes?: Record<string, number> | undefined;
  /** By the prices of which moment. Default: now. */
  at?: string | Date | undefined;
}

/** What to hold on top of a hold. */
export interface ReserveExtra extends Estimate {
  serviceTier?: string | null | undefined;
  /** Names the top-up: the same key again holds no more. Default: minted once a call. */
  idempotencyKey?: string | undefined;
}

/** What a model call would cost by the prices of a moment. */
export interface CostEstimate {
  /** US dollars. */
  costUsd: number;
  priceId: number | null;
}

/** The name of a hold that came to its end. */
export interface ReleasedHold {
  holdId: string;
  state: string;
}

/** Called with what could not be written, after every retry. Store `error.events` and track them later. */
export type LostHandler = (error: UsageNotRecordedError) => void | Promise<void>;
