import { extendHold } from "./ask-quotas.ts";
import type { CallUsage } from "./meter-types.ts";
import { type AdmittedCall, releaseCall, settleCall, usageOfStream } from "./settle-call.ts";

/** How a stream ended: by itself, by an error of its source, or because its reader left. */
type End = "success" | "failed" | "aborted";

/** Watches one stream go by and settles once, however it ends. */
interface StreamMeter {
  /** Takes a chunk; true when nothing comes after it. */
  see(chunk: unknown): boolean;
  end(how: End): Promise<unknown>;
  usage: Promise<CallUsage>;
}

/** A stream in place of the one that was given, and what it comes to in the end. */
export interface MeteredStream {
  response: unknown;
  usage: Promise<CallUsage>;
}

/** Meters the chunks of a stream as they pass; null for what is not a stream. */
export function meterStream(call: AdmittedCall, answer: unknown): MeteredStream | null {
  if (answer instanceof ReadableStream) {
    const meter = openMeter(call);
    return { response: meterReadable(answer, meter), usage: meter.usage };
  }
  if (typeof answer === "object" && answer !== null && Symbol.asyncIterator in answer) {
    const meter = openMeter(call);
    const source = (answer as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    return { response: meterIterator(source, meter), usage: meter.usage };
  }
  if (answer instanceof Response && answer.body && isEventStream(answer)) {
    const meter = openMeter(call);
    const body = meterReadable(answer.body, meter);
    return { response: new Response(body, answer), usage: meter.usage };
  }
  return null;
}

function isEventStream({ headers, ok }: Response): boolean {
  return ok && /event-stream/.test(headers.get("content-type") ?? "");
}

function openMeter(call: AdmittedCall): StreamMeter {
  const accumulator = call.readers.createStreamAccumulator(call.attribution.provider);
  const keepHold = holdKeeper(call);
  const isLast = lastFrameWatcher();
  let settling: Promise<CallUsage> | undefined;
  let settle: (settled: Promise<CallUsage>) => void;
  const usage = new Promise<CallUsage>((resolve) => {
    settle = resolve;
  });
  // Whoever reads the stream sees the error there; not asking for the usage too is no fault.
  usage.catch(() => {});
  const finish = (how: End) => {
    const result = accumulator.finish({ aborted: how !== "success" });
    const isSilent = result.usage === null && result.text_bytes === 0;
    if (how === "failed" && isSilent) return releaseCall(call);
    // Some SDKs end an aborted stream as if it were over.
    const status = how === "success" && !result.complete && !isSilent ? "aborted" : how;
    const isEstimated = result.is_estimated;
    return settleCall(call, { usage: usageOfStream(call, result), status, isEstimated });
  };
  return {
    see(chunk) {
      keepHold();
      const isBytes = typeof chunk === "string" || chunk instanceof Uint8Array;
      if (!isBytes) accumulator.push(chunk);
      else accumulator.pushBytes(chunk);
      return isBytes && isLast(chunk);
    },
    end(how) {
      settling ??= finish(how);
      settle(settling);
      return settling;
    },
    usage,
  };
}

/** Sees the `[DONE]` that ends a stream of OpenAI's kind, however it is cut. */
function lastFrameWatcher(): (chunk: string | Uint8Array) => boolean {
  const decoder = new TextDecoder();
  let tail = "";
  return (chunk) => {
    tail += typeof chunk === "string" ? chunk.slice(-20) : decoder.decode(chunk.subarray(-20));
    tail = tail.slice(-20);
    return /data: ?\[DONE\]/.test(tail);
  };
}

/** Renews the hold of a long stream at half of its life, on the way, so that no timer outlives it. */
function holdKeeper({ session, holdId, expiresAt }: AdmittedCall): () => void {
  if (holdId === null || expiresAt === null) return () => {};
  const lifeMs = Math.max(Date.parse(expiresAt) - Date.now(), 10_000);
  let renewAt = Date.now() + lifeMs / 2;
  return () => {
    if (Date.now() < renewAt) return;
    renewAt = Date.now() + lifeMs / 2;
    // Not awaited and never thrown: a hold that expired is settled in full all the same.
    void extendHold(session, holdId, Math.ceil(lifeMs / 1000));
  };
}

/** Ends the meter of a stream that broke, without replacing the reader's error by ours. */
async function endBroken(meter: StreamMeter): Promise<void> {
  try {
    await meter.end("failed");
  } catch (error) {
    console.error(error);
  }
}

function meterIterator(
  source: AsyncIterator<unknown>,
  meter: StreamMeter,
): AsyncIterableIterator<unknown> {
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      let step: IteratorResult<unknown>;
      try {
        step = await source.next();
      } catch (error) {
        await endBroken(meter);
        throw error;
      }
      if (step.done) await meter.end("success");
      else meter.see(step.value);
      return step;
    },
    async return() {
      try {
        await source.return?.();
      } finally {
        await meter.end("aborted");
      }
      return { done: true, value: undefined };
    },
  };
}

function meterReadable(
  source: ReadableStream<Uint8Array>,
  meter: StreamMeter,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        let step: Awaited<ReturnType<typeof reader.read>>;
        try {
          step = await reader.read();
        } catch (error) {
          await endBroken(meter);
          throw error;
        }
        if (step.done) {
          await meter.end("success");
          return controller.close();
        }
        // SDKs leave at the last frame, without waiting for the end: it is given when all is recorded.
        if (meter.see(step.value)) await meter.end("success");
        controller.enqueue(step.value);
      },
      async cancel(reason) {
        try {
          await reader.cancel(reason);
        } finally {
          await meter.end("aborted");
        }
      },
    },
    // Nothing is read before it is asked for, as if we were not there.
    { highWaterMark: 0 },
  );
}
