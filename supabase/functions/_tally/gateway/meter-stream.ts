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
  /** Called once. The client sees the end of a stream that ends by itself only after it resolved. */
  onEnd: (outcome: StreamOutcome) => Promise<void>;
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
  const text = new EmittedText();
  let ended: Promise<void> | undefined;
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
    let isDelivered = false;
    const hand = (bytes: Uint8Array) => {
      if (isClosed) return;
      controller.enqueue(bytes);
      isDelivered = true;
    };
    for (const frame of frames) {
      const read = frame.data === null ? null : reader.read(frame.data);
      if (read !== null) text.add(read.text);
      if (read?.isLast) await finish("success");
      if (hidesUsage && !read?.isUsageOnly) frame.bytes.forEach(hand);
    }
    if (!hidesUsage && piece !== undefined) hand(piece);
    return isDelivered;
  }

  function finish(how: StreamOutcome["status"]): Promise<void> {
    ended ??= (async () => {
      const end = reader.end(how !== "success");
      // A client that leaves after the last word has not aborted anything; a stream that stops
      // before it was not finished.
      const status = end.isComplete ? "success" : how === "success" ? "failed" : how;
      await onEnd({ status, end, text });
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
            piece = await withinSilence(upstream.read(), idleMs);
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
            await finish("success");
            close(() => controller.close());
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

async function withinSilence<Result>(
  work: Promise<Result>,
  ms: number,
): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Silence(`The provider was silent for ${ms} ms.`)),
      ms,
    );
  });
  try {
    return await Promise.race([work, silence]);
  } finally {
    clearTimeout(timer);
  }
}
