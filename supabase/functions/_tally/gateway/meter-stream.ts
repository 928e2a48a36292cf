import type { StreamEnd, StreamReader } from "./adapter.ts";
import { EmittedText } from "./emitted-text.ts";
import type { Frame, Splitter } from "./split-frames.ts";

/** How a stream ended, and what is known of its use. */
export interface StreamOutcome {
  /** `success`: to its end. `aborted`: by the client. `failed`, `timeout`: by the provider. */
  status: "success" | "aborted" | "failed" | "timeout";
  end: StreamEnd;
  text: EmittedText;
}

/** What metering a stream needs. */
export interface MeterStreamOptions {
  reader: StreamReader;
  splitter: Splitter;
  /** Leave out the frame that carries usage alone. */
  hidesUsage: boolean;
  /** Longest silence of the provider, in ms. */
  idleMs: number;
  /** Fires when the client has left. */
  clientGone: AbortSignal;
  /** Stops the request to the provider. */
  abortUpstream: () => void;
  /**
   * Called once. The client sees the end of a stream that ends by itself only after it resolved; what it
   * resolves to is sent after that end.
   */
  onEnd: (outcome: StreamOutcome) => Promise<Uint8Array | null>;
}

class Silence extends Error {}

/**
 * Passes a stream through, reading along. Bytes leave as they come, in the
 * client's own pace; only while the usage frame has to be hidden, a frame leaves when it is whole.
 */
export function meterStream(
  source: ReadableStream<Uint8Array>,
  options: MeterStreamOptions,
): ReadableStream<Uint8Array> {
  const {
    reader,
    splitter,
    hidesUsage,
    idleMs,
    clientGone,
    abortUpstream,
    onEnd,
  } = options;
  const upstream = source.getReader();
  const watch = new SilenceWatch(idleMs);
  const text = new EmittedText();
  let ended: Promise<Uint8Array | null> | undefined;
  /** Nothing more may be given to the client: it has left, or was told of a failure. */
  let isClosed = false;

  /**
   * Reads frames and hands on what the client may see: the piece as it came, or whole frames. The last
   * frame waits for the end of the call to be recorded.
   */
  async function deliver(
    controller: ReadableStreamDefaultController<Uint8Array>,
    frames: Frame[],
    piece?: Uint8Array,
  ): Promise<boolean> {
    let kept: Uint8Array[] = [];
    let isDelivered = false;
    const flush = () => {
      if (isClosed || kept.length === 0) return;
      controller.enqueue(join(kept));
      kept = [];
      isDelivered = true;
    };
    for (const frame of frames) {
      const read = frame.data === null ? null : reader.read(frame.data);
      if (read !== null) text.add(read.text);
      if (read?.isLast) {
        flush();
        await finish("success");
      }
      if (hidesUsage && !read?.isUsageOnly) kept.push(...frame.bytes);
    }
    if (!hidesUsage && piece !== undefined) kept.push(piece);
    flush();
    return isDelivered;
  }

  function finish(how: StreamOutcome["status"]): Promise<Uint8Array | null> {
    ended ??= (async () => {
      const end = reader.end(how !== "success");
      // A client that leaves after the last word has not aborted anything; a stream that stops
      // before it was not finished.
      const status = end.isComplete ? "success" : how === "success" ? "failed" : how;
      return await onEnd({ status, end, text });
    })();
    return ended;
  }

  /** Both: under Deno an aborted signal alone leaves some connections open (5 % were seen). */
  function stopUpstream(): void {
    abortUpstream();
    upstream.cancel().catch(() => {});
  }

  async function leave(): Promise<void> {
    if (isClosed) return;
    isClosed = true;
    watch.stop();
    clientGone.removeEventListener("abort", leave);
    const finished = finish("aborted");
    stopUpstream();
    await finished;
  }

  clientGone.addEventListener("abort", leave);
  if (clientGone.aborted) void leave();

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (!isClosed) {
          let piece: Awaited<ReturnType<typeof upstream.read>>;
          try {
            piece = await watch.read(upstream);
          } catch (cause) {
            if (isClosed) return;
            await deliver(controller, splitter.end());
            stopUpstream();
            await finish(cause instanceof Silence ? "timeout" : "failed");
            close(() => controller.error(cause));
            return;
          }
          if (piece.done) {
            await deliver(controller, splitter.end());
            const trailer = await finish("success");
            close(() => {
              if (trailer !== null) controller.enqueue(trailer);
              controller.close();
            });
            return;
          }
          if (
            await deliver(controller, splitter.push(piece.value), piece.value)
          ) return;
        }
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );

  function close(tell: () => void): void {
    if (isClosed) return;
    isClosed = true;
    clientGone.removeEventListener("abort", leave);
    tell();
  }
}

/** What came together leaves together: each piece of its own would be a write of its own. */
function join(pieces: Uint8Array[]): Uint8Array {
  const [first, ...more] = pieces;
  if (first !== undefined && more.length === 0) return first;
  const joined = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0));
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.length;
  }
  return joined;
}

/** Ends a read that takes too long, with one timer for a whole stream: they come by the thousand. */
class SilenceWatch {
  readonly #idleMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #since = 0;
  #giveUp: ((reason: Silence) => void) | undefined;

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** @throws {Silence} when nothing came for so long, and what the read throws. */
  async read(
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<Awaited<ReturnType<typeof reader.read>>> {
    this.#since = performance.now();
    this.#timer ??= setTimeout(() => this.#look(), this.#idleMs);
    let isOver = true;
    try {
      const result = await Promise.race([
        reader.read(),
        new Promise<never>((_, reject) => {
          this.#giveUp = reject;
        }),
      ]);
      isOver = result.done;
      return result;
    } finally {
      this.#giveUp = undefined;
      if (isOver) this.stop();
    }
  }

  /** Lets go of the timer. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    // Nobody is reading: the silence is the client's.
    if (this.#giveUp === undefined) return;
    const left = this.#idleMs - (performance.now() - this.#since);
    if (left > 0) this.#timer = setTimeout(() => this.#look(), left);
    else this.#giveUp(new Silence(`The provider was silent for ${this.#idleMs} ms.`));
  }
}
