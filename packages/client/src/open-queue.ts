import { isTransient, TallybaseError, UsageNotRecordedError } from "./errors.ts";
import { toWire } from "./names.ts";
import type { FlushReport, QueueOptions, UsageQueue } from "./queue-types.ts";
import { identify, recordEvents } from "./record-usage.ts";
import type { Session } from "./session.ts";
import type { UsageEvent } from "./types.ts";
import { watchLifecycle } from "./watch-lifecycle.ts";

/** An event that waits, and its size on the wire. */
interface Waiting {
  event: UsageEvent;
  bytes: number;
}

/** The longest pause between two tries while the project cannot be reached. */
const longestPauseMs = 300_000;

/** Opens a queue. Sending starts with the first event. */
export function openQueue(session: Session, options: QueueOptions): UsageQueue {
  const { intervalMs = 5_000, maxBatchBytes = 60_000, maxEvents = 10_000, store } = options;
  const size = Math.min(options.size ?? 100, 500);
  // What cannot be sent stays here, so the session's own way to hand events back must not see it.
  const quiet: Session = { ...session, onLost: undefined };
  const waiting: Waiting[] = [];
  let waitingBytes = 0;
  /** How many of them, from the front, are being sent. */
  let sending = 0;
  let flushing: Promise<FlushReport> | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let isLast = false;
  const ready = store ? restore() : null;
  /** While nothing waits nobody listens, so that a client per request leaves nothing behind. */
  let stopWatching: (() => void) | null = null;

  const watch = () =>
    watchLifecycle({
      hide: () => void flush(),
      leave: sendOnLeave,
      online: () => {
        failures = 0;
        void flush();
      },
      end: () => void flushLast(),
    });

  async function restore(): Promise<void> {
    try {
      for (const event of (await store?.load()) ?? []) enqueue(event);
    } catch (error) {
      console.error("tallybase: the queue's store cannot be read.", error);
    }
    if (waiting.length > 0) plan();
  }

  function enqueue(event: UsageEvent): boolean {
    const bytes = byteLength(event);
    if (bytes === null) {
      void lose([event], unwritable());
      return false;
    }
    if (waiting.length >= maxEvents) {
      const isOldest = options.overflow === "drop-oldest" && waiting.length > sending;
      // What is being sent may be recorded already, so the oldest that waits goes.
      const [dropped] = isOldest ? waiting.splice(sending, 1) : [{ event, bytes: 0 }];
      if (dropped) {
        waitingBytes -= dropped.bytes;
        void lose([dropped.event], overflow(maxEvents));
      }
      if (!isOldest) return false;
    }
    waiting.push({ event, bytes });
    waitingBytes += bytes;
    stopWatching ??= watch();
    return true;
  }

  function add(event: UsageEvent): void {
    const fixed = identify(session, event);
    if (!enqueue(fixed)) return;
    if (store) void attempt(() => store.put(fixed));
    plan();
  }

  /** Sends at once when there is enough for a request, else when the oldest has waited long enough. */
  function plan(): void {
    if (flushing) return;
    const isFull = waiting.length >= size || waitingBytes >= maxBatchBytes;
    if (isFull && failures === 0) return void flush();
    if (timer !== undefined || waiting.length === 0) return;
    const pause = Math.min(intervalMs * 2 ** failures, longestPauseMs);
    timer = setTimeout(flush, failures ? pause * (0.5 + Math.random() / 2) : pause);
    // A process that has nothing else to do shall end; what waits is sent by the `end` above.
    (timer as { unref?: () => void }).unref?.();
  }

  function flush(): Promise<FlushReport> {
    clearTimeout(timer);
    timer = undefined;
    flushing ??= drain().finally(() => {
      flushing = null;
      sending = 0;
      if (waiting.length === 0) rest();
      plan();
    });
    return flushing;
  }

  function rest(): void {
    stopWatching?.();
    stopWatching = null;
    isLast = false;
  }

  /** The last try of a process that ends. It is made once: another would keep the process forever. */
  async function flushLast(): Promise<void> {
    if (isLast) return;
    isLast = true;
    await flush();
    if (waiting.length > 0 && !store) await lose(take(waiting.length), unreachable());
  }

  async function drain(): Promise<FlushReport> {
    const report = { recorded: 0, duplicates: 0, lost: 0, waiting: 0 };
    await ready;
    while (waiting.length > 0) {
      const batch = nextBatch();
      sending = batch.length;
      const { data, error } = await recordEvents(quiet, batch);
      if (error && isTransient(error)) {
        failures++;
        break;
      }
      failures = 0;
      if (error) await lose(batch, error);
      for (const { index, ...why } of data?.rejected ?? []) {
        await lose(batch.slice(index, index + 1), new TallybaseError(why.message, refused(why)));
      }
      report.recorded += data?.recorded ?? 0;
      report.duplicates += data?.duplicates ?? 0;
      report.lost += error ? batch.length : (data?.rejected.length ?? 0);
      settle(batch.length);
    }
    return { ...report, waiting: waiting.length };
  }

  /** The front of the queue, as much as one request takes; one event always. */
  function nextBatch(): UsageEvent[] {
    let bytes = 0;
    let count = 0;
    for (const next of waiting.slice(0, size)) {
      bytes += next.bytes;
      if (count > 0 && bytes > maxBatchBytes) break;
      count++;
    }
    return waiting.slice(0, count).map(({ event }) => event);
  }

  function take(count: number): UsageEvent[] {
    const taken = waiting.splice(0, count);
    for (const { bytes } of taken) waitingBytes -= bytes;
    return taken.map(({ event }) => event);
  }

  function settle(count: number): void {
    const done = take(count);
    sending = 0;
    if (store) void attempt(() => store.remove(done.map(keyOf)));
  }

  /**
   * A page that goes away cannot wait for an answer. What is sent now stays in the queue (and its
   * store): should the page live on, it is sent again and found to be a duplicate.
   */
  function sendOnLeave(): void {
    const { callOnLeave } = session.transport;
    if (!callOnLeave || waiting.length === 0) return void flush();
    const events = nextBatch().map(toWire);
    callOnLeave("track_usage_batch", { events }).catch(() => {});
  }

  async function lose(events: readonly UsageEvent[], cause: TallybaseError): Promise<void> {
    const error = new UsageNotRecordedError(cause, { events });
    const tell = options.onLost ?? session.onLost ?? ((lost) => console.error(lost, lost.events));
    await attempt(() => tell(error));
  }

  return {
    get length() {
      return waiting.length;
    },
    add,
    flush,
    async close() {
      const report = await flush();
      clearTimeout(timer);
      rest();
      return report;
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
  };
}

/** What a store knows an event by. */
export function keyOf({ id, idempotencyKey }: UsageEvent): string {
  return id ?? idempotencyKey ?? "";
}

async function attempt(action: () => unknown): Promise<void> {
  try {
    await action();
  } catch (error) {
    console.error("tallybase: the queue could not keep or hand back an event.", error);
  }
}

/** The size on the wire; null for what JSON cannot write (a bigint, a circle). */
function byteLength(event: UsageEvent): number | null {
  try {
    return new TextEncoder().encode(JSON.stringify(toWire(event))).length + 1;
  } catch {
    return null;
  }
}

const unwritable = () =>
  new TallybaseError("The event cannot be written as JSON.", {
    code: "PT400",
    status: 400,
    detail: "request_metadata",
  });

const overflow = (maxEvents: number) =>
  new TallybaseError(`The queue is full: ${maxEvents} events wait.`, {
    code: "TALLY_OVERFLOW",
    status: 0,
    hint: "The project cannot be reached, or events come faster than it takes them.",
  });

const unreachable = () =>
  new TallybaseError("The process ends, and the project cannot be reached.", {
    code: "TALLY_NETWORK",
    status: 0,
  });

const refused = ({ code, field }: { code: string; field?: string | null }) => ({
  code,
  status: Number(/^PT(\d{3})$/.exec(code)?.[1] ?? 400),
  detail: field ?? null,
});
