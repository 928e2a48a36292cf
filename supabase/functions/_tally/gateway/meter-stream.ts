import type { StreamEnd, StreamReader } from "./adapter.ts";
import { EmittedText } from "./emitted-text.ts";
import { PieceGatherer } from "./gather-pieces.ts";
import { readPieces } from "../read-pieces.ts";
import type { Frame, Splitter } from "./split-frames.ts";
import { SilenceWatch } from "./watch-silence.ts";

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

/**
 * Passes a stream through, reading along. Bytes leave as they come, in the client's own pace, those that
 * come close upon each other together; only while the usage frame has to be hidden, a frame leaves when
 * it is whole.
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
  const upstream = readPieces(source);
  const watch = new SilenceWatch(idleMs, () => void stopUpstream());
  const text = new EmittedText();
  let ended: Promise<Uint8Array | null> | undefined;
  /** Nothing more may be given to the client: it has left, or was told of a failure. */
  let isClosed = false;

  let controller!: ReadableStreamDefaultController<Uint8Array>;
  /** What the client may see and has not been given yet. */
  const kept = new PieceGatherer((bytes) => {
    if (!isClosed) controller.enqueue(bytes);
  });

  /**
   * Reads frames and keeps what the client may see: the piece as it came, or whole frames. The last
   * frame waits for the end of the call to be recorded.
   */
  async function take(frames: Frame[], piece?: Uint8Array): Promise<void> {
    for (const frame of frames) {
      const read = frame.data === null ? null : reader.read(frame.data);
      if (read !== null) text.add(read.text);
      if (read?.isLast) {
        kept.flush();
        await finish("success");
      }
      if (hidesUsage && !read?.isUsageOnly) { for (const part of frame.bytes) kept.add(part); }
    }
    if (!hidesUsage && piece !== undefined) kept.add(piece);
  }

  /** After the provider's last byte; `failure`: why there are no more. */
  async function endStream(failure: unknown): Promise<void> {
    await take(splitter.end());
    kept.flush();
    const hasFailed = failure !== undefined;
    if (hasFailed && watch.silence === undefined) stopUpstream();
    const trailer = await finish(
      watch.silence !== undefined ? "timeout" : hasFailed ? "failed" : "success",
    );
    close(() => {
      if (hasFailed) return controller.error(failure);
      if (trailer !== null) controller.enqueue(trailer);
      controller.close();
    });
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
    watch.end();
    kept.stop();
    clientGone.removeEventListener("abort", leave);
    const finished = finish("aborted");
    stopUpstream();
    await finished;
  }

  clientGone.addEventListener("abort", leave);
  if (clientGone.aborted) void leave();

  return new ReadableStream<Uint8Array>(
    {
      start(opened) {
        controller = opened;
      },
      async pull() {
        while (!isClosed) {
          let piece: Uint8Array | null = null;
          let failure: unknown;
          watch.begin();
          try {
            piece = await upstream.read();
          } catch (cause) {
            failure = cause;
          }
          watch.pause();
          if (isClosed) return;
          if (piece === null) {
            return await endStream(watch.silence ?? failure);
          }
          await take(splitter.push(piece), piece);
          if (kept.pass()) return;
        }
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );

  function close(tell: () => void): void {
    if (isClosed) return;
    isClosed = true;
    watch.end();
    clientGone.removeEventListener("abort", leave);
    tell();
  }
}
