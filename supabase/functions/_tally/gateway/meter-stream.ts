import type { StreamEnd, StreamReader } from "./adapter.ts";
import { EmittedText } from "./emitted-text.ts";
import { type Frame, FrameSplitter } from "./split-frames.ts";

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
  /** Leave out the frame that carries usage alone. */
  hidesUsage: boolean;
  /** Longest silence of the provider, in ms. */
  idleMs: number;
  /** Fires when the client has left. */
  clientGone: AbortSignal;
  /** Stops the request to the provider. */
  abortUpstream: () => void;
  /** Called once. A stream that ends by itself is closed for the client only after it resolved. */
  onEnd: (outcome: StreamOutcome) => Promise<void>;
}

class Silence extends Error {}

/**
 * Passes a stream of server-sent events through, reading along. Bytes leave as they come, in the
 * client's own pace; only while the usage frame has to be hidden, a frame leaves when it is whole.
 */
export function meterStream(
  source: ReadableStream<Uint8Array>,
  options: MeterStreamOptions,
): ReadableStream<Uint8Array> {
  const { reader, hidesUsage, idleMs, clientGone, abortUpstream, onEnd } = options;
  const upstream = source.getReader();
  const splitter = new FrameSplitter();
  const text = new EmittedText();
  let ended: Promise<void> | undefined;

  /** Reads frames; gives back the bytes that the client may see. */
  function follow(frames: Frame[]): Uint8Array[] {
    return frames.flatMap((frame) => {
      if (frame.data === null) return frame.bytes;
      const { isUsageOnly, text: added } = reader.read(frame.data);
      text.add(added);
      return isUsageOnly && hidesUsage ? [] : frame.bytes;
    });
  }

  function finish(how: StreamOutcome["status"]): Promise<void> {
    ended ??= (async () => {
      clientGone.removeEventListener("abort", leave);
      const end = reader.end(how !== "success");
      // A client that leaves after the last word has not aborted anything; a stream that stops
      // before it was not finished.
      const status = end.isComplete ? "success" : how === "success" ? "failed" : how;
      await onEnd({ status, end, text });
    })();
    return ended;
  }

  function leave(): Promise<void> {
    if (ended !== undefined) return ended;
    const finished = finish("aborted");
    abortUpstream();
    return finished;
  }

  clientGone.addEventListener("abort", leave);
  if (clientGone.aborted) void leave();

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (ended === undefined) {
          let piece: ReadableStreamReadResult<Uint8Array>;
          try {
            piece = await withinSilence(upstream.read(), idleMs);
          } catch (cause) {
            if (ended !== undefined) return;
            const rest = follow(splitter.end());
            await finish(cause instanceof Silence ? "timeout" : "failed");
            abortUpstream();
            for (const bytes of rest) controller.enqueue(bytes);
            controller.error(cause);
            return;
          }
          if (ended !== undefined) return;
          const seen = follow(piece.done ? splitter.end() : splitter.push(piece.value));
          if (piece.done) {
            if (hidesUsage) { for (const bytes of seen) controller.enqueue(bytes); }
            await finish("success");
            controller.close();
            return;
          }
          const visible = hidesUsage ? seen : [piece.value];
          for (const bytes of visible) controller.enqueue(bytes);
          if (visible.length > 0) return;
        }
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}

async function withinSilence<Result>(work: Promise<Result>, ms: number): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Silence(`The provider was silent for ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([work, silence]);
  } finally {
    clearTimeout(timer);
  }
}
