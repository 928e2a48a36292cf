/// <reference lib="esnext.disposable" preserve="true" />
import type { UsageNotRecordedError } from "./errors.ts";
import type { UsageEvent } from "./types.ts";

/** Where a queue keeps its events until they are recorded, so that they outlive the process or page. */
export interface QueueStore {
  /** Everything that was put and not removed, the oldest first. */
  load(): readonly UsageEvent[] | Promise<readonly UsageEvent[]>;
  put(event: UsageEvent): void | Promise<void>;
  remove(ids: readonly string[]): void | Promise<void>;
}

/** How a queue behaves; every value has a default. */
export interface QueueOptions {
  /** Events that are sent together, at most 500. As many waiting: they are sent at once. Default: 100. */
  size?: number | undefined;
  /** Milliseconds that an event waits at most for others. Default: 5000. */
  intervalMs?: number | undefined;
  /** Bytes (JSON) of one request. As many waiting: they are sent at once. Default: 60,000. */
  maxBatchBytes?: number | undefined;
  /** Events kept in memory while they cannot be sent. Default: 10,000. */
  maxEvents?: number | undefined;
  /**
   * What happens to an event that finds the queue full: `drop-newest` (the default) hands back the new
   * one, `drop-oldest` the one that waited longest. Both go to `onLost`.
   */
  overflow?: "drop-newest" | "drop-oldest" | undefined;
  /** Keeps events until they are recorded: {@link webStorageStore}, or one of your own. */
  store?: QueueStore | undefined;
  /**
   * Told of every event that will not be sent: `TALLY_OVERFLOW`, or refused for good by the database
   * (`PT400`, `PT403`, `PT409` …). Default: the client's `onLost`, and without one the console.
   */
  onLost?: ((error: UsageNotRecordedError) => void | Promise<void>) | undefined;
}

/** What a flush came to. */
export interface FlushReport {
  recorded: number;
  duplicates: number;
  /** Handed to `onLost`. */
  lost: number;
  /** Still in the queue: the project could not be reached. They are sent again later. */
  waiting: number;
}

/**
 * Events on their way, sent in batches: by number, by time, by bytes, when the page is hidden, before
 * the process ends. Each has its id from the moment it is added, so it is counted once however often
 * it is sent.
 */
export interface UsageQueue extends AsyncDisposable {
  /** Events that wait or are being sent. */
  readonly length: number;
  /** Takes an event. Never throws and never waits; what becomes of a bad event, `onLost` learns. */
  add(event: UsageEvent): void;
  /** Sends what waits, and ends when all of it was tried. */
  flush(): Promise<FlushReport>;
  /** Sends what waits and stops listening and waiting. Call it before a process ends by itself. */
  close(): Promise<FlushReport>;
}
