import type { QuotaExceededError } from "./errors.ts";
import type { Attribution, LostHandler, UsageReceipt } from "./types.ts";

/** A request for media, as far as its price depends on it. */
export interface AskedFor {
  /** Which kind of answer it is: speech, for example, is bytes and nothing else. */
  api: "images" | "speech" | "transcription" | "video";
  /** How many images; the number that comes back wins. */
  n?: number | undefined;
  /** Of an image or a video: `1024x1792`, `720p`. */
  size?: string | undefined;
  quality?: string | undefined;
  /** The text that is spoken: its characters are the units. */
  input?: string | undefined;
  /** Seconds of sound or video. */
  seconds?: number | undefined;
}

/** What {@link Tallybase.wrapWithTracking} needs to know about a call. */
export interface CallContext<T = unknown> extends Attribution {
  /**
   * Ends the wait for admission. Pass it to the model call as well: usage is recorded either way.
   */
  signal?: AbortSignal | undefined;
  /** Seconds until the hold of a call that never reports back is given up. Streams renew it. */
  expiresIn?: number | undefined;
  /** For this call, instead of the client's setting. */
  failOpen?: boolean | undefined;
  /** Told of a refusal before it is thrown. */
  onQuotaExceeded?: ((error: QuotaExceededError) => void | Promise<void>) | undefined;
  /** For this call, instead of the client's: takes usage that could not be written. */
  onLost?: LostHandler | undefined;
  /** What was asked for, where an answer does not say what it used: media that is not paid by the token. */
  asked?: AskedFor | undefined;
  /** Where the provider's response is, when your function returns something made from it. */
  usageOf?: ((response: T) => unknown) | undefined;
}

/** What a wrapped call came to. */
export interface CallUsage extends Omit<UsageReceipt, "id" | "status"> {
  /** The event's id; null when nothing was recorded. */
  id: string | null;
  /**
   * `recorded` or `duplicate`: it is in the ledger. `released`: the provider refused the call, nothing was
   * used. `lost`: it could not be written, and `onLost` has it; then `costUsd` is null.
   */
  status: UsageReceipt["status"] | "released" | "lost";
  /** True when the provider did not state (all of) the usage. */
  isEstimated: boolean;
}

/** An answer that has arrived, and what it came to. */
export interface TrackedResponse<T> {
  response: T;
  usage: CallUsage;
  quotaExceeded: false;
}

/**
 * An answer that is still arriving. `usage` is settled when the stream has ended, was left, or broke;
 * it rejects with `UsageNotRecordedError` when the usage could not be written and nobody took it.
 */
export interface TrackedStream<T> {
  response: T;
  usage: Promise<CallUsage>;
  quotaExceeded: false;
}

/** A fetch response: in one piece, or an event stream whose usage is known when it has been read. */
export interface TrackedBody<T> {
  response: T;
  usage: CallUsage | Promise<CallUsage>;
  quotaExceeded: false;
}

/** A wrapped call's result: what your function returned, streams in place of streams. */
export type Tracked<T> = 0 extends 1 & T
  ? TrackedResponse<T>
  : T extends ReadableStream<infer Chunk>
    ? TrackedStream<ReadableStream<Chunk>>
    : T extends Response
      ? TrackedBody<Response>
      : T extends AsyncIterable<infer Chunk>
        ? TrackedStream<AsyncIterableIterator<Chunk>>
        : TrackedResponse<T>;
