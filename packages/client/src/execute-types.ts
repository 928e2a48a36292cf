/** A chat to send to a model, in one shape for every provider. */
export interface AIModelRequest {
  provider: "openai" | "anthropic" | "google" | "xai";
  model: string;
  /** Roles `system`, `user` and `assistant`; each provider gets them in its own way. */
  messages: readonly { role: string; content: string }[];
  temperature?: number | undefined;
  /** Tokens that the answer may have. Default: the gateway's; 4096 for Anthropic. */
  maxTokens?: number | undefined;
  /** True for the answer piece by piece: see {@link AIModelStream}. */
  stream?: boolean | undefined;
}

/** Who a chat is for, and how to treat it. */
export interface ExecutionContext {
  /** A user's id (uuid). */
  userId?: string | undefined;
  /** Default: the client's `organizationId`. An API key (tally_…) brings its own. */
  organizationId?: string | undefined;
  sessionId?: string | undefined;
  workflowId?: string | undefined;
  /** The run that the chat is part of (uuid): {@link Tallybase.execution}. */
  executionId?: string | undefined;
  toolName?: string | undefined;
  operation?: string | undefined;
  /** Anything you want to find again. Never prompts or keys. */
  requestMetadata?: Record<string, unknown> | undefined;
  /** The customer's own key for the provider; the event is then marked `is_byok`. */
  providerKey?: string | undefined;
  /** A name of your own for this chat: repeated after an answer, it is refused (`PT409`). */
  idempotencyKey?: string | undefined;
  /** Ends the chat; what was used until then is recorded. */
  signal?: AbortSignal | undefined;
  /** Milliseconds until the answer must have begun. Default: 180,000. */
  timeoutMs?: number | undefined;
}

/** A model's answer and what it came to. */
export interface AIModelResponse {
  content: string;
  usage: { inputTokens: number; outputTokens: number; totalTokens: number };
  /** US dollars; null when the model has no price, or when the ledger cannot be asked with this key. */
  cost: number | null;
  /** The model that answered. */
  model: string;
  provider: AIModelRequest["provider"];
  /** The id of the recorded event. */
  usageId: string | null;
}

/**
 * An answer that is still arriving: iterate it for the pieces of text, then ask for
 * {@link AIModelStream.finalResponse}. Leaving the loop early ends the call; what was used by then is
 * recorded.
 */
export interface AIModelStream extends AsyncIterable<string> {
  /** The id of the event that is recorded when the answer ends. */
  readonly usageId: string | null;
  /** The whole answer with its usage and cost; reads what has not been read yet. */
  finalResponse(): Promise<AIModelResponse>;
}
